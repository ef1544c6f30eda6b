"""Fat of the scalp in a spectrum: it looks like the lipid of necrosis, and comes from millimetres beside the voxel."""

from typing import Final

from perspect.anatomy.distance import grown
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import Trap
from perspect.pitfalls.voxel import LINES, Voxel
from perspect.vocabulary import Severity

CODE: Final = "scalp-fat"

NEAR: Final = threshold(CODE, "near")
"""mm from fat outside of the brain within which a voxel's lipid may be that fat's."""

OVERLAP: Final = threshold(CODE, "overlap")
"""Share of the box of lipid that may lie outside of the brain."""

OF_LIPID: Final = ("lipid_lactate", "amino_acids")
"""Markers that lipid decides."""


def look(voxel: Voxel) -> Trap | None:
    """How much of the box that lipid comes from lies outside of the brain, or near fat; the worst of the senses in
    which it may be displaced.
    """
    if voxel.box is None or not voxel.brain.any():
        return None
    boxes = voxel.displaced(LINES["lactate and lipid"])
    outside = max(voxel.share(~voxel.brain, box) for box in boxes)
    if outside > OVERLAP:
        sentence = f"Up to {outside:.0%} of the box that lipid is read from lies outside of the brain."
        return Trap(CODE, Severity.LIMITED, sentence, None, outside, ("mrs",))
    close = grown(voxel.scalp, NEAR, voxel.grid)
    reached = max(voxel.share(close, box) for box in boxes) if voxel.scalp.any() else 0.0
    if not reached > 0:
        return None
    sentence = f"The box that lipid is read from comes within {NEAR:g} mm of the fat of the scalp."
    return Trap(CODE, Severity.LIMITED, sentence, None, reached, OF_LIPID)
