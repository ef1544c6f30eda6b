"""Edited pairs, regions and k-space of spectra from the command line."""

import csv
import json
from dataclasses import replace
from functools import partial

import nibabel as nib
import numpy as np
import pytest

from mrs_made import DWELL, FREQUENCY, HEALTHY, TUMOUR, N, spectrum, water
from perspect import mrs
from perspect.app import edited
from perspect.app.basis import Timing, edited_bases
from perspect.app.mrs import is_open
from perspect.cli import main
from perspect.io import read_any_basis
from perspect.io.nifti_mrs import nifti_mrs
from perspect.mrs.kspace import to_kspace
from perspect.phantom.spectrum import Scan, as_spectra
from perspect.vocabulary import Grid, Problem

AT_GABA = (1.75, 2.05)
TE = 0.068
NAMES = ("NAA", "NAAG", "Cr", "PCr", "GPC", "PCho", "Ins", "Glu", "Gln", "GABA", "GSH")


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    """Basis sets are remembered for the whole session, but not in the home of whoever runs the tests."""
    monkeypatch.setenv("PERSPECT_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def saved(folder, one, name, more=None, axes=()):
    path = folder / name
    path.write_bytes(nifti_mrs(one.values, one, more or {}, axes))
    return path


def rows(path):
    with path.open(encoding="utf-8") as file:
        return {row["key"]: row for row in csv.DictReader(file, delimiter="\t")}


def bases():
    return edited_bases(Timing("mega-press", TE, band=AT_GABA), (FREQUENCY, DWELL, N), NAMES)


def pair():
    """The unedited and the edited signal of normal brain, the second off by 3 Hz."""
    rng, t = np.random.default_rng(1), np.arange(N) * DWELL
    amounts = np.array([HEALTHY[name] for name in NAMES])
    made = []
    for basis, move in zip(bases(), (0, 3), strict=True):
        lines = amounts @ basis.values
        noise = 0.25 * (rng.normal(size=N) + 1j * rng.normal(size=N))
        made.append(as_spectra(lines * np.exp(-12 * t - 100 * t**2 + 2j * np.pi * move * t) + noise, Scan(te=TE)))
    return made


def test_an_edited_pair_in_two_files_or_in_one_gives_gaba(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(edited, "edited_bases", partial(edited_bases, names=NAMES))  # a tenth of the time
    off, on = pair()
    both = replace(off, values=np.stack([on.values, off.values], axis=-1), axes=("edit",))
    said = {"dim_5_header": {"EditCondition": ["ON", "OFF"]}}
    files = [saved(tmp_path, off, "off_svs.nii.gz"), saved(tmp_path, on, "on_svs.nii.gz")]
    whole = saved(tmp_path, both, "both_svs.nii.gz", said, ("DIM_EDIT",))
    reference = saved(tmp_path, water(), "ref.nii.gz")
    band = ["--edit", "1.75", "2.05", "--water", str(reference), "--out"]
    assert main(["mrs", str(files[0]), "--edited", str(files[1]), *band, str(tmp_path / "two")]) == 0
    assert "GABA/tCr" in capsys.readouterr().out
    assert main(["mrs", str(whole), *band, str(tmp_path / "one"), "--quiet"]) == 0
    tables = [rows(next((tmp_path / one).rglob("*amounts.tsv"))) for one in ("two", "one")]
    ratio = tables[0]["GABA/tCr"]
    truth = HEALTHY["GABA"] / (HEALTHY["Cr"] + HEALTHY["PCr"])
    assert abs(float(ratio["value"]) - truth) < max(3.5 * float(ratio["std"]), 0.15 * truth)
    assert tables[0]["GABA"]["unit"] == "mmol/kg" and tables[0] == tables[1]


def test_signals_that_are_no_repeats_of_one_are_never_averaged(tmp_path, capsys):
    """An edited pair averaged is neither: this passed for a spectrum of repeats."""
    off, on = pair()
    both = replace(off, values=np.stack([on.values, off.values], axis=-1), axes=("edit",))
    whole = saved(tmp_path, both, "both_svs.nii.gz", axes=("DIM_EDIT",))
    assert main(["mrs", str(whole), "--out", str(tmp_path / "out")]) == 2
    assert "does not say which" in capsys.readouterr().err
    with pytest.raises(Problem, match="no repeats"):
        mrs.measure(replace(both, axes=("indirect",)), bases()[0])


def test_a_band_without_a_partner_is_refused(tmp_path, capsys):
    one = saved(tmp_path, pair()[0], "off_svs.nii.gz")
    assert main(["mrs", str(one), "--edit", "1.75", "2.05", "--out", str(tmp_path / "out")]) == 2
    assert "--edited" in capsys.readouterr().err


def test_a_basis_of_an_edited_sequence_holds_what_editing_leaves(tmp_path):
    """Creatine cancels, GABA does not."""
    out = tmp_path / "mega.nii.gz"
    call = ["basis", "--sequence", "mega-press", "--te", "0.068", "--edit", "1.75", "2.05", "--out", str(out)]
    assert main([*call, "--points", "1024", "--metabolites", "Cr", "GABA", "--quiet"]) == 0
    creatine, gaba = (float(np.linalg.norm(one)) for one in read_any_basis(out).values)
    assert creatine < 1e-6 * gaba
    assert main(["basis", "--te", "0.03", "--edit", "1.75", "2.05", "--out", str(tmp_path / "x.basis")]) == 2


def test_what_no_edited_basis_is_made_of_is_refused(tmp_path, capsys):
    out = ["--te", "0.068", "--out", str(tmp_path / "x.basis")]
    assert main(["basis", "--part", "on", *out]) == 2
    assert "A part of an edited pair" in capsys.readouterr().err
    pulse = tmp_path / "refocus.pta"
    lines = "".join(f"1.0 0.0 ; ({k})\n" for k in range(32))
    pulse.write_text(f"PULSENAME: x\n{lines}", encoding="utf-8")
    call = ["basis", "--sequence", "mega-press", "--edit", "1.75", "2.05", "--pulses", str(pulse), *out]
    assert main(call) == 2
    assert "perfect ones" in capsys.readouterr().err


def test_what_is_dropped_is_not_in_the_difference(tmp_path, monkeypatch):
    monkeypatch.setattr(edited, "edited_bases", partial(edited_bases, names=NAMES))
    files = [saved(tmp_path, one, f"{name}_svs.nii.gz") for name, one in zip(("off", "on"), pair(), strict=True)]
    call = ["mrs", str(files[0]), "--edited", str(files[1]), "--edit", "1.75", "2.05", "--out", str(tmp_path / "out")]
    assert main([*call, "--drop", "GABA", "--quiet"]) == 0
    assert "GABA" not in rows(next((tmp_path / "out").rglob("*amounts.tsv")))


def test_a_sequence_is_heeded_with_the_echo_time_of_the_file(tmp_path, monkeypatch):
    """It was left unread, in silence, where --te was not given beside it."""
    seen = []
    monkeypatch.setattr("perspect.app.mrs.basis_for", lambda timing, *_, **__: seen.append(timing) or bases()[0])
    one = saved(tmp_path, spectrum(HEALTHY), "svs.nii.gz")
    main(["mrs", str(one), "--sequence", "steam", "--tm", "0.010", "--out", str(tmp_path / "out"), "--quiet"])
    assert [(one.sequence, one.tm) for one in seen] == [("steam", 0.010)]
    assert seen[0].te == pytest.approx(spectrum(HEALTHY).te)


def image():
    """Six voxels, of which the last three are tumour, and their water."""
    kinds = (HEALTHY, HEALTHY, HEALTHY, TUMOUR, TUMOUR, TUMOUR)
    voxels = [spectrum(kind, k, shift=0.0, phase=0.0, snr=20.0).values[0, 0, 0] for k, kind in enumerate(kinds)]
    one = replace(spectrum(HEALTHY), values=np.array(voxels)[:, None, None], axes=())
    one = replace(one, grid=Grid((6, 1, 1), np.diag([10.0, 10.0, 10.0, 1.0])))
    return one, replace(one, values=np.broadcast_to(water().values, one.values.shape).copy())


def test_a_region_of_an_image_is_read_as_one_spectrum(tmp_path, capsys):
    signals = [saved(tmp_path, one, name) for one, name in zip(image(), ("mrsi.nii.gz", "ref.nii.gz"), strict=True)]
    mask = np.zeros((60, 10, 10), np.uint8)
    mask[31:] = 1
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = -4.5
    region = tmp_path / "tumour.nii.gz"
    nib.save(nib.Nifti1Image(mask, affine), region)
    call = ["mrs", str(signals[0]), "--water", str(signals[1]), "--region", str(region), "--out", str(tmp_path / "out")]
    assert main([*call, "--verbose", "--long", str(signals[0])]) == 0
    said = capsys.readouterr().out
    assert "usable voxels" in said
    assert "nothing was made of: --long" in said
    found = rows(next((tmp_path / "out").rglob("*desc-region_amounts.tsv")))
    truth = (TUMOUR["GPC"] + TUMOUR["PCho"]) / TUMOUR["NAA"]
    ratio = found["tCho/tNAA"]
    assert abs(float(ratio["value"]) - truth) < max(3.5 * float(ratio["std"]), 0.2 * truth)
    assert found["tCho"]["unit"] == "mmol/kg"


def test_a_region_of_a_single_voxel_is_refused(tmp_path, capsys):
    one = saved(tmp_path, spectrum(HEALTHY), "svs.nii.gz")
    assert main(["mrs", str(one), "--region", str(one), "--out", str(tmp_path / "out")]) == 2
    assert "one voxel" in capsys.readouterr().err


@pytest.mark.parametrize("is_centred", [True, False], ids=["in the middle", "at the start"])
def test_samples_of_kspace_give_the_maps_of_their_image(tmp_path, is_centred):
    one, reference = image()
    said = {"kSpace": [True, False, False]}
    for name, held in (("mrsi.nii.gz", one), ("ref.nii.gz", reference)):
        samples = to_kspace(held)
        values = samples.values if is_centred else np.fft.ifftshift(samples.values, 0)
        saved(tmp_path, replace(samples, values=values), f"k_{name}", said)
        saved(tmp_path, held, name)
    for word in ("", "k_"):
        call = ["mrs", str(tmp_path / f"{word}mrsi.nii.gz"), "--water", str(tmp_path / f"{word}ref.nii.gz")]
        assert main([*call, "--out", str(tmp_path / f"{word}out"), "--quiet"]) == 0
    maps = [nib.load(next((tmp_path / out).rglob("*tNAA.nii.gz"))).get_fdata() for out in ("out", "k_out")]
    np.testing.assert_allclose(maps[1], maps[0], rtol=0.02)
    summary = json.loads(next((tmp_path / "k_out").rglob("*summary.json")).read_text(encoding="utf-8"))
    assert "from-kspace" in {flag["code"] for flag in summary["flags"]}


@pytest.mark.parametrize(
    ("timing", "left"),
    [
        (Timing("steam", 0.02, tm=0.01), False), (Timing("steam", 0.02), True), (Timing("press", 0.03), True),
        (Timing("press", 0.03, te2=0.02), False), (Timing("slaser", 0.03, te2=0.01), True), (Timing("fid", 0.0), False),
    ],
)  # fmt: skip
def test_only_what_was_left_open_is_said_to_be_assumed(timing, left):
    assert is_open(timing) == left
