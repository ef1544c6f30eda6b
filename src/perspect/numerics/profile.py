r"""The best amplitudes and the best θ of a family with one non-linear parameter, for many curves at once.

Amplitudes eliminated, a curve z speaks to the fit only through the inner products $b(\theta) = A(\theta)^T z$ and
$G(\theta) = A(\theta)^T A(\theta)$. Both are tabulated with their slopes on the nodes of a dictionary, and between
nodes they are the quintic polynomial through three of them. The best node is the global minimum on the grid; from there
a bracketed Newton iteration on the exact derivative of the profiled sum of squares finds the minimum in its cell. A
step costs a few dozen scalar operations per voxel, whatever the number of samples.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.numerics.separable import Dictionary, Family, dictionary
from perspect.numerics.small import box_minimum, inverse, times, without

INTERPOLATED = 1e-7
"""Largest error of a column halfway between nodes, relative to its length; the grid is refined until it is met."""

_GRIDS = (32, 48, 64, 96, 128, 192, 256)
_SLACK = 0.1
"""How far beyond its cell, in nodes, a minimum may be sought: the search ranks nodes in single precision."""

_CLOSE = 1e-7
"""A Newton step this small, in nodes, is the last."""

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
_PLACES = {m: np.array([[min(i, j) * m - min(i, j) * (min(i, j) + 1) // 2 + max(i, j) for j in range(m)] for i in range(m)]) for m in range(1, 9)}
_PARABOLA = np.linalg.inv(np.vander([-1.0, 0.0, 1.0], 3, increasing=True))


@dataclass(frozen=True, eq=False)
class Line:
    """The tables of a family with one non-linear parameter.

    Around every node `gram` holds the upper triangle of AᵀA as quintics; `mixed` and `steep` hold AᵀA' and A'ᵀA' as
    parabolas. `varies` says which columns depend on θ; `held` is the node where their amplitudes are known best.
    """

    family: Family
    search: Dictionary
    spacing: float
    varies: tuple[int, ...]
    slopes: Float[np.ndarray, "linear nodes rank"]
    gram: Float[np.ndarray, "6 pairs nodes"]
    mixed: Float[np.ndarray, "3 squares nodes"]
    steep: Float[np.ndarray, "3 squares nodes"]
    held: int


@dataclass(frozen=True, eq=False)
class Profiled:
    """The minimum of every curve: amplitudes, u, what they explain, the inner products, whether u is an end."""

    c: Float[np.ndarray, "linear voxels"]
    u: Float[np.ndarray, " voxels"]
    explained: Float[np.ndarray, " voxels"]
    gram: Float[np.ndarray, "linear linear voxels"]
    mixed: Float[np.ndarray, "linear linear voxels"]
    steep: Float[np.ndarray, "linear linear voxels"]
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
    m, n = columns.shape[:2]
    gram = np.einsum("inr,jnr->ijn", columns, columns)
    mixed = np.einsum("inr,jnr->ijn", columns, steep)
    upper = np.triu_indices(m)
    nodes = _stencils(gram[upper], (mixed + np.swapaxes(mixed, 0, 1))[upper])
    length = np.sqrt(np.einsum("iin->in", gram).max(axis=1))
    moves = np.abs(np.diff(columns, axis=1)).max(axis=(1, 2))
    varies = tuple(int(i) for i in np.flatnonzero(moves > INTERPOLATED * length))
    # A degenerate grid has no best-known node; then the first serves as well as any.
    spread = np.einsum("iin->in", inverse(gram))[list(varies)] * length[list(varies), None] ** 2
    total = np.where(np.isnan(spread), np.inf, spread).sum(axis=0)
    parabolas = [
        np.einsum("kp,pqn->kqn", _PARABOLA, _stencils(table.reshape(m * m, n)))
        for table in (mixed, np.einsum("inr,jnr->ijn", steep, steep))
    ]
    quintics = np.einsum("kp,pqn->kqn", _HERMITE, nodes)
    return Line(family, search, spacing, varies, steep, quintics, *parabolas, int(total.argmin()))


def _stencils(*tables: np.ndarray) -> np.ndarray:
    """Values at the node before, at and after every node; the end nodes borrow those of their neighbours."""
    around = np.clip(np.arange(tables[0].shape[-1]), 1, tables[0].shape[-1] - 2)
    return np.stack([table[..., around + s] for table in tables for s in (-1, 0, 1)])


def profiled(tables: Line, z: Float[np.ndarray, "rank voxels"], best: Int[np.ndarray, " voxels"]) -> Profiled:
    """The minimum of the sum of squares in the cell beside the best node of every curve."""
    family, n = tables.family, tables.search.shape[0]
    m, n_voxels = family.low.size, z.shape[1]
    centre = np.clip(best, 1, n - 2)
    poly = np.concatenate([_moments(tables, z, centre), tables.gram[:, :, centre]], axis=1)
    x = (best - centre).astype(np.float64)
    is_end = _descend(poly, x, centre, family, n)
    value = _horner(poly, x)[0]
    gram = _square(value[m:], m)
    c, explained = box_minimum(gram, value[:m], family.low, family.high)
    powers = np.stack([np.ones_like(x), x, x * x])
    mixed, steep = (
        np.einsum("kv,kqv->qv", powers, table[:, :, centre]).reshape(m, m, n_voxels) / tables.spacing**order
        for table, order in ((tables.mixed, 1), (tables.steep, 2))
    )
    u = family.axes.u_low[0] + (centre + x) * tables.spacing
    return Profiled(c, u, explained, gram, mixed, steep, value[:m], is_end)


def _moments(tables: Line, z: np.ndarray, centre: np.ndarray) -> Float[np.ndarray, "6 linear voxels"]:
    """The inner products of every curve with the columns, as quintics around its best node."""
    search, m, at = tables.search, tables.family.low.size, np.arange(z.shape[1])
    poly = np.zeros((6, m, z.shape[1]))
    for i in range(m):
        if i not in tables.varies:
            poly[0, i] = search.columns[i, 0] @ z
            continue
        values, steep = search.columns[i] @ z, tables.slopes[i] @ z
        stencil = np.stack([table[centre + s, at] for table in (values, steep) for s in (-1, 0, 1)])
        poly[:, i] = _HERMITE @ stencil
    return poly


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


def _square(pairs: Float[np.ndarray, "pairs voxels"], m: int) -> Float[np.ndarray, "m m voxels"]:
    """Symmetric matrices from their upper triangles."""
    square: np.ndarray = pairs[_PLACES[m]]
    return square


def _uphill(poly: np.ndarray, x: np.ndarray, family: Family) -> tuple[np.ndarray, np.ndarray]:
    """Slope and curvature along x of what is explained, with the amplitudes always at their best.

    By the envelope theorem the amplitudes may be held for the slope; for the curvature those off their bounds follow.
    """
    m = family.low.size
    value, slope, curve = _horner(poly, x)
    gram, gram1, gram2 = (_square(part[m:], m) for part in (value, slope, curve))
    c, _ = box_minimum(gram, value[:m], family.low, family.high)
    pull = slope[:m] - times(gram1, c)
    first = (c * (slope[:m] + pull)).sum(axis=0)
    second = (c * (2.0 * curve[:m] - times(gram2, c))).sum(axis=0)
    is_fixed = (c <= family.low[:, None]) | (c >= family.high[:, None])
    pull = np.where(is_fixed, 0.0, pull)
    second += 2.0 * (pull * times(inverse(without(gram, is_fixed)), pull)).sum(axis=0)
    return first, second


def _descend(
    poly: np.ndarray, x: Float[np.ndarray, " voxels"], centre: np.ndarray, family: Family, n: int
) -> Bool[np.ndarray, " voxels"]:
    """Moves x, in place, to the minimum; says where that is an end of the range."""
    first, second = _uphill(poly, x, family)
    left, right = -centre.astype(np.float64), n - 1.0 - centre
    low = np.where(first > 0, x, np.maximum(x - 1.0 - _SLACK, left))
    high = np.where(first > 0, np.minimum(x + 1.0 + _SLACK, right), x)
    is_end = ((x == left) & (first <= 0)) | ((x == right) & (first >= 0))
    active = np.flatnonzero(~is_end & (first != 0))
    poly, first, second, low, high = poly[:, :, active], first[active], second[active], low[active], high[active]
    # One end of the bracket has not been tried; a step that passes it tries it, a step that passes the other is halved.
    untried = np.where(first > 0, high, low)
    for _ in range(_STEPS):
        if active.size == 0:
            break
        at = x[active]
        new = at - np.divide(first, second, out=np.full_like(at, np.inf), where=second < 0)
        passes = np.where(new > high, high, low)
        new = np.where((new >= low) & (new <= high), new, np.where(passes == untried, passes, 0.5 * (low + high)))
        x[active] = new
        is_left = np.abs(new - at) > _CLOSE
        active = active[is_left]
        if active.size == 0:
            break
        if not is_left.all():
            poly, low, high, untried = poly[:, :, is_left], low[is_left], high[is_left], untried[is_left]
        first, second = _uphill(poly, x[active], family)
        untried = np.where(x[active] == untried, np.nan, untried)
        low = np.where(first > 0, x[active], low)
        high = np.where(first > 0, high, x[active])
    return is_end
