"""A few materials, pure or mixed within a sample: normal densities, and their estimation when nobody saw the parts.

A sample that is to the share s of material k shows the sum of parts with mean s·mean and covariance s·covariance: a
voxel of many small pieces, each drawn from the material it is made of. So a mixture costs no parameters of its own.

Van Leemput et al. 2003, doi:10.1109/TMI.2002.806587
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from jaxtyping import Float, Float32, Int


@dataclass(frozen=True, eq=False)
class Materials:
    """Mean and covariance of each material over the channels."""

    means: Float[np.ndarray, "materials channels"]
    covariances: Float[np.ndarray, "materials channels channels"]

    def kept_alike(self, amounts: Float[np.ndarray, " materials"], ratio: float) -> "Materials":
        """The same shape of covariance for all, and standard deviations that differ from the mean one by `ratio` at
        most: most of the scatter is noise, which all share, and a material with few samples must not become the
        refuge of everything else.
        """
        pooled = np.einsum("k,kij->ij", amounts, self.covariances) / amounts.sum()
        n_channels = len(pooled)
        sizes = np.array([np.trace(np.linalg.solve(pooled, one)) / n_channels for one in self.covariances])
        sizes = np.clip(sizes, ratio**-2, ratio**2)
        return Materials(self.means, sizes[:, None, None] * pooled)


def mixtures(n_materials: int, n_parts: int) -> Float[np.ndarray, "kinds materials"]:
    """The shares of each kind of sample: pure ones first, then all pairs in steps of one part in `n_parts`.

    >>> mixtures(2, 2)
    array([[1. , 0. ],
           [0. , 1. ],
           [0.5, 0.5]])
    """
    pure = np.eye(n_materials)
    steps = np.arange(1, n_parts) / n_parts
    mixed = [(1 - s) * pure[a] + s * pure[b] for a, b in combinations(range(n_materials), 2) for s in steps]
    return np.array([*pure, *mixed])


def distances(
    samples: Float32[np.ndarray, "samples channels"],
    materials: Materials,
    kinds: Float[np.ndarray, "kinds materials"],
) -> Float32[np.ndarray, "kinds samples"]:
    """Squared distance of every sample from every kind of mixture, in standard deviations (Mahalanobis).

    As one product of matrices: the squares are those of samples about the middle of all kinds, so that rounding is
    that of their distance from it.
    """
    means = kinds @ materials.means
    middle = means.mean(axis=0)
    i, j = np.triu_indices(len(middle))
    columns = []
    for mean, covariance in zip(means - middle, np.tensordot(kinds, materials.covariances, 1), strict=True):
        precision = np.linalg.inv(covariance)
        square = np.where(i == j, 1.0, 2.0) * precision[i, j]
        columns.append(np.concatenate([square, -2 * precision @ mean, [mean @ precision @ mean]]))
    out: Float32[np.ndarray, "kinds samples"] = np.array(columns, np.float32) @ _powers(
        samples - middle.astype(np.float32), i, j
    )
    np.maximum(out, np.float32(0), out=out)
    return out


def _powers(
    away: Float32[np.ndarray, "samples channels"], i: Int[np.ndarray, " pairs"], j: Int[np.ndarray, " pairs"]
) -> Float32[np.ndarray, "powers samples"]:
    """Products of pairs of channels, the channels themselves, and one."""
    rows = np.ascontiguousarray(away.T)
    return np.concatenate([rows[i] * rows[j], rows, np.ones((1, len(away)), np.float32)])


def log_densities(
    samples: Float32[np.ndarray, "samples channels"],
    materials: Materials,
    kinds: Float[np.ndarray, "kinds materials"],
) -> Float32[np.ndarray, "kinds samples"]:
    """Logarithm of the density of every sample under every kind of mixture."""
    _, spread = np.linalg.slogdet(2 * np.pi * np.tensordot(kinds, materials.covariances, 1))
    out = distances(samples, materials, kinds)
    out += spread[:, None].astype(np.float32)
    out *= np.float32(-0.5)
    return out


def renewed(
    samples: Float32[np.ndarray, "samples channels"],
    weights: Float32[np.ndarray, "kinds samples"],
    materials: Materials,
    kinds: Float[np.ndarray, "kinds materials"],
) -> Materials:
    """The materials that are likeliest after one step of expectation-maximisation.

    `weights` say how much each sample belongs to each kind. The part of a material in a mixed sample is not seen; its
    mean and covariance given the sample are (those of parts of a normal sum).
    """
    old, scatter = materials.covariances, np.tensordot(kinds, materials.covariances, 1)
    n, away, spread = _moments(samples, weights, kinds @ materials.means)
    means, covariances = np.empty_like(materials.means), np.empty_like(old)
    for k, covariance in enumerate(old):
        has = kinds[:, k] > 0
        share, count = kinds[has, k], n[has]
        gain = share[:, None, None] * covariance @ np.linalg.inv(scatter[has])
        step = np.einsum("kij,kj->ki", gain, away[has])
        means[k] = materials.means[k] + (count @ step) / (count @ share)
        moved = share[:, None] * (means[k] - materials.means[k])
        unseen = share[:, None, None] * (covariance - gain @ covariance)
        cross = step[:, :, None] * moved[:, None, :]
        second = gain @ spread[has] @ gain.transpose(0, 2, 1) + unseen
        second += moved[:, :, None] * moved[:, None, :] - cross - cross.transpose(0, 2, 1)
        covariances[k] = np.tensordot(count / share, second, 1) / count.sum()
    return Materials(means, covariances)


def _moments(
    samples: Float32[np.ndarray, "samples channels"],
    weights: Float32[np.ndarray, "kinds samples"],
    centres: Float[np.ndarray, "kinds channels"],
) -> tuple[
    Float[np.ndarray, " kinds"], Float[np.ndarray, "kinds channels"], Float[np.ndarray, "kinds channels channels"]
]:
    """How much of the samples is of each kind, and their weighted mean and mean square about its centre."""
    middle, n_channels = centres.mean(axis=0), centres.shape[1]
    i, j = np.triu_indices(n_channels)
    powers = _powers(samples - middle.astype(np.float32), i, j).astype(np.float64)
    sums = weights.astype(np.float64) @ powers.T
    n = sums[:, -1] + 1e-9
    mean, square = sums[:, len(i) : -1] / n[:, None], np.empty((len(centres), n_channels, n_channels))
    square[:, i, j] = square[:, j, i] = sums[:, : len(i)] / n[:, None]
    off = centres - middle
    crossed = off[:, :, None] * mean[:, None, :]
    share = (sums[:, -1] / n)[:, None, None]
    spread = square - crossed - crossed.transpose(0, 2, 1) + share * off[:, :, None] * off[:, None, :]
    return n, mean - share[:, :, 0] * off, spread
