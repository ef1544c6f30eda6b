"""Separable models with two non-linear parameters: a dictionary, cells of polynomials, and Newton inside them."""

from dataclasses import dataclass
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

RIVAL: Final = 1.5
"""Another summit is followed where the centre of its cell leaves no more than so many times the sum of squares."""

RIVALS: Final = 3
"""So many of them, at most."""

ROUNDING: Final = 2e-6
"""Relative differences of what cells explain that may be rounding in single precision: on a plateau nothing stands out.
"""

NOTICEABLE: Final = 1e-5
"""Share of the sum of squares that errors of the tables may add before exact columns put them right."""

NOTICED: Final = 1e-6
"""Share of the sum of squares that a last step must promise to be taken."""

POLISHES: Final = 2

FAR: Final = 1
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
        every = np.concatenate([here + span.start for (_, here, _), span in zip(parts, pieces, strict=True)])
        others = ascended(tables, z[every], chunk.square[every], _joined([rivals for _, _, rivals in parts]))
        first = np.flatnonzero(np.diff(every, prepend=-1))
        for rank in range(RIVALS):
            at = first[np.diff(np.append(first, every.size)) > rank] + rank
            if at.size:
                place, is_as_good = _better(tables, place, others.of(at), every[at], chunk)
                is_ambiguous[every[at]] |= is_as_good
        for axis in np.flatnonzero(tables.is_bent):
            for side in (-1, 1):
                rows, start = beyond(tables, z, chunk.square, place, int(axis), side)
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
    """Where the search of every curve begins; which curves have rivals that are close, and where those begin."""
    nodes = tables.search.explained(z)
    best, rows, rivals = _starts(tables, nodes, square)
    return begin(tables, nodes, best), rows, begin(tables, nodes[rows], rivals)


def _joined(places: list[Place]) -> Place:
    return Place(
        np.concatenate([one.cell for one in places], axis=1), np.concatenate([one.x for one in places], axis=1),
        np.concatenate([one.explained for one in places]), np.concatenate([one.has_converged for one in places]),
    )  # fmt: skip


def _starts(tables: Plane, nodes: np.ndarray, square: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best cell of every curve; which curves have summits elsewhere that are close behind, best first; those."""
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
    order = np.lexsort((-here, row))
    row, node = row[order], node[order]
    first = np.flatnonzero(np.diff(row, prepend=-1))
    rank = np.arange(row.size) - np.repeat(first, np.diff(np.append(first, row.size)))
    return best, row[rank < RIVALS], node[rank < RIVALS]


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
        x = place.x[:, rows]
        here, gain, step = _known_at(family, tables, z[rows], place.cell[:, rows], x)
        for _ in range(POLISHES):
            # What the products of columns, as polynomials of their own, have misled is put right by the columns.
            some = np.flatnonzero(gain > NOTICED * (chunk.square[rows] - here.explained))
            if some.size == 0:
                break
            cell = place.cell[:, rows[some]]
            moved = np.clip(x[:, some] + step[:, some] / tables.half_widths(cell), -1.0, 1.0)
            there, again, onward = _known_at(family, tables, z[rows[some]], cell, moved)
            is_better = there.explained > here.explained[some]
            gain[some] = np.where(is_better, again, 0.0)
            into = some[is_better]
            step[:, into], x[:, into] = onward[:, is_better], moved[:, is_better]
            here.take(into, there, is_better)
        u[:, rows] = tables.u(place.cell[:, rows], x)
        c[:, rows], moment[:, rows], explained[rows] = here.c, here.moment, here.explained
        gram[..., rows], information[..., rows] = here.information[:n_linear, :n_linear], here.information
    sse = np.maximum(chunk.square - explained, 0.0)
    rows = order[sse[order] < tables.error**2 / NOTICEABLE * chunk.square[order]]
    if rows.size:
        cell = place.cell[:, rows]
        x = tables.x(cell, u[:, rows])
        c[:, rows], u[:, rows], sse[rows] = _polished(
            family, tables, chunk.y[:, rows], cell, x, information[..., rows], c[:, rows], u[:, rows]
        )
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


@dataclass(frozen=True, eq=False)
class _Known:
    """The best amplitudes at places, and what follows from the columns there."""

    c: Float[np.ndarray, "linear voxels"]
    moment: Float[np.ndarray, "linear voxels"]
    explained: Float[np.ndarray, " voxels"]
    information: Float[np.ndarray, "unknowns unknowns voxels"]

    def take(self, into: np.ndarray, other: "_Known", which: np.ndarray) -> None:
        """Some voxels of another."""
        self.c[:, into], self.moment[:, into] = other.c[:, which], other.moment[:, which]
        self.explained[into], self.information[..., into] = other.explained[which], other.information[..., which]


def _known_at(
    family: Family, tables: Plane, z: np.ndarray, cell: np.ndarray, x: np.ndarray
) -> tuple[_Known, Float[np.ndarray, " voxels"], Float[np.ndarray, "2 voxels"]]:
    """What the columns say, what Gauss and Newton's step from there would gain, and that step along u."""
    n_linear = family.low.size
    u = tables.u(cell, x)
    columns, slopes = columns_at(tables, cell, x)
    moment = products(columns, z[None])[:, 0]
    c, explained = box_minimum(products(columns, columns), moment, family.low, family.high)
    steep = _steep(family, slopes, c, u)
    information = _information(columns, steep)
    rest = z - sum(row[:, None] * column for row, column in zip(c, columns, strict=True))
    pull = products(steep, rest[None])[:, 0]
    is_end = (family.axes.u_low >= u.T).T | (family.axes.u_high <= u.T).T
    held = np.concatenate([touches(family, c), is_end])
    known = inverse(without(information, held))[n_linear:, n_linear:]
    pull = np.where(is_end, 0.0, pull)
    step = np.nan_to_num(times(known, pull))
    return _Known(c, moment, explained, information), (step * pull).sum(axis=0), step / family.axes.stretch(u.T).T


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
    columns: Float[np.ndarray, "linear voxels rank"], steep: Float[np.ndarray, "2 voxels rank"]
) -> Float[np.ndarray, "unknowns unknowns voxels"]:
    """JᵀJ of amplitudes and θ."""
    every = np.concatenate([columns, steep])
    return products(every, every)


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
