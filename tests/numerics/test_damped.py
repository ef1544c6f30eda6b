"""The damped step: Newton's without damping, down the slope with much, inside its limits, one alone as among many."""

import numpy as np
import pytest

from perspect.numerics.damped import damped_step, held, next_damping


def problems(n=6, size=4):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(n, size, 3 * size))
    return rng.normal(size=(n, size)), rows @ rows.mT


FAR = np.full((6, 4), 1e9)
ALL = np.ones((6, 4), bool)


def test_without_damping_and_limits_it_is_the_step_of_newton_and_promises_what_it_gains():
    gradient, curvature = problems()
    step, promise = damped_step(gradient, curvature, np.zeros(6), ALL, -FAR, FAR)
    np.testing.assert_allclose(step, -np.linalg.solve(curvature, gradient[..., None])[..., 0])
    # cost(x) = 2 g·x + x·C x
    cost = (step * (2 * gradient + (curvature @ step[..., None])[..., 0])).sum(axis=1)
    np.testing.assert_allclose(promise, -cost)
    assert (promise > 0).all()


def test_much_damping_makes_it_short_and_downhill():
    gradient, curvature = problems()
    step, _ = damped_step(gradient, curvature, np.full(6, 1e6), ALL, -FAR, FAR)
    size = np.diagonal(curvature, axis1=1, axis2=2)
    np.testing.assert_allclose(step, -gradient / (1e6 * size), rtol=1e-4)


def test_it_stays_within_limits_and_still_promises_something():
    gradient, curvature = problems(n=5, size=2)
    low, high = np.full((5, 2), -0.05), np.full((5, 2), 0.03)
    step, promise = damped_step(gradient, curvature, np.zeros(5), np.ones((5, 2), bool), low, high)
    assert ((step >= low) & (step <= high)).all() and (step != 0).any(axis=1).all()
    assert (promise > 0).all()


@pytest.mark.parametrize("bound", [1e9, 0.02])
def test_one_alone_steps_as_among_many(bound):
    gradient, curvature = problems()
    free = np.random.default_rng(1).random((6, 4)) < 0.8
    limit = np.full((6, 4), bound)
    steps, promises = damped_step(gradient, curvature, np.full(6, 0.01), free, -limit, limit)
    for k in range(6):
        one, promise = damped_step(gradient[k], curvature[k], np.array(0.01), free[k], -limit[k], limit[k])
        np.testing.assert_allclose(one, steps[k], atol=1e-12)
        assert float(promise) == pytest.approx(promises[k])
        assert (one[~free[k]] == 0).all()


def test_what_stands_at_a_limit_and_wants_beyond_is_held():
    at, low, high = np.array([0.0, 0.0, 1.0, 0.5]), np.zeros(4), np.ones(4)
    np.testing.assert_array_equal(held(at, low, high, np.array([1.0, -1.0, -1.0, 1.0])), [True, False, True, False])


def test_damping_falls_after_a_step_that_kept_its_promise_and_rises_after_others():
    found = next_damping(np.full(3, 1.0), np.array([0.9, 0.1, -1.0]), np.ones(3))
    np.testing.assert_allclose(found, [0.2, 2.0, 5.0])
