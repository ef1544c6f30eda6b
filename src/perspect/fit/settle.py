"""From a start to the minimum on a plane near it, and what is known there."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.fit.family import moot
from perspect.fit.solution import Chunk
from perspect.numerics.ascent import Place, promised, step_within
from perspect.numerics.cells import Cells, Moments, known_at, moments, surface
from perspect.numerics.columns import by_cell, put, taken
from perspect.numerics.parallel import spans
from perspect.numerics.plane import Plane

AT_ONCE: Final = 4096
"""Curves whose columns are held together."""

LEFT: Final = 1e-7
"""Share of the sum of squares that may be left to gain where a search comes to rest."""

FREE: Final = 1e-4
"""Share of the sum of squares up to which a step of Newton's iteration is taken on trust, at most."""

BENDS: Final = 2.0
"""Share of a step, for each half cell of its length, that Newton's iteration leaves of the way [our default]."""

NOTHING: Final = 3e-8
"""Share of the sum of squares that is nothing to go for."""

TURNS: Final = 60
"""Places that are looked at, at most, on the way of a curve."""

STILL: Final = 1e-12
"""A curvature, relative to the other, that is none."""

BACK: Final = 0.25
"""Share of a step that went wrong that the next one is."""

SMALLEST: Final = 1e-300
"""What is divided by is no smaller."""

ROUNDED: Final = 1e-13
"""Share of the square of a curve that is rounding."""


Looked = tuple[Float[np.ndarray, " some"], Float[np.ndarray, "2 some"], Float[np.ndarray, "2 2 some"]]
"""What is explained at places, its gradient and its Hessian along x."""


@dataclass(frozen=True, eq=False)
class Task:
    """Curves, and the same in the basis of the tables; which θ shapes which atom."""

    cells: Cells
    shapes: Bool[np.ndarray, "2 linear"]
    chunk: Chunk
    z: Float[np.ndarray, "voxels rank"]

    @property
    def tables(self) -> Plane:
        """The tables of the family."""
        return self.cells.tables

    @property
    def square(self) -> Float[np.ndarray, " voxels"]:
        """The sum of squares of every curve."""
        return self.chunk.square

    def number(self, cell: Int[np.ndarray, "2 some"]) -> Int[np.ndarray, " some"]:
        """Cells by one number each."""
        return np.asarray(cell[0] * self.tables.n_cells[1] + cell[1])


@dataclass(frozen=True, eq=False)
class Settled:
    """Where curves ended, the best amplitudes there, and what follows from the columns."""

    place: Place
    c: Float[np.ndarray, "linear voxels"]
    moment: Float[np.ndarray, "linear voxels"]
    information: Float[np.ndarray, "unknowns unknowns voxels"]

    def put(self, rows: np.ndarray, other: "Settled") -> None:
        """Takes some curves, in place, from another."""
        self.place.put(rows, other.place)
        for mine, theirs in (
            (self.c, other.c), (self.moment, other.moment), (self.information, other.information),
        ):  # fmt: skip
            put(mine, rows, theirs)

    def of(self, rows: np.ndarray) -> "Settled":
        """The same of some curves."""
        return Settled(
            self.place.of(rows), taken(self.c, rows), taken(self.moment, rows), taken(self.information, rows)
        )


def looked_at(
    task: Task, curves: Int[np.ndarray, " starts"], cell: Int[np.ndarray, "2 starts"], x: Float[np.ndarray, "2 starts"]
) -> Looked:
    """What is explained at places, its gradient and its Hessian along x."""
    number = task.number(cell)
    order, back = by_cell(number)
    found = surface(
        task.cells, _moments(task, curves[order], number[order]), np.arange(curves.size), number[order], taken(x, order)
    )
    return found[0][back], taken(found[1], back), taken(found[2], back)


def _moments(task: Task, curves: np.ndarray, number: np.ndarray) -> Moments:
    parts = [
        moments(task.cells, task.z[curves[span]], number[span]) for span in spans(curves.size, AT_ONCE) or [slice(0, 0)]
    ]
    return tuple(np.concatenate(some, axis=1) for some in zip(*parts, strict=True))


def known(task: Task, curves: Int[np.ndarray, " some"], place: Place) -> Settled:
    """What the columns say at places."""
    tables = task.tables
    c, moment, information, explained = known_at(task.cells, task.z[curves], place.cell, place.x)
    m = len(c)
    scale = tables.family.axes.stretch(tables.u(place.cell, place.x).T).T * tables.half_widths(place.cell)
    information[m:] /= scale[:, None]
    information[:, m:] /= scale
    return Settled(Place(place.cell, place.x, explained, place.has_converged), c, moment, information)


def settled(
    task: Task,
    curves: Int[np.ndarray, " starts"],
    start: Place,
    fixed: Bool[np.ndarray, "2 starts"] | None = None,
) -> tuple[Place, Float[np.ndarray, "2 2 starts"]]:
    """The minimum that each start leads to, and the Hessian along x of what is explained near it; `curves` says whose
    starts these are, `fixed` which θ stay where they are.

    Newton's iteration from cell to cell.
    """
    order, back = by_cell(task.number(start.cell))
    held = np.zeros((2, curves.size), bool) if fixed is None else taken(fixed, order)
    walk = _walk(task, curves[order], start.of(order), held)
    rows = np.arange(curves.size)
    for _ in range(TURNS):
        if rows.size == 0:
            break
        rows = walk.turn(rows)
    return walk.place.of(back), taken(walk.hessian, back)


def _walk(task: Task, curves: np.ndarray, start: Place, held: np.ndarray) -> "_Walk":
    n, number = curves.size, task.number(start.cell)
    of = _moments(task, curves, number)
    explained, gradient, hessian = surface(task.cells, of, np.arange(n), number, start.x)
    place = Place(start.cell, start.x, explained, np.zeros(n, bool))
    return _Walk(task, curves, of, place, gradient, hessian, np.ones(n), np.zeros((2, n), np.int64), held)


@dataclass(frozen=True, eq=False)
class _Walk:
    """Where every search stands: what is known there, the gradient and the Hessian along x of what is explained, how
    long the next step may be, the edges of cells (-1, 0 or 1 along each axis) that are ridges, and which θ stay.
    """

    task: Task
    curves: Int[np.ndarray, " starts"]
    of: Moments
    place: Place
    gradient: Float[np.ndarray, "2 starts"]
    hessian: Float[np.ndarray, "2 2 starts"]
    reach: Float[np.ndarray, " starts"]
    ridge: Int[np.ndarray, "2 starts"]
    held: Bool[np.ndarray, "2 starts"]

    def turn(self, rows: Int[np.ndarray, " some"]) -> Int[np.ndarray, " fewer"]:
        """A step of each, or, at a kink beyond which more is explained, into the next cell; those that are not done.

        Where little is left to gain the step is the last, so short that it need not be looked at.
        """
        place, tables = self.place.of(rows), self.task.tables
        gradient = np.where(taken(self.held, rows), 0.0, taken(self.gradient, rows))
        walls = np.stack(
            [np.stack([kink[cell], kink[cell + 1]]) for kink, cell in zip(tables.kinks, place.cell, strict=True)],
            axis=1,
        )
        leans = (walls[1] & (place.x >= 1.0) & (gradient > 0)).astype(np.int64)
        leans -= walls[0] & (place.x <= -1.0) & (gradient < 0)
        step, gain, is_cut = self._next(rows, place, gradient, leans != 0, walls)
        onward = place.cell + leans
        is_there = (onward >= 0) & (onward < np.array(tables.n_cells)[:, None])
        across = np.where(is_there & (taken(self.ridge, rows) != leans), leans, 0)
        rests = self._rests(rows, place, step, gain, is_cut) & (across == 0).all(axis=0)
        done = rows[rests]
        cell, x, _ = _moved(tables, place.of(rests), taken(step, rests))
        put(self.place.cell, done, cell)
        put(self.place.x, done, x)
        self.place.explained[done] += np.maximum(gain[rests], 0.0)
        self.place.has_converged[done] = True
        left = ~rests
        self._go_on(rows[left], place.of(left), taken(step, left), taken(across, left))
        return np.asarray(rows[left])

    def _rests(
        self, rows: np.ndarray, place: Place, step: np.ndarray, gain: np.ndarray, is_cut: np.ndarray
    ) -> Bool[np.ndarray, " some"]:
        """Where little is left to gain."""
        square = self.task.square[self.curves[rows]]
        left, rounding = square - place.explained, ROUNDED * square
        behind = gain * np.minimum(BENDS * np.abs(step).max(axis=0), 1.0) ** 2
        rests = (behind <= LEFT * left + rounding) & (gain <= FREE * left + rounding)
        return np.asarray((rests & ~is_cut) | (gain <= NOTHING * left + rounding))

    def _next(
        self, rows: np.ndarray, place: Place, gradient: np.ndarray, leans: np.ndarray, walls: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, Bool[np.ndarray, " some"]]:
        """The step up to a kink, what it promises, and whether it is cut short."""
        hessian, reach, x = taken(self.hessian, rows), self.reach[rows], place.x
        low = np.maximum(np.where(walls[0], -1.0 - x, -np.inf), -reach)
        high = np.minimum(np.where(walls[1], 1.0 - x, np.inf), reach)
        size = np.abs(np.stack([hessian[0, 0], hessian[1, 1]]))
        held = taken(self.held, rows) | leans | (size <= STILL * size.max(axis=0))
        inside, is_cut = step_within(gradient, hessian, held, low, high)
        pull = np.where(held, 0.0, gradient)
        # What is left of a step that was cut at a kink may lead down; the gradient leads up.
        down = (pull * inside).sum(axis=0) < 0
        if down.any():
            inside = np.where(down, np.clip(pull / np.maximum(size, SMALLEST), low, high), inside)
        gain = np.maximum(promised(pull, hessian, inside), 0.5 * (pull * inside).sum(axis=0))
        return inside, gain, is_cut | down

    def _go_on(self, rows: np.ndarray, place: Place, step: np.ndarray, across: np.ndarray) -> None:
        across[1, across[0] != 0] = 0
        goes = (across != 0).any(axis=0)
        cell, x, is_out = _moved(self.task.tables, place, step)
        is_out &= ~goes
        stays = ~goes & ~is_out
        if stays.any():
            some = rows[stays]
            found = surface(self.task.cells, self.of, some, self.task.number(taken(place.cell, stays)), taken(x, stays))
            self._arrive(some, taken(cell, stays), taken(x, stays), found, taken(step, stays))
        if is_out.any():
            self._enter(rows[is_out], taken(cell, is_out), taken(x, is_out), taken(step, is_out))
        if goes.any():
            self._cross(rows[goes], place.of(goes), taken(across, goes))

    def _arrive(
        self, rows: np.ndarray, cell: np.ndarray, x: np.ndarray, found: Looked, step: np.ndarray
    ) -> Bool[np.ndarray, " some"]:
        """Takes a step where it led up; where it did not the next one is shorter."""
        better = found[0] >= self.place.explained[rows]
        up, down = rows[better], rows[~better]
        self._put(up, better, cell, x, found)
        self.reach[up] = np.minimum(2.0 * self.reach[up], 1.0)
        self.reach[down] = BACK * np.abs(taken(step, ~better)).max(axis=0)
        return np.asarray(better)

    def _put(self, rows: np.ndarray, which: np.ndarray, cell: np.ndarray, x: np.ndarray, found: Looked) -> None:
        """Where `which` of some places that were looked at are where these stand now, and what is known there."""
        explained, gradient, hessian = found
        mine = self.place.cell, self.place.x, self.place.explained, self.gradient, self.hessian
        for one, other in zip(mine, (cell, x, explained, gradient, hessian), strict=True):
            put(one, rows, taken(other, which))

    def _enter(self, rows: np.ndarray, cell: np.ndarray, x: np.ndarray, step: np.ndarray) -> None:
        """A step into another cell."""
        found, of, order = self._seen(rows, cell, x)
        rows, cell, x, step = rows[order], taken(cell, order), taken(x, order), taken(step, order)
        better = self._arrive(rows, cell, x, found, step)
        self._keep(rows[better], of, better)

    def _cross(self, rows: np.ndarray, place: Place, across: np.ndarray) -> None:
        """Into the next cell where more is explained behind the kink, which is a ridge elsewhere."""
        tables, cell = self.task.tables, place.cell + across
        x = tables.x(cell, tables.u(place.cell, place.x))
        found, of, order = self._seen(rows, cell, x)
        rows, across, cell, x = rows[order], taken(across, order), taken(cell, order), taken(x, order)
        inward = (across * found[1]).sum(axis=0) > 0
        on, stays = rows[inward], rows[~inward]
        self._put(on, inward, cell, x, found)
        self._keep(on, of, inward)
        seen = taken(across, ~inward)
        put(self.ridge, stays, np.where(seen != 0, seen, taken(self.ridge, stays)))

    def _seen(self, rows: np.ndarray, cell: np.ndarray, x: np.ndarray) -> tuple[Looked, Moments, np.ndarray]:
        """What is explained in other cells, with the moments there, and in which order."""
        number = self.task.number(cell)
        order, _ = by_cell(number)
        of = _moments(self.task, self.curves[rows[order]], number[order])
        return surface(self.task.cells, of, np.arange(rows.size), number[order], taken(x, order)), of, order

    def _keep(self, rows: np.ndarray, of: Moments, which: Bool[np.ndarray, " some"]) -> None:
        """The moments of another cell; what was a ridge in the former one need not be one there."""
        put(self.ridge, rows, np.zeros((2, rows.size), np.int64))
        for mine, theirs in zip(self.of, of, strict=True):
            put(mine, rows, taken(theirs, which))


def _moved(
    tables: Plane, place: Place, step: Float[np.ndarray, "2 starts"]
) -> tuple[Int[np.ndarray, "2 starts"], Float[np.ndarray, "2 starts"], Bool[np.ndarray, " starts"]]:
    """Where a step leads: the cell, the place inside, and whether the cell is another one."""
    x = place.x + step
    beyond = (x > 1.0).astype(np.int64) - (x < -1.0)
    out = (beyond != 0).any(axis=0)
    cell = place.cell + beyond
    some = np.flatnonzero(out)
    put(x, some, tables.x(taken(cell, some), tables.u(taken(place.cell, some), taken(x, some))))
    return cell, x, out


def moot_at(task: Task, curves: np.ndarray, here: Settled, doubt: float = 1.0) -> Bool[np.ndarray, "2 starts"]:
    """Which θ shape only what the data cannot, or (`doubt` above 1) hardly can, tell from nothing."""
    m = len(here.c)
    return moot(
        task.tables.family, task.shapes, here.information[:m, :m], here.moment, here.place.explained, task.chunk,
        curves, doubt,
    )  # fmt: skip
