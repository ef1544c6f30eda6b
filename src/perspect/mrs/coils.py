"""Many coils to one signal."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex


@dataclass(frozen=True, eq=False)
class Weights:
    """Complex weights of the coils; `share` is how much of the whitened signal is of one shape (1 is all)."""

    values: Complex[np.ndarray, " coils"]
    share: float

    def combined(self, signal: Complex[np.ndarray, "points coils *more"]) -> Complex[np.ndarray, "points *more"]:
        """One signal from those of the coils."""
        out: Complex[np.ndarray, "points *more"] = np.tensordot(signal, self.values, axes=([1], [0]))
        return out


def coil_weights(
    reference: Complex[np.ndarray, "points coils transients"], noise_of: Complex[np.ndarray, "samples coils others"]
) -> Weights:
    """Weights with the best signal to noise: the leading singular vector of the whitened mean reference.

    The covariance of the noise is that of the last eighth of `noise_of`. The weights are scaled so that the first point
    of the combined reference keeps the size of the strongest coil's, and turned so that it is real.

    Rodgers and Robson 2010, doi:10.1002/mrm.22230
    """
    n_coils = reference.shape[1]
    tail = noise_of[-noise_of.shape[0] // 8 :]
    tail = tail - tail.mean(axis=(0, 2), keepdims=True)
    flat = np.moveaxis(tail, 1, 0).reshape(n_coils, -1)
    covariance = flat @ flat.conj().T / flat.shape[1]
    covariance = covariance + 1e-6 * np.trace(covariance).real / n_coils * np.eye(n_coils)
    energies, vectors = np.linalg.eigh(covariance)
    whitener = (vectors / np.sqrt(energies)) @ vectors.conj().T
    mean = reference.mean(axis=2)
    _, sizes, right = np.linalg.svd(mean @ whitener.T, full_matrices=False)
    weights = whitener.T @ right[0].conj()
    first = (mean[1:6] @ weights).mean()
    strongest = np.abs(mean[1:6].mean(axis=0)).max()
    weights = weights * (strongest / max(abs(first), 1e-300)) * np.exp(-1j * np.angle(first))
    return Weights(weights, float(sizes[0] ** 2 / np.sum(sizes**2)))
