"""What fakes a number: one file for each trap, and the tuple of all that look, by what they look at."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from perspect.pitfalls import (
    acids,
    apart,
    arterial,
    content,
    cortex,
    creatine,
    displacement,
    distortion,
    dropout,
    leakage,
    motion,
    passage,
    plausible,
    reference,
    registration,
    sanity,
    scalp,
    shine,
    small,
    spectrum,
    spurious,
    susceptible,
    transit,
    treatment,
    vessel,
    void,
)
from perspect.pitfalls.darkened import Darkened
from perspect.pitfalls.record import Record
from perspect.pitfalls.scene import ArterialInput, Expected, Passage, Scene
from perspect.pitfalls.shown import Shown
from perspect.pitfalls.threshold import KINDS, Kind, Threshold
from perspect.pitfalls.trap import Looks, Trap, flags_of, trapped
from perspect.pitfalls.voxel import Line, Voxel, VoxelMap

LOOKS: Final[Mapping[type, tuple[Looks, ...]]] = MappingProxyType(
    {
        Scene: (
            void.look, vessel.look, cortex.look, dropout.look, distortion.look, leakage.look, reference.look,
            passage.look, motion.look, small.look, arterial.look, transit.look, registration.look, sanity.look,
        ),
        Darkened: (susceptible.look,),
        Shown: (shine.look,),
        Record: (treatment.look,),
        Voxel: (
            spectrum.look, scalp.look, displacement.look, content.look, acids.look, spurious.look, creatine.look,
        ),
        VoxelMap: (plausible.look, apart.look),
    }
)  # fmt: skip
"""Every detector, by the kind of scene that it looks at."""


def look(scene: Scene | Shown | Darkened | Record | Voxel | VoxelMap) -> tuple[Trap, ...]:
    """The traps of a scene, by the order of `LOOKS`."""
    return tuple(found for one in LOOKS[type(scene)] if (found := one(scene)) is not None)


__all__ = [
    "KINDS",
    "LOOKS",
    "ArterialInput",
    "Darkened",
    "Expected",
    "Kind",
    "Line",
    "Looks",
    "Passage",
    "Record",
    "Scene",
    "Shown",
    "Threshold",
    "Trap",
    "Voxel",
    "VoxelMap",
    "flags_of",
    "look",
    "trapped",
]
