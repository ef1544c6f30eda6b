"""How each tissue looks in a patient's images, and what that makes of every voxel.

Each tissue is a normal class over the images, each voxel pure or a mixture of two tissues; the images are shaded by a
smooth gain; a standard head says where to expect what, and neighbours mostly agree. Classes, gain and how often each
kind of voxel occurs are estimated together by expectation-maximisation on a sample of the voxels. What no class
explains counts nowhere.

Van Leemput et al. 1999, doi:10.1109/42.811270; 2001, doi:10.1109/42.938237; 2003, doi:10.1109/TMI.2002.806587
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32

from perspect.anatomy.shading import TERMS, Place, everywhere
from perspect.numerics import robust
from perspect.numerics.mixture import Materials, log_densities, mixtures, renewed
from perspect.numerics.parallel import one_blas_thread
from perspect.vocabulary import Region

KINDS: Final = mixtures(3, 4)
"""What a voxel may be: one tissue (fluid, grey, white), or two in quarters."""

SAMPLES: Final = 40_000
"""Voxels from which the classes are estimated: their means to a hundredth of the contrast, in a second or two."""

ITERATIONS: Final = 40

GAIN_FROM: Final = 3
"""The first iteration that estimates the gain: before it the classes are too crude to say what is shading."""

TYPICAL: Final = 0.02
"""Share of the voxels, those where a tissue is most expected, from which its class starts."""

ALIKE: Final = 1.5
"""By how much the standard deviation of a class may differ from the mean one [our default]."""

SURPRISE: Final = 0.02
"""Share of voxels that may be anything; at this share it is likelier than a class from 3 to 4 standard deviations on
[our default]."""

PULL: Final = 80.0
"""Weight of the six neighbours together over the square of the contrast between white and grey matter [our default]:
the noisier an image, the more neighbours say. 1.6 at a noise of 3 % of white matter in a T1-weighted image, 5.5 at
9 %; a quarter less or more changes volumes by 2 %."""

STRONGEST: Final = 8.0
"""The largest weight of the neighbours [our default]; more would eat sulci and thin cortex."""

SWEEPS: Final = 5
"""Mean-field updates of the neighbourhood [our default]; more change fewer than one label in a hundred."""


@dataclass(frozen=True, eq=False)
class Appearance:
    """Means and covariances of fluid, grey and white matter, how often each kind of voxel occurs, and the gain.

    All in units of `scale`, the median of each image over the brain.
    """

    materials: Materials
    frequency: Float[np.ndarray, " kinds"]
    bend: Float[np.ndarray, "terms images"]
    scale: Float[np.ndarray, " images"]
    surprise: float

    @property
    def contrast(self) -> float:
        """Distance of white from grey matter in standard deviations of a class, over all images."""
        apart = self.materials.means[2] - self.materials.means[1]
        between = self.materials.covariances[1:].mean(axis=0)
        return float(np.sqrt(apart @ np.linalg.solve(between, apart)))


def appearance(
    values: Float32[np.ndarray, "voxels images"], expected: Float32[np.ndarray, "voxels 3"], region: Region
) -> Appearance:
    """The classes and the gain that explain the `values` of a region, given what is `expected` in each voxel."""
    scale = np.median(np.abs(values), axis=0).astype(np.float64) + 1e-12
    taken = np.linspace(0, len(values) - 1, min(SAMPLES, len(values))).astype(int)
    samples = values[taken] / scale.astype(np.float32)
    index = np.array(np.unravel_index(region.places[taken], region.grid.shape, order="F"))
    place = Place.of(index, region.grid.shape)
    prior = _log_prior(expected[taken])
    low, high = np.percentile(samples, [0.1, 99.9], axis=0)
    surprise = float(np.log(SURPRISE) - np.log(np.maximum(high - low, 1e-6)).sum())
    materials = _first(samples, expected[taken])
    frequency = np.full(len(KINDS), 1 / len(KINDS))
    bend = np.zeros((len(TERMS), len(scale)))
    even = samples
    # Many small products: on several threads they would take sixty times as long, waiting for each other.
    with one_blas_thread():
        for iteration in range(ITERATIONS):
            is_kind = _probabilities(even, prior, materials, frequency, surprise)
            frequency = _frequency(is_kind, prior, frequency)
            materials = renewed(even, is_kind, materials, KINDS).kept_alike(is_kind.sum(axis=1) @ KINDS, ALIKE)
            if iteration >= GAIN_FROM:
                bend = place.renewed(bend, *_shaded(even, is_kind, materials))
                even = samples / place.gain(bend)
    return Appearance(materials, frequency, bend, scale, surprise)


def gain(found: Appearance, region: Region, elsewhere: Region | None = None) -> Float32[np.ndarray, "voxels images"]:
    """The gain of each image in the voxels of the region from which it was estimated; its logarithm has mean 0 there.

    With `elsewhere`, a region on the same grid, in the voxels of that one, where it is continued.
    """
    log = everywhere(found.bend, region.grid.shape)
    columns = [log[..., k] for k in range(log.shape[-1])]
    rows = [(elsewhere or region).taken(one) - region.taken(one).mean() for one in columns]
    out: Float32[np.ndarray, "voxels images"] = np.exp(np.stack(rows, axis=1))
    return out


def classified(
    even: Float32[np.ndarray, "voxels images"],
    expected: Float32[np.ndarray, "voxels 3"],
    found: Appearance,
    region: Region,
) -> tuple[Float32[np.ndarray, "voxels 3"], Bool[np.ndarray, " voxels"]]:
    """The share of each tissue in every voxel of a region, and which voxels no class explains.

    `even` are the values freed of their gain, in their own unit. Neighbours pull by how much of each tissue they hold.
    """
    samples = even / found.scale.astype(np.float32)
    alone = log_densities(samples, found.materials, KINDS)
    alone += _log_of_kinds(_log_prior(expected), found.frequency)
    kinds = KINDS.astype(np.float32)
    pull = min(PULL / max(found.contrast, 1e-3) ** 2, STRONGEST)
    highest = alone.max(axis=0)
    alone -= highest
    probability = np.exp(alone)
    total = probability.sum(axis=0)
    is_odd = highest + np.log(total) < found.surprise
    shares = (probability / total).T @ kinds
    for _ in range(SWEEPS - 1):
        around = np.stack([_around(shares[:, k], region) for k in range(3)], axis=1)
        shares = _normal(alone + np.float32(pull) * (kinds @ around.T)).T @ kinds
    return shares, is_odd


def _first(samples: Float32[np.ndarray, "samples images"], expected: Float32[np.ndarray, "samples 3"]) -> Materials:
    """Median and spread of each tissue where it is most expected."""
    n = max(30, round(TYPICAL * len(samples)))
    typical = [samples[np.argsort(expected[:, k], kind="stable")[-n:]] for k in range(3)]
    means = np.array([np.median(one, axis=0) for one in typical], np.float64)
    spreads = [robust.spread(one - mean, axis=0) for one, mean in zip(typical, means, strict=True)]
    return Materials(means, np.array([np.diag(one.astype(np.float64) ** 2 + 1e-4) for one in spreads]))


def _log_prior(expected: Float32[np.ndarray, "voxels 3"]) -> Float32[np.ndarray, "kinds voxels"]:
    """Log of what is expected of each kind: for a mixture the geometric mean of its tissues, by their shares."""
    out: Float32[np.ndarray, "kinds voxels"] = KINDS.astype(np.float32) @ np.log(expected).T
    return out


def _log_of_kinds(
    prior: Float32[np.ndarray, "kinds voxels"], frequency: Float[np.ndarray, " kinds"]
) -> Float32[np.ndarray, "kinds voxels"]:
    """Log probability of each kind before the image is seen: expectation in place times frequency overall."""
    total = frequency.astype(np.float32) @ np.exp(prior)
    out: Float32[np.ndarray, "kinds voxels"] = prior + np.log(frequency + 1e-12).astype(np.float32)[:, None]
    out -= np.log(total)
    return out


def _probabilities(
    samples: Float32[np.ndarray, "samples images"],
    prior: Float32[np.ndarray, "kinds samples"],
    materials: Materials,
    frequency: Float[np.ndarray, " kinds"],
    surprise: float,
) -> Float32[np.ndarray, "kinds samples"]:
    """How probable each kind is; what is missing to 1 is something else."""
    log = log_densities(samples, materials, KINDS) + _log_of_kinds(prior, frequency)
    highest = np.maximum(log.max(axis=0), np.float32(surprise))
    out: Float32[np.ndarray, "kinds samples"] = np.exp(log - highest)
    out /= out.sum(axis=0) + np.exp(np.float32(surprise) - highest)
    return out


def _frequency(
    is_kind: Float32[np.ndarray, "kinds samples"],
    prior: Float32[np.ndarray, "kinds samples"],
    frequency: Float[np.ndarray, " kinds"],
) -> Float[np.ndarray, " kinds"]:
    """How often each kind occurs beyond what is expected in place (Ashburner & Friston 2005, equation 26)."""
    place = np.exp(prior)
    chance = (place @ (is_kind.sum(axis=0) / (frequency.astype(np.float32) @ place))).astype(np.float64)
    out: Float[np.ndarray, " kinds"] = is_kind.sum(axis=1, dtype=np.float64) / np.maximum(chance, 1e-12)
    out /= out.sum()
    return out


def _shaded(
    even: Float32[np.ndarray, "samples images"], is_kind: Float32[np.ndarray, "kinds samples"], materials: Materials
) -> tuple[Float32[np.ndarray, "samples images"], Float32[np.ndarray, "samples images"]]:
    """What `Place.renewed` asks for: by how much samples exceed what is expected of them, and with what weight."""
    means = KINDS @ materials.means
    precision = 1 / np.einsum("ck,kii->ci", KINDS, materials.covariances)
    weights = is_kind.T @ (means**2 * precision).astype(np.float32)
    return even * (is_kind.T @ (means * precision).astype(np.float32)) - weights, weights


def _normal(log: Float32[np.ndarray, "kinds voxels"]) -> Float32[np.ndarray, "kinds voxels"]:
    out: Float32[np.ndarray, "kinds voxels"] = np.exp(log - log.max(axis=0))
    out /= out.sum(axis=0)
    return out


def _around(share: Float32[np.ndarray, " voxels"], region: Region) -> Float32[np.ndarray, " voxels"]:
    """The mean over the six neighbours, near ones counting more where voxels are not cubes; 0 outside the region."""
    volume = np.pad(region.spread(share, 0.0), 1)
    weights = 1 / np.array(region.grid.spacing, np.float32) ** 2
    weights /= 2 * weights.sum()
    inner = (slice(1, -1),) * 3
    total = np.zeros_like(volume[inner])
    for axis, weight in enumerate(weights):
        for start in (0, 2):
            there = list(inner)
            there[axis] = slice(start, start + total.shape[axis])
            total += weight * volume[tuple(there)]
    out: Float32[np.ndarray, " voxels"] = region.taken(total)
    return out
