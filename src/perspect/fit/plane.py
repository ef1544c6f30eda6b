"""Separable models with two non-linear parameters: a dictionary, cells of polynomials, and Newton inside them."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.fit.family import is_moot, touches
from perspect.fit.solution import Chunk, Route, Solution, worth
from perspect.numerics.ascent import Place, ascended, begin, beyond
from perspect.numerics.parallel import spans
from perspect.numerics.plane import Plane, columns_at, plane
from perspect.numerics.separable import Axes, Family
from perspect.numerics.small import box_minimum, inverse, times, without

VOXELS: Final = 65536
"""Curves in a chunk: more than along a line, since the last few cost as many calls as the first many."""

AT_ONCE: Final = 4096
"""Of these, how many are searched, and stated, together."""

RIVAL: Final = 1.25
"""A second cell is followed to its minimum where its centre leaves no more than so many times the sum of squares."""

ROUNDING: Final = 2e-6
"""Relative differences of what cells explain that may be rounding in single precision: on a plateau nothing stands out.
"""

NOTICEABLE: Final = 1e-5
"""Share of the sum of squares that errors of the tables may add before exact columns put them right."""

POLISHES: Final = 2

FAR: Final = 2
"""It is more than so many cells away from the first along one of the axes."""


def on_plane(family: Family, tables: Plane) -> Route:
    """The lower of the minima to which the best cell and its best distant rival lead; amplitudes at their best.

    A voxel is ambiguous where both are minima, apart, and the data cannot tell one from the other (at 95 %).
    """
    shapes = shapes_of(family)

    def solve(chunk: Chunk) -> Solution:
        z = chunk.y.T @ tables.search.basis
        pieces = spans(len(z), AT_ONCE)
        parts = [_begun(tables, z[span], chunk.square[span]) for span in pieces]
        place = ascended(tables, z, chunk.square, _joined([first for first, _, _ in parts]))
        is_ambiguous = np.zeros(len(z), bool)
        rows = np.concatenate(
            [rows + span.start for (_, rows, _), span in zip(parts, spans(len(z), AT_ONCE), strict=True)]
        )
        if rows.size:
            other = ascended(tables, z[rows], chunk.square[rows], _joined([rival for _, _, rival in parts]))
            place, is_ambiguous[rows] = _better(tables, place, other, rows, chunk)
        for axis in np.flatnonzero(tables.is_bent):
            rows, start = beyond(tables, z, chunk.square, place, int(axis))
            if rows.size:
                behind = ascended(tables, z[rows], chunk.square[rows], start)
                place, _ = _better(tables, place, behind, rows, chunk)
        return _stated(family, tables, shapes, chunk, z, place, is_ambiguous)

    return Route(solve, lambda x: _slopes(family, tables, x), VOXELS)


def on_bent_line(family: Family, edges: Float[np.ndarray, " edges"]) -> Route:
    """A family with one θ along which columns bend: a plane whose other axis changes nothing."""
    one = family.axes
    axes = Axes(np.append(one.low, 0.0), np.append(one.high, 1.0), np.append(one.is_log, False))
    wide = Family(lambda theta: family.atoms(theta[..., :1]), axes, family.low, family.high)
    route = on_plane(wide, plane(wide, (edges, np.array([0.0, 1.0])), lambda theta: np.ones(theta.shape[:-1], bool)))

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


def _begun(
    tables: Plane, z: Float[np.ndarray, "voxels rank"], square: Float[np.ndarray, " voxels"]
) -> tuple[Place, Int[np.ndarray, " rows"], Place]:
    """Where the search of every curve begins; which curves have a rival that is close, and where that begins."""
    nodes = tables.search.explained(z)
    best, rival, is_close = _starts(tables, nodes, square)
    rows = np.flatnonzero(is_close)
    return begin(tables, nodes, best), rows, begin(tables, nodes[rows], rival[rows])


def _joined(places: list[Place]) -> Place:
    return Place(
        np.concatenate([one.cell for one in places], axis=1), np.concatenate([one.x for one in places], axis=1),
        np.concatenate([one.explained for one in places]), np.concatenate([one.has_converged for one in places]),
    )  # fmt: skip


def _starts(tables: Plane, nodes: np.ndarray, square: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best cell of every curve, the best summit far from it, and where that is close behind."""
    n_one, n_other = tables.n_cells
    best = nodes.argmax(axis=1)
    top = nodes[np.arange(best.size), best].astype(np.float64)
    enough = np.maximum(square - RIVAL * (square - top), 0.0).astype(np.float32)
    row, node = np.nonzero(nodes >= enough[:, None])
    one, other = np.divmod(node, n_other)
    is_far = (np.abs(one - best[row] // n_other) > FAR) | (np.abs(other - best[row] % n_other) > FAR)
    row, node, one, other = (part[is_far] for part in (row, node, one, other))
    here = nodes[row, node]
    is_summit = np.ones(row.size, bool)
    for move_one, move_other in ((-1, 0), (1, 0), (0, -1), (0, 1), (-1, -1), (1, 1), (-1, 1), (1, -1)):
        to_one, to_other = one + move_one, other + move_other
        inside = (to_one >= 0) & (to_one < n_one) & (to_other >= 0) & (to_other < n_other)
        there = np.where(inside, nodes[row, np.where(inside, to_one * n_other + to_other, node)], -np.inf)
        is_summit &= there < here - ROUNDING * here
    row, node, here = row[is_summit], node[is_summit], here[is_summit]
    order = np.argsort(here, kind="stable")
    rival, is_close = np.zeros(best.size, np.int64), np.zeros(best.size, bool)
    rival[row[order]], is_close[row] = node[order], True
    return best, rival, is_close


def _better(
    tables: Plane, place: Place, other: Place, rows: np.ndarray, chunk: Chunk
) -> tuple[Place, Bool[np.ndarray, " rows"]]:
    """The better of two minima of some curves, and where the other one is as good and elsewhere."""
    mine = place.explained[rows]
    takes = (other.explained > mine) & (other.has_converged | ~place.has_converged[rows])
    u, v = tables.u(place.cell[:, rows], place.x[:, rows]), tables.u(other.cell, other.x)
    cells = 2.0 * np.maximum(tables.half_widths(place.cell[:, rows]), tables.half_widths(other.cell))
    is_apart = (np.abs(u - v) > cells).any(axis=0) & place.has_converged[rows] & other.has_converged
    square = chunk.square[rows]
    some = Chunk(chunk.y[:, rows], square, None if chunk.variance is None else chunk.variance[rows])
    n_unknowns = tables.family.low.size + 2
    least = worth(1, n_unknowns, some, square - np.maximum(mine, other.explained))
    is_ambiguous = is_apart & (np.abs(other.explained - mine) <= least)
    cell, x, explained, rested = place.cell.copy(), place.x.copy(), place.explained.copy(), place.has_converged.copy()
    into = rows[takes]
    cell[:, into], x[:, into] = other.cell[:, takes], other.x[:, takes]
    explained[into], rested[into] = other.explained[takes], other.has_converged[takes]
    return Place(cell, x, explained, rested), is_ambiguous


def _stated(
    family: Family,
    tables: Plane,
    shapes: np.ndarray,
    chunk: Chunk,
    z: Float[np.ndarray, "voxels rank"],
    place: Place,
    is_ambiguous: np.ndarray,
) -> Solution:
    n_linear = family.low.size
    u = tables.u(place.cell, place.x)
    c, moment, explained = np.empty((n_linear, len(z))), np.empty((n_linear, len(z))), np.empty(len(z))
    gram, information = np.empty((n_linear, n_linear, len(z))), np.empty((n_linear + 2, n_linear + 2, len(z)))
    order = np.argsort(place.cell[0] * tables.n_cells[1] + place.cell[1], kind="stable")
    for span in spans(len(z), AT_ONCE):
        rows = order[span]
        columns, slopes = columns_at(tables, place.cell[:, rows], place.x[:, rows])
        here = products(columns, columns)
        told = products(columns, z[rows][None])[:, 0]
        c[:, rows], explained[rows] = box_minimum(here, told, family.low, family.high)
        gram[..., rows], moment[:, rows] = here, told
        information[..., rows] = _information(family, columns, slopes, here, c[:, rows], u[:, rows])
    sse = np.maximum(chunk.square - explained, 0.0)
    rows = order[sse[order] < tables.error**2 / NOTICEABLE * chunk.square[order]]
    if rows.size:
        there = place.cell[:, rows], place.x[:, rows], information[..., rows], c[:, rows], u[:, rows]
        c[:, rows], u[:, rows], sse[rows] = _polished(family, tables, chunk.y[:, rows], *there)
    theta = family.axes.theta(u.T)
    is_end = ((family.axes.u_low >= u.T) | (family.axes.u_high <= u.T)).T
    is_undetermined = np.zeros((n_linear + 2, u.shape[1]), bool)
    for j, atoms in enumerate(shapes):
        with_these = int((~(shapes & ~atoms).any(axis=1)).sum())
        is_undetermined[n_linear + j] = is_moot(
            family, [int(i) for i in np.flatnonzero(atoms)], with_these, gram, moment, explained, chunk
        )
    is_at_bound = np.concatenate([touches(family, c), is_end])
    return Solution(
        np.concatenate([c, theta.T]), sse, information, is_at_bound & ~is_undetermined, is_undetermined,
        is_ambiguous & ~is_undetermined.any(axis=0), place.has_converged,
    )  # fmt: skip


def products(
    one: Float[np.ndarray, "i voxels rank"], other: Float[np.ndarray, "j voxels rank"]
) -> Float[np.ndarray, "i j voxels"]:
    """Inner products along the last axis; of a stack with itself each but once."""
    out = np.empty((len(one), len(other), one.shape[1]))
    for i, left in enumerate(one):
        for j, right in enumerate(other):
            if one is other and j < i:
                out[i, j] = out[j, i]
            else:
                np.einsum("vr,vr->v", left, right, out=out[i, j])
    return out


def _information(
    family: Family, columns: np.ndarray, slopes: np.ndarray, gram: np.ndarray, c: np.ndarray, u: np.ndarray
) -> Float[np.ndarray, "unknowns unknowns voxels"]:
    """JᵀJ of amplitudes and θ."""
    n_linear = c.shape[0]
    steep = _steep(family, slopes, c, u)
    information = np.empty((n_linear + 2, n_linear + 2, u.shape[1]))
    information[:n_linear, :n_linear] = gram
    information[:n_linear, n_linear:] = products(columns, steep)
    information[n_linear:, :n_linear] = np.swapaxes(information[:n_linear, n_linear:], 0, 1)
    information[n_linear:, n_linear:] = products(steep, steep)
    return information


def _steep(family: Family, slopes: np.ndarray, c: np.ndarray, u: np.ndarray) -> Float[np.ndarray, "2 voxels rank"]:
    """Slopes of the signal along θ."""
    weighed = slopes[0] * c[0][:, None]
    for one, row in zip(slopes[1:], c[1:], strict=True):
        weighed += one * row[:, None]
    return np.asarray(weighed / family.axes.stretch(u.T).T[:, :, None])


def _slopes(
    family: Family, tables: Plane, x: Float[np.ndarray, "unknowns voxels"]
) -> Float[np.ndarray, "voxels time unknowns"]:
    """Derivatives of the signal along amplitudes and θ, from the tables."""
    n_linear = family.low.size
    c, u = x[:n_linear], family.axes.u(x[n_linear:].T).T
    cell = _cell_of(tables, u)
    order = np.argsort(cell[0] * tables.n_cells[1] + cell[1], kind="stable")
    c, u, cell = c[:, order], u[:, order], cell[:, order]
    columns, slopes = columns_at(tables, cell, tables.x(cell, u))
    both = np.empty((len(x), order.size, tables.search.basis.shape[0]))
    both[:, order] = np.concatenate([columns, _steep(family, slopes, c, u)]) @ tables.search.basis.T
    return np.moveaxis(both, 0, -1)


def _polished(
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
    half = tables.half_widths(_cell_of(tables, u))
    columns, rest = _left(family, y, c, u)
    for _ in range(POLISHES):
        inside = rest @ tables.search.basis
        pull = np.concatenate(
            [np.einsum("vmt,vt->mv", columns, rest), products(_steep(family, slopes, c, u), inside[None])[:, 0]]
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


def _cell_of(tables: Plane, u: np.ndarray) -> np.ndarray:
    return np.stack(
        [
            np.clip(np.searchsorted(side[0], at, side="right") - 1, 0, side.shape[1] - 1)
            for side, at in zip(tables.sides, u, strict=True)
        ]
    )
