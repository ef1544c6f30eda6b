"""What spectra of one voxel and of a grid have in common: their timing, their pulses, their noise, their form."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Complex

from perspect.phantom.metabolites import Timing
from perspect.phantom.sequence import Sequence
from perspect.phantom.spectrum import Scan, noise_of
from perspect.vocabulary import Grid
from perspect.vocabulary.spectra import Spectra

CARRIER: Final = 2.5
"""ppm that is selected where the box was drawn. [our default]"""

REFERENCE_VOLUME: Final = 8.0
"""mL: the voxel to which a signal-to-noise ratio belongs; half of it has half."""


@dataclass(frozen=True)
class Localised(Sequence):
    """What one voxel and a grid have in common: PRESS, s and Hz, water left by suppression as a share of all of it.

    `bandwidth` of the pulses in Hz, by which the box is displaced; `snr` of a singlet of 10 mM and three protons in
    8 mL, over the noise of the spectrum. `fat` is the share of the voxel that scalp fat fills although it is not there
    (outer lobes of the pulses); `shim_error` a slope of the field in Hz/mm.
    """

    te: float = 0.030
    te1: float = 0.012
    tr: float = 2.0
    field: float = 3.0
    frequency: float = 123.2e6
    dwell: float = 1 / 2000
    n_points: int = 1024
    snr: float = 120.0
    bandwidth: float = 3500.0
    water_left: float = 0.003
    fat: float = 0.0
    shim_error: float = 0.0
    phase: float = 0.4
    name: str = "svs"

    @property
    def timing(self) -> Timing:
        """When it excites, refocuses and reads."""
        return Timing(self.te, self.te1, self.tr, self.frequency, self.dwell, self.n_points)

    def displaced(self, ppm: float) -> float:
        """How far the selected box of a chemical shift is displaced, in widths of the box."""
        return (CARRIER - ppm) * self.frequency * 1e-6 / self.bandwidth

    def noise(self, volume: float) -> float:
        """Standard deviation of each part of each point once all is averaged, for a voxel of `volume` mL."""
        return noise_of(Scan(dwell=self.dwell, n_points=self.n_points, snr=self.snr)) * REFERENCE_VOLUME / volume


def complex_noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> Complex[np.ndarray, "*shape"]:
    """Noise of standard deviation `sigma` in each part."""
    parts = rng.normal(0.0, 1.0, (2, *shape))
    return np.asarray(sigma * (parts[0] + 1j * parts[1]))


def as_stored(values: Complex[np.ndarray, "*any"], scan: Localised, grid: Grid, axes: tuple[str, ...]) -> Spectra:
    """Signals as a scanner hands them on; those of one voxel have their points first."""
    if grid.shape == (1, 1, 1):
        values = values[None, None, None]
    return Spectra(
        np.asarray(values, np.complex64), scan.dwell, scan.frequency, grid, axes, te=scan.te, tr=scan.tr, name=scan.name
    )
