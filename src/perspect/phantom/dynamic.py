"""Scans of a bolus: DSC and DCE, driven by the same agent."""

from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.phantom.agent import IN_VESSEL, R1, WATER_EXCHANGE, Agent, agent
from perspect.phantom.coverage import regions_on
from perspect.phantom.kinds import Kinds
from perspect.phantom.magnetisation import at_pulses, at_pulses_exchanging
from perspect.phantom.mixing import by_slice, by_value
from perspect.phantom.patient import Patient
from perspect.phantom.physics import steady_state
from perspect.phantom.receiver import transmit_field
from perspect.phantom.saturation import dephased_by_arteries, within_reach
from perspect.phantom.scanner import WHITE_LEVEL, Receives, VarietiesOf, drifting, motion_columns, scanner
from perspect.phantom.sequence import Acquired, Image, Injection, Moved, Sequence, Slab

_NODES: Final = 12
_B1_NOISE: Final = 0.01
_DSC_TRUTH: Final = ("cbv", "rcbv", "cbf", "mtt", "delay", "ktrans", "ve", "t1", "r2star")
_DCE_TRUTH: Final = ("ktrans", "ps", "ve", "vp", "cbf", "delay", "t1")


@dataclass(frozen=True)
class Dsc(Sequence):
    """Dynamic susceptibility contrast: gradient-echo EPI, slice after slice within each TR, one echo or two.

    Times in s, angles in rad, field in T. `dummies` are pulses before the first recorded one. `snr` is that of white
    matter at rest in the first echo; infinity is no noise. `r1` (1/s/mM) is the relaxivity of the agent,
    `water_exchange` (1/s) how often water leaves the capillaries (infinity: all water is mixed, as the digital objects
    of the literature have it, which overstates T1 effects), `in_vessel` the R2* of blood in large vessels in 1/s/mM at
    3 T, `saturation` what arteries add to it in themselves and around them, `drift` the relative change of all signal
    from the first volume to the last. Not simulated: distortion, pulsation, the profile of a slice, an uneven flip
    angle.
    """

    slab: Slab
    n_frames: int = 120
    tr: float = 1.5
    te: tuple[float, ...] = (0.030,)
    flip_angle: float = np.pi / 3.0
    field: float = 3.0
    injections: tuple[Injection, ...] = (Injection(-360.0), Injection(33.0))
    dummies: int = 4
    snr: float = 60.0
    r1: float = R1
    water_exchange: float = WATER_EXCHANGE
    in_vessel: float = IN_VESSEL
    saturation: float = 0.0
    drift: float = 0.0
    motion: tuple[Moved, ...] = ()
    is_rounded: bool = True
    name: str = "dsc"

    @property
    def times(self) -> Float[np.ndarray, " time"]:
        """When each volume begins, in s."""
        return np.arange(self.n_frames) * self.tr

    @property
    def slice_times(self) -> Float[np.ndarray, " slices"]:
        """When each slice is taken, from the start of its volume, in s."""
        return np.asarray(np.arange(self.slab.shape[2]) * (self.tr / self.slab.shape[2]))

    @property
    def has_preload(self) -> bool:
        """Whether agent was given before the images."""
        return any(one.start < 0.0 for one in self.injections)

    @property
    def bolus(self) -> Injection:
        """The injection that is imaged."""
        return self.injections[-1]

    def acquire(self, patient: Patient, rng: np.random.Generator) -> Acquired:
        """One image per echo; the table has the arterial curve (mM) at the start of each volume, and the motion."""
        ready = scanner(patient, self.slab.grid(patient), self.field, self.motion)
        at = (self.times[:, None] + self.slice_times).reshape(-1)
        carried = agent(patient.arterial, self.injections, ready.kinds, at)
        signals = dsc_signals(self, ready.kinds, carried)
        last_at_rest = max(int(np.searchsorted(self.times, self.bolus.arrival)) - 1, 0)
        scale = WHITE_LEVEL / ready.white(signals[0][last_at_rest])
        varieties: VarietiesOf = by_slice(ready.grid)
        if self.saturation:
            signals = [
                dephased_by_arteries(signal, carried, ready.kinds, self.saturation, te)
                for te, signal in zip(self.te, signals, strict=True)
            ]
            varieties = partial(within_reach, varieties=by_slice(ready.grid))
        stacks = [
            ready.movie(
                signal.reshape(self.n_frames, -1) * drifting(self.n_frames, self.drift),
                varieties,
                Receives(scale, WHITE_LEVEL / self.snr, rng, te, self.is_rounded),
                self.motion,
            )
            for te, signal in zip(self.te, signals, strict=True)
        ]
        numbers = range(1, len(self.te) + 1) if len(self.te) > 1 else (None,)
        images = tuple(
            Image("dsc", stack, ready.grid, self.times, number) for stack, number in zip(stacks, numbers, strict=True)
        )
        table = {
            "arterial": carried.arterial[:: at.size // self.n_frames],
            **motion_columns(self.motion, self.n_frames),
        }
        return Acquired(self, images, ready.grid, ready.truths(_DSC_TRUTH), regions_on(patient, ready.grid), table)


def dsc_signals(scan: Dsc, kinds: Kinds, carried: Agent) -> list[Float[np.ndarray, "time slices kinds"]]:
    """The signal of each echo of pure kinds, with the agent at the times of all slices of all volumes."""
    shape = (scan.n_frames, -1, kinds.n)
    pulses = (scan.flip_angle, scan.tr, scan.dummies)
    if np.isinf(scan.water_exchange):
        before = at_pulses(carried.r1(kinds, scan.r1).reshape(shape), *pulses)
    else:
        inside, outside = (one.reshape(shape) for one in carried.r1_of_pools(kinds, scan.r1))
        before = at_pulses_exchanging(inside, outside, kinds.vp, scan.water_exchange, *pulses)
    r2star = carried.r2star(kinds, scan.in_vessel).reshape(shape)
    along = np.sin(scan.flip_angle) * kinds.spins * before
    return [np.asarray(along * np.exp(-te * r2star), np.float32) for te in scan.te]


@dataclass(frozen=True)
class Dce(Sequence):
    """Dynamic contrast-enhanced imaging: 3-D spoiled gradient echo in its steady state, after one at each flip angle.

    `interval` is the time between volumes, each of which shows the agent at its middle. `flip_angles` are those of the
    images from which T1 is measured before agent comes. The true flip angle varies over the head
    (`receiver.transmit_field`); a map of it is among the images, as scanners give it. `snr` is that of white matter at
    rest in the series. All water of a voxel's compartment is mixed, as every kinetic model of the analysis supposes.
    Other fields as in `Dsc`.
    """

    slab: Slab
    n_frames: int = 72
    interval: float = 5.0
    tr: float = 0.005
    te: float = 0.002
    flip_angle: float = float(np.deg2rad(15.0))
    flip_angles: tuple[float, ...] = tuple(float(one) for one in np.deg2rad([2.0, 5.0, 10.0, 15.0]))
    field: float = 3.0
    injections: tuple[Injection, ...] = (Injection(33.0),)
    snr: float = 30.0
    r1: float = R1
    in_vessel: float = IN_VESSEL
    drift: float = 0.0
    motion: tuple[Moved, ...] = ()
    is_rounded: bool = True
    name: str = "dce"

    @property
    def times(self) -> Float[np.ndarray, " time"]:
        """When each volume begins, in s."""
        return np.arange(self.n_frames) * self.interval

    @property
    def bolus(self) -> Injection:
        """The injection that is imaged."""
        return self.injections[-1]

    def acquire(self, patient: Patient, rng: np.random.Generator) -> Acquired:
        """The series, an image per flip angle, the map of the flip angle; the table has the arterial curve (mM)."""
        ready = scanner(patient, self.slab.grid(patient), self.field, self.motion)
        kinds, grid = ready.kinds, ready.grid
        b1 = transmit_field(patient, grid)
        nodes = np.linspace(float(b1.min()), float(b1.max()) + 1e-6, _NODES)
        varied = by_value(b1, nodes)
        carried = agent(patient.arterial, self.injections, kinds, self.times + 0.5 * self.interval)
        before = agent(patient.arterial, (), kinds, np.zeros(1))
        nominal = spgr_signals(self, kinds, before, np.array([self.flip_angle]))
        receives = Receives(
            WHITE_LEVEL / ready.white(nominal), WHITE_LEVEL / self.snr, rng, self.te, self.is_rounded
        )  # fmt: skip
        series = spgr_signals(self, kinds, carried, self.flip_angle * nodes).reshape(self.n_frames, -1)
        movie = ready.movie(series * drifting(self.n_frames, self.drift), varied, receives, self.motion)
        still = [spgr_signals(self, kinds, before, one * nodes).reshape(1, -1) for one in self.flip_angles]
        stills = ready.movie(np.concatenate(still), varied, receives)
        measured = b1 + np.float32(_B1_NOISE) * rng.standard_normal(b1.size, dtype=np.float32)
        images = (
            Image("dce", movie, grid, self.times),
            *(Image("vfa", stills[..., i], grid, number=i + 1) for i in range(len(self.flip_angles))),
            Image("b1", measured.reshape(grid.shape, order="F"), grid),
        )
        shown = {**ready.truths(_DCE_TRUTH), "b1": b1.reshape(grid.shape, order="F")}
        table = {"arterial": carried.arterial, **motion_columns(self.motion, self.n_frames)}
        return Acquired(self, images, grid, shown, regions_on(patient, grid), table)


def spgr_signals(
    scan: Dce, kinds: Kinds, carried: Agent, flip_angles: Float[np.ndarray, " nodes"]
) -> Float[np.ndarray, "time nodes kinds"]:
    """The signal of pure kinds at several true flip angles, with the T2* of the agent."""
    r1, r2star = carried.r1(kinds, scan.r1), carried.r2star(kinds, scan.in_vessel)
    signals = [steady_state(r1, r2star, scan.tr, scan.te, float(angle)) for angle in flip_angles]
    return np.asarray(kinds.spins * np.stack(signals, axis=1), np.float32)
