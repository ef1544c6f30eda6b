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
    TREATED = 19


@dataclass(frozen=True)
class Biology:
    """What a compartment is like at 3 T, as ranges over its levels, in inside units.

    `vp` blood volume (mL/mL; the haematocrit of phantoms is zero: blood is what the agent fills), `mtt` and `delay` of
    the agent (s), `ps` (1/s) and `ve` (mL/mL) of leakage, `kp` and `ke` transverse relaxivities around vessels and
    around cells (1/s/mM), `transit` arterial transit time of labelled blood (s), `t1`, `t2` (s), `r2star` (1/s),
    `spins` proton density relative to water, `adc` (mm²/s), `susceptibility` relative to brain (ppm; blood positive,
    calcium negative), `amounts` of metabolites (mM) by name, for spectroscopy.
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
    field) that air, bone, blood and calcium make. `texture` (0 to 1, uniform) says which level a place has.
    `regions` are the true regions on the fine grid: brain, white (normal-appearing), grey, csf, lesion, enhancing,
    necrosis, oedema, ..., mirror.
    """

    scenario: str
    seed: int
    grid: Grid
    parts: tuple[Part, ...]
    biology: Mapping[Compartment, Biology]
    arterial: ArterialInput
    regions: Mapping[str, Region]
    field_offset: Float32[np.ndarray, "x y z"]
    texture: Float32[np.ndarray, "x y z"]


PROPERTIES: Final = (
    "vp", "mtt", "delay", "ps", "ve", "kp", "ke", "transit", "t1", "t2", "r2star", "spins", "adc",
)  # fmt: skip
"""The properties of `Biology` that vary over its levels."""


@dataclass(frozen=True, eq=False)
class Levels:
    """What a compartment is like at each of its levels, in the units of `Biology`."""

    vp: Float[np.ndarray, " levels"]
    mtt: Float[np.ndarray, " levels"]
    delay: Float[np.ndarray, " levels"]
    ps: Float[np.ndarray, " levels"]
    ve: Float[np.ndarray, " levels"]
    kp: Float[np.ndarray, " levels"]
    ke: Float[np.ndarray, " levels"]
    transit: Float[np.ndarray, " levels"]
    t1: Float[np.ndarray, " levels"]
    t2: Float[np.ndarray, " levels"]
    r2star: Float[np.ndarray, " levels"]
    spins: Float[np.ndarray, " levels"]
    adc: Float[np.ndarray, " levels"]
    amounts: Mapping[str, Float[np.ndarray, " levels"]]

    @property
    def flow(self) -> Float[np.ndarray, " levels"]:
        """Blood flow in 1/s."""
        return np.asarray(self.vp / self.mtt)


_RISING: Final = np.arange(LEVELS)
_TENT: Final = np.where(_RISING < LEVELS // 2, 2 * _RISING, 2 * (LEVELS - _RISING) - 1)
_TWO_TENTS: Final = _TENT[_TENT]
_ORDERS: Final[Mapping[str, Int[np.ndarray, " levels"]]] = {
    "vp": _RISING, "mtt": _TENT, "delay": _TWO_TENTS, "ps": _TENT[::-1], "ve": _TWO_TENTS[::-1],
    "transit": _TWO_TENTS, "t1": _TENT, "t2": _TENT,
}  # fmt: skip
"""How properties run over the levels: neighbours stay alike, yet blood volume foretells neither flow nor leakage."""


def levels(spread: Range, order: Int[np.ndarray, " levels"]) -> Float[np.ndarray, " levels"]:
    """The values of a property over the levels, in an order of its own, so that none foretells another."""
    low, high = spread
    return np.asarray(low + (high - low) * (order + 0.5) / LEVELS)


def levels_of(biology: Biology) -> Levels:
    """What a compartment is like at each level. Acquisition and truth both ask here: they cannot disagree."""
    values = {name: levels(getattr(biology, name), _ORDERS.get(name, _RISING)) for name in PROPERTIES}
    return Levels(**values, amounts={name: levels(spread, _TENT) for name, spread in biology.amounts.items()})
