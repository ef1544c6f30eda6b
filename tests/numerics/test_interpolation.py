import numpy as np
from scipy.interpolate import PchipInterpolator

from perspect.numerics.interpolation import monotone, straight

RNG = np.random.default_rng(0)
X = np.cumsum(RNG.uniform(0.2, 2.0, 30))
AT = np.append(RNG.uniform(X[0], X[-1], 200), X)


def test_the_monotone_cubic_is_that_of_fritsch_and_butland():
    for y in (RNG.normal(size=30), np.cumsum(RNG.exponential(size=30)), np.round(RNG.normal(size=30)), X**2):
        np.testing.assert_allclose(monotone(X, y, AT), PchipInterpolator(X, y)(AT), rtol=1e-11, atol=1e-12)


def test_between_two_samples_the_monotone_cubic_leaves_them_neither_above_nor_below():
    y = np.where(X > 10, 1.0, 0.0)
    assert monotone(X, y, AT).min() >= 0
    assert monotone(X, y, AT).max() <= 1


def test_straight_lines_are_those_of_numpy():
    y = RNG.normal(size=(3, 30))
    np.testing.assert_allclose(straight(X, y, AT), [np.interp(AT, X, one) for one in y], rtol=1e-11, atol=1e-13)
