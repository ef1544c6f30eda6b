"""Where a better minimum on a plane may lie than the one that was found: in a section through it or through the end of
an axis, and behind a kink.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from perspect.fit.settle import Task, looked_at, settled
from perspect.numerics.ascent import Place, newton_step, promised
from perspect.numerics.nodes import Nodes, places
from perspect.numerics.sections import Sections, heights

CLOSE: Final = 1e-2
"""Share of the sum of squares by which what a section promises may lie below the best and be followed [our default]."""

BEHIND: Final = 0.01
"""The same of what a section behind a kink promises, which is less sure [our default]."""

HOPE: Final = 2.0
"""So many times as high as a parabola says a summit between two places of a section may be [our default]."""

BESIDE: Final = 0.75
"""Share of their distance by which a summit of a section is nearer to the place that was found than the next one and
leads there [our default]."""

NEXT: Final = np.array([-0.2, 0.0, 0.2])
"""Where a section is looked at, in half cells from the place that was found [our default]."""

BEHIND_KINK: Final = np.array([0.9, 0.5])
"""Where in a cell behind a kink it is looked at, in half cells from its middle towards the kink [our default]."""

LOST: Final = 0.15
"""Share of the sum of squares that may be lost up to a kink for it to be looked behind it [our default]."""

ELSEWHERE: Final = 0.1
"""Half cells by which another place on the lines asks for a section of its own [our default]."""

FARTHEST: Final = 2.0
"""The longest step in a cell, in half cells."""

MARGIN, HARDLY = 1.2, 2e-6
"""A cell is searched that holds so many times what a parabola promises, if that lowers the sum of squares by more than
this share of itself."""


@dataclass(frozen=True, eq=False)
class Search:
    """Where a search begins, and the sections in which it looks around where it ended."""

    nodes: Nodes
    sections: Sections | None


def starts(
    search: Search,
    task: Task,
    rows: Int[np.ndarray, " some"],
    doubtful: Int[np.ndarray, " fewer"],
    found: Place,
    hessian: Float[np.ndarray, "2 2 voxels"],
) -> list[tuple[Int[np.ndarray, " starts"], Place]]:
    """Starts that promise more than the places that were `found`, and whose: of some curves behind kinks, of those
    whose θ across the lines is `doubtful` in sections as well. The Hessian is that at these places, along x.
    """
    out = [_behind(search, task, rows, found, side, hessian) for side in (-1, 1)]
    if search.sections is None or doubtful.size == 0:
        return out
    out += [_behind_sections(search, task, doubtful, found, side) for side in (-1, 1)]
    through = found.of(doubtful)
    here = task.tables.u(through.cell, through.x)[1 - search.nodes.along]
    out.append(_across(search, task, doubtful, found, through, here))
    moved, end = _at_end(search, task, doubtful, found)
    out.append(_across(search, task, moved, found, end, None))
    return out


def _across(
    search: Search,
    task: Task,
    rows: Int[np.ndarray, " some"],
    found: Place,
    through: Place,
    here: Float[np.ndarray, " some"] | None,
) -> tuple[Int[np.ndarray, " starts"], Place]:
    """Where a section `through` places promises as much as there is: whose, and where. These places lie at u `here` of
    the section, where they are summits of it; `found` says what is explained so far.
    """
    if rows.size == 0:
        return rows, through
    of, along = search.sections, search.nodes.along
    assert of is not None
    cell = through.cell[along]
    at = np.clip(through.x[along] + NEXT[:, None], -1.0, 1.0)
    height, there = _highest(at, *heights(of, task.z[rows], cell, at))
    now = found.explained[rows]
    some, start, u = _promising(of, height, now - CLOSE * (task.square[rows] - now), here)
    return _starts(task, along, rows[some], cell[some], there[start, some], u)


def _at_end(
    search: Search, task: Task, rows: Int[np.ndarray, " some"], found: Place
) -> tuple[Int[np.ndarray, " fewer"], Place]:
    """The best places at the lower end of the axis across the lines, where what it shapes hardly decays: whose, where
    they are other ones than those that were found.

    A section through an exchange that is taken for a delay sees nothing of a slow one, whose delay is another.
    """
    along = search.nodes.along
    before, start = found.of(rows), found.of(rows)
    start.cell[1 - along], start.x[1 - along] = 0, -1.0
    fixed = np.zeros((2, rows.size), bool)
    fixed[1 - along] = True
    place, _ = settled(task, rows, start, fixed)
    u, v = task.tables.u(place.cell, place.x)[along], task.tables.u(before.cell, before.x)[along]
    moved = np.flatnonzero(np.abs(u - v) > ELSEWHERE * task.tables.half_widths(place.cell)[along])
    return rows[moved], place.of(moved)


def _promising(
    of: Sections, height: Float[np.ndarray, "places some"], asked: Float[np.ndarray, " some"], here: np.ndarray | None
) -> tuple[Int[np.ndarray, " starts"], Int[np.ndarray, " starts"], Float[np.ndarray, " starts"]]:
    """Summits of sections that promise as much as is asked, and are not that from which the section was taken: whose,
    the place next to each, and u; those of one curve lie together.
    """
    rises = height[1:] > height[:-1]
    out = np.ones(height.shape, bool)
    out[1:] &= rises
    out[:-1] &= ~rises
    level = np.maximum(height, 0.0)
    inner = 2.0 * level[1:-1] - level[2:] - level[:-2]
    tilt = level[2:] - level[:-2]
    is_peak = inner > 0.5 * np.abs(tilt)
    away = np.zeros_like(height)
    np.divide(0.5 * tilt, inner, out=away[1:-1], where=is_peak)
    lift = np.zeros_like(height)
    lift[1:-1] = 0.25 * tilt * away[1:-1]
    out &= height + HOPE * lift >= asked
    start, some = np.nonzero(out)
    count = start + away[start, some]
    if here is not None:
        apart = np.abs(count - of.scale.count_at(here[some])) > BESIDE
        some, start, count = some[apart], start[apart], count[apart]
    order = np.argsort(some, kind="stable")
    return some[order], start[order], of.scale.u_at(count[order])


def _starts(
    task: Task, along: int, curves: np.ndarray, cell: np.ndarray, x: np.ndarray, u: np.ndarray
) -> tuple[Int[np.ndarray, " starts"], Place]:
    """Places by cell and place inside along one axis, and by u along the other."""
    other_cell, other_x = places(task.tables, 1 - along, u)
    pair = (other_cell, cell), (other_x, x)
    both = [np.stack(one if along else one[::-1]) for one in pair]
    return curves, Place(both[0], both[1], np.zeros(curves.size), np.zeros(curves.size, bool))


def _behind(
    search: Search,
    task: Task,
    rows: Int[np.ndarray, " some"],
    found: Place,
    side: int,
    hessian: Float[np.ndarray, "2 2 voxels"],
) -> tuple[Int[np.ndarray, " starts"], Place]:
    """Where more may be explained behind a kink next to the places that were found, along the ridge on which these
    lie: whose, and where.

    There the sum of squares may rise to the side and fall again behind it.
    """
    along = search.nodes.along
    rows, onward = _beside_kinks(search, rows, found, side)
    bend = hessian[1 - along, 1 - along, rows]
    lean = np.divide(-hessian[0, 1, rows], bend, out=np.zeros(rows.size), where=bend < 0)
    lost = -0.5 * (hessian[along, along, rows] + lean * hessian[0, 1, rows]) * (1.0 - side * found.x[along, rows]) ** 2
    near = lost <= LOST * (task.square[rows] - found.explained[rows])
    rows, onward, lean = rows[near], onward[near], lean[near]
    place = found.of(rows)
    place.x[1 - along] = np.clip(place.x[1 - along] + lean * (2.0 * side - place.x[along]), -1.0, 1.0)
    place.cell[along], place.x[along] = onward, 0.0
    return hopeful(task, rows, place, found.of(rows), along, side)


def hopeful(
    task: Task, curves: Int[np.ndarray, " some"], start: Place, found: Place, axis: int, side: int
) -> tuple[Int[np.ndarray, " starts"], Place]:
    """Starts from which a step promises more than was found, and not at the edge through which it would lead back."""
    explained, gradient, hessian = looked_at(task, curves, start.cell, start.x)
    step = newton_step(gradient, hessian, np.zeros((2, curves.size), bool))
    there = np.clip(start.x + step, -1.0, 1.0)
    gain = np.abs(promised(gradient, hessian, there - start.x))
    left = task.square[curves] - found.explained
    rows = np.flatnonzero((explained + MARGIN * gain > found.explained + HARDLY * left) & (side * there[axis] > -1.0))
    return curves[rows], start.of(rows)


def _beside_kinks(
    search: Search, rows: Int[np.ndarray, " some"], found: Place, side: int
) -> tuple[Int[np.ndarray, " fewer"], Int[np.ndarray, " fewer"]]:
    """Which places lie in a cell with a kink on that side, and the cells behind it."""
    tables, along = search.nodes.tables, search.nodes.along
    cell = found.cell[along, rows]
    onward = cell + side
    is_there = (onward >= 0) & (onward < tables.n_cells[along]) & tables.kinks[along][cell + (side > 0)]
    return rows[is_there], onward[is_there]


def _behind_sections(
    search: Search, task: Task, rows: Int[np.ndarray, " some"], found: Place, side: int
) -> tuple[Int[np.ndarray, " starts"], Place]:
    """Where sections behind a kink next to the places that were found promise nearly as much: whose, and where."""
    rows, onward = _beside_kinks(search, rows, found, side)
    if rows.size == 0:
        return rows, found.of(rows)
    along = search.nodes.along
    assert search.sections is not None
    x = np.sort(-side * BEHIND_KINK)[:, None] * np.ones(rows.size)
    height, at = _highest(x, *heights(search.sections, task.z[rows], onward, x))
    height = np.where(side * at > -1.0, height, -np.inf)
    now = found.explained[rows]
    some, start, u = _promising(search.sections, height, now - BEHIND * (task.square[rows] - now), None)
    return _starts(task, along, rows[some], onward[some], at[start, some], u)


def _highest(
    x: Float[np.ndarray, "looks some"],
    height: Float[np.ndarray, "looks places some"],
    slope: Float[np.ndarray, "looks places some"],
) -> tuple[Float[np.ndarray, "places some"], Float[np.ndarray, "places some"]]:
    """The summit in a cell by what is explained at some places x in rising order, and its slopes there; and where that
    is. Between two of them a parabola goes on from the higher one; where they do not agree the highest summit counts.
    """
    best, where = np.full(height.shape[1:], -np.inf), np.zeros(height.shape[1:])
    for k, width in enumerate(np.diff(x, axis=0)):
        is_right = height[k + 1] > height[k]
        begun, steep, high = (np.where(is_right, one[k + 1], one[k]) for one in (x, slope, height))
        bend = np.divide(slope[k] - slope[k + 1], width, out=np.zeros_like(steep), where=width > 0)
        bend = np.maximum(bend, 0.0)
        step = np.divide(steep, bend, out=np.copysign(FARTHEST, steep), where=FARTHEST * bend > np.abs(steep))
        at = np.clip(begun + step, -1.0, 1.0)
        away = at - begun
        summit = high + away * (steep - 0.5 * bend * away)
        where = np.where(summit > best, at, where)
        best = np.maximum(best, summit)
    return best, where
