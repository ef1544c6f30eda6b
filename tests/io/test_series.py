import json
from math import pi, radians

import nibabel as nib
import numpy as np
import pytest
from scipy.io import savemat

from perspect.io import read_dsc, read_series
from perspect.io.series import sha256
from perspect.vocabulary import Acquisition, Problem, Severity

WHOLE = {
    "EchoTime": 0.03, "RepetitionTime": 1.5, "FlipAngle": 60, "MagneticFieldStrength": 3, "Preload": True,
    "ContrastBolusAgent": "gadobutrol", "ContrastBolusDose": 0.1,
}  # fmt: skip


def problem(read, *arguments, **options):
    with pytest.raises(Problem) as caught:
        read(*arguments, **options)
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    return str(caught.value)


def codes(reading):
    return [flag.code for flag in reading.flags]


def test_a_sidecar_becomes_an_acquisition_in_s_rad_and_t(stored, save, sidecar):
    path = save(stored)
    sidecar(path, **WHOLE)
    reading = read_dsc([path])
    (series,) = reading.series
    assert series.acquisition == Acquisition(0.03, 1.5, radians(60), 3.0, True, "gadobutrol", 0.1)
    np.testing.assert_allclose(series.times, np.arange(12) * 1.5)
    assert reading.flags == ()


def test_slices_that_are_taken_in_turn_are_read_and_those_of_a_block_are_not(stored, save, sidecar):
    path, n = save(stored), stored.shape[2]
    turns = [0.1 * ((2 * k) % n) for k in range(n)]
    sidecar(path, **WHOLE, SliceTiming=turns)
    np.testing.assert_allclose(read_dsc([path]).series[0].slice_times, turns)
    sidecar(path, **WHOLE, SliceTiming=turns, MRAcquisitionType="3D")
    assert read_dsc([path]).series[0].slice_times is None
    sidecar(path, **WHOLE, SliceTiming=[1000 * one + 100 for one in turns])
    words = problem(read_dsc, [path])
    assert "milliseconds" in words and "slices of a volume" in words


def test_inputs_are_named_without_their_folder_and_hashed(stored, save, sidecar):
    path = save(stored)
    side = sidecar(path, **WHOLE)
    (series,) = read_dsc([path]).series
    assert series.sources == {"series.nii.gz": sha256(path), "series.json": sha256(side)}


def test_what_is_given_by_hand_wins_and_a_flag_says_so(stored, save, sidecar):
    path = save(stored)
    sidecar(path, **WHOLE)
    reading = read_dsc([path], Acquisition(field=1.5), te=[0.04])
    assert reading.series[0].acquisition.te == 0.04
    assert {flag.sentence for flag in reading.flags} == {
        "the echo time 0.04 s was given by hand; the sidecar says 0.03 s.",
        "the field strength 1.5 T was given by hand; the sidecar says 3 T.",
    }


def test_what_is_given_and_agrees_raises_no_flag(stored, save, sidecar):
    path = save(stored)
    sidecar(path, **WHOLE)
    assert codes(read_dsc([path], Acquisition(flip_angle=pi / 3), te=[0.03])) == []


def test_a_missing_echo_time_says_what_where_why_and_what_to_do(stored, save, sidecar):
    path = save(stored, "sub-01_dsc.nii.gz")
    sidecar(path, RepetitionTime=1.5)
    assert problem(read_dsc, [path]) == (
        "sub-01_dsc.json has no EchoTime. ΔR2* is -ln(S/S0)/TE, so the series cannot be used. "
        "Add EchoTime in seconds to sub-01_dsc.json, or give --te 0.030."
    )


def test_a_missing_sidecar_is_named(stored, save):
    assert "sub-01_dsc.json is missing" in problem(read_dsc, [save(stored, "sub-01_dsc.nii.gz")])


def test_a_series_without_echo_time_can_still_be_read_for_other_purposes(stored, save):
    assert read_series(save(stored)).series[0].acquisition.te is None


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("EchoTime", 30, "EchoTime in series.json is 30, which looks like milliseconds"),
        ("RepetitionTime", 1500, "RepetitionTime in series.json is 1500, which looks like milliseconds"),
        ("EchoTime", "0.03", 'EchoTime in series.json is "0.03"'),
        ("EchoTime", 0, "EchoTime in series.json is 0"),
        ("EchoTime", True, "EchoTime in series.json is true"),
        ("EchoTime", [0.01, 0.03], "EchoTime in series.json is [0.01, 0.03]"),
        ("FlipAngle", 1.047, "looks like radians"),
        ("FlipAngle", 600, "more than a half turn"),
        ("MagneticFieldStrength", 123.2, "no field strength in tesla"),
        ("Preload", "maybe", "Preload in series.json is \"maybe\""),
        ("VolumeTiming", [0, 1500, 3000], "looks like milliseconds"),
        ("VolumeTiming", [0, 3, 2], "do not increase"),
        ("VolumeTiming", "1.5", "not a list of numbers"),
        ("VolumeTiming", [0, 1.5, 3], "has 3 times but series.nii.gz has 12 volumes"),
    ],
)  # fmt: skip
def test_a_wrong_value_in_the_sidecar_is_named_with_file_and_key(stored, save, sidecar, key, value, words):
    path = save(stored)
    sidecar(path, **{**WHOLE, key: value})
    assert words in problem(read_dsc, [path])


@pytest.mark.parametrize(
    ("given", "te", "words"),
    [
        (Acquisition(), [30.0], "--te is 30, which looks like milliseconds"),
        (Acquisition(tr=1500.0), [0.03], "--tr is 1500, which looks like milliseconds"),
        (Acquisition(flip_angle=radians(1.0)), [0.03], "looks like radians"),
        (Acquisition(), [-0.03], "--te is -0.03"),
    ],
)
def test_a_wrong_value_given_by_hand_is_named_by_its_option(stored, save, given, te, words):
    assert words in problem(read_dsc, [save(stored)], given, te)


@pytest.mark.parametrize(("said", "means"), [("yes", True), ("No", False), (0.05, True), (0, False), (False, False)])
def test_preload_may_be_said_in_several_ways(stored, save, sidecar, said, means):
    path = save(stored)
    sidecar(path, **{**WHOLE, "Preload": said})
    assert read_dsc([path]).series[0].acquisition.has_preload is means


def test_a_sidecar_that_is_no_json_is_named_with_the_line(stored, save):
    path = save(stored)
    (path.parent / "series.json").write_text('{"EchoTime": 0.03,\n}')
    assert "series.json is not valid JSON" in (text := problem(read_dsc, [path]))
    assert "line 2" in text


def test_times_come_from_the_table_before_volume_timing_before_the_repetition_time(stored, save, sidecar, tmp_path):
    path = save(stored)
    timing = [1.5 * n + 0.01 for n in range(12)]
    sidecar(path, **{**WHOLE, "VolumeTiming": timing})
    np.testing.assert_allclose(read_dsc([path], Acquisition(tr=1.5)).series[0].times, timing)
    table = tmp_path / "times.txt"
    table.write_text("\n".join(str(1.5 * n + 0.02) for n in range(12)))
    reading = read_dsc([path], Acquisition(tr=1.5), times=table)
    np.testing.assert_allclose(reading.series[0].times, np.arange(12) * 1.5 + 0.02)
    assert "times.txt" in reading.series[0].sources


def test_a_repetition_time_that_the_header_contradicts_is_flagged_with_both(stored, save, sidecar):
    path = save(stored, step=3.0)
    sidecar(path, **WHOLE)
    (flag,) = read_dsc([path]).flags
    assert (flag.code, flag.severity) == ("time-step-disagrees", Severity.CAUTION)
    assert "1.5 s by RepetitionTime" in flag.sentence
    assert "3 s by the image header" in flag.sentence


def test_the_excitation_time_of_a_multi_shot_series_is_not_the_time_between_volumes(stored, save, sidecar):
    path = save(stored)
    sidecar(path, **WHOLE, RepetitionTimeExcitation=0.017)
    (series,) = read_dsc([path]).series
    assert series.acquisition.tr == 0.017
    assert series.times[1] == 1.5


def test_the_time_step_of_the_header_is_the_last_resort_and_flagged(stored, save, sidecar):
    path = save(stored)
    sidecar(path, EchoTime=0.03)
    reading = read_dsc([path])
    assert reading.series[0].times[1] == 1.5
    assert codes(reading) == ["time-from-header"]


def test_a_repetition_time_of_milliseconds_is_that_between_excitations_not_between_volumes(stored, save, sidecar):
    path = save(stored)
    sidecar(path, EchoTime=0.002, RepetitionTime=0.005)
    reading = read_series(path)
    assert (reading.series[0].times[1], reading.series[0].acquisition.tr) == (1.5, 0.005)
    assert codes(reading) == ["time-from-header"] and "between excitations" in reading.flags[0].sentence
    path = save(stored, affine=np.eye(4), step=1.0)
    sidecar(path, EchoTime=0.002, RepetitionTime=0.005)
    assert "VolumeTiming" in problem(read_series, path)


def test_a_header_of_ones_needs_the_time_to_be_given(stored, save, sidecar):
    path = save(stored, affine=np.eye(4), step=1.0)
    sidecar(path, EchoTime=0.03)
    assert "--tr 1.5" in problem(read_dsc, [path])
    assert codes(read_dsc([path], Acquisition(tr=1.2))) == []


def test_the_nearest_sidecar_of_a_data_set_has_the_last_word(stored, save, tmp_path):
    path = save(stored, "ds/sub-01/perf/sub-01_dsc.nii.gz")
    root = tmp_path / "ds"
    (root / "dataset_description.json").write_text("{}")
    (root / "dsc.json").write_text(json.dumps({**WHOLE, "EchoTime": 0.05}))
    (root / "sub-01" / "sub-01_dsc.json").write_text(json.dumps({"EchoTime": 0.025}))
    (root / "sub-01" / "sub-01_acq-other_dsc.json").write_text(json.dumps({"EchoTime": 0.001}))
    reading = read_dsc([path])
    (series,) = reading.series
    assert series.acquisition.te == 0.025
    assert series.acquisition.field == 3
    assert set(series.sources) == {"sub-01/perf/sub-01_dsc.nii.gz", "dsc.json", "sub-01/sub-01_dsc.json"}
    assert reading.root == root.resolve()


def test_two_sidecars_that_are_equally_particular_are_a_contradiction(stored, save, tmp_path):
    path = save(stored, "ds/sub-01/sub-01_run-1_dsc.nii.gz")
    (tmp_path / "ds" / "dataset_description.json").write_text("{}")
    for name in ("sub-01_dsc.json", "run-1_dsc.json"):
        (path.parent / name).write_text("{}")
    assert "both speak of the same series" in problem(read_dsc, [path])


def test_two_echoes_come_in_the_order_of_their_echo_times(stored, save):
    late, early = save(stored, "late.nii"), save(stored, "early.nii")
    reading = read_dsc([late, early], Acquisition(tr=1.5), te=[0.035, 0.009])
    assert [(one.name, one.acquisition.te) for one in reading.series] == [("early", 0.009), ("late", 0.035)]


def test_the_second_echo_is_found_beside_the_first(stored, save):
    first = save(stored, "sub-01_echo-1_dsc.nii.gz")
    save(stored, "sub-01_echo-2_dsc.nii.gz")
    assert len(read_dsc([first], Acquisition(tr=1.5), te=[0.009, 0.035]).series) == 2


def test_a_fifth_axis_holds_both_echoes_if_there_are_two_times(stored, save):
    other = (stored // 2).astype(stored.dtype)
    both = save(np.stack([stored, other], axis=4), "both.nii.gz")
    reading = read_dsc([both], Acquisition(tr=1.5), te=[0.035, 0.009])
    assert [one.acquisition.te for one in reading.series] == [0.009, 0.035]
    for one, values in zip(reading.series, (other, stored), strict=True):
        np.testing.assert_array_equal(one.values, values)


def test_two_echo_times_for_one_series_are_a_question_back(stored, save):
    assert "1 series and 2 echo times" in problem(read_dsc, [save(stored)], Acquisition(tr=1.5), [0.01, 0.03])


def test_two_echoes_of_different_scans_are_refused(stored, save):
    one, other = save(stored, "a.nii"), save(stored[:4], "b.nii")
    assert "different grids" in problem(read_dsc, [one, other], Acquisition(tr=1.5), [0.01, 0.03])
    shorter = save(stored[..., :-1], "c.nii")
    assert "different times" in problem(read_dsc, [one, shorter], Acquisition(tr=1.5), [0.01, 0.03])
    assert "same echo time" in problem(read_dsc, [one, one], Acquisition(tr=1.5), [0.03, 0.03])


def test_a_matlab_array_is_a_series_whose_positions_are_not_known(stored, tmp_path):
    path = tmp_path / "slice.mat"
    savemat(path, {"VOL": stored[:, :, 1]})
    reading = read_dsc([path], Acquisition(tr=2.0), te=[0.03])
    np.testing.assert_array_equal(reading.series[0].values[:, :, 0], stored[:, :, 1])
    assert reading.series[0].values.flags.f_contiguous
    assert codes(reading) == ["no-positions"]
    assert reading.code == 0


def test_a_matlab_file_needs_its_times_from_hand(stored, tmp_path):
    path = tmp_path / "slice.mat"
    savemat(path, {"VOL": stored})
    assert "no time between volumes" in problem(read_dsc, [path], te=[0.03])
    assert "EchoTime" in problem(read_dsc, [path], Acquisition(tr=1.5))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"a": np.ones((3, 3, 9)), "b": np.ones((3, 3, 8))}, "several arrays that could be a series: a (3 x 3 x 9), b"),
        ({"a": np.ones((3, 3))}, "holds no series"),
    ],
)
def test_a_matlab_file_must_hold_exactly_one_series(tmp_path, content, words):
    path = tmp_path / "x.mat"
    savemat(path, content)
    assert words in problem(read_dsc, [path])


def test_a_file_that_only_looks_like_matlab_is_refused(tmp_path):
    path = tmp_path / "x.mat"
    path.write_bytes(b"no matlab " * 30)
    assert "cannot be read as a MATLAB file" in problem(read_dsc, [path])


def test_a_real_slice_from_matlab_is_read(shared_data):
    path = shared_data / "dsc_real_convexity" / "convexity.mat"
    (series,) = read_dsc([path], Acquisition(tr=2.0), te=[0.03]).series
    assert series.values.shape == (128, 128, 1, 50)
    # Frame 0 of this slice is not in steady state: its mean is 26 % above that of frame 1.
    means = series.values.mean(axis=(0, 1, 2))
    assert round(means[0] / means[1], 2) == 1.26


def test_an_infinite_voxel_is_a_hole_and_not_the_mean_of_the_brain(stored, save, sidecar):
    values = stored.astype(np.float32)
    values[2, 1, 1, 4], values[3, 1, 1, 5] = np.inf, -np.inf
    path = save(values)
    sidecar(path, **WHOLE)
    reading = read_dsc([path])
    (series,) = reading.series
    assert "not-finite" in codes(reading)
    assert np.isnan(series.values[[2, 3], 1, 1, [4, 5]]).all() and np.isnan(series.values).sum() == 2
    assert series.values.flags.f_contiguous
    assert np.isfinite(series.mean_curve(np.ones((5, 4, 3), bool))).all()


@pytest.mark.parametrize(("mm", "is_said"), [(0.1, False), (3.0, True)])
def test_two_positions_in_a_header_that_differ_are_said(stored, save, sidecar, mm, is_said):
    path = save(stored)
    sidecar(path, **WHOLE)
    image = nib.load(path)
    moved = image.affine.copy()
    moved[0, 3] += mm
    image.set_sform(image.affine, 1)
    image.set_qform(moved, 1)
    nib.save(image, path)
    assert ("positions-differ" in codes(read_dsc([path]))) == is_said
