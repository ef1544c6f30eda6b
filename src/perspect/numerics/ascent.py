"""Newton's iteration on what a family with two θ explains of many curves, in the cells of its tables.

A curve's moments and the products of the columns are polynomials inside a cell, so a step costs a few hundred
operations whatever the number of samples. Curves are worked on cell by cell, in blocks that stay in the cache; the few
that need more steps than the others, or that cross into the next cell, are gathered and go on together.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perspect.numerics.parallel import spans
from perspect.numerics.plane import Plane, runs
from perspect.numerics.separable import Family
from perspect.numerics.small import box_minimum, inverse, times, without

_STEPS, _ROUNDS = 12, 60
"""Steps of a curve before it is gathered with others, and how often it is."""

_ENOUGH, _LITTLE = 1e-5, 1e-7
"""A step that promises to lower the sum of squares by less than this share of itself is the last: being Newton's, what
it leaves is of the order of its square. One that was cut short leaves more, and must promise less."""

_FEW = 0.3
"""Share of a block below which those that are not done are gathered with others of their kind."""

_WORTH_MOVING = 0.7
"""Share of unfinished curves below which the others leave the batch."""

_ROUNDING = 1e-13

_BLOCK = 4096
"""Curves that are worked on together: fewer would pay more for calls than for numbers."""

_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-5, 1e-7, 1e8
_EASE, _TIGHTEN = 0.1, 8.0
_FLAT, _TINY = 1e-3, 1e-150

_MARGIN, _NOTHING = 1.2, 2e-6
"""A cell is searched that holds so many times what a parabola promises, if that lowers the sum of squares by more than
this share of itself."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where each curve ended: its cell, the place inside, and whether Newton's iteration came to rest there."""

    cell: Int[np.ndarray, "2 voxels"]
    x: Float[np.ndarray, "2 voxels"]
    explained: Float[np.ndarray, " voxels"]
    has_converged: Bool[np.ndarray, " voxels"]

    def of(self, rows: np.ndarray) -> "Place":
        """The same of some curves."""
        return Place(self.cell[:, rows], self.x[:, rows], self.explained[rows], self.has_converged[rows])


def begin(tables: Plane, searched: Float32[np.ndarray, "voxels nodes"], node: Int[np.ndarray, " voxels"]) -> Place:
    """Where the parabola through the best centre and its neighbours has its summit, along each axis."""
    at = np.arange(node.size)
    cell = np.stack(np.divmod(node, tables.n_cells[1]))
    here = searched[at, node].astype(np.float64)
    offset = np.zeros(cell.shape)
    for axis, (n, stride) in enumerate(zip(tables.n_cells, (tables.n_cells[1], 1), strict=True)):
        if n < 3:
            continue
        inner = np.clip(cell[axis], 1, n - 2)
        to_inner = (inner - cell[axis]) * stride
        before, middle, after = (searched[at, node + to_inner + s * stride].astype(np.float64) for s in (-1, 0, 1))
        bend = 2.0 * middle - before - after
        vertex = np.divide(0.5 * (after - before), bend, out=np.zeros(node.size), where=(bend > 0) & (to_inner == 0))
        spacing = np.diff(tables.sides[axis].mean(axis=0)).mean() / tables.half_widths(cell)[axis]
        offset[axis] = np.clip(vertex, -0.5, 0.5) * spacing
    return Place(cell, np.clip(offset, -1.0, 1.0), here, np.zeros(node.size, bool))


def beyond(
    tables: Plane,
    z: Float[np.ndarray, "voxels rank"],
    square: Float[np.ndarray, " voxels"],
    place: Place,
    axis: int,
    side: int,
) -> tuple[Int[np.ndarray, " some"], Place]:
    """Which curves may find more in the cell on one side (-1 or 1) of that where they ended, and a start there.

    Where columns bend, the sum of squares may rise to the side and fall again behind it. Curves that a parabola behind
    the side promises less than they have are left out.
    """
    onward = place.cell[axis] + side
    rows = np.flatnonzero((onward >= 0) & (onward < tables.n_cells[axis]))
    cell, x = place.cell[:, rows].copy(), place.x[:, rows].copy()
    cell[axis], x[axis] = onward[rows], 0.0
    hopeful = np.zeros(rows.size, bool)
    for some in _blocks(tables, cell, np.arange(rows.size)):
        patch = _patch(tables, z[rows[some]], cell[:, some])
        gained, gradient, hessian = patch.derivatives(x[:, some])
        step = _step(gradient, hessian, np.full(some.size, _DAMPING), np.zeros((2, some.size), bool))
        step = np.clip(x[:, some] + step, -1.0, 1.0) - x[:, some]
        there = gained + _MARGIN * np.abs(_promised(gradient, hessian, step))
        now = place.explained[rows[some]]
        hopeful[some] = there > now + _NOTHING * (square[rows[some]] - now)
    rows, cell, x = rows[hopeful], cell[:, hopeful], x[:, hopeful]
    return rows, Place(cell, x, np.full(rows.size, -np.inf), np.zeros(rows.size, bool))


def ascended(
    tables: Plane, z: Float[np.ndarray, "voxels rank"], square: Float[np.ndarray, " voxels"], start: Place
) -> Place:
    """The summit of what is explained that each start leads to."""
    cell, x, explained = start.cell.copy(), start.x.copy(), start.explained.astype(np.float64)
    former, entered = np.full(cell.shape, -1), np.full(square.size, -np.inf)
    damping, has_converged = np.full(square.size, _DAMPING), np.zeros(square.size, bool)
    limits = np.array(tables.n_cells)[:, None]
    left = np.arange(square.size)
    for _ in range(_ROUNDS):
        todo = []
        for rows in _blocks(tables, cell, left):
            patch = _patch(tables, z[rows], cell[:, rows])
            x[:, rows], explained[rows], outward, has_converged[rows], damping[rows] = _newton(
                patch, x[:, rows], square[rows], damping[rows]
            )
            onward = cell[:, rows] + outward
            # Back where it came from: the summit lies on the side between, where the columns bend.
            goes = (outward != 0).any(axis=0) & (onward != former[:, rows]).any(axis=0)
            # On a plateau every move is as good as none, and a search would walk in circles.
            goes &= explained[rows] > entered[rows] + _ROUNDING * square[rows]
            goes &= ((onward >= 0) & (onward < limits)).all(axis=0)
            todo.append(rows[~has_converged[rows]])
            moved = rows[goes]
            u = tables.u(cell[:, moved], x[:, moved])
            former[:, moved], entered[moved], damping[moved] = cell[:, moved], explained[moved], _DAMPING
            cell[:, moved] = onward[:, goes]
            x[:, moved] = tables.x(cell[:, moved], u)
            todo.append(moved)
        left = np.concatenate(todo) if todo else left[:0]
        if left.size == 0:
            break
    return Place(cell, x, explained, has_converged)


def _blocks(
    tables: Plane, cell: Int[np.ndarray, "2 voxels"], rows: Int[np.ndarray, " some"]
) -> Iterator[Int[np.ndarray, " few"]]:
    """Rows in blocks, those of one cell side by side, so that one product of matrices serves them all."""
    rows = rows[np.argsort(cell[0, rows] * tables.n_cells[1] + cell[1, rows], kind="stable")]
    for part in spans(rows.size, _BLOCK):
        yield rows[part]


@dataclass(frozen=True, eq=False)
class _Patch:
    """Moments and products of the columns in the cell of each curve, as polynomials.

    They are numbered: the moments, then the products of `pairs`. Those of one shape lie in one array, "p q k voxels".
    """

    family: Family
    pairs: tuple[tuple[int, int], ...]
    groups: tuple[tuple[list[int], Float[np.ndarray, "_ _ _ voxels"]], ...]

    def of(self, rows: Bool[np.ndarray, " voxels"]) -> "_Patch":
        """The same of some curves."""
        return _Patch(self.family, self.pairs, tuple((which, poly[..., rows]) for which, poly in self.groups))

    def derivatives(self, x: Float[np.ndarray, "2 voxels"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What the best amplitudes explain, and of that the gradient and the Hessian along x.

        By the envelope theorem the amplitudes may be held for the gradient; for the Hessian those off their bounds
        follow.
        """
        m, n = self.family.low.size, x.shape[1]
        every = np.zeros((6, m + len(self.pairs), n))
        for which, poly in self.groups:
            every[:, which] = _evaluated(poly, x)
        moments, flat = every[:, :m], every[:, m:]
        gram = np.empty((m, m, n))
        turned = np.zeros((5, m, n))
        for row, (i, j) in zip(flat[0], self.pairs, strict=True):
            gram[i, j] = gram[j, i] = row
        c, explained = box_minimum(gram, moments[0], self.family.low, self.family.high)
        for k, (i, j) in enumerate(self.pairs):
            turned[:, i] += flat[1:, k] * c[j]
            if i != j:
                turned[:, j] += flat[1:, k] * c[i]
        pull = moments[1:] - turned
        slope = (c * (moments[1:] + pull)).sum(axis=1)
        is_fixed = (c <= self.family.low[:, None]) | (c >= self.family.high[:, None])
        free = np.where(is_fixed, 0.0, pull[:2])
        known = inverse(without(gram, is_fixed))
        follow = [np.nan_to_num(times(known, one)) for one in free]
        hessian = np.empty((2, 2, n))
        for (i, j), k in (((0, 0), 2), ((0, 1), 3), ((1, 1), 4)):
            hessian[i, j] = hessian[j, i] = slope[k] + 2.0 * (free[i] * follow[j]).sum(axis=0)
        return explained, slope[:2], hessian


def _evaluated(poly: Float[np.ndarray, "p q k voxels"], x: Float[np.ndarray, "2 voxels"]) -> np.ndarray:
    """Value, the two slopes, and the three curvatures (one, mixed, other) of polynomials of two places."""
    p, q, k, n = poly.shape
    out = np.zeros((6, k, n))
    if q == 1:
        out[0], out[1], out[3] = _along(poly[:, 0], x[0], 2)
    elif p == 1:
        out[0], out[2], out[5] = _along(poly[0], x[1], 2)
    else:
        value, slope, half = _along(poly, x[0], 2)
        out[0], out[2], out[5] = _along(value, x[1], 2)
        out[1], out[4] = _along(slope, x[1], 1)
        (out[3],) = _along(half, x[1], 0)
    out[3::2] *= 2.0
    return out


def _along(
    poly: Float[np.ndarray, "p *any voxels"], x: Float[np.ndarray, " voxels"], order: int
) -> tuple[np.ndarray, ...]:
    """By Horner's rule: value, slope and half the curvature along x, up to `order`."""
    value, slope, half = poly[-1].copy(), np.zeros(0), np.zeros(0)
    for step, row in enumerate(poly[-2::-1]):
        if order > 1 and step > 1:
            half *= x
            half += slope
        elif order > 1 and step == 1:
            half = slope.copy()
        if order > 0 and step > 0:
            slope *= x
            slope += value
        elif order > 0:
            slope = value.copy()
        value *= x
        value += row
    if order > 0 and slope.size == 0:
        slope = np.zeros_like(value)
    if order > 1 and half.size == 0:
        half = np.zeros_like(value)
    return (value, slope, half)[: order + 1]


def _patch(tables: Plane, z: Float[np.ndarray, "voxels rank"], cell: Int[np.ndarray, "2 voxels"]) -> _Patch:
    """Of curves that are sorted by their cells."""
    flat = cell[0] * tables.n_cells[1] + cell[1]
    pieces = list(runs(flat))
    m, shapes = len(tables.columns), tables.shapes
    groups = []
    for shape in dict.fromkeys(shapes):
        which = [i for i, one in enumerate(shapes) if one == shape]
        poly = np.empty((shape[0] * shape[1], len(which), flat.size))
        for place, i in enumerate(which):
            if i < m:
                for run, number in pieces:
                    np.matmul(tables.columns[i][number], z[run].T, out=poly[:, place, run])
            else:
                np.take(tables.gram[i - m], flat, axis=1, out=poly[:, place], mode="clip")
        groups.append((which, poly.reshape(*shape, len(which), flat.size)))
    return _Patch(tables.family, tables.pairs, tuple(groups))


def _newton(
    patch: _Patch,
    start: Float[np.ndarray, "2 voxels"],
    square: Float[np.ndarray, " voxels"],
    start_damping: Float[np.ndarray, " voxels"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The summit inside each cell, what it explains; which side it leans on (-1, 0 or 1 along each axis); whether it
    came to rest, and how damped it was when it did not.
    """
    n = square.size
    x, damping = start.copy(), start_damping.copy()
    explained, outward, is_at_rest = np.zeros(n), np.zeros((2, n), np.int64), np.zeros(n, bool)
    rows, goes_on = np.arange(n), np.ones(n, bool)
    at, total, damped = start, square, start_damping
    gained, gradient, hessian = patch.derivatives(at)
    for _ in range(_STEPS):
        step = _step(gradient, hessian, damped, _leans(at, gradient) != 0)
        trial = np.clip(at + step, -1.0, 1.0)
        step = trial - at
        promised = _promised(gradient, hessian, step)
        is_whole = (np.abs(step) < 1.0).all(axis=0) & (np.abs(trial) < 1.0).all(axis=0) & (damped <= _DAMPING)
        small = np.maximum(np.where(is_whole, _ENOUGH, _LITTLE) * (total - gained), _ROUNDING * total)
        stops = goes_on & ((np.abs(promised) <= small) | (damped > _MOST_DAMPING))
        if stops.any():
            done = rows[stops]
            x[:, done], is_at_rest[done] = trial[:, stops], True
            explained[done] = (gained + np.maximum(promised, 0.0))[stops]
            outward[:, done] = _leans(trial, gradient + _turned(hessian, step))[:, stops]
            goes_on &= ~stops
        n_left = np.count_nonzero(goes_on)
        if n_left <= (_FEW * n if n > _BLOCK // 8 else 0):
            break
        if n_left < _WORTH_MOVING * goes_on.size:
            rows, patch, gained = rows[goes_on], patch.of(goes_on), gained[goes_on]
            at, trial = at[:, goes_on], trial[:, goes_on]
            gradient, hessian = gradient[:, goes_on], hessian[:, :, goes_on]
            damped, total, goes_on = damped[goes_on], total[goes_on], np.ones(n_left, bool)
        new, *slopes = patch.derivatives(trial)
        is_better = new >= gained
        at, gained = np.where(is_better, trial, at), np.where(is_better, new, gained)
        gradient, hessian = (
            np.where(is_better, one, was) for one, was in zip(slopes, (gradient, hessian), strict=True)
        )
        damped = np.maximum(damped * np.where(is_better, _EASE, _TIGHTEN), _LEAST_DAMPING)
    left = rows[goes_on]
    x[:, left], explained[left], damping[left] = at[:, goes_on], gained[goes_on], damped[goes_on]
    return x, explained, outward, is_at_rest, damping


def _turned(hessian: np.ndarray, step: np.ndarray) -> np.ndarray:
    return np.stack(
        [hessian[0, 0] * step[0] + hessian[0, 1] * step[1], hessian[0, 1] * step[0] + hessian[1, 1] * step[1]]
    )


def _promised(gradient: np.ndarray, hessian: np.ndarray, step: np.ndarray) -> Float[np.ndarray, " voxels"]:
    """What a step gains on the parabola."""
    gain: np.ndarray = ((gradient + 0.5 * _turned(hessian, step)) * step).sum(axis=0)
    return gain


def _leans(x: np.ndarray, gradient: np.ndarray) -> Int[np.ndarray, "2 voxels"]:
    """The side of the cell beyond which more is explained: -1, 0 (none) or 1 along each axis."""
    side: np.ndarray = ((x >= 1.0) & (gradient > 0)).astype(np.int64) - ((x <= -1.0) & (gradient < 0))
    return side


def _step(gradient: np.ndarray, hessian: np.ndarray, damping: np.ndarray, is_held: np.ndarray) -> np.ndarray:
    """Uphill on what is explained: Newton's step, bent towards the gradient where there is no summit; one cell long."""
    a, b, d = -hessian[0, 0], -hessian[0, 1], -hessian[1, 1]
    b = np.where(is_held.any(axis=0), 0.0, b)
    scale = [np.maximum(np.abs(one), _TINY) for one in (a, d)]
    # In units in which both curvatures are one, the lower eigenvalue says how far this is from a summit.
    tilt = b / np.sqrt(scale[0] * scale[1])
    lowest = 0.5 * (np.sign(a) + np.sign(d)) - np.sqrt(0.25 * (np.sign(a) - np.sign(d)) ** 2 + tilt**2)
    lift = np.where(lowest < _FLAT, _FLAT - lowest, 0.0) + damping
    a, d = a + lift * scale[0], d + lift * scale[1]
    g = np.where(is_held, 0.0, gradient)
    determinant = a * d - b * b
    step = np.stack([d * g[0] - b * g[1], a * g[1] - b * g[0]]) / np.where(determinant != 0, determinant, 1.0)
    longest = np.abs(step).max(axis=0)
    bounded: np.ndarray = step / np.maximum(longest, 1.0)
    return bounded
