"""Non-negative least squares: one problem, and many at once."""

import numpy as np
from scipy.optimize import nnls

from perspect.numerics.nonnegative import nonnegative, nonnegative_each


def problems(n=40, m=12):
    rng = np.random.default_rng(3)
    columns = np.abs(rng.normal(size=(n, 30, m))) + 0.3 * rng.normal(size=(n, 30, m))
    data = rng.normal(size=(n, 30)) + columns @ np.where(np.arange(m) % 3, 0.0, 1.0)
    return columns, data


def test_many_problems_at_once_have_the_solutions_of_lawson_and_hanson():
    columns, data = problems()
    grams, projections = columns.mT @ columns, (columns.mT @ data[..., None])[..., 0]
    free, warm = np.zeros(12, bool), np.random.default_rng(0).random((40, 12)) < 0.5
    found = nonnegative_each(grams, projections, free, warm)
    expected = np.array([nnls(a, b)[0] for a, b in zip(columns, data, strict=True)])
    assert (expected == 0).any()
    np.testing.assert_allclose(found, expected, atol=1e-8)


def test_what_is_free_may_be_negative_among_many_as_in_one():
    columns, data = problems()
    grams, projections = columns.mT @ columns, (columns.mT @ -data[..., None])[..., 0]
    free = np.arange(12) % 2 == 0
    found = nonnegative_each(grams, projections, free, np.ones((40, 12), bool))
    assert (found[:, free] < 0).any() and (found[:, ~free] >= 0).all()
    each = [nonnegative(gram, projection, free) for gram, projection in zip(grams, projections, strict=True)]
    np.testing.assert_allclose(found, each, atol=1e-9)
