"""A bolus that was badly seen: too little before it, too seldom sampled, too weak, too wide, cut off."""

from typing import Final

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, Trap
from perspect.vocabulary import Severity

CODE: Final = "bolus-poor"

BASELINE: Final = threshold(CODE, "baseline")
"""Volumes before the bolus below which the level at rest decides the number."""

STEP: Final = threshold(CODE, "step")
"""s between volumes above which the first pass is three samples."""

CONTRAST: Final = threshold(CODE, "contrast")
"""Blood volume of a voxel of white matter over its standard error below which it is mostly noise."""

TAIL: Final = threshold(CODE, "tail")
"""s after the peak below which leakage is not told from recirculation."""

WIDE: Final = threshold(CODE, "wide")
"""s of width of the first pass above which agent was injected slowly or the heart is slow."""


def look(scene: Scene) -> Trap | None:
    """Whatever of the passage is too poor to judge by."""
    seen = scene.passage
    if seen is None:
        return None
    said = []
    if seen.n_baseline < BASELINE:
        said.append(f"only {seen.n_baseline} volumes lie before it")
    if seen.step > STEP:
        said.append(f"a volume is taken every {seen.step:.2f} s")
    if seen.contrast < CONTRAST:
        said.append(f"blood volume of a voxel of white matter is only {seen.contrast:.1f} times its error")
    if seen.tail < TAIL:
        said.append(f"the series ends {seen.tail:.0f} s after its peak")
    if seen.width > WIDE:
        said.append(f"it takes {seen.width:.0f} s to pass")
    if not said:
        return None
    return Trap(
        CODE, Severity.LIMITED, f"The bolus is badly seen: {'; '.join(said)}.", None, NOWHERE, (scene.spoils,)
    )  # fmt: skip
