r"""The best θ of curves for which one column alone changes with it, where no amplitude meets a bound.

What the other columns explain is then the same at every θ. Of the column that changes, $s(\theta)\, q(\theta)$ is what
lies across the others, $q$ of unit length, so that a curve z is explained best where $t(\theta) = q(\theta)^T z$ is
largest: the search is one product of matrices, a step of Newton's iteration works on one polynomial per curve, and
nothing is solved. Amplitudes follow at the end; where one is beyond its bounds, the answer is another.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perspect.numerics.profile import CLOSE, ENOUGH, INTERPOLATED, STRIDE, Line, Profiled, vertex
from perspect.numerics.separable import Family, falls_apart
from perspect.numerics.small import inverse
from perspect.numerics.stencil import REACH, derived, halfway_error, hermite, polynomial, quartic, rising

APART: Final = 1e-3
"""Sine between a column and the others below which its direction across them is not to be had from tables."""

LEFT: Final = 0.5
"""Of the cube of a step, in nodes, what it leaves of the way at most (measured: see the tests)."""

BENT: Final = (0.5, 2.0)
"""Between these a step may be lengthened or shortened for how the curvature changes on its way."""


@dataclass(frozen=True, eq=False)
class Lone:
    """The tables of a family in which one column alone, number `column`, changes along a line.

    In the basis of the search `still` spans the `others`; `gram` are their products. At a searched node all amplitudes
    are `weights` times a curve less `leaning` times t. `directions` are q there, `poly` its polynomials around every
    node, `along` those of s and of the amplitudes with which the others make up what of the column is not across them,
    `turning` those of |q'|².
    """

    column: int
    others: tuple[int, ...]
    still: Float[np.ndarray, "others rank"]
    weights: Float[np.ndarray, "linear rank"]
    gram: Float[np.ndarray, "others others"]
    directions: Float32[np.ndarray, "searched rank"]
    leaning: Float32[np.ndarray, "linear searched"]
    poly: Float[np.ndarray, "nodes 8 rank"]
    along: Float[np.ndarray, "8 one_others nodes"]
    turning: Float[np.ndarray, "5 nodes"]


def lone(tables: Line) -> Lone | None:
    """The tables, where one column alone changes, need not be there, and never lies among the others."""
    family = tables.family
    if len(tables.varies) != 1:
        return None
    (column,) = tables.varies
    others = tuple(i for i in range(family.low.size) if i != column)
    fixed = tables.columns[list(others), 0]
    known = inverse((fixed @ fixed.T)[..., None])[..., 0] if others else np.zeros((0, 0))
    if family.low[column] > 0 or family.high[column] <= 0 or not np.isfinite(known).all():
        return None
    still, solved = np.ascontiguousarray(np.linalg.qr(fixed.T)[0].T), known @ fixed
    moving, slopes = tables.columns[column], tables.slopes[column]
    across, steep = (one - (one @ still.T) @ still for one in (moving, slopes))
    s = np.sqrt(np.einsum("nr,nr->n", across, across))
    if (s <= APART * np.sqrt(np.einsum("nr,nr->n", moving, moving))).any():
        return None
    q = across / s[:, None]
    steep_s = np.einsum("nr,nr->n", q, steep)
    steep_q = (steep - steep_s[:, None] * q) / s[:, None]
    if _halfway_error(tables, still, q, steep_q) > INTERPOLATED:
        return None
    h, steep_h = solved @ moving.T, solved @ slopes.T
    weights, leaning = np.zeros((family.low.size, q.shape[1])), np.empty((family.low.size, len(q)))
    weights[list(others)], leaning[list(others)], leaning[column] = solved, h / s, -1.0 / s
    return Lone(
        column, others, still, weights, fixed @ fixed.T, np.ascontiguousarray(q[::STRIDE], np.float32),
        leaning[:, ::STRIDE].astype(np.float32), np.ascontiguousarray(hermite(q.T, steep_q.T).transpose(2, 0, 1)),
        hermite(np.concatenate([s[None], h]), np.concatenate([steep_s[None], steep_h])),
        quartic(np.einsum("nr,nr->n", steep_q, steep_q)),
    )  # fmt: skip


def _halfway_error(tables: Line, still: np.ndarray, q: np.ndarray, steep: np.ndarray) -> float:
    """The largest error of a direction in the middle of a cell."""
    u = tables.family.axes.u_low[0] + (np.arange(len(q) - 1) + 0.5) * tables.spacing
    (column,) = tables.varies
    between = tables.family.at(u[:, None])[:, column] @ tables.search.basis
    between -= (between @ still.T) @ still
    between /= np.sqrt(np.einsum("nr,nr->n", between, between))[:, None]
    return halfway_error(q[None], steep[None], between[None])


def raised(
    alone: Lone, z: Float[np.ndarray, "voxels rank"], is_signed: bool
) -> tuple[Float32[np.ndarray, "searched voxels"], Int[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]]:
    """The heights t at the searched nodes, 0 where the amplitude would be negative and must not; the highest of these,
    and how high it is.

    Voxels trail: numpy's `argmax` along a leading axis is five times as slow as this (measured).
    """
    t = alone.directions @ z.astype(np.float32).T
    np.abs(t, out=t) if is_signed else np.maximum(t, 0.0, out=t)
    top = t.max(axis=0)
    number = np.arange(len(t), dtype=np.min_scalar_type(len(t)))[:, None]
    return t, (number * (t == top)).max(axis=0).astype(np.int64), top.astype(np.float64)


def in_pieces(
    t: Float32[np.ndarray, "searched voxels"], top: Float[np.ndarray, " voxels"], drop: Float[np.ndarray, " voxels"]
) -> Bool[np.ndarray, " voxels"]:
    """Where the values of θ that explain no less than the best by more than `drop` fall apart."""
    is_good = t >= np.sqrt(np.maximum(top * top - drop, 0.0)).astype(np.float32)
    starts = np.greater(is_good[1:], is_good[:-1]).view(np.int8).sum(axis=0, dtype=np.int16) + is_good[0]
    out = np.zeros(top.size, bool)
    rows = np.flatnonzero(starts > 1)
    out[rows] = falls_apart(np.square(t[:, rows].T), np.square(top[rows]).astype(np.float32), drop[rows])
    return out


def strays(
    alone: Lone, family: Family, z: Float[np.ndarray, "voxels rank"], t: Float32[np.ndarray, "searched voxels"],
    top: Float[np.ndarray, " voxels"], drop: Float[np.ndarray, " voxels"],
) -> Bool[np.ndarray, " voxels"]:  # fmt: skip
    """Where an amplitude would be beyond its bounds at a node that explains no less than the best by twice `drop`."""
    out = np.zeros(top.size, bool)
    is_good = t >= np.sqrt(np.maximum(top * top - 2.0 * drop, 0.0)).astype(np.float32)
    at_rest = (z @ alone.weights.T).T
    for rest, lean, low, high in zip(at_rest, alone.leaning, family.low, family.high, strict=True):
        for slope, room in ((lean, rest - low), (-lean, high - rest)):
            if (slope.max() * top > room).any():
                beyond = slope[:, None] * t > room.astype(np.float32)
                beyond &= is_good
                out |= np.logical_or.reduce(beyond, axis=0)
    return out


def highest(
    tables: Line, alone: Lone, z: Float[np.ndarray, "voxels rank"], square: Float[np.ndarray, " voxels"],
    t: Float32[np.ndarray, "searched voxels"], best: Int[np.ndarray, " voxels"],
) -> tuple[Profiled, Bool[np.ndarray, " voxels"]]:  # fmt: skip
    """The minimum of the sum of squares around the best of the searched nodes, and whether it is known to be that: two
    steps have led there, and all amplitudes are within their bounds.
    """
    last = tables.columns.shape[1] - 1
    centre = np.clip(STRIDE * best, REACH, last - REACH)
    own = z @ alone.still.T
    beside = np.einsum("vf,vf->v", own, own)
    ends = -centre.astype(np.float64), np.float64(last) - centre
    poly, node = _around(alone, z, centre), (STRIDE * best - centre).astype(np.float64)
    x, height, is_there = _climbed(poly, node, STRIDE * vertex(t, best), square - beside, ends)
    there, is_inside = _stated(tables, alone, z, centre, x, height, beside)
    there.is_end[:] = (x == ends[0]) | (x == ends[1])
    return there, is_inside & is_there


def _around(alone: Lone, z: np.ndarray, centre: np.ndarray) -> Float[np.ndarray, "8 voxels"]:
    """Polynomials of t around the centres. Curves of one node lie together, so that one product serves them all."""
    order = np.argsort(centre.astype(np.int16), kind="stable")
    curves, poly = z.take(order, axis=0).T, np.empty((8, len(z)))
    at = centre[order]
    starts = np.flatnonzero(np.diff(at, prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(z)], strict=True):
        np.matmul(alone.poly[at[start]], curves[:, start:stop], out=poly[:, start:stop])
    back = np.empty_like(order)
    back[order] = np.arange(order.size)
    return poly.take(back, axis=1)


def _climbed(
    poly: Float[np.ndarray, "8 voxels"],
    node: Float[np.ndarray, " voxels"],
    guess: Float[np.ndarray, " voxels"],
    square: Float[np.ndarray, " voxels"],
    ends: tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]],
) -> tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"], Bool[np.ndarray, " voxels"]]:
    """Where t is furthest from zero near a node after two steps, and t there; where that is not yet the place.

    The second step is so short that its end need not be looked at. `square` is what t² has to explain.
    """
    low, high = np.maximum(node - STRIDE, ends[0]), np.minimum(node + STRIDE, ends[1])
    x = node + guess
    x = np.minimum(np.maximum(x + _step(*derived(poly, x)), low), high)
    t, slope, curve, third = derived(poly, x)
    step = _step(t, slope, curve, third)
    outward = ((x == ends[0]) & (t * slope <= 0)) | ((x == ends[1]) & (t * slope >= 0))
    step[outward] = 0.0
    left = LEFT * np.abs(step * step * step)
    is_there = (left <= CLOSE**2) | (np.abs(t * curve) * left * left <= ENOUGH * (square - t * t))
    there = x + step
    is_there &= (there >= low) & (there <= high)
    away = ~is_there
    there[away], step[away] = x[away], 0.0
    return there, t + step * (slope + step * (0.5 * curve + step * third / 6.0)), is_there


def _step(t: np.ndarray, slope: np.ndarray, curve: np.ndarray, third: np.ndarray) -> Float[np.ndarray, " voxels"]:
    """Halley's step to where t is furthest from zero; endless where no such place is near."""
    step = np.full_like(t, np.inf)
    np.divide(-slope, curve, out=step, where=t * curve < 0)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        bent = 1.0 + 0.5 * step * third / curve
        step /= np.minimum(np.maximum(bent, BENT[0]), BENT[1])
    return step


def _stated(
    tables: Line, alone: Lone, z: np.ndarray, centre: np.ndarray, x: np.ndarray, t: np.ndarray, beside: np.ndarray,
) -> tuple[Profiled, Bool[np.ndarray, " voxels"]]:  # fmt: skip
    """What follows from the places and from t there: amplitudes and products of the columns."""
    family, column, others = tables.family, alone.column, list(alone.others)
    m, n = family.low.size, len(z)
    value, slope = rising(alone.along.take(centre, axis=-1, mode="clip"), x)
    s, h, steep_s, steep_h = value[0], value[1:], slope[0], slope[1:]
    c, moment = np.empty((m, n)), np.empty((m, n))
    c[column] = t / s
    c[others] = (z @ alone.weights[others].T).T - h * c[column]
    mixed, gram = np.empty((m, 1, n)), np.empty((m, m, n))
    beneath, rising_beneath = alone.gram @ h, alone.gram @ steep_h
    gram[np.ix_(others, others)] = alone.gram[..., None]
    gram[column, others] = gram[others, column] = beneath
    gram[column, column] = s * s + (h * beneath).sum(axis=0)
    moment[others] = alone.gram @ c[others] + beneath * c[column]
    moment[column] = (gram[column] * c).sum(axis=0)
    mixed[others, 0] = rising_beneath
    mixed[column, 0] = s * steep_s + (h * rising_beneath).sum(axis=0)
    turning = polynomial(alone.turning.take(centre, axis=-1, mode="clip"), x)
    steep = steep_s * steep_s + s * s * turning + (steep_h * rising_beneath).sum(axis=0)
    is_inside = ((c >= family.low[:, None]) & (c <= family.high[:, None])).all(axis=0) & (s > 0)
    u = family.axes.u_low[0] + (centre + x) * tables.spacing
    mixed /= tables.spacing
    steep /= tables.spacing**2
    return Profiled(c, u, beside + t * t, gram, mixed, steep[None, None], moment, np.zeros(n, bool)), is_inside
