import numpy as np
import pytest

from perspect.fit import aicc, choice, fit, weights
from perspect.models import BidirectionalLeakage, Leakage
from perspect.vocabulary import Problem

T = np.arange(0.0, 150.0, 1.5)
REFERENCE = 30.0 * np.exp(-(((T - 35.0) / 8.0) ** 2)) + 4.0 * (T > 30.0)
MODELS = Leakage(T, REFERENCE), BidirectionalLeakage(T, REFERENCE)


def fits(p, sd=0.5, n=300, seed=0):
    curves = MODELS[1].predict(np.tile(p, (n, 1))) + np.random.default_rng(seed).normal(0.0, sd, (n, T.size))
    return [fit(model, curves) for model in MODELS]


def test_the_criterion_is_that_of_the_formula():
    one = fits([1.0, 0.05, 0.02], n=3)[0]
    n, k = T.size, 3
    expected = n * np.log(one.sse / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
    np.testing.assert_allclose(aicc(one), expected)


def test_the_simpler_model_is_chosen_where_it_is_true_and_the_other_where_that_is():
    assert (choice(fits([1.0, 0.05, 0.0])) == 0).mean() > 0.8
    assert (choice(fits([1.0, 0.08, 0.03])) == 1).mean() > 0.99


def test_weights_sum_to_one_and_prefer_what_is_chosen():
    both = fits([1.0, 0.05, 0.01])
    share = weights(both)
    np.testing.assert_allclose(share.sum(axis=0), 1.0)
    np.testing.assert_array_equal(share.argmax(axis=0), choice(both))


def test_where_nothing_fits_nothing_is_chosen():
    curves = np.full((2, T.size), np.nan)
    none = [fit(model, curves) for model in MODELS]
    assert (aicc(none[0]) == np.inf).all()
    assert (choice(none) == -1).all()
    assert np.isnan(weights(none)).all()


def test_fits_of_different_samples_are_not_compared():
    short = Leakage(T[:50], REFERENCE[:50])
    with pytest.raises(Problem, match="different length"):
        choice([fits([1.0, 0.05, 0.0], n=1)[0], fit(short, short.predict(np.array([[1.0, 0.1]])))])
