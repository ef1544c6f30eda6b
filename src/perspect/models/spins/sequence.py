"""The sequences of localised spectroscopy, as what they do to a density matrix."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Complex, Float

from perspect.models.spins.dynamics import REFERENCE, Spins
from perspect.models.spins.pulse import N_PARTS, Pulse
from perspect.vocabulary.problem import Problem

N_POSITIONS: Final = 31
"""Positions across a slice."""

MARGIN: Final = 1.4
"""How far positions reach, in widths of the slice plus the dispersion of the spins."""

DISPERSION: Final = 3.0
"""Half the range of chemical shifts in ppm that must lie within reach."""

OBSERVED: Final = -1
"""The order of coherence that a receiver sees."""


@dataclass(frozen=True)
class Turn:
    """A pulse: an angle in rad about the axis at `phase`, ideal or shaped; then only the order `keep` is left.

    An ideal pulse with a `band` (ppm, low and high) turns only what resonates there.
    """

    angle: float
    phase: float
    keep: int | None = None
    pulse: Pulse | None = None
    band: tuple[float, float] | None = None

    @property
    def duration(self) -> float:
        """Of the pulse in s; 0 if ideal."""
        return 0.0 if self.pulse is None else self.pulse.duration


@dataclass(frozen=True)
class Block:
    """Delays (s) and pulses that select along one direction: a delay goes from centre to centre of the pulses.

    Selection along different directions is separable: with the orders of coherence filtered, the density matrix may be
    averaged over positions after each direction, and a volume costs the sum of its directions and not their product.
    """

    events: tuple[float | Turn, ...]


@dataclass(frozen=True)
class Sequence(ABC):
    """A sequence: `te` in s, and its blocks after an ideal excitation."""

    @property
    @abstractmethod
    def te(self) -> float:
        """Echo time in s."""

    @abstractmethod
    def blocks(self) -> tuple[Block, ...]:
        """What happens between excitation and the first point."""

    @property
    def gain(self) -> float:
        """What an uncoupled spin on resonance gives, relative to pulse and acquire."""
        return 1.0

    @property
    def excited(self) -> int:
        """The order of coherence, after excitation, that becomes the one observed."""
        return OBSERVED

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, float) and not value >= 0:
                raise Problem(f"{name} is {value} s.", "A time between pulses cannot be negative.", "Give s >= 0.")


@dataclass(frozen=True)
class PulseAcquire(Sequence):
    """Excitation and acquisition: between them only the `delay` in s until the first point, in which lines dephase."""

    delay: float = 0.0

    @property
    def te(self) -> float:
        """There is no echo: what relaxes does so for the delay."""
        return self.delay

    def blocks(self) -> tuple[Block, ...]:
        """Free precession."""
        return (Block((self.delay,)),) if self.delay else ()


@dataclass(frozen=True)
class Press(Sequence):
    """Point-resolved spectroscopy: two refocusing pulses, 90 - te1/2 - 180 - te1/2 - te2/2 - 180 - te2/2.

    Bottomley 1987, doi:10.1111/j.1749-6632.1987.tb32915.x
    """

    te1: float
    te2: float
    pulse: Pulse | None = None

    @property
    def te(self) -> float:
        """The sum of both echoes."""
        return self.te1 + self.te2

    def blocks(self) -> tuple[Block, ...]:
        """A pulse for each of two directions."""
        first, second = (Turn(np.pi, np.pi / 2, keep, self.pulse) for keep in (-OBSERVED, OBSERVED))
        return (
            Block((self.te1 / 2, first, self.te1 / 2)),
            Block((self.te2 / 2, second, self.te2 / 2)),
        )


@dataclass(frozen=True)
class Steam(Sequence):
    """Stimulated echo: 90 - te/2 - 90 - tm - 90 - te/2, with crushers in TE and a spoiler in TM. Gives half the signal.

    Coherence of order zero (longitudinal magnetisation and zero-quantum coherence) survives the mixing time.

    Frahm et al. 1987, doi:10.1016/0022-2364(87)90154-5
    """

    echo: float
    tm: float
    pulse: Pulse | None = None

    @property
    def te(self) -> float:
        """Echo time."""
        return self.echo

    def blocks(self) -> tuple[Block, ...]:
        """A pulse for each of two directions."""
        second, third = Turn(np.pi / 2, np.pi / 2, 0, self.pulse), Turn(np.pi / 2, -np.pi / 2, OBSERVED, self.pulse)
        return Block((self.echo / 2, second, self.tm)), Block((third, self.echo / 2))

    @property
    def gain(self) -> float:
        """Only half the magnetisation is stored."""
        return 0.5

    @property
    def excited(self) -> int:
        """What turned one way before the mixing time turns back after it."""
        return -OBSERVED


@dataclass(frozen=True)
class SemiLaser(Sequence):
    """Semi-LASER: four refocusing pulses, two for each direction, centred in three echoes te1, te2, te3 (s).

    90 - te1/2 - 180 - te1/2 - te2/4 - 180 - te2/2 - 180 - te2/4 - te3/2 - 180 - te3/2, where the four pulses are
    adiabatic on the scanner and ideal here unless a shape is given.

    Scheenen et al. 2008, doi:10.1002/mrm.21302
    """

    te1: float
    te2: float
    te3: float
    pulse: Pulse | None = None

    @property
    def te(self) -> float:
        """The sum of the three echoes."""
        return self.te1 + self.te2 + self.te3

    def blocks(self) -> tuple[Block, ...]:
        """Two pulses for each of two directions."""
        turns = [Turn(np.pi, np.pi / 2, keep, self.pulse) for keep in (-OBSERVED, OBSERVED)]
        return (
            Block((self.te1 / 2, turns[0], self.te1 / 2 + self.te2 / 4, turns[1], self.te2 / 4)),
            Block((self.te2 / 4, turns[0], self.te2 / 4 + self.te3 / 2, turns[1], self.te3 / 2)),
        )


@dataclass(frozen=True)
class MegaPress(Sequence):
    """PRESS with two editing pulses half an echo time apart, which turn what resonates in the `edited` band (ppm).

    They undo the coupling of what they do not touch to what they turn; what they turn is dephased by the crushers
    around them. An empty band is the spectrum without editing. The pulses are perfect within the band and do
    nothing outside.

    Mescher et al. 1998, doi:10.1002/(SICI)1099-1492(199810)11:6<266::AID-NBM530>3.0.CO;2-J
    """

    te1: float
    te2: float
    edited: tuple[float, float] = (0.0, 0.0)
    pulse: Pulse | None = None

    @property
    def te(self) -> float:
        """The sum of both echoes."""
        return self.te1 + self.te2

    def blocks(self) -> tuple[Block, ...]:
        """Each refocusing pulse and the editing pulse that follows it."""
        first, second = (Turn(np.pi, np.pi / 2, keep, self.pulse) for keep in (-OBSERVED, OBSERVED))
        edits = [Turn(np.pi, 0.0, keep, band=self.edited) for keep in (-OBSERVED, OBSERVED)]
        middle, half = self.te1 + self.te2 / 2, self.te / 2
        at = (self.te1 / 2 + half) / 2
        return (
            Block((self.te1 / 2, first, at - self.te1 / 2, edits[0], middle - at)),
            Block((second, at + half - middle, edits[1], half - at)),
        )


def evolved(spins: Spins, sequence: Sequence, frequency: float) -> Complex[np.ndarray, "d d"]:
    """The density matrix when the first point is sampled, scaled so that an uncoupled proton gives one."""
    excite = spins.rotation(np.pi / 2, np.pi / 2)
    density = (excite * spins.fz) @ excite.conj().T
    density = np.where(_is(spins, sequence.excited), density, 0)
    rotations: dict[Turn, Complex[np.ndarray, "positions d d"]] = {}
    for block in sequence.blocks():
        turns = [one for one in block.events if isinstance(one, Turn) and one.pulse is not None]
        positions = np.zeros(1)
        for turn in turns:
            assert turn.pulse is not None
            # The same pulse selects in every direction and on both sides of an echo: it is worked out once.
            positions, same = _positions(turn.pulse, frequency), replace(turn, keep=None)
            if same not in rotations:
                rotations[same] = shaped(spins, turn.pulse, positions, turn.phase)
        density = _through(spins, density, block, positions, rotations, frequency)
    return density * (spins.weight / sequence.gain)


def _through(
    spins: Spins,
    density: Complex[np.ndarray, "d d"],
    block: Block,
    positions: Float[np.ndarray, " positions"],
    rotations: Mapping[Turn, Complex[np.ndarray, "positions d d"]],
    frequency: float,
) -> Complex[np.ndarray, "d d"]:
    """Through one block at every position (offsets in Hz), and averaged over them."""
    here = density[None]
    response = np.ones(positions.size)
    events = block.events
    for at, event in enumerate(events):
        if isinstance(event, Turn):
            here = _turned(spins, here, event, rotations, frequency)
            response = response * _response(event, positions)
            continue
        beside = [events[k] for k in (at - 1, at + 1) if 0 <= k < len(events)]
        time = event - sum(one.duration / 2 for one in beside if isinstance(one, Turn))
        if time < -1e-9:
            raise Problem(
                f"A delay of {event * 1e3:g} ms does not hold its pulses.",
                "Times are counted from centre to centre of the pulses.",
                "Give a longer echo time or a shorter pulse.",
            )
        free = spins.propagator(time)
        here = free @ here @ free.conj().T
    scale = response.mean()
    averaged: Complex[np.ndarray, "d d"] = here.mean(axis=0) / scale
    return averaged


def _turned(
    spins: Spins,
    density: Complex[np.ndarray, "p d d"],
    turn: Turn,
    rotations: Mapping[Turn, Complex[np.ndarray, "positions d d"]],
    frequency: float,
) -> Complex[np.ndarray, "q d d"]:
    """After a pulse and the gradients that leave one order of coherence."""
    if turn.band is not None:
        rotation = spins.rotation(turn.angle, turn.phase, _within(spins, turn.band, frequency))[None]
    elif turn.pulse is None:
        rotation = spins.rotation(turn.angle, turn.phase)[None]
    else:
        rotation = rotations[replace(turn, keep=None)]
        density = density.astype(rotation.dtype)
    turned = rotation @ density @ np.swapaxes(rotation, 1, 2).conj()
    return turned if turn.keep is None else np.where(_is(spins, turn.keep), turned, 0)


def shaped(
    spins: Spins, pulse: Pulse, positions: Float[np.ndarray, " positions"], phase: float
) -> Complex[np.ndarray, "positions d d"]:
    """What a shaped pulse does at every position (an offset in Hz), frequencies and couplings acting throughout.

    Offsets and B1 act on each spin alone and are exact; couplings act in between (Strang), once in every part.
    """
    turned = Pulse(pulse.shape * np.exp(1j * phase), pulse.duration, pulse.name)
    omega = 2 * np.pi * positions[:, None] + np.array(spins.omega)[None, :]
    edges = np.linspace(0, pulse.shape.size, N_PARTS + 1).astype(int)
    energies, vectors = np.linalg.eigh(spins.scalar)
    times = np.diff(edges) * pulse.duration / pulse.shape.size

    def coupled(time: float) -> Complex[np.ndarray, "d d"]:
        # Single precision: 1e-6 of the signal, at half the time.
        out: Complex[np.ndarray, "d d"] = ((vectors * np.exp(-1j * energies * time)) @ vectors.T).astype(np.complex64)
        return out

    total = np.broadcast_to(coupled(times[0] / 2), (positions.size, spins.size, spins.size))
    for part, (a, b) in enumerate(zip(*turned.parts(omega, edges), strict=True)):
        total = spins.product(a.astype(np.complex64), b.astype(np.complex64)) @ total
        after = times[part + 1] if part + 1 < N_PARTS else 0.0
        total = coupled((times[part] + after) / 2) @ total
    return total


def _within(spins: Spins, band: tuple[float, float], frequency: float) -> Bool[np.ndarray, " spins"]:
    """Which spins resonate in a band in ppm."""
    ppm = REFERENCE - np.array(spins.omega) / (2 * np.pi * frequency) * 1e6
    return (ppm > band[0]) & (ppm < band[1])


def _response(turn: Turn, positions: Float[np.ndarray, " positions"]) -> Float[np.ndarray, " positions"]:
    """What an uncoupled spin keeps of its signal: how far it is refocused (a half turn), or stored or recalled."""
    if turn.pulse is None:
        return np.ones(positions.size)
    a, b = turn.pulse.rotations(2 * np.pi * positions[:, None])
    return np.abs(b[:, 0]) ** 2 if turn.angle > 2.0 else 2 * np.abs(a[:, 0] * b[:, 0])


def _positions(pulse: Pulse, frequency: float) -> Float[np.ndarray, " positions"]:
    """Offsets in Hz across a slice, far enough for the slices of all spins, at the middles of equal steps."""
    reach = MARGIN * pulse.bandwidth / 2 + DISPERSION * 1e-6 * frequency
    centre = -2.0 * 1e-6 * frequency  # the middle of the spectrum, 2.65 ppm
    return centre + reach * ((np.arange(N_POSITIONS) + 0.5) / N_POSITIONS * 2 - 1)


def _is(spins: Spins, order: int) -> np.ndarray:
    out: np.ndarray = np.abs(spins.order - order) < 0.25
    return out
