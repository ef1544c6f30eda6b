import numpy as np
import pytest

from perspect.numerics.profile import line, profiled
from perspect.numerics.separable import Axes, Family, falls_apart, slopes

T = np.linspace(0.0, 60.0, 50)


def decays(low=0.0, high=100.0):
    def atoms(theta):
        decay = np.exp(-theta[..., :1] * T)
        return np.stack([decay, np.broadcast_to(np.ones_like(T), decay.shape)], axis=-2)

    axes = Axes(np.array([1e-3]), np.array([1.0]), np.array([True]))
    return Family(atoms, axes, np.array([low, low]), np.array([high, high]))


def solved(family, y):
    tables = line(family)
    z = y @ tables.search.basis
    nodes = tables.search.explained(z)
    return profiled(tables, z, (y**2).sum(axis=1), nodes, nodes.argmax(axis=1))


def test_the_minimum_is_that_of_a_search_a_thousand_times_finer():
    family = decays()
    rng = np.random.default_rng(0)
    theta = np.exp(rng.uniform(np.log(5e-3), np.log(0.3), 30))
    y = 3.0 * np.exp(-theta[:, None] * T) + 1.0 + rng.normal(0.0, 0.2, (30, T.size))
    there = solved(family, y)
    fine = np.linspace(family.axes.u_low[0], family.axes.u_high[0], 40001)[:, None]
    for i in range(30):
        around = fine[np.abs(fine[:, 0] - there.u[i]) < 1.0]
        columns = family.at(around)
        gram = columns @ np.swapaxes(columns, 1, 2)
        moment = columns @ y[i]
        c = np.linalg.solve(gram, moment[..., None])[..., 0]
        is_inside = (c >= 0).all(axis=1)
        explained = np.where(is_inside, (c * moment).sum(axis=1), -np.inf)
        assert there.explained[i] >= explained.max() * (1.0 - 1e-6)
        if there.c[:, i].min() > 0:
            assert there.u[i] == pytest.approx(around[explained.argmax(), 0], abs=2e-3)


def test_a_curve_that_wants_to_leave_the_range_ends_on_it():
    y = np.stack([np.exp(-3.0 * T), 50.0 - 0.02 * T])
    there = solved(decays(), y)
    assert there.is_end.all()
    family = decays()
    np.testing.assert_allclose(there.u, [family.axes.u_high[0], family.axes.u_low[0]], atol=1e-12)


def test_amplitudes_stay_within_their_bounds():
    there = solved(decays(high=0.5), np.random.default_rng(1).normal(0.5, 1.0, (500, T.size)))
    assert ((there.c >= 0.0) & (there.c <= 0.5)).all()


def test_a_family_with_a_kink_has_no_tables():
    axes = Axes(np.array([0.0]), np.array([60.0]), np.array([False]))
    kinked = Family(lambda theta: np.clip(T - theta, 0.0, None)[:, None], axes, np.zeros(1), np.ones(1))
    assert line(kinked) is None


def test_slopes_are_right_inside_and_at_the_ends():
    x = np.array([[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]])
    found = slopes(
        lambda p: np.stack([np.exp(p[:, 0]) * p[:, 1], p[:, 1] ** 3], 1), x, np.array([0.0, 1.0]), np.array([2.0, 3.0])
    )
    expected = np.empty((3, 2, 2))
    expected[:, 0, 0], expected[:, 0, 1] = np.exp(x[:, 0]) * x[:, 1], np.exp(x[:, 0])
    expected[:, 1, 0], expected[:, 1, 1] = 0.0, 3.0 * x[:, 1] ** 2
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_two_hills_fall_apart_and_one_broad_hill_does_not():
    x = np.linspace(-1.0, 1.0, 41)
    two = np.exp(-(((np.abs(x) - 0.6) / 0.15) ** 2))
    one = np.exp(-((x / 0.8) ** 2))
    rippled = one + 0.001 * np.sin(40.0 * x)
    nodes = 10.0 * np.stack([two, one, rippled]).astype(np.float32)
    found = falls_apart(nodes, nodes.max(axis=1), np.full(3, 1.0))
    np.testing.assert_array_equal(found, [True, False, False])
