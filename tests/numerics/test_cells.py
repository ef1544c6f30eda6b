"""Polynomials of moments and products, nodes and sections of a plane, beside the columns that they stand for."""

import numpy as np
import pytest

from perspect.fit.family import family_of
from perspect.models import DelayedExtendedTofts, DelayedTofts, TwoCompartmentExchange
from perspect.numerics.cells import cells_of, known_at, moments, surface
from perspect.numerics.nodes import columns_on, nodes, ranks, summits
from perspect.numerics.plane import columns_at, plane
from perspect.numerics.sections import heights, sections
from perspect.numerics.small import box_minimum

T = np.arange(0.0, 300.0, 5.0)
CP = 5.0 * np.clip((T - 40.0) / 8.0, 0.0, None) * np.exp(1.0 - np.clip((T - 40.0) / 8.0, 0.0, None)) + 0.8 * (T > 40.0)
N = 300


@pytest.fixture(scope="module", params=[DelayedExtendedTofts, DelayedTofts, TwoCompartmentExchange])
def model(request):
    return request.param(T, CP)


@pytest.fixture(scope="module")
def tables(model):
    edges = tuple(model.edges(quantity) for quantity in model.nonlinear)
    return plane(family_of(model), edges, model.is_searched)


def curves(tables, n=N, seed=0, noise=0.02):
    """Of columns at places inside the range, in the basis of the tables, with noise; and those places."""
    rng = np.random.default_rng(seed)
    axes = tables.family.axes
    u = axes.u_low + rng.uniform((0.55, 0.2), (0.9, 0.5), (n, 2)) * (axes.u_high - axes.u_low)
    columns = tables.family.at(u) @ tables.search.basis
    amplitudes = rng.uniform(0.2, 1.0, (n, columns.shape[1])) / np.sqrt((columns**2).sum(axis=-1))
    z = np.einsum("vi,vir->vr", amplitudes, columns)
    return z + rng.normal(0.0, noise / np.sqrt(z.shape[1]), z.shape), u.T


def scattered(tables, n=N, seed=1):
    rng = np.random.default_rng(seed)
    number = np.sort(rng.integers(0, tables.n_cells[0] * tables.n_cells[1], n))
    return number, np.stack(np.divmod(number, tables.n_cells[1])), rng.uniform(-1.0, 1.0, (2, n))


def by_columns(tables, z, cell, x):
    """Columns, slopes along u, Gram matrix, moments, amplitudes and what they explain, in order of the cells."""
    columns, slopes = columns_at(tables, cell, x)
    gram, moment = np.einsum("ivr,jvr->ijv", columns, columns), np.einsum("ivr,vr->iv", columns, z)
    return columns, slopes, moment, *box_minimum(gram, moment, tables.family.low, tables.family.high)


def test_polynomials_say_what_the_columns_do(tables):
    z, cells = curves(tables)[0], cells_of(tables)
    number, cell, x = scattered(tables)
    explained, _, _ = surface(cells, moments(cells, z, number), np.arange(N), number, x)
    c, moment, information, again = known_at(cells, z, cell, x)
    columns, slopes, moments_, amplitudes, exact = by_columns(tables, z, cell, x)
    np.testing.assert_allclose(explained, exact, rtol=1e-9, atol=1e-11 * exact.max())
    np.testing.assert_allclose(again, exact, rtol=1e-9, atol=1e-11 * exact.max())
    np.testing.assert_allclose(moment, moments_, rtol=1e-9, atol=1e-11 * np.abs(moments_).max())
    np.testing.assert_allclose(c, amplitudes, rtol=1e-6, atol=1e-8 * np.abs(amplitudes).max())
    steep = np.einsum("iv,ijvr->jvr", c, slopes) * tables.half_widths(cell)[..., None]
    every = np.concatenate([columns, steep])
    expected = np.einsum("ivr,jvr->ijv", every, every)
    size = np.sqrt(np.einsum("iiv->iv", expected)).max(axis=-1)[:, None, None]
    np.testing.assert_allclose(information / size / size[:, 0], expected / size / size[:, 0], atol=1e-9)


def test_gradients_and_hessians_are_those_of_differences(tables):
    z, cells = curves(tables)[0], cells_of(tables)
    number, _, x = scattered(tables)
    of, rows, h = moments(cells, z, number), np.arange(N), 1e-5
    _, gradient, hessian = surface(cells, of, rows, number, x)
    for axis in (0, 1):
        e = np.zeros((2, 1))
        e[axis] = h
        (high, up, _), (low, down, _) = (surface(cells, of, rows, number, x + side * e) for side in (1.0, -1.0))
        np.testing.assert_allclose(gradient[axis], (high - low) / (2 * h), atol=1e-6 * np.abs(gradient).max())
        # Where an amplitude meets its bound between the two the curvature leaps.
        apart = np.abs(hessian[axis] - (up - down) / (2 * h)).max(axis=0)
        assert (apart < 1e-5 * np.abs(hessian).max()).mean() > 0.98


def test_curves_that_share_no_cell_are_served_as_those_that_do(tables):
    z, cells = curves(tables)[0], cells_of(tables)
    number, _, x = scattered(tables)
    of = moments(cells, z, number)
    few = slice(0, 5)
    whole = surface(cells, of, np.arange(N), number, x)
    some = surface(cells, moments(cells, z[few], number[few]), np.arange(5), number[few], x[:, few])
    for one, other in zip(whole, some, strict=True):
        np.testing.assert_allclose(one[..., few], other, rtol=1e-9, atol=1e-12 * np.abs(one).max())


def test_the_highest_summit_is_near_the_truth_without_noise(tables, model):
    z, u = curves(tables, noise=1e-4)
    near = nodes(tables, model.is_searched)
    found = summits(near, z.astype(np.float32), (z**2).sum(axis=1), 1.5)
    first = np.flatnonzero(ranks(found.curve) == 0)
    np.testing.assert_array_equal(found.curve[first], np.arange(N))
    if model.is_searched(tables.family.axes.theta(u.T)).all():
        apart = np.abs(found.u[:, first] - u)[near.along]
        assert np.median(apart) < 0.3 and (found.height[first] > 0.98 * (z**2).sum(axis=1)).mean() > 0.95


def test_nodes_that_are_not_searched_are_no_place_to_begin(tables):
    nothing = nodes(tables, lambda theta: np.zeros(theta.shape[:-1], bool))
    assert nothing.search.surface(curves(tables)[0].astype(np.float32)).max() == 0


def test_nodes_lie_where_columns_turn(model, tables):
    near = nodes(tables, model.is_searched)
    scale = near.scales[1 - near.along]
    spaced = np.diff(scale.nodes)
    assert spaced.max() > 3.0 * spaced.min()
    np.testing.assert_allclose(scale.count_at(scale.nodes), np.arange(scale.n), atol=1e-6)


def test_sections_say_what_is_explained_along_them(tables, model):
    near = nodes(tables, model.is_searched)
    of = sections(near)
    z, _ = curves(tables)
    rng = np.random.default_rng(2)
    cell, x, h = rng.integers(0, tables.n_cells[near.along], N), rng.uniform(-0.9, 0.9, N), 1e-5
    height, slope = heights(of, z, cell, np.stack([x - h, x, x + h]))
    np.testing.assert_allclose(slope[1], (height[2] - height[0]) / (2 * h), atol=1e-5 * np.abs(slope).max())
    low, high = tables.sides[near.along]
    for k in (0, N // 2):
        u = np.array([low[cell[k]] + 0.5 * (x[k] + 1.0) * (high - low)[cell[k]]])
        pair = (of.scale.nodes, u) if near.along else (u, of.scale.nodes)
        columns = columns_on(tables, pair).reshape(len(tables.columns), -1, z.shape[1])
        gram, moment = np.einsum("inr,jnr->ijn", columns, columns), columns @ z[k]
        exact = box_minimum(gram, moment, tables.family.low, np.full(len(columns), np.inf))[1]
        np.testing.assert_allclose(height[1, :, k], exact, rtol=1e-4, atol=1e-5 * exact.max())
