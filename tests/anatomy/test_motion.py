"""The truth is exact: `moving_head` is evaluated at moved coordinates and averaged over slices, never interpolated."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.io

import moving_head
import sharp_head
from perspect.anatomy import motion, motion_report
from perspect.numerics import rigid
from perspect.numerics.parallel import on_threads
from perspect.vocabulary import Problem, Series, Severity, Status

ON = moving_head.grid((80, 88, 18), (2.3, 2.3, 5.0))
REST = slice(0, 4)
LARGE = np.repeat([0.05, 2.8], 3)  # 3 degrees and 2.8 mm: about 5 mm altogether


def still(n, **also):
    return moving_head.series(ON, np.zeros((n, 6)), np.zeros(n), **also)


@pytest.fixture(scope="module")
def moving():
    """Steps, drift and jitter through a bolus (arteries -60 %, grey matter -35 %, white -15 %), noise and rounding."""
    rng, n = np.random.default_rng(5), 22
    motions = np.linspace(0, 0.2, n)[:, None] * LARGE * [1, -1, 1, 0.5, 1, -0.7] + rng.normal(0, 0.015, (n, 6)) * LARGE
    for start, end in ((7, 10), (13, 15), (18, 20)):
        motions[start:end] += rng.uniform(-1, 1, 6) * LARGE
    motions[REST] = 0
    series = moving_head.series(ON, motions, moving_head.passage(n, 5), snr=60, seed=1)
    return series, motions, moving_head.head(series, REST)


@pytest.fixture(scope="module")
def put_back(moving):
    series, _, mask = moving
    return motion.correct(series, REST, mask)


@pytest.fixture(scope="module")
def passing():
    """A bolus through a head that lies still, in slices of 5 mm, without noise, which alone feigns 0.005 mm."""
    on = moving_head.grid((112, 112, 22), (1.9, 1.9, 5.0))
    return moving_head.series(on, np.zeros((20, 6)), moving_head.passage(20, 5))


def test_motion_through_a_bolus_is_found_to_a_tenth_of_a_millimetre(moving, put_back):
    _, motions, mask = moving
    error = moving_head.misplaced(put_back, motions, mask, REST)
    assert put_back.is_aligned.all()
    assert error.max() < 0.1
    assert error.mean() < 0.06


def test_the_corrected_images_are_those_without_motion(moving, put_back):
    series, motions, mask = moving
    truth = moving_head.series(ON, 0 * motions, moving_head.passage(len(motions), 5))
    inner = mask & put_back.covered
    inner[:, :, [0, -1]] = False
    after = np.sqrt(np.mean((put_back.series.values - truth.values)[inner] ** 2.0))
    before = np.sqrt(np.mean((series.values.astype(float) - truth.values)[inner] ** 2))
    # Noise is 5 here; what is lost between slices of 5 mm, which undersample the folds, is of the same size.
    assert after < 12
    assert after < 0.5 * before


def test_a_bolus_without_motion_is_not_read_as_motion(passing):
    found = motion.correct(passing, REST, moving_head.head(passing, REST))
    assert found.displacement.max() < 0.02


def test_an_excursion_during_the_bolus_is_said_and_its_absence_is_not(passing):
    motions = np.zeros((20, 6))
    motions[8:13, 4] = 1.0
    series = moving_head.series(ON, motions, moving_head.passage(20, 5), snr=60)
    moved = motion.correct(series, REST, moving_head.head(series, REST))
    still_head = motion.correct(passing, REST, moving_head.head(passing, REST))
    assert "motion-with-bolus" in [flag.code for flag in moved.flags]
    assert "motion-with-bolus" not in [flag.code for flag in still_head.flags]


def test_with_one_gain_for_all_tissue_the_same_bolus_is_read_as_motion(passing):
    scene = motion.scene_of(passing, moving_head.head(passing, REST), None, 1)
    target = motion.target_of(scene, motion._reference(scene, range(4)))
    displacement = [
        np.linalg.norm(
            motion_report.displaced(motion._first_pass(scene, target, frame).matrix, scene.place), axis=0
        ).mean()
        for frame in range(6, 14)
    ]
    assert max(displacement) > 0.1


def test_volumes_that_did_not_move_pass_bit_for_bit():
    one = still(1, snr=60).values
    values = np.asfortranarray(np.repeat(one, 6, axis=3))
    series = Series(values, ON, np.arange(6.0), slope=0.5, intercept=3.0)
    found = motion.correct(series, slice(0, 3), moving_head.head(series, REST))
    np.testing.assert_array_equal(found.series.values, series.values.astype(np.float32) * 0.5 + 3.0)
    assert found.series.values.dtype == np.float32
    assert (found.series.slope, found.series.intercept) == (1.0, 0.0)
    assert found.series.values.flags.f_contiguous
    assert found.covered.all()
    assert not found.flags


@pytest.mark.parametrize(("slope", "intercept"), [(0.04, 1300.0), (-0.04, 1300.0)])
def test_how_a_series_is_stored_changes_neither_its_motion_nor_its_signal(slope, intercept):
    motions = np.zeros((7, 6))
    motions[5] = 0.5 * LARGE * [1, -1, 1, -1, 1, 1]
    plain = moving_head.series(ON, motions, moving_head.passage(7, 4), snr=60)
    stored = np.asfortranarray(np.round((plain.values - intercept) / slope), np.int16)  # -32500 to 32500, exact
    given = stored.copy(order="F")
    mask = moving_head.head(plain, REST)
    expected = motion.correct(plain, REST, mask)
    found = motion.correct(replace(plain, values=stored, slope=slope, intercept=intercept), REST, mask)
    np.testing.assert_array_equal(stored, given)
    assert found.is_aligned.all()
    reach = np.repeat([1 / 70.0, 1.0], 3)  # rad at the outline of the head as mm
    np.testing.assert_allclose(found.parameters / reach, expected.parameters / reach, atol=1e-3)
    assert (found.series.slope, found.series.intercept) == (1.0, 0.0)
    # Signals reach 500 and change by up to 100 in a voxel of 2 mm; the places agree to 1e-3 mm.
    np.testing.assert_allclose(found.series.values, expected.series.values, atol=0.05)


def test_the_result_is_bitwise_the_same_for_any_number_of_threads(moving, put_back):
    series, _, mask = moving
    with on_threads(3):
        again = motion.correct(series, REST, mask)
    np.testing.assert_array_equal(again.series.values, put_back.series.values)
    np.testing.assert_array_equal(again.parameters, put_back.parameters)


def test_a_part_that_is_wanted_is_that_part_of_the_whole_in_its_place(moving):
    series, _, mask = moving
    box = (slice(20, 60), slice(30, 50), slice(4, 15))
    begun = replace(series, values=series.values[..., :9], times=series.times[:9])
    part, whole = motion.correct(begun, REST, mask, wanted=box), motion.correct(begun, REST, mask)
    # Signals reach 500 in single precision.
    np.testing.assert_allclose(part.series.values, whole.series.values[box], atol=2e-3)
    np.testing.assert_array_equal(part.parameters, whole.parameters)
    first = ON.affine @ [20, 30, 4, 1]
    np.testing.assert_allclose(part.series.grid.affine[:, 3], first)
    assert part.covered.shape == part.series.grid.shape == (40, 20, 11)


def test_displacements_follow_from_the_parameters(moving, put_back):
    _, _, mask = moving
    at = np.array(np.nonzero(mask)) * np.array(ON.spacing)[:, None]
    at = at - at.mean(axis=1, keepdims=True)
    for frame in (0, 8, 13):
        matrix = rigid.rigid(put_back.parameters[frame])
        far = np.linalg.norm(matrix[:3, :3] @ at + matrix[:3, 3:] - at, axis=0).mean()
        assert put_back.displacement[frame] == pytest.approx(far, rel=1e-9)
    change = np.abs(put_back.parameters[8] - put_back.parameters[7])
    assert put_back.framewise_displacement[8] == pytest.approx(change[3:].sum() + 50 * change[:3].sum(), rel=1e-9)
    assert put_back.framewise_displacement[0] == 0


def test_on_an_oblique_mirrored_grid_the_same_motion_is_found():
    turn = rigid.rigid(np.array([0.2, -0.1, 0.3, 0.0, 0.0, 0.0]))
    affine = turn @ np.diag([*np.array(ON.spacing) * [-1, 1, 1], 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(ON.shape) - 1) / 2)
    motions = np.zeros((6, 6))
    motions[4] = [0.03, -0.02, 0.04, 1.5, -1.0, 2.0]
    series = moving_head.series(replace(ON, affine=affine), motions, np.zeros(6))
    mask = moving_head.head(series, REST)
    assert moving_head.misplaced(motion.correct(series, REST, mask), motions, mask, REST).max() < 0.1


def test_motion_at_rest_does_not_blur_the_reference():
    motions = np.zeros((10, 6))
    motions[1] = 0.5 * LARGE
    motions[3] = -0.6 * LARGE
    motions[8] = LARGE * [1, -1, 1, -1, 1, 1]
    series = moving_head.series(ON, motions, np.zeros(10), snr=60)
    mask = moving_head.head(series, slice(4, 8))
    found = motion.correct(series, slice(0, 6), mask)
    assert moving_head.misplaced(found, motions, mask, slice(4, 8)).max() < 0.1


def test_a_volume_of_noise_is_flagged_and_holds_no_values():
    motions = np.zeros((9, 6))
    motions[7, 3] = 1.0
    series = moving_head.series(ON, motions, np.zeros(9), snr=60)
    values = series.values.copy(order="F")
    values[..., 6] = np.random.default_rng(1).normal(200, 80, ON.shape)
    values[..., 8] = 0
    mask = moving_head.head(series, REST)
    found = motion.correct(replace(series, values=values), REST, mask)
    assert found.status[6] == Status.NOT_CONVERGED
    assert found.status[8] == Status.NO_SIGNAL
    assert found.is_aligned.sum() == 7
    assert np.isnan(found.series.values[..., [6, 8]]).all()
    assert np.isnan(found.displacement[[6, 8]]).all()
    assert np.isnan(found.framewise_displacement[[6, 8]]).all()
    assert np.isfinite(found.parameters).all()
    assert found.displacement[7] == pytest.approx(1.0, abs=0.1)
    assert [flag.code for flag in found.flags if flag.severity >= Severity.LIMITED] == ["motion-not-aligned"]
    np.testing.assert_array_equal(found.usable.times, series.times[[0, 1, 2, 3, 4, 5, 7]])


def test_a_volume_of_noise_at_rest_does_not_spoil_the_reference():
    motions = np.zeros((10, 6))
    motions[8] = [0.02, 0.0, 0.03, 1.0, 2.0, 0.0]
    series = moving_head.series(ON, motions, np.zeros(10), snr=60)
    values = series.values.copy(order="F")
    values[..., 1] = np.random.default_rng(1).normal(200, 80, ON.shape)
    mask = moving_head.head(series, slice(2, 6))
    found = motion.correct(replace(series, values=values), slice(0, 6), mask)
    assert list(np.flatnonzero(~found.is_aligned)) == [1]
    assert moving_head.misplaced(found, motions, mask, slice(2, 6))[8] < 0.1


def test_a_volume_with_hardly_a_finite_value_in_the_mask_is_not_aligned():
    series = still(6)
    values = np.asfortranarray(series.values, np.float32)
    mask = moving_head.head(series, REST)
    values[mask & (np.random.default_rng(2).random(ON.shape) < 0.6), 5] = np.nan
    values[..., 4] = np.nan
    values[0, 0, 0, :] = np.nan
    given = values.copy()
    found = motion.correct(replace(series, values=values), REST, mask)
    np.testing.assert_array_equal(values, given)
    assert list(found.status[4:]) == [Status.NOT_FINITE, Status.NOT_FINITE]
    assert found.is_aligned[:4].all()
    assert list(np.argwhere(~found.covered)[0]) == [0, 0, 0]


def test_what_is_not_finite_in_a_volume_takes_no_part_in_its_alignment_and_moves_with_it():
    motions = np.zeros((8, 6))
    motions[6] = 0.6 * LARGE * [1, -1, 1, -1, 1, 1]
    whole = moving_head.series(ON, motions, moving_head.passage(8, 4), snr=60)
    mask = moving_head.head(whole, REST)
    values = np.asfortranarray(whole.values, np.float32)
    values[20:45, 30:60, 7:9, 6] = np.nan  # a block of a volume that moved
    values[30:34, 40:44, :, 1] = np.nan  # a column of a volume at rest
    values[:, :, 12, 4] = np.inf  # a slice of a volume in the bolus
    found = motion.correct(replace(whole, values=values), REST, mask)
    plain = motion.correct(whole, REST, mask)
    assert found.is_aligned.all()
    assert moving_head.misplaced(found, motions, mask, REST).max() < 0.1
    off = np.abs(found.matrices - plain.matrices)[:, :3, 3]
    assert off.max() < 0.05
    # As many are missing as were, where the head would have been without motion.
    missing = ~np.isfinite(found.series.values) & np.isfinite(plain.series.values)
    assert missing[..., 6].sum() == pytest.approx(25 * 30 * 2, rel=0.1)
    centre = np.array(np.nonzero(missing[..., 6])).mean(axis=1)
    there = found.series.grid.affine @ [*centre, 1.0]
    back = np.linalg.inv(found.series.grid.affine) @ found.matrices[6] @ there
    np.testing.assert_allclose(back[:3], [32, 44.5, 7.5], atol=0.3)
    assert np.isnan(found.series.values[..., [1, 4]][~np.isfinite(values[..., [1, 4]])]).all()
    assert not found.covered[missing.any(axis=3)].any()
    assert "motion-not-aligned" not in [flag.code for flag in found.flags]


@pytest.mark.parametrize("n_slices", [1, 3])
def test_few_slices_are_aligned_within_the_slice_only(n_slices):
    on = moving_head.grid((96, 104, n_slices), (2.0, 2.0, 5.0))
    motions = np.zeros((12, 6))
    motions[6:8, 2:5] = [0.04, 2.0, -3.0]
    motions[10:, 2:5] = [-0.05, -4.0, 1.0]
    series = moving_head.series(on, motions, moving_head.passage(12, 4), snr=60)
    mask = moving_head.head(series, REST)
    found = motion.correct(series, REST, mask)
    assert moving_head.misplaced(found, motions, mask, REST).max() < 0.1
    assert np.all(found.parameters[:, [0, 1, 5]] == 0)
    assert found.flags[0].code == "motion-in-plane-only"


def test_voxels_that_left_the_field_of_view_are_nan_and_not_covered():
    motions = np.zeros((6, 6))
    motions[5, 5] = 6.0  # more than a slice upwards: what is in the highest slice at rest is now above the stack
    on = moving_head.grid((80, 88, 14), (2.3, 2.3, 5.0))
    series = moving_head.series(on, motions, np.zeros(6))
    found = motion.correct(series, REST, moving_head.head(series, REST))
    assert np.isnan(found.series.values[:, :, -1, 5]).all()
    assert not found.covered[:, :, -1].any()
    inner = (slice(4, -4), slice(4, -4), slice(0, -1))
    assert np.isfinite(found.series.values[inner]).all()
    assert found.covered[inner].all()
    assert "motion-not-covered" in [flag.code for flag in found.flags]


def test_a_strong_bolus_in_a_real_slice_is_neither_failure_nor_large_motion(shared_data):
    path = shared_data / "dsc_real_convexity" / "convexity.mat"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    values = np.asfortranarray(scipy.io.loadmat(path)["VOL15"][:, :, None, :])
    on = moving_head.grid(values.shape[:3], (1.8, 1.8, 5.0))
    series = Series(values, on, 2.0 * np.arange(values.shape[3]))
    found = motion.correct(series, slice(1, 10), moving_head.head(series, slice(1, 10)))
    assert found.is_aligned.all()
    # The scalp, which the bolus hardly darkens, stays within 0.3 mm; volumes 12 to 14 lose most of their contrast.
    assert found.displacement[1:].max() < 0.5


def test_progress_counts_up_to_its_total():
    steps, series = [], still(5)
    mask = moving_head.head(series, REST)
    motion.correct(series, slice(0, 2), mask, lambda done, total: steps.append((done, total)))
    assert steps == [(at, 17) for at in range(1, 18)]


def test_without_a_volume_at_rest_or_a_mask_nothing_is_done():
    series = still(3)
    with pytest.raises(Problem, match="no volume is at rest"):
        motion.correct(series, slice(2, 2), moving_head.head(series, REST))
    with pytest.raises(Problem, match="0 voxels"):
        motion.correct(series, slice(0, 2), np.zeros(ON.shape, bool))


def test_parameters_and_matrix_are_each_others_inverse():
    given = np.array([0.1, -0.2, 0.3, 4.0, -5.0, 6.0])
    np.testing.assert_allclose(rigid.parameters(rigid.rigid(given)), given, atol=1e-12)


def test_a_deep_bolus_in_few_slices_of_sharp_edges_loses_no_volume():
    # Between six slices full steps go to and fro by 0.3 mm; then the volumes at the height of the bolus were lost.
    rest = np.array([0.0, 60, 3, 240, 190, 150, 190, 200])
    rate = np.array([0.0, 0.2, 0.1, 0.0, 1.0, 0.5, 2.0, 4.0])
    depth = 0.6 * moving_head.passage(24, 8)
    found = motion.correct(sharp_head.series(rest * np.exp(-depth[:, None] * rate), 150.0), REST, sharp_head.brain())
    assert found.is_aligned.all()
    # Not that a bolus of this depth is seen without any shift: half of all grey matter's signal is gone.
    assert found.displacement.max() < 0.4


def test_vessels_and_a_lesion_that_stay_bright_do_not_make_a_still_head_unlike_itself():
    rest = np.array([0.0, 2000, 30, 400, 750, 950, 800, 650])
    later = rest * [1, 1.02, 1, 1, 1.1, 1.03, 2.2, 4.0]
    peak = rest * [1, 1.05, 1, 1, 1.8, 1.3, 2.5, 12.0]
    levels = np.stack([rest] * 6 + [peak, 0.5 * (peak + later)] + [later] * 12)
    found = motion.correct(sharp_head.series(levels), slice(0, 6), sharp_head.brain())
    assert found.is_aligned.all()
    assert found.displacement.max() < 0.2  # a twentieth of a voxel


def test_a_lasting_change_does_not_hide_that_the_head_moved():
    rest = np.array([0.0, 2000, 30, 400, 750, 950, 800, 650])
    later = rest * [1, 1.02, 1, 1, 1.1, 1.03, 2.2, 4.0]
    series = sharp_head.series(np.stack([rest] * 6 + [later] * 12))
    values = series.values.copy(order="F")
    values[..., 12:] = np.roll(values[..., 12:], 1, axis=0)  # one voxel of 4 mm
    found = motion.correct(replace(series, values=values), slice(0, 6), sharp_head.brain())
    assert found.is_aligned.all()
    np.testing.assert_allclose(found.parameters[12:, 3], 4.0, atol=0.15)
    assert np.abs(found.parameters[:12, 3:]).max() < 0.15


def test_bright_volumes_before_the_steady_state_do_not_hide_the_bolus():
    depths = moving_head.passage(20, 8)
    steady = moving_head.series(ON, np.zeros((20, 6)), depths, snr=60)
    values = steady.values.astype(np.float32)
    values[..., :3] *= np.array([2.2, 1.5, 1.2], np.float32)
    mask = moving_head.head(steady, REST)
    found, plain = (
        motion.correct(one, slice(3, 7), mask) for one in (replace(steady, values=np.asfortranarray(values)), steady)
    )
    assert found.displacement[3:].max() < plain.displacement[3:].max() + 0.01
