"""Lipid of the scalp that leaks into the brain of a spectroscopic image, taken out by its looks in the scalp."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Complex, Float

from perspect.mrs.water import without_water
from perspect.vocabulary import Spectra

WEIGHT: Final = 1e3
"""How strongly what looks like lipid is held back, relative to its strongest component [our default]."""

LIPID_PPM: Final = (0.3, 1.85)
"""Where lipid is alone with little else, and where its share in a voxel is told."""

SHARE: Final = 0.4
"""Of the voxels outside the brain, the brightest in lipid are the scalp."""

HILL: Final = (1.0, 1.6)
"""ppm in which lipid is highest; lactate and macromolecules are there as well."""

LINES: Final = (1.9, 3.4)
"""ppm of the largest lines of brain at any echo time: NAA, creatine, choline."""

LEAKED: Final = 0.6
"""Height of the hill over that of the lines, in the middle voxel of the brain, above which lipid of the scalp is taken
out. Lactate and macromolecules alone reach 0.3 at an echo time of 30 ms and 0.2 at 144 ms [our default]."""


def lipid_height(spectra: Spectra) -> Float[np.ndarray, "x y z"]:
    """The largest magnitude where lipid is alone; zero where a signal is broken."""
    ppm = spectra.ppm
    near = (ppm > LIPID_PPM[0]) & (ppm < LIPID_PPM[1])
    height = np.abs(np.fft.fft(spectra.values, axis=3)[..., near]).max(axis=3)
    return np.asarray(np.nan_to_num(height))


def leaked(spectra: Spectra, brain: Bool[np.ndarray, "x y z"]) -> float:
    """How high the hill of lipid stands over the lines of brain, in the middle voxel of the brain.

    >>> from perspect.vocabulary import Grid
    >>> t = np.arange(512) / 1200
    >>> naa, lipid = (np.exp(2j * np.pi * (4.65 - ppm) * 123.2 * t - 20 * t) for ppm in (2.01, 1.3))
    >>> values = np.broadcast_to(naa + 0.5 * lipid, (4, 4, 1, 512))
    >>> one = Spectra(values, 1 / 1200, 123.2e6, Grid((4, 4, 1), np.eye(4)))
    >>> 0.4 < leaked(one, np.ones((4, 4, 1), bool)) < 0.6
    True
    """
    ppm, values = spectra.ppm, spectra.values[brain]
    size = np.abs(np.fft.fft(values[np.isfinite(values).all(axis=1)], axis=1))
    hill, lines = (size[:, (ppm > low) & (ppm < high)].max(axis=1, initial=0.0) for low, high in (HILL, LINES))
    known = lines > 0
    return float(np.median(hill[known] / lines[known])) if known.any() else 0.0


def without_lipid(
    spectra: Spectra, brain: Bool[np.ndarray, "x y z"]
) -> tuple[Complex[np.ndarray, "x y z points"], int]:
    """The signals with the lipid of the scalp taken out, and how many voxels it was learned from (0: nothing was done).

    The scalp's spectra span what lipid can look like, in any phase and at any frequency that it has there; how much of
    each component is in a voxel is told between 0.3 and 1.85 ppm alone, and its lines at 2.0 to 2.8 ppm go with it.
    Were its share told by the whole spectrum (Bilgic et al. 2014, doi:10.1002/jmri.24399), the NAA that leaks into the
    scalp would make NAA look like lipid, and half of it would be removed. Nothing of the scalp's spectra is cut away:
    a signal without a part of its spectrum begins before its beginning.

    Where little leaks nothing is taken out: what looks like lipid would then be lactate and the foot of NAA (of a
    virtual patient it took 14 % of NAA and half of lactate). Voxels with much lipid are fitted with it.
    """
    outside = ~brain
    height = lipid_height(spectra)
    unchanged = spectra.values.astype(complex)
    if outside.sum() < 8 or leaked(spectra, brain) < LEAKED:
        return unchanged, 0
    scalp = outside & (height > np.quantile(height[outside], 1 - SHARE))
    if height[scalp].mean() < 2 * height[brain].mean():
        return unchanged, 0
    ppm = spectra.ppm
    telling = (ppm > LIPID_PPM[0]) & (ppm < LIPID_PPM[1])
    spectrum = np.fft.fft(unchanged.reshape(-1, spectra.n_points), axis=1)
    rows = np.fft.fft([_without_water(spectra, one) for one in spectra.values[scalp]], axis=1)
    mixtures, sizes, components = np.linalg.svd(rows[:, telling], full_matrices=False)
    strong = sizes > 1e-9 * sizes[0]
    share = WEIGHT * sizes**2 / (sizes[0] ** 2 + WEIGHT * sizes**2)
    extended = (mixtures.conj().T @ rows)[strong] / sizes[strong, None]
    coefficients = (spectrum[:, telling] @ components[strong].conj().T) * share[strong]
    cleaned = np.fft.ifft(spectrum - coefficients @ extended, axis=1)
    return cleaned.reshape(spectra.values.shape), int(scalp.sum())


def _without_water(spectra: Spectra, values: Complex[np.ndarray, " points"]) -> Complex[np.ndarray, " points"]:
    """A signal whose water, where there is much, must not travel with its lipid."""
    cleaned = without_water(
        values, spectra.dwell, spectra.frequency, always=False, is_halved=spectra.is_halved
    )  # fmt: skip
    return cleaned.values
