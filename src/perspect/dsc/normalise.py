"""Blood volume in comparison: to normal-appearing white matter, and on a standard scale that needs no region."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.special
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect.numerics import robust
from perspect.numerics.parallel import each, spans

FEWEST_VOXELS: Final = 20
"""Of a reference region; a mean of fewer is too uncertain to divide by [our default]."""

BRIGHT: Final = 1.5
"""Times the median signal at rest: more is cerebrospinal fluid [our default]."""

EMPTY: Final = 0.3
"""Times the median blood volume: less is fluid, necrosis or a mixture with them [our default]; white matter has 0.6."""

MEANS: Final = np.arange(-0.9, 0.06, 0.02)
"""Where log blood volume of white matter may lie, from the brain's median."""

WIDTHS: Final = np.arange(0.06, 0.34, 0.02)
"""Standard deviations of log blood volume within a tissue, noise included."""

RATIOS: Final = np.array([1.6, 1.8, 2.0, 2.2, 2.5])
"""Grey over white matter that may be (1.9 by positron emission tomography, Leenders et al. 1990,
doi:10.1093/brain/113.1.27; 1.6 where a T1 effect hides part of grey matter's)."""

DARKEST: Final = 0.1
"""Least share of white matter in a voxel that is mixed with fluid."""

LEAST_SHARE: Final = 0.02
"""Counted in favour of each kind, so that none vanishes."""

N_BINS, N_STEPS, N_MIXTURES = 60, 40, 10
"""Of the distribution, of its fit, and of the proportions that stand for all."""

AT_ONCE: Final = 420
"""Points of the grid that are fitted at once: what they need stays in the second-level cache."""

CLASS: Final = 1.5
"""Standard deviations within which a voxel belongs to the class."""

CORE: Final = 0.5
"""Standard deviations within which it is of the core: so near that mixtures on the one side do not outweigh."""

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
    """The blood volume of a reference region: its mean without outliers, the standard error of that, the spread of
    voxels (robust SD) and their number.
    """

    mean: float
    std: float
    spread: float
    n_voxels: int


def reference_level(
    area: Float[np.ndarray, " voxels"], std: Float[np.ndarray, " voxels"], inside: Bool[np.ndarray, " voxels"]
) -> ReferenceLevel:
    """The mean over a region, as the field has it, without what lies so far out that it is a vessel or an artefact.

    A median would not do: blood volumes of normal tissue are skewed, the more so where T1 effects are, and it lies two
    to four per cent below their mean. The standard error follows from the noise of the voxels, not from their anatomy.
    """
    good = inside & np.isfinite(area) & np.isfinite(std)
    n = int(good.sum())
    if n == 0:
        return ReferenceLevel(float("nan"), float("nan"), float("nan"), 0)
    values = area[good].astype(np.float64)
    share = robust.belonging(values)
    share /= share.sum()
    noise = float(np.sqrt(np.sum((share * std[good]) ** 2)))
    return ReferenceLevel(float(share @ values), noise, float(robust.spread(values - np.median(values))), n)


def ratio(
    area: Float[np.ndarray, " voxels"], std: Float[np.ndarray, " voxels"], level: ReferenceLevel
) -> tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]]:
    """Area over the reference level, with the errors of both."""
    value = area / level.mean
    return value, np.sqrt((std / level.mean) ** 2 + (value * level.std / level.mean) ** 2)


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
    that lie in the core of the class of pure white matter by their log blood volume, have the `leakage` (for their
    volume) that most of the core has, and a majority of their in-plane neighbours in the class. White matter is slower
    than the reference of the correction, which looks like a little leakage: so the class, not zero, says what is
    normal. Empty where fewer than twenty are left.
    """
    none = np.zeros(area.size, bool)
    good = eligible & (area > 0) & (contrast > 3)
    if good.sum() < FEWEST_VOXELS:
        return none
    good &= (baseline < BRIGHT * np.median(baseline[good])) & (area > EMPTY * np.median(area[good]))
    x = np.log(area[good].astype(np.float64))
    mean, width = white_class(x)
    member, core = none.copy(), none.copy()
    member[np.flatnonzero(good)[np.abs(x - mean) < CLASS * width]] = True
    core[np.flatnonzero(good)[np.abs(x - mean) < CORE * width]] = True
    away = np.abs(leakage - np.median(leakage[core])) if core.any() else leakage
    member &= away <= OUTLYING * robust.spread(away[core]) if core.any() else False
    inside = np.flatnonzero(mask.reshape(-1, order="F"))
    flat = np.zeros(mask.size, np.float32)
    flat[inside] = member
    neighbours = ndimage.uniform_filter(flat.reshape(mask.shape, order="F"), size=(3, 3, 1), mode="constant")
    chosen: Bool[np.ndarray, " voxels"] = core & member & (neighbours.reshape(-1, order="F")[inside] > MAJORITY)
    return chosen if chosen.sum() >= FEWEST_VOXELS else none


def white_class(x: Float[np.ndarray, " values"]) -> tuple[float, float]:
    """Mean and standard deviation of log blood volume in pure white matter, from its distribution over a brain.

    Most voxels of a thick slice are mixtures, so that white matter need not show as a peak of its own. The distribution
    is taken for four kinds: white matter, grey matter, mixtures of both in all proportions, and white matter mixed with
    fluid, all blurred alike. Of the means, widths and ratios on a grid, the likeliest is taken, with the shares of the
    four that suit it best (expectation-maximisation, Dempster et al. 1977, J R Stat Soc B 39:1; no share vanishes).
    """
    low, high = np.quantile(x, (0.02, 0.97))
    edges = np.linspace(low, high, N_BINS + 1)
    counts = np.histogram(x, edges)[0] / x.size
    middle = float(np.median(x))
    mean, width, ratio = (axis.ravel() for axis in np.meshgrid(middle + MEANS, WIDTHS, np.log(RATIOS), indexing="ij"))
    at = (edges[1:] + edges[:-1]) / 2

    def likelihood(some: slice) -> Float[np.ndarray, " some"]:
        return _likelihood(_kinds(at, mean[some], width[some], ratio[some]), counts)

    best = int(np.concatenate(each(likelihood, spans(mean.size, AT_ONCE))).argmax())
    return float(mean[best]), float(width[best])


def _likelihood(
    kinds: Float[np.ndarray, "grid bins 4"], counts: Float[np.ndarray, " bins"]
) -> Float[np.ndarray, " grid"]:
    """Log likelihood of the counts with the shares of the four kinds that suit them best, at each point of the grid."""
    shares = np.full((kinds.shape[0], kinds.shape[2]), 1 / kinds.shape[2])
    for _ in range(N_STEPS):
        expected = np.einsum("gbk,gk->gb", kinds, shares)
        shares = shares * np.einsum("gbk,gb->gk", kinds, counts / expected) + LEAST_SHARE
        shares /= shares.sum(axis=1, keepdims=True)
    out: Float[np.ndarray, " grid"] = np.log(np.einsum("gbk,gk->gb", kinds, shares)) @ counts
    out += LEAST_SHARE * np.log(shares).sum(axis=1)
    return out


def _kinds(
    at: Float[np.ndarray, " bins"],
    mean: Float[np.ndarray, " grid"],
    width: Float[np.ndarray, " grid"],
    ratio: Float[np.ndarray, " grid"],
) -> Float[np.ndarray, "grid bins 4"]:
    """How often each kind of voxel has a log blood volume, as shares that add up to 1."""

    def blurred(centre: Float[np.ndarray, " grid"]) -> Float[np.ndarray, "grid bins"]:
        return np.asarray(np.exp(-0.5 * ((at - centre[:, None]) / width[:, None]) ** 2))

    parts = (np.arange(N_MIXTURES) + 0.5) / N_MIXTURES
    kinds = (
        np.stack(
            [
                blurred(mean),
                blurred(mean + ratio),
                np.mean([blurred(mean + np.log(1 - part + part * np.exp(ratio))) for part in parts], axis=0),
                np.mean([blurred(mean + np.log(DARKEST + (1 - DARKEST) * part)) for part in parts], axis=0),
            ],
            axis=-1,
        )
        + np.finfo(float).tiny
    )
    out: Float[np.ndarray, "grid bins 4"] = kinds / kinds.sum(axis=1, keepdims=True)
    return out


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
