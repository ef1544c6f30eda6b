"""A spectrum from file to files, and from the command line."""

import csv
import json

import numpy as np
import pytest

from mrs_made import HEALTHY, TUMOUR, Scan, spectrum, water
from perspect import io
from perspect.app.basis import Timing, basis_for, sequence_of
from perspect.cli import main
from perspect.io.nifti_mrs import nifti_mrs, read_nifti_mrs
from perspect.models.spins import Press, SemiLaser, Steam
from perspect.vocabulary import Problem


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Basis sets are remembered for the whole session, but not in the home of whoever runs the tests."""
    monkeypatch.setenv("PERSPECT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def saved(folder, one, name="sub-01_svs.nii.gz"):
    path = folder / name
    path.write_bytes(nifti_mrs(one.values, one, {}))
    return path


def rows(path):
    with path.open(encoding="utf-8") as file:
        return {row["key"]: row for row in csv.DictReader(file, delimiter="\t")}


def test_a_spectrum_becomes_tables_a_page_and_nifti_mrs(tmp_path, capsys):
    path = saved(tmp_path, spectrum(HEALTHY))
    reference = saved(tmp_path, water(), "sub-01_mrsref.nii.gz")
    out = tmp_path / "out"
    assert main(["mrs", str(path), "--water", str(reference), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "fitted as normal" in said and f"Page: {out / 'sub-01_mrs.html'}" in said
    table = rows(out / "sub-01" / "mrs" / "sub-01_desc-fit_amounts.tsv")
    assert table["tNAA"]["unit"] == "mmol/kg" and table["tNAA"]["detected"] == "yes"
    assert float(table["tNAA/tCr"]["value"]) == pytest.approx(12.5 / 9.0, rel=0.15)
    fit = read_nifti_mrs(out / "sub-01" / "mrs" / "sub-01_desc-fit_mrs.nii.gz")
    assert fit.values.shape[-1] == 4 and fit.header["dim_5_header"]["Row"] == ["data", "fit", "baseline", "residual"]
    data, model, _, residual = np.moveaxis(fit.values[0, 0, 0], -1, 0)
    np.testing.assert_allclose(data - model, residual, atol=1e-3 * np.abs(data).max())
    summary = json.loads((out / "sub-01" / "mrs" / "sub-01_desc-fit_summary.json").read_text(encoding="utf-8"))
    assert summary["schema"] == "perspect-mrs-summary-1" and len(summary["files"]) == 5
    page = (out / "sub-01_mrs.html").read_text(encoding="utf-8")
    assert "RESEARCH" in page and "<svg" in page and "MRSinMRS" in page


def test_the_same_files_give_the_same_bytes(tmp_path):
    path = saved(tmp_path, spectrum(TUMOUR))
    for out in ("a", "b"):
        assert main(["mrs", str(path), "--out", str(tmp_path / out), "--quiet"]) == 0
    for one in sorted((tmp_path / "a").rglob("*")):
        if one.is_file():
            assert one.read_bytes() == (tmp_path / "b" / one.relative_to(tmp_path / "a")).read_bytes(), one.name


def test_results_are_not_overwritten_unasked(tmp_path, capsys):
    path = saved(tmp_path, spectrum(HEALTHY))
    call = ["mrs", str(path), "--out", str(tmp_path / "out"), "--quiet"]
    assert main(call) == 0
    assert main(call) == 2
    assert "not overwritten unasked" in capsys.readouterr().err
    assert main([*call, "--overwrite"]) == 0


def test_a_refused_spectrum_ends_with_three_and_holds_no_number(tmp_path, capsys):
    fat = {**TUMOUR, "Lip13a": 900.0, "Lip13b": 500.0, "Lip09": 350.0, "Lip20": 250.0}
    path = saved(tmp_path, spectrum(fat))
    assert main(["mrs", str(path), "--out", str(tmp_path / "out")]) == 3
    assert "REFUSED" in capsys.readouterr().out
    table = rows(tmp_path / "out" / "sub-01" / "mrs" / "sub-01_desc-fit_amounts.tsv")
    assert {row["value"] for row in table.values()} == {"n/a"}


def test_without_an_echo_time_nothing_is_assumed(tmp_path, capsys):
    path = tmp_path / "a.txt"
    signal = spectrum(HEALTHY).values[0, 0, 0]
    path.write_text("\n".join(f"{z.real} {z.imag}" for z in signal), encoding="utf-8")
    call = ["mrs", str(path), "--bandwidth", "2000", "--frequency", "123.2", "--out", str(tmp_path / "out")]
    assert main(call) == 2
    assert "echo time" in capsys.readouterr().err
    assert main([*call, "--te", "0.030"]) == 0


def test_a_second_echo_time_is_explained_together_with_the_first(tmp_path, capsys):
    from perspect.phantom.spectrum import virtual_spectrum

    short = saved(tmp_path, spectrum(TUMOUR))
    long = saved(tmp_path, virtual_spectrum(TUMOUR, Scan(te=0.135, te1=0.017), 9), "sub-01_acq-long_svs.nii.gz")
    assert main(["mrs", str(short), "--long", str(long), "--out", str(tmp_path / "out")]) == 0
    assert "2 echo times" in capsys.readouterr().out
    text = (tmp_path / "out" / "sub-01" / "mrs" / "sub-01_desc-fit_amounts.tsv").read_text(encoding="utf-8")
    assert sum("\tjoint\t" in line for line in text.splitlines()) >= 4


@pytest.mark.parametrize("ending", ["basis", "nii.gz"])
def test_a_basis_is_written_and_can_be_used(tmp_path, ending, capsys):
    made = tmp_path / f"b.{ending}"
    call = ["basis", "--out", str(made), "--te", "0.03", "--points", "1024", "--metabolites", "NAA", "Cr", "GPC", "Ins"]
    assert main(call) == 0
    assert "4 molecules" in capsys.readouterr().out
    assert io.read_any_basis(made).names == ("NAA", "Cr", "GPC", "Ins")
    assert main(call) == 2
    path = saved(tmp_path, spectrum(HEALTHY))
    assert main(["mrs", str(path), "--basis", str(made), "--out", str(tmp_path / "out"), "--quiet"]) == 2  # 127.7 MHz


def test_pulse_and_acquire_needs_no_echo_time_and_every_echo_one(tmp_path, capsys):
    call = ["basis", "--points", "256", "--metabolites", "Lac", "--quiet"]
    assert main([*call, "--sequence", "fid", "--out", str(tmp_path / "fid.basis")]) == 0
    assert main([*call, "--sequence", "steam", "--out", str(tmp_path / "steam.basis")]) == 2
    assert "--te in s" in capsys.readouterr().err


def test_the_delay_of_pulse_and_acquire_is_kept_where_the_form_can_hold_it(tmp_path, capsys):
    call = ["basis", "--sequence", "fid", "--te", "0.0013", "--points", "256", "--metabolites", "Lac", "--quiet"]
    assert main([*call, "--out", str(tmp_path / "fid.nii.gz")]) == 0
    kept = io.read_any_basis(tmp_path / "fid.nii.gz")
    assert kept.delay == pytest.approx(0.0013)
    assert kept.te == pytest.approx(0.0013)
    assert main([*call, "--out", str(tmp_path / "fid.basis")]) == 2
    assert "nii.gz" in capsys.readouterr().err


def test_a_basis_is_remembered_by_what_it_depends_on():
    first = basis_for(Timing(te=0.031), 123.2e6, 1 / 2000, 128, ("Lac",))
    again = basis_for(Timing(te=0.031), 123.2e6, 1 / 2000, 128, ("Lac",))
    other = basis_for(Timing(te=0.032), 123.2e6, 1 / 2000, 128, ("Lac",))
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.allclose(first.values, other.values)
    assert again.te == pytest.approx(0.031)


def test_sequences_are_made_as_people_say_them():
    assert sequence_of(Timing("press", 0.030, te1=0.0126)) == Press(0.0126, 0.030 - 0.0126)
    assert sequence_of(Timing("steam", 0.011, tm=0.032)) == Steam(0.011, 0.032)
    assert isinstance(sequence_of(Timing("slaser", 0.028)), SemiLaser)
    with pytest.raises(Problem, match="last echo"):
        sequence_of(Timing("press", 0.030, te1=0.030))


@pytest.mark.parametrize(
    ("timing", "said"),
    [
        (Timing("press", 0.030, tm=0.010), "--tm given for press"),
        (Timing("steam", 0.020, te1=0.010), "--te1 given for steam"),
        (Timing("fid", 0.0, te2=0.010), "--te2 given for fid"),
        (Timing("fid", 0.030), "has no echo"),
        (Timing("press", 0.030, pulse_duration=0.005), "without a pulse"),
        (Timing("press", 0.030, te1=0.011, te2=0.011), "22 ms together"),
    ],
)
def test_what_a_sequence_has_not_is_refused_and_not_ignored(timing, said):
    with pytest.raises(Problem, match=said):
        sequence_of(timing)


def test_a_mixing_time_alone_is_that_of_the_sequence_in_the_header(tmp_path):
    """STEAM in the header: with --tm it was taken for PRESS."""
    one = spectrum(HEALTHY)
    path = tmp_path / "sub-01_svs.nii.gz"
    path.write_bytes(nifti_mrs(one.values, one, {"EchoTime": 0.030, "SequenceName": "svs_st"}))
    call = ["mrs", str(path), "--tm", "0.010", "--out", str(tmp_path / "out"), "--quiet"]
    assert main(call) == 0
    assert "simulated, STEAM" in (tmp_path / "out" / "sub-01_mrs.html").read_text(encoding="utf-8")


def test_shares_of_tissue_without_water_are_said_to_scale_nothing(tmp_path, capsys):
    path = saved(tmp_path, spectrum(HEALTHY))
    assert main(["mrs", str(path), "--tissue", "0.4", "0.5", "0.1", "--out", str(tmp_path / "out")]) == 0
    assert "scales no amount here" in capsys.readouterr().out
