"""What a spectroscopy voxel holds: a ratio of oedema or cavity says nothing of the tumour."""

from typing import Final

from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, Trap
from perspect.pitfalls.voxel import Voxel
from perspect.vocabulary import Severity

CODE: Final = "voxel-content"

LEAST: Final = {"solid part": threshold(CODE, "solid"), "cavity": threshold(CODE, "cavity")}
"""Share of the voxel that a part must fill to be spoken for."""

OF_CAVITY: Final = ("amino_acids",)
"""Markers of what fills a cavity; all others are of the solid part."""

NAMED: Final = ("solid part", "cavity", "oedema")


def look(voxel: Voxel) -> Trap | None:
    """Markers that are read from a voxel that samples something else, in words."""
    wanted = {one: "cavity" if one in OF_CAVITY else "solid part" for one in voxel.markers}
    if not wanted:
        return None
    if voxel.box is None:
        sentence = "Where the spectroscopy voxel lies is not recorded, so that what it samples is not known."
        return Trap(CODE, Severity.LIMITED, sentence, None, NOWHERE, voxel.markers)
    held = {name: voxel.share(voxel.part(name)) for name in NAMED}
    wrong = tuple(one for one, part in wanted.items() if not held[part] >= LEAST[part])
    if not wrong:
        return None
    listed = ", ".join(f"{share:.0%} {name}" for name, share in held.items())
    least = "solid part" if wanted[wrong[0]] == "solid part" else "cavity"
    sentence = f"The spectroscopy voxel holds {listed}: too little {least} to speak for it."
    return Trap(CODE, Severity.LIMITED, sentence, None, held[least], wrong)
