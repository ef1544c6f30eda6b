"""Lipid of the scalp that leaks into the brain of a spectroscopic image, taken out by its looks in the scalp."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Complex, Float

from perspect.vocabulary import Spectra

WEIGHT: Final = 1e3
"""How strongly what looks like lipid is held back, relative to its strongest component [our default]."""

LIPID_PPM: Final = (0.6, 1.8)
"""Where lipid is looked for."""

ALL_LIPID_PPM: Final = (-1.0, 4.2)
"""What of a scalp spectrum is taken to be lipid: its smaller lines lie under NAA and glutamate."""

SHARE: Final = 0.4
"""Of the voxels outside the brain, the brightest in lipid are the scalp."""


def lipid_height(spectra: Spectra) -> Float[np.ndarray, "x y z"]:
    """The largest magnitude between 0.6 and 1.8 ppm."""
    ppm = spectra.ppm
    near = (ppm > LIPID_PPM[0]) & (ppm < LIPID_PPM[1])
    out: Float[np.ndarray, "x y z"] = np.abs(np.fft.fft(spectra.values, axis=3)[..., near]).max(axis=3)
    return out


def without_lipid(
    spectra: Spectra, brain: Bool[np.ndarray, "x y z"]
) -> tuple[Complex[np.ndarray, "x y z points"], int]:
    """The signals with the lipid of the scalp held back, and how many voxels it was learned from (0: nothing was done).

    Every signal x is replaced by x (1 + w LᴴL)⁻¹, where the rows of L are the scalp's signals: components that are
    strong there are removed, and those that the brain has for itself stay.

    Bilgic et al. 2014, doi:10.1002/jmri.24399
    """
    outside = ~brain
    height = lipid_height(spectra)
    if outside.sum() < 8:
        return spectra.values.astype(complex), 0
    scalp = outside & (height > np.quantile(height[outside], 1 - SHARE))
    if height[scalp].mean() < 2 * height[brain].mean():
        return spectra.values.astype(complex), 0
    ppm = spectra.ppm
    kept = (ppm > ALL_LIPID_PPM[0]) & (ppm < ALL_LIPID_PPM[1])
    rows = np.fft.ifft(np.fft.fft(spectra.values[scalp], axis=1) * kept, axis=1)
    _, sizes, components = np.linalg.svd(rows, full_matrices=False)
    held = 1 - 1 / (1 + WEIGHT * (sizes / sizes[0]) ** 2)
    flat = spectra.values.reshape(-1, spectra.n_points).astype(complex)
    flat = flat - ((flat @ components.conj().T) * held) @ components
    return flat.reshape(spectra.values.shape), int(scalp.sum())
