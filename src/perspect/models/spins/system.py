"""The protons of a molecule as values: where they resonate and how they are coupled."""

from dataclasses import dataclass
from itertools import product
from typing import Final

SPIN_OF: Final = {"31P": 0.5, "14N": 1.0}
"""Nuclei that are coupled to protons but not touched by their pulses, and their spins."""


@dataclass(frozen=True)
class SpinSystem:
    """Protons that are coupled among each other.

    `shifts` are in ppm from TMS (water at 4.65 at 37 °C) with the number of magnetically equivalent protons at each;
    `couplings` are (place, place, J in Hz) with places from 0; `others` are nuclei of another kind with their couplings
    (place, J in Hz). `share` is how much of the molecule is in this form.
    """

    shifts: tuple[tuple[float, int], ...]
    couplings: tuple[tuple[int, int, float], ...] = ()
    others: tuple[tuple[str, tuple[tuple[int, float], ...]], ...] = ()
    share: float = 1.0

    @property
    def n_protons(self) -> int:
        """How many protons there are."""
        return sum(n for _, n in self.shifts)

    def offsets(self) -> list[tuple[float, tuple[float, ...]]]:
        """The states of the other nuclei: the weight of each, and what it adds to the frequency of each place in Hz.

        A nucleus that no pulse touches keeps its state, so that its coupling is a shift (exact, not weak coupling).
        """
        states = [[m - SPIN_OF[kind] for m in range(int(2 * SPIN_OF[kind]) + 1)] for kind, _ in self.others]
        out = []
        for chosen in product(*states):
            added = [0.0] * len(self.shifts)
            for m, (_, couplings) in zip(chosen, self.others, strict=True):
                for place, j in couplings:
                    added[place] += m * j
            out.append((1.0, tuple(added)))
        return [(weight / len(out), added) for weight, added in out]


@dataclass(frozen=True)
class Molecule:
    """A molecule: the short name used in tables, its name, its systems, and where the numbers come from."""

    key: str
    name: str
    systems: tuple[SpinSystem, ...]
    source: str

    @property
    def n_protons(self) -> float:
        """How many protons it has that are seen."""
        return sum(one.share * one.n_protons for one in self.systems)
