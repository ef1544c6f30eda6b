"""Steps uphill on what a family with two θ explains of many curves, and where such a search begins and ends."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perspect.numerics.columns import put, taken
from perspect.numerics.plane import Plane
from perspect.numerics.separable import Family
from perspect.numerics.small import box_minimum, inverse, times, without

_FLAT, _LIFTED, _TINY = 1e-7, 1e-3, 1e-150
"""Lower eigenvalue, in units in which both curvatures are one, below which there is no summit; to what it is lifted."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where each curve ended: its cell, the place inside, and whether Newton's iteration came to rest there."""

    cell: Int[np.ndarray, "2 voxels"]
    x: Float[np.ndarray, "2 voxels"]
    explained: Float[np.ndarray, " voxels"]
    has_converged: Bool[np.ndarray, " voxels"]

    def of(self, rows: np.ndarray) -> "Place":
        """The same of some curves."""
        return Place(taken(self.cell, rows), taken(self.x, rows), self.explained[rows], self.has_converged[rows])

    def put(self, rows: np.ndarray, other: "Place") -> None:
        """Takes some curves, in place, from another."""
        put(self.cell, rows, other.cell)
        put(self.x, rows, other.x)
        self.explained[rows], self.has_converged[rows] = other.explained, other.has_converged


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


def uphill(
    family: Family, pairs: tuple[tuple[int, int], ...], every: Float[np.ndarray, "6 moments_pairs voxels"]
) -> tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, "2 voxels"], Float[np.ndarray, "2 2 voxels"]]:
    """What the best amplitudes explain, its gradient and Hessian, from moments and products of columns: their values,
    two slopes and three curvatures (one, mixed, other).

    By the envelope theorem the amplitudes may be held for the gradient; for the Hessian those off their bounds follow.
    """
    m, n = family.low.size, every.shape[-1]
    moments, flat = every[:, :m], every[:, m:]
    gram = np.empty((m, m, n))
    turned = np.zeros((5, m, n))
    for row, (i, j) in zip(flat[0], pairs, strict=True):
        gram[i, j] = gram[j, i] = row
    c, explained = box_minimum(gram, moments[0], family.low, family.high)
    for k, (i, j) in enumerate(pairs):
        turned[:, i] += flat[1:, k] * c[j]
        if i != j:
            turned[:, j] += flat[1:, k] * c[i]
    pull = moments[1:] - turned
    slope = (c * (moments[1:] + pull)).sum(axis=1)
    is_fixed = (c <= family.low[:, None]) | (c >= family.high[:, None])
    free = np.where(is_fixed, 0.0, pull[:2])
    known = inverse(without(gram, is_fixed))
    follow = [np.nan_to_num(times(known, one)) for one in free]
    hessian = np.empty((2, 2, n))
    for (i, j), k in (((0, 0), 2), ((0, 1), 3), ((1, 1), 4)):
        hessian[i, j] = hessian[j, i] = slope[k] + 2.0 * (free[i] * follow[j]).sum(axis=0)
    return explained, slope[:2], hessian


def turned(
    hessian: Float[np.ndarray, "2 2 voxels"], step: Float[np.ndarray, "2 voxels"]
) -> Float[np.ndarray, "2 voxels"]:
    """What a step changes of the gradient."""
    return np.stack(
        [hessian[0, 0] * step[0] + hessian[0, 1] * step[1], hessian[0, 1] * step[0] + hessian[1, 1] * step[1]]
    )


def promised(
    gradient: Float[np.ndarray, "2 voxels"],
    hessian: Float[np.ndarray, "2 2 voxels"],
    step: Float[np.ndarray, "2 voxels"],
) -> Float[np.ndarray, " voxels"]:
    """What a step gains on the parabola."""
    gain: np.ndarray = ((gradient + 0.5 * turned(hessian, step)) * step).sum(axis=0)
    return gain


def newton_step(
    gradient: Float[np.ndarray, "2 voxels"],
    hessian: Float[np.ndarray, "2 2 voxels"],
    is_held: Bool[np.ndarray, "2 voxels"],
) -> Float[np.ndarray, "2 voxels"]:
    """Uphill on what is explained: Newton's step, bent towards the gradient where there is no summit; one cell long."""
    step = _newton(gradient, hessian, is_held)
    bounded: np.ndarray = step / np.maximum(np.abs(step).max(axis=0), 1.0)
    return bounded


def step_within(
    gradient: Float[np.ndarray, "2 voxels"],
    hessian: Float[np.ndarray, "2 2 voxels"],
    is_held: Bool[np.ndarray, "2 voxels"],
    low: Float[np.ndarray, "2 voxels"],
    high: Float[np.ndarray, "2 voxels"],
) -> tuple[Float[np.ndarray, "2 voxels"], Bool[np.ndarray, " voxels"]]:
    """Newton's step to the best place between bounds, and where these cut it short: along one axis it ends there, along
    the other it goes as far as is best then.
    """
    step = np.where(is_held, 0.0, _newton(gradient, hessian, is_held))
    room = np.maximum(np.where(step > 0, high, -low), _TINY)
    over = np.abs(step) / room
    rows = np.flatnonzero((over > 1.0).any(axis=0))
    is_cut = np.zeros(step.shape[1], bool)
    if rows.size == 0:
        return step, is_cut
    is_cut[rows] = True
    g, h, axis = taken(gradient, rows), taken(hessian, rows), (over[1] > over[0])[rows].astype(np.int64)
    n, other = np.arange(rows.size), 1 - axis
    low, high = taken(low, rows), taken(high, rows)
    ends = np.clip(taken(step, rows), low, high)
    along, bend = ends[axis, n], -h[other, other, n]
    best = np.divide(g[other, n] + h[0, 1] * along, bend, out=ends[other, n].copy(), where=bend > 0)
    ends[other, n] = np.where(taken(is_held, rows)[other, n], 0.0, np.clip(best, low[other, n], high[other, n]))
    put(step, rows, ends)
    return step, is_cut


def _newton(
    gradient: Float[np.ndarray, "2 voxels"],
    hessian: Float[np.ndarray, "2 2 voxels"],
    is_held: Bool[np.ndarray, "2 voxels"],
) -> Float[np.ndarray, "2 voxels"]:
    a, b, d = -hessian[0, 0], -hessian[0, 1], -hessian[1, 1]
    b = np.where(is_held.any(axis=0), 0.0, b)
    scale = [np.maximum(np.abs(one), _TINY) for one in (a, d)]
    a, d = (np.where(held, size, one) for held, size, one in zip(is_held, scale, (a, d), strict=True))
    # In units in which both curvatures are one, the lower eigenvalue says how far this is from a summit.
    tilt = b / np.sqrt(scale[0] * scale[1])
    lowest = 0.5 * (np.sign(a) + np.sign(d)) - np.sqrt(0.25 * (np.sign(a) - np.sign(d)) ** 2 + tilt**2)
    lift = np.where(lowest < _FLAT, _LIFTED - lowest, 0.0)
    a, d = a + lift * scale[0], d + lift * scale[1]
    g = np.where(is_held, 0.0, gradient)
    determinant = a * d - b * b
    return np.asarray(
        np.stack([d * g[0] - b * g[1], a * g[1] - b * g[0]]) / np.where(determinant != 0, determinant, 1.0)
    )
