r"""The best amplitudes and the best two θ of a family with two non-linear parameters, for many curves at once.

As along a line (`numerics.profile`), a curve z speaks to the fit only through $b(\theta) = A(\theta)^T z$, the family
through $G(\theta) = A(\theta)^T A(\theta)$. The plane of θ is cut into cells, along the bends of the columns where
these have any; in each cell columns and G are polynomials through Chebyshev's points. The best cell centre is where a
search ends. From there Newton's iteration on the exact derivatives of the profiled sum of squares finds the minimum of
the cell, and goes on in the next one where that lies on a side that leads further down.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perspect.numerics.separable import Dictionary, Family, dictionary_at
from perspect.numerics.small import box_minimum, inverse, times, without

INTERPOLATED: Final = 5e-6
"""Error of a column, relative to its length, to which the cells of a smooth axis are made smaller."""

_DEGREES = (6, 6)
_BENT_DEGREE = 4
_CELLS = (7, 10, 14, 20)
"""Cells that are tried along a smooth axis."""

_NEAR_SIDE, _BEHIND = 0.3, 0.5
"""Where, in a cell from -1 to 1, an end is near a side, and where behind that side another search begins."""

_OVERLAP = 0.2
"""Of its width, how far a cell reaches into each neighbour."""

_AT_ONCE, _TESTED = 4096, 400
_STEPS, _MOVES = 60, 40
_ENOUGH = 1e-5
"""A step that promises to lower the sum of squares by less than this share of itself is the last."""

_WORTH_MOVING = 0.6
"""Share of unfinished curves below which the others leave the batch."""

_ROUNDING = 1e-13
_STILL = 1e-12
"""A change by less than this share of the largest value is none."""

_BLOCK = 1024
"""Curves whose polynomials are evaluated together, so that they stay in the cache."""

_DAMPING, _LEAST_DAMPING, _MOST_DAMPING = 1e-3, 1e-6, 1e8
_EASE, _TIGHTEN = 0.1, 8.0
_FLAT, _TINY = 1e-3, 1e-150


@dataclass(frozen=True, eq=False)
class Plane:
    """The tables of a family with two non-linear parameters.

    `sides` are the lower and the upper end of each cell in u, along each axis; where the columns are smooth, neighbours
    overlap, so that few searches have to move. `columns[i]` are the coefficients of column i in each cell, powers of
    the two places in [-1, 1] inside it; a column that does not change along an axis has but one power there. `gram` are
    those of the products of `pairs` of columns. `error` is the largest relative error of a column that was seen;
    `is_bent` tells the axes along which columns bend between cells.
    """

    family: Family
    search: Dictionary
    sides: tuple[Float[np.ndarray, "2 _"], Float[np.ndarray, "2 _"]]
    columns: tuple[Float[np.ndarray, "cells rank _ _"], ...]
    pairs: tuple[tuple[int, int], ...]
    gram: tuple[Float[np.ndarray, "_ _ cells"], ...]
    error: float
    is_bent: tuple[bool, bool] = (False, False)

    @property
    def n_cells(self) -> tuple[int, int]:
        """How many cells lie along each axis."""
        return self.sides[0].shape[1], self.sides[1].shape[1]

    def u(self, cell: Int[np.ndarray, "2 voxels"], x: Float[np.ndarray, "2 voxels"]) -> Float[np.ndarray, "2 voxels"]:
        """Places inside cells as u."""
        low, high = _of_cells(self.sides, cell)
        return np.asarray(low + 0.5 * (x + 1.0) * (high - low))

    def x(self, cell: Int[np.ndarray, "2 voxels"], u: Float[np.ndarray, "2 voxels"]) -> Float[np.ndarray, "2 voxels"]:
        """The way back, to the nearest place inside."""
        low, high = _of_cells(self.sides, cell)
        return np.asarray(np.clip(2.0 * (u - low) / (high - low) - 1.0, -1.0, 1.0))

    def half_widths(self, cell: Int[np.ndarray, "2 voxels"]) -> Float[np.ndarray, "2 voxels"]:
        """du/dx."""
        low, high = _of_cells(self.sides, cell)
        return np.asarray(0.5 * (high - low))


def _of_cells(sides: tuple[np.ndarray, ...], cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the cells of each curve."""
    low, high = (np.stack([side[end, at] for side, at in zip(sides, cell, strict=True)]) for end in (0, 1))
    return low, high


@dataclass(frozen=True, eq=False)
class Place:
    """Where each curve ended: its cell, the place inside, and whether Newton's iteration came to rest there."""

    cell: Int[np.ndarray, "2 voxels"]
    x: Float[np.ndarray, "2 voxels"]
    explained: Float[np.ndarray, " voxels"]
    has_converged: Bool[np.ndarray, " voxels"]


def plane(
    family: Family,
    bends: tuple[Float[np.ndarray, " _"] | None, Float[np.ndarray, " _"] | None],
    is_searched: Callable[[np.ndarray], np.ndarray],
) -> Plane:
    """The tables of a family with two θ; `bends` are the edges in θ along which columns bend, `None`: smooth. Cells of
    whose centres `is_searched` says no are no place for a search to begin.
    """
    ends = list(zip(family.axes.u_low, family.axes.u_high, strict=True))
    degrees = tuple(_BENT_DEGREE if bend is not None else p for bend, p in zip(bends, _DEGREES, strict=True))
    former = np.inf
    for n in _CELLS:
        sides = tuple(
            _overlapping(np.linspace(*end, n + 1)) if bend is None else _beside(_u_of(family, axis, bend))
            for axis, (end, bend) in enumerate(zip(ends, bends, strict=True))
        )
        values = _at_nodes(family, sides, degrees)
        error = _error(family, sides, degrees, values)
        # Bends that no cell follows set an end to what smaller ones can gain.
        if error <= INTERPOLATED or error > 0.5 * former or all(bend is not None for bend in bends):
            break
        former = error
    u = np.stack(np.meshgrid(*(side.mean(axis=0) for side in sides), indexing="ij"), axis=-1).reshape(-1, 2)
    search = dictionary_at(family, u, (sides[0].shape[1], sides[1].shape[1]), values.reshape(-1, values.shape[-1]))
    skipped = ~is_searched(family.axes.theta(u))
    unit, free = search.unit.copy(), search.free.copy()
    unit[:, skipped] = free[:, skipped] = 0.0
    search = replace(search, unit=unit, free=free)
    tables = _tabulated(family, search, (sides[0], sides[1]), degrees, values @ search.basis, error)
    return replace(tables, is_bent=(bends[0] is not None, bends[1] is not None))


def _beside(edges: np.ndarray) -> Float[np.ndarray, "2 cells"]:
    return np.stack([edges[:-1], edges[1:]])


def _overlapping(edges: np.ndarray) -> Float[np.ndarray, "2 cells"]:
    """Cells that reach into their neighbours, but not beyond the ends."""
    more = _OVERLAP * np.diff(edges)
    return np.stack([np.maximum(edges[:-1] - more, edges[0]), np.minimum(edges[1:] + more, edges[-1])])


def _u_of(family: Family, axis: int, bend: np.ndarray) -> np.ndarray:
    theta = np.tile(family.axes.low, (bend.size, 1))
    theta[:, axis] = bend
    return np.asarray(family.axes.u(theta)[:, axis])


def _points(degree: int) -> np.ndarray:
    """Chebyshev's points with both ends, in rising order."""
    return np.asarray(-np.cos(np.pi * np.arange(degree + 1) / degree))


def _at_nodes(
    family: Family, sides: tuple[np.ndarray, ...], degrees: tuple[int, ...]
) -> Float[np.ndarray, "linear one other time"]:
    """Columns at the points of all cells."""
    axes = [
        (side[0][:, None] + 0.5 * (_points(degree) + 1.0) * (side[1] - side[0])[:, None]).reshape(-1)
        for side, degree in zip(sides, degrees, strict=True)
    ]
    u = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    parts = [family.at(u[start : start + _AT_ONCE]) for start in range(0, len(u), _AT_ONCE)]
    values = np.moveaxis(np.concatenate(parts), 1, 0)
    return values.reshape(values.shape[0], axes[0].size, axes[1].size, -1)


def _weights(degree: int, x: np.ndarray) -> np.ndarray:
    """Weights of the values at the points of a cell for the values at x."""
    points = _points(degree)
    return np.asarray(np.vander(x, degree + 1, increasing=True) @ np.linalg.inv(np.vander(points, increasing=True)))


def _error(family: Family, sides: tuple[np.ndarray, ...], degrees: tuple[int, ...], values: np.ndarray) -> float:
    """The largest relative error of a column at places scattered over all cells."""
    rng = np.random.default_rng(0)
    cell = np.stack([rng.integers(0, side.shape[1], _TESTED) for side in sides])
    x = rng.uniform(-1.0, 1.0, cell.shape)
    low, high = _of_cells(sides, cell)
    exact = np.moveaxis(family.at((low + 0.5 * (x + 1.0) * (high - low)).T), 1, 0)
    one, other = (_weights(degree, at) for degree, at in zip(degrees, x, strict=True))
    estimate = np.zeros_like(exact)
    for i in range(degrees[0] + 1):
        for j in range(degrees[1] + 1):
            there = values[:, cell[0] * (degrees[0] + 1) + i, cell[1] * (degrees[1] + 1) + j]
            estimate += (one[:, i] * other[:, j])[:, None] * there
    length = np.sqrt((exact**2).sum(axis=-1))
    missed = np.sqrt(((estimate - exact) ** 2).sum(axis=-1))
    return float((missed / np.where(length > 0, length, 1.0)).max())


def _tabulated(
    family: Family,
    search: Dictionary,
    sides: tuple[np.ndarray, np.ndarray],
    degrees: tuple[int, ...],
    values: Float[np.ndarray, "linear one other rank"],
    error: float,
) -> Plane:
    columns = tuple(
        np.ascontiguousarray(np.moveaxis(_polynomials(np.moveaxis(column, -1, 0), degrees), (0, 1, 2), (1, 2, 3)))
        for column in values
    )
    m = len(values)
    pairs = tuple((i, j) for i in range(m) for j in range(i, m))
    gram = tuple(_polynomials(np.einsum("abr,abr->ab", values[i], values[j]), degrees) for i, j in pairs)
    return Plane(family, search, sides, columns, pairs, gram, error)


def _polynomials(
    values: Float[np.ndarray, "*any one other"], degrees: tuple[int, ...]
) -> Float[np.ndarray, "*any _ _ cells"]:
    """Coefficients in every cell; a single power along an axis along which nothing changes."""
    size = np.abs(values).max() or 1.0
    powers = [np.linalg.inv(np.vander(_points(degree), increasing=True)) for degree in degrees]
    one, other = (degree + 1 for degree in degrees)
    local = values.reshape(*values.shape[:-2], -1, one, values.shape[-1] // other, other)
    poly = np.einsum("pi,qj,...aibj->...pqab", powers[0], powers[1], local, optimize=True)
    still = [np.abs(np.diff(values, axis=axis)).max(initial=0.0) < _STILL * size for axis in (-2, -1)]
    kept = [slice(0, 1) if one else slice(None) for one in still]
    return np.ascontiguousarray(poly.reshape(*poly.shape[:-2], -1)[..., kept[0], kept[1], :])


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


def beyond(tables: Plane, place: Place, axis: int) -> tuple[Int[np.ndarray, " some"], Place]:
    """For curves that ended nearer to a side than to the middle of their cell: a start behind that side.

    Where columns bend, the sum of squares may rise to the side and fall again behind it.
    """
    side = np.where(place.x[axis] > _NEAR_SIDE, 1, np.where(place.x[axis] < -_NEAR_SIDE, -1, 0))
    onward = place.cell[axis] + side
    rows = np.flatnonzero((side != 0) & (onward >= 0) & (onward < tables.n_cells[axis]))
    cell, x = place.cell[:, rows].copy(), place.x[:, rows].copy()
    cell[axis], x[axis] = onward[rows], -side[rows] * _BEHIND
    return rows, Place(cell, x, np.full(rows.size, -np.inf), np.zeros(rows.size, bool))


def descended(
    tables: Plane, z: Float[np.ndarray, "voxels rank"], square: Float[np.ndarray, " voxels"], start: Place
) -> Place:
    """The minimum that each start leads to."""
    cell, x, explained = start.cell.copy(), start.x.copy(), start.explained.astype(np.float64)
    former = np.full(cell.shape, -1)
    has_converged = np.zeros(square.size, bool)
    rows = np.arange(square.size)
    for n_rounds in range(_MOVES):
        # Curves of one cell lie side by side, so that one product of matrices serves them all.
        rows = rows[np.argsort(cell[0, rows] * tables.n_cells[1] + cell[1, rows], kind="stable")]
        patch = _patch(tables, z[rows], cell[:, rows])
        was = explained[rows]
        there, gained, outward, is_at_rest = _newton(patch, x[:, rows], square[rows])
        x[:, rows], explained[rows], has_converged[rows] = there, gained, is_at_rest
        onward = cell[:, rows] + outward
        limits = np.array(tables.n_cells)[:, None]
        # Back where it came from: the minimum lies on the side between, where the columns bend.
        goes = (outward != 0).any(axis=0) & (onward != former[:, rows]).any(axis=0)
        # On a plateau every move is as good as none, and a search would walk in circles.
        goes &= gained > was + _ROUNDING * square[rows] if n_rounds else True
        goes &= ((onward >= 0) & (onward < limits)).all(axis=0)
        moved = rows[goes]
        if moved.size == 0:
            break
        u = tables.u(cell[:, rows], x[:, rows])
        former[:, moved] = cell[:, moved]
        cell[:, moved] = onward[:, goes]
        x[:, moved] = tables.x(cell[:, moved], u[:, goes])
        rows = moved
    return Place(cell, x, explained, has_converged)


def columns_at(
    tables: Plane, place: Place
) -> tuple[Float[np.ndarray, "voxels linear rank"], Float[np.ndarray, "voxels linear 2 rank"]]:
    """The columns, and their slopes along u, in the basis of the search."""
    flat = place.cell[0] * tables.n_cells[1] + place.cell[1]
    order = np.argsort(flat, kind="stable")
    m, rank = len(tables.columns), tables.search.basis.shape[1]
    out = np.empty((flat.size, m, 3, rank))
    powers = [_powers(place.x[axis, order], max(c.shape[2 + axis] for c in tables.columns)) for axis in (0, 1)]
    for i, table in enumerate(tables.columns):
        p, q = table.shape[2:]
        (a, da, _), (b, db, _) = ([one[:n] for one in axis] for axis, n in zip(powers, (p, q), strict=True))
        weights = np.stack(
            [(left[:, None] * right[None]).reshape(p * q, -1) for left, right in ((a, b), (da, b), (a, db))], axis=1
        )
        for run, number in _runs(flat[order]):
            poly = table[number].reshape(rank, p * q)
            out[order[run], i] = np.moveaxis(np.tensordot(poly, weights[:, :, run], 1), 0, -1).swapaxes(0, 1)
    slopes = out[:, :, 1:] / tables.half_widths(place.cell).T[:, None, :, None]
    return out[:, :, 0], slopes


def _runs(sorted_cells: Int[np.ndarray, " voxels"]) -> Iterator[tuple[slice, int]]:
    starts = np.flatnonzero(np.diff(sorted_cells, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], sorted_cells.size], strict=True):
        yield slice(int(start), int(stop)), int(sorted_cells[start])


def _powers(x: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Powers of x from 0 on, their first and their second derivatives."""
    value, slope, curve = np.empty((n, x.size)), np.zeros((n, x.size)), np.zeros((n, x.size))
    value[0] = 1.0
    for k in range(1, n):
        value[k] = value[k - 1] * x
        slope[k] = k * value[k - 1]
        if k > 1:
            curve[k] = k * (k - 1) * value[k - 2]
    return value, slope, curve


@dataclass(frozen=True, eq=False)
class _Patch:
    """Moments and products of the columns in the cell of each curve, as polynomials.

    They are numbered: the moments, then the products of `pairs`. Those of one shape lie in one array, "k p q voxels".
    """

    family: Family
    pairs: tuple[tuple[int, int], ...]
    groups: tuple[tuple[list[int], Float[np.ndarray, "_ _ _ voxels"]], ...]

    def of(self, rows: Bool[np.ndarray, " voxels"]) -> "_Patch":
        """The same of some curves."""
        return _Patch(self.family, self.pairs, tuple((which, poly[..., rows]) for which, poly in self.groups))

    def _square(self, flat: np.ndarray) -> np.ndarray:
        m = self.family.low.size
        gram = np.empty((m, m, *flat.shape[1:]))
        for row, (i, j) in zip(flat, self.pairs, strict=True):
            gram[i, j] = gram[j, i] = row
        return gram

    def derivatives(self, x: np.ndarray) -> tuple[np.ndarray, ...]:
        """Amplitudes, what they explain, and of that the gradient and the Hessian along x.

        By the envelope theorem the amplitudes may be held for the gradient; for the Hessian those off their bounds
        follow.
        """
        m = self.family.low.size
        every = np.empty((6, m + len(self.pairs), x.shape[1]))
        for start in range(0, x.shape[1], _BLOCK):
            part = slice(start, start + _BLOCK)
            for which, poly in self.groups:
                every[:, which, part] = _evaluated(poly[..., part], x[:, part])
        moments, flat = every[:, :m], every[:, m:]
        gram = self._square(flat[0])
        c, explained = box_minimum(gram, moments[0], self.family.low, self.family.high)
        is_fixed = (c <= self.family.low[:, None]) | (c >= self.family.high[:, None])
        known = inverse(without(gram, is_fixed))
        pull = [moments[1 + k] - _turned(flat[1 + k], self.pairs, c) for k in range(5)]
        slope = [(c * (moments[1 + k] + pull[k])).sum(axis=0) for k in range(5)]
        free = [np.where(is_fixed, 0.0, one) for one in pull[:2]]
        follow = [np.nan_to_num(times(known, one)) for one in free]
        hessian = np.empty((2, 2, x.shape[1]))
        for (i, j), k in (((0, 0), 2), ((0, 1), 3), ((1, 1), 4)):
            hessian[i, j] = hessian[j, i] = slope[k] + 2.0 * (free[i] * follow[j]).sum(axis=0)
        return c, explained, np.stack(slope[:2]), hessian


def _turned(flat: np.ndarray, pairs: tuple[tuple[int, int], ...], c: np.ndarray) -> np.ndarray:
    """The symmetric matrices of these entries times c."""
    out = np.zeros_like(c)
    for row, (i, j) in zip(flat, pairs, strict=True):
        out[i] += row * c[j]
        if i != j:
            out[j] += row * c[i]
    return out


def _evaluated(poly: Float[np.ndarray, "k p q voxels"], x: Float[np.ndarray, "2 voxels"]) -> np.ndarray:
    """Value, the two slopes, and the three curvatures (one, mixed, other) of polynomials of two places."""
    value, slope, half = _along(np.moveaxis(poly, 1, 0), x[0], 2)
    f, fy, fyy = _along(np.moveaxis(value, 1, 0), x[1], 2)
    fx, fxy, _ = _along(np.moveaxis(slope, 1, 0), x[1], 1)
    fxx, _, _ = _along(np.moveaxis(half, 1, 0), x[1], 0)
    return np.stack([f, fx, fy, 2.0 * fxx, fxy, 2.0 * fyy])


def _along(
    poly: Float[np.ndarray, "p *any voxels"], x: Float[np.ndarray, " voxels"], order: int
) -> tuple[np.ndarray, ...]:
    """By Horner's rule: value, slope and half the curvature along x; those above `order` are left at zero."""
    value = poly[-1].copy()
    slope, half = np.zeros_like(value), np.zeros_like(value)
    for row in poly[-2::-1]:
        if order > 1:
            half *= x
            half += slope
        if order > 0:
            slope *= x
            slope += value
        value *= x
        value += row
    return value, slope, half


def _patch(tables: Plane, z: Float[np.ndarray, "voxels rank"], cell: Int[np.ndarray, "2 voxels"]) -> _Patch:
    """Of curves that are sorted by their cells."""
    flat = cell[0] * tables.n_cells[1] + cell[1]
    every = []
    runs = list(_runs(flat))
    for table in tables.columns:
        rank, p, q = table.shape[1:]
        out = np.empty((flat.size, p * q))
        for run, number in runs:
            np.matmul(z[run], table[number].reshape(rank, p * q), out=out[run])
        every.append(out.T.reshape(p, q, -1))
    every += [one[..., flat] for one in tables.gram]
    shapes = dict.fromkeys(one.shape for one in every)
    groups = []
    for shape in shapes:
        which = [i for i, one in enumerate(every) if one.shape == shape]
        groups.append((which, np.stack([every[i] for i in which])))
    return _Patch(tables.family, tables.pairs, tuple(groups))


def _newton(
    patch: _Patch, start: Float[np.ndarray, "2 voxels"], square: Float[np.ndarray, " voxels"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The minimum inside each cell; which side it leans on (-1, 0 or 1 along each axis); whether it came to rest."""
    x = start.copy()
    n = square.size
    best, outward, is_at_rest = np.zeros(n), np.zeros((2, n), np.int64), np.zeros(n, bool)
    rows, part = np.arange(n), patch
    at, damping, total = x, np.full(n, _DAMPING), square
    _, gained, gradient, hessian = part.derivatives(x)
    goes_on = np.ones(n, bool)
    for _ in range(_STEPS):
        step = _step(gradient, hessian, damping, _leans(at, gradient) != 0)
        trial = np.clip(at + step, -1.0, 1.0)
        step = trial - at
        promised = (gradient * step).sum(axis=0) + 0.5 * (
            hessian[0, 0] * step[0] ** 2 + 2.0 * hessian[0, 1] * step[0] * step[1] + hessian[1, 1] * step[1] ** 2
        )
        small = np.maximum(_ENOUGH * (total - gained), _ROUNDING * total)
        # A last step is taken all the same, if it does not lead down: what it leaves is its square.
        is_last = (np.abs(promised) <= small) | (damping > _MOST_DAMPING)
        _, new, *slopes = part.derivatives(trial)
        is_better = (new >= gained) & goes_on
        at = np.where(is_better, trial, at)
        gained = np.where(is_better, new, gained)
        gradient, hessian = (
            np.where(is_better, one, was) for one, was in zip(slopes, (gradient, hessian), strict=True)
        )
        damping = np.maximum(damping * np.where(is_better, _EASE, _TIGHTEN), _LEAST_DAMPING)
        stops = goes_on & is_last
        if stops.any():
            done = rows[stops]
            x[:, done], best[done], is_at_rest[done] = at[:, stops], gained[stops], True
            outward[:, done] = _leans(at[:, stops], gradient[:, stops])
            goes_on &= ~stops
        n_left = np.count_nonzero(goes_on)
        if n_left == 0:
            return x, best, outward, is_at_rest
        if n_left < _WORTH_MOVING * goes_on.size:
            rows, part, at, gained = rows[goes_on], part.of(goes_on), at[:, goes_on], gained[goes_on]
            gradient, hessian = gradient[:, goes_on], hessian[:, :, goes_on]
            damping, total, goes_on = damping[goes_on], total[goes_on], np.ones(n_left, bool)
    left = rows[goes_on]
    x[:, left], best[left], outward[:, left] = at[:, goes_on], gained[goes_on], _leans(at, gradient)[:, goes_on]
    return x, best, outward, is_at_rest


def _leans(x: np.ndarray, gradient: np.ndarray) -> Int[np.ndarray, "2 voxels"]:
    """The side of the cell beyond which more is explained: -1, 0 (none) or 1 along each axis."""
    side: np.ndarray = np.where((x >= 1.0) & (gradient > 0), 1, np.where((x <= -1.0) & (gradient < 0), -1, 0))
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
