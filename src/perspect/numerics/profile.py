r"""The best amplitudes and the best θ of a family with one non-linear parameter, for many curves at once.

Amplitudes eliminated, a curve z speaks to the fit only through the inner products $b(\theta) = A(\theta)^T z$ and
$G(\theta) = A(\theta)^T A(\theta)$. Both are tabulated with their slopes on the nodes of a dictionary, and between
nodes they are the quintic polynomial through three of them. The best node is the global minimum on the grid; from there
a bracketed Newton iteration on the exact derivative of the profiled sum of squares finds the minimum in its cell. A
step costs a few dozen scalar operations per voxel, whatever the number of samples.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perspect.numerics.separable import Dictionary, Family, dictionary
from perspect.numerics.small import box_minimum, inverse, times, without

INTERPOLATED = 1e-6
"""Largest error of a column halfway between nodes, relative to its length; the grid is refined until it is met."""

_GRIDS = (32, 48, 64, 96, 128, 192, 256)
_SLACK = 0.1
"""How far beyond its cell, in nodes, a minimum may be sought: the search ranks nodes in single precision."""

_CLOSE = 3e-3
"""A Newton step this small, in nodes, is the last: it leaves a third of its square (measured), a millionth of θ."""

_WORTH_MOVING = 0.6
"""Share of unfinished curves below which the others leave the batch."""

_STEPS = 60

# The quintic in x = -1 .. 1 through values (first three) and slopes (last three) at -1, 0, 1; rows are powers of x.
_HERMITE = np.linalg.inv(
    np.concatenate(
        [
            np.vander([-1.0, 0.0, 1.0], 6, increasing=True),
            np.array([[k * x ** max(k - 1, 0) for k in range(6)] for x in (-1.0, 0.0, 1.0)]),
        ]
    )
)
_QUARTIC = np.linalg.inv(np.vander([-2.0, -1.0, 0.0, 1.0, 2.0], 5, increasing=True))


@dataclass(frozen=True, eq=False)
class Line:
    """The tables of a family with one non-linear parameter.

    `varies` says which columns depend on θ, `pairs` which entries of AᵀA do; around every node `gram` holds these as
    quintics, `mixed` and `steep` hold AᵀA' and A'ᵀA' as quartics. At the node `held` the amplitudes are known best.
    """

    family: Family
    search: Dictionary
    spacing: float
    varies: tuple[int, ...]
    slopes: Float[np.ndarray, "linear nodes rank"]
    pairs: tuple[tuple[int, int], ...]
    gram: Float[np.ndarray, "6 pairs nodes"]
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


def line(family: Family) -> Line | None:
    """The tables of a family along its only θ, fine enough for `INTERPOLATED`; `None` where no grid is (a kink)."""
    for n in _GRIDS:
        nodes = np.linspace(family.axes.u_low, family.axes.u_high, n)
        spacing = float(nodes[1, 0] - nodes[0, 0])
        columns = np.moveaxis(family.at(nodes), 1, 0)
        steep = np.moveaxis(family.slopes(nodes)[:, 0], 1, 0) * spacing
        between = np.moveaxis(family.at(0.5 * (nodes[1:] + nodes[:-1])), 1, 0)
        if _halfway_error(columns, steep, between) <= INTERPOLATED:
            break
    else:
        return None
    more = np.concatenate([steep.reshape(-1, steep.shape[-1]), between.reshape(-1, steep.shape[-1])])
    search = dictionary(family, (n,), more)
    return _tabulated(family, search, steep @ search.basis, spacing)


def _halfway_error(columns: np.ndarray, steep: np.ndarray, between: np.ndarray) -> float:
    around = np.clip(np.arange(between.shape[1]), 1, columns.shape[1] - 2)
    x = np.arange(between.shape[1]) + 0.5 - around
    weights = np.vander(x, 6, increasing=True) @ _HERMITE
    stencil = [table[:, around + s] for table in (columns, steep) for s in (-1, 0, 1)]
    estimate = sum(weights[:, s, None] * part for s, part in enumerate(stencil))
    length = np.sqrt((between**2).sum(axis=-1))
    missed = np.sqrt(((estimate - between) ** 2).sum(axis=-1))
    return float((missed / np.where(length > 0, length, 1.0)).max())


def _tabulated(family: Family, search: Dictionary, steep: np.ndarray, spacing: float) -> Line:
    columns = search.columns
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
    nodes = _stencils(gram[upper], (mixed + np.swapaxes(mixed, 0, 1))[upper])
    both = np.einsum("inr,jnr->ijn", steep[moving], steep[moving])
    mixed, both = (np.tensordot(_QUARTIC, _stencils(table, reach=2), 1) for table in (mixed[:, moving], both))
    return Line(
        family,
        search,
        spacing,
        varies,
        steep,
        pairs,
        np.tensordot(_HERMITE, nodes, 1),
        mixed,
        both,
        int(total.argmin()),
    )


def _stencils(*tables: np.ndarray, reach: int = 1) -> np.ndarray:
    """Values at the nodes around every node; the end nodes borrow those of their neighbours."""
    around = np.clip(np.arange(tables[0].shape[-1]), reach, tables[0].shape[-1] - 1 - reach)
    return np.stack([table[..., around + s] for table in tables for s in range(-reach, reach + 1)])


def profiled(
    tables: Line,
    z: Float[np.ndarray, "voxels rank"],
    nodes: Float32[np.ndarray, "voxels nodes"],
    best: Int[np.ndarray, " voxels"],
) -> Profiled:
    """The minimum of the sum of squares around the best node of every curve; `nodes` is what each node explains."""
    n = tables.search.shape[0]
    centre = np.clip(best, 1, n - 2)
    patch = _patch(tables, z, centre)
    x = (best - centre).astype(np.float64)
    is_end = _descend(patch, x, _vertex(nodes, best, centre), -centre.astype(np.float64), n - 1.0 - centre)
    gram, moment, c, explained = patch.best(_polynomial(patch.poly, x))
    place = centre + x
    around = np.clip(best, 2, n - 3)
    mixed, steep = (
        _polynomial(table[..., around], place - around) / tables.spacing**order
        for order, table in enumerate((tables.mixed, tables.steep), start=1)
    )
    u = tables.family.axes.u_low[0] + place * tables.spacing
    return Profiled(c, u, explained, gram, mixed, steep, moment, is_end)


def _vertex(nodes: np.ndarray, best: np.ndarray, centre: np.ndarray) -> Float[np.ndarray, " voxels"]:
    """Peak of the parabola through the best node and its neighbours, from that node; 0 at an end of the grid."""
    at = np.arange(best.size)
    before, here, after = (nodes[at, centre + s].astype(np.float64) for s in (-1, 0, 1))
    bend = 2.0 * here - before - after
    vertex = np.divide(0.5 * (after - before), bend, out=np.zeros_like(bend), where=(bend > 0) & (best == centre))
    inside: np.ndarray = np.clip(vertex, -0.5, 0.5)
    return inside


@dataclass(frozen=True, eq=False)
class _Patch:
    """The inner products around one node per curve: quintics of what moves with x, numbers of what does not.

    `poly` holds the moments of the columns that vary, then the entries `pairs` of the Gram matrix that involve them.
    """

    family: Family
    varies: list[int]
    pairs: tuple[tuple[int, int], ...]
    poly: Float[np.ndarray, "6 moving voxels"]
    moment: Float[np.ndarray, "linear voxels"]
    gram: Float[np.ndarray, "linear linear"]

    def of(self, rows: Bool[np.ndarray, " voxels"]) -> "_Patch":
        """The same of some curves."""
        return replace(self, poly=self.poly[:, :, rows], moment=self.moment[:, rows])

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

    def uphill(self, x: Float[np.ndarray, " voxels"]) -> tuple[np.ndarray, np.ndarray]:
        """Slope and curvature along x of what is explained, with the amplitudes always at their best.

        By the envelope theorem the amplitudes may be held for the slope; for the curvature those off their bounds
        follow.
        """
        value, slope, curve = _horner(self.poly, x)
        gram, _, c, _ = self.best(value)
        n, moving = len(self.varies), c[self.varies]
        pull = self.pull(slope, c)
        first = (moving * slope[:n]).sum(axis=0) + (c * pull).sum(axis=0)
        second = (moving * curve[:n]).sum(axis=0) + (c * self.pull(curve, c)).sum(axis=0)
        is_fixed = (c <= self.family.low[:, None]) | (c >= self.family.high[:, None])
        pull = np.where(is_fixed, 0.0, pull)
        second += 2.0 * (pull * times(inverse(without(gram, is_fixed)), pull)).sum(axis=0)
        return first, second


def _patch(tables: Line, z: np.ndarray, centre: np.ndarray) -> _Patch:
    search, at = tables.search, np.arange(len(z))
    n = search.shape[0]
    poly = np.empty((6, len(tables.varies) + len(tables.pairs), len(z)))
    for row, i in enumerate(tables.varies):
        products = z @ np.concatenate([search.columns[i], tables.slopes[i]]).T
        poly[:, row] = _HERMITE @ np.stack([products[at, centre + s] for s in (-1, 0, 1, n - 1, n, n + 1)])
    poly[:, len(tables.varies) :] = tables.gram[:, :, centre]
    still = search.columns[:, 0]
    return _Patch(tables.family, list(tables.varies), tables.pairs, poly, (z @ still.T).T, still @ still.T)


def _polynomial(poly: Float[np.ndarray, "powers *k voxels"], x: Float[np.ndarray, " voxels"]) -> np.ndarray:
    value: np.ndarray = poly[-1]
    for row in poly[-2::-1]:
        value = value * x + row
    return value


def _horner(poly: Float[np.ndarray, "6 k voxels"], x: Float[np.ndarray, " voxels"]) -> tuple[np.ndarray, ...]:
    """Value, slope and curvature of the quintics at x."""
    value, slope, half = poly[5].copy(), np.zeros_like(poly[5]), np.zeros_like(poly[5])
    for k in range(4, -1, -1):
        half *= x
        half += slope
        slope *= x
        slope += value
        value *= x
        value += poly[k]
    return value, slope, 2.0 * half


def _descend(
    patch: _Patch, x: Float[np.ndarray, " voxels"], guess: np.ndarray, left: np.ndarray, right: np.ndarray
) -> Bool[np.ndarray, " voxels"]:
    """Moves x, in place, from the best node to the minimum; says where that is an end, left or right, of the range."""
    low, high = np.maximum(x - 1.0 - _SLACK, left), np.minimum(x + 1.0 + _SLACK, right)
    x += guess
    first, second = patch.uphill(x)
    goes_on = ~((x == left) & (first < 0)) & ~((x == right) & (first > 0)) & (first != 0)
    rows = np.arange(x.size)
    tried_low = tried_high = np.zeros(x.size, bool)
    for _ in range(_STEPS):
        if np.count_nonzero(goes_on) < _WORTH_MOVING * rows.size:
            rows, patch = rows[goes_on], patch.of(goes_on)
            first, second, low, high, tried_low, tried_high = (
                part[goes_on] for part in (first, second, low, high, tried_low, tried_high)
            )
            goes_on = np.ones(rows.size, bool)
        if rows.size == 0:
            break
        at = x[rows]
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
        goes_on &= np.abs(new - at) > np.where(stays, _CLOSE, _CLOSE**2)
        if not goes_on.any():
            break
        first, second = patch.uphill(new)
    is_end: np.ndarray = (x == left) | (x == right)
    return is_end
