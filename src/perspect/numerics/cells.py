r"""What the columns of a plane say inside its cells, as polynomials: moments of a curve, and products of columns.

Of a curve z only the moments $a_i(x)^T z$ count, of the columns only their products $a_i(x)^T a_j(x)$. Both are
polynomials of the place x in a cell: the first are had by one product of matrices for all curves of a cell, once,
however often these are then looked at; the second are multiplied out beforehand, without any error but rounding. So a
look costs as much as two polynomials, not as much as columns do, and says slopes and curvatures to the last digit.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from perspect.numerics.ascent import uphill
from perspect.numerics.columns import by_cell
from perspect.numerics.parallel import spans
from perspect.numerics.plane import Plane, runs
from perspect.numerics.small import box_minimum

ORDERS: Final = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
"""Derivatives along the two axes, as `ascent.uphill` wants them."""

AT_ONCE: Final = 2048
"""Curves that are looked at together, so that their polynomials stay in the second-level cache."""


FEW: Final = 2
"""Curves in a cell up to which each is served by itself [measured]."""


@dataclass(frozen=True, eq=False)
class Entry:
    """Polynomials of one size in every cell: `rows` say where what they give belongs."""

    powers: tuple[int, int]
    rows: tuple[tuple[int, ...], ...]
    table: Float[np.ndarray, "cells kinds coefficients"]


@dataclass(frozen=True, eq=False)
class Cells:
    """The polynomials of a plane: of each pair of columns its product with five derivatives along x, for looks; the
    products of columns and of their slopes along x, for what is known at a place, by the unknowns (column, axis) they
    belong to.
    """

    tables: Plane
    which: tuple[tuple[int, int], ...]
    pairs: tuple[Entry, ...]
    known: tuple[Entry, ...]

    @property
    def n_linear(self) -> int:
        """How many columns there are."""
        return len(self.tables.columns)


def cells_of(tables: Plane) -> Cells:
    """The products of the columns of a plane, multiplied out."""
    m = len(tables.columns)
    poly = [
        table.swapaxes(1, 2).reshape(len(table), -1, *shape)
        for table, shape in zip(tables.columns, tables.shapes[:m], strict=True)
    ]
    which = tuple((i, j) for i in range(m) for j in range(i, m))
    pairs = []
    for i, j in which:
        product = _multiplied(poly[i], poly[j])
        size = product.shape[1], product.shape[2]
        orders = [k for k, (a, b) in enumerate(ORDERS) if a < size[0] and b < size[1]]
        kinds = np.stack([_derived(product, *ORDERS[k]).reshape(len(product), -1) for k in orders], axis=1)
        pairs.append(Entry(size, tuple((k,) for k in orders), np.ascontiguousarray(kinds)))
    parts = [(i, -1, one) for i, one in enumerate(poly)]
    for i, one in enumerate(poly):
        parts += [(i, axis, _derived(one, 1 - axis, axis)) for axis in (0, 1) if one.shape[2 + axis] > 1]
    sized: dict[tuple[int, int], list[tuple[tuple[int, ...], np.ndarray]]] = {}
    for k, (i, axis, one) in enumerate(parts):
        for j, other_axis, other in parts[k:]:
            product = _multiplied(one, other)
            size = product.shape[1], product.shape[2]
            sized.setdefault(size, []).append(((i, axis, j, other_axis), product.reshape(len(product), -1)))
    known = tuple(
        Entry(size, tuple(row for row, _ in some), np.ascontiguousarray(np.stack([one for _, one in some], axis=1)))
        for size, some in sized.items()
    )
    return Cells(tables, which, tuple(pairs), known)


def _multiplied(
    one: Float[np.ndarray, "cells rank p q"], other: Float[np.ndarray, "cells rank r s"]
) -> Float[np.ndarray, "cells _ _"]:
    """The coefficients of the inner product of two columns."""
    n, _, p, q = one.shape
    r, s = other.shape[2:]
    every = np.matmul(one.reshape(n, -1, p * q).swapaxes(1, 2), other.reshape(n, -1, r * s)).reshape(n, p, q, r, s)
    out = np.zeros((n, p + r - 1, q + s - 1))
    for i in range(p):
        for j in range(q):
            out[:, i : i + r, j : j + s] += every[:, i, j]
    return out


def _derived(poly: Float[np.ndarray, "*any p q"], along_one: int, along_other: int) -> Float[np.ndarray, "*any p q"]:
    """The derivative, in as many coefficients."""
    out = poly
    for _ in range(along_one):
        out = np.concatenate(
            [out[..., 1:, :] * np.arange(1, out.shape[-2])[:, None], np.zeros_like(out[..., :1, :])], axis=-2
        )
    for _ in range(along_other):
        out = np.concatenate([out[..., 1:] * np.arange(1, out.shape[-1]), np.zeros_like(out[..., :1])], axis=-1)
    return out


Moments = tuple[Float[np.ndarray, "_ voxels"], ...]
"""Of every column the polynomial of its moment with each curve, in the cell of that."""


def moments(cells: Cells, z: Float[np.ndarray, "voxels rank"], number: Int[np.ndarray, " voxels"]) -> Moments:
    """Of curves that are sorted by the numbers of their cells."""
    out = tuple(np.empty((table.shape[1], number.size)) for table in cells.tables.columns)
    if out and number.size < FEW * len(cells.tables.columns[0]):
        for table, into in zip(cells.tables.columns, out, strict=True):
            np.einsum("ncr,nr->cn", table.take(number, axis=0), z, out=into)
        return out
    for run, cell in runs(number):
        for table, into in zip(cells.tables.columns, out, strict=True):
            np.matmul(table[cell], z[run].T, out=into[:, run])
    return out


def surface(
    cells: Cells,
    of: Moments,
    rows: Int[np.ndarray, " some"],
    number: Int[np.ndarray, " some"],
    x: Float[np.ndarray, "2 some"],
) -> tuple[Float[np.ndarray, " some"], Float[np.ndarray, "2 some"], Float[np.ndarray, "2 2 some"]]:
    """What the best amplitudes explain at places x of the cells `number` of some curves `rows`, its gradient and
    Hessian along x.
    """
    explained, gradient, hessian = np.empty(rows.size), np.empty((2, rows.size)), np.empty((2, 2, rows.size))
    order, back = by_cell(number)
    rows, number, x = rows[order], number[order], x.take(order, axis=1)
    for span in spans(rows.size, AT_ONCE):
        every = _every(cells, of, rows[span], number[span], x[:, span])
        explained[span], gradient[:, span], hessian[..., span] = uphill(cells.tables.family, cells.which, every)
    return explained[back], gradient.take(back, axis=1), hessian.take(back, axis=2)


def _every(cells: Cells, of: Moments, rows: np.ndarray, number: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Moments and products with their derivatives, as `ascent.uphill` wants them."""
    m = cells.n_linear
    every = np.zeros((6, m + len(cells.pairs), rows.size))
    for i, table in enumerate(of):
        p, q = cells.tables.shapes[i]
        _bent(table.take(rows, axis=1).reshape(p, q, -1), x, every[:, i])
    at = _powers(x, cells.pairs)
    for k, entry in enumerate(cells.pairs):
        every[[row[0] for row in entry.rows], m + k] = _valued(entry, at, number)
    return every


def _powers(x: Float[np.ndarray, "2 voxels"], entries: tuple[Entry, ...]) -> list[np.ndarray]:
    out = []
    for axis in (0, 1):
        n = max(entry.powers[axis] for entry in entries)
        one = np.empty((n, x.shape[1]))
        one[0] = 1.0
        for k in range(1, n):
            np.multiply(one[k - 1], x[axis], out=one[k])
        out.append(one)
    return out


def _valued(
    entry: Entry, at: list[np.ndarray], number: Int[np.ndarray, " voxels"]
) -> Float[np.ndarray, "kinds voxels"]:
    """The polynomials of an entry at places, of which the powers are given, sorted by cells."""
    p, q = entry.powers
    weights = (at[0][:p, None] * at[1][None, :q]).reshape(p * q, -1)
    out = np.empty((entry.table.shape[1], number.size))
    if number.size < FEW * len(entry.table):
        np.einsum("nkp,pn->kn", entry.table.take(number, axis=0), weights, out=out)
        return out
    for run, cell in runs(number):
        np.matmul(entry.table[cell], weights[:, run], out=out[:, run])
    return out


def _bent(poly: Float[np.ndarray, "p q voxels"], x: Float[np.ndarray, "2 voxels"], out: np.ndarray) -> None:
    """A polynomial with five derivatives, into `out`: by the scheme of Horner, along the second axis and then the
    first.
    """
    p, q = poly.shape[:2]
    value = poly[:, q - 1].copy()
    first, second = np.zeros_like(value), np.zeros_like(value)
    for k in range(q - 2, -1, -1):
        if k < q - 3:
            second *= x[1]
        if k <= q - 3:
            second += first
        if k < q - 2:
            first *= x[1]
        first += value
        value *= x[1]
        value += poly[:, k]
    a, b, c = value[p - 1].copy(), np.zeros(x.shape[1]), np.zeros(x.shape[1])
    d, e = first[p - 1].copy(), np.zeros(x.shape[1])
    f = second[p - 1].copy()
    for k in range(p - 2, -1, -1):
        if k < p - 2:
            c *= x[0]
            c += b
            b *= x[0]
            e *= x[0]
        b += a
        a *= x[0]
        a += value[k]
        if q > 1:
            e += d
            d *= x[0]
            d += first[k]
        if q > 2:
            f *= x[0]
            f += second[k]
    c *= 2.0
    f *= 2.0
    out[0], out[1], out[2], out[3], out[4], out[5] = a, b, d, c, e, f


def known_at(
    cells: Cells,
    z: Float[np.ndarray, "voxels rank"],
    cell: Int[np.ndarray, "2 voxels"],
    x: Float[np.ndarray, "2 voxels"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The best amplitudes at places, the moments of the columns, the products of columns and slopes along x weighed by
    the amplitudes (unknowns: amplitudes, then x), and what is explained.
    """
    tables, m, n = cells.tables, cells.n_linear, len(z)
    c, moment, explained = np.empty((m, n)), np.empty((m, n)), np.empty(n)
    information = np.empty((m + 2, m + 2, n))
    number = cell[0] * tables.n_cells[1] + cell[1]
    order, back = by_cell(number)
    number, x = number[order], x.take(order, axis=1)
    for span in spans(n, AT_ONCE):
        at = _powers(x[:, span], cells.known)
        near = moments(cells, z.take(order[span], axis=0), number[span])
        for i, table in enumerate(near):
            p, q = tables.shapes[i]
            moment[i, span] = _horner(table.reshape(p, q, -1), x[:, span])
        every: dict[tuple[int, ...], np.ndarray] = {}
        for entry in cells.known:
            every.update(zip(entry.rows, _valued(entry, at, number[span]), strict=True))
        c[:, span], explained[span], information[..., span] = _weighed(cells, every, moment[:, span])
    return c.take(back, axis=1), moment.take(back, axis=1), information.take(back, axis=2), explained[back]


def _horner(poly: Float[np.ndarray, "p q voxels"], x: Float[np.ndarray, "2 voxels"]) -> np.ndarray:
    value = poly[:, -1].copy()
    for k in range(poly.shape[1] - 2, -1, -1):
        value *= x[1]
        value += poly[:, k]
    out: np.ndarray = value[-1]
    for k in range(len(value) - 2, -1, -1):
        out *= x[0]
        out += value[k]
    return out


def _weighed(cells: Cells, every: dict[tuple[int, ...], np.ndarray], moment: np.ndarray) -> tuple[np.ndarray, ...]:
    m = cells.n_linear
    information = np.zeros((m + 2, m + 2, moment.shape[1]))
    for (i, axis, j, other), value in every.items():
        if axis < 0 and other < 0:
            information[i, j] = information[j, i] = value
    family = cells.tables.family
    c, explained = box_minimum(information[:m, :m], moment, family.low, family.high)
    for (i, axis, j, other), value in every.items():
        if axis < 0 <= other:
            information[i, m + other] += c[j] * value
        elif axis >= 0:
            both = c[i] * c[j] * value
            information[m + axis, m + other] += both
            if axis == other and i != j:
                information[m + axis, m + other] += both
            elif axis != other:
                information[m + other, m + axis] += both
    information[m:, :m] = information[:m, m:].swapaxes(0, 1)
    return c, explained, information
