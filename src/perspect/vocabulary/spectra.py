"""Signals of spectroscopy as values: free induction decays with what is needed to read them as spectra."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np
from jaxtyping import Complex, Float

from perspect.vocabulary.data import Grid
from perspect.vocabulary.flag import Flag
from perspect.vocabulary.problem import Problem
from perspect.vocabulary.recipe import Recipe
from perspect.vocabulary.status import Status

WATER: Final = 4.65
"""Where water lies in ppm, and with it zero frequency (37 °C)."""

ALIASES: Final = {
    "PCh": "PCho", "PC": "PCho", "mI": "Ins", "Mi": "Ins", "sI": "sIns", "Scyllo": "sIns", "Act": "Ace",
    "PEth": "PE", "PEA": "PE", "Ch": "Cho", "bHG": "2HG", "HG": "2HG",
    "Glth": "GSH",
}  # fmt: skip
"""Other names of the same molecules. "Ace" stays as it is: what one program calls Ace is acetone elsewhere."""

Kind = Literal["metabolite", "macromolecule", "lipid"]


@dataclass(frozen=True, eq=False)
class Spectra:
    """Free induction decays of one acquisition, one voxel or many, one average or many.

    `values` has three axes of space, then the points in time, then what `axes` names: "coil", "transient", ... A
    resonance at δ ppm turns as exp(2πi (4.65 - δ) `frequency` t): what lies below water has positive frequency.
    `dwell` is the time between points in s, `frequency` that of the spectrometer in Hz. `te`, `tr` are in s, and `None`
    where they are not recorded. `is_halved` says that the first point has already been divided by two. `header` is what
    else the file said; `placed` whether `grid` is a position in the scanner.
    """

    values: Complex[np.ndarray, "x y z points *more"]
    dwell: float
    frequency: float
    grid: Grid
    axes: tuple[str, ...] = ()
    te: float | None = None
    tr: float | None = None
    nucleus: str = "1H"
    is_halved: bool = False
    placed: bool = True
    name: str = "spectrum"
    sources: Mapping[str, str] = field(default_factory=dict)
    header: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.values.ndim != 4 + len(self.axes):
            raise Problem(
                f"{self.name} has {self.values.ndim} axes, but only "
                f"{', '.join(('x', 'y', 'z', 'time', *self.axes))} are named.",
                "It is not known which of its signals belong together.",
                "Name every axis after the fourth (dim_5, dim_6, dim_7).",
            )
        if not self.dwell > 0 or not self.frequency > 0:
            raise Problem(
                f"{self.name}: dwell time {self.dwell} s and frequency {self.frequency} Hz.",
                "Without both there is no axis in ppm.",
                "Check the header of the file.",
            )

    @property
    def n_points(self) -> int:
        """How many points in time."""
        return int(self.values.shape[3])

    @property
    def is_single(self) -> bool:
        """Whether there is one voxel."""
        return self.values.shape[:3] == (1, 1, 1)

    @property
    def times(self) -> Float[np.ndarray, " points"]:
        """When the points were sampled, in s."""
        return np.arange(self.n_points) * self.dwell

    @property
    def ppm(self) -> Float[np.ndarray, " points"]:
        """The chemical shift of every bin of `np.fft.fft`, in ppm."""
        return shift(np.fft.fftfreq(self.n_points, self.dwell), self.frequency)


def shift(offset: Float[np.ndarray, "*any"], frequency: float) -> Float[np.ndarray, "*any"]:
    """The chemical shift in ppm of an offset in Hz from water."""
    out: Float[np.ndarray, "*any"] = WATER - np.asarray(offset) / frequency * 1e6
    return out


@dataclass(frozen=True, eq=False)
class Basis:
    """The signal of every molecule, without noise and (nearly) without decay, in the sense and units of `Spectra`.

    The scale is protons: at zero echo time a molecule of unit amount begins with the number of its protons. `kinds`
    says what each is; `origin` where the set is from; `delay` for how many s lines had dephased at the first point,
    where nothing refocused them.
    """

    names: tuple[str, ...]
    values: Complex[np.ndarray, "molecules points"]
    dwell: float
    frequency: float
    te: float | None
    origin: str
    kinds: tuple[Kind, ...] = ()
    delay: float = 0.0

    def __post_init__(self) -> None:
        if not self.kinds:
            object.__setattr__(self, "kinds", ("metabolite",) * len(self.names))
        if not len(self.names) == len(self.values) == len(self.kinds):
            raise Problem(
                f"The basis has {len(self.names)} names and {len(self.values)} signals.",
                "Nothing says which signal is whose.",
                "Give one name and one kind for each signal.",
            )
        if len(set(self.names)) < len(self.names):
            raise Problem(
                "Two signals of the basis have one name.",
                "Their amounts could not be told apart.",
                "Give every molecule its own name.",
            )

    def only(self, names: tuple[str, ...]) -> "Basis":
        """The same set with these molecules, in this order."""
        missing = [one for one in names if one not in self.names]
        if missing:
            raise Problem(
                f"The basis has no {', '.join(missing)}.",
                "What is not in the basis cannot be measured.",
                f"It has {', '.join(self.names)}.",
            )
        at = [self.names.index(one) for one in names]
        return replace(self, names=names, values=self.values[at], kinds=tuple(self.kinds[k] for k in at))


@dataclass(frozen=True)
class Amount:
    """How much of a molecule, a sum or a ratio there is, with its error and what can be said where it is not seen.

    `value` and `std` are in `unit`; `lower` and `upper` are one-sided 95 % limits (each holds by itself). Where the
    data do not determine a value it is NaN, `status` says why, and a limit may still be known. `is_detected` is: the
    value is more than three standard errors above zero.
    """

    key: str
    value: float
    std: float
    lower: float
    upper: float
    unit: str
    status: Status
    is_detected: bool
    parts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.status.is_failure == np.isfinite(self.value):
            raise ValueError(f"{self.key}: value {self.value} does not go with status {self.status.name}.")


@dataclass(frozen=True, eq=False)
class FittedSpectrum:
    """A spectrum with what was fitted to it, all real and in one unit, at `ppm`.

    `data` is phased; `parts` are the signals that make up `fit` together with `baseline`. All lines were found `off`
    ppm below their places, by the temperature of what was measured or by a frequency that drifted.
    """

    ppm: Float[np.ndarray, " bins"]
    data: Float[np.ndarray, " bins"]
    fit: Float[np.ndarray, " bins"]
    baseline: Float[np.ndarray, " bins"]
    parts: Mapping[str, Float[np.ndarray, " bins"]]
    noise: float
    off: float = 0.0

    @property
    def referenced(self) -> Float[np.ndarray, " bins"]:
        """The axis in ppm on which lines are where they belong."""
        out: Float[np.ndarray, " bins"] = self.ppm + self.off
        return out

    @property
    def residual(self) -> Float[np.ndarray, " bins"]:
        """What is left."""
        out: Float[np.ndarray, " bins"] = self.data - self.fit
        return out


@dataclass(frozen=True, eq=False)
class MeasuredSpectrum:
    """What the room of spectroscopy returns for one voxel: amounts, ratios, the fit, flags, recipe, plain numbers.

    `signal` is the preprocessed signal that was fitted. Where the spectrum was refused, `amounts` and `ratios` hold no
    number and the flags say why. `joint` are amounts from all echo times together, where there were several;
    `contralateral` amounts over those of the other side of the brain, where it was measured. `posterior` are median,
    standard deviation and limits of samples of the posterior density, where they were drawn.
    """

    amounts: Mapping[str, Amount]
    ratios: Mapping[str, Amount]
    fitted: FittedSpectrum | None
    signal: Spectra
    flags: tuple[Flag, ...]
    recipe: Recipe
    summary: Mapping[str, Any] = field(default_factory=dict)
    joint: Mapping[str, Amount] = field(default_factory=dict)
    contralateral: Mapping[str, Amount] = field(default_factory=dict)
    posterior: Mapping[str, Amount] = field(default_factory=dict)


@dataclass(frozen=True)
class Compared:
    """Ratios to `denominator` here and in another program's file `name`, in words: name, here, there."""

    name: str
    denominator: str
    rows: tuple[tuple[str, str, str], ...]
