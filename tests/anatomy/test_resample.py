"""Truths: band-limited images evaluated where they are read, shifts by whole voxels, and volumes of what is covered."""

import numpy as np
import pytest
from scipy import ndimage

from perspect.anatomy import resample
from perspect.numerics import rigid, shear
from perspect.vocabulary import Grid, Problem

SHAPE = (48, 44, 22)
CENTRE = (np.array(SHAPE) - 1) / 2


def waves(places, seed=0, n=25):
    """A sum of smooth bumps, known at any place in voxels from the centre, that is nothing at the edges."""
    rng = np.random.default_rng(seed)
    out = np.zeros(places.shape[1:])
    for _ in range(n):
        at = rng.uniform(-1, 1, 3) * [11, 10, 3.5]
        away = sum(
            ((place - here) / width) ** 2 for place, here, width in zip(places, at, (2.4, 2.4, 1.8), strict=True)
        )
        out += rng.uniform(0.3, 1) * np.exp(-0.5 * away)
    return out


def places():
    return np.stack(np.meshgrid(*(np.arange(n) - (n - 1) / 2 for n in SHAPE), indexing="ij"))


def index_matrix(parameters, spacing=(2.0, 2.0, 4.0)):
    """A rigid motion in mm about the centre of the grid, in voxel indices."""
    motion, scale = rigid.rigid(np.asarray(parameters, float)), np.array(spacing)
    out = np.eye(4)
    out[:3, :3] = motion[:3, :3] * scale / scale[:, None]
    out[:3, 3] = motion[:3, 3] / scale + CENTRE - out[:3, :3] @ CENTRE
    return out


MOTIONS = [
    [0.05, -0.04, 0.06, 1.3, -2.1, 1.7],
    [0.0, 0.0, 0.08, 0.5, 0.0, 0.0],
    [0.0, 0.05, 0.0, 0.0, 0.0, -1.0],
    [0.05, 0.0, 0.0, 0.0, 0.0, 0.0],
    [0.0, 0.0, 0.0, 0.7, -1.1, 1.9],
]


@pytest.mark.parametrize("parameters", MOTIONS)
def test_a_moved_volume_is_the_formula_at_the_moved_places(parameters):
    matrix = index_matrix(parameters)
    at = np.einsum("ij,jabc->iabc", matrix[:3, :3], places())
    at += (matrix[:3, :3] @ CENTRE + matrix[:3, 3] - CENTRE)[:, None, None, None]
    out, inside = resample.moved(np.asfortranarray(waves(places()), np.float32), matrix)
    np.testing.assert_array_equal(np.isfinite(out), inside)
    # Bumps of 1.8 voxels are band-limited to 1e-6; what is left of them at the edges is of the order of the tolerance.
    np.testing.assert_allclose(out[inside], waves(at)[inside], atol=2e-3)


def test_there_and_back_again_is_closer_by_far_than_by_cubic_splines():
    """Folds of five voxels: fine detail survives the shears; spline interpolation loses some of it each time."""
    rng = np.random.default_rng(2)
    texture = ndimage.gaussian_filter(rng.normal(size=SHAPE), (1.0, 1.0, 0.9)) * np.exp(
        -0.5 * (places() ** 2).sum(0) / 49
    )
    volume = np.asfortranarray(texture / texture.std(), np.float32)
    matrix = index_matrix([0.03, -0.02, 0.05, 1.0, -1.5, 0.9])
    shape = volume.shape
    back = np.linalg.inv(matrix)

    def by_shears(image, m):
        out = shear.resampled(
            np.ascontiguousarray(image.T), m[2::-1, 2::-1], (m[:3, :3] @ CENTRE + m[:3, 3] - CENTRE)[::-1]
        )
        return out.T

    def by_splines(image, m):
        return ndimage.affine_transform(image, m[:3, :3], m[:3, 3], shape, order=3, mode="nearest")

    inner = (slice(8, -8), slice(8, -8), slice(5, -5))
    lost = [np.std((read(read(volume, matrix), back) - volume)[inner]) for read in (by_shears, by_splines)]
    assert lost[0] < 0.25 * lost[1]  # 0.012 and 0.077 of the standard deviation here


def test_a_shift_by_whole_voxels_moves_samples_and_nothing_else():
    volume = np.asfortranarray(waves(places()), np.float32)
    matrix = np.eye(4)
    matrix[:3, 3] = [2, -1, 3]
    out, _ = resample.moved(volume, matrix)
    np.testing.assert_allclose(out[:-2, 1:, :-3], volume[2:, :-1, 3:], atol=1e-6)
    assert np.isnan(out[-2:]).all()
    assert np.isnan(out[:, :1]).all()
    assert np.isnan(out[:, :, -3:]).all()


def test_the_shears_multiply_to_the_matrix():
    rng = np.random.default_rng(0)
    for _ in range(50):
        angles = rng.uniform(-0.1, 0.1, 3) * rng.integers(0, 2, 3)
        matrix = index_matrix([*angles, 0, 0, 0])[:3, :3]
        shift = rng.uniform(-3, 3, 3)
        product = np.eye(4)
        for one in shear.shears(matrix, shift, SHAPE):
            step = np.eye(4)
            step[one.axis, :3] += one.slopes
            step[one.axis, 3] = one.offset
            product = product @ step
        corner = np.array([*CENTRE, 1.0])
        expected = matrix @ CENTRE + shift
        np.testing.assert_allclose((product @ corner)[:3], expected, atol=shear.CLOSE + 3 * shear.STILL)


def test_a_small_turn_takes_three_shears_and_a_large_one_four():
    shape = (24, 128, 128)
    for angle, n_shears in ((0.004, 3), (0.05, 4)):
        matrix = index_matrix([angle, -angle, angle, 0, 0, 0], (1.8, 1.8, 5.0))[2::-1, 2::-1]
        steps = shear.shears(matrix, np.full(3, 0.3), shape)
        assert len(steps) == n_shears


def test_a_part_of_a_moved_volume_is_that_part_of_the_whole():
    volume, part = np.asfortranarray(waves(places()), np.float32), (slice(5, 40), slice(11, 30), slice(3, 20))
    for parameters in MOTIONS:
        whole, _ = resample.moved(volume, index_matrix(parameters))
        some, inside = resample.moved(volume, index_matrix(parameters), part)
        np.testing.assert_allclose(some, whole[part], atol=1e-5)  # of a volume that reaches 2, in single precision
        np.testing.assert_array_equal(np.isfinite(some), inside)


def test_covered_counts_a_voxel_to_its_edge():
    matrix = np.eye(4)
    matrix[2, 3] = 0.4
    assert resample.covered(SHAPE, matrix).all()
    matrix[2, 3] = 0.6
    inside = resample.covered(SHAPE, matrix)
    assert not inside[:, :, -1].any()
    assert inside[:, :, :-1].all()


def boxed(shape, spacing, corner):
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = corner
    return Grid(shape, affine)


def test_a_mask_keeps_its_volume_on_a_coarser_grid():
    fine = boxed((80, 80, 60), (1.0, 1.0, 1.0), (-40, -40, -30))
    coarse = boxed((32, 30, 10), (2.3, 2.3, 5.0), (-36, -33, -24))
    at = (
        np.stack(np.meshgrid(*(np.arange(n) for n in fine.shape), indexing="ij"))
        - np.array([40, 40, 30])[:, None, None, None]
    )
    ball = (at**2).sum(axis=0) < 20**2
    out = resample.onto(ball, fine, coarse)
    assert out.dtype == bool
    assert out.sum() * 2.3 * 2.3 * 5 == pytest.approx(ball.sum(), rel=0.03)


def test_a_map_linear_in_space_stays_so_and_is_nan_outside():
    source = boxed((20, 20, 8), (2.0, 2.0, 4.0), (0, 0, 0))
    turned = (
        rigid.rigid(np.array([0.1, 0.05, -0.2, 1.0, 2.0, 3.0])) @ boxed((18, 18, 9), (1.7, 1.7, 3.0), (2, 2, 2)).affine
    )
    target = Grid((18, 18, 9), turned)

    def height(grid):
        index = np.indices(grid.shape).reshape(3, -1)
        return (np.array([0.3, -0.2, 0.5]) @ (grid.affine[:3, :3] @ index + grid.affine[:3, 3:])).reshape(grid.shape)

    out = resample.onto(height(source).astype(np.float32), source, target)
    index = np.linalg.inv(source.affine) @ target.affine
    corner = index[:3, :3] @ np.indices(target.shape).reshape(3, -1) + index[:3, 3:]
    size = np.array(source.shape)[:, None]
    deep = ((corner >= 0.5) & (corner <= size - 1.5)).all(axis=0).reshape(target.shape)
    beyond = ((corner < -1.5) | (corner > size + 0.5)).any(axis=0).reshape(target.shape)
    assert deep.any()
    assert beyond.any()
    np.testing.assert_allclose(out[deep], height(target)[deep], atol=1e-4)
    assert np.isnan(out[beyond]).all()


def test_what_is_not_known_stays_unknown_and_does_not_spread():
    source = boxed((12, 12, 6), (2.0, 2.0, 4.0), (0, 0, 0))
    target = boxed((12, 12, 6), (2.0, 2.0, 4.0), (0.5, 0, 0))
    values = np.full(source.shape, 3.0, np.float32)
    values[5, 5, 2] = np.nan
    out = resample.onto(values, source, target)
    assert np.argwhere(np.isnan(out[:-1])).tolist() == [[5, 5, 2]]
    np.testing.assert_allclose(out[np.isfinite(out)], 3.0, rtol=1e-6)


def test_on_its_own_grid_nothing_changes():
    grid = boxed((4, 5, 6), (2.0, 2.0, 4.0), (0, 0, 0))
    values = np.random.default_rng(0).normal(size=(4, 5, 6))
    np.testing.assert_array_equal(resample.onto(values, grid, grid), values)


MOVED = rigid.rigid(np.array([0.15, -0.1, 0.2, 4.0, -3.0, 2.0]))


def ball(grid, centre, radius):
    at = np.einsum("ij,jabc->iabc", grid.affine[:3, :3], np.indices(grid.shape)).T + grid.affine[:3, 3] - centre
    return radius > np.linalg.norm(at, axis=-1).T


def test_an_alignment_brings_a_region_to_where_it_lies_in_the_target():
    fine = boxed((60, 64, 56), (1.0, 1.0, 1.0), (-30, -32, -28))
    coarse = boxed((30, 30, 14), (2.5, 2.5, 5.0), (-36, -36, -32))
    here = np.array([3.0, -2.0, 1.0])
    there = np.linalg.inv(MOVED)[:3] @ [*here, 1]
    out = resample.onto(ball(fine, here, 15), fine, coarse, matrix=MOVED)
    assert (out ^ ball(coarse, there, 15)).sum() < 0.15 * out.sum()  # voxels of the edge, by their centre or their half
    centre = coarse.affine[:3, :3] @ np.argwhere(out).mean(axis=0) + coarse.affine[:3, 3]
    np.testing.assert_allclose(centre, there, atol=0.5)
    assert out.sum() * 2.5 * 2.5 * 5 == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.05)


def test_cubic_reading_keeps_what_linear_reading_blurs_and_does_not_spread_what_is_missing():
    source = boxed((24, 20, 12), (2.0, 2.0, 4.0), (0, 0, 0))
    target = boxed((23, 19, 11), (2.0, 2.0, 4.0), (1.0, 1.0, 2.0))

    def waves_at(grid):
        x, y, z = (grid.affine[a, 3] + grid.affine[a, a] * np.indices(grid.shape)[a] for a in range(3))
        return (np.sin(x / 3) * np.cos(y / 3.5) * np.cos(z / 8)).astype(np.float32)

    inner = (slice(4, -4), slice(4, -4), slice(3, -3))
    errors = [
        np.abs(resample.onto(waves_at(source), source, target, order) - waves_at(target))[inner].max()
        for order in (1, 3)
    ]
    assert errors[1] < 0.2 * errors[0]
    missing = waves_at(source)
    missing[12, 10, 6] = np.nan
    out = resample.onto(missing, source, source, 3, np.eye(4))
    assert np.argwhere(np.isnan(out)).tolist() == [[12, 10, 6]]
    np.testing.assert_allclose(
        out[inner][np.isfinite(out[inner])], missing[inner][np.isfinite(missing[inner])], atol=0.05
    )


def test_a_refused_alignment_reads_nothing():
    grid = boxed((4, 5, 6), (2.0, 2.0, 4.0), (0, 0, 0))
    with pytest.raises(Problem, match="holds no place"):
        resample.onto(np.ones(grid.shape, np.float32), grid, grid, matrix=np.full((4, 4), np.nan))


def test_labels_win_where_they_fill_most_and_none_is_invented():
    """Three slabs of labels 2, 9 and 4: between 2 and 4 lies 3, which nobody ever wrote."""
    fine = boxed((40, 40, 40), (1.0, 1.0, 1.0), (0, 0, 0))
    labels = np.zeros(fine.shape, np.int16)
    labels[5:15], labels[15:22], labels[22:35] = 2, 9, 4
    coarse = boxed((13, 13, 13), (3.0, 3.0, 3.0), (0.7, 1, 1))
    out = resample.labels_onto(labels, fine, coarse)
    assert out.dtype == labels.dtype
    assert set(np.unique(out)) == {0, 2, 4, 9}
    for label, low, high in ((2, 4.5, 14.5), (9, 14.5, 21.5), (4, 21.5, 34.5)):
        x = coarse.affine[0, 3] + 3 * np.arange(13)
        filled = np.clip(np.minimum(x + 1.5, high) - np.maximum(x - 1.5, low), 0, 3)
        np.testing.assert_array_equal(out[:, 6, 6] == label, filled > 1.5)
    beyond = resample.labels_onto(labels, fine, boxed((4, 4, 4), (3.0, 3.0, 3.0), (100, 0, 0)), outside=-1)
    assert (beyond == -1).all()


def test_the_tissues_of_an_oblique_box_are_what_geometry_says():
    """A box of 20 mm turned by 30 degrees, half of it beyond a plane; and one that holds a ball."""
    fine = boxed((80, 80, 80), (1.0, 1.0, 1.0), (-39.5, -39.5, -39.5))
    turn = rigid.rigid(np.array([0.2, 0.3, np.pi / 6, 0, 0, 0]))
    box = Grid((1, 1, 1), turn @ np.diag([20.0, 20.0, 20.0, 1.0]))
    x = np.indices(fine.shape)[0] - 39.5
    assert resample.share_of_boxes(x > 0, fine, box)[0, 0, 0] == pytest.approx(0.5, abs=0.005)
    inside = ball(fine, np.zeros(3), 8)
    assert resample.share_of_boxes(inside, fine, box)[0, 0, 0] == pytest.approx(inside.sum() / 20**3, rel=0.01)
    tissues = np.random.default_rng(0).dirichlet([1, 1, 1], fine.shape)
    shares = [resample.share_of_boxes(tissues[..., k], fine, box)[0, 0, 0] for k in range(3)]
    assert sum(shares) == pytest.approx(1)


def test_boxes_of_a_grid_share_what_they_hold_and_say_nothing_of_what_was_not_imaged():
    fine = boxed((40, 40, 20), (1.0, 1.0, 2.0), (0, 0, 0))
    boxes = boxed((4, 4, 4), (10.0, 10.0, 10.0), (4.5, 4.5, 4.0))
    region = np.zeros(fine.shape, bool)
    region[:15] = True
    shares = resample.share_of_boxes(region, fine, boxes)
    np.testing.assert_allclose(shares[:, 1, 1], [1, 0.5, 0, 0], atol=1e-9)
    moved = np.eye(4)
    moved[0, 3] = 30
    assert np.isnan(resample.share_of_boxes(region, fine, boxes, moved)[1:]).all()


@pytest.mark.parametrize("kind", ["map", "gaps", "mask"])
def test_a_grid_whose_axes_are_kept_is_read_as_one_that_is_turned_by_nothing_to_speak_of(kind):
    """The way by rows and the way by points are the same average over the voxels."""
    values = np.random.default_rng(1).normal(size=(20, 22, 18)).astype(np.float32)
    if kind == "gaps":
        values[4:9, 3:6] = np.nan
    values = values > 0 if kind == "mask" else values
    source = Grid((20, 22, 18), np.diag([1.0, 1.0, 1.3, 1.0]))
    affine = np.diag([2.1, -1.9, 4.0, 1.0])
    affine[:3, 3] = [-1.3, 21.0, 0.2]
    target = Grid((11, 12, 7), affine)
    turned = np.eye(4)
    turned[0, 1], turned[1, 0] = 2e-5, -2e-5
    rows, points = resample.onto(values, source, target), resample.onto(values, source, target, matrix=turned)
    if kind == "mask":
        np.testing.assert_array_equal(rows, points)
    else:
        np.testing.assert_allclose(rows, points, atol=1e-3)


@pytest.mark.parametrize("turn", [0.0, 0.3])
@pytest.mark.parametrize("order", [0, 1])
def test_a_mask_looked_for_where_it_may_be_is_the_same_as_looked_for_everywhere(turn, order, monkeypatch):
    source = Grid((30, 28, 26), np.eye(4))
    turned = np.diag([2.1, 1.9, 3.2, 1.0])
    turned[:2, :2] = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) @ turned[:2, :2]
    turned[:3, 3] = [2.3, 1.1, -3.0]
    target = Grid((14, 13, 9), turned)
    centres = (*np.random.default_rng(3).uniform(0, 28, (6, 3)), np.zeros(3), np.array([29.0, 27.0, 25.0]))
    away = [np.indices(source.shape) - centre.reshape(3, 1, 1, 1) for centre in centres]
    masks = [(one**2).sum(axis=0) < 25.0 for one in away]
    quick = [resample.onto(mask, source, target, order) for mask in masks]
    monkeypatch.setattr(resample, "box", lambda *_: tuple(slice(0, n) for n in source.shape))
    for one, mask in zip(quick, masks, strict=True):
        np.testing.assert_array_equal(one, resample.onto(mask, source, target, order))
    assert any(one.any() for one in quick)
    assert not resample.onto(np.zeros(source.shape, bool), source, target, order).any()
