import numpy as np
import pytest

from perspect.numerics import mutual_information as information

N = 20_000


def alike(first, second, weights=None):
    weights = np.ones(first.size, np.float32) if weights is None else weights
    bins = information.bins(first, *information.scale(first))
    return information.likeness(bins, second, *information.scale(second), weights)


@pytest.fixture(scope="module")
def numbers():
    return np.random.default_rng(0).gamma(3, 1, N).astype(np.float32)


def test_independent_numbers_are_not_alike(numbers):
    # The expected excess is (bins - 1)² / (2 N H12), 0.004; the spline makes it less.
    assert 1 <= alike(numbers, np.random.default_rng(1).permutation(numbers)).value < 1.004


@pytest.mark.parametrize("function", [lambda x: 10 - 2 * x, np.sqrt, lambda x: (x - 3) ** 2])
def test_numbers_that_follow_from_others_are_alike_whatever_the_rule(numbers, function):
    other = function(numbers).astype(np.float32)
    assert alike(numbers, other).value > 1.15  # the spline spreads even a rule over four bins
    assert alike(numbers, other[::-1].copy()).value < 1.01


def test_more_noise_is_less_alike(numbers):
    noise = np.random.default_rng(1).normal(0, 1, N).astype(np.float32)
    values = [alike(numbers, 5 - numbers + sigma * noise).value for sigma in (0, 0.3, 1, 3)]
    assert values == sorted(values, reverse=True)


def test_the_scale_and_the_sign_of_either_do_not_matter(numbers):
    other = (numbers + np.random.default_rng(1).normal(0, 0.5, N)).astype(np.float32)
    one = alike(numbers, other).value
    assert alike(numbers, -3 * other + 40).value == pytest.approx(one, rel=1e-3)
    assert alike(100 * numbers - 7, other).value == pytest.approx(one, rel=1e-3)


def test_points_without_weight_do_not_count(numbers):
    other, half = -numbers, np.ones(N, np.float32)
    spoilt = other.copy()
    spoilt[::2] = np.random.default_rng(1).normal(-3, 1, N // 2)
    half[::2] = 0
    bins, scale = information.bins(numbers, *information.scale(numbers)), information.scale(other)
    kept = information.likeness(bins, spoilt, *scale, half)
    alone = information.likeness(bins[slice(1, None, 2)], other[1::2].copy(), *scale, half[1::2].copy())
    assert kept.value == pytest.approx(alone.value, rel=1e-9)
    assert not kept.slope[::2].any()


def test_the_slope_is_what_a_small_change_does(numbers):
    first, rng = numbers[:3000], np.random.default_rng(2)
    second = (8 - first + rng.normal(0, 0.4, first.size)).astype(np.float32)
    low, gain = information.scale(second)
    bins, weights = information.bins(first, *information.scale(first)), rng.uniform(0.2, 1, 3000).astype(np.float32)
    direction = rng.normal(0, 1, 3000).astype(np.float32)

    def at(step):
        return information.likeness(bins, second + np.float32(step) * direction, low, gain, weights)

    by_difference = (at(0.01).value - at(-0.01).value) / 0.02
    # A few of 3000 points cross the end of the scale on the way.
    assert float(at(0).slope.astype(float) @ direction) == pytest.approx(by_difference, rel=0.02)
