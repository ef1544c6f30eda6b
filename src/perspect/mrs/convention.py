"""Two conventions that a file may break without saying so: which way its signal turns, and what its first point is."""

from typing import Final

import numpy as np
from jaxtyping import Complex

from perspect.vocabulary import WATER, Flag, Severity, Spectra

ORDER, USED = 12, 96
"""Points by which one point is predicted, and points at the beginning from which that is learned [our default]."""

PREDICTED: Final = 0.15
"""A prediction whose own misfit is a larger share of the point says nothing of it [our default]."""

NEAR_HALF: Final = 0.15
"""How far from one half the first point may be of what the next ones predict, to be taken for halved [our default]."""

BELOW: Final = (0.7, 4.3)
"""ppm between which protons of tissue that are not water resonate; their mirror image in water is nearly empty."""

MUCH_MORE: Final = 3.0
"""Times as much in the mirror image from which on a signal is taken for turned round [our default]."""


def is_first_halved(values: Complex[np.ndarray, " points"]) -> bool:
    """Whether the first point is about half of what the following ones predict backwards.

    Some files hold a first point that was divided by two already, as a transform wants it; halved once more, every
    spectrum would stand on a pedestal. A filter of the receiver that spoils the first point otherwise is left alone.
    """
    n = min(USED, values.size - ORDER - 1)
    if n < 3 * ORDER:
        return False
    rows = np.stack([values[1 + k : 1 + k + n] for k in range(ORDER + 1)], axis=1)
    rule = np.linalg.lstsq(rows[:, 1:], rows[:, 0], rcond=1e-3)[0]
    off = float(np.sqrt(np.mean(np.abs(rows[:, 0] - rows[:, 1:] @ rule) ** 2)))
    expected = complex(values[1 : 1 + ORDER] @ rule)
    if off > PREDICTED * abs(expected):
        return False
    share = complex(values[0]) / expected
    return abs(share.real - 0.5) < NEAR_HALF and abs(share.imag) < 2 * NEAR_HALF


def turned_round(spectra: Spectra, mean: Complex[np.ndarray, " points"]) -> tuple[Flag, ...]:
    """A flag where far more lies above water than below it."""
    below, above = (_lines(spectra, mean, side) for side in (1.0, -1.0))
    if above <= MUCH_MORE * max(below, 1.0):
        return ()
    sentence = (
        f"{above / max(below, 1.0):.0f} times as much of the spectrum lies above water, where tissue has next to "
        "nothing, as below it: the file turns the other way than its format should. --conjugate turns it round."
    )
    return (Flag("turned-round", Severity.LIMITED, sentence, where=spectra.name, source="reading"),)


def _lines(spectra: Spectra, mean: Complex[np.ndarray, " points"], side: float) -> float:
    """How much line there is on one side of water, in variances of the noise.

    Second differences of the spectrum see lines and no tails of water.
    """
    t = np.arange(mean.size) * spectra.dwell
    spectrum = np.fft.fftshift(np.fft.fft(mean * np.exp(-8.0 * t)))
    distance = np.fft.fftshift(np.fft.fftfreq(mean.size, spectra.dwell)) / spectra.frequency * 1e6
    second = np.abs(np.convolve(spectrum, [1.0, -2.0, 1.0], mode="same")) ** 2
    near, far = WATER - BELOW[1], WATER - BELOW[0]
    chosen = (side * distance > near) & (side * distance < far)
    quiet = np.abs(distance) > far + 0.5
    noise = float(np.median(second[quiet])) / np.log(2) if quiet.sum() > 32 else float(np.median(second)) / np.log(2)
    return float(np.mean(second[chosen]) / max(noise, 1e-300) - 1.0)
