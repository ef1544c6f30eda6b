import numpy as np
import pytest

from perspect.numerics.rigid import smoothed, smoothing


@pytest.mark.parametrize("shape", [(24, 110, 95), (7, 30, 24), (3, 25, 49)])
def test_smoothing_block_by_block_is_the_product_with_the_whole_matrix(shape):
    volume, variance = np.random.default_rng(1).random(shape, dtype=np.float32), (1 / 3, 2.57, 0.8)
    matrices = [smoothing(n, round(one, 6))[0] for n, one in zip(shape, variance, strict=True)]
    whole = np.einsum("ai,bj,ck,ijk->abc", *matrices, volume, optimize=True)
    np.testing.assert_allclose(smoothed(volume, variance), whole, atol=1e-6)


def test_smoothing_reaches_no_farther_than_it_says_and_leaves_the_outermost_samples():
    matrix, reach = smoothing(60, 2.57)
    away = np.abs(np.subtract.outer(np.arange(60), np.arange(60)))
    assert not matrix[away > reach].any() and matrix[30][away[30] == reach].all()
    np.testing.assert_array_equal(matrix[[0, -1]], np.eye(60, dtype=np.float32)[[0, -1]])
    np.testing.assert_allclose(matrix @ np.ones(60), 1.0, rtol=1e-5)
