"""The signal of a molecule: every system, every composite spin, every state of its neighbours, added up."""

from typing import Final

import numpy as np
from jaxtyping import Complex

from perspect.models.spins.dynamics import Spins, states
from perspect.models.spins.sequence import Sequence, evolved
from perspect.models.spins.system import Molecule

GYROMAGNETIC: Final = 42.577478518e6
"""Of the proton, in Hz/T (CODATA 2018)."""


def field_of(field: float) -> float:
    """The proton frequency in Hz at a field in T."""
    return GYROMAGNETIC * field


def simulated(
    molecule: Molecule, sequence: Sequence, frequency: float, dwell: float, n_points: int
) -> Complex[np.ndarray, " points"]:
    """The signal of a molecule, without decay, in protons: its first point after pulse and acquire is their number.

    `frequency` is that of the spectrometer and `dwell` the time between points, in Hz and s. The phase is such that an
    uncoupled line is upright.
    """
    total = np.zeros(n_points, complex)
    for system in molecule.systems:
        for spins in states(system, frequency):
            total += _sampled(spins, sequence, frequency, dwell, n_points)
    return total


def _sampled(
    spins: Spins, sequence: Sequence, frequency: float, dwell: float, n_points: int
) -> Complex[np.ndarray, " points"]:
    """Tr(ρ(t) F+) at every point, in the basis in which evolution is a phase."""
    energies, vectors = spins.levels
    density = vectors.T @ evolved(spins, sequence, frequency) @ vectors
    weights = density * (vectors.T @ spins.raising @ vectors).T
    phases = np.exp(-1j * np.outer(energies, np.arange(n_points) * dwell))
    signal: Complex[np.ndarray, " points"] = np.einsum("at,at->t", phases, weights @ phases.conj())
    return signal
