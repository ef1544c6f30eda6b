"""Which differences to believe: noise of every voxel, pairs and slices that are unlike the others."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.asl.m0 import slices_of
from perspect.asl.samples import Differences
from perspect.numerics import robust
from perspect.vocabulary import Flag, Region, Severity, Step

UNLIKE: Final = 1.5
"""A pair whose spread is so many times that of a usual pair begins to lose weight. [our default]"""

LOST: Final = 4.0
"""From here on it has none. [our default]"""

SHARED: Final = 8.0
"""Pairs' worth of the noise of the whole slice in the noise of a voxel: with few pairs a voxel's own says little
[our default]. Smyth 2004, doi:10.2202/1544-6115.1027, shows why."""

FEWEST: Final = 20
"""Voxels of a slice in which its spread can be told."""

MOST: Final = 500
"""Voxels of a slice that tell its spread, evenly chosen: to 3 %."""

NOTICED: Final = 0.05
"""Share of pairs that are left out from which on it is said."""

SOURCE: Final = "outliers"


@dataclass(frozen=True, eq=False)
class Weighed:
    """Mean difference of every sample and its noise (standard deviation of that mean), both in the series' unit.

    `weights` are those of the differences by slice. `noise` is that of one pair. `worth` is how many ordinary pairs
    tell as much as what is used of each sample.
    """

    means: Float[np.ndarray, "voxels samples"]
    noise_of_means: Float[np.ndarray, "voxels samples"]
    noise: Float[np.ndarray, " voxels"]
    weights: Float[np.ndarray, "differences slices"]
    worth: Float[np.ndarray, "samples slices"]
    origin: str
    step: Step
    flags: tuple[Flag, ...]


def unlike(found: Differences, brain: Region) -> Float[np.ndarray, "differences slices"]:
    """How wide a difference spreads about the median of its sample in each slice, over how the others do; 1 is usual.

    A sample with one or two differences has no median to spread about: 1.
    """
    slices = slices_of(brain)
    n_slices = brain.grid.shape[2]
    finite = np.isfinite(found.values).all(axis=1)
    every = {int(z): np.flatnonzero((slices == z) & finite) for z in np.unique(slices)}
    chosen = {z: rows[:: max(1, rows.size // MOST)] for z, rows in every.items()}
    out = np.ones((found.sample.size, n_slices))
    for sample in range(found.n_samples):
        own = np.flatnonzero(found.sample == sample)
        if own.size < 3:
            continue
        for z, rows in chosen.items():
            inside = found.values[np.ix_(rows, own)]
            inside = inside - np.median(inside, axis=1, keepdims=True)
            if len(inside) >= FEWEST:
                out[own, z] = np.sqrt(np.mean(np.clip(inside, *np.percentile(inside, [1, 99])) ** 2, axis=0))
    usual = np.ones(n_slices)
    for z in np.unique(slices):
        many = np.bincount(found.sample, minlength=found.n_samples)[found.sample] >= 3
        if many.any():
            usual[z] = np.median(out[many, z])
            out[many, z] /= max(usual[z], 1e-30)
    return out


def weighed(found: Differences, brain: Region, is_robust: bool, trust: Float[np.ndarray, " differences"]) -> Weighed:
    """Means over the differences of each sample, those that are unlike the others weighed down.

    `trust` (0 to 1) is what each has before, by how the head moved within it.
    """
    slices = slices_of(brain)
    ratio = unlike(found, brain) if is_robust else np.ones((found.sample.size, brain.grid.shape[2]))
    # What is wider than usual is noisier by that, and weighs what its noise is worth.
    excess = np.maximum(1.0, (ratio / UNLIKE) ** 2)
    weights = np.where(ratio > LOST, 0.0, 1.0 / excess) * trust[:, None]
    for sample in range(found.n_samples):
        own = found.sample == sample
        lost = weights[own].sum(axis=0) <= 0
        # A sample of which a slice has nothing left keeps the slice: noise is better known than nothing.
        weights[np.ix_(own, lost)] = 1.0 / excess[np.ix_(own, lost)]
    worth = np.zeros((found.n_samples, weights.shape[1]))
    per_voxel = (weights / found.variance[:, None])[:, slices].T.astype(np.float32)
    means = np.empty((brain.n_voxels, found.n_samples), np.float32)
    share = np.empty((brain.n_voxels, found.n_samples))
    scatter, spare = np.zeros(brain.n_voxels), np.zeros(brain.n_voxels)
    for sample in range(found.n_samples):
        own = np.flatnonzero(found.sample == sample)
        w = per_voxel[:, own]
        total = w.sum(axis=1)
        means[:, sample] = (found.values[:, own] * w).sum(axis=1) / total
        away = found.values[:, own] - means[:, sample : sample + 1]
        scatter += (w * away**2).sum(axis=1)
        spare += np.maximum(own.size * (total**2 / (w**2).sum(axis=1)) / own.size - 1.0, 0.0)
        wide = weights[own] / found.variance[own, None]
        noisy = (wide**2 * found.variance[own, None] * excess[own]).sum(axis=0)
        worth[sample] = wide.sum(axis=0) ** 2 / noisy
        share[:, sample] = 1.0 / np.sqrt(worth[sample])[slices]
    noise, origin = _noise(scatter, spare, means, slices, brain)
    flags = _flags(weights[:, np.unique(slices)])
    sentence = f"Noise came from {origin}."
    if is_robust:
        sentence = (
            "Pairs, slice by slice, were weighed down as far as they spread more than the others of their delay "
            f"({weights[:, np.unique(slices)].mean():.0%} of the weight is left). {sentence}"
        )
    step = Step("averaging", sentence, {"weight_left": float(weights[:, np.unique(slices)].mean())})
    return Weighed(means, share * noise[:, None], noise, weights, worth, origin, step, flags)


def _noise(
    scatter: np.ndarray, spare: np.ndarray, means: np.ndarray, slices: np.ndarray, brain: Region
) -> tuple[Float[np.ndarray, " voxels"], str]:
    """Standard deviation of a pair: from its voxel's scatter, drawn to that of its slice; else from neighbours."""
    if np.median(spare) < 1:
        return _from_neighbours(means, slices, brain), "the difference of neighbouring voxels"
    own = scatter / np.maximum(spare, 1.0)
    shared = np.empty(own.size)
    for z in np.unique(slices):
        inside = slices == z
        known = own[inside & np.isfinite(own)]
        # A median of χ² with few degrees of freedom lies below its mean.
        low = 1.0 - 2.0 / (9.0 * max(float(np.median(spare[inside])), 1.0))
        shared[inside] = (np.median(known) if known.size else np.nan) / low**3
    noise: np.ndarray = np.sqrt((SHARED * shared + spare * own) / (SHARED + spare))
    return noise, "the scatter of the pairs of each voxel, drawn to that of its slice"


def _from_neighbours(means: np.ndarray, slices: np.ndarray, brain: Region) -> Float[np.ndarray, " voxels"]:
    """One noise for each slice from differences between neighbours: an upper limit, for tissue differs as well."""
    apart = robust.second_differences(brain.spread(means.mean(axis=1).astype(np.float64), np.nan))
    out = np.empty(slices.size)
    whole = apart[np.isfinite(apart)]
    for z in np.unique(slices):
        own = apart[:, :, z][np.isfinite(apart[:, :, z])]
        out[slices == z] = robust.spread(own if own.size >= FEWEST else whole)
    return np.asarray(out * np.sqrt(means.shape[1]))


def _flags(weights: Float[np.ndarray, "differences slices"]) -> tuple[Flag, ...]:
    lost = float((weights <= 0).mean())
    if lost < NOTICED:
        return ()
    places = np.flatnonzero((weights <= 0).mean(axis=1) > 0.5)
    severity = Severity.LIMITED if lost > 0.3 else Severity.CAUTION
    sentence = f"{lost:.0%} of the pairs (slice by slice) are so unlike the others that they were left out."
    where = f"pairs {', '.join(map(str, places[:12]))}" if places.size else "single slices"
    return (Flag("pairs-left-out", severity, sentence, where, lost, SOURCE),)
