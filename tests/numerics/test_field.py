import numpy as np
import pytest

from perspect.numerics import field, low_discrepancy

AFFINE = np.array([[1.5, 0.2, 0, -20], [-0.2, 2.0, 0.1, 5], [0, 0.1, 3.0, 7], [0, 0, 0, 1]])
SHAPE = (24, 20, 12)


def in_world(index):
    return AFFINE[:3, :3] @ index + AFFINE[:3, 3:]


def quadratic(places):
    x, y, z = places
    return 3 + 0.5 * x - y + 0.2 * z + 0.03 * x * y - 0.02 * z * z + 0.01 * x * x + 0.015 * y * z


def slope_of(places):
    x, y, z = places
    return np.stack([0.5 + 0.03 * y + 0.02 * x, -1 + 0.03 * x + 0.015 * z, 0.2 - 0.04 * z + 0.015 * y])


def volume(function):
    return function(in_world(np.indices(SHAPE).reshape(3, -1))).reshape(SHAPE)


def deep(n=500):
    """Places a few samples away from the ends, where the slope of the spline does not know of them."""
    size = np.array(SHAPE)[:, None]
    return in_world(0.3 * (size - 1) + 0.4 * (size - 1) * low_discrepancy.sequence(n)).astype(np.float32)


def test_a_polynomial_of_second_order_is_read_exactly_between_samples():
    one = field.smooth(volume(quadratic), None, AFFINE)
    values, slopes = field.read(one, deep())
    # The ends of the spline are straight, which a fifth of the way in is felt by a quarter to the power of four.
    np.testing.assert_allclose(values, quadratic(deep()), atol=3e-3)
    np.testing.assert_allclose(slopes, slope_of(deep()), atol=2e-2)


def test_smoothing_leaves_a_straight_line_and_widens_a_bump_by_its_variance():
    line = field.smooth(volume(lambda places: places[0] - 2 * places[2]), None, AFFINE)
    values, _ = field.read(field.smoother(line, np.full(3, 2.4)), deep())
    np.testing.assert_allclose(values, deep()[0] - 2 * deep()[2], atol=0.02)

    x = np.arange(81.0) - 40
    bump = np.exp(-0.5 * (x / 3) ** 2)[:, None, None] * np.ones((1, 5, 5))
    smooth = field.smoother(field.smooth(bump, None, np.eye(4)), np.array([4.0, 0, 0]))
    at = (smooth.affine[0, 0] * np.arange(smooth.values.shape[0]) + smooth.affine[0, 3]) - 40
    weight = smooth.values[:, 2, 2] / smooth.values[:, 2, 2].sum()
    assert weight @ at**2 == pytest.approx(9 + 16 - 1 / 12, rel=0.01)
    assert smooth.affine[0, 0] == pytest.approx(4 * field.PER_SIGMA)


def test_what_is_not_known_does_not_leak_into_what_is():
    values = np.full(SHAPE, 7.0)
    known = np.ones(SHAPE, bool)
    known[9:15, 7:13, 4:8] = False
    values[~known] = 1e4
    smooth = field.smoother(field.smooth(values, known, AFFINE), np.full(3, 3.0))
    np.testing.assert_allclose(smooth.values, 7.0, rtol=1e-5)
    middle = in_world(np.array([[11.5], [9.5], [5.5]])).astype(np.float32)
    corner = in_world(np.array([[2.0], [2.0], [2.0]])).astype(np.float32)
    assert field.read_known(smooth, middle)[0] < 0.5
    assert field.read_known(smooth, corner)[0] > 0.99


def test_beyond_the_image_nothing_is_known():
    one = field.smooth(volume(quadratic), None, AFFINE)
    ends = np.array([[-0.4, -0.6, 23.4, 23.6], [5, 5, 5, 5], [5, 5, 5, 5]])
    np.testing.assert_array_equal(field.read_known(one, in_world(ends).astype(np.float32)), [1, 0, 1, 0])


def test_the_sequence_fills_the_cube_evenly():
    points = low_discrepancy.sequence(4096)
    counts, _ = np.histogramdd(points.T, 4, [(0, 1)] * 3)
    assert counts.min() > 50  # 64 expected; random points would scatter by 8 (the smallest of 64 cells near 44)
    assert len({round(one, 9) for one in points[0]}) == 4096
