"""From a start to the minimum on a plane near it, by the columns themselves, and what is known there."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.fit.family import moot, touches
from perspect.fit.solution import Chunk
from perspect.numerics.ascent import Place, newton_step, promised, turned
from perspect.numerics.parallel import spans
from perspect.numerics.plane import Plane, columns_at
from perspect.numerics.small import box_minimum, inverse, times, without

AT_ONCE: Final = 4096
"""Curves whose columns are held together."""

NOTICED: Final = 1e-6
"""Share of the sum of squares that may be left to gain where a search comes to rest."""

FREE: Final = 2e-6
"""Share of the sum of squares up to which a step of Newton's iteration is taken on trust: it leaves a small share of
what it gains."""

NOTHING: Final = 3e-8
"""Share of the sum of squares that is nothing to go for."""

MOST_LEFT: Final = 0.9999
"""Share of the way that a step leaves, at most, for what lies behind it to be reckoned."""

TURNS: Final = 60
"""Places that are looked at, at most, on the way of a curve."""

STILL: Final = 1e-12
"""A curvature, relative to the other, that is none."""

CREEPING: Final = 0.001
"""Share of a step along one axis below which that along the other is as good as none [our default]."""

CLEAR: Final = 1e-3
"""Cosine between a step and what a Hessian missed of it below which nothing is learnt from it [our default]."""

BACK: Final = (0.05, 0.9)
"""Shares of a step that went wrong between which the next one is."""

SMALLEST: Final = 1e-300
"""What is divided by is no smaller."""

ROUNDED: Final = 1e-13
"""Share of the square of a curve that is rounding."""


@dataclass(frozen=True, eq=False)
class Task:
    """Curves, and the same in the basis of the tables; which θ shapes which atom."""

    tables: Plane
    shapes: Bool[np.ndarray, "2 linear"]
    chunk: Chunk
    z: Float[np.ndarray, "voxels rank"]

    @property
    def square(self) -> Float[np.ndarray, " voxels"]:
        """The sum of squares of every curve."""
        return self.chunk.square


@dataclass(frozen=True, eq=False)
class Settled:
    """Where curves ended, the best amplitudes there, and what follows from the columns."""

    place: Place
    c: Float[np.ndarray, "linear voxels"]
    moment: Float[np.ndarray, "linear voxels"]
    information: Float[np.ndarray, "unknowns unknowns voxels"]

    def put(self, into: np.ndarray, other: "Settled", which: np.ndarray | None = None) -> None:
        """Some curves of another, or all of them."""
        for mine, theirs in zip(self._parts(), other._parts(), strict=True):
            mine[..., into] = theirs if which is None else theirs[..., which]

    def of(self, rows: np.ndarray) -> "Settled":
        """The same of some curves."""
        return Settled(self.place.of(rows), self.c[:, rows], self.moment[:, rows], self.information[..., rows])

    def _parts(self) -> tuple[np.ndarray, ...]:
        place = self.place
        return (
            place.cell, place.x, place.explained, place.has_converged, self.c, self.moment, self.information,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Known:
    """Of a start: the Hessian along x near it, and what the step gained that led there."""

    hessian: Float[np.ndarray, "2 2 voxels"]
    gain: Float[np.ndarray, " voxels"]

    def of(self, rows: np.ndarray) -> "Known":
        """The same of some curves."""
        return Known(self.hessian[..., rows], self.gain[rows])


def empty(n_linear: int, n_voxels: int) -> Settled:
    """Room for that many curves."""
    unknowns = n_linear + 2
    return Settled(
        Place(
            np.empty((2, n_voxels), np.int64), np.empty((2, n_voxels)), np.empty(n_voxels), np.zeros(n_voxels, bool)
        ),
        np.empty((n_linear, n_voxels)), np.empty((n_linear, n_voxels)), np.empty((unknowns, unknowns, n_voxels)),
    )  # fmt: skip


def settled(
    task: Task,
    curves: Int[np.ndarray, " starts"],
    start: Place,
    known: Known | None,
    fixed: Bool[np.ndarray, "2 starts"] | None = None,
    rests: Bool[np.ndarray, " starts"] | None = None,
) -> Settled:
    """The minimum that each start leads to; `curves` says whose starts these are, `fixed` which θ stay where they are,
    `rests` which starts are as good as the end unless less is left there than is asked.

    Newton's iteration from cell to cell, whose Hessian learns from every step, good or bad.
    """
    walk = _walk(task, curves, start, known, np.zeros((2, curves.size), bool) if fixed is None else fixed)
    rows = np.arange(curves.size)
    if rests is not None and task.chunk.asked is not None:
        stays = rests & (task.square[curves] - walk.here.place.explained > task.chunk.asked[curves])
        walk.here.place.has_converged[stays] = True
        rows = np.flatnonzero(~stays)
    for _ in range(TURNS):
        rows = walk.turn(rows)
        if rows.size == 0:
            break
    return walk.here


def _walk(task: Task, curves: np.ndarray, start: Place, known: Known | None, fixed: np.ndarray) -> "_Walk":
    n = curves.size
    here, gradient = looked_at(task, curves, start.cell, start.x)
    hessian = curvature(task.tables, here) if known is None else known.hessian.copy()
    return _Walk(
        task, curves, here, gradient, hessian, np.full(n, np.nan) if known is None else np.abs(known.gain),
        np.ones(n), np.zeros((2, n), np.int64), fixed,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Walk:
    """Where every search stands: what is known there, the gradient and the Hessian along x of what is explained, what
    the last step promised, how long the next may be, the edges of cells (-1, 0 or 1 along each axis) that are
    ridges, and which θ stay.
    """

    task: Task
    curves: Int[np.ndarray, " starts"]
    here: Settled
    gradient: Float[np.ndarray, "2 starts"]
    hessian: Float[np.ndarray, "2 2 starts"]
    before: Float[np.ndarray, " starts"]
    reach: Float[np.ndarray, " starts"]
    ridge: Int[np.ndarray, "2 starts"]
    held: Bool[np.ndarray, "2 starts"]

    def turn(self, rows: Int[np.ndarray, " some"]) -> Int[np.ndarray, " fewer"]:
        """A step of each, or, on an edge beyond which more is explained, into the next cell; those that are not done.

        Where little is left to gain the step is the last, so short that it need not be looked at.
        """
        place = self.here.place.of(rows)
        gradient = np.where(self.held[:, rows], 0.0, self.gradient[:, rows])
        leans = ((place.x >= 1.0) & (gradient > 0)).astype(np.int64) - ((place.x <= -1.0) & (gradient < 0))
        step, gain, is_cut = self._next(rows, place, gradient, leans != 0)
        onward = place.cell + leans
        is_there = (onward >= 0) & (onward < np.array(self.task.tables.n_cells)[:, None])
        across = np.where(is_there & (self.ridge[:, rows] != leans), leans, 0)
        rests = self._rests(rows, place, gain, is_cut) & (across == 0).all(axis=0)
        _move(self.task.tables, self.here, rows[rests], step[:, rests], gain[rests])
        self.here.place.has_converged[rows[rests]] = True
        left = ~rests
        self._go_on(rows[left], place.of(left), step[:, left], gain[left], across[:, left])
        return np.asarray(rows[left])

    def _rests(self, rows: np.ndarray, place: Place, gain: np.ndarray, is_cut: np.ndarray) -> Bool[np.ndarray, " some"]:
        """Where little is left to gain."""
        square = self.task.square[self.curves[rows]]
        left, rounding = square - place.explained, ROUNDED * square
        rests = (_owed(gain, self.before[rows]) <= NOTICED * left + rounding) & (gain <= FREE * left + rounding)
        return np.asarray((rests & ~is_cut) | (gain <= NOTHING * left + rounding))

    def _next(
        self, rows: np.ndarray, place: Place, gradient: np.ndarray, leans: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, Bool[np.ndarray, " some"]]:
        """The step inside the cell, what it promises, and whether it is cut short."""
        hessian, reach, x = self.hessian[..., rows], self.reach[rows], place.x
        size = np.abs(np.stack([hessian[0, 0], hessian[1, 1]]))
        held = self.held[:, rows] | leans | (size <= STILL * size.max(axis=0))
        step = newton_step(gradient, hessian, held)
        # A step out of the cell along one axis, cut to none there, would leave next to nothing of it along the other.
        outward = ((x >= 1.0) & (step > 0)) | ((x <= -1.0) & (step < 0))
        outward &= np.abs(step[::-1]) < CREEPING * np.abs(step)
        some = np.flatnonzero(outward.any(axis=0))
        held[:, some] |= outward[:, some]
        step[:, some] = newton_step(gradient[:, some], hessian[..., some], held[:, some])
        longest = np.abs(step).max(axis=0)
        step *= np.minimum(reach / np.maximum(longest, SMALLEST), 1.0)
        is_cut = (np.abs(x + step) > 1.0).any(axis=0) | (longest >= reach)
        pull = np.where(held, 0.0, gradient)
        inside = np.clip(x + step, -1.0, 1.0) - x
        # What is left of a step that was cut at an edge may lead down; the gradient leads up.
        down = (pull * inside).sum(axis=0) < 0
        plain = np.clip(pull / np.maximum(size, SMALLEST), -reach, reach)
        inside = np.where(down, np.clip(x + plain, -1.0, 1.0) - x, inside)
        gain = np.maximum(promised(pull, hessian, inside), 0.5 * (pull * inside).sum(axis=0))
        return inside, gain, is_cut | down

    def _go_on(self, rows: np.ndarray, place: Place, step: np.ndarray, gain: np.ndarray, across: np.ndarray) -> None:
        across[1, across[0] != 0] = 0
        goes = (across != 0).any(axis=0)
        cell, x = place.cell + across, np.clip(place.x + step, -1.0, 1.0)
        if goes.any():
            tables = self.task.tables
            x[:, goes] = tables.x(cell[:, goes], tables.u(place.cell[:, goes], place.x[:, goes]))
        there, slope = looked_at(self.task, self.curves[rows], cell, x)
        better = ~goes & (there.place.explained >= place.explained)
        self._arrive(rows[better], there.of(better), slope[:, better], gain[better])
        wrong = ~goes & ~better
        self._turn_back(rows[wrong], step[:, wrong], there.of(wrong), slope[:, wrong])
        inward = goes & ((across * slope).sum(axis=0) > 0)
        self._enter(rows[inward], there.of(inward), slope[:, inward])
        stays = goes & ~inward
        self.ridge[:, rows[stays]] = np.where(across[:, stays] != 0, across[:, stays], self.ridge[:, rows[stays]])

    def _arrive(self, rows: np.ndarray, there: Settled, slope: np.ndarray, gain: np.ndarray) -> None:
        moved = there.place.x - self.here.place.x[:, rows]
        self.hessian[..., rows] = _learnt(self.hessian[..., rows], moved, slope - self.gradient[:, rows])
        self.here.put(rows, there)
        self.gradient[:, rows], self.before[rows] = slope, gain
        self.reach[rows] = np.minimum(2.0 * self.reach[rows], 1.0)

    def _turn_back(self, rows: np.ndarray, step: np.ndarray, there: Settled, slope: np.ndarray) -> None:
        """Takes Gauss and Newton's Hessian after a first step that went wrong; after a second one lets the next end
        where Newton's, from the place where that went wrong, comes back to.

        Where an amplitude reaches its bound the curvature leaps: what is known on this side says nothing of the other.
        """
        tables, gradient = self.task.tables, np.where(self.held[:, rows], 0.0, self.gradient[:, rows])
        hessian = self.hessian[..., rows]
        behind = (step * turned(curvature(tables, there), step)).sum(axis=0)
        share = np.clip(1.0 - (slope * step).sum(axis=0) / np.minimum(behind, -SMALLEST), *BACK)
        bend = -(gradient * step).sum(axis=0) / share - (step * turned(hessian, step)).sum(axis=0)
        bend /= np.maximum((step**2).sum(axis=0) ** 2, SMALLEST)
        is_first = self.reach[rows] >= 1.0
        bent = hessian + bend * step[:, None] * step
        self.hessian[..., rows] = np.where(is_first, curvature(tables, self.here.of(rows)), bent)
        self.before[rows], self.reach[rows] = np.nan, BACK[1] * np.abs(step).max(axis=0)

    def _enter(self, rows: np.ndarray, there: Settled, slope: np.ndarray) -> None:
        """Where columns bend, the Hessian is another behind the edge."""
        tables, former = self.task.tables, self.here.place.cell[:, rows]
        wider = tables.half_widths(there.place.cell) / tables.half_widths(former)
        is_new = (np.array(tables.is_bent)[:, None] & (there.place.cell != former)).any(axis=0)
        same = self.hessian[..., rows] * wider[:, None] * wider
        self.hessian[..., rows] = np.where(is_new, curvature(tables, there), same)
        self.here.put(rows, there)
        self.gradient[:, rows], self.before[rows], self.ridge[:, rows] = slope, np.nan, 0


def moot_at(task: Task, curves: np.ndarray, here: Settled) -> Bool[np.ndarray, "2 starts"]:
    """Which θ shape only what the data cannot tell from nothing."""
    m = len(here.c)
    return moot(
        task.tables.family, task.shapes, here.information[:m, :m], here.moment, here.place.explained, task.chunk,
        curves,
    )  # fmt: skip


def _owed(gain: np.ndarray, before: np.ndarray) -> Float[np.ndarray, " voxels"]:
    """What there is to gain behind a step, by how far the one before it missed: with a Hessian that is off by a share
    each step leaves that share of the way, and there is no end to the steps of which each leaves nearly all.
    """
    ratio = np.nan_to_num(gain / np.maximum(np.abs(before), SMALLEST), nan=1.0, posinf=1.0)
    share = np.sqrt(np.clip(ratio, 0.0, MOST_LEFT))
    return np.asarray(gain * (share / (1.0 - share)) ** 2)


def _learnt(
    hessian: Float[np.ndarray, "2 2 voxels"], step: Float[np.ndarray, "2 voxels"], turn: Float[np.ndarray, "2 voxels"]
) -> Float[np.ndarray, "2 2 voxels"]:
    """The Hessian that says of the last step what the gradient did: its symmetric correction of rank one.

    Broyden 1967, doi:10.1090/S0025-5718-1967-0224273-2
    """
    missed = turn - turned(hessian, step)
    along = (missed * step).sum(axis=0)
    is_clear = np.abs(along) > CLEAR * np.sqrt((missed**2).sum(axis=0) * (step**2).sum(axis=0))
    scale = np.divide(1.0, along, out=np.zeros_like(along), where=is_clear)
    return np.asarray(hessian + missed[:, None] * missed * scale)


def curvature(tables: Plane, here: Settled) -> Float[np.ndarray, "2 2 voxels"]:
    """Gauss and Newton's Hessian along x, with amplitudes that are free at their best."""
    m, place = len(here.c), here.place
    held = touches(tables.family, here.c)
    mixed = np.where(held[:, None], 0.0, here.information[:m, m:])
    follow = np.nan_to_num(np.einsum("abv,bjv->ajv", inverse(without(here.information[:m, :m], held)), mixed))
    left = here.information[m:, m:] - np.einsum("aiv,ajv->ijv", mixed, follow)
    scale = _theta_of_x(tables, place.cell, place.x)
    return np.asarray(-2.0 * left * scale[:, None] * scale)


def _theta_of_x(tables: Plane, cell: np.ndarray, x: np.ndarray) -> Float[np.ndarray, "2 voxels"]:
    """dθ/dx."""
    return np.asarray(tables.family.axes.stretch(tables.u(cell, x).T).T * tables.half_widths(cell))


def _move(tables: Plane, here: Settled, rows: np.ndarray, step: np.ndarray, gain: np.ndarray) -> None:
    """A last step of some, in place: amplitudes that are free follow."""
    family, some = tables.family, here.of(rows)
    m, place = len(some.c), some.place
    held = touches(family, some.c)
    owed = times(some.information[:m, m:], step * _theta_of_x(tables, place.cell, place.x))
    follow = np.nan_to_num(times(inverse(without(some.information[:m, :m], held)), np.where(held, 0.0, owed)))
    here.c[:, rows] = np.clip(some.c - follow, family.low[:, None], family.high[:, None])
    here.place.x[:, rows] = place.x + step
    here.place.explained[rows] = place.explained + np.maximum(gain, 0.0)


def looked_at(
    task: Task, curves: Int[np.ndarray, " starts"], cell: Int[np.ndarray, "2 starts"], x: Float[np.ndarray, "2 starts"]
) -> tuple[Settled, Float[np.ndarray, "2 starts"]]:
    """What the columns say at places, and the gradient along x of what is explained."""
    out, gradient = empty(task.tables.family.low.size, curves.size), np.empty((2, curves.size))
    order = np.argsort(cell[0] * task.tables.n_cells[1] + cell[1], kind="stable")
    for span in spans(curves.size, AT_ONCE):
        rows = order[span]
        here, gradient[:, rows] = _known_at(task.tables, task.z[curves[rows]], cell[:, rows], x[:, rows])
        out.put(rows, here)
    return out, gradient


def _known_at(
    tables: Plane, z: Float[np.ndarray, "voxels rank"], cell: np.ndarray, x: np.ndarray
) -> tuple[Settled, Float[np.ndarray, "2 voxels"]]:
    """What the columns say at places that are sorted by their cells, and the gradient along x of what is explained."""
    family = tables.family
    m, n = family.low.size, len(z)
    columns, slopes = columns_at(tables, cell, x)
    information = np.empty((m + 2, m + 2, n))
    information[:m, :m] = products(columns, columns)
    moment = products(columns, z[None])[:, 0]
    c, explained = box_minimum(information[:m, :m], moment, family.low, family.high)
    u = tables.u(cell, x)
    stretch = family.axes.stretch(u.T).T
    steep = weighed(slopes, c)
    pull = products(steep, z[None])[:, 0]
    mixed = products(columns, steep)
    pull -= (c[:, None] * mixed).sum(axis=0)
    mixed /= stretch
    information[:m, m:], information[m:, :m] = mixed, mixed.swapaxes(0, 1)
    information[m:, m:] = products(steep, steep) / (stretch[:, None] * stretch)
    place = Place(cell.copy(), x.copy(), explained, np.zeros(n, bool))
    return Settled(place, c, moment, information), 2.0 * pull * tables.half_widths(cell)


def weighed(
    slopes: Float[np.ndarray, "linear 2 voxels rank"], c: Float[np.ndarray, "linear voxels"]
) -> Float[np.ndarray, "2 voxels rank"]:
    """Slopes of the signal along u."""
    out = slopes[0] * c[0][:, None]
    for one, row in zip(slopes[1:], c[1:], strict=True):
        out += one * row[:, None]
    return np.asarray(out)


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
