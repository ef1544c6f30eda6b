"""Reading between samples: by rows where axes are kept, point by point, and by SciPy; all the same."""

import numpy as np
import pytest
from scipy import ndimage

from perspect.numerics import trilinear

SHAPE = (9, 7, 5)


def volume(order="C"):
    return np.asarray(np.random.default_rng(0).normal(size=SHAPE), np.float32, order=order)


@pytest.mark.parametrize("order", ["C", "F"])
def test_what_is_read_is_what_scipy_reads(order):
    matrix = np.array([[0.5, 0.2, -0.1, 1.0], [-0.2, 0.6, 0.1, 2.0], [0.1, 0.0, 0.7, -1.5], [0, 0, 0, 1]])
    expected = ndimage.affine_transform(
        volume().astype(float), matrix[:3, :3], matrix[:3, 3], (12, 8, 11), order=1, mode="nearest"
    )
    np.testing.assert_allclose(trilinear.read(volume(order), matrix, (12, 8, 11)), expected, atol=1e-6)


def test_a_straight_line_is_read_without_error_and_goes_on_level_beyond_the_edge():
    line = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((1, 1, 1), np.float32)
    at = np.array([-3.0, 0.0, 0.25, 4.75, 5.0, 9.0])
    np.testing.assert_allclose(trilinear.read_at(line, [at, 0 * at, 0 * at]), np.clip(at, 0, 5), atol=1e-6)
    np.testing.assert_allclose(trilinear.row(6, at) @ line[:, 0, 0], np.clip(at, 0, 5), atol=1e-6)


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_along_kept_axes_read_the_same_as_points(order):
    matrix = np.array([[0.0, -0.5, 0.0, 7.0], [0.8, 0.0, 0.0, 0.3], [0.0, 0.0, 0.4, 0.1], [0, 0, 0, 1]])
    shape = (6, 12, 10)
    along = trilinear.kept_axes(matrix, shape)
    assert along == (1, 0, 2)
    rows = [
        trilinear.row(n, matrix[axis, 3] + matrix[axis, to] * np.arange(shape[to]))
        for axis, (n, to) in enumerate(zip(SHAPE, along, strict=True))
    ]
    read = trilinear.by_rows(rows, volume(order)).transpose(np.argsort(along))
    np.testing.assert_allclose(read, trilinear.read(volume(), matrix, shape), atol=1e-6)


@pytest.mark.parametrize("turn", [1e-3, 0.3])
def test_axes_that_are_turned_are_not_kept(turn):
    matrix = np.eye(4)
    matrix[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    assert trilinear.kept_axes(matrix, SHAPE) is None
    assert trilinear.kept_axes(np.eye(4), SHAPE) == (0, 1, 2)
