"""Virtual spectra of one voxel: amounts of a tissue, simulated lines with scatter of their own, relaxation, noise.

It shares the spin systems with the analysis and nothing else: shifts, widths, lineshape, phase and eddy currents are
drawn here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np
from jaxtyping import Complex

from perspect.models.spins import MOLECULES, Press, simulated
from perspect.models.spins.broad import BROAD, broad_signal
from perspect.vocabulary import Grid, Spectra

HEALTHY: Final[Mapping[str, float]] = MappingProxyType(
    {
        "NAA": 11.0, "NAAG": 1.5, "Cr": 5.0, "PCr": 4.0, "GPC": 1.0, "PCho": 0.6, "Ins": 6.0, "sIns": 0.3, "Glu": 10.0,
        "Gln": 3.0, "GABA": 1.3, "GSH": 1.5, "Asp": 1.5, "Asc": 1.2, "Tau": 1.4, "Glc": 1.0, "Lac": 0.5, "Ala": 0.4,
        "Gly": 0.7, "PE": 1.4, "MM09": 6.0, "MM12": 1.8, "MM14": 4.5, "MM17": 2.3, "MM20": 9.0,
    }
)  # fmt: skip
"""Normal brain in mM, macromolecules and lipids in mM of the protons of their main line."""

TUMOUR: Final[Mapping[str, float]] = MappingProxyType(
    {
        "NAA": 1.5, "Cr": 2.0, "PCr": 1.0, "GPC": 2.0, "PCho": 1.8, "Ins": 3.0, "Glu": 3.0, "Gln": 4.0, "GSH": 2.0,
        "Tau": 2.0, "Lac": 6.0, "Ala": 1.5, "Gly": 3.0, "MM09": 4.0, "MM12": 1.2, "MM14": 3.0, "MM17": 1.5, "MM20": 6.0,
        "Lip13a": 12.0, "Lip13b": 6.0, "Lip09": 4.0, "Lip20": 3.0,
    }
)  # fmt: skip
"""A high-grade tumour with some necrosis."""

NECROSIS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "Cr": 0.8, "GPC": 0.8, "PCho": 0.6, "Lac": 10.0, "Ala": 0.8, "Gly": 1.0, "Glu": 1.0, "MM09": 3.0, "MM12": 0.9,
        "MM14": 2.2, "MM17": 1.1, "MM20": 4.5, "Lip13a": 30.0, "Lip13b": 15.0, "Lip09": 10.0, "Lip20": 6.0,
    }
)  # fmt: skip
"""The centre of a necrotic tumour: lipid and lactate."""

ABSCESS: Final[Mapping[str, float]] = MappingProxyType(
    {
        "Lac": 10.0, "Ala": 2.5, "Val": 0.8, "Leu": 1.0, "Ile": 0.6, "Ace": 3.0, "Suc": 1.0, "Gly": 2.0, "Glu": 2.0,
        "MM09": 3.0, "MM12": 0.9, "MM14": 2.2, "MM17": 1.1, "MM20": 4.5, "Lip13a": 6.0, "Lip13b": 3.0, "Lip09": 2.0,
        "Lip20": 1.2,
    }
)  # fmt: skip
"""Pus: branched amino acids, acetate, lactate, and some lipid."""

T2: Final[Mapping[str, float]] = MappingProxyType({"metabolite": 0.20, "macromolecule": 0.030, "lipid": 0.070})
"""Transverse relaxation times in s, by what a signal is."""

OWN_SHIFT, OWN_WIDTH = 0.004, 0.48
"""Standard deviations of the shift (ppm) and width (1/s) of each molecule."""

BROAD_SHIFT, BROAD_WIDTH = 0.01, 6.0
"""The same for lipids and macromolecules, which are only ever wider than their templates."""

SINGLET: Final = 30.0
"""Protons times mM of the line that a signal-to-noise ratio speaks of: a singlet of 10 mM and three protons."""


@dataclass(frozen=True)
class Scan:
    """How a virtual voxel is measured: Hz, s, and rad. `bend` is the phase that eddy currents turn at first."""

    te: float = 0.030
    te1: float = 0.011
    frequency: float = 123.2e6
    dwell: float = 1 / 2000
    n_points: int = 1024
    snr: float = 60.0
    lorentz: float = 10.0
    gauss: float = 150.0
    phase: float = 0.3
    shift: float = 2.0
    bend: float = 0.0


PLACE: Final = Grid((1, 1, 1), np.diag([20.0, 20.0, 20.0, 1.0]))
"""A voxel of 2 cm at the origin."""


@lru_cache(maxsize=256)
def _signal(key: str, te1: float, te: float, frequency: float, dwell: float, n: int) -> Complex[np.ndarray, " points"]:
    if key in BROAD:
        return broad_signal(BROAD[key], frequency, dwell, n)
    return simulated(MOLECULES[key], Press(te1, te - te1), frequency, dwell, n)


def virtual_spectrum(
    truth: Mapping[str, float], scan: Scan, seed: int = 0, widths: Mapping[str, tuple[float, float]] | None = None
) -> Spectra:
    """The signal of a voxel that holds `truth` (mM), with noise; the same seed gives the same spectrum.

    `widths` replace those of broad signals: by how much each is wider than its template in the mean, and with which
    standard deviation (ppm at half maximum, never narrower); their shifts are then those of `BROAD`.
    """
    rng = np.random.default_rng(seed)
    t, hz = np.arange(scan.n_points) * scan.dwell, scan.frequency * 1e-6
    total = np.zeros(scan.n_points, complex)
    for key, amount in truth.items():
        if key in BROAD and widths is not None:
            move, decay = rng.normal(0, BROAD[key].spread * hz), np.pi * _wider(rng, *widths[key]) * hz * t
        else:
            shift, width = (BROAD_SHIFT, BROAD_WIDTH) if key in BROAD else (OWN_SHIFT, OWN_WIDTH)
            move, extra = rng.normal(0, shift * hz), rng.normal(0, width)
            decay = abs(extra) * t if key in BROAD else (scan.lorentz + extra) * t + scan.gauss * t**2
        one = _signal(key, scan.te1, scan.te, scan.frequency, scan.dwell, scan.n_points)
        total += amount * relaxed(key, scan.te) * one * np.exp(2j * np.pi * move * t - decay)
    total *= np.exp(1j * (scan.phase + 2 * np.pi * scan.shift * t + scan.bend * np.exp(-t / 0.02)))
    noise = rng.normal(size=(2, scan.n_points)) * noise_of(scan)
    return as_spectra(total + noise[0] + 1j * noise[1], scan)


def _wider(rng: np.random.Generator, mean: float, deviation: float) -> float:
    """A normal number that is not below zero."""
    while (drawn := float(rng.normal(mean, deviation))) < 0.0:
        pass
    return drawn


def relaxed(key: str, te: float) -> float:
    """What is left of a signal at an echo time, relative to a TE of 30 ms: amounts are those seen there."""
    kind = BROAD[key].kind if key in BROAD else "metabolite"
    return float(np.exp(-(te - 0.030) / T2[kind]))


def noise_of(scan: Scan) -> float:
    """Standard deviation of each part of each point: the singlet is `snr` times the noise in the spectrum."""
    t = np.arange(scan.n_points) * scan.dwell
    line = float(np.abs(np.fft.fft(SINGLET * np.exp(-scan.lorentz * t - scan.gauss * t**2))).max())
    return float(line / scan.snr / np.sqrt(scan.n_points))


def virtual_water(scan: Scan, amplitude: float = 70000.0) -> Spectra:
    """The unsuppressed reference of the same voxel."""
    t = np.arange(scan.n_points) * scan.dwell
    decay = scan.lorentz * t + scan.gauss * t**2
    return as_spectra(amplitude * np.exp(-decay + 1j * scan.bend * np.exp(-t / 0.02)), scan)


def as_spectra(signal: Complex[np.ndarray, "points *more"], scan: Scan, axes: tuple[str, ...] = ()) -> Spectra:
    """A signal in time as what was measured."""
    return Spectra(
        signal[None, None, None], scan.dwell, scan.frequency, PLACE, axes, te=scan.te, tr=2.0, name="virtual"
    )


def varied(truth: Mapping[str, float], seed: int, spread: float = 0.25, apart: float = 0.0) -> dict[str, float]:
    """A patient of a kind: every amount varies, macromolecules together and lipids together.

    `apart` is by how much each broad signal varies beside that: in people their ratios are not fixed.
    """
    rng = np.random.default_rng([seed, 7])
    drawn: dict[str, float] = {kind: float(np.exp(rng.normal(0, spread))) for kind in ("macromolecule", "lipid")}
    own = np.random.default_rng([seed, 11])
    return {
        key: amount
        * (drawn[BROAD[key].kind] if key in BROAD else float(np.exp(rng.normal(0, spread))))
        * (float(np.exp(own.normal(0, apart))) if key in BROAD else 1.0)
        for key, amount in truth.items()
    }
