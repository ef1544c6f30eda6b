import numpy as np
import scipy.optimize

from perspect.numerics.bounded import least_squares


def bananas(sharpness):
    """Rosenbrock's valley, one per problem, each as crooked as it likes."""

    def residual(x, rows):
        return -np.stack([sharpness[rows] * (x[:, 1] - x[:, 0] ** 2), 1.0 - x[:, 0]], axis=1)

    def slopes(x, rows):
        one = np.ones(len(rows))
        first = np.stack([-2.0 * sharpness[rows] * x[:, 0], sharpness[rows]], axis=1)
        return np.stack([first, np.stack([-one, 0.0 * one], axis=1)], axis=1)

    return residual, slopes


def test_every_problem_of_a_batch_reaches_its_minimum():
    sharpness = np.geomspace(1.0, 100.0, 40)
    start = np.tile([-1.2, 1.0], (40, 1))
    found = least_squares(*bananas(sharpness), start, np.array([-5.0, -5.0]), np.array([5.0, 5.0]))
    assert found.has_converged.all()
    np.testing.assert_allclose(found.x, 1.0, atol=1e-6)


def test_bounds_hold_and_the_rest_is_at_its_best_on_them():
    sharpness = np.full(20, 10.0)
    low, high = np.array([-2.0, -1.0]), np.array([0.5, 3.0])
    start = np.random.default_rng(0).uniform(low, high, (20, 2))
    residual, slopes = bananas(sharpness)
    found = least_squares(residual, slopes, start, low, high)
    assert ((found.x >= low) & (found.x <= high)).all()
    peer = scipy.optimize.least_squares(
        lambda x: residual(x[None], np.zeros(1, int))[0], [0.0, 0.0], bounds=(low, high), xtol=1e-14, ftol=1e-14
    )
    np.testing.assert_allclose(found.x, np.tile(peer.x, (20, 1)), atol=1e-6)


def test_a_problem_does_not_notice_its_neighbours():
    sharpness = np.geomspace(1.0, 100.0, 10)
    start = np.random.default_rng(1).uniform(-2.0, 2.0, (10, 2))
    ends = np.array([-5.0, -5.0]), np.array([5.0, 5.0])
    together = least_squares(*bananas(sharpness), start, *ends)
    for i in range(10):
        alone = least_squares(*bananas(sharpness[i : i + 1]), start[i : i + 1], *ends)
        np.testing.assert_allclose(alone.x[0], together.x[i], atol=1e-12)


def test_too_few_steps_are_not_called_a_minimum():
    start = np.array([[-1.2, 1.0]])
    found = least_squares(*bananas(np.array([100.0])), start, np.array([-5.0, -5.0]), np.array([5.0, 5.0]), n_steps=3)
    assert not found.has_converged[0]
