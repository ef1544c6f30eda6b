"""Spins: which protons a molecule has (`table`), how they move (`dynamics`), under which pulses (`pulse`) and in which
sequence (`sequence`). The room of spectroscopy and the virtual patient both stand on it.
"""

from perspect.models.spins.basis import GYROMAGNETIC, field_of, simulated
from perspect.models.spins.pulse import Pulse, sinc
from perspect.models.spins.sequence import MegaPress, Press, PulseAcquire, SemiLaser, Sequence, Steam
from perspect.models.spins.system import Molecule, SpinSystem
from perspect.models.spins.table import MOLECULES

__all__ = [
    "GYROMAGNETIC", "MOLECULES", "MegaPress", "Molecule", "Press", "Pulse", "PulseAcquire", "SemiLaser", "Sequence",
    "SpinSystem", "Steam", "field_of", "simulated", "sinc",
]  # fmt: skip
