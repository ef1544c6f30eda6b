"""What detectors look at: a perfusion image and its maps, with the parts of a lesion on its grid; and what is known of
how it was taken.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import nan

import numpy as np
from jaxtyping import Bool, Float

from perspect.vocabulary import Grid, Region


@dataclass(frozen=True)
class Passage:
    """How well the bolus of a series is seen: volumes before it, s between volumes and from the peak to the end, the
    blood volume of a voxel of white matter over its standard error, and the width (s) of the first pass over the
    brain. `rest` and `first_pass` are from when to when (s on the axis of the series) these last, `end` is its last
    volume. NaN: not known.
    """

    n_baseline: int
    step: float
    tail: float
    contrast: float
    width: float = nan
    rest: tuple[float, float] = (nan, nan)
    first_pass: tuple[float, float] = (nan, nan)
    end: float = nan


@dataclass(frozen=True)
class ArterialInput:
    """What is known of an arterial input: its relative error, its peak in mM of plasma, the width of its first pass in
    s (NaN: not known), and whether it is this patient's.
    """

    error: float
    peak: float = nan
    width: float = nan
    is_measured: bool = True


@dataclass(frozen=True)
class Expected:
    """A number that is known beforehand, within limits: if it lies outside, scale or units are wrong."""

    name: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Scene:
    """One perfusion image (or a map of a scanner) beside a lesion, all on one grid.

    `at_rest` is the signal before the bolus in arbitrary units, `maps` are by the key of their quantity in inside
    units, `parts` those of the lesion by name. `brain` and `white` (normal-appearing) are masks; `grey` and `fluid` are
    shares of tissue from conventional images, NaN where no class fits, `None` where there are none. `anatomy` is the
    brain that conventional images show on this grid. `spoils` is the modality.
    `references` are medians of rCBV in other candidates for normal white matter, relative to the one in use, by name;
    `reference_spread` is its robust coefficient of variation. `is_corrected` says whether leakage was taken out,
    `is_t2star` whether agent and iron darken the image, `bolus_motion` the largest framewise displacement (mm) while
    the bolus passes, `steps` each of these with its time (s), `alignment_error` the standard error (mm) of where the
    image lies in the anatomy, `unevenness` the spatial coefficient of variation of labelled blood in grey matter,
    `positions_apart` how far (voxels) the two positions of its header are. NaN: not known.
    """

    grid: Grid
    at_rest: Float[np.ndarray, "x y z"]
    maps: Mapping[str, Float[np.ndarray, "x y z"]]
    brain: Bool[np.ndarray, "x y z"]
    white: Bool[np.ndarray, "x y z"]
    parts: Mapping[str, Region]
    grey: Float[np.ndarray, "x y z"] | None = None
    fluid: Float[np.ndarray, "x y z"] | None = None
    references: Mapping[str, float] = field(default_factory=dict)
    is_corrected: bool = True
    spoils: str = "dsc"
    is_t2star: bool = True
    anatomy: Bool[np.ndarray, "x y z"] | None = None
    reference_spread: float = nan
    passage: Passage | None = None
    arterial: ArterialInput | None = None
    bolus_motion: float = nan
    steps: tuple[tuple[float, float], ...] = ()
    alignment_error: float = nan
    unevenness: float = nan
    positions_apart: float = 0.0
    expected: tuple[Expected, ...] = ()

    @property
    def solid(self) -> Bool[np.ndarray, "x y z"]:
        """The solid part of the lesion; nothing where it has none."""
        part = self.parts.get("solid part")
        return np.zeros(self.grid.shape, bool) if part is None else part.mask

    @property
    def rim(self) -> Bool[np.ndarray, "x y z"]:
        """What lies around the lesion; nothing where that is unknown."""
        part = self.parts.get("rim of 5 mm")
        return np.zeros(self.grid.shape, bool) if part is None else part.mask

    @property
    def level(self) -> float:
        """The median signal at rest in normal-appearing white matter."""
        return float(np.median(self.at_rest[self.white])) if self.white.any() else float("nan")
