"""Chemical-shift displacement: slices select each line in another place, so that a ratio is of two places."""

from typing import Final

import numpy as np

from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import Trap
from perspect.pitfalls.voxel import LINES, Voxel
from perspect.vocabulary import Severity

APART: Final = threshold("voxel-displaced", "apart")
"""Difference of the shares of the lesion in the boxes of two lines from which their ratio is of two places."""

COMPARED: Final = ("choline", "NAA", "lactate and lipid")
"""Lines whose boxes are compared."""

WHOLE: Final = "whole"


def look(voxel: Voxel) -> Trap | None:
    """How differently the boxes of choline, NAA and lipid hold the lesion, for the worst sense of displacement.

    A caution where the bandwidth had to be assumed.
    """
    lesion = voxel.part(WHOLE) if WHOLE in voxel.parts else voxel.part("solid part")
    if voxel.box is None or not lesion.any():
        return None
    shares = np.array([[voxel.share(lesion, box) for box in voxel.displaced(LINES[name])] for name in COMPARED])
    # The same gradients move all lines, so that only boxes of one sense are compared.
    difference = float((shares.max(axis=0) - shares.min(axis=0)).max())
    if not difference > APART:
        return None
    is_known = voxel.bandwidth > 0
    assumed = "" if is_known else " (with the bandwidth that is usual, since none is recorded)"
    sentence = (
        f"The boxes of choline, NAA and lipid are displaced against each other: their shares of the lesion differ by "
        f"up to {difference:.0%}{assumed}."
    )
    severity = Severity.LIMITED if is_known else Severity.CAUTION
    return Trap("voxel-displaced", severity, sentence, None, difference, ("mrs",))
