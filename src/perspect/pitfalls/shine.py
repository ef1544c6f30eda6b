"""What is bright before agent: blood that has broken down, fat and protein shine on T1 and do not enhance."""

from typing import Final

import numpy as np

from perspect.pitfalls.shown import Shown
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import LIMITED_FROM, Trap
from perspect.vocabulary import Region, Severity

BRIGHT: Final = threshold("bright-before-agent", "bright")
"""Signal before agent over that of white matter above which a voxel shines by itself: no lesion does, and cortex is
darker."""

GAIN: Final = threshold("bright-before-agent", "gain")
"""Rise of the signal over that of white matter below which agent did nothing."""

FEWEST: Final = threshold("bright-before-agent", "fewest")
"""Share of what is called enhancing below which nothing is said."""


def look(shown: Shown) -> Trap | None:
    """Voxels of the solid part that are bright before agent and hardly brighter after it."""
    normal = shown.white & np.isfinite(shown.before) & np.isfinite(shown.after)
    solid = shown.solid
    if not normal.any() or not solid.any():
        return None
    before = shown.before / float(np.median(shown.before[normal]))
    after = shown.after / float(np.median(shown.after[normal]))
    with np.errstate(invalid="ignore"):
        found = solid & (before > BRIGHT) & (after - before < GAIN)
    share = float(found.sum() / solid.sum())
    if share < FEWEST:
        return None
    severity = Severity.LIMITED if share >= LIMITED_FROM else Severity.CAUTION
    sentence = (
        f"{share:.0%} of the solid part is bright on T1 before agent and hardly brighter after it, as blood, fat or "
        "protein are: it was not agent that made it bright."
    )
    mask = Region(found, shown.grid, "bright-before-agent")
    return Trap("bright-before-agent", severity, sentence, mask, share, ("dsc", "asl", "dce", "adc"))
