"""The truth is exact: a head of smooth blobs is evaluated analytically at moved coordinates, never interpolated."""

from dataclasses import replace

import numpy as np
import pytest

from perspect.anatomy import motion
from perspect.numerics import rigid
from perspect.numerics.parallel import THREADS
from perspect.vocabulary import Grid, Problem, Series, Severity, Status

SHAPE, SPACING = (64, 60, 14), (3.0, 3.0, 5.0)
DEPTH = np.array([0.0, 0.9, 0.43, 0.16])  # of ln S at the height of the bolus: CSF and scalp, arteries, grey, white


def grid(shape=SHAPE, spacing=SPACING):
    """Centred on the scanner's origin, with the first axis running from left to right."""
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(np.array(shape) - 1) / 2 * spacing
    return Grid(shape, affine)


def blobs(seed=0, n=260):
    """Centres (mm), widths (mm), heights and kinds of Gaussian blobs that fill an ellipsoid more densely below than above."""
    rng = np.random.default_rng(seed)
    direction = rng.normal(size=(3, n))
    centre = direction / np.linalg.norm(direction, axis=0) * rng.uniform(0, 1, n) ** (1 / 3)
    shell = np.linalg.norm(centre, axis=0)
    kind = np.where(shell > 0.93, 0, np.where(shell > 0.65, 2, 3))
    kind[rng.uniform(size=n) < 0.06] = 1
    centre = centre * np.array([[68.0], [68.0], [30.0]]) + np.array([[0.0], [0.0], [-4.0]])
    return centre, rng.uniform(6, 10, n), np.array([70.0, 50.0, 55.0, 45.0])[kind], kind


def seen(places, kinds_at, dip):
    """Signal of the blobs at places (3, ...) in mm, each kind darkened as far as `dip` (0 to 1) into the bolus."""
    centre, width, height, kind = kinds_at
    height = height * np.exp(-DEPTH[kind] * dip)
    out = np.zeros(places.shape[1:])
    for c, w, h in zip(centre.T, width, height, strict=True):
        x, y, z = (np.exp(-0.5 * ((p - q) / w) ** 2) for p, q in zip(places, c, strict=True))
        out += h * x * y * z
    return out


def phantom(motions, dips, on=None, noise=0.0, seed=0, dtype=np.float32):
    """A series in which the head at frame k was moved by motions[k] (rigid parameters about the scanner's origin)."""
    on = on or grid()
    index = np.indices(on.shape).reshape(3, -1)
    at = on.affine[:3, :3] @ index + on.affine[:3, 3:]
    rng = np.random.default_rng(seed)
    values = np.empty((len(dips), *on.shape[::-1]), dtype).T
    for frame, (moved, dip) in enumerate(zip(motions, dips, strict=True)):
        back = np.linalg.inv(rigid.rigid(np.asarray(moved, float)))
        image = seen(back[:3, :3] @ at + back[:3, 3:], blobs(), dip).reshape(on.shape)
        image += noise * rng.normal(size=on.shape)
        values[..., frame] = np.round(image) if dtype == np.int16 else image
    return Series(values, on, 1.5 * np.arange(len(dips)))


def bolus(n, start=5):
    t = np.clip(np.arange(n) - start, 0, None) / 3.5
    return t**3 * np.exp(3 * (1 - t)) + 0.15 * (np.arange(n) > start + 6)


def head(series, rest=slice(0, 4)):
    at_rest = series.values[..., rest].mean(axis=-1)
    return at_rest > 0.3 * np.percentile(at_rest, 98)


def misplaced(found, motions, mask, rest=slice(0, 4)):
    """Mean distance in mm between where points of the mask are said to have gone and where they went, per volume."""
    affine = found.series.grid.affine
    at = affine[:3, :3] @ np.array(np.nonzero(mask)) + affine[:3, 3:]
    truth = np.array([rigid.rigid(np.asarray(one, float)) for one in motions])
    off = (found.matrices - truth)[:, :3, :3] @ at + (found.matrices - truth)[:, :3, 3:]
    return np.linalg.norm(off - off[rest].mean(axis=0), axis=1).mean(axis=1)


@pytest.fixture(scope="module")
def moving():
    """Steps, a drift and jitter up to 5 mm and 3 degrees through a bolus, with noise (SNR about 70) and rounding."""
    rng = np.random.default_rng(5)
    n, scale = 20, np.repeat([0.05, 2.8], 3)
    motions = np.linspace(0, 0.25, n)[:, None] * scale * [1, -1, 1, 0.5, 1, -0.7]
    motions += rng.uniform(-0.02, 0.02, (n, 6)) * scale
    motions[7:9] += rng.uniform(-1, 1, 6) * scale
    motions[12:14] += rng.uniform(-1, 1, 6) * scale
    motions[16] += rng.uniform(-1, 1, 6) * scale
    motions[:4] = 0
    series = phantom(motions, bolus(n), noise=1.5, dtype=np.int16)
    return series, motions, head(series)


@pytest.fixture(scope="module")
def put_back(moving):
    series, _, mask = moving
    return motion.correct(series, slice(0, 4), mask)


def test_known_motion_through_a_bolus_is_found_to_a_tenth_of_a_millimetre(moving, put_back):
    _, motions, mask = moving
    error = misplaced(put_back, motions, mask)
    assert put_back.is_aligned.all()
    assert error.max() < 0.1
    assert error.mean() < 0.06


def test_the_corrected_images_are_those_without_motion(moving, put_back):
    series, motions, mask = moving
    still = phantom(0 * motions, bolus(len(motions)))
    inner = mask & put_back.covered
    off = (put_back.series.values - still.values)[inner]
    before = (series.values - still.values)[inner]
    # Noise of 1.5 and rounding remain; a residual shift of 0.1 mm in gradients of about 10/mm adds as much again.
    assert np.sqrt(np.mean(off**2)) < 2.2
    assert np.sqrt(np.mean(off**2)) < 0.25 * np.sqrt(np.mean(before**2))


def test_a_bolus_without_motion_is_not_read_as_motion():
    n = 18
    series = phantom(np.zeros((n, 6)), bolus(n))
    found = motion.correct(series, slice(0, 4), head(series))
    assert found.displacement.max() < 0.02


def test_with_one_gain_for_all_tissue_the_same_bolus_is_read_as_motion():
    dips = bolus(18)
    series = phantom(np.zeros((2, 6)), [0.0, dips.max()])
    scene = motion._scene(series, head(series), None, 1)
    target = motion._target(scene, scene.volume(0))
    found = rigid.aligned(scene.fine(scene.volume(1)), target.fine, np.eye(4), 10, 1e-3)
    assert np.linalg.norm(found.matrix[:3, 3]) > 0.05


def test_volumes_that_did_not_move_pass_bit_for_bit():
    one = phantom(np.zeros((1, 6)), [0.0], noise=2.0, dtype=np.int16).values
    series = Series(np.asfortranarray(np.repeat(one, 6, axis=3)), grid(), np.arange(6.0), slope=0.5, intercept=3.0)
    found = motion.correct(series, slice(0, 3), head(series))
    np.testing.assert_array_equal(found.series.values, series.values.astype(np.float32))
    assert found.series.values.dtype == np.float32
    assert (found.series.slope, found.series.intercept) == (0.5, 3.0)
    assert found.series.values.flags.f_contiguous
    assert found.covered.all()
    assert not found.flags


def test_the_result_is_bitwise_the_same_for_any_number_of_threads(moving, put_back):
    series, _, mask = moving
    token = THREADS.set(3)
    try:
        again = motion.correct(series, slice(0, 4), mask)
    finally:
        THREADS.reset(token)
    np.testing.assert_array_equal(again.series.values, put_back.series.values)
    np.testing.assert_array_equal(again.parameters, put_back.parameters)


def test_displacements_follow_from_the_parameters(moving, put_back):
    _, _, mask = moving
    spacing = np.array(SPACING)
    at = np.array(np.nonzero(mask)) * spacing[:, None]
    at = at - at.mean(axis=1, keepdims=True)
    for frame in (0, 8, 13):
        matrix = rigid.rigid(put_back.parameters[frame])
        far = np.linalg.norm(matrix[:3, :3] @ at + matrix[:3, 3:] - at, axis=0).mean()
        assert put_back.displacement[frame] == pytest.approx(far, rel=1e-9)
    change = np.abs(np.diff(put_back.parameters[7:9], axis=0))[0]
    assert put_back.framewise_displacement[8] == pytest.approx(change[3:].sum() + 50 * change[:3].sum(), rel=1e-9)
    assert put_back.framewise_displacement[0] == 0


def test_on_an_oblique_mirrored_grid_the_same_motion_is_found():
    on = grid()
    turn = rigid.rigid(np.array([0.3, -0.2, 0.4, 5.0, -3.0, 10.0]))
    affine = turn @ on.affine @ np.diag([-1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = -affine[:3, :3] @ ((np.array(SHAPE) - 1) / 2)
    motions = np.zeros((6, 6))
    motions[4] = [0.03, -0.02, 0.04, 1.5, -1.0, 2.0]
    series = phantom(motions, np.zeros(6), replace(on, affine=affine))
    found = motion.correct(series, slice(0, 4), head(series))
    assert misplaced(found, motions, head(series)).max() < 0.1


def test_a_volume_of_noise_is_flagged_and_holds_no_values():
    motions = np.zeros((9, 6))
    motions[7, 3] = 1.0
    series = phantom(motions, np.zeros(9), noise=1.0)
    values = series.values.copy(order="F")
    values[..., 6] = np.random.default_rng(1).normal(100, 50, SHAPE)
    values[..., 8] = 0
    found = motion.correct(replace(series, values=values), slice(0, 4), head(series))
    assert found.status[6] == Status.NOT_CONVERGED
    assert found.status[8] == Status.NO_SIGNAL
    assert found.is_aligned.sum() == 7
    assert np.isnan(found.series.values[..., [6, 8]]).all()
    assert np.isnan(found.displacement[[6, 8]]).all()
    assert np.isfinite(found.parameters).all()
    assert found.displacement[7] == pytest.approx(1.0, abs=0.1)
    assert [flag.code for flag in found.flags if flag.severity >= Severity.LIMITED] == ["motion-not-aligned"]
    assert found.usable.n_times == 7
    np.testing.assert_array_equal(found.usable.times, series.times[[0, 1, 2, 3, 4, 5, 7]])


def test_a_volume_of_noise_at_rest_does_not_spoil_the_reference():
    motions = np.zeros((10, 6))
    motions[8] = [0.02, 0.0, 0.03, 1.0, 2.0, 0.0]
    series = phantom(motions, np.zeros(10), noise=1.0)
    values = series.values.copy(order="F")
    values[..., 1] = np.random.default_rng(1).normal(100, 50, SHAPE)
    found = motion.correct(replace(series, values=values), slice(0, 6), head(series, slice(2, 6)))
    assert list(np.flatnonzero(~found.is_aligned)) == [1]
    assert misplaced(found, motions, head(series), slice(2, 6))[8] < 0.1


def test_a_volume_with_values_that_are_not_finite_is_not_aligned():
    series = phantom(np.zeros((6, 6)), np.zeros(6), noise=1.0)
    values = series.values.copy(order="F")
    values[30, 30, 7, 5] = np.nan
    found = motion.correct(replace(series, values=values), slice(0, 4), head(series))
    assert found.status[5] == Status.NOT_FINITE


def test_a_single_slice_is_aligned_within_the_slice_only():
    on = grid((64, 60, 1))
    motions = np.zeros((8, 6))
    motions[4:6] = [0, 0, 0.04, 2.0, -3.0, 0]
    motions[6] = [0, 0, -0.05, -4.0, 1.0, 0]
    series = phantom(motions, np.r_[np.zeros(5), 0.9, 0.4, 0.1], on, noise=1.0)
    found = motion.correct(series, slice(0, 4), head(series))
    assert misplaced(found, motions, head(series)).max() < 0.1
    assert np.all(found.parameters[:, [0, 1, 5]] == 0)
    assert [flag.code for flag in found.flags][0] == "motion-in-plane-only"


def test_voxels_that_left_the_field_of_view_are_nan_and_not_covered():
    motions = np.zeros((6, 6))
    motions[5, 5] = 7.0  # the head went up by 1.4 slices: of its lowest part one slice is now beyond the lowest slice
    series = phantom(motions, np.zeros(6))
    found = motion.correct(series, slice(0, 4), head(series))
    assert np.isnan(found.series.values[:, :, -1, 5]).all()
    assert not found.covered[:, :, -1].any()
    assert np.isfinite(found.series.values[:, :, :-1]).all()
    assert found.covered[:, :, :-1].all()
    assert "motion-not-covered" in [flag.code for flag in found.flags]


def test_progress_counts_up_to_its_total():
    steps = []
    series = phantom(np.zeros((5, 6)), np.zeros(5))
    motion.correct(series, slice(0, 2), head(series), lambda done, total: steps.append((done, total)))
    assert steps == [(at, 17) for at in range(1, 18)]


def test_without_a_volume_at_rest_or_a_mask_nothing_is_done():
    series = phantom(np.zeros((3, 6)), np.zeros(3))
    with pytest.raises(Problem, match="no volume is at rest"):
        motion.correct(series, slice(2, 2), head(series))
    with pytest.raises(Problem, match="0 voxels"):
        motion.correct(series, slice(0, 2), np.zeros(SHAPE, bool))


def test_parameters_and_matrix_are_each_others_inverse():
    given = np.array([0.1, -0.2, 0.3, 4.0, -5.0, 6.0])
    np.testing.assert_allclose(rigid.parameters(rigid.rigid(given)), given, atol=1e-12)
