import numpy as np
import pytest
from scipy.optimize import lsq_linear

from perspect.numerics.small import box_minimum, inverse, without


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_the_inverse_is_that_of_lapack(k):
    a = np.random.default_rng(k).normal(size=(50, k, 2 * k))
    matrices = a @ np.swapaxes(a, 1, 2)
    found = np.moveaxis(inverse(np.moveaxis(matrices, 0, -1)), -1, 0)
    np.testing.assert_allclose(found, np.linalg.inv(matrices), rtol=1e-7)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_columns_that_depend_on_each_other_have_no_inverse_whatever_their_scale(k):
    columns = np.random.default_rng(0).normal(size=(k, 20))
    columns[-1] = columns[:-1].sum(axis=0)
    columns *= 10.0 ** np.arange(0, 4 * k, 4)[:, None]
    assert np.isnan(inverse((columns @ columns.T)[..., None])).all()


def test_a_very_small_column_is_still_a_column():
    columns = np.diag([1.0, 1e-9, 1e6])
    np.testing.assert_allclose(inverse((columns @ columns.T)[..., None])[..., 0], np.diag([1.0, 1e18, 1e-12]))


def test_leaving_out_is_the_same_as_never_having_had():
    a = np.random.default_rng(1).normal(size=(3, 9))
    gram = (a @ a.T)[..., None]
    kept = inverse(without(gram, np.array([False, True, False])[:, None]))
    np.testing.assert_allclose(kept[np.ix_([0, 2], [0, 2])], inverse(gram[np.ix_([0, 2], [0, 2])]))


@pytest.mark.parametrize("m", [1, 2, 3])
def test_amplitudes_in_a_box_are_those_of_scipy(m):
    rng = np.random.default_rng(m)
    columns = rng.normal(size=(m, 12)) + 1.0
    y = rng.normal(size=(12, 300)) + 0.5
    low, high = np.array([0.0, -0.2, 0.0])[:m], np.array([0.3, 0.1, 2.0])[:m]
    gram = np.broadcast_to((columns @ columns.T)[..., None], (m, m, 300))
    c, explained = box_minimum(gram, columns @ y, low, high)
    for i in range(300):
        peer = lsq_linear(columns.T, y[:, i], (low, high), method="bvls", tol=1e-14)
        np.testing.assert_allclose(c[:, i], peer.x, atol=1e-9)
        assert y[:, i] @ y[:, i] - explained[i] == pytest.approx(2.0 * peer.cost, rel=1e-9)
