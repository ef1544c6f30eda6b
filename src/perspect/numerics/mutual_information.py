"""Normalised mutual information of two sets of numbers taken at the same points, and how it changes with one of them.

The joint histogram is spread: a number of the first set over the two bins nearest to it, one of the second over four
bins by the cubic B-spline, so that the histogram and all that follows from it are smooth in the second (Thevenaz &
Unser 2000, doi:10.1109/83.887976).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Int

N_BINS: Final = 32
"""Bins on either side [our default]: a histogram of 30 points a bin for the smallest set of points that is used."""

MARGIN: Final = 2
"""Bins kept free at either end of the second set for the width of the spline."""


@dataclass(frozen=True, eq=False)
class Likeness:
    """Normalised mutual information, and its change per unit of each number of the second set.

    (H1 + H2) / H12: 1 for independent sets, 2 for sets that determine each other (Studholme et al. 1999,
    doi:10.1016/S0031-3203(98)00091-0).
    """

    value: float
    slope: Float32[np.ndarray, " points"]


@dataclass(frozen=True, eq=False)
class Bins:
    """The first set in its bins: the cell of each point in the joint histogram for its lower bin, and shares."""

    row: Int[np.ndarray, " points"]
    upper: Float32[np.ndarray, " points"]

    def __getitem__(self, chosen: slice) -> "Bins":
        return Bins(self.row[chosen], self.upper[chosen])


def scale(values: Float32[np.ndarray, " points"], ends: float = 0.002) -> tuple[float, float]:
    """What is subtracted and then multiplied so that all but the share `ends` at either end fills the bins."""
    low, high = np.quantile(values, [ends, 1 - ends])
    return float(low), float((N_BINS - 1 - 2 * MARGIN) / max(float(high - low), 1e-12))


def bins(values: Float32[np.ndarray, " points"], low: float, gain: float) -> Bins:
    """The first set, spread over the two nearest bins; what lies beyond the ends counts as the end."""
    at = np.clip((values - np.float32(low)) * np.float32(gain), 0, N_BINS - 1 - 2 * MARGIN) + np.float32(MARGIN)
    row = at.astype(np.intp)
    return Bins(row * N_BINS, at - row.astype(np.float32))


def likeness(
    first: Bins,
    second: Float32[np.ndarray, " points"],
    low: float,
    gain: float,
    weights: Float32[np.ndarray, " points"],
) -> Likeness:
    """How alike two sets are. `low` and `gain` scale the second set to its bins; points count by their `weights`."""
    at = (second - np.float32(low)) * np.float32(gain)
    is_within = (at > 0) & (at < N_BINS - 1 - 2 * MARGIN)
    at = np.clip(at, 0, N_BINS - 1 - 2 * MARGIN) + np.float32(MARGIN)
    column = np.minimum(at.astype(np.intp), N_BINS - 1 - MARGIN)
    t = at - column.astype(np.float32)
    spread = _spline(t)
    cell = first.row + (column - 1)
    lower, upper = (1 - first.upper) * weights, first.upper * weights
    joint = np.zeros(N_BINS * N_BINS)
    for k, share in enumerate(spread):
        joint += np.bincount(cell + k, lower * share, joint.size)
        joint += np.bincount(cell + (k + N_BINS), upper * share, joint.size)
    total = joint.sum()
    if not total > 0:
        return Likeness(1.0, np.zeros_like(second))
    p = (joint / total).reshape(N_BINS, N_BINS)
    p1, p2 = p.sum(axis=1), p.sum(axis=0)
    h12, h2 = _entropy(p), _entropy(p2)
    if h12 <= 0:
        return Likeness(1.0, np.zeros_like(second))
    value = (_entropy(p1) + h2) / h12
    tiny = 1e-3 / total
    table = ((value * np.log(p + tiny) - np.log(p2 + tiny)) / (h12 * total)).astype(np.float32).reshape(-1)
    slope = np.zeros_like(second)
    for k, share in enumerate(_spline_slope(t)):
        slope += share * (lower * table[cell + k] + upper * table[cell + (k + N_BINS)])
    return Likeness(value, slope * is_within * np.float32(gain))


def _entropy(p: Float[np.ndarray, "*cells"]) -> float:
    some = p[p > 0]
    return -float(some @ np.log(some))


def _spline(t: Float32[np.ndarray, " points"]) -> list[Float32[np.ndarray, " points"]]:
    """The cubic B-spline at distances 1 + t, t, 1 - t and 2 - t."""
    u, sixth = 1 - t, np.float32(1 / 6)
    t2, u2 = t * t, u * u
    outer_low, outer_high = sixth * u2 * u, sixth * t2 * t
    inner = np.float32(2 / 3) - t2 + np.float32(0.5) * t2 * t
    return [outer_low, inner, 1 - outer_low - inner - outer_high, outer_high]


def _spline_slope(t: Float32[np.ndarray, " points"]) -> list[Float32[np.ndarray, " points"]]:
    """How the four shares of `_spline` change with t."""
    u, half = 1 - t, np.float32(0.5)
    low, high = -half * u * u, half * t * t
    inner = t * (np.float32(1.5) * t - 2)
    return [low, inner, -(low + inner + high), high]
