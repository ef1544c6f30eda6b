"""Samples of a normal density between walls."""

import numpy as np
import pytest

from perspect.numerics.truncated import Truncated


def chain(density, x, n, time=np.pi / 2, seed=0):
    rng, out = np.random.default_rng(seed), []
    for _ in range(n):
        x = density.moved(x, time, rng)
        out.append(x)
    return np.array(out)


def test_without_walls_the_samples_have_the_mean_and_covariance_of_the_density():
    """4000 nearly independent samples: moments to 3 / sqrt(4000) = 5 %."""
    covariance = np.array([[1.0, 0.9, 0.0], [0.9, 2.0, -0.5], [0.0, -0.5, 1.0]])
    density = Truncated(np.array([1.0, 2.0, 3.0]), np.linalg.inv(covariance), np.zeros(3), np.zeros(3, bool))
    found = chain(density, np.zeros(3), 4000)
    np.testing.assert_allclose(found.mean(0), [1, 2, 3], atol=0.07)
    np.testing.assert_allclose(np.cov(found.T), covariance, atol=0.1)


def test_at_a_wall_in_the_middle_half_a_normal_density_is_left():
    """Mean sqrt(2/π), variance 1 - 2/π."""
    density = Truncated(np.zeros(1), np.eye(1), np.zeros(1), np.ones(1, bool))
    found = chain(density, np.ones(1), 4000)[:, 0]
    assert found.min() >= 0
    assert found.mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.03)
    assert found.var() == pytest.approx(1 - 2 / np.pi, abs=0.04)


def test_a_slope_against_a_wall_leaves_an_exponential_density():
    """Precision nearly zero and a slope of two: mean one half."""
    density = Truncated(np.zeros(1), np.full((1, 1), 1e-4), np.full(1, 2.0), np.ones(1, bool))
    found = chain(density, np.ones(1), 6000, 0.02)[1000:, 0]
    assert found.mean() == pytest.approx(0.5, rel=0.15)


def test_two_that_trade_against_each_other_and_cannot_be_negative_agree_with_rejection():
    covariance = np.array([[1.0, -0.95], [-0.95, 1.0]])
    middle = np.array([0.3, 0.5])
    density = Truncated(middle, np.linalg.inv(covariance), np.zeros(2), np.ones(2, bool))
    found = chain(density, np.ones(2), 6000)
    drawn = np.random.default_rng(1).multivariate_normal(middle, covariance, 60000)
    kept = drawn[(drawn > 0).all(1)]
    np.testing.assert_allclose(found.mean(0), kept.mean(0), atol=0.03)
    np.testing.assert_allclose(found.std(0), kept.std(0), rtol=0.06)


def test_from_a_corner_nothing_passes_through_a_wall_and_is_put_back_on_it():
    """What passed would be clipped to exactly zero, where a density has no share."""
    precision = np.full((4, 4), 0.6) + 0.4 * np.eye(4)
    density = Truncated(np.full(4, 0.5), precision, np.zeros(4), np.ones(4, bool))
    found = [density.moved(np.zeros(4), 0.8, np.random.default_rng(seed)) for seed in range(400)]
    assert np.min(found) > 0
