"""Where curves have their least sum of squares on a plane: which places are looked at, and which of them is taken."""

from dataclasses import fields
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perspect.fit.settle import AT_ONCE, Known, Settled, Task, curvature, looked_at, moot_at, settled
from perspect.fit.solution import worth
from perspect.numerics.ascent import Place, begin, newton_step, promised
from perspect.numerics.nearby import HOPE, Arrival, Nearby, arrived, looked
from perspect.numerics.parallel import spans
from perspect.numerics.plane import Plane
from perspect.numerics.separable import ROUNDING
from perspect.numerics.summits import ranks, summits

RIVAL: Final = 1.5
"""Another summit is followed where the centre of its cell leaves no more than so many times the sum of squares."""

RIVALS: Final = 3
"""So many of them, at most."""

FAR: Final = 1
"""A rival is more than so many cells away from the first along one of the axes."""

SEARCHED: Final = 1024
"""Curves of which all nodes are compared together, so that what they explain stays in the cache."""

NEAR_EDGE: Final = 0.65
"""From this place in a cell on, from -1 to 1, it is seen what lies behind the edge where columns bend [our default]."""

QUIET: Final = 3e-4
"""Share of the square of a curve below which what is left of it is little beside what a step from a node may miss [our
default]."""

SAME: Final = 0.02
"""Places that are nearer than this share of half a cell are one [our default]."""

AMISS: Final = 0.25
"""Share of what may lie between nodes anywhere that may lie there beyond what lay there at the best [our default]."""

DOUBT: Final = 2.0
"""So many times what a step promises a walk from there may gain (measured: of fewer, minima are missed)."""

MARGIN, HARDLY = 1.2, 2e-6
"""A cell is searched that holds so many times what a parabola promises, if that lowers the sum of squares by more than
this share of itself."""

VALLEY: Final = 2.0
"""Two minima are two where, on the way from one to the other, so many times what can be told apart is lost: as along a
line (`numerics.separable.falls_apart`). Else they are bumps of noise in one valley, whose width the errors state."""

WAYPOINTS: Final = (0.5, 0.25, 0.75)

SPARE: Final = (0.02, 0.03)
"""A curve is given up where more than is asked is left by these shares, of the best place and of its best rival
(measured: of 240 000 curves four would have come below, by less than 1 of AICc)."""

LEEWAY: Final = 1.1
"""A rival is followed to the end that promises to come this close, as a multiple of what can be told apart."""


def searched(near: Nearby | None, task: Task) -> tuple[Settled, Bool[np.ndarray, " voxels"]]:
    """The least sum of squares of every curve, and where another minimum is as good and elsewhere.

    Without finer nodes, and where an amplitude ends at its upper bound, which those do not know of, each search begins
    at the centre of its cell.
    """
    every = np.arange(len(task.z))
    if near is None:
        return _from_cells(task, every)
    found, is_ambiguous = _from_nodes(near, task)
    rows = np.flatnonzero((found.c >= task.tables.family.high[:, None]).any(axis=0))
    if rows.size:
        again, is_ambiguous[rows] = _from_cells(task, rows)
        found.put(rows, again)
    return found, is_ambiguous


def _from_nodes(near: Nearby, task: Task) -> tuple[Settled, Bool[np.ndarray, " voxels"]]:
    """The best of the finer nodes around the best cell, and a step or two; others that may be better or as good."""
    tables, n, square = near.tables, len(task.z), task.square
    single, every = task.z.astype(np.float32), np.arange(n)
    best, more, cell = _begun(near, single, square)
    rows = np.concatenate([every, more])
    node, score = looked(near, single[rows], np.concatenate([best, cell]))
    part = score[:, :n].argmax(axis=0)
    first = node[part, every]
    score[part, every] = -np.inf
    arrival = _arrived(near, single, first)
    hopeless = _is_hopeless(task, arrival, more, score[:, n:])
    least = worth(1, tables.family.low.size + 2, task.chunk, np.maximum(square - arrival.explained, 0.0))
    asked = (1.0 - ROUNDING) * arrival.explained[rows]
    asked[n:] -= LEEWAY * least[more]
    hidden = HOPE * np.minimum(np.abs(arrival.gain) + AMISS * arrival.between, arrival.between)
    is_near = score + hidden[rows] >= asked
    # Elsewhere the slope may be another, so that each best node there is asked what a step from it promises.
    is_near[score[:, n:].argmax(axis=0), np.arange(n, rows.size)] = True
    which, at = np.nonzero(is_near & (node != first[rows]) & ~hopeless[rows])
    order = np.lexsort((-at, node[which, at], rows[at]))
    which, at = which[order], at[order]
    is_new = (np.diff(rows[at], prepend=-1) != 0) | (np.diff(node[which, at], prepend=-1) != 0)
    which, at = which[is_new], at[is_new]
    other = _arrived(near, single[rows[at]], node[which, at])
    _exchange(arrival, other, rows[at])
    found = settled(task, every, _place(arrival), Known(arrival.hessian, arrival.gain), rests=hopeless)
    asked = (1.0 - ROUNDING) * found.place.explained[rows[at]]
    asked -= np.where(at >= n, LEEWAY * least[rows[at]], 0.0)
    kept = other.explained + DOUBT * np.abs(other.gain) >= asked
    kept &= ~_is_same(tables, found.place.of(rows[at]), _place(other))
    row, known = rows[at][kept], Known(other.hessian, other.gain).of(kept)
    is_ambiguous = _improved(task, found, settled(task, row, _place(other).of(kept), known), row, every)
    # What a step from a node promises is good to a share of the signal: curves with more noise than that need no more.
    _past_edges(task, every, found, NEAR_EDGE, square - found.place.explained < QUIET * square)
    return found, is_ambiguous


def _begun(
    near: Nearby, single: Float32[np.ndarray, "voxels rank"], square: Float[np.ndarray, " voxels"]
) -> tuple[Int[np.ndarray, " voxels"], Int[np.ndarray, " others"], Int[np.ndarray, " others"]]:
    """The best cell of every curve; curves and cells elsewhere."""
    found = []
    for span in spans(len(single), SEARCHED):
        best, row, cell = summits(near, single[span], square[span], RIVAL)
        found.append((best, row + span.start, cell))
    best, row, cell = (np.concatenate(part) for part in zip(*found, strict=True))
    return best, row, cell


def _is_hopeless(
    task: Task, arrival: Arrival, more: Int[np.ndarray, " others"], score: Float32[np.ndarray, "parts others"]
) -> Bool[np.ndarray, " voxels"]:
    """Curves of which no place can be as good as is asked; `score` is what nodes elsewhere explain of curves `more`."""
    if task.chunk.asked is None:
        return np.zeros(task.square.size, bool)
    elsewhere = np.zeros(task.square.size)
    np.maximum.at(elsewhere, more, score.max(axis=0))
    here, there = ((1.0 + spare) * task.chunk.asked for spare in SPARE)
    return np.asarray((task.square - arrival.explained > here) & (task.square - elsewhere > there))


def _past_edges(
    task: Task, curves: Int[np.ndarray, " some"], found: Settled, least: float, is_seen: Bool[np.ndarray, " some"]
) -> None:
    """Takes, in place, what is better behind the edges of cells along which columns bend, for places at least so near
    to them (1 is the edge, -1 the one opposite), of curves that are to be seen.

    There the sum of squares may rise to the side and fall again behind it.
    """
    tables = task.tables
    for axis in np.flatnonzero(tables.is_bent):
        for side in (-1, 1):
            onward = found.place.cell[axis] + side
            is_there = (onward >= 0) & (onward < tables.n_cells[axis])
            rows = np.flatnonzero(is_there & is_seen & (side * found.place.x[axis] >= least))
            cell, x = found.place.cell[:, rows], found.place.x[:, rows]
            cell[axis], x[axis] = onward[rows], 0.0
            there, gradient = looked_at(task, curves[rows], cell, x)
            hessian = curvature(tables, there)
            step = newton_step(gradient, hessian, np.zeros((2, rows.size), bool))
            gain = np.abs(promised(gradient, hessian, np.clip(x + step, -1.0, 1.0) - x))
            now = found.place.explained[rows]
            hopeful = there.place.explained + MARGIN * gain > now + HARDLY * (task.square[curves[rows]] - now)
            rows, start = rows[hopeful], there.place.of(hopeful)
            _better(found, settled(task, curves[rows], start, None), rows)


def _exchange(arrival: Arrival, other: Arrival, row: Int[np.ndarray, " others"]) -> None:
    """Lets, in place, the first arrival of a curve be the one that promises most."""
    for turn in range(int(ranks(row).max(initial=-1)) + 1):
        at = np.flatnonzero(ranks(row) == turn)
        at = at[other.explained[at] > arrival.explained[row[at]]]
        for field in fields(Arrival):
            mine, theirs = getattr(arrival, field.name), getattr(other, field.name)
            mine[..., row[at]], theirs[..., at] = theirs[..., at], mine[..., row[at]]


def _is_same(tables: Plane, one: Place, other: Place) -> Bool[np.ndarray, " voxels"]:
    """Where another place leads to the first: it is as near as can be, or on the edge of the cell of the first."""
    apart = np.abs(tables.u(one.cell, one.x) - tables.u(other.cell, other.x))
    out = (apart < SAME * tables.half_widths(one.cell)).all(axis=0)
    for axis in np.flatnonzero(tables.is_bent):
        side = (other.x[axis] >= 1.0).astype(np.int64) - (other.x[axis] <= -1.0)
        out |= (side != 0) & (other.cell[axis] + side == one.cell[axis])
    return np.asarray(out)


def _arrived(near: Nearby, z: Float32[np.ndarray, "voxels rank"], node: np.ndarray) -> Arrival:
    """In blocks that stay in the cache."""
    parts = [arrived(near, z[span], node[span]) for span in spans(node.size, AT_ONCE) or [slice(0, 0)]]
    return Arrival(*(np.concatenate([getattr(one, field.name) for one in parts], axis=-1) for field in fields(Arrival)))


def _place(arrival: Arrival) -> Place:
    return Place(arrival.cell, arrival.x, arrival.explained, np.zeros(arrival.explained.size, bool))


def _from_cells(task: Task, rows: Int[np.ndarray, " some"]) -> tuple[Settled, Bool[np.ndarray, " some"]]:
    """From the centre of the best cell, and from those of its rivals, uphill from cell to cell."""
    firsts, others, whose = [], [], []
    for span in spans(rows.size, AT_ONCE):
        nodes = task.tables.search.explained(task.z[rows[span]])
        best, row, rivals = _summits(task.tables, nodes, task.square[rows[span]])
        firsts.append(begin(task.tables, nodes, best))
        others.append(begin(task.tables, nodes[row], rivals))
        whose.append(row + span.start)
    at = np.concatenate(whose)
    found = settled(task, rows, _joined(firsts), None)
    is_ambiguous = _improved(task, found, settled(task, rows[at], _joined(others), None), at, rows)
    _past_edges(task, rows, found, -1.0, np.ones(rows.size, bool))
    return found, is_ambiguous


def _improved(
    task: Task,
    found: Settled,
    others: Settled,
    at: Int[np.ndarray, " others"],
    curves: Int[np.ndarray, " some"],
) -> Bool[np.ndarray, " some"]:
    """Takes, in place, what others found that is better; says which of those found have another that is as good.

    `curves` says which those found are, `at` to which of them the others belong, one by one.
    """
    others, rank = others.of(np.arange(at.size)), ranks(at)
    for turn in range(int(rank.max(initial=-1)) + 1):
        some = np.flatnonzero(rank == turn)
        one, two = found.place.of(at[some]), others.place.of(some)
        some = some[(two.explained > one.explained) & (two.has_converged | ~one.has_converged)]
        former = found.of(at[some])
        found.put(at[some], others, some)
        others.put(some, former)
    is_ambiguous = np.zeros(curves.size, bool)
    is_ambiguous[at[_is_rival(task, found.of(at), others, curves[at])]] = True
    return is_ambiguous


def _joined(places: list[Place]) -> Place:
    return Place(
        np.concatenate([one.cell for one in places], axis=1), np.concatenate([one.x for one in places], axis=1),
        np.concatenate([one.explained for one in places]), np.concatenate([one.has_converged for one in places]),
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


def _better(found: Settled, other: Settled, into: Int[np.ndarray, " some"]) -> None:
    """Takes, in place, the better of two minima."""
    one, two = found.place.of(into), other.place
    takes = (two.explained > one.explained) & (two.has_converged | ~one.has_converged)
    found.put(into[takes], other, takes)


def _is_rival(task: Task, best: Settled, other: Settled, curves: Int[np.ndarray, " some"]) -> Bool[np.ndarray, " some"]:
    """Where another minimum is as good as the best, and elsewhere."""
    tables, one, two = task.tables, best.place, other.place
    u, v = tables.u(one.cell, one.x), tables.u(two.cell, two.x)
    cells = 2.0 * np.maximum(tables.half_widths(one.cell), tables.half_widths(two.cell))
    is_apart = (np.abs(u - v) > cells).any(axis=0) & one.has_converged & two.has_converged
    least = worth(1, tables.family.low.size + 2, task.chunk, task.square[curves] - one.explained, curves)
    rows = np.flatnonzero(is_apart & (one.explained - two.explained <= least))
    # Where one of two θ is not determined nothing is said to be ambiguous.
    rows = rows[~moot_at(task, curves[rows], best.of(rows)).any(axis=0)]
    out = np.zeros(curves.size, bool)
    out[rows] = _is_valley(task, curves[rows], u[:, rows], v[:, rows], (one.explained - VALLEY * least)[rows])
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
    explained = looked_at(task, curves[row], start.cell, start.x)[0].place.explained
    low = np.flatnonzero(explained < enough[row])
    found = settled(task, curves[row[low]], start.of(low), None, fixed[:, low])
    out = np.zeros(curves.size, bool)
    out[row[low[found.place.explained < enough[row[low]]]]] = True
    return out
