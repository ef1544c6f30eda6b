import numpy as np
import pytest
import scipy.linalg

from perspect.numerics.deconvolution import (
    circulant,
    least_truncation,
    oscillation_index,
    padding,
    tikhonov,
    toeplitz_inverse,
)

STEP, N = 1.5, 60
T = STEP * np.arange(N)
KERNEL = np.where(T > 9, (T - 9) ** 3 * np.exp(-(T - 9) / 1.5), 0.0)
LEVELS = np.linspace(0.01, 0.5, 20)


def smooth_solution(delay=0.0):
    """A solution without a step, so that a cut of the spectrum can hold it whole."""
    return 0.01 * np.exp(-0.5 * ((T - 12 - delay) / 5) ** 2)


def convolved(solution, kernel=KERNEL):
    return STEP * np.convolve(kernel, solution)[:N]


def test_truncation_of_the_circulant_spectrum_is_truncated_singular_value_decomposition():
    operator = circulant(KERNEL, STEP)
    length = operator.length
    padded = KERNEL @ padding(N, length)
    padded = (np.roll(padded, 1) + 4 * padded + np.roll(padded, -1)) / 6
    u, s, vt = scipy.linalg.svd(STEP * scipy.linalg.circulant(padded))
    for threshold in (0.05, 0.2):
        keep = s >= threshold * s[0]
        inverse = vt[keep].T / s[keep] @ u[:, keep].T @ padding(N, length).T
        np.testing.assert_allclose(operator.truncated(threshold).T, inverse, atol=2e-6 * np.abs(inverse).max())


def test_a_shifted_curve_has_a_shifted_solution_and_nothing_else_changes():
    operator = circulant(KERNEL, STEP)
    base = convolved(smooth_solution()[:N])
    later = np.concatenate([np.zeros(4), base[:-4]])
    both = np.stack([base, later]) @ operator.truncated(0.1)
    # Both curves end near zero, so shifting loses nothing but what left the window (under 1e-3 of the area).
    np.testing.assert_allclose(np.roll(both[0], 4), both[1], atol=5e-3 * both[0].max())


def test_the_causal_matrix_does_depend_on_the_arrival_time():
    """The wrong variant: a Toeplitz matrix under the name of a circulant loses the flow of early tissue."""
    inverse = toeplitz_inverse(KERNEL, STEP, 0.1)
    residue = np.exp(-T / 4)
    early = convolved(residue, np.concatenate([KERNEL[3:], np.zeros(3)]))
    on_time, before = (convolved(residue) @ inverse).max(), (early @ inverse).max()
    assert abs(before / on_time - 1) > 0.2
    operator = circulant(KERNEL, STEP)
    on_time, before = (np.stack([convolved(residue), early]) @ operator.truncated(0.1)).max(axis=1)
    assert before / on_time == pytest.approx(1, abs=0.02)


def test_the_time_step_is_part_of_the_operator():
    """The wrong variant: dt omitted gives flow per sample instead of per second."""
    curve = convolved(smooth_solution())
    found = curve @ circulant(KERNEL, STEP).truncated(0.02)
    assert found.max() == pytest.approx(0.01, rel=0.05)
    per_sample = curve @ circulant(KERNEL, 1.0).truncated(0.02)
    assert per_sample.max() == pytest.approx(0.01 * STEP, rel=0.05)


def test_the_smallest_threshold_below_the_allowed_oscillation_is_found():
    rng = np.random.default_rng(1)
    clean = convolved(np.exp(-T / 4))
    curves = (clean + rng.normal(0, 0.03 * clean.max(), (300, N))).astype(np.float32)
    operator = circulant(KERNEL, STEP)
    indices = np.array([oscillation_index(curves @ operator.truncated(p)) for p in LEVELS])
    scan = (indices < 0.08).argmax(axis=0)
    solutions, level = least_truncation(operator, curves, LEVELS, 0.08)
    # Bisection differs from a full scan only where the index is not monotone.
    assert (level == scan).mean() > 0.97
    assert (oscillation_index(solutions) < 0.08).mean() > 0.99


def test_the_oscillation_index_is_the_second_difference():
    """The wrong variant: a first difference calls a straight ramp an oscillation."""
    ramp = np.linspace(1, 2, 20)[None]
    assert oscillation_index(ramp)[0] == pytest.approx(0, abs=1e-12)
    assert np.abs(np.diff(ramp)).sum() > 0.9


def test_a_curve_without_positive_solution_counts_as_oscillating():
    assert np.isinf(oscillation_index(-np.ones((1, 9)))[0])


def test_cross_validation_penalises_noise_more():
    rng = np.random.default_rng(2)
    clean = convolved(np.exp(-T / 4))
    noise = rng.normal(0, clean.max(), (100, N))
    operator, penalties = circulant(KERNEL, STEP), np.geomspace(0.005, 1, 24)
    little = tikhonov(operator, (clean + 0.005 * noise).astype(np.float32), penalties)[1]
    much = tikhonov(operator, (clean + 0.1 * noise).astype(np.float32), penalties)[1]
    assert np.median(much) > np.median(little) + 3


def test_the_padding_keeps_a_curve_and_lets_its_end_fall_smoothly():
    curve = np.linspace(0, 1, 10)
    padded = curve @ padding(10, 24)
    np.testing.assert_array_equal(padded[:10], curve)
    assert np.all(np.diff(padded[10:]) < 0)
    assert abs(padded[10] - curve[-3:].mean()) < 0.02
    assert padded[-1] < 0.02
