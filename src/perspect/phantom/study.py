"""A whole virtual examination: a patient, the sequences with their traps, and what each of them gives."""

from dataclasses import dataclass, replace
from typing import Final
from zlib import crc32

import numpy as np

from perspect.phantom.artefacts import TRAPS, Did, Trap
from perspect.phantom.patient import Patient
from perspect.phantom.protocols import EXAMINATION
from perspect.phantom.scenarios import Scenario
from perspect.phantom.sequence import Acquired, Sequence
from perspect.phantom.virtual import virtual_patient
from perspect.vocabulary import Problem, Template

EXCLUSIVE: Final = (frozenset({"late-bolus", "truncated-tail"}),)
"""Traps that undo each other."""


@dataclass(frozen=True)
class Simulation:
    """What is to be simulated: who, how examined, what goes wrong. The same values give the same numbers."""

    scenario: Scenario
    seed: int = 1
    traps: tuple[Trap, ...] = ()
    sequences: tuple[Sequence, ...] = EXAMINATION

    def __post_init__(self) -> None:
        for some in EXCLUSIVE:
            if some <= {trap.name for trap in self.traps}:
                one, other = sorted(some)
                raise Problem(
                    f"The traps {one} and {other} exclude each other.",
                    "Both say how much of the series lies after the bolus.",
                    "Set one of them.",
                )

    def patient(self, template: Template) -> Patient:
        """The patient, with those traps that lie in the anatomy."""
        inserts = tuple(trap.insert for trap in self.traps if trap.insert is not None)
        return virtual_patient(self.scenario, template, self.seed, inserts)

    def scanned(self, patient: Patient, sequence: Sequence) -> Acquired:
        """One of the sequences, with the traps set for it.

        Each sequence and each trap draws from a stream of its own: which others there are, and in what order they run,
        changes nothing.
        """
        scan, did = self.protocol(sequence)
        acquired = scan.acquire(patient, self._stream(sequence, "noise"))
        for trap in self._set_for(sequence):
            if trap.of_images is not None:
                acquired, did[trap.name] = trap.of_images(acquired, self._stream(sequence, trap.name))
        return replace(acquired, traps=did)

    def protocol(self, sequence: Sequence) -> tuple[Sequence, dict[str, Did]]:
        """One of the sequences as it is run, and what each trap has changed of it."""
        scan, did = sequence, dict[str, Did]()
        for trap in self._set_for(sequence):
            if trap.of_protocol is not None:
                before, scan = scan, trap.of_protocol(scan, self._stream(sequence, trap.name))
                did[trap.name] = _changed(before, scan)
        return scan, did

    def _set_for(self, sequence: Sequence) -> list[Trap]:
        """Its traps, in the order of `TRAPS`, in whichever they were asked for."""
        order = [one.name for one in TRAPS]
        asked = sorted(self.traps, key=lambda one: order.index(one.name) if one.name in order else len(order))
        return [trap for trap in asked if sequence.name in trap.sequences]

    def _stream(self, sequence: Sequence, what: str) -> np.random.Generator:
        key = (crc32(sequence.name.encode()), crc32(what.encode()))
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


def _changed(before: Sequence, after: Sequence) -> Did:
    """The fields of a protocol that a trap changed, as they are now, in inside units."""
    was = vars(before)
    return {name: now for name, now in vars(after).items() if was[name] != now}
