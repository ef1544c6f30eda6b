r"""Families of columns, $y = \sum_k c_k a_k(\theta)$, and the search of a dictionary of them.

A dictionary is built once per protocol: columns on a grid of θ, an orthonormal basis that spans them, the columns in
that basis. A curve is projected once; what lies outside the basis is the same for every θ and cannot change the answer.

Golub and Pereyra 2003, doi:10.1088/0266-5611/19/2/201
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perspect.numerics.parallel import spans
from perspect.numerics.small import inverse

Atoms = Callable[[np.ndarray], np.ndarray]
"""θ, "*voxels nonlinear", to columns, "*voxels linear time"."""

SPANNED = 1e-6
"""Share of a unit column that the basis may miss."""

STEP = 1e-5
"""Step of a derivative, as a share of the range of its parameter: truncation and rounding are then both about 1e-10."""

ROUNDING = 2e-6
"""Relative differences of what nodes explain that may be rounding in single precision: on a plateau nothing stands out.
"""

_NODES_AT_ONCE, _SEARCHED_AT_ONCE = 256, 65536
"""Nodes, and nodes times voxels, that are searched together, so that the working set stays in the cache."""


@dataclass(frozen=True, eq=False)
class Axes:
    """The ranges of θ and how a search walks through them: evenly in u, which is θ or its logarithm."""

    low: Float[np.ndarray, " nonlinear"]
    high: Float[np.ndarray, " nonlinear"]
    is_log: Bool[np.ndarray, " nonlinear"]

    def u(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels nonlinear"]:
        """θ as the search sees it."""
        inside = np.clip(theta, self.low, self.high)
        return np.where(self.is_log, np.log(np.where(self.is_log, inside, 1.0)), inside)

    def theta(self, u: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels nonlinear"]:
        """The way back from u; rounding does not leave the range."""
        return np.clip(np.where(self.is_log, np.exp(np.where(self.is_log, u, 0.0)), u), self.low, self.high)

    def stretch(self, u: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels nonlinear"]:
        """dθ/du."""
        return np.where(self.is_log, self.theta(u), 1.0)

    @property
    def u_low(self) -> Float[np.ndarray, " nonlinear"]:
        """The lower ends in u."""
        return self.u(self.low)

    @property
    def u_high(self) -> Float[np.ndarray, " nonlinear"]:
        """The upper ends in u."""
        return self.u(self.high)


@dataclass(frozen=True, eq=False)
class Family:
    """Columns over a range of θ, and the bounds of their amplitudes."""

    atoms: Atoms
    axes: Axes
    low: Float[np.ndarray, " linear"]
    high: Float[np.ndarray, " linear"]

    def at(self, u: Float[np.ndarray, "nodes nonlinear"]) -> Float[np.ndarray, "nodes linear time"]:
        """The columns."""
        return np.asarray(self.atoms(self.axes.theta(u)), np.float64)

    def slopes(self, u: Float[np.ndarray, "nodes nonlinear"]) -> Float[np.ndarray, "nodes nonlinear linear time"]:
        """Their derivatives along u."""
        return np.moveaxis(slopes(self.at, u, self.axes.u_low, self.axes.u_high), -1, 1)


def slopes(
    f: Callable[[np.ndarray], np.ndarray],
    x: Float[np.ndarray, "nodes k"],
    low: Float[np.ndarray, " k"],
    high: Float[np.ndarray, " k"],
    step: Float[np.ndarray, "nodes k"] | None = None,
) -> Float[np.ndarray, "nodes *samples k"]:
    """Derivatives of f along every component of x: central differences, or a parabola inside where a bound is near."""
    h = np.broadcast_to(STEP * (high - low), x.shape) if step is None else step
    inward = np.clip(x, low + h, high - h) - x
    columns = []
    for j in range(x.shape[1]):
        there = np.zeros_like(x)
        there[:, j] = h[:, j]
        moved = x.copy()
        moved[:, j] += inward[:, j]
        after, before = f(moved + there), f(moved - there)
        width = h[:, j].reshape(-1, *(1,) * (after.ndim - 1))
        column = (after - before) / (2.0 * width)
        if inward[:, j].any():
            shift = inward[:, j].reshape(width.shape)
            column -= shift * (after - 2.0 * f(moved) + before) / width**2
        columns.append(column)
    return np.stack(columns, axis=-1)


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Columns on a grid of θ, in a basis that spans them all.

    The search has columns of unit length in single precision: `unit`, their `gram`, the bounds `low` and `high` of
    their amplitudes, and `free`, whose product with a curve is the solution without bounds.
    """

    shape: tuple[int, ...]
    u: Float[np.ndarray, "nodes nonlinear"]
    basis: Float[np.ndarray, "time rank"]
    columns: Float[np.ndarray, "linear nodes rank"]
    unit: Float32[np.ndarray, "linear nodes rank"]
    free: Float32[np.ndarray, "linear nodes rank"]
    gram: Float32[np.ndarray, "linear linear nodes"]
    low: Float32[np.ndarray, "linear nodes"]
    high: Float32[np.ndarray, "linear nodes"]

    def explained(self, z: Float[np.ndarray, "voxels rank"]) -> Float32[np.ndarray, "voxels nodes"]:
        """How much of the sum of squares of every curve every node explains, with amplitudes within their bounds.

        For one amplitude this is exact; for two it is unless both would leave their bounds, and then a lower bound.
        """
        y = z.astype(np.float32)
        out = np.empty((y.shape[0], self.u.shape[0]), np.float32)
        for nodes in spans(self.u.shape[0], _NODES_AT_ONCE):
            for voxels in spans(y.shape[0], _SEARCHED_AT_ONCE // (nodes.stop - nodes.start)):
                self._explained(nodes, y[voxels], out[voxels, nodes])
        return out

    def _explained(self, here: slice, y: Float32[np.ndarray, "voxels rank"], out: np.ndarray) -> None:
        m = self.unit.shape[0]
        moment = [y @ self.unit[i, here].T for i in range(m)]
        low, high = self.low[:, here], self.high[:, here]
        if m == 1:
            only = _clipped(moment[0].copy(), low[0], high[0])
            np.multiply(only, 2.0 * moment[0] - only, out=out)
            return
        c = [y @ self.free[i, here].T for i in range(m)]
        for i in range(m):
            _clipped(c[i], low[i], high[i])
        out[:] = 0.0
        # A sweep of coordinate descent puts right what clipping disturbed; where nothing was, it changes nothing.
        for i in reversed(range(m)):
            rest = moment[i]
            for j in range(i + 1, m):
                rest -= self.gram[i, j, here] * c[j]
            np.copyto(c[i], rest)
            for j in range(i):
                c[i] -= self.gram[i, j, here] * c[j]
            _clipped(c[i], low[i], high[i])
            rest *= 2.0
            rest -= c[i]
            rest *= c[i]
            out += rest


def _clipped(x: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Like `np.clip` in place, three times as fast with bounds that are arrays."""
    np.maximum(x, low, out=x)
    np.minimum(x, high, out=x)
    return x


def dictionary(
    family: Family, shape: tuple[int, ...], also: Float[np.ndarray, "more time"] | None = None
) -> Dictionary:
    """The dictionary of a family on an even grid of `shape`; its basis also spans the columns in `also`."""
    axes = [np.linspace(*ends) for ends in zip(family.axes.u_low, family.axes.u_high, shape, strict=True)]
    u = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape))
    return dictionary_at(family, u, shape, also)


def dictionary_at(
    family: Family,
    u: Float[np.ndarray, "nodes nonlinear"],
    shape: tuple[int, ...],
    also: Float[np.ndarray, "more time"] | None = None,
) -> Dictionary:
    """The dictionary of a family at any nodes, which lie in an array of `shape`."""
    columns = np.moveaxis(family.at(u), 1, 0)
    every = columns.reshape(-1, columns.shape[-1])
    basis = basis_of(every if also is None else np.concatenate([every, also]))
    compressed = columns @ basis
    length = np.sqrt((compressed**2).sum(axis=-1))
    length = np.where(length > 0, length, 1.0)
    unit = compressed / length[..., None]
    gram = np.einsum("inr,jnr->ijn", unit, unit)
    for i in range(gram.shape[0]):
        gram[i, i] = 1.0
    solved = inverse(gram)
    solved = np.where(np.isnan(solved), np.eye(len(gram))[..., None], solved)
    return Dictionary(
        shape, u, basis, compressed, unit.astype(np.float32),
        np.einsum("ijn,jnr->inr", solved, unit).astype(np.float32), gram.astype(np.float32),
        (family.low[:, None] * length).astype(np.float32), (family.high[:, None] * length).astype(np.float32),
    )  # fmt: skip


def basis_of(columns: Float[np.ndarray, "columns time"]) -> Float[np.ndarray, "time rank"]:
    """The shortest orthonormal basis, by singular values, that misses no more than `SPANNED` of any unit column."""
    length = np.sqrt((columns**2).sum(axis=1))
    unit = columns[length > 0] / length[length > 0, None]
    if unit.size == 0:
        return np.eye(columns.shape[1])[:, :1]
    # Of many columns the eigenvectors of their products are the same and sooner had; they are good to 1e-8.
    many = unit.shape[0] > 4 * unit.shape[1]
    vectors = np.linalg.eigh(unit.T @ unit)[1][:, ::-1] if many else np.linalg.svd(unit, full_matrices=False)[2].T
    # What lies outside the first so many: summed from the smallest on, so that nothing cancels.
    outside = np.cumsum(((unit @ vectors) ** 2)[:, ::-1], axis=1).max(axis=0)[::-1]
    rank = max(1, int(np.count_nonzero(outside > SPANNED**2)))
    return np.ascontiguousarray(vectors[:, :rank])


def falls_apart(
    explained: Float32[np.ndarray, "voxels nodes"],
    best: Float32[np.ndarray, " voxels"],
    drop: Float[np.ndarray, " voxels"],
) -> Bool[np.ndarray, " voxels"]:
    """Where nodes that explain no less than `best - drop` lie in pieces, with a valley twice as deep between them."""
    is_good = explained >= (best - drop).astype(np.float32)[:, None]
    # Few nodes begin a piece: to list them is faster than to sum along every row.
    begins = np.flatnonzero(is_good[:, 1:] > is_good[:, :-1])
    starts = np.bincount(begins // (is_good.shape[1] - 1), minlength=best.size)
    out: Bool[np.ndarray, " voxels"] = starts + is_good[:, 0] > 1
    doubtful: Int[np.ndarray, " few"] = np.flatnonzero(out)
    if doubtful.size == 0:
        return out
    valley, good = (best - 2.0 * drop)[doubtful, None], is_good[doubtful]
    has_seen = np.logical_or.accumulate(good, axis=1)
    has_left = np.logical_or.accumulate(has_seen & (explained[doubtful] < valley), axis=1)
    out[doubtful] = (good & has_left).any(axis=1)
    return out
