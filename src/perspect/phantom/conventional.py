"""Conventional contrasts: T1 before and after agent, T2, FLAIR, diffusion, T2* with its phase."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Num

from perspect.phantom.agent import Agent, agent
from perspect.phantom.coverage import regions_on
from perspect.phantom.kinds import Kinds
from perspect.phantom.magnetisation import after_train, periodic, recovered
from perspect.phantom.patient import Patient
from perspect.phantom.receiver import GYROMAGNETIC, magnitude, stored
from perspect.phantom.scanner import WHITE_LEVEL, Receives, Scanner, scanner
from perspect.phantom.sequence import Acquired, Image, Injection, Sequence, Slab

_TRUTH: Final = ("t1", "t2", "r2star")
_DIFFUSION_TRUTH: Final = ("t1", "t2", "adc")


@dataclass(frozen=True)
class Still(Sequence):
    """A sequence that gives one volume, on the grid of the patient where `slab` is None.

    Times in s, angles in rad, field in T. `snr` is that of white matter. `injections` are those given before.
    """

    name: str
    tr: float
    te: float
    slab: Slab | None = None
    field: float = 3.0
    injections: tuple[Injection, ...] = ()
    snr: float = 60.0
    is_rounded: bool = True

    def acquire(self, patient: Patient, rng: np.random.Generator) -> Acquired:
        """The image."""
        ready = _ready(self, patient)
        carried = agent(patient.arterial, self.injections, ready.kinds, np.zeros(1))
        signal = self.signal(ready.kinds, carried)
        scale = WHITE_LEVEL / ready.white(np.abs(signal))
        receives = Receives(scale, WHITE_LEVEL / self.snr, rng, self.gradient_te, self.is_rounded)
        return _acquired(self, patient, ready, self.images(ready, signal, receives), _TRUTH)

    @property
    def gradient_te(self) -> float | None:
        """The echo time, if field that changes across a voxel costs signal."""
        return None

    @abstractmethod
    def signal(self, kinds: Kinds, carried: Agent) -> Float[np.ndarray, " kinds"]:
        """The signal of pure kinds, of either sign."""

    def images(self, ready: Scanner, signal: Float[np.ndarray, " kinds"], receives: Receives) -> tuple[Image, ...]:
        """What is stored: the magnitude."""
        return (Image(self.name, ready.movie(signal[None], ready.everywhere_alike, receives)[..., 0], ready.grid),)


@dataclass(frozen=True)
class Mprage(Still):
    """Inversion, then a train of `n` spoiled pulses `spacing` s apart whose middle is `ti` after the inversion.

    Mugler and Brookeman 1990, doi:10.1002/mrm.1910150117.
    """

    ti: float = 0.9
    flip_angle: float = float(np.deg2rad(9.0))
    n: int = 176
    spacing: float = 0.007

    def signal(self, kinds: Kinds, carried: Agent) -> Float[np.ndarray, " kinds"]:
        """What the middle of the train shows; its echo is too short for an uneven field to matter."""
        t1 = 1.0 / carried.r1(kinds)[0]
        half = self.n // 2
        wait = self.ti - half * self.spacing
        rest = self.tr - wait - self.n * self.spacing

        def at_middle(along: Float[np.ndarray, " kinds"]) -> Float[np.ndarray, " kinds"]:
            return after_train(recovered(-along, wait, t1), self.flip_angle, self.spacing, half, t1)

        def period(along: Float[np.ndarray, " kinds"]) -> Float[np.ndarray, " kinds"]:
            train = after_train(at_middle(along), self.flip_angle, self.spacing, self.n - half, t1)
            return recovered(train, rest, t1)

        shown = np.sin(self.flip_angle) * at_middle(periodic(period, t1))
        return np.asarray(kinds.spins * shown * np.exp(-self.te * carried.r2star(kinds)[0]))


@dataclass(frozen=True)
class SpinEcho(Still):
    """A (fast) spin echo: T2-weighted; after an inversion that nulls fluid of T1 `nulled` (s), FLAIR."""

    nulled: float | None = None

    @property
    def ti(self) -> float | None:
        """When fluid crosses zero after the inversion, in s."""
        if self.nulled is None:
            return None
        return float(self.nulled * (np.log(2.0) - np.log1p(np.exp(-self.tr / self.nulled))))

    def signal(self, kinds: Kinds, carried: Agent) -> Float[np.ndarray, " kinds"]:
        """The excitation leaves nothing along the field; agent shortens T1 alone."""
        t1 = 1.0 / carried.r1(kinds)[0]
        along = recovered(0.0 * t1, self.tr, t1)
        if self.ti is not None:
            along = recovered(-recovered(0.0 * t1, self.tr - self.ti, t1), self.ti, t1)
        return np.asarray(kinds.spins * along * np.exp(-self.te / kinds.t2))


@dataclass(frozen=True)
class GradientEcho(Still):
    """A spoiled gradient echo with a long echo time, magnitude and phase: blood and calcium differ in their phase."""

    flip_angle: float = float(np.deg2rad(15.0))

    @property
    def gradient_te(self) -> float:
        """The echo time: it is a gradient echo."""
        return self.te

    def signal(self, kinds: Kinds, carried: Agent) -> Float[np.ndarray, " kinds"]:
        """The steady state."""
        kept = np.exp(-self.tr * carried.r1(kinds)[0])
        along = np.sin(self.flip_angle) * (1.0 - kept) / (1.0 - np.cos(self.flip_angle) * kept)
        return np.asarray(kinds.spins * along * np.exp(-self.te * carried.r2star(kinds)[0]))

    def images(self, ready: Scanner, signal: Float[np.ndarray, " kinds"], receives: Receives) -> tuple[Image, ...]:
        """Magnitude and phase (rad, -π to π) of one signal: noise across it turns it, the more the weaker it is."""
        ((_, channels),) = ready.channels(signal[None], ready.everywhere_alike, receives)
        turned = np.arctan2(channels[1], channels[0]) / np.float32(2.0 * np.pi)
        of_field = ready.field_offset[0] * np.float32(GYROMAGNETIC * self.field * self.te)
        turns = of_field + turned.reshape(ready.grid.shape, order="F")
        phase = np.float32(2.0 * np.pi) * (turns - np.floor(turns + np.float32(0.5)))
        size = magnitude(channels)
        shown = (stored(size) if receives.is_rounded else size).reshape(ready.grid.shape, order="F")
        return (Image(self.name, shown, ready.grid), Image(f"{self.name}_phase", phase, ready.grid))


@dataclass(frozen=True)
class Diffusion(Sequence):
    """Spin-echo EPI without and with diffusion weighting `b` (s/mm²) along three directions, and the ADC they give."""

    slab: Slab
    tr: float = 5.0
    te: float = 0.080
    b: float = 1000.0
    n_directions: int = 3
    field: float = 3.0
    snr: float = 40.0
    is_rounded: bool = True
    name: str = "dwi"

    @property
    def b_values(self) -> tuple[float, ...]:
        """Of each volume, in s/mm²."""
        return (0.0, *([self.b] * self.n_directions))

    def acquire(self, patient: Patient, rng: np.random.Generator) -> Acquired:
        """Every volume, and the map of ADC (mm²/s) that a scanner makes of them."""
        ready = scanner(patient, self.slab.grid(patient), self.field)
        kinds = ready.kinds
        still = kinds.spins * -np.expm1(-self.tr / kinds.t1) * np.exp(-self.te / kinds.t2)
        signal = np.stack([still * np.exp(-b * kinds.adc) for b in self.b_values])
        receives = Receives(
            WHITE_LEVEL / ready.white(still), WHITE_LEVEL / self.snr, rng, is_rounded=self.is_rounded
        )  # fmt: skip
        series = ready.movie(signal, ready.everywhere_alike, receives)
        images = (
            Image("dwi", series, ready.grid, np.arange(len(self.b_values)) * self.tr),
            Image("adc", measured_adc(series, self.b), ready.grid),
        )
        return _acquired(self, patient, ready, images, _DIFFUSION_TRUTH)


def measured_adc(series: Num[np.ndarray, "x y z volumes"], b: float) -> Float[np.ndarray, "x y z"]:
    """ADC in mm²/s from the mean logarithm of the weighted volumes; NaN where the first or any of them is empty."""
    level = np.log(np.where(series > 0, series, np.nan), dtype=np.float32)
    return np.asarray((level[..., 0] - level[..., 1:].mean(axis=-1)) / np.float32(b))


def _ready(sequence: Still, patient: Patient) -> Scanner:
    grid = patient.grid if sequence.slab is None else sequence.slab.grid(patient)
    return scanner(patient, grid, sequence.field)


def _acquired(
    sequence: Sequence, patient: Patient, ready: Scanner, images: tuple[Image, ...], truths: tuple[str, ...]
) -> Acquired:
    """What a sequence gave, with true maps on its grid unless that is the patient's own: for it there is a table."""
    shown = {} if ready.grid is patient.grid else ready.truths(truths)
    return Acquired(sequence, images, ready.grid, shown, regions_on(patient, ready.grid))
