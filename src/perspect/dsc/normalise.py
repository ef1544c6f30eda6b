"""Blood volume in comparison: to normal-appearing white matter, and on a standard scale that needs no region."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.special
from jaxtyping import Bool, Float
from scipy import ndimage

FEWEST_VOXELS: Final = 20
"""Of a reference region; a median of fewer is too uncertain to divide by [our default]."""

BRIGHT: Final = 1.5
"""Times the median signal at rest: more is cerebrospinal fluid [our default]."""

EMPTY: Final = 0.3
"""Times the median blood volume: less is fluid, necrosis or a mixture with them [our default]; white matter has 0.6."""

QUANTILES: Final = 1000
"""That stand for a distribution."""

CORE: Final = 1.5
"""Standard deviations of the class within which its core lies."""

OUTLYING: Final = 2.5
"""Robust standard deviations from the class beyond which leakage is not that of normal tissue."""

MAJORITY: Final = 5.5 / 9
"""Share of the in-plane neighbourhood that must belong to the class as well."""

DECILES: Final = np.arange(0.1, 0.95, 0.1)
"""Landmarks of the histogram, as Nyúl & Udupa 1999 (Magn Reson Med 42:1072) choose them."""

STANDARD_TISSUES: Final = ((0.45, 1.0, 0.22), (0.45, 1.93, 0.52), (0.10, 1.5, 0.40))
"""The standard brain: share, mean and standard deviation of blood volume of white matter, grey matter and their
mixtures, in units of white matter [our default; grey over white is of the order that positron emission tomography
finds, Leenders et al. 1990, doi:10.1093/brain/113.1.27]."""


@dataclass(frozen=True)
class ReferenceLevel:
    """The blood volume of a reference region: median, its standard error, spread (robust SD) and number of voxels."""

    median: float
    std: float
    spread: float
    n_voxels: int


def reference_level(
    area: Float[np.ndarray, " voxels"], std: Float[np.ndarray, " voxels"], inside: Bool[np.ndarray, " voxels"]
) -> ReferenceLevel:
    """The median over a region. Its standard error follows from the noise of its voxels, not from their anatomy."""
    good = inside & np.isfinite(area) & np.isfinite(std)
    n = int(good.sum())
    if n == 0:
        return ReferenceLevel(float("nan"), float("nan"), float("nan"), 0)
    values = area[good].astype(np.float64)
    median = float(np.median(values))
    spread = float(1.4826 * np.median(np.abs(values - median)))
    noise = float(np.sqrt(np.mean(std[good].astype(np.float64) ** 2)))
    return ReferenceLevel(median, median_error(noise, spread, n), spread, n)


def median_error(noise: float, spread: float, n: int) -> float:
    """Standard error of the median of n values whose spread is partly `noise` and partly anatomy, which repeats.

    For normal anatomy and normal noise: each value is above the median with a probability of its own.
    """
    total = max(spread**2, noise**2)
    if total == 0:
        return 0.0
    anatomy = total - noise**2
    return float(np.sqrt(2 * np.pi * total * (0.25 - np.arcsin(anatomy / total) / (2 * np.pi)) / n))


def ratio(
    area: Float[np.ndarray, " voxels"], std: Float[np.ndarray, " voxels"], level: ReferenceLevel
) -> tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]]:
    """Area over the reference level, with the errors of both."""
    value = area / level.median
    return value, np.sqrt((std / level.median) ** 2 + (value * level.std / level.median) ** 2)


def white_matter(
    area: Float[np.ndarray, " voxels"],
    leakage: Float[np.ndarray, " voxels"],
    contrast: Float[np.ndarray, " voxels"],
    baseline: Float[np.ndarray, " voxels"],
    eligible: Bool[np.ndarray, " voxels"],
    mask: Bool[np.ndarray, "x y z"],
) -> Bool[np.ndarray, " voxels"]:
    """Normal-appearing white matter, found from the perfusion itself until anatomy is at hand.

    Of the eligible voxels (tissue, not saturated) with a bolus, neither bright nor empty like fluid, those are taken
    that belong to the lower of two classes of log blood volume, lie in its core, have the `leakage` (for their volume)
    that most of the class has, and a majority of their in-plane neighbours in the class. White matter is slower than
    the reference of the correction, which looks like a little leakage: so the class, not zero, says what is normal.
    Empty where fewer than twenty are left.
    """
    none = np.zeros(area.size, bool)
    good = eligible & (area > 0) & (contrast > 3)
    if good.sum() < FEWEST_VOXELS:
        return none
    good &= (baseline < BRIGHT * np.median(baseline[good])) & (area > EMPTY * np.median(area[good]))
    x = np.log(area[good].astype(np.float64))
    (low, width), is_low = lower_class(x)
    member = none.copy()
    member[np.flatnonzero(good)[is_low & (np.abs(x - low) < CORE * width)]] = True
    away = np.abs(leakage - np.median(leakage[member])) if member.any() else leakage
    member &= away <= OUTLYING * 1.4826 * np.median(away[member]) if member.any() else False
    inside = np.flatnonzero(mask.reshape(-1, order="F"))
    flat = np.zeros(mask.size, np.float32)
    flat[inside] = member
    neighbours = ndimage.uniform_filter(flat.reshape(mask.shape, order="F"), size=(3, 3, 1), mode="constant")
    chosen: Bool[np.ndarray, " voxels"] = member & (neighbours.reshape(-1, order="F")[inside] > MAJORITY)
    return chosen if chosen.sum() >= FEWEST_VOXELS else none


def lower_class(
    x: Float[np.ndarray, " values"],
) -> tuple[tuple[float, float], Bool[np.ndarray, " values"]]:
    """Mean and standard deviation of the lower of two normal classes, and which values are more likely in it.

    Expectation-maximisation from the quartiles, on quantiles of the values (which hold their distribution, however many
    there are); a twentieth at either end is left out, where vessels and edges are.
    """
    inner = np.quantile(x, np.linspace(0.05, 0.95, QUANTILES))
    means = np.quantile(inner, [0.25, 0.75])
    widths, shares = np.full(2, inner.std() / 2 + 1e-12), np.full(2, 0.5)
    for _ in range(200):
        density = shares * np.exp(-0.5 * ((inner[:, None] - means) / widths) ** 2) / widths
        weight = density / np.maximum(density.sum(axis=1, keepdims=True), 1e-300)
        total = np.maximum(weight.sum(axis=0), 1e-12)
        new = (weight * inner[:, None]).sum(axis=0) / total
        widths = np.sqrt((weight * (inner[:, None] - new) ** 2).sum(axis=0) / total) + 1e-6
        shares = total / inner.size
        moved, means = np.abs(new - means).max(), new
        if moved < 1e-6:
            break
    low = int(np.argmin(means))
    density = shares * np.exp(-0.5 * ((x[:, None] - means) / widths) ** 2) / widths
    return (float(means[low]), float(widths[low])), density[:, low] >= density[:, 1 - low]


def standard_landmarks() -> Float[np.ndarray, " deciles"]:
    """Where the deciles of blood volume lie in the standard brain, in units of its white matter."""

    def share_below(value: Float[np.ndarray, " deciles"]) -> Float[np.ndarray, " deciles"]:
        out: np.ndarray = np.sum(
            [w * scipy.special.ndtr((value - mean) / sd) for w, mean, sd in STANDARD_TISSUES], axis=0
        )
        return out

    low, high = np.full(len(DECILES), -5.0), np.full(len(DECILES), 20.0)
    for _ in range(60):  # halvings, which leave nothing between two numbers
        middle = (low + high) / 2
        is_below = share_below(middle) < DECILES
        low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
    return low


def standardised(
    area: Float[np.ndarray, " voxels"],
    std: Float[np.ndarray, " voxels"],
    brain: Bool[np.ndarray, " voxels"],
) -> tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]] | None:
    """Blood volume on perspect's standard scale, and its standard error; None where the histogram has no landmarks.

    The deciles of `area` over the voxels of `brain` are mapped to those of the standard brain by straight lines, and
    beyond them by the last line. White matter of the standard brain is 1. The scale is our own: numbers are comparable
    between studies that perspect processed in the same way, and with nothing else.

    Bedekar et al. 2010, doi:10.1002/mrm.22445
    """
    values = area[brain & np.isfinite(area)]
    if values.size < 10 * DECILES.size:
        return None
    found = np.quantile(values.astype(np.float64), DECILES)
    if not np.all(np.diff(found) > 0):
        return None
    wanted = standard_landmarks()
    slopes = np.diff(wanted) / np.diff(found)
    piece = np.clip(np.searchsorted(found, area) - 1, 0, slopes.size - 1)
    return wanted[piece] + slopes[piece] * (area - found[piece]), slopes[piece] * std
