import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from perspect import dsc
from perspect.app import Inputs, examine_dsc
from perspect.app.dsc_inputs import baseline
from perspect.dsc import Plan
from perspect.numerics.parallel import THREADS
from perspect.vocabulary import Acquisition, Curve, Grid, Problem, Refusal, Series

FINE = np.array([[-1.0, 0, 0, 10.5], [0, 1.0, 0, -12.5], [0, 0, 2.5, 1.75], [0, 0, 0, 1]])
"""Eight of its voxels fill one of the series."""


def problem(*arguments, **options):
    with pytest.raises(Problem) as caught:
        examine_dsc(*arguments, **options)
    return str(caught.value)


def test_a_series_becomes_a_page_and_maps_with_their_provenance(series, asked, tmp_path):
    examined = examine_dsc(Inputs((series,)), tmp_path / "out", Plan(leakage="bsw"))
    assert examined.written.page.read_text() == "<html>sub-01_dsc</html>"
    side = json.loads((tmp_path / "out/sub-01/perf/sub-01_desc-dsc_rcbv.json").read_text())
    assert side["Model"] == "bsw: leakage one-way (Boxerman-Schmainda-Weisskoff, CAPLEX M.LC1.001)"
    assert side["Reference"] == "found"
    assert {one["File"] for one in side["Sources"]} == {"sub-01_dsc.nii.gz", "sub-01_dsc.json"}
    assert side["Plan"]["dsc"]["leakage"] == "bsw"
    cbf = json.loads((tmp_path / "out/sub-01/perf/sub-01_desc-dsc_cbf.json").read_text())
    assert (cbf["Inversion"], cbf["AIF"]) == (Plan().deconvolution, "found")


def test_a_folder_stands_for_the_series_in_it(series, asked, tmp_path):
    examine_dsc(Inputs((series.parent,)), tmp_path / "out")
    assert asked["series"][0].name == "sub-01_dsc"


def test_what_was_remarked_on_while_reading_comes_first_among_the_flags(series, asked, tmp_path):
    examined = examine_dsc(Inputs((series,), Acquisition(tr=2.0)), tmp_path / "out")
    codes = [flag.code for flag in examined.measured.flags]
    assert codes[-1] == "few-volumes"
    assert "time-step-disagrees" in codes[:-1]


def test_a_mask_of_the_same_grid_is_taken_as_it_is(series, asked, save_mask, tmp_path):
    mask = np.zeros((5, 4, 3), np.uint8)
    mask[2] = 1
    examined = examine_dsc(Inputs((series,), mask=save_mask(mask)), tmp_path / "out")
    np.testing.assert_array_equal(asked["mask"].mask, mask > 0)
    assert [flag.code for flag in examined.measured.flags] == ["few-volumes"]
    assert "mask.nii.gz" in json.loads(examined.written.summary.read_text())["sources"]


def test_a_mask_of_another_grid_is_resampled_and_a_flag_says_so(series, asked, save_mask, tmp_path):
    fine = np.zeros((10, 8, 6), np.uint8)
    fine[2:6, 2:4, 2:4] = 1
    examined = examine_dsc(Inputs((series,), reference=save_mask(fine, FINE)), tmp_path / "out")
    assert np.argwhere(asked["reference"].mask).tolist() == [[1, 1, 1], [2, 1, 1]]
    (flag,) = [one for one in examined.measured.flags if one.code == "mask-resampled"]
    assert "10 x 8 x 6" in flag.sentence


@pytest.mark.parametrize("role", ["mask", "reference", "aif", "lesion"])
def test_a_mask_beside_the_series_is_refused(series, asked, save_mask, tmp_path, role):
    away = FINE.copy()
    away[:3, 3] += 500
    given = {role: save_mask(np.ones((4, 4, 4), np.uint8), away)}
    text = problem(Inputs((series,), anatomy={}, **given), tmp_path / "out")
    assert "lies outside the series" in text
    assert not (tmp_path / "out").exists()


def test_an_input_function_is_a_curve_or_a_mask_by_its_file(series, asked, save_mask, tmp_path):
    table = tmp_path / "aif.tsv"
    table.write_text("time\tcb\n" + "".join(f"{n * 1.5}\t{n}\n" for n in range(12)))
    examine_dsc(Inputs((series,), aif=table), tmp_path / "a")
    assert isinstance(asked["aif"], Curve)
    assert asked["aif"].unit == "mM"
    examine_dsc(Inputs((series,), aif=save_mask(np.ones((5, 4, 3), np.uint8))), tmp_path / "b")
    assert asked["aif"].n_voxels == 60


def test_a_lesion_reaches_the_room_on_the_grid_of_the_series(series, asked, save_mask, tmp_path):
    mask = np.zeros((5, 4, 3), np.uint8)
    mask[1, 2] = 1
    examine_dsc(Inputs((series,), lesion=save_mask(mask)), tmp_path / "out")
    np.testing.assert_array_equal(asked["lesion"].mask, mask > 0)
    asked.clear()
    examine_dsc(Inputs((series,)), tmp_path / "other")
    assert asked["lesion"] is None


def test_a_map_of_ktrans_reaches_the_room_in_its_own_unit_on_the_grid_of_the_series(series, asked, save_mask, tmp_path):
    fine = np.full((10, 8, 6), 0.12, np.float32)
    examined = examine_dsc(Inputs((series,), ktrans=save_mask(fine, FINE, name="sub-01_Ktrans.nii.gz")), tmp_path / "o")
    assert asked["ktrans"].shape == (5, 4, 3)
    assert np.median(asked["ktrans"]) == pytest.approx(0.002)
    assert "sub-01_Ktrans.nii.gz" in json.loads(examined.written.summary.read_text())["sources"]


def test_a_map_of_t1_reaches_the_room_less_what_agent_took_from_it(series, asked, save_mask, tmp_path):
    before = save_mask(np.full((10, 8, 6), 1.5, np.float32), FINE, name="sub-01_T1map.nii.gz")
    taken = save_mask(np.full((5, 4, 3), 0.4, np.float32), name="sub-01_deltat1.nii.gz")
    examine_dsc(Inputs((series,), t1=before), tmp_path / "a")
    assert asked["t1"].shape == (5, 4, 3)
    assert np.median(asked["t1"]) == pytest.approx(1.5)
    examined = examine_dsc(Inputs((series,), t1=before, delta_t1=taken), tmp_path / "b")
    assert np.nanmedian(asked["t1"]) == pytest.approx(1.1)
    assert {"sub-01_T1map.nii.gz", "sub-01_deltat1.nii.gz"} <= set(
        json.loads(examined.written.summary.read_text())["sources"]
    )
    assert "--t1" in problem(Inputs((series,), delta_t1=taken), tmp_path / "c")


@pytest.mark.parametrize("what", ["t1", "delta_t1"])
def test_a_map_of_t1_of_several_volumes_or_elsewhere_is_refused(what, series, asked, save_mask, tmp_path):
    fine = {"t1": save_mask(np.full((5, 4, 3), 1.5, np.float32), name="sub-01_T1map.nii.gz")}
    several = save_mask(np.full((5, 4, 3, 2), 0.5, np.float32), name="sub-01_several.nii.gz")
    assert "three axes" in problem(Inputs((series,), **(fine | {what: several})), tmp_path / "a")
    away = FINE.copy()
    away[:3, 3] += 500
    other = save_mask(np.full((4, 4, 4), 0.5, np.float32), away, name="sub-01_away.nii.gz")
    assert "lies outside" in problem(Inputs((series,), **(fine | {what: other})), tmp_path / "b")


@pytest.mark.parametrize("what", ["lesion", "mask", "reference", "ktrans", "t1"])
def test_a_region_that_is_named_for_another_subject_is_refused(what, series, save_mask, tmp_path):
    other = save_mask(np.ones((5, 4, 3), np.uint8), name="sub-02_mask.nii.gz")
    with pytest.raises(Refusal, match="different patients"):
        examine_dsc(Inputs((series,), **{what: other}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_arterial_input_that_is_no_file_is_told_what_may_be_given(series, asked, tmp_path):
    text = problem(Inputs((series,), aif=Path("parker")), tmp_path / "out")
    assert all(word in text for word in ("parker", "auto", "mask", "TSV"))


def test_a_series_without_positions_takes_masks_voxel_by_voxel(asked, save_mask, tmp_path):
    path = tmp_path / "slice.mat"
    savemat(path, {"VOL": np.random.default_rng(1).integers(200, 900, (5, 4, 12), dtype=np.int16)})
    inputs = Inputs((path,), Acquisition(tr=2.0), (0.03,), mask=save_mask(np.ones((5, 4, 1), np.uint8)))
    examined = examine_dsc(inputs, tmp_path / "out")
    assert asked["mask"].n_voxels == 20
    assert {"no-positions", "mask-by-voxel"} <= {flag.code for flag in examined.measured.flags}
    other = save_mask(np.ones((9, 9, 1), np.uint8), name="other.nii.gz")
    assert "Give a mask of the same shape" in problem(
        Inputs((path,), Acquisition(tr=2.0), (0.03,), mask=other), tmp_path / "out2"
    )


def test_taken_results_are_refused_before_anything_is_computed(series, asked, tmp_path):
    examine_dsc(Inputs((series,)), tmp_path / "out")
    asked.clear()
    assert "--overwrite" in problem(Inputs((series,)), tmp_path / "out")
    assert asked == {}


def test_a_refusal_leaves_nothing_behind(series, asked, tmp_path, monkeypatch):
    def refuse(*arguments, **options):
        raise Refusal("No bolus.", "Nothing passed.", "Check the injection.")

    monkeypatch.setattr("perspect.dsc.quantify", refuse)
    with pytest.raises(Refusal):
        examine_dsc(Inputs((series,)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_number_of_threads_holds_only_while_the_room_works_and_its_page_is_drawn(
    series, asked, tmp_path, monkeypatch
):
    seen = []
    monkeypatch.setattr("perspect.report.dsc_page", lambda *_: seen.append(THREADS.get()) or "page", raising=False)
    before = THREADS.get()
    quantify = dsc.quantify
    monkeypatch.setattr("perspect.dsc.quantify", lambda *a, **o: seen.append(THREADS.get()) or quantify(*a, **o))
    examine_dsc(Inputs((series,)), tmp_path / "out", threads=3)
    assert (seen, THREADS.get()) == ([3, 3], before)


def test_every_stage_is_told(series, asked, tmp_path):
    told = []
    examine_dsc(Inputs((series,)), tmp_path / "out", progress=lambda stage, share: told.append((stage, share)))
    assert told == [("reading", 0.0), ("flow", 0.5), ("drawing", 0.0), ("writing", 0.0)]


def test_the_picture_under_the_maps_is_the_mean_signal_at_rest_in_its_scale():
    values = np.stack([np.full((2, 2, 1), n, np.int16) for n in (90, 10, 20, 99)], axis=-1)
    series = Series(values, Grid((2, 2, 1), np.eye(4)), np.arange(4.0), slope=2.0, intercept=1.0)
    np.testing.assert_allclose(baseline(series, {"baseline_frames": [1, 3]}), 31.0)


def test_a_volume_that_was_left_out_is_not_in_the_picture_under_the_maps():
    values = np.stack([np.full((2, 2, 1), n, np.int16) for n in (90, 10, 7000, 20, 99)], axis=-1)
    series = Series(values, Grid((2, 2, 1), np.eye(4)), np.arange(5.0))
    summary = {"baseline_frames": [1, 3], "kept_volumes": [0, 1, 3, 4]}
    np.testing.assert_allclose(baseline(series, summary), 15.0)


@pytest.mark.parametrize(("leakage", "is_corrected"), [("none", False), ("auto", True)])
def test_the_description_of_a_blood_volume_says_whether_leakage_was_corrected(
    series, asked, tmp_path, leakage, is_corrected
):
    examine_dsc(Inputs((series,)), tmp_path / "out", Plan(leakage=leakage))
    said = {
        key: json.loads((tmp_path / f"out/sub-01/perf/sub-01_desc-dsc_{key}.json").read_text())["Description"]
        for key in ("rcbv", "rcbvstd", "cbf")
    }
    for key in ("rcbv", "rcbvstd"):
        assert ("Leakage-corrected" in said[key]) == is_corrected
        assert ("Leakage was not corrected." in said[key]) != is_corrected
    assert "eakage" not in said["cbf"]


def test_the_same_note_on_two_echoes_is_said_once_of_both(series, asked, tmp_path):
    second = series.with_name("sub-02_dsc.nii.gz")
    second.write_bytes(series.read_bytes())
    inputs = Inputs((series, second), Acquisition(tr=2.0), (0.01, 0.03))
    examined = examine_dsc(inputs, tmp_path / "out")
    notes = [
        flag for flag in examined.measured.flags if flag.code == "time-step-disagrees" and "header" in flag.sentence
    ]
    assert [flag.where for flag in notes] == ["sub-01_dsc.nii.gz, sub-02_dsc.nii.gz"]
