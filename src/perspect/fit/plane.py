"""Separable models with two non-linear parameters: a dictionary, cells of polynomials, and Newton inside them."""

from collections.abc import Callable
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.fit.elsewhere import Search
from perspect.fit.family import moot, touches
from perspect.fit.search import searched
from perspect.fit.settle import AT_ONCE, Settled, Task
from perspect.fit.solution import Chunk, Route, Solution
from perspect.numerics.cells import cells_of
from perspect.numerics.cone import is_cone
from perspect.numerics.nodes import nodes
from perspect.numerics.parallel import spans
from perspect.numerics.plane import Plane, columns_at, plane
from perspect.numerics.sections import sections
from perspect.numerics.separable import Axes, Family
from perspect.numerics.small import inverse, times, without

VOXELS: Final = 65536
"""Curves in a chunk: more than along a line, since the last few cost as many calls as the first many."""

POLISHES: Final = 2

HARDLY: Final = 1e-3
"""Share of a curve below which a column is hardly there [our default]."""

NOTICEABLE: Final = 1e-5
"""Share of the sum of squares that errors of the tables may add before exact columns put them right."""


def on_plane(family: Family, tables: Plane, is_searched: Callable[[np.ndarray], np.ndarray]) -> Route:
    """The lower of the minima to which the best cell and its best distant rivals lead; amplitudes at their best.

    A voxel is ambiguous where two are minima, apart, and the data cannot tell one from the other (at 95 %).
    """
    shapes = shapes_of(family)
    cells, search = cells_of(tables), None
    if is_cone(family, tables.search.columns):
        begins = nodes(tables, is_searched)
        search = Search(begins, sections(begins))

    def solve(chunk: Chunk) -> Solution:
        z = chunk.y.T @ tables.search.basis
        found, is_ambiguous = searched(search, Task(cells, shapes, chunk, z))
        return _stated(family, tables, shapes, chunk, found, is_ambiguous)

    return Route(solve, lambda x: _slopes(family, tables, x), VOXELS)


def on_bent_line(family: Family, edges: Float[np.ndarray, " edges"]) -> Route:
    """A family with one θ along which columns bend: a plane whose other axis changes nothing."""
    one = family.axes
    axes = Axes(np.append(one.low, 0.0), np.append(one.high, 1.0), np.append(one.is_log, False))
    wide = Family(lambda theta: family.atoms(theta[..., :1]), axes, family.low, family.high)

    def everywhere(theta: np.ndarray) -> np.ndarray:
        return np.ones(theta.shape[:-1], bool)

    route = on_plane(wide, plane(wide, (edges, np.array([0.0, 1.0])), everywhere), everywhere)

    def solve(chunk: Chunk) -> Solution:
        found = route.solve(chunk)
        return Solution(
            found.x[:-1], found.sse, found.information[:-1, :-1], found.is_at_bound[:-1], found.is_undetermined[:-1],
            found.is_ambiguous, found.has_converged,
        )  # fmt: skip

    def slopes(x: np.ndarray) -> np.ndarray:
        return route.slopes(np.concatenate([x, np.zeros((1, x.shape[1]))]))[..., :-1]

    return Route(solve, slopes, VOXELS)


def shapes_of(family: Family) -> Bool[np.ndarray, "nonlinear linear"]:
    """Which θ shapes which atom, as seen at points scattered over the ranges."""
    spread = np.random.default_rng(0).uniform(size=(64, family.axes.low.size))
    u = family.axes.u_low + spread * (family.axes.u_high - family.axes.u_low)
    shapes: np.ndarray = (family.slopes(u) != 0).any(axis=(0, 3))
    return shapes


def _stated(
    family: Family, tables: Plane, shapes: np.ndarray, chunk: Chunk, found: Settled, is_ambiguous: np.ndarray
) -> Solution:
    n_linear, place = family.low.size, found.place
    c, u, information = found.c, tables.u(place.cell, place.x), found.information
    sse = np.maximum(chunk.square - place.explained, 0.0)
    rows = np.flatnonzero(sse < tables.error**2 / NOTICEABLE * chunk.square)
    rows = rows[np.argsort(place.cell[0, rows] * tables.n_cells[1] + place.cell[1, rows], kind="stable")]
    for span in spans(rows.size, AT_ONCE):
        some = rows[span]
        c[:, some], u[:, some], sse[some] = _exact(
            family, tables, chunk.y[:, some], place.cell[:, some], place.x[:, some], information[..., some],
            c[:, some], u[:, some],
        )  # fmt: skip
    theta = family.axes.theta(u.T)
    is_end = ((family.axes.u_low >= u.T) | (family.axes.u_high <= u.T)).T
    is_undetermined = np.zeros((n_linear + 2, u.shape[1]), bool)
    gram = information[:n_linear, :n_linear]
    is_undetermined[n_linear:] = moot(family, shapes, gram, found.moment, place.explained, chunk)
    is_at_bound = np.concatenate([_touches(family, c, information, chunk.square), is_end])
    return Solution(
        np.concatenate([c, theta.T]), sse, information, is_at_bound & ~is_undetermined, is_undetermined,
        is_ambiguous & ~is_undetermined.any(axis=0), place.has_converged,
    )  # fmt: skip


def _touches(
    family: Family, c: np.ndarray, information: Float[np.ndarray, "unknowns unknowns voxels"], square: np.ndarray
) -> Bool[np.ndarray, "linear voxels"]:
    """Which amplitudes stand at a bound; where the columns depend on each other, also those that all but do. Without
    plasma in the tissue the slope of a leakage along the delay is a sum of the two columns.
    """
    out = touches(family, c)
    rows = np.flatnonzero(np.isnan(inverse(information)[0, 0]))
    if rows.size:
        length = np.sqrt(np.einsum("iiv->iv", information[: len(c), : len(c), rows]))
        out[:, rows] |= (c[:, rows] - family.low[:, None]) * length < HARDLY * np.sqrt(square[rows])
    return out


def _slopes(
    family: Family, tables: Plane, x: Float[np.ndarray, "unknowns voxels"]
) -> Float[np.ndarray, "voxels time unknowns"]:
    """Derivatives of the signal along amplitudes and θ, from the tables."""
    n_linear = family.low.size
    c, u = x[:n_linear], family.axes.u(x[n_linear:].T).T
    cell = tables.cell(u)
    order = np.argsort(cell[0] * tables.n_cells[1] + cell[1], kind="stable")
    c, u, cell = c[:, order], u[:, order], cell[:, order]
    columns, slopes = columns_at(tables, cell, tables.x(cell, u))
    inside = np.empty((len(x), order.size, tables.search.basis.shape[1]))
    inside[:n_linear, order] = columns
    inside[n_linear:, order] = weighed(slopes, c) / family.axes.stretch(u.T).T[:, :, None]
    both = inside @ tables.search.basis.T
    return np.moveaxis(both, 0, -1)


def _exact(
    family: Family,
    tables: Plane,
    y: Float[np.ndarray, "time voxels"],
    cell: np.ndarray,
    x: np.ndarray,
    information: np.ndarray,
    c: np.ndarray,
    u: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A Gauss-Newton step or two with the exact residual, for curves that see the error of the tables."""
    slopes = columns_at(tables, cell, x)[1]
    n_linear = c.shape[0]
    held = np.concatenate([touches(family, c), ((family.axes.u_low >= u.T) | (family.axes.u_high <= u.T)).T])
    known = inverse(without(information, held))
    half = tables.half_widths(tables.cell(u))
    columns, rest = _left(family, y, c, u)
    for _ in range(POLISHES):
        inside = rest @ tables.search.basis
        pull = np.concatenate(
            [
                np.einsum("vmt,vt->mv", columns, rest),
                np.einsum("jvr,vr->jv", weighed(slopes, c), inside) / family.axes.stretch(u.T).T,
            ]
        )
        step = np.nan_to_num(times(known, np.where(held, 0.0, pull)))
        new_c = np.clip(c + step[:n_linear], family.low[:, None], family.high[:, None])
        new_u = family.axes.u(family.axes.theta(u.T) + step[n_linear:].T).T
        new_columns, new_rest = _left(family, y, new_c, new_u)
        takes = (np.einsum("vt,vt->v", new_rest, new_rest) < np.einsum("vt,vt->v", rest, rest)) & (
            np.abs(new_u - u) <= half
        ).all(axis=0)
        c, u = np.where(takes, new_c, c), np.where(takes, new_u, u)
        columns, rest = np.where(takes[:, None, None], new_columns, columns), np.where(takes[:, None], new_rest, rest)
    return c, u, np.einsum("vt,vt->v", rest, rest)


def _left(
    family: Family, y: np.ndarray, c: np.ndarray, u: np.ndarray
) -> tuple[Float[np.ndarray, "voxels linear time"], Float[np.ndarray, "voxels time"]]:
    """The exact columns, and what they leave of the curves."""
    columns = np.asarray(family.atoms(family.axes.theta(u.T)), np.float64)
    return columns, y.T - np.einsum("mv,vmt->vt", c, columns)


def weighed(
    slopes: Float[np.ndarray, "linear 2 voxels rank"], c: Float[np.ndarray, "linear voxels"]
) -> Float[np.ndarray, "2 voxels rank"]:
    """Slopes of the signal along u."""
    out = slopes[0] * c[0][:, None]
    for one, row in zip(slopes[1:], c[1:], strict=True):
        out += one * row[:, None]
    return np.asarray(out)
