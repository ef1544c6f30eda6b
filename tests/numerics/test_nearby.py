from dataclasses import replace

import numpy as np
import pytest

from perspect.fit.family import family_of
from perspect.models import DelayedExtendedTofts, TwoCompartmentExchange
from perspect.numerics import nearby as finer
from perspect.numerics.plane import columns_at, plane
from perspect.numerics.small import box_minimum
from perspect.numerics.summits import summits

T = np.arange(0.0, 300.0, 5.0)
CP = 5.0 * np.clip((T - 40.0) / 8.0, 0.0, None) * np.exp(1.0 - np.clip((T - 40.0) / 8.0, 0.0, None)) + 0.8 * (T > 40.0)
RIVAL = 1.5


@pytest.fixture(scope="module", params=[DelayedExtendedTofts, TwoCompartmentExchange])
def near(request):
    model = request.param(T, CP)
    edges = tuple(model.edges(quantity) for quantity in model.nonlinear)
    return finer.nearby(plane(family_of(model), edges, model.is_searched), model.is_searched)


def explained_at(near, z, cell, x):
    """By the columns, in double precision."""
    order = np.argsort(cell[0] * near.tables.n_cells[1] + cell[1], kind="stable")
    columns = np.empty((len(near.tables.columns), *z.shape))
    columns[:, order] = columns_at(near.tables, cell[:, order], x[:, order])[0]
    gram = np.einsum("ivr,jvr->ijv", columns, columns)
    moment = np.einsum("ivr,vr->iv", columns, z)
    return box_minimum(gram, moment, near.tables.family.low, near.tables.family.high)[1]


def curves(near, n=60, seed=0, noise=0.02):
    """Of columns at places inside the range, in the basis of the tables, with noise."""
    rng = np.random.default_rng(seed)
    axes = near.tables.family.axes
    u = axes.u_low + rng.uniform(0.3, 0.7, (n, 2)) * (axes.u_high - axes.u_low)
    columns = near.tables.family.at(u) @ near.tables.search.basis
    amplitudes = rng.uniform(0.2, 1.0, (n, columns.shape[1])) / np.sqrt((columns**2).sum(axis=-1))
    z = np.einsum("vi,vir->vr", amplitudes, columns)
    return z + rng.normal(0.0, noise / np.sqrt(z.shape[1]), z.shape)


def test_a_node_explains_what_the_columns_there_do(near):
    z = curves(near)
    cells = np.zeros(len(z), np.int64) + near.tables.n_cells[1] * (near.tables.n_cells[0] // 2) + 2
    node, score = finer.looked(near, z.astype(np.float32), cells)
    one, other = np.divmod(node[score.argmax(axis=0), np.arange(len(z))], near.x[1].size)
    cell, x = np.stack([near.cell[0][one], near.cell[1][other]]), np.stack([near.x[0][one], near.x[1][other]])
    exact = explained_at(near, z, cell, x)
    np.testing.assert_allclose(score.max(axis=0), exact, rtol=1e-4, atol=1e-5 * (z**2).sum(axis=1).max())


def test_a_step_from_a_node_gains_about_what_it_promises(near):
    z = curves(near, noise=0.002)
    best = summits(near, z.astype(np.float32), (z**2).sum(axis=1), RIVAL)[0]
    node, score = finer.looked(near, z.astype(np.float32), best)
    node = node[score.argmax(axis=0), np.arange(len(z))]
    there = finer.arrived(near, z.astype(np.float32), node)
    exact = explained_at(near, z, there.cell, there.x)
    left, before = (z**2).sum(axis=1) - exact, (z**2).sum(axis=1) - score.max(axis=0)
    assert (left <= before * (1.0 + 1e-3) + 1e-6).mean() > 0.9
    assert np.median(left / before) < 0.9


def test_what_is_not_searched_explains_nothing():
    model = TwoCompartmentExchange(T, CP)
    tables = plane(family_of(model), (None, None), model.is_searched)
    nothing = finer.nearby(tables, lambda theta: np.zeros(theta.shape[:-1], bool))
    assert all((window.search.vectors == 0).all() for window in nothing.windows)
    assert (
        replace(nothing, per_cell=1).coarse.explained(np.ones((1, tables.search.basis.shape[1]), np.float32)).max() == 0
    )
