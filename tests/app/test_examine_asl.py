"""Labelled series from files to files, of a made head and of others' objects."""

import json
import shutil
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from labelled_head import GRID, ball, flow_map, labelled
from perspect.app import AslInputs, examine_asl
from perspect.asl import Plan
from perspect.cli import main
from perspect.io import GivenLabelling
from perspect.vocabulary import Acquisition, Problem

STILL = Plan(motion=False)


@pytest.fixture
def raw(tmp_path):
    """A data set of one delay with its M0, and a mask."""
    one = labelled(noise=0.02)
    folder = tmp_path / "raw" / "sub-01" / "perf"
    folder.mkdir(parents=True)
    (tmp_path / "raw" / "dataset_description.json").write_text('{"Name": "made", "BIDSVersion": "1.10.0"}')

    def save(values, name):
        nib.save(nib.Nifti1Image(np.asarray(values, np.float32), GRID.affine), folder / name)

    save(one.series.values, "sub-01_asl.nii.gz")
    save(one.m0.values, "sub-01_m0scan.nii.gz")
    save(ball(), "mask.nii.gz")
    side = {
        "ArterialSpinLabelingType": "PCASL", "PostLabelingDelay": 1.8, "LabelingDuration": 1.8, "M0Type": "Separate",
        "RepetitionTimePreparation": 4.0, "EchoTime": 0.012, "MagneticFieldStrength": 3, "MRAcquisitionType": "3D",
        "BackgroundSuppression": False, "TotalAcquiredPairs": 6, "LabelingEfficiency": 0.85,
    }  # fmt: skip
    (folder / "sub-01_asl.json").write_text(json.dumps(side))
    (folder / "sub-01_m0scan.json").write_text('{"RepetitionTimePreparation": 20.0, "EchoTime": 0.012}')
    (folder / "sub-01_aslcontext.tsv").write_text("volume_type\n" + "control\nlabel\n" * 6)
    return folder


def values(out, key, name="sub-01/perf/sub-01_desc-asl_"):
    return np.asarray(nib.load(out / f"{name}{key}.nii.gz").dataobj)


def test_a_series_becomes_maps_with_their_unit_their_model_and_their_sources(raw, tmp_path):
    out = tmp_path / "out"
    examined = examine_asl(AslInputs(raw.parent, mask=raw / "mask.nii.gz"), out, STILL)
    side = json.loads((out / "sub-01/perf/sub-01_desc-asl_cbf.json").read_text())
    assert side["Units"] == "mL/100 g/min"
    assert (side["Model"], side["M0"], side["PostLabelingDelays"]) == ("blood", "separate", [1.8])
    assert {one["File"] for one in side["Sources"]} >= {
        "sub-01/perf/sub-01_asl.nii.gz", "sub-01/perf/sub-01_m0scan.nii.gz", "sub-01/perf/sub-01_aslcontext.tsv",
    }  # fmt: skip
    np.testing.assert_allclose(values(out, "cbf")[ball()], 6000 * flow_map()[ball()], atol=0.7)
    assert np.isfinite(values(out, "cbfstd")[ball()]).all()
    page = examined.written.page.read_text()
    assert "Arterial spin labelling" in page
    assert "mL/100 g/min" in page
    assert json.loads(examined.written.summary.read_text())["schema"] == "perspect-asl-summary-1"


def test_nothing_is_written_where_the_series_is_refused(raw, tmp_path):
    nib.save(
        nib.Nifti1Image(np.random.default_rng(0).normal(900, 9, (20, 20, 6, 12)).astype(np.float32), GRID.affine),
        raw / "sub-01_asl.nii.gz",
    )
    assert (
        main(
            [
                "asl",
                str(raw),
                "--out",
                str(tmp_path / "out"),
                "--mask",
                str(raw / "mask.nii.gz"),
                "--no-motion",
                "--quiet",
            ]
        )
        == 3
    )
    assert not (tmp_path / "out").exists()


def test_m0_of_another_grid_is_brought_onto_the_series_and_said(raw, tmp_path):
    fine = GRID.affine @ np.diag([0.5, 0.5, 1.0, 1.0])
    fine[:3, 3] = GRID.affine[:3, :3] @ [-0.25, -0.25, 0.0]
    doubled = np.repeat(np.repeat(np.asarray(nib.load(raw / "sub-01_m0scan.nii.gz").dataobj), 2, 0), 2, 1)
    nib.save(nib.Nifti1Image(doubled, fine), raw / "sub-01_m0scan.nii.gz")
    out = tmp_path / "out"
    examined = examine_asl(AslInputs(raw, mask=raw / "mask.nii.gz"), out, STILL)
    assert "m0-resampled" in {flag.code for flag in examined.measured.flags}
    inner = ball() & (flow_map() < 0.005)
    np.testing.assert_allclose(values(out, "cbf")[inner], 20.0, atol=0.7)


def test_a_mask_finer_than_the_series_says_how_much_of_each_voxel_is_lesion(raw, tmp_path):
    fine = GRID.affine @ np.diag([0.5, 0.5, 1.0, 1.0])
    fine[:3, 3] = GRID.affine[:3, :3] @ [-0.25, -0.25, 0.0]
    lesion = np.zeros((40, 40, 6), np.float32)
    lesion[22:29, 14:21, 1:5] = 1.0
    nib.save(nib.Nifti1Image(lesion, fine), raw / "lesion.nii.gz")
    grey = (flow_map() > 0.005) & ball()
    for name, share in (("gm", grey), ("wm", ball() & ~grey)):
        nib.save(nib.Nifti1Image(share.astype(np.float32), GRID.affine), raw / f"{name}.nii.gz")
    inputs = AslInputs(
        raw, mask=raw / "mask.nii.gz", lesion=raw / "lesion.nii.gz", grey=raw / "gm.nii.gz", white=raw / "wm.nii.gz"
    )
    out = tmp_path / "out"
    examined = examine_asl(inputs, out, Plan(motion=False, partial_volume="lesion"))
    numbers = examined.measured.summary["lesion_partial_volume"]
    # Half or a quarter of the voxels along two of its edges is lesion, and a half is in the mask.
    assert 0 < numbers["n_mixed"] < numbers["n_voxels"]
    assert np.isfinite(values(out, "cbflesion")[11:14, 7:10, 1:5]).all()


def test_the_command_prints_flow_and_where_the_page_is(raw, tmp_path, capsys):
    words = ["asl", str(raw), "--out", str(tmp_path / "out"), "--mask", str(raw / "mask.nii.gz"), "--no-motion"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert "Mean flow of the brain: 4" in printed
    assert "sub-01.html" in printed


def test_an_encoding_has_a_name_or_a_table_and_nothing_else(raw, tmp_path, capsys):
    given = ["--mask", str(raw / "mask.nii.gz"), "--no-motion"]
    words = ["asl", str(raw), "--out", str(tmp_path / "out"), *given, "--encoding"]
    assert main([*words, "hadamard-9"]) == 2
    assert "hadamard-4, -8, -12" in capsys.readouterr().err
    # Twelve volumes are no cycles of eight.
    assert main([*words, "Hadamard-8"]) == 2
    assert "no multiple of the 8 rows" in capsys.readouterr().err


def test_a_map_that_is_no_share_is_refused(raw, tmp_path):
    nib.save(nib.Nifti1Image(ball() * np.float32(100), GRID.affine), raw / "gm.nii.gz")
    with pytest.raises(Problem, match="between 0 and 1"):
        examine_asl(AslInputs(raw, grey=raw / "gm.nii.gz"), tmp_path / "out", STILL)


@pytest.mark.parametrize(("name", "times", "word"), [("att", 1300.0, "milliseconds"), ("t1", 1400.0, "milliseconds"),
    ("t1", 0.0, "no time above 0"), ("t1", 0.02, "something else")])  # fmt: skip
def test_a_map_of_times_that_are_not_in_seconds_is_refused(raw, tmp_path, name, times, word):
    nib.save(nib.Nifti1Image(ball() * np.float32(times), GRID.affine), raw / "times.nii.gz")
    with pytest.raises(Problem, match=word):
        examine_asl(AslInputs(raw, mask=raw / "mask.nii.gz", **{name: raw / "times.nii.gz"}), tmp_path / "out", STILL)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("more", [["--no-m0"], ["--set", "asl.m0=control"], ["--set", "asl.m0=none"]])
def test_an_m0_that_would_be_read_by_nobody_is_refused(raw, tmp_path, more, capsys):
    words = ["asl", str(raw), "--out", str(tmp_path / "out"), "--m0", str(raw / "sub-01_m0scan.nii.gz"), *more]
    assert main(words) == 2
    assert "read by nobody" in capsys.readouterr().err


@pytest.mark.parametrize("listed", [["0.5,1.0,1.5"], ["0.5,", "1.0", "1.5"], ["0.5", "1.0", "1.5"]])
def test_delays_are_listed_with_commas_or_blanks(raw, tmp_path, listed):
    words = ["asl", str(raw), "--out", str(tmp_path / "out"), "--mask", str(raw / "mask.nii.gz"), "--no-motion"]
    assert main([*words, "--tau", "1.8", "--quiet", "--pld", *listed]) == 0
    side = json.loads((tmp_path / "out/sub-01/perf/sub-01_desc-asl_cbf.json").read_text())
    assert side["PostLabelingDelays"] == [0.5, 1.0, 1.5]


def test_delays_that_are_no_numbers_are_a_question_back(raw, tmp_path, capsys):
    assert main(["asl", str(raw), "--out", str(tmp_path / "out"), "--pld", "1.8s"]) == 2
    assert "times in s" in capsys.readouterr().err


@pytest.fixture
def flow_alone(raw):
    """The same data set with the scanner's own map of flow in the place of the series."""
    nib.save(nib.Nifti1Image((6000 * flow_map()[..., None]).astype(np.float32), GRID.affine), raw / "sub-01_asl.nii.gz")
    (raw / "sub-01_aslcontext.tsv").write_text("volume_type\ncbf\n")
    return raw


def test_m0_beside_a_map_of_the_scanner_shows_where_the_brain_is_or_is_refused(flow_alone, tmp_path):
    given = AslInputs(flow_alone, m0=flow_alone / "sub-01_m0scan.nii.gz")
    examined = examine_asl(given, tmp_path / "out")
    assert examined.measured.regions["brain"].origin == "found on M0"
    assert "m0-for-brain" in {flag.code for flag in examined.measured.flags}
    with pytest.raises(Problem, match="read by nobody"):
        examine_asl(replace(given, mask=flow_alone / "mask.nii.gz"), tmp_path / "other")


@pytest.mark.parametrize(
    ("given", "option"), [({"delays": (1.8,)}, "--pld"), ({"durations": (1.8,)}, "--tau"), ({"bolus": 0.8}, "--ti1")]
)
def test_times_beside_a_map_of_the_scanner_are_refused(flow_alone, tmp_path, given, option):
    kind = "pasl" if option == "--ti1" else None
    with pytest.raises(Problem, match=f"{option}, and the series holds only the scanner's own map"):
        examine_asl(AslInputs(flow_alone, GivenLabelling(kind=kind, **given)), tmp_path / "out")


def test_the_public_object_is_read_as_well_as_its_noise_allows(shared_data, tmp_path):
    """Pure voxels whose truth, which is read at their middle, is that of their label."""
    folder = shared_data / "asl" / "asldro_plain"
    truth = {name: np.asarray(nib.load(folder / "truth" / f"{name}.nii.gz").dataobj) for name in (
        "label-GM_probseg", "label-WM_probseg", "007_ground_truth_perfusion_rate", "007_ground_truth_transit_time",
    )}  # fmt: skip
    inputs = AslInputs(
        folder / "bids" / "sub-01",
        grey=folder / "truth" / "label-GM_probseg.nii.gz",
        white=folder / "truth" / "label-WM_probseg.nii.gz",
    )
    out = tmp_path / "out"
    examine_asl(inputs, out, Plan(kinetics="tissue"))
    flow, att, std = (values(out, key) for key in ("cbf", "att", "cbfstd"))
    floors = {"GM": (60.0, 0.8, 2.9, 0.5, 0.29), "WM": (20.0, 1.2, 5.0, 1.0, 0.26)}
    for tissue, (true, transit, most, bias, most_att) in floors.items():
        pure = (truth[f"label-{tissue}_probseg"] > 0.95) & (
            np.abs(truth["007_ground_truth_perfusion_rate"] - true) < 0.01
        )
        assert np.isfinite(flow[pure]).all()
        error = flow[pure] - true
        assert np.abs(error).mean() <= most
        assert abs(error.mean()) <= bias
        assert np.abs(att[pure] - transit).mean() <= most_att
        # A few voxels whose transit time is open state far larger errors: the middle of them is compared.
        assert 0.8 <= np.median(std[pure]) / error.std() <= 1.25
    inside = np.isfinite(flow)
    assert inside.sum() > 15_000
    assert np.isfinite(att[inside]).all()


def test_an_m0_before_which_the_head_was_elsewhere_is_brought_to_the_series(shared_data, tmp_path):
    folder, raw = shared_data / "asl" / "asldro_plain", tmp_path / "raw"
    shutil.copytree(folder / "bids" / "sub-01", raw)
    m0 = nib.load(raw / "perf" / "sub-01_m0scan.nii.gz")
    elsewhere = m0.affine.copy()
    elsewhere[:3, 3] += [4.0, -3.0, 0.0]
    nib.save(nib.Nifti1Image(np.asarray(m0.dataobj), elsewhere), raw / "perf" / "sub-01_m0scan.nii.gz")
    examined = examine_asl(AslInputs(raw), tmp_path / "out")
    (flag,) = [one for one in examined.measured.flags if one.code == "m0-moved"]
    assert "5.0 mm elsewhere" in flag.sentence
    there = examine_asl(AslInputs(folder / "bids" / "sub-01"), tmp_path / "there").measured.maps["cbf"].values
    back = examined.measured.maps["cbf"].values
    both = np.isfinite(back) & np.isfinite(there)
    # Within the head M0 varies by 10 %; at its edge, by all of it.
    assert np.median(np.abs(back[both] - there[both]) * 6000) < 1.0


def test_real_pulsed_labelling_with_an_m0_that_is_none_is_measured_and_said(shared_data, tmp_path):
    """Siemens 3D GRASE; its M0 is a suppressed pair at a tenth of the true scale."""
    source, raw = shared_data / "asl" / "siemens_3d_pasl", tmp_path / "raw"
    raw.mkdir()
    shutil.copy(source / "asl.nii.gz", raw / "asl.nii.gz")
    shutil.copy(source / "dcm2niix_reference.json", raw / "asl.json")
    examined = examine_asl(AslInputs(raw / "asl.nii.gz", m0=source / "m0.nii.gz"), tmp_path / "out", STILL)
    codes = {flag.code for flag in examined.measured.flags}
    assert {"relative-flow", "m0-volumes-differ", "order-found", "delay-from-inversion-time"} <= codes
    assert examined.measured.summary["share_positive"] > 0.85
    assert examined.measured.summary["halves_correlation"] > 0.7
    # An M0 that is none gives no mL/100 g/min, however likely those that it would give.
    assert "cbf" not in examined.measured.maps


def test_the_enhanced_series_in_nifti_form_has_the_pattern_of_the_vendors_own_map(shared_data, tmp_path):
    folder = shared_data / "asl_siemens_xa30_enhanced" / "Ref"
    examined = examine_asl(AslInputs(folder / "25_asl_2d_tra.nii"), tmp_path / "out", STILL)
    codes = {flag.code for flag in examined.measured.flags}
    assert {"m0-guessed", "order-found"} <= codes
    vendor = np.asarray(nib.load(folder / "27_asl_2d_tra.nii").dataobj)
    ours = examined.measured.maps["deltam"].values
    inside = np.isfinite(ours)
    assert np.corrcoef(ours[inside], vendor[inside])[0, 1] > 0.5


def test_several_delays_of_a_real_head_are_measured(shared_data, tmp_path):
    given = GivenLabelling("pcasl", (0.25, 0.5, 0.75, 1.0, 1.25, 1.5), (1.4,), order="label-control")
    series = shared_data / "asl" / "quantiphyse_multipld" / "asl_testdata.nii.gz"
    examined = examine_asl(AslInputs(series, given, Acquisition(tr=4.05, field=3.0)), tmp_path / "out")
    maps = examined.measured.maps
    inside = np.isfinite(maps["att"].values)
    assert 0.3 < np.median(maps["att"].values[inside]) < 1.5
    # Nothing says whether its control images are suppressed (in asl004 of the standard, which is the same scan, they
    # are), so they are no M0.
    assert set(maps) == {"relcbf", "att", "cbfattcorr"}
    assert "relative-flow" in {flag.code for flag in examined.measured.flags}
    assert examined.measured.summary["halves_correlation"] > 0.5
