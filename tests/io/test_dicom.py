"""Dynamic series from DICOM: place, time and order, on files of scanners, on a digital object, and on made ones."""

import itertools
import tarfile
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

from made_dicom import series, write
from perspect.io.dce import read_flip_images
from perspect.io.dicom import flip_stacks, phase_times, pixels, read_dicom_series, stacked
from perspect.io.dicom_header import dicom_files, read_headers
from perspect.io.one_patient import demand_one_patient
from perspect.vocabulary import Acquisition, Problem, Refusal, Severity

NONE = Acquisition()


def test_voxels_come_where_they_lie_and_when_they_were_taken(tmp_path):
    one, has_positions, flags = read_dicom_series(series(tmp_path / "dce"), NONE)
    x, y, z, t = np.indices(one.values.shape)
    np.testing.assert_array_equal(one.values, 1000 * t + 100 * z + 10 * y + x)
    assert one.values.flags.f_contiguous and has_positions and not flags
    np.testing.assert_allclose(one.times, 3.0 * np.arange(12))
    assert (one.acquisition.tr, one.acquisition.te, one.acquisition.field) == (0.005, 0.002, 3.0)
    assert one.acquisition.flip_angle == pytest.approx(np.deg2rad(15.0))
    assert one.slice_times is None
    # Columns are 1.5 mm apart along the row direction; left and back turn round from DICOM to NIfTI.
    expected = np.array([-10.0, 20.0, 0.0]) + 3 * 1.5 * np.array([-0.8, -0.6, 0.0]) + 2 * 2.0 * np.array([0.6, -0.8, 0])
    np.testing.assert_allclose(one.grid.affine @ [3, 2, 1, 1], [*(expected + np.array([0, 0, 4])), 1])


def test_the_order_of_files_is_not_that_of_time_or_place(tmp_path):
    shuffled = list(itertools.product(range(12), range(3)))
    np.random.default_rng(0).shuffle(shuffled)
    folder = series(
        tmp_path / "a", order=[tuple(one) for one in shuffled], TemporalPositionIdentifier=lambda t, z: t + 1
    )
    one, _, _ = read_dicom_series(folder, NONE)
    assert (np.diff(one.values[0, 0, 0]) == 1000).all() and (np.diff(one.values[0, 0, :, 0]) == 100).all()


def test_a_first_volume_without_its_time_is_one_step_before_the_second_and_said(tmp_path):
    one, _, flags = read_dicom_series(series(tmp_path / "a", TriggerTime=lambda t, z: 3000.0 * t if t else None), NONE)
    np.testing.assert_allclose(one.times, 3.0 * np.arange(12))
    assert [(flag.code, flag.severity) for flag in flags] == [("time-missing", Severity.NOTE)]


def test_more_than_one_volume_without_its_time_is_a_caution(tmp_path):
    folder = series(tmp_path / "a", TriggerTime=lambda t, z: 3000.0 * t if t not in (0, 5) else None)
    one, _, flags = read_dicom_series(folder, NONE)
    np.testing.assert_allclose(one.times, 3.0 * np.arange(12))
    assert [(flag.code, flag.severity) for flag in flags] == [("time-missing", Severity.CAUTION)]


def test_times_of_day_go_on_after_midnight_and_a_trigger_that_stands_still_is_no_clock(tmp_path):
    def clock(t, z):
        seconds = (86390 + 3 * t) % 86400
        return f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}.5"

    one, _, _ = read_dicom_series(series(tmp_path / "a", TriggerTime=0.0, AcquisitionTime=clock), NONE)
    np.testing.assert_allclose(one.times, 3.0 * np.arange(12))
    late = series(tmp_path / "b", TriggerTime=None, AcquisitionTime=lambda t, z: clock(t, z) if t else None)
    np.testing.assert_allclose(read_dicom_series(late, NONE)[0].times, 3.0 * np.arange(12))


def test_two_echoes_in_one_series_are_refused_not_interleaved(tmp_path):
    with pytest.raises(Problem, match="echo times of 2, 4 ms"):
        read_dicom_series(series(tmp_path / "a", n_times=24, EchoTime=lambda t, z: 2.0 + 2.0 * (t % 2)), NONE)


@pytest.mark.parametrize("names", [("M", "P"), ("M_FFE", "PHASE MAP")])
def test_of_magnitude_and_phase_in_one_series_the_magnitude_is_read_and_this_said(tmp_path, names):
    both = {
        "ImageType": lambda t, z: ["ORIGINAL", "PRIMARY", names[t % 2]],
        "TriggerTime": lambda t, z: 3000.0 * (t // 2),
    }
    one, _, flags = read_dicom_series(series(tmp_path / "a", n_times=24, **both), NONE)
    np.testing.assert_array_equal(one.values[0, 0, 0], 2000 * np.arange(12))
    np.testing.assert_allclose(one.times, 3.0 * np.arange(12))
    assert [flag.code for flag in flags] == ["phase-left-out"] and flags[0].fraction == 0.5


def test_images_that_show_different_things_in_one_series_are_refused(tmp_path):
    folder = series(tmp_path / "a", ImageType=lambda t, z: ["ORIGINAL", "PRIMARY", ("M", "T1 MAP")[t % 2]])
    with pytest.raises(Problem, match="ImageType M, T1 MAP"):
        read_dicom_series(folder, NONE)


def test_a_segmentation_beside_the_series_is_passed_by_and_many_images_of_mr_in_a_file_are_refused(tmp_path):
    folder, image = series(tmp_path / "a"), np.zeros((4, 5))
    write(folder / "seg", 1, image, SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4", Modality="SEG", NumberOfFrames=3)
    assert read_dicom_series(folder, NONE)[0].n_times == 12
    for kind in ("1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.4"):
        write(folder / "many", 1, image, SOPClassUID=kind)
        with pytest.raises(Problem, match="many images in one file"):
            read_dicom_series(folder, NONE)


def test_clocks_that_disagree_are_said(tmp_path):
    folder = series(tmp_path / "a", AcquisitionTime=lambda t, z: f"1000{2 * t:02d}")
    _, _, flags = read_dicom_series(folder, NONE)
    assert [flag.code for flag in flags] == ["time-step-disagrees"]


def test_without_any_clock_nothing_is_supposed(tmp_path):
    with pytest.raises(Problem, match="--times"):
        read_dicom_series(series(tmp_path / "a", TriggerTime=None), NONE)


def test_slices_taken_in_turn_have_their_lag_and_those_of_3d_none(tmp_path):
    turn = {"TriggerTime": lambda t, z: 3000.0 * t + 1000.0 * ((2 * z) % 3)}
    in_turn, _, _ = read_dicom_series(series(tmp_path / "a", MRAcquisitionType="2D", **turn), NONE)
    np.testing.assert_allclose(in_turn.slice_times, [0.0, 2.0, 1.0])
    at_once, _, _ = read_dicom_series(series(tmp_path / "b", **turn), NONE)
    assert at_once.slice_times is None


def test_a_last_volume_that_was_cut_off_is_left_out_and_a_hole_is_refused(tmp_path):
    one, _, flags = read_dicom_series(series(tmp_path / "a", skip=(36,)), NONE)
    assert one.n_times == 11 and [flag.code for flag in flags] == ["last-volume-left-out"]
    with pytest.raises(Problem, match="belong together"):
        read_dicom_series(series(tmp_path / "b", skip=(2, 5, 8)), NONE)


def test_a_missing_slice_is_refused(tmp_path):
    order = [(t, z) for t in range(12) for z in (0, 1, 3)]
    with pytest.raises(Problem, match="mm apart"):
        read_dicom_series(series(tmp_path / "a", order=order), NONE)


def test_scales_that_differ_between_images_are_in_the_signal(tmp_path):
    one, _, _ = read_dicom_series(series(tmp_path / "a", RescaleSlope=lambda t, z: 1.0 + t, RescaleIntercept=1.0), NONE)
    np.testing.assert_allclose(one.values[4, 3, 2, :], (1000 * np.arange(12) + 234) * (1.0 + np.arange(12)) + 1.0)


def test_two_people_in_one_folder_are_refused_without_their_names(tmp_path):
    series(tmp_path / "a" / "one")
    series(tmp_path / "a" / "two", SeriesInstanceUID="1.2.4", PatientID="somebody else")
    with pytest.raises(Refusal) as caught:
        read_dicom_series(tmp_path / "a", NONE)
    assert "somebody" not in str(caught.value)


def test_two_dynamic_series_are_not_chosen_between(tmp_path):
    series(tmp_path / "a" / "one")
    series(tmp_path / "a" / "two", SeriesInstanceUID="1.2.4")
    with pytest.raises(Problem, match="2 dynamic series"):
        read_dicom_series(tmp_path / "a", NONE)


def test_flip_angles_are_found_beside_the_dynamic_series(tmp_path):
    series(tmp_path / "a" / "dce")
    for i, angle in enumerate((10.0, 5.0, 2.0)):
        series(tmp_path / "a" / f"fa{i}", n_times=1, SeriesInstanceUID=f"1.2.5.{i}", FlipAngle=angle, TriggerTime=None)
    series(tmp_path / "a" / "t2", n_times=1, SeriesInstanceUID="1.2.6", RepetitionTime=4000.0)
    found, flags = flip_stacks(tmp_path / "a")
    np.testing.assert_allclose([one.first.flip_angle for one in found], np.deg2rad([2.0, 5.0, 10.0]))
    assert not flags


def test_a_localiser_and_a_flip_angle_on_another_grid_are_left_out_by_name(tmp_path):
    for i, angle in enumerate((10.0, 5.0, 2.0)):
        said = {"PixelSpacing": [3.0, 3.0]} if i == 0 else {}
        series(tmp_path / f"fa{i}", n_times=1, SeriesInstanceUID=f"1.2.5.{i}", SeriesNumber=i, FlipAngle=angle, **said)
    planes = ([1, 0, 0, 0, 1, 0], [0, 1, 0, 0, 0, -1], [1, 0, 0, 0, 0, -1])
    series(
        tmp_path / "three", n_times=1, SeriesInstanceUID="1.2.6", SeriesDescription="localiser", FlipAngle=1.0,
        ImageOrientationPatient=lambda t, z: planes[z],
    )  # fmt: skip
    images = read_flip_images([tmp_path])
    np.testing.assert_allclose(images.flip_angles, np.deg2rad([2.0, 5.0]))
    assert [flag.code for flag in images.flags] == ["flip-angle-left-out"]
    assert "localiser at 1° (planes" in images.flags[0].sentence
    assert "series 0" in images.flags[0].sentence and "10° (another grid)" in images.flags[0].sentence


def test_positions_of_a_scanner_are_those_of_its_converter(shared_data):
    """Philips: dcm2niix' NIfTI shows the same stored numbers in the same place; its scale is a private one."""
    folder = shared_data / "ts_philips_classic"
    stack = stacked(read_headers(dicom_files(folder / "In")))
    values, slope, intercept = pixels(stack)
    other = nib.load(folder / "Ref" / "EPI_asc_CLEAR_201.nii")
    theirs = other.dataobj.get_unscaled()
    index = np.array(list(itertools.product((5, 30, 50), (8, 33), (0, 4, 8)))).T
    there = np.linalg.inv(other.affine) @ stack.grid.affine @ np.vstack([index, np.ones(index.shape[1])])
    np.testing.assert_allclose(there, np.round(there), atol=0.01)
    i, j, k = np.round(there[:3]).astype(int)
    np.testing.assert_array_equal(values[tuple(index)], theirs[i, j, k])
    assert (slope, intercept) == (pytest.approx(1.290354), 0.0)
    times, lags, _ = phase_times(stack, "philips")
    np.testing.assert_allclose(times, [0.0, 2.0, 4.0])
    assert lags is None


def test_slice_times_of_a_scanner_are_those_of_its_converter(shared_data, tmp_path):
    """GE: the trigger time is that of each slice, the time of acquisition that of the series."""
    import json

    with tarfile.open(shared_data / "ts_ge_multiphase.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    root = tmp_path / "ts_ge_multiphase"
    stack = stacked(read_headers(dicom_files(root / "In" / "SliceTimingMPh" / "2_fMRI_Multiphase_Des")))
    times, lags, _ = phase_times(stack, "ge")
    np.testing.assert_allclose(np.diff(times), 1.0)
    side = json.loads((root / "Ref" / "fMRI_Multiphase_Des_2.json").read_text())
    np.testing.assert_allclose(np.sort(lags), np.sort(side["SliceTiming"]), atol=1e-3)
    in_order = (lags, lags[::-1])
    assert any(np.allclose(one, side["SliceTiming"], atol=1e-3) for one in in_order)


def test_given_by_hand_is_used_and_said(tmp_path):
    one, _, flags = read_dicom_series(series(tmp_path / "a"), replace(NONE, te=0.004))
    assert one.acquisition.te == 0.004 and [flag.code for flag in flags] == ["overridden"]


def test_flip_angles_of_another_patient_are_refused(tmp_path):
    series(tmp_path / "dce")
    series(tmp_path / "fa", n_times=1, PatientID="another")
    with pytest.raises(Refusal, match="different patients"):
        demand_one_patient((tmp_path / "dce", tmp_path / "fa"))


def test_one_flip_angle_alone_gives_no_t1(tmp_path):
    folder = series(tmp_path / "fa", n_times=1)
    with pytest.raises(Problem, match="1 volume"):
        read_flip_images([folder])
