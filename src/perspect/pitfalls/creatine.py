"""Creatine is not constant in tumours: a ratio to it may rise because creatine falls."""

from typing import Final

from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, Trap
from perspect.pitfalls.voxel import Voxel
from perspect.vocabulary import Severity

CODE: Final = "creatine-changed"

LOW, HIGH = threshold(CODE, "low"), threshold(CODE, "high")
"""mmol/kg of total creatine between which it is about that of brain."""

OVER_CREATINE: Final = ("cho_cr", "glx_cr", "two_hg")
"""Markers that are divided by it."""


def look(voxel: Voxel) -> Trap | None:
    """Ratios to creatine where it is far from normal, or where nothing but such ratios was read."""
    over = tuple(one for one in OVER_CREATINE if one in voxel.markers)
    if not over:
        return None
    amount = voxel.line.creatine
    if amount < LOW or amount > HIGH:
        sentence = f"Total creatine is {amount:.1f} mmol/kg, so that ratios to it say as much about creatine."
    elif "cho_naa" not in voxel.markers:
        sentence = "Only ratios to creatine were read, which is not constant in tumours."
    else:
        return None
    return Trap(CODE, Severity.LIMITED, sentence, None, NOWHERE, over)
