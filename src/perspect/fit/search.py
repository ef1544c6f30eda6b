"""Where curves have their least sum of squares on a plane: which places are looked at, and which of them is taken."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perspect.fit.elsewhere import Search, hopeful, starts
from perspect.fit.settle import AT_ONCE, Settled, Task, known, looked_at, moot_at, settled
from perspect.fit.solution import VALLEY, worth
from perspect.numerics.ascent import Place, begin
from perspect.numerics.columns import taken
from perspect.numerics.nodes import Nodes, Summits, places, ranks, summits
from perspect.numerics.parallel import spans
from perspect.numerics.plane import Plane
from perspect.numerics.separable import ROUNDING

RIVAL: Final = 1.5
"""Another summit is followed where the node next to it leaves no more than so many times the sum of squares."""

RIVALS: Final = 3
"""So many of them, at most."""

FAR: Final = 1
"""A rival is more than so many cells away from the first along one of the axes."""

SEARCHED: Final = 4096
"""Curves of which all nodes are compared together: fewer cost more calls than they spare in memory [measured]."""

DOUBT: Final = 40.0
"""Sections are looked at where what a θ shapes is not told from nothing by so many times what can be [our default]."""

ALIKE: Final = 0.95
"""Cosine of the angle between columns from which they are alike [our default]."""

WAYPOINTS: Final = (0.5, 0.25, 0.75)

SPARE: Final = (0.02, 0.03)
"""A curve is given up where more than is asked is left by these shares, of the best place and of its best rival
(measured: of 240 000 curves four would have come below, by less than 1 of AICc)."""


def searched(search: Search | None, task: Task) -> tuple[Settled, Bool[np.ndarray, " voxels"]]:
    """The least sum of squares of every curve, and where another minimum is as good and elsewhere.

    Without nodes, and where an amplitude ends at its upper bound, which those do not know of, each search begins at the
    centre of its cell.
    """
    every = np.arange(len(task.z))
    if search is None:
        return _from_cells(task, every)
    found, is_ambiguous = _from_nodes(search, task)
    rows = np.flatnonzero((found.c >= task.tables.family.high[:, None]).any(axis=0))
    if rows.size:
        again, is_ambiguous[rows] = _from_cells(task, rows)
        found.put(rows, again)
    return found, is_ambiguous


def _from_nodes(search: Search, task: Task) -> tuple[Settled, Bool[np.ndarray, " voxels"]]:
    """From the place that promises most, then from others that may be better or as good."""
    every = np.arange(len(task.z))
    begun = _begun(search.nodes, task.z.astype(np.float32), task.square)
    is_first = np.diff(begun.curve, prepend=-1) != 0
    place, hessian = settled(task, every, _at(task.tables, taken(begun.u, is_first)))
    best = _Best(task, every, known(task, every, place))
    going = ~_is_hopeless(task, best.found.place, begun, is_first)
    more = ~is_first & going[begun.curve]
    rows, doubtful = np.flatnonzero(going), np.zeros(0, np.int64)
    if search.sections is not None:
        here = best.found.of(rows)
        is_open = moot_at(task, rows, here, DOUBT)[1 - search.nodes.along]
        doubtful = rows[is_open | _is_alike(here)]
    first = begun.curve[more], _at(task.tables, taken(begun.u, more))
    best.follow(*_in_order([first, *starts(search, task, rows, doubtful, place, hessian)]))
    return best.found, best.is_ambiguous()


def _is_alike(found: Settled) -> Bool[np.ndarray, " some"]:
    """Where two columns are so alike that one may have taken the place of the other."""
    if len(found.c) < 2:
        return np.zeros(found.place.explained.size, bool)
    (a, b, _), (_, d, _) = (row[:3] for row in found.information[:2, :])
    return np.asarray(b > ALIKE * np.sqrt(a * d))


def _at(tables: Plane, u: Float[np.ndarray, "2 some"]) -> Place:
    """Places by u."""
    (cell, x), (other_cell, other_x) = (places(tables, axis, u[axis]) for axis in (0, 1))
    n = u.shape[1]
    return Place(np.stack([cell, other_cell]), np.stack([x, other_x]), np.zeros(n), np.zeros(n, bool))


def _begun(near: Nodes, single: Float32[np.ndarray, "voxels rank"], square: Float[np.ndarray, " voxels"]) -> Summits:
    """The summits of every curve."""
    found = []
    for span in spans(len(single), SEARCHED):
        some = summits(near, single[span], square[span], RIVAL)
        found.append((some.curve + span.start, some.u, some.height))
    curve, u, height = (np.concatenate(part, axis=-1) for part in zip(*found, strict=True))
    return Summits(curve, u, height)


def _is_hopeless(task: Task, found: Place, begun: Summits, is_first: np.ndarray) -> Bool[np.ndarray, " voxels"]:
    """Curves of which no place can be as good as is asked."""
    if task.chunk.asked is None:
        return np.zeros(task.square.size, bool)
    elsewhere = np.zeros(task.square.size)
    np.maximum.at(elsewhere, begun.curve[~is_first], begun.height[~is_first])
    here, there = ((1.0 + spare) * task.chunk.asked for spare in SPARE)
    return np.asarray((task.square - found.explained > here) & (task.square - elsewhere > there))


class _Best:
    """The best place of some curves as a search goes on, and the others that it came by."""

    def __init__(self, task: Task, curves: Int[np.ndarray, " some"], found: Settled) -> None:
        self.task, self.curves, self.found = task, curves, found
        self.others: list[tuple[np.ndarray, Place]] = []

    def follow(self, at: Int[np.ndarray, " others"], start: Place) -> None:
        """Takes what other starts lead to where that is better; `at` says whose these are, in order."""
        if at.size == 0:
            return
        other, _ = settled(self.task, self.curves[at], start)
        place, rank = self.found.place, ranks(at)
        for turn in range(int(rank.max()) + 1):
            some = np.flatnonzero(rank == turn)
            one, two = place.of(at[some]), other.of(some)
            takes = (two.explained > one.explained) & (two.has_converged | ~one.has_converged)
            some = some[takes]
            place.put(at[some], two.of(takes))
            other.put(some, one.of(takes))
            rows = at[some]
            self.found.put(rows, known(self.task, self.curves[rows], place.of(rows)))
        self.others.append((at, other))

    def is_ambiguous(self) -> Bool[np.ndarray, " some"]:
        """Which of them have another place that is as good and elsewhere."""
        out = np.zeros(self.curves.size, bool)
        if self.others:
            at = np.concatenate([one for one, _ in self.others])
            other = _joined([place for _, place in self.others])
            out[at[_is_rival(self.task, self.found.of(at), other, self.curves[at])]] = True
        return out


def _in_order(
    parts: list[tuple[Int[np.ndarray, " _"], Place]],
) -> tuple[Int[np.ndarray, " starts"], Place]:
    """Starts curve by curve."""
    whose, every = np.concatenate([one for one, _ in parts]), _joined([place for _, place in parts])
    order = np.argsort(whose, kind="stable")
    return whose[order], every.of(order)


def _from_cells(task: Task, rows: Int[np.ndarray, " some"]) -> tuple[Settled, Bool[np.ndarray, " some"]]:
    """From the centre of the best cell, and from those of its rivals, uphill from cell to cell."""
    firsts, others, whose = [], [], []
    for span in spans(rows.size, AT_ONCE):
        nodes = task.tables.search.explained(task.z[rows[span]])
        node, row, rivals = _summits(task.tables, nodes, task.square[rows[span]])
        firsts.append(begin(task.tables, nodes, node))
        others.append(begin(task.tables, nodes[row], rivals))
        whose.append(row + span.start)
    best = _Best(task, rows, known(task, rows, settled(task, rows, _joined(firsts))[0]))
    best.follow(np.concatenate(whose), _joined(others))
    for axis in np.flatnonzero(task.tables.is_bent):
        for side in (-1, 1):
            _past_edge(task, best, int(axis), side)
    return best.found, best.is_ambiguous()


def _past_edge(task: Task, best: _Best, axis: int, side: int) -> None:
    """Follows what promises to be better behind the edges of cells along which columns bend."""
    tables, found = task.tables, best.found.place
    onward = found.cell[axis] + side
    at = np.flatnonzero((onward >= 0) & (onward < tables.n_cells[axis]))
    start = found.of(at)
    start.cell[axis], start.x[axis] = onward[at], 0.0
    curves, kept = hopeful(task, best.curves[at], start, found.of(at), axis, side)
    best.follow(np.searchsorted(best.curves, curves), kept)


def _joined(parts: list[Place]) -> Place:
    return Place(
        np.concatenate([one.cell for one in parts], axis=1), np.concatenate([one.x for one in parts], axis=1),
        np.concatenate([one.explained for one in parts]), np.concatenate([one.has_converged for one in parts]),
    )  # fmt: skip


def _summits(
    tables: Plane, nodes: Float32[np.ndarray, "voxels nodes"], square: Float[np.ndarray, " voxels"]
) -> tuple[Int[np.ndarray, " voxels"], Int[np.ndarray, " rivals"], Int[np.ndarray, " rivals"]]:
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
    kept = ranks(row) < RIVALS
    return best, row[kept], node[kept]


def _is_rival(task: Task, best: Settled, two: Place, curves: Int[np.ndarray, " some"]) -> Bool[np.ndarray, " some"]:
    """Where another minimum is as good as the best, and elsewhere."""
    tables, one = task.tables, best.place
    u, v = tables.u(one.cell, one.x), tables.u(two.cell, two.x)
    cells = 2.0 * np.maximum(tables.half_widths(one.cell), tables.half_widths(two.cell))
    is_apart = (np.abs(u - v) > cells).any(axis=0) & one.has_converged & two.has_converged
    least = worth(1, tables.family.low.size + 2, task.chunk, task.square[curves] - one.explained, curves)
    rows = np.flatnonzero(is_apart & (one.explained - two.explained <= least))
    # Where one of two θ is not determined nothing is said to be ambiguous.
    rows = rows[~moot_at(task, curves[rows], best.of(rows)).any(axis=0)]
    out = np.zeros(curves.size, bool)
    out[rows] = _is_valley(task, curves[rows], taken(u, rows), taken(v, rows), (one.explained - VALLEY * least)[rows])
    return out


def _is_valley(
    task: Task,
    curves: Int[np.ndarray, " some"],
    one: Float[np.ndarray, "2 some"],
    other: Float[np.ndarray, "2 some"],
    enough: Float[np.ndarray, " some"],
) -> Bool[np.ndarray, " some"]:
    """Where less than enough is explained somewhere on the way from one place to another: evenly along that θ in which
    they are further apart, and with the other one at its best, which need not be looked for where enough is explained
    beside it.
    """
    tables = task.tables
    apart = np.abs(other - one) / tables.half_widths(tables.cell(one))
    fixed = np.tile(np.stack([apart[0] >= apart[1], apart[0] < apart[1]]), len(WAYPOINTS))
    u = np.concatenate([one + share * (other - one) for share in WAYPOINTS], axis=1)
    row, cell = np.tile(np.arange(curves.size), len(WAYPOINTS)), tables.cell(u)
    start = Place(cell, tables.x(cell, u), np.zeros(row.size), np.zeros(row.size, bool))
    explained = looked_at(task, curves[row], start.cell, start.x)[0]
    low = np.flatnonzero(explained < enough[row])
    found, _ = settled(task, curves[row[low]], start.of(low), taken(fixed, low))
    out = np.zeros(curves.size, bool)
    out[row[low[found.explained < enough[row[low]]]]] = True
    return out
