"""A bolus that was badly seen: too little before it, too seldom sampled, too weak, too wide, cut off."""

from math import isfinite
from typing import Final

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, Trap
from perspect.vocabulary import Moment, Severity

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
    peak = seen.end - seen.tail
    said: list[tuple[str, Moment | None]] = []
    if seen.n_baseline < BASELINE:
        said.append((f"only {seen.n_baseline} volumes lie before it", Moment(*seen.rest, f"{seen.n_baseline} volumes")))
    if seen.step > STEP:
        slow = Moment(*seen.first_pass, f"one volume in {seen.step:.1f} s")
        said.append((f"a volume is taken every {seen.step:.2f} s", slow))
    if seen.contrast < CONTRAST:
        said.append((f"blood volume of a voxel of white matter is only {seen.contrast:.1f} times its error", None))
    if seen.tail < TAIL:
        said.append(
            (f"the series ends {seen.tail:.0f} s after its peak", Moment(seen.end, peak + TAIL, "not recorded"))
        )
    if seen.width > WIDE:
        said.append((f"it takes {seen.width:.0f} s to pass", Moment(*seen.first_pass, f"{seen.width:.0f} s to pass")))
    if not said:
        return None
    sentence = f"The bolus is badly seen: {'; '.join(words for words, _ in said)}."
    when = tuple(one for _, one in said if one is not None and isfinite(one.start) and isfinite(one.stop))
    return Trap(CODE, Severity.LIMITED, sentence, None, NOWHERE, (scene.spoils,), when=when)
