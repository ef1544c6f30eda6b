r"""The best amplitudes and the best two θ of a family with two non-linear parameters, for many curves at once.

As along a line (`numerics.profile`), a curve z speaks to the fit only through $b(\theta) = A(\theta)^T z$, the family
through $G(\theta) = A(\theta)^T A(\theta)$. The plane of θ is cut into cells, along the bends of the columns where
these have any; in each cell columns and G are polynomials through Chebyshev's points. The best cell centre is where a
search ends; from there `numerics.ascent` goes on.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.numerics.separable import Dictionary, Family, basis_of, dictionary_at

INTERPOLATED: Final = 5e-6
"""Error of a column, relative to its length, to which the cells of a smooth axis are made smaller."""

_DEGREES = (6, 6)
_BENT_DEGREE = 4
_SAMPLED, _NARROWEST = 241, 6
"""Places along a smooth axis at which it is seen how wide cells may be, and between how many of them one lies."""

_OVERLAP = 0.2
"""Of its width, how far a cell reaches into each neighbour."""

_LOOKED_AT = (0.1, 0.35, 0.6, 0.85)
"""Where, along the other axis."""

_BETTER: Final = 0.07
"""Share of that which the nearest polynomial may miss on the lines looked at: the one through a cell's points misses
more, and most elsewhere [measured]."""

_AT_ONCE, _TESTED = 512, 400
_DIGITS = 12
"""After the point, by which places on an axis are told apart."""

_LEAPS = 1e-3
"""Share of the largest slope of a column by which one that leaps differs on the two sides of an edge [our default]."""

_STILL = 1e-12
"""A change by less than this share of the largest value is none."""


@dataclass(frozen=True, eq=False)
class Plane:
    """The tables of a family with two non-linear parameters.

    `sides` are the lower and the upper end of each cell in u, along each axis; where the columns are smooth, neighbours
    overlap, so that few searches have to move. `columns[i]` are the coefficients of column i in each cell, powers of
    the two places in [-1, 1] inside it; a column that does not change along an axis has but one power there: `shapes`
    says how many each has along each axis. `error` is the largest relative error of a column that was seen; `is_bent`
    tells the axes along which columns may bend between cells, `kinks` at which edges, those of the range included, a
    search may not step from cell to cell: the ends, and where the slope of a column leaps.
    """

    family: Family
    search: Dictionary
    sides: tuple[Float[np.ndarray, "2 _"], Float[np.ndarray, "2 _"]]
    columns: tuple[Float[np.ndarray, "cells _ rank"], ...]
    shapes: tuple[tuple[int, int], ...]
    error: float
    is_bent: tuple[bool, bool]
    kinks: tuple[Bool[np.ndarray, " _"], Bool[np.ndarray, " _"]]

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

    def cell(self, u: Float[np.ndarray, "2 voxels"]) -> Int[np.ndarray, "2 voxels"]:
        """A cell that holds each u."""
        return np.stack(
            [
                np.clip(np.searchsorted(side[0], at, side="right") - 1, 0, side.shape[1] - 1)
                for side, at in zip(self.sides, u, strict=True)
            ]
        )

    def half_widths(self, cell: Int[np.ndarray, "2 voxels"]) -> Float[np.ndarray, "2 voxels"]:
        """du/dx."""
        out = np.empty(cell.shape)
        for side, at, row in zip(self.sides, cell, out, strict=True):
            (0.5 * (side[1] - side[0])).take(at, out=row, mode="clip")
        return out


def _of_cells(sides: tuple[np.ndarray, ...], cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the cells of each curve; `take` that need not look whether they exist is the quickest."""
    ends = np.empty((2, *cell.shape))
    for end in (0, 1):
        for side, at, row in zip(sides, cell, ends[end], strict=True):
            side[end].take(at, out=row, mode="clip")
    return ends[0], ends[1]


def plane(
    family: Family,
    bends: tuple[Float[np.ndarray, " _"] | None, Float[np.ndarray, " _"] | None],
    is_searched: Callable[[np.ndarray], np.ndarray],
) -> Plane:
    """The tables of a family with two θ; `bends` are the edges in θ along which columns bend, `None`: smooth. Cells of
    whose centres `is_searched` says no are no place for a search to begin.
    """
    degrees = tuple(_BENT_DEGREE if bend is not None else p for bend, p in zip(bends, _DEGREES, strict=True))
    sides = tuple(
        _smooth(family, axis, degrees[axis]) if bend is None else _beside(_u_of(family, axis, bend))
        for axis, bend in enumerate(bends)
    )
    values = _at_nodes(family, sides, degrees)
    error = _error(family, sides, degrees, values, _TESTED)
    u = np.stack(np.meshgrid(*(side.mean(axis=0) for side in sides), indexing="ij"), axis=-1).reshape(-1, 2)
    search = dictionary_at(family, u, (sides[0].shape[1], sides[1].shape[1]), _distinct(values))
    skipped = ~is_searched(family.axes.theta(u))
    unit, free = search.unit.copy(), search.free.copy()
    unit[:, skipped] = free[:, skipped] = 0.0
    search = replace(search, unit=unit, free=free)
    is_bent = bends[0] is not None, bends[1] is not None
    return _tabulated(family, search, (sides[0], sides[1]), degrees, values @ search.basis, error, is_bent)


def _distinct(values: Float[np.ndarray, "linear one other time"]) -> Float[np.ndarray, "columns time"]:
    """Each column once, where it does not change along an axis."""
    parts = []
    for column in values:
        kept = [slice(0, 1) if (column == column.take([0], axis)).all() else slice(None) for axis in (0, 1)]
        parts.append(column[kept[0], kept[1]].reshape(-1, values.shape[-1]))
    return np.concatenate(parts)


def _smooth(family: Family, axis: int, degree: int) -> Float[np.ndarray, "2 cells"]:
    """Cells along a smooth axis, each as wide as a polynomial allows on a few lines across."""
    low, high = family.axes.u_low, family.axes.u_high
    u = np.empty((len(_LOOKED_AT), _SAMPLED, 2))
    u[..., axis] = np.linspace(low[axis], high[axis], _SAMPLED)
    u[..., 1 - axis] = (low + np.array(_LOOKED_AT)[:, None] * (high - low))[:, 1 - axis, None]
    values = family.at(u.reshape(-1, 2))
    length = np.sqrt((values**2).sum(axis=-1, keepdims=True))
    unit = values / np.where(length > 0, length, 1.0)
    unit = unit @ basis_of(unit.reshape(-1, unit.shape[-1]))
    lines = unit.reshape(len(_LOOKED_AT), _SAMPLED, -1, unit.shape[-1]).swapaxes(0, 1)
    lines = lines.reshape(_SAMPLED, -1, unit.shape[-1])
    edges, last = [0], _SAMPLED - 1
    while edges[-1] < last:
        narrow, wide = min(edges[-1] + _NARROWEST, last), last + 1
        while wide - narrow > 1:
            middle = (narrow + wide) // 2
            is_met = _missed(lines, edges[-1], middle, degree) <= _BETTER * INTERPOLATED
            narrow, wide = (middle, wide) if is_met else (narrow, middle)
        edges.append(narrow)
    return _overlapping(np.linspace(low[axis], high[axis], _SAMPLED)[edges])


def _missed(lines: Float[np.ndarray, "samples columns any"], begun: int, end: int, degree: int) -> float:
    """What a polynomial misses of columns of unit length between two samples and as far beyond as a cell reaches."""
    more = int(np.ceil(_OVERLAP * (end - begun)))
    some = lines[max(begun - more, 0) : end + more + 1]
    basis = np.linalg.qr(np.vander(np.linspace(-1.0, 1.0, len(some)), degree + 1))[0]
    flat = some.reshape(len(some), -1)
    rest = (flat - basis @ (basis.T @ flat)).reshape(some.shape)
    return float(np.sqrt((rest**2).sum(axis=-1).max()))


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
    # Neighbours along a bent axis share their ends.
    (one, at_one), (other, at_other) = (np.unique(axis.round(_DIGITS), return_inverse=True) for axis in axes)
    u = np.stack(np.meshgrid(one, other, indexing="ij"), axis=-1).reshape(-1, 2)
    parts = [family.at(u[start : start + _AT_ONCE]) for start in range(0, len(u), _AT_ONCE)]
    values = np.moveaxis(np.concatenate(parts), 1, 0)
    values = values.reshape(values.shape[0], one.size, other.size, -1)
    return values[:, at_one][:, :, at_other]


def _weights(degree: int, x: np.ndarray) -> np.ndarray:
    """Weights of the values at the points of a cell for the values at x."""
    points = _points(degree)
    return np.asarray(np.vander(x, degree + 1, increasing=True) @ np.linalg.inv(np.vander(points, increasing=True)))


def _error(
    family: Family, sides: tuple[np.ndarray, ...], degrees: tuple[int, ...], values: np.ndarray, n: int
) -> float:
    """The largest relative error of a column at places scattered over all cells."""
    rng = np.random.default_rng(0)
    cell = np.stack([rng.integers(0, side.shape[1], n) for side in sides])
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
    is_bent: tuple[bool, bool],
) -> Plane:
    rank = search.basis.shape[1]
    columns = [_polynomials(np.moveaxis(column, -1, 0), degrees) for column in values]
    shapes = tuple((one.shape[-3], one.shape[-2]) for one in columns)
    flat = tuple(np.ascontiguousarray(one.reshape(rank, -1, one.shape[-1]).transpose(2, 1, 0)) for one in columns)
    n_cells = sides[0].shape[1], sides[1].shape[1]
    shaped = [one.reshape(*n_cells, *shape, rank) for one, shape in zip(flat, shapes, strict=True)]
    kinks = (_kinks(sides[0], shaped, is_bent[0]), _kinks(sides[1], [_turned(one) for one in shaped], is_bent[1]))
    return Plane(family, search, sides, flat, shapes, error, is_bent, kinks)


def _turned(poly: Float[np.ndarray, "one other p q rank"]) -> Float[np.ndarray, "other one q p rank"]:
    """The same with its axes exchanged."""
    return poly.transpose(1, 0, 3, 2, 4)


def _kinks(side: Float[np.ndarray, "2 cells"], columns: list[np.ndarray], is_bent: bool) -> Bool[np.ndarray, " edges"]:
    """At which edges along the first axis the slope of a column leaps, as seen amid the cells along the other; the
    ends of the range count.
    """
    out = np.ones(side.shape[1] + 1, bool)
    out[1:-1] = False
    for poly in columns if is_bent else []:
        k = np.arange(1, poly.shape[2])[:, None]
        steep = poly[:, :, 1:, 0] * k / (0.5 * (side[1] - side[0]))[:, None, None, None]
        after, before = steep.sum(axis=2), (steep * (-1.0) ** (k - 1)).sum(axis=2)
        leap = np.sqrt(((before[1:] - after[:-1]) ** 2).sum(axis=-1))
        out[1:-1] |= (leap > _LEAPS * np.sqrt((after**2).sum(axis=-1).max())).any(axis=1)
    return out


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


def columns_at(
    tables: Plane, cell: Int[np.ndarray, "2 voxels"], x: Float[np.ndarray, "2 voxels"]
) -> tuple[Float[np.ndarray, "linear voxels rank"], Float[np.ndarray, "linear 2 voxels rank"]]:
    """The columns, and their slopes along u, in the basis of the search; for places that are sorted by their cells."""
    pieces = list(runs(cell[0] * tables.n_cells[1] + cell[1]))
    n, rank, half = x.shape[1], tables.search.basis.shape[1], tables.half_widths(cell)
    out = np.zeros((len(tables.columns), 3, n, rank))
    at = [powers(x[axis], max(shape[axis] for shape in tables.shapes)) for axis in (0, 1)]
    steep = [at[axis][1] / half[axis] for axis in (0, 1)]
    sides = ((at[0][0], at[1][0]), (steep[0], at[1][0]), (at[0][0], steep[1]))
    for i, table in enumerate(tables.columns):
        p, q = tables.shapes[i]
        # A slope along which nothing changes is left zero.
        kinds = slice(0, 1 + (p > 1) + (q > 1)) if p > 1 or q == 1 else slice(0, 3, 2)
        weights = np.empty((len(sides[kinds]), p, q, n))
        for weight, (left, right) in zip(weights, sides[kinds], strict=True):
            for one in range(p):
                np.multiply(left[one], right[:q], out=weight[one])
        flat, into = weights.reshape(len(weights), p * q, n).swapaxes(1, 2), out[i, kinds]
        for run, number in pieces:
            np.matmul(flat[:, run], table[number], out=into[:, run])
    return out[:, 0], out[:, 1:]


def runs(sorted_cells: Int[np.ndarray, " voxels"]) -> Iterator[tuple[slice, int]]:
    """Where each of the cells begins and ends, and its number."""
    starts = np.flatnonzero(np.diff(sorted_cells, prepend=-1))
    stops = np.append(starts[1:], sorted_cells.size)
    for start, stop, number in zip(
        starts.tolist(), stops[: starts.size].tolist(), sorted_cells[starts].tolist(), strict=True
    ):
        yield slice(start, stop), number


def powers(x: Float[np.ndarray, " voxels"], n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Powers of x from 0 on, their slopes and their curvatures, "n voxels"."""
    value, slope, curve = np.empty((n, x.size)), np.zeros((n, x.size)), np.zeros((n, x.size))
    value[0] = 1.0
    for k in range(1, n):
        np.multiply(value[k - 1], x, out=value[k])
        np.multiply(value[k - 1], k, out=slope[k])
        np.multiply(slope[k - 1], k, out=curve[k])
    return value, slope, curve
