"""Many transients to one: each moved in frequency and phase onto the others, and weighed by how well it then fits."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Complex, Float

from perspect.mrs.band import band_of
from perspect.numerics import robust
from perspect.vocabulary import Spectra

WINDOW: Final = (1.8, 4.2)
"""ppm by which transients are aligned: neither water nor lipid, which move by themselves."""

MOST: Final = 20.0
"""Hz by which a transient may be off."""

N_ROUNDS: Final = 3
"""Of alignment to a better and better mean."""

OUTLIER: Final = 3.5
"""Robust standard deviations of the misfit beyond which a transient is left out."""

FEWEST: Final = 2 / 3
"""Of the transients are always kept."""


@dataclass(frozen=True, eq=False)
class Averaged:
    """The mean signal; shifts in Hz and phases in rad that were taken out of each transient; which were kept."""

    values: Complex[np.ndarray, " points"]
    shifts: Float[np.ndarray, " transients"]
    phases: Float[np.ndarray, " transients"]
    kept: Bool[np.ndarray, " transients"]


def averaged(spectra: Spectra, transients: Complex[np.ndarray, "points transients"]) -> Averaged:
    """The mean of aligned transients.

    For each transient the phase that fits best is known in closed form for any shift, so that the whole range of shifts
    is one Fourier transform and the minimum is the global one (spectral registration: Near et al. 2015,
    doi:10.1002/mrm.25094; robust form: Mikkelsen et al. 2020, doi:10.1002/nbm.4368).
    """
    n = transients.shape[1]
    if n == 1:
        return Averaged(transients[:, 0], np.zeros(1), np.zeros(1), np.ones(1, bool))
    band = band_of(spectra, WINDOW)
    cut = band.cut(np.ascontiguousarray(transients.T), spectra.dwell, is_halved=spectra.is_halved)
    shifts, phases = np.zeros(n), np.zeros(n)
    target = np.median(cut.real, axis=0) + 1j * np.median(cut.imag, axis=0)
    kept = np.ones(n, bool)
    for _ in range(N_ROUNDS):
        shifts, phases = registered(cut, target, band.times)
        moved = cut * np.exp(-1j * (phases[:, None] + 2 * np.pi * shifts[:, None] * band.times))
        misfit = np.sum(np.abs(moved - moved[kept].mean(axis=0)) ** 2, axis=1)
        kept = _kept(misfit)
        target = moved[kept].mean(axis=0)
    t = spectra.times[:, None]
    aligned = transients * np.exp(-1j * (phases + 2 * np.pi * shifts * t))
    return Averaged(aligned[:, kept].mean(axis=1), shifts, phases, kept)


def registered(
    signals: Complex[np.ndarray, "transients points"],
    target: Complex[np.ndarray, " points"],
    times: Float[np.ndarray, " points"],
) -> tuple[Float[np.ndarray, " transients"], Float[np.ndarray, " transients"]]:
    """The shift in Hz and the phase in rad of each signal relative to a target."""
    n, dwell = 16 * signals.shape[1], float(times[1] - times[0])
    product_in_time = signals * target.conj()
    product = np.fft.fft(product_in_time, n, axis=1)
    frequency = np.fft.fftfreq(n, dwell)
    size = np.where(np.abs(frequency) <= MOST, np.abs(product), 0.0)
    at = np.argmax(size, axis=1)
    rows = np.arange(len(signals))
    before, here, after = size[rows, at - 1], size[rows, at], size[rows, (at + 1) % n]
    curve = before - 2 * here + after
    part = np.where(curve < 0, 0.5 * (before - after) / np.where(curve < 0, curve, -1.0), 0.0)
    part = np.clip(part, -0.5, 0.5)
    shifts = frequency[at] + part / (n * dwell)
    turned = product_in_time * np.exp(-2j * np.pi * shifts[:, None] * times)
    return shifts, np.angle(turned.sum(axis=1))


def _kept(misfit: Float[np.ndarray, " transients"]) -> Bool[np.ndarray, " transients"]:
    """Those whose misfit is not far above the median."""
    middle = np.median(misfit)
    spread = robust.spread(misfit - middle)
    kept = misfit <= middle + OUTLIER * max(float(spread), 0.05 * float(middle))
    if kept.mean() < FEWEST:
        kept = misfit <= np.quantile(misfit, FEWEST)
    return np.asarray(kept)
