r"""The best amplitudes and the best θ of a family with one non-linear parameter, for many curves at once.

Amplitudes eliminated, a curve z speaks to the fit only through the inner products $b(\theta) = A(\theta)^T z$ and
$G(\theta) = A(\theta)^T A(\theta)$. Both are tabulated with their slopes on the nodes of a dictionary, and between
nodes they are polynomials of degree 7 through five of them. The best node is the global minimum on the grid; from there
a bracketed Newton iteration on the exact derivative of the profiled sum of squares finds the minimum in its cell. A
step costs a few dozen scalar operations per voxel, whatever the number of samples.
"""

from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perspect.numerics.columns import put, taken
from perspect.numerics.separable import Dictionary, Family, dictionary
from perspect.numerics.small import box_minimum, inverse, times, without
from perspect.numerics.stencil import REACH, halfway_error, hermite, horner, polynomial, quartic

INTERPOLATED = 1e-6
"""Largest error of a column halfway between nodes, relative to its length; the grid is refined until it is met.

What a protocol needs is not known beforehand, so it is measured for each.
"""

_GRIDS = (33, 49, 65, 97, 129, 193, 257)
STRIDE = 2
"""Every so many nodes is searched: the polynomials reach from one of these to the next."""

CLOSE = 3e-3
"""A Newton step this small, in nodes, is the last: it leaves a third of its square (measured), a millionth of θ."""

ENOUGH = 1e-6
"""A Newton step that promises to lower the sum of squares by less than this share of itself is the last as well."""

_WORTH_MOVING = 0.6
"""Share of unfinished curves below which the others leave the batch."""

_STEPS = 60


@dataclass(frozen=True, eq=False)
class Line:
    """The tables of a family with one non-linear parameter.

    `columns` and their `slopes`, per node, are in the basis of the search. `varies` says which columns depend on θ,
    `pairs` which entries of AᵀA do; around every node `poly` and `gram` hold these as polynomials, `mixed` and `steep`
    hold AᵀA' and A'ᵀA' as quartics. At the node `held` amplitudes are known best.
    """

    family: Family
    search: Dictionary
    spacing: float
    varies: tuple[int, ...]
    columns: Float[np.ndarray, "linear nodes rank"]
    slopes: Float[np.ndarray, "linear nodes rank"]
    poly: Float[np.ndarray, "varying nodes 8 rank"]
    pairs: tuple[tuple[int, int], ...]
    gram: Float[np.ndarray, "8 pairs nodes"]
    mixed: Float[np.ndarray, "5 linear varying nodes"]
    steep: Float[np.ndarray, "5 varying varying nodes"]
    held: int


@dataclass(frozen=True, eq=False)
class Profiled:
    """The minimum of every curve: amplitudes, u, what they explain, the inner products, whether u is an end."""

    c: Float[np.ndarray, "linear voxels"]
    u: Float[np.ndarray, " voxels"]
    explained: Float[np.ndarray, " voxels"]
    gram: Float[np.ndarray, "linear linear voxels"]
    mixed: Float[np.ndarray, "linear varying voxels"]
    steep: Float[np.ndarray, "varying varying voxels"]
    moment: Float[np.ndarray, "linear voxels"]
    is_end: Bool[np.ndarray, " voxels"]

    def put(self, rows: Int[np.ndarray, " some"], other: "Profiled") -> None:
        """Takes some curves, in place, from another."""
        for field in fields(Profiled):
            put(getattr(self, field.name), rows, getattr(other, field.name))


def line(family: Family) -> Line | None:
    """The tables of a family along its only θ, fine enough for `INTERPOLATED`; `None` where no grid is (a kink)."""
    for n in _GRIDS:
        nodes = np.linspace(family.axes.u_low, family.axes.u_high, n)
        spacing = float(nodes[1, 0] - nodes[0, 0])
        columns = np.moveaxis(family.at(nodes), 1, 0)
        steep = np.moveaxis(family.slopes(nodes)[:, 0], 1, 0) * spacing
        between = np.moveaxis(family.at(0.5 * (nodes[1:] + nodes[:-1])), 1, 0)
        if halfway_error(columns, steep, between) <= INTERPOLATED:
            break
    else:
        return None
    more = np.concatenate([steep.reshape(-1, steep.shape[-1]), between.reshape(-1, steep.shape[-1])])
    search = dictionary(family, ((n + 1) // STRIDE,), np.concatenate([more, columns.reshape(-1, more.shape[1])]))
    return _tabulated(family, search, columns @ search.basis, steep @ search.basis, spacing)


def _tabulated(family: Family, search: Dictionary, columns: np.ndarray, steep: np.ndarray, spacing: float) -> Line:
    m = columns.shape[0]
    gram = np.einsum("inr,jnr->ijn", columns, columns)
    mixed = np.einsum("inr,jnr->ijn", columns, steep)
    length = np.sqrt(np.einsum("iin->in", gram).max(axis=1))
    moves = np.abs(np.diff(columns, axis=1)).max(axis=(1, 2))
    varies = tuple(int(i) for i in np.flatnonzero(moves > INTERPOLATED * length))
    # A degenerate grid has no best-known node; then the first serves as well as any.
    spread = np.einsum("iin->in", inverse(gram))[list(varies)] * length[list(varies), None] ** 2
    total = np.where(np.isnan(spread), np.inf, spread).sum(axis=0)
    moving = list(varies)
    pairs = tuple((i, j) for i in range(m) for j in range(i, m) if i in varies or j in varies)
    upper = tuple(np.array(pairs, int).reshape(-1, 2).T)
    rise = mixed + np.swapaxes(mixed, 0, 1)
    poly = hermite(*(np.moveaxis(table[moving], 1, 2) for table in (columns, steep)))
    both = np.einsum("inr,jnr->ijn", steep[moving], steep[moving])
    return Line(
        family,
        search,
        spacing,
        varies,
        columns,
        steep,
        np.ascontiguousarray(poly.transpose(1, 3, 0, 2)),
        pairs,
        hermite(gram[upper], rise[upper]),
        quartic(mixed[:, moving]),
        quartic(both),
        int(total.argmin()),
    )


def profiled(
    tables: Line,
    z: Float[np.ndarray, "voxels rank"],
    square: Float[np.ndarray, " voxels"],
    searched: Float32[np.ndarray, "voxels searched"],
    best: Int[np.ndarray, " voxels"],
) -> Profiled:
    """The minimum of the sum of squares around the best of the searched nodes, which explain what `searched` says of
    the `square` of each curve.
    """
    last = tables.columns.shape[1] - 1
    centre = np.clip(STRIDE * best, REACH, last - REACH)
    patch = _patch(tables, z, centre)
    x = (STRIDE * best - centre).astype(np.float64)
    ends = -centre.astype(np.float64), np.float64(last) - centre
    is_end = descend(patch, x, square, STRIDE * vertex(searched.T, best), *ends)
    gram, moment, c, explained = patch.best(polynomial(patch.poly, x))
    place = centre + x
    mixed, steep = (
        polynomial(table.take(centre, axis=-1, mode="clip"), x) / tables.spacing**order
        for order, table in enumerate((tables.mixed, tables.steep), start=1)
    )
    u = tables.family.axes.u_low[0] + place * tables.spacing
    return Profiled(c, u, explained, gram, mixed, steep, moment, is_end)


def vertex(
    searched: Float32[np.ndarray, "searched voxels"], best: Int[np.ndarray, " voxels"]
) -> Float[np.ndarray, " voxels"]:
    """Peak of the parabola through the best node and its neighbours, from that node; 0 at an end of the grid."""
    n_nodes, n = searched.shape
    inner = np.minimum(np.maximum(best, 1), n_nodes - 2)
    at = inner * n + np.arange(n)
    before, here, after = (searched.ravel().take(at + step * n).astype(np.float64) for step in (-1, 0, 1))
    bend = 2.0 * here - before - after
    peak = np.divide(0.5 * (after - before), bend, out=np.zeros_like(bend), where=(bend > 0) & (best == inner))
    return np.asarray(np.minimum(np.maximum(peak, -0.5), 0.5))


@dataclass(frozen=True, eq=False)
class _Patch:
    """The inner products around one node per curve: polynomials of what moves with x, numbers of what does not.

    `poly` holds the moments of the columns that vary, then the entries `pairs` of the Gram matrix that involve them.
    """

    family: Family
    varies: list[int]
    pairs: tuple[tuple[int, int], ...]
    poly: Float[np.ndarray, "8 moving voxels"]
    moment: Float[np.ndarray, "linear voxels"]
    gram: Float[np.ndarray, "linear linear"]

    def of(self, rows: Bool[np.ndarray, " voxels"]) -> "_Patch":
        """The same of some curves."""
        return replace(self, poly=taken(self.poly, rows), moment=taken(self.moment, rows))

    def best(self, value: Float[np.ndarray, "moving voxels"]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Gram matrix and moments, and the best amplitudes with what they explain."""
        moment = self.moment.copy()
        moment[self.varies] = value[: len(self.varies)]
        gram = np.empty((*self.gram.shape, moment.shape[1]))
        gram[:] = self.gram[:, :, None]
        for row, (i, j) in zip(value[len(self.varies) :], self.pairs, strict=True):
            gram[i, j] = gram[j, i] = row
        return gram, moment, *box_minimum(gram, moment, self.family.low, self.family.high)

    def pull(
        self, slope: Float[np.ndarray, "moving voxels"], c: Float[np.ndarray, "linear voxels"]
    ) -> Float[np.ndarray, "linear voxels"]:
        """Slopes of the moments less those of the Gram matrix times c (or their curvatures)."""
        out = np.zeros_like(c)
        out[self.varies] = slope[: len(self.varies)]
        for row, (i, j) in zip(slope[len(self.varies) :], self.pairs, strict=True):
            out[i] -= row * c[j]
            if i != j:
                out[j] -= row * c[i]
        return out

    def uphill(self, x: Float[np.ndarray, " voxels"]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Slope and curvature along x of what is explained, with the amplitudes always at their best; and that.

        By the envelope theorem the amplitudes may be held for the slope; for the curvature those off their bounds
        follow.
        """
        value, slope, curve = horner(self.poly, x)
        gram, _, c, explained = self.best(value)
        n, moving = len(self.varies), c[self.varies]
        pull = self.pull(slope, c)
        first = (moving * slope[:n]).sum(axis=0) + (c * pull).sum(axis=0)
        second = (moving * curve[:n]).sum(axis=0) + (c * self.pull(curve, c)).sum(axis=0)
        is_fixed = (c <= self.family.low[:, None]) | (c >= self.family.high[:, None])
        pull = np.where(is_fixed, 0.0, pull)
        second += 2.0 * (pull * times(inverse(without(gram, is_fixed)), pull)).sum(axis=0)
        return first, second, explained


def _patch(tables: Line, z: np.ndarray, centre: np.ndarray) -> _Patch:
    columns = tables.columns
    poly = np.empty((8, len(tables.varies) + len(tables.pairs), len(z)))
    # Curves of one node lie together, so that one product of matrices serves them all.
    order = np.argsort(centre.astype(np.int16), kind="stable")
    curves, moments = z[order].T, np.empty((8, len(z)))
    starts = np.flatnonzero(np.diff(centre[order], prepend=-1))
    for row in range(len(tables.varies)):
        for start, stop in zip(starts, [*starts[1:], len(z)], strict=True):
            np.matmul(tables.poly[row, centre[order[start]]], curves[:, start:stop], out=moments[:, start:stop])
        poly[:, row, order] = moments
    tables.gram.take(centre, axis=2, out=poly[:, len(tables.varies) :], mode="clip")
    still = columns[:, 0]
    return _Patch(tables.family, list(tables.varies), tables.pairs, poly, (z @ still.T).T, still @ still.T)


def descend(
    patch: _Patch,
    x: Float[np.ndarray, " voxels"],
    square: Float[np.ndarray, " voxels"],
    guess: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
) -> Bool[np.ndarray, " voxels"]:
    """Moves x, in place, from the best node to the minimum; says where that is an end, left or right, of the range."""
    low, high = np.maximum(x - STRIDE, left), np.minimum(x + STRIDE, right)
    x += guess
    first, second, explained = patch.uphill(x)
    goes_on = ~((x == left) & (first < 0)) & ~((x == right) & (first > 0)) & (first != 0)
    rows = np.arange(x.size)
    tried_low = tried_high = np.zeros(x.size, bool)
    for turn in range(_STEPS):
        if np.count_nonzero(goes_on) < _WORTH_MOVING * rows.size:
            rows, patch = rows[goes_on], patch.of(goes_on)
            first, second, explained, square, low, high, tried_low, tried_high = (
                part[goes_on] for part in (first, second, explained, square, low, high, tried_low, tried_high)
            )
            goes_on = np.ones(rows.size, bool)
        if rows.size == 0:
            break
        at = x[rows]
        if turn:
            first, second, explained = patch.uphill(at)
        is_up = first > 0
        low, high = np.where(is_up, at, low), np.where(is_up, high, at)
        tried_low, tried_high = tried_low | is_up, tried_high | ~is_up
        step = np.divide(-first, second, out=np.full_like(at, np.nan), where=second < 0)
        stays = (at + step - low) * (high - at - step) >= 0
        # A step that would leave the bracket tries the end it passes; where that has been tried, it is halved.
        is_tried = np.where(is_up, tried_high, tried_low)
        new = np.where(stays, at + step, np.where(is_tried, 0.5 * (low + high), np.where(is_up, high, low)))
        new = np.where(goes_on, new, at)
        x[rows] = new
        gain = 0.5 * np.abs(first * (new - at))
        goes_on &= np.abs(new - at) > np.where(stays, CLOSE, CLOSE**2)
        goes_on &= ~stays | (gain > ENOUGH * np.maximum(square - explained, 0.0))
    is_end: np.ndarray = (x == left) | (x == right)
    return is_end
