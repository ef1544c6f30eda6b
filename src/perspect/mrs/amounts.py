"""From amplitudes to amounts: sums, ratios with bounds, detection."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from perspect.mrs.decompose import Decomposition
from perspect.mrs.profile import SUMS, members
from perspect.mrs.scale import Scale
from perspect.vocabulary import Amount, Status

ONE_SIDED: Final = 1.6449
"""Standard deviations of a one-sided limit of 95 %."""

DETECTED: Final = 3.0
"""Standard errors above zero from which on something is there [our default]."""

DENOMINATOR: Final = 2.0
"""Standard errors below which a denominator may be zero, so that a ratio has a bound and no value [our default]."""

KNOWN_APART: Final = -0.5
"""Correlation below which two parts are known only as their sum (Provencher: below -0.3 is strong)."""


def weights(found: Decomposition, parts: Sequence[str]) -> Float[np.ndarray, " signals"]:
    """One for each part of a sum that was found; for each that was fitted where none was found.

    A part at zero is held there by the constraint: its own error does not enter that of the sum.
    """
    there = np.array([name in parts for name in found.names])
    seen = there & (found.amplitudes != 0)
    return np.where(seen if seen.any() else there, 1.0, 0.0)


def amounts(found: Decomposition, scale: Scale) -> dict[str, Amount]:
    """Every molecule, and every sum of which at least one part was fitted, with errors from the whole covariance.

    A part that cannot be told from another (their errors mirror each other) keeps its number but says so.
    """
    out: dict[str, Amount] = {}
    for name in found.names:
        status = Status.AMBIGUOUS if _mirrored(found, name) else Status.OK
        out[name] = _amount(name, (name,), found, scale, status)
    for key, parts in SUMS:
        there = tuple(one for one in parts if one in found.names)
        if there:
            out[key] = _amount(key, there, found, scale, Status.OK)
    return out


def _amount(key: str, parts: tuple[str, ...], found: Decomposition, scale: Scale, status: Status) -> Amount:
    w = np.array([weights(found, one) for one in (parts, members(scale.below))])
    return in_scale(key, parts, w @ found.amplitudes, w @ found.covariance @ w.T, scale, status)


def in_scale(
    key: str,
    parts: tuple[str, ...],
    sizes: Float[np.ndarray, " two"],
    covariance: Float[np.ndarray, "two two"],
    scale: Scale,
    status: Status,
) -> Amount:
    """An amount from its amplitude and that of what the scale is relative to, where it is; with all errors of both."""
    if scale.below:
        one = as_ratio(key, float(sizes[0]), float(sizes[1]), covariance)
        return replace(one, unit=scale.unit, parts=parts, status=one.status if one.status.is_failure else status)
    value, noise = float(sizes[0]) * scale.factor, float(np.sqrt(max(covariance[0, 0], 0.0))) * scale.factor
    std = float(np.hypot(noise, value * scale.spread))
    return Amount(
        key, value, std, max(value - ONE_SIDED * std, 0.0), max(value, 0.0) + ONE_SIDED * std, scale.unit, status,
        value > DETECTED * noise, parts,
    )  # fmt: skip


def _mirrored(found: Decomposition, name: str) -> bool:
    """Whether another signal could stand in for this one."""
    at = found.names.index(name)
    sd = np.sqrt(np.maximum(np.diag(found.covariance), 1e-300))
    correlation = found.covariance[at] / sd / sd[at]
    return bool(np.delete(correlation, at).min(initial=0.0) < KNOWN_APART)


RATIOS: Final = (
    ("tNAA", "tCr"), ("tCho", "tCr"), ("Ins", "tCr"), ("Glx", "tCr"), ("tCho", "tNAA"), ("Lac", "tCr"), ("Lac", "tCho"),
    ("Lip13", "tCho"), ("Ins", "tCho"), ("Gly", "tCho"), ("tNAA", "tCho"), ("2HG", "tCr"),
)  # fmt: skip
"""Ratios that are reported."""


def ratio(found: Decomposition, above: str, below: str) -> Amount:
    """A ratio of two sums with its error and one-sided limits from their joint covariance (Fieller).

    Where the denominator may be zero the value is NaN, and what can still be said is that the ratio is above a limit.
    """
    (a, b), covariance = both(found, above, below)
    return as_ratio(f"{above}/{below}", a, b, covariance)


def both(
    found: Decomposition, above: str, below: str
) -> tuple[Float[np.ndarray, " two"], Float[np.ndarray, "two two"]]:
    """Two sums, in units of the data per proton, with their covariance."""
    w = np.array([weights(found, members(one)) for one in (above, below)])
    return w @ found.amplitudes, w @ found.covariance @ w.T


def as_ratio(key: str, a: float, b: float, covariance: Float[np.ndarray, "two two"]) -> Amount:
    """A ratio of two numbers that are known together; without a value where the second may be zero."""
    lower, upper = limits(a, b, covariance)
    if b <= DENOMINATOR * np.sqrt(covariance[1, 1]):
        return Amount(key, np.nan, np.nan, lower, upper, "1", Status.NOT_DETERMINED, False)
    slope = np.array([1 / b, -a / b**2])
    std = float(np.sqrt(max(slope @ covariance @ slope, 0.0)))
    is_detected = a > DETECTED * np.sqrt(covariance[0, 0])
    return Amount(key, float(a / b), std, lower, upper, "1", Status.OK, bool(is_detected))


def limits(a: float, b: float, covariance: Float[np.ndarray, "2 2"]) -> tuple[float, float]:
    """One-sided 95 % limits of a/b of two non-negative quantities: the r at which a - r b is just compatible with zero.

    >>> limits(10.0, 5.0, np.zeros((2, 2)))
    (2.0, 2.0)
    """
    k = ONE_SIDED**2
    # (a - r b)² = k (Vaa - 2 r Vab + r² Vbb): a quadratic in r.
    p = b**2 - k * covariance[1, 1]
    q = a * b - k * covariance[0, 1]
    c = a**2 - k * covariance[0, 0]
    root = np.sqrt(max(q**2 - p * c, 0.0))
    if p > 0:
        return float(max((q - root) / p, 0.0)), float(max((q + root) / p, 0.0))
    # The denominator may be zero: no upper limit, and a lower one where the numerator is there.
    lower = c / (q + root) if c > 0 and q + root > 0 else 0.0
    return float(max(lower, 0.0)), float("inf")


def probability_above(found: Decomposition, above: str, below: str) -> float:
    """How probable it is that there is more of one than of the other."""
    (a, b), covariance = both(found, above, below)
    variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
    return float(ndtr((a - b) / np.sqrt(max(variance, 1e-300))))
