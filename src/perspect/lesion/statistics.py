"""How the voxels of a part become one number: means, percentiles, hot spots that are never one voxel, fractions."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy import ndimage

CLUSTER: Final = 4
"""Contiguous voxels that a hot spot has at least: one voxel is noise, or a vessel [our default]."""

AREA: Final = 5
"""Voxels of a part that an area of three by three has at least, so that its mean is of the part [our default]."""

LOW, HIGH = 1.0, 1.75
"""rCBV below which a voxel counts as low, and above which as high (fractional tumour burden; Iv et al. 2019, AJNR)."""

FACES: Final = ndimage.generate_binary_structure(3, 1)

Statistic = Callable[[Float[np.ndarray, " voxels"], Int[np.ndarray, "3 voxels"]], float]
"""From the values of some voxels and their places (indices) to a number."""


def mean(values: Float[np.ndarray, " voxels"], places: Int[np.ndarray, "3 voxels"]) -> float:
    """The mean."""
    del places
    return float(values.mean())


@dataclass(frozen=True)
class Percentile:
    """A percentile of the voxels, 0 to 100."""

    at: float

    def __call__(self, values: Float[np.ndarray, " voxels"], places: Int[np.ndarray, "3 voxels"]) -> float:
        """The percentile."""
        del places
        return float(np.percentile(values, self.at))


@dataclass(frozen=True)
class ShareAbove:
    """The fraction of voxels above a limit."""

    limit: float

    def __call__(self, values: Float[np.ndarray, " voxels"], places: Int[np.ndarray, "3 voxels"]) -> float:
        """The fraction."""
        del places
        return float((values > self.limit).mean())


@dataclass(frozen=True)
class ShareBetween:
    """The fraction of voxels from a limit to another, both included."""

    low: float
    high: float

    def __call__(self, values: Float[np.ndarray, " voxels"], places: Int[np.ndarray, "3 voxels"]) -> float:
        """The fraction."""
        del places
        return float(((values >= self.low) & (values <= self.high)).mean())


@dataclass(frozen=True)
class ShareBelow:
    """The fraction of voxels below a limit."""

    limit: float

    def __call__(self, values: Float[np.ndarray, " voxels"], places: Int[np.ndarray, "3 voxels"]) -> float:
        """The fraction."""
        del places
        return float((values < self.limit).mean())


@dataclass(frozen=True)
class OfAreas:
    """A percentile of the means over small areas of a slice: three by three voxels, of which `AREA` belong to the part.

    Studies of what surrounds a lesion read the mean of a region of interest, and take the highest of several. A high
    percentile of single voxels is another number: it rises with their noise, even where nothing is raised.
    """

    at: float

    def __call__(self, values: Float[np.ndarray, " voxels"], places: Int[np.ndarray, "3 voxels"]) -> float:
        """The percentile, NaN where no area holds enough of the part."""
        if values.size < AREA:
            return float("nan")
        origin = places.min(axis=1, keepdims=True)
        held = np.zeros((2, *((places - origin).max(axis=1) + 1)))
        held[(0, *(places - origin))] = 1.0
        held[(1, *(places - origin))] = values
        count, total = (9.0 * ndimage.uniform_filter(one, (3, 3, 1), mode="constant") for one in held)
        means = (total / np.maximum(count, 1.0))[(held[0] > 0) & (count > AREA - 0.5)]
        return float(np.percentile(means, self.at)) if means.size else float("nan")


def top_cluster(values: Float[np.ndarray, " voxels"], places: Int[np.ndarray, "3 voxels"]) -> float:
    """The mean of the hottest `CLUSTER` or more voxels that hang together by their faces; NaN if no so many do.

    The limit is lowered until the first cluster is large enough.
    """
    if values.size < CLUSTER:
        return float("nan")
    origin = places.min(axis=1, keepdims=True)
    box = np.full(tuple((places - origin).max(axis=1) + 1), -np.inf)
    box[tuple(places - origin)] = values
    order = np.sort(values)[::-1]
    low, high = CLUSTER - 1, values.size - 1
    if not _has_cluster(box, order[high]):
        return float("nan")
    while low < high:
        middle = (low + high) // 2
        if _has_cluster(box, order[middle]):
            high = middle
        else:
            low = middle + 1
    label, n = ndimage.label(box >= order[low], FACES)
    sizes = np.bincount(label.ravel(), minlength=n + 1)[1:]
    clusters = [float(box[label == 1 + int(k)].mean()) for k in np.flatnonzero(sizes >= CLUSTER)]
    return max(clusters)


def _has_cluster(box: Float[np.ndarray, "a b c"], limit: float) -> bool:
    label, n = ndimage.label(box >= limit, FACES)
    return n > 0 and bool((np.bincount(label.ravel())[1:] >= CLUSTER).any())


BY_NAME: Final[dict[str, Statistic]] = {
    "mean": mean,
    "top cluster": top_cluster,
    "median": Percentile(50.0),
    "95th percentile": Percentile(95.0),
    "95th percentile of areas": OfAreas(95.0),
    "fraction": ShareAbove(HIGH),
}
"""The statistics that a `Marker` may name."""

OF_EVERY_MAP: Final[dict[str, Statistic]] = {
    "mean": mean,
    "median": Percentile(50.0),
    "5th percentile": Percentile(5.0),
    "25th percentile": Percentile(25.0),
    "75th percentile": Percentile(75.0),
    "95th percentile": Percentile(95.0),
    "top cluster": top_cluster,
}
"""What is told of every map in every part; the last two are the hot spot."""

BURDEN: Final[dict[str, Statistic]] = {
    "share below 1.0": ShareBelow(LOW),
    "share from 1.0 to 1.75": ShareBetween(LOW, HIGH),
    "share above 1.75": ShareAbove(HIGH),
}
"""Fractional tumour burden: what is told of rCBV besides. The three add up to 1."""


def drawn(
    values: Float[np.ndarray, " voxels"], std: Float[np.ndarray, " voxels"], n_draws: int = 64
) -> Float[np.ndarray, "draws voxels"]:
    """The values with noise of their standard errors added once more, many times.

    The noise of different voxels is taken as independent. Deterministic.
    """
    out: Float[np.ndarray, "draws voxels"] = np.random.default_rng(0).standard_normal((n_draws, values.size))
    out *= std
    out += values
    return out


def scatter(
    statistic: Statistic, again: Float[np.ndarray, "draws voxels"], places: Int[np.ndarray, "3 voxels"]
) -> float:
    """What the standard errors of the voxels do to a statistic: its standard deviation over the draws, NaN where
    fewer than two of them have a value.
    """
    found = np.array([statistic(one, places) for one in again])
    found = found[np.isfinite(found)]
    return float(found.std(ddof=1)) if found.size > 1 else float("nan")


def usable(
    values: Float[np.ndarray, "x y z"], std: Float[np.ndarray, "x y z"], mask: Bool[np.ndarray, "x y z"]
) -> Bool[np.ndarray, "x y z"]:
    """The voxels of a mask that have a value and an error."""
    out: Bool[np.ndarray, "x y z"] = mask & np.isfinite(values) & np.isfinite(std)
    return out
