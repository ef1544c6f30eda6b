"""A virtual patient: what fills every place of a head, and what that is like, before any scan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Int

from perspect.phantom.arterial import ArterialInput
from perspect.vocabulary import Grid, Region

LEVELS: Final = 12
"""Steps in which the properties of a compartment vary from place to place: a scan computes the signal of each once."""

Range = tuple[float, float]


class Compartment(IntEnum):
    """What a place can be filled with. The label map of a patient holds these numbers."""

    AIR = 0
    SCALP = 1
    FAT = 2
    BONE = 3
    CSF = 4
    GREY = 5
    WHITE = 6
    CHOROID = 7
    ARTERY = 8
    VEIN = 9
    OEDEMA = 10
    INFILTRATED = 11
    SOLID = 12
    ENHANCING = 13
    NECROSIS = 14
    PUS = 15
    CAPSULE = 16
    BLOOD_CLOT = 17
    CALCIUM = 18


@dataclass(frozen=True)
class Biology:
    """What a compartment is like at 3 T, as ranges over its levels, in inside units.

    `vp` blood volume (mL/mL; the haematocrit of phantoms is zero: blood is what the agent fills), `mtt` and `delay` of
    the agent (s), `ps` (1/s) and `ve` (mL/mL) of leakage, `kp` and `ke` transverse relaxivities around vessels and
    around cells (1/s/mM), `transit` arterial transit time of labelled blood (s), `t1`, `t2` (s), `r2star` (1/s), `spins`
    proton density relative to water, `adc` (mm²/s), `susceptibility` relative to brain (ppm; blood positive, calcium
    negative), `amounts` of metabolites (mM) by name, for spectroscopy.
    Flow is vp/mtt for every modality: one truth.
    """

    vp: Range
    mtt: Range
    delay: Range
    ps: Range
    ve: Range
    kp: Range
    ke: Range
    transit: Range
    t1: Range
    t2: Range
    r2star: Range
    spins: Range
    adc: Range
    susceptibility: float = 0.0
    amounts: Mapping[str, Range] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Part:
    """Where a compartment is on a grid, how much of each of those voxels it fills, and which level it has there.

    `inside` are places in memory order (x fastest), as in `Region.places`.
    """

    compartment: Compartment
    inside: Int[np.ndarray, " inside"]
    fraction: Float32[np.ndarray, " inside"]
    level: Int[np.ndarray, " inside"]


@dataclass(frozen=True, eq=False)
class Patient:
    """A head at rest on a fine grid (1 mm, RAS+). The fractions of all parts sum to one in every voxel.

    `arterial` is the one agent curve that drives DSC and DCE. `field_offset` is the off-resonance (ppm of the main
    field) that air, blood and calcium make. `regions` are the true regions on the fine grid: brain, white (normal-appearing),
    grey, csf, lesion, enhancing, necrosis, oedema, ..., mirror.
    """

    scenario: str
    seed: int
    grid: Grid
    parts: tuple[Part, ...]
    biology: Mapping[Compartment, Biology]
    arterial: ArterialInput
    regions: Mapping[str, Region]
    field_offset: Float32[np.ndarray, "x y z"]
    traps: tuple[str, ...] = ()


def levels(spread: Range, order: Int[np.ndarray, " levels"]) -> Float[np.ndarray, " levels"]:
    """The values of a property over the levels, in an order of its own, so that none foretells another."""
    low, high = spread
    return low + (high - low) * (order + 0.5) / LEVELS
