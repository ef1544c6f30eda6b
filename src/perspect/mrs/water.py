"""Residual water: how large it is, where it is, and the signal without it."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Complex, Float

from perspect.numerics.hsvd import exponentials, offsets, summed
from perspect.vocabulary import WATER
from perspect.vocabulary.spectra import shift

N_COMPONENTS: Final = 24
"""Damped exponentials that a signal is taken to be made of [our default]."""

HALF_WIDTH: Final = 0.4
"""ppm around water in which everything is water (nothing below 4.25 ppm is touched there)."""

WHERE: Final = (3.9, 5.6)
"""ppm in which a dominant component is water, however far a bad suppression has displaced it."""

DOMINANT: Final = 8.0
"""Times the median amplitude of what lies below: such a component is water and no molecule [our default]."""

SMALL: Final = 1.0
"""Water below so many times the largest line of a molecule is left alone: its tails are no problem for the baseline."""


@dataclass(frozen=True, eq=False)
class Cleaned:
    """A signal without water; `ratio` is how large water was over the largest molecule, `place` where it was in ppm."""

    values: Complex[np.ndarray, " points"]
    ratio: float
    place: float
    is_changed: bool


def size_of(values: Complex[np.ndarray, " points"], dwell: float, frequency: float) -> tuple[float, float]:
    """How large water is over the largest line below 3.9 ppm, and where its peak lies in ppm."""
    t = np.arange(values.size) * dwell
    spectrum = np.abs(np.fft.fft(values * np.exp(-5.0 * t)))
    ppm = shift(np.fft.fftfreq(values.size, dwell), frequency)
    near = (ppm > WHERE[0]) & (ppm < WHERE[1])
    below = (ppm > 0.5) & (ppm <= WHERE[0])
    at = int(np.argmax(np.where(near, spectrum, 0.0)))
    return float(spectrum[at] / max(float(spectrum[below].max()), 1e-300)), float(ppm[at])


def without_water(
    values: Complex[np.ndarray, " points"],
    dwell: float,
    frequency: float,
    *,
    always: bool,
    is_halved: bool,
    most_points: int = 1024,
    n_components: int = N_COMPONENTS,
) -> Cleaned:
    """The signal with its water components subtracted, where water is large or it is asked for.

    The `n_components` are told from the first `most_points`. Adaptive: besides all around 4.65 ppm, what dominates
    between 3.9 and 5.6 ppm is taken for water, so that residual water that was pushed to 4.15 ppm goes and myo-inositol
    at 4.05 ppm stays.
    """
    ratio, place = size_of(values, dwell, frequency)
    if ratio < SMALL and not always:
        return Cleaned(values, ratio, place, False)
    whole = values.copy()
    if is_halved:
        whole[0] *= 2
    factors, amplitudes = exponentials(whole, n_components, most_points)
    ppm = shift(offsets(factors, dwell), frequency)
    remove = is_water(ppm, np.abs(amplitudes))
    water = summed(factors[remove], amplitudes[remove], values.size)
    if is_halved:
        water[0] /= 2
    return Cleaned(values - water, ratio, place, True)


def is_water(ppm: Float[np.ndarray, " n"], amplitudes: Float[np.ndarray, " n"]) -> np.ndarray:
    """Which components are water."""
    below = (ppm > 0.5) & (ppm < WHERE[0])
    typical = float(np.median(amplitudes[below])) if below.any() else 0.0
    near = (ppm > WHERE[0]) & (ppm < WHERE[1])
    return (np.abs(ppm - WATER) < HALF_WIDTH) | (near & (amplitudes > DOMINANT * typical))


def amplitude_at_start(values: Complex[np.ndarray, " points"], dwell: float) -> tuple[float, float]:
    """The amplitude of an unsuppressed water signal at its first point, and its standard error.

    From the logarithm of the magnitude over the first 20 ms, in which every lineshape is a parabola; the first point
    itself may be spoilt by a filter or halved.
    """
    amplitudes, errors = amplitudes_at_start(values[None], dwell)
    return float(amplitudes[0]), float(errors[0])


def amplitudes_at_start(
    values: Complex[np.ndarray, "signals points"], dwell: float
) -> tuple[Float[np.ndarray, " signals"], Float[np.ndarray, " signals"]]:
    """The same of many signals."""
    n = int(np.clip(round(0.02 / dwell), 12, values.shape[1]))
    t = np.arange(1, n) * dwell
    size = np.log(np.maximum(np.abs(values[:, 1:n]), 1e-300))
    design = np.stack([np.ones_like(t), t, t**2], axis=1)
    first = np.linalg.pinv(design)[0]
    amplitudes = np.exp(size @ first)
    left = size - (size @ np.linalg.pinv(design).T) @ design.T
    errors = np.sqrt((left**2).sum(axis=1) / max(t.size - 3, 1) * (first @ first))
    return amplitudes, amplitudes * errors


def offset_of_water(values: Complex[np.ndarray, " points"], dwell: float) -> float:
    """By how many Hz water is off the reference: the mean turn from point to point, weighed by its power."""
    return float(np.angle(np.vdot(values[:-1], values[1:])) / (2 * np.pi * dwell))


def width_of_water(values: Complex[np.ndarray, " points"], dwell: float) -> float:
    """Full width at half maximum of a water signal in Hz, its phase taken out."""
    n = 8 * values.size
    line = np.fft.fft(np.abs(values), n).real
    above = np.flatnonzero(line[: n // 2] < line[0] / 2)
    return float(2 * above[0] / (n * dwell)) if above.size else float("inf")
