"""Curves for which one column alone changes: the quick way beside the one that knows of bounds."""

import numpy as np
import pytest

from perspect.numerics.lone import LEFT, _step, highest, in_pieces, lone, raised, strays
from perspect.numerics.profile import line, profiled
from perspect.numerics.separable import Axes, Family, falls_apart
from perspect.numerics.stencil import derived

T = np.linspace(0.0, 60.0, 50)


def decays(low=0.0, high=100.0, n_still=1):
    still = np.stack([np.ones_like(T), T / 60.0])[:n_still]

    def atoms(theta):
        decay = np.exp(-theta[..., :1] * T)
        return np.concatenate([decay[..., None, :], np.broadcast_to(still, (*decay.shape[:-1], *still.shape))], axis=-2)

    axes = Axes(np.array([5e-3]), np.array([1.0]), np.array([True]))
    return Family(atoms, axes, np.full(1 + n_still, low), np.full(1 + n_still, high))


def curves(n, n_still, noise=0.2, seed=0):
    rng = np.random.default_rng(seed)
    theta = np.exp(rng.uniform(np.log(0.02), np.log(0.3), n))
    y = rng.uniform(0.0, 3.0, (n, 1)) * np.exp(-theta[:, None] * T) + rng.uniform(0.0, 0.5, (n, 1))
    return y + (n_still == 2) * T / 60.0 + rng.normal(0.0, noise, (n, T.size))


def both_ways(family, y):
    tables = line(family)
    alone = lone(tables)
    z, square = y @ tables.search.basis, (y**2).sum(axis=1)
    t, best, top = raised(alone, z, bool(family.low[0] < 0))
    quick, is_found = highest(tables, alone, z, square, t, best)
    nodes = tables.search.explained(z)
    return quick, is_found & (top > 0), profiled(tables, z, square, nodes, nodes.argmax(axis=1))


@pytest.mark.parametrize(("n_still", "low"), [(0, 0.0), (1, 0.0), (2, 0.0), (1, -100.0)])
def test_where_no_bound_is_met_the_minimum_is_the_same_and_elsewhere_it_is_not_claimed(n_still, low):
    y = curves(2000, n_still)
    quick, is_found, slow = both_ways(decays(low, 100.0, n_still), y)
    free = ((slow.c > low) & (slow.c < 100.0)).all(axis=0)
    assert not (is_found & ~free).any()
    square = (y**2).sum(axis=1)
    # Tables of the one and of the other are good to 1e-6 of the square.
    assert (quick.explained - slow.explained)[is_found].min() > -2e-6 * square.max()
    # Of two nodes that explain the same the one may take the one, the other the other.
    is_found &= np.abs(quick.u - slow.u) < 0.05
    assert is_found[free].mean() > 0.97
    np.testing.assert_allclose(quick.explained[is_found], slow.explained[is_found], atol=2e-6 * square.max())
    for key in ("c", "gram", "moment", "mixed", "steep"):
        one, other = getattr(quick, key)[..., is_found], getattr(slow, key)[..., is_found]
        np.testing.assert_allclose(one, other, rtol=2e-2, atol=5e-3 * np.abs(other).max(), err_msg=key)


def test_two_steps_leave_less_of_the_way_than_is_said():
    family = decays()
    tables = line(family)
    alone = lone(tables)
    # Around the node of a decay of its own: t is at its highest there, and is looked for from beside it.
    for node in range(6, len(alone.poly) - 6):
        z = tables.columns[0, node]
        poly = np.repeat((alone.poly[node] @ z)[:, None], 4, axis=1)
        x = np.array([-0.4, -0.1, 0.1, 0.4])
        step = _step(*derived(poly, x))
        end = x.copy()
        for _ in range(8):
            end += _step(*derived(poly, end))
        np.testing.assert_array_less(np.abs(x + step - end), LEFT * np.abs(step) ** 3 + 1e-12)


def test_a_column_that_comes_to_lie_among_the_others_is_left_to_the_general_way():
    family = Family(decays().atoms, Axes(np.array([1e-6]), np.array([1.0]), np.array([True])), np.zeros(2), np.ones(2))
    tables = line(family)
    assert tables is None or lone(tables) is None


def test_what_falls_apart_does_so_as_where_all_nodes_are_worked_out():
    def atoms(theta):
        bump = np.exp(-(((T - theta[..., :1]) / 11.0) ** 2))
        return np.stack([bump, np.broadcast_to(np.ones_like(T), bump.shape)], axis=-2)

    family = Family(atoms, Axes(np.array([5.0]), np.array([55.0]), np.array([False])), np.zeros(2), np.full(2, 0.8))
    tables = line(family)
    alone = lone(tables)
    rng = np.random.default_rng(2)
    first, second, still = rng.uniform([8.0, 35.0, 0.0], [25.0, 52.0, 0.1], (2000, 3)).T[..., None]
    y = np.exp(-(((T - first) / 11.0) ** 2)) + np.exp(-(((T - second) / 11.0) ** 2)) + still
    y += rng.normal(0.0, 0.2, y.shape)
    z = y @ tables.search.basis
    t, best, top = raised(alone, z, False)
    nodes = tables.search.explained(z)
    drop = 0.05 * ((y**2).sum(axis=1) - nodes.max(axis=1))
    told = strays(alone, family, z, t, top, drop) | (top <= 0)
    expected = falls_apart(nodes, nodes[np.arange(best.size), nodes.argmax(axis=1)], drop)
    assert expected[~told].any()
    np.testing.assert_array_equal(in_pieces(t, top, drop)[~told], expected[~told])
    assert 0.01 < told.mean() < 0.5
