"""Ghosts: an echo that no pulse was meant to make, and that rises where a signal only decays."""

from typing import Final

import numpy as np
from jaxtyping import Complex

from perspect.vocabulary import Flag, Severity

LATE: Final = 3.0
"""How far the energy of a signal may rise again after it has decayed: noise alone reaches two thirds of it, and so do
twelve real spectra [our default]."""

PIECES: Final = 16
"""Of the second half of a signal, whose energies are compared."""


def late_energy(signal: Complex[np.ndarray, " points"]) -> float:
    """How far the energy of a free induction decay rises again in its second half and then falls, in times of what came
    before or comes after.

    A signal only decays, and noise stays what it is; what rises and falls is an echo. What rises up to the last point
    is none: filters of scanners wrap the beginning of a signal round to its end.
    """
    half = signal[signal.size // 2 :]
    pieces = np.array([float((np.abs(one) ** 2).mean()) for one in np.array_split(half, PIECES)])
    before = np.minimum.accumulate(pieces)[:-2]
    after = np.minimum.accumulate(pieces[::-1])[::-1][2:]
    return float((pieces[1:-1] / np.maximum(np.maximum(before, after), 1e-300)).max())


def ghosts(late: float) -> tuple[Flag, ...]:
    """What is said of a late echo."""
    if not late > LATE:
        return ()
    sentence = (
        f"The energy of the signal rises {late:.1f} times after it has decayed, as by an echo of somewhere else: "
        "a ghost may lie under any line."
    )
    return (Flag("late-echo", Severity.CAUTION, sentence, source="quality"),)
