"""Whether the differences hold a pattern of flow: what tells labelled blood from a drift, which can have any mean.

Flow makes a pattern that comes again; noise does not, and a drift of the whole image is even once it is divided by that
image. So two looks at the same series are held against each other: its odd and even pairs, its odd and even delays, or,
where there is one difference only, voxels and their neighbours.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect.asl.samples import Differences
from perspect.vocabulary import Region

ALIKE: Final = 0.1
"""Correlation over voxels of two looks below which no pattern of flow is seen. [our default; a phantom has 0 ± 0.02,
brains 0.3 to 0.95]"""

ALIKE_SMOOTHED: Final = 0.3
"""The same of smoothed looks, where noise hides it in single voxels. [our default]"""

WIDTH: Final = 10.0
"""Width at half maximum in mm of that smoothing: that of a gyrus. [our default]"""

UNEVEN: Final = 0.2
"""Standard deviation of smoothed flow over a brain, over its mean, at the least. [our default; the public object has
0.3 in grey and white matter together, single voxels 0.5]"""

BEYOND_CHANCE: Final = 3.0
"""Standard deviations of what noise makes of a correlation, from which on it is believed."""

BLOCK: Final = 2
"""Voxels of the edge of the fields of a chequerboard, in the slice: neighbouring voxels share noise."""


@dataclass(frozen=True)
class Pattern:
    """How two looks are alike: `voxels` by the ranks of single voxels, `smoothed` once smoothed; NaN: not to be had.

    `chance` is the standard deviation of `smoothed` where there is only noise, `expected` what flow of a brain of this
    mean would make of it. `looks` says what was held against what.
    """

    voxels: float
    smoothed: float
    chance: float
    expected: float
    looks: str
    comes_again: bool

    @property
    def is_seen(self) -> bool:
        """Whether there is a pattern of flow."""
        smooth = self.smoothed > max(ALIKE_SMOOTHED, BEYOND_CHANCE * self.chance)
        return bool(self.voxels >= ALIKE or smooth)

    @property
    def would_be_seen(self) -> bool:
        """Whether flow of a brain would stand out of this noise, so that to see none means something."""
        return bool(self.expected > 2.0 * max(ALIKE_SMOOTHED, BEYOND_CHANCE * self.chance))


def pattern(found: Differences, inside: Region, least: float) -> Pattern:
    """What two looks at differences (over the signal they were taken from) have in common.

    `inside` are their voxels; `least` is the mean of labelled blood, in the same unit, that a brain has at the least.
    """
    mean = max(abs(float(np.nanmean(found.values))), least)
    if found.sample.size > 1:
        one, other, looks = _two(found)
        ranks = alike(one, other)
        black = np.ones(inside.n_voxels, bool)
        white = black
    else:
        one = other = found.values[:, 0]
        black = _chequered(inside)
        white, looks, ranks = ~black, "neighbouring voxels", float("nan")
    known = np.isfinite(one) & np.isfinite(other)
    smooth = [_smoothed(look, inside, known & own) for look, own in ((one, black), (other, white))]
    both = np.isfinite(smooth[0]) & np.isfinite(smooth[1])
    if both.sum() < 3:
        return Pattern(ranks, float("nan"), float("nan"), 0.0, looks, found.sample.size > 1)
    correlation = float(np.corrcoef(smooth[0][both], smooth[1][both])[0, 1])
    noise = 0.5 * float(np.var(smooth[0][both] - smooth[1][both]))
    flow = (UNEVEN * mean) ** 2
    chance = 1.0 / np.sqrt(max(both.sum() / _voxels_of_one(inside), 3.0))
    return Pattern(ranks, correlation, chance, flow / max(flow + noise, 1e-30), looks, found.sample.size > 1)


def _two(found: Differences) -> tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"], str]:
    """Means of odd and of even pairs, over the samples that have two and more; else of odd and even delays."""
    even, odd = [], []
    for sample in range(found.n_samples):
        own = np.flatnonzero(found.sample == sample)
        if own.size >= 2:
            even.append(found.values[:, own[::2]].mean(axis=1))
            odd.append(found.values[:, own[1::2]].mean(axis=1))
    if even:
        # A mean over samples, so that none weighs more.
        return np.mean(even, axis=0), np.mean(odd, axis=0), "odd and even pairs"
    order = np.argsort(found.sample, kind="stable")
    one, other = (found.values[:, order[at::2]].mean(axis=1) for at in (0, 1))
    return one, other, "odd and even delays"


def alike(one: Float[np.ndarray, " voxels"], other: Float[np.ndarray, " voxels"]) -> float:
    """Correlation of two looks over voxels by their ranks, which are not led by a few bright vessels or edges."""
    known = np.isfinite(one) & np.isfinite(other)
    return float(np.corrcoef(_ranks(one[known]), _ranks(other[known]))[0, 1]) if known.sum() > 2 else float("nan")


def _ranks(values: Float[np.ndarray, " some"]) -> Float[np.ndarray, " some"]:
    out = np.empty(values.size)
    out[np.argsort(values)] = np.arange(values.size)
    return out


def _chequered(inside: Region) -> Bool[np.ndarray, " voxels"]:
    """The black fields of a chequerboard in every slice."""
    x, y, z = np.indices(inside.grid.shape)
    return np.asarray(inside.taken((x // BLOCK + y // BLOCK + z) % 2 == 0))


def _sigmas(inside: Region) -> list[float]:
    """Standard deviations of the smoothing in voxels."""
    return [WIDTH / 2.3548 / size for size in inside.grid.spacing]


def _smoothed(
    look: Float[np.ndarray, " voxels"], inside: Region, known: Bool[np.ndarray, " voxels"]
) -> Float[np.ndarray, " voxels"]:
    """A look smoothed over the voxels that are `known`; NaN where there are next to none near."""
    sigma = _sigmas(inside)
    weight = ndimage.gaussian_filter(inside.spread(known.astype(np.float64), 0.0), sigma)
    blurred = ndimage.gaussian_filter(inside.spread(np.where(known, look, 0.0).astype(np.float64), 0.0), sigma)
    share = inside.taken(weight)
    return np.where(share > 0.1, inside.taken(blurred) / np.maximum(share, 0.1), np.nan)


def _voxels_of_one(inside: Region) -> float:
    """Voxels that are worth one independent place after the smoothing: Σ ρ² of the noise that it leaves."""
    far = np.arange(-50, 51)
    return float(np.prod([np.exp(-(far**2) / (2.0 * sigma**2)).sum() for sigma in _sigmas(inside)]))
