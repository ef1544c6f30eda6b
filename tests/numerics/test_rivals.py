import numpy as np
import scipy.special

from perspect.numerics.parabola import vertex
from perspect.numerics.rivals import SURER, Noise, rivals

EVERYWHERE = np.ones(24, bool)


def two_peaks(lower_by, n=1, sigma=0.1):
    """Peaks at samples 5 and 15, the second lower; white noise of `sigma`."""
    t = np.arange(24.0)
    curve = np.exp(-0.5 * (t - 5) ** 2) + (1 - lower_by) * np.exp(-0.5 * (t - 15) ** 2)
    return np.tile(curve, (n, 1)), Noise(np.eye(24)[None], np.zeros(n, np.int64), np.full(n, sigma))


def test_a_peak_that_is_as_high_is_as_likely_and_one_that_is_lower_follows_the_error_of_the_difference():
    for lower_by in (0.0, 0.1, 0.2):
        curve, noise = two_peaks(lower_by)
        found = rivals(curve, np.array([5]), noise, EVERYWHERE)
        expected = scipy.special.ndtr(-SURER * lower_by / (0.1 * np.sqrt(2)))
        np.testing.assert_allclose(found.chance(1), expected, rtol=1e-6)
        np.testing.assert_allclose(found.spread(np.full(1, 10.0), 1), 10 * np.sqrt(expected), rtol=1e-6)


def test_a_peak_far_below_or_outside_what_is_allowed_is_no_rival():
    curve, noise = two_peaks(0.6)
    assert rivals(curve, np.array([5]), noise, EVERYWHERE).row.size == 0
    curve, noise = two_peaks(0.0)
    assert rivals(curve, np.array([5]), noise, np.arange(24) < 10).row.size == 0


def test_noise_that_two_samples_share_does_not_make_them_rivals():
    curve, _ = two_peaks(0.1)
    shared = Noise(np.ones((1, 24, 24)), np.zeros(1, np.int64), np.full(1, 10.0))
    assert rivals(curve, np.array([5]), shared, EVERYWHERE).row.size == 0


def test_without_a_curve_there_are_no_rivals_and_no_chance_of_one():
    _, noise = two_peaks(0.0)
    for nothing in (np.zeros(24), np.full(24, 3.0), np.full(24, -np.inf)):
        assert rivals(nothing[None], np.array([5]), noise, EVERYWHERE).row.size == 0


def test_a_vertex_moves_with_its_points_as_its_slopes_say():
    x = np.array([[-1.2], [0.0], [0.7]])
    y = np.array([[0.8], [1.0], [0.95]])
    _, place, moves = vertex(x, y)
    for k in range(3):
        moved = y.copy()
        moved[k] += 1e-6
        np.testing.assert_allclose((vertex(x, moved)[1] - place) / 1e-6, moves[k], rtol=1e-4)


def test_where_the_middle_is_no_maximum_nothing_says_how_the_vertex_moves():
    """The wrong variant gave the middle point with an error of its own."""
    for y in ([0.0, 1.0, 2.0], [1.0, 0.5, 1.0], [0.0, 0.0, 0.0], [np.nan, 1.0, 0.0]):
        assert np.isnan(vertex(np.array([[-1.0], [0.0], [1.0]]), np.array(y)[:, None])[2]).all()
