"""What the pieces of a box emit: each its own mixture at its own frequency, and each range of chemical shifts from its
own place in the box, since what is off the carrier is selected elsewhere.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from jaxtyping import Complex, Float

from perspect.phantom.localised import CARRIER, Localised
from perspect.phantom.metabolites import metabolite_signals, water_signals
from perspect.phantom.mixing import alike, mixing
from perspect.phantom.patient import Compartment
from perspect.phantom.scanner import Scanner
from perspect.phantom.selection import Selection
from perspect.vocabulary.spectra import WATER, shift

EDGES: Final[tuple[float, ...]] = (0.4, 1.1, 1.7, 2.45, 2.85, 3.35, 3.75, 4.2)
"""ppm between which chemical shifts are selected alike: borders lie where brain and tumour have least signal."""

BORDER: Final = 0.06
"""ppm over which one range of chemical shifts goes over into the next. [our default]"""

BLUR: Final = 60.0
"""Gaussian decay (1/s²) by what is finer than the fine grid of the patient. [our default]"""

Bands = Iterator[tuple[float, Complex[np.ndarray, "pieces points"]]]
"""What pieces emit, by chemical shift (ppm)."""


def of_bands(
    scan: Localised, ready: Scanner, drawn: Selection, hertz: Float[np.ndarray, " pieces"], rng: np.random.Generator
) -> tuple[Bands, Bands]:
    """What every piece of the lattice emits of its metabolites, by ranges of chemical shift, and of its water."""
    kinds, t = ready.kinds, scan.timing.times
    pure = metabolite_signals(ready.patient, kinds, scan.timing, rng)
    ones = np.ones(hertz.size, np.float32)
    mix = mixing(ready.parts, kinds, alike(ready.grid), ones)
    turned = np.exp(2j * np.pi * np.outer(hertz, t + scan.timing.delay) - BLUR * t**2).astype(np.complex64)

    def metabolites() -> Bands:
        for ppm, some in bands(pure, scan):
            yield ppm, drawn.of(ppm).astype(np.float32)[:, None] * (mix @ some) * turned
        if scan.fat > 0.0:
            # Outer lobes see fat that is nowhere near: it has the frequency of the centre, and no place in the box.
            fat = pure[kinds.of(Compartment.FAT)].mean(axis=0)
            yield WATER, (scan.fat * drawn.of(CARRIER))[:, None] * fat * turned

    def water() -> Bands:
        yield WATER, drawn.of(WATER).astype(np.float32)[:, None] * (mix @ water_signals(kinds, scan.timing)) * turned

    return metabolites(), water()


def together(emitted: Bands) -> Complex[np.ndarray, "pieces points"]:
    """All ranges of chemical shift at once."""
    _, total = next(emitted)
    for _, one in emitted:
        total += one
    return total


def bands(
    pure: Complex[np.ndarray, "kinds points"], scan: Localised
) -> list[tuple[float, Complex[np.ndarray, "kinds points"]]]:
    """Signals in parts by chemical shift, each with its middle in ppm; together they are the whole."""
    ppm = shift(np.fft.fftfreq(scan.n_points, scan.dwell), scan.frequency)
    edges = np.array(EDGES)
    spectrum, out, below = np.fft.fft(pure, axis=1), [], np.zeros(ppm.size)
    for low, high in pairwise(edges):
        upto = np.ones(ppm.size) if high == edges[-1] else np.clip(0.5 + (high - ppm) / BORDER, 0.0, 1.0)
        part = np.fft.ifft(spectrum * (upto - below), axis=1).astype(np.complex64)
        out.append((float(low + high) / 2.0, part))
        below = upto
    return out


def middle_of_range(ppm: float) -> float:
    """The middle of the range of chemical shifts that is selected together with this one."""
    return next((low + high) / 2.0 for low, high in pairwise(EDGES) if low <= ppm < high)
