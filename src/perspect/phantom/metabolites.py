"""What fills a head as seen by spectroscopy: the signal in time of every compartment at each of its levels."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

import numpy as np
from jaxtyping import Complex, Float

from perspect.models.spins import MOLECULES, Press, PulseAcquire, simulated
from perspect.models.spins.broad import BROAD, broad_signal
from perspect.phantom.kinds import Kinds
from perspect.phantom.patient import Patient, levels_of
from perspect.phantom.spectrum import BROAD_SHIFT, BROAD_WIDTH, OWN_SHIFT, OWN_WIDTH, T2, relaxed

PARTS: Final[Mapping[str, Mapping[str, float]]] = MappingProxyType({
    "PCh": {"PCho": 1.0},
    "Lip13": {"Lip13a": 0.65, "Lip13b": 0.35},
    "MM": {"MM09": 6.0, "MM12": 1.8, "MM14": 4.5, "MM17": 2.3, "MM20": 9.0},
})  # fmt: skip
"""Names in `Biology.amounts` that stand for other signals, and how much of each; all others are signals themselves."""

WATER_PROTONS: Final = 2 * 55.5e3
"""Protons of pure water in mM."""

T1: Final = 1.3
"""T1 of metabolites at 3 T in s: the middle of those of NAA, creatine and choline (Mlynárik et al. 2001,
doi:10.1002/nbm.713).
"""


@dataclass(frozen=True)
class Timing:
    """When a spectrum is excited, refocused and read: s and Hz. Where there is no first echo (`te1` is 0) nothing is
    refocused, and `te` is the delay until the first point.
    """

    te: float
    te1: float
    tr: float
    frequency: float
    dwell: float
    n_points: int

    @property
    def times(self) -> Float[np.ndarray, " points"]:
        """When points are read, in s after the echo."""
        return np.arange(self.n_points) * self.dwell

    @property
    def delay(self) -> float:
        """For how long lines dephase before the first point, in s."""
        return 0.0 if self.te1 else self.te


def molecules_of(amounts: Mapping[str, Float[np.ndarray, " levels"]]) -> dict[str, Float[np.ndarray, " levels"]]:
    """The amounts of a compartment, by molecule or broad signal; an unknown name is an error.

    >>> sorted(molecules_of({"PCh": np.ones(1), "Lip13": np.ones(1)}))
    ['Lip13a', 'Lip13b', 'PCho']
    """
    found: dict[str, Float[np.ndarray, " levels"]] = {}
    for name, values in amounts.items():
        for part, share in PARTS.get(name, {name: 1.0}).items():
            if part not in MOLECULES and part not in BROAD:
                raise ValueError(f"There is no molecule '{part}'.")
            found[part] = found.get(part, 0.0) + share * values
    return found


def metabolite_signals(
    patient: Patient, kinds: Kinds, timing: Timing, rng: np.random.Generator
) -> Complex[np.ndarray, "kinds points"]:
    """The signal of pure kinds but water's, in protons times mM; the lines of each molecule have a scatter of their
    own.

    Amounts of lipids and macromolecules are those seen at an echo time of 30 ms, amounts of metabolites are true ones,
    which T1 and T2 weaken.
    """
    tables = [molecules_of(levels_of(patient.biology[one]).amounts) for one in kinds.compartments]
    every = sorted({name for table in tables for name in table})
    drawn = {name: rng.normal(size=2) for name in (*MOLECULES, *BROAD)}
    out = np.zeros((kinds.n, timing.n_points), np.complex64)
    for name in every:
        line = _line(name, timing, *drawn[name])
        for compartment, table in zip(kinds.compartments, tables, strict=True):
            if name in table:
                out[kinds.of(compartment)] += np.outer(table[name], line).astype(np.complex64)
    return out


def water_signals(kinds: Kinds, timing: Timing) -> Complex[np.ndarray, "kinds points"]:
    """The signal of the water of pure kinds, in protons times mM: it decays with T2 during the echo time."""
    steady = kinds.spins * -np.expm1(-timing.tr / kinds.t1) * np.exp(-timing.te / kinds.t2)
    decay = np.exp(-np.outer(1.0 / kinds.t2, timing.times))
    return np.asarray(WATER_PROTONS * steady[:, None] * decay, np.complex64)


def _line(name: str, timing: Timing, shift: float, width: float) -> Complex[np.ndarray, " points"]:
    """The signal of 1 mM of a molecule, as this patient has it."""
    t = timing.times
    signal = _pure(name, timing)
    if name in BROAD:
        turn = BROAD_SHIFT * shift * timing.frequency * 1e-6
        return np.asarray(
            relaxed(name, timing.te) * signal * np.exp(2j * np.pi * turn * t - BROAD_WIDTH * abs(width) * t)
        )
    strength = np.exp(-timing.te / T2["metabolite"]) * -np.expm1(-timing.tr / T1)
    rate = 1.0 / T2["metabolite"] + OWN_WIDTH * width
    return np.asarray(
        strength * signal * np.exp(2j * np.pi * OWN_SHIFT * shift * timing.frequency * 1e-6 * t - rate * t)
    )


@lru_cache(maxsize=256)
def _pure(name: str, timing: Timing) -> Complex[np.ndarray, " points"]:
    if name in BROAD:
        return broad_signal(BROAD[name], timing.frequency, timing.dwell, timing.n_points, timing.delay)
    sequence = Press(timing.te1, timing.te - timing.te1) if timing.te1 else PulseAcquire(timing.te)
    return simulated(MOLECULES[name], sequence, timing.frequency, timing.dwell, timing.n_points)
