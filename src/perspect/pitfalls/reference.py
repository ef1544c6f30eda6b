"""A reference that is not normal: every ratio moves with it."""

from typing import Final

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, Trap
from perspect.vocabulary import Severity

APART: Final = threshold("reference-doubtful", "apart")
"""Relative difference of another candidate from the reference beyond which ratios are doubtful."""

UNEVEN: Final = threshold("reference-doubtful", "uneven")
"""Robust coefficient of variation within the reference beyond which it holds more than white matter."""


def look(scene: Scene) -> Trap | None:
    """Other candidates for normal white matter that disagree with the reference, or a reference that is uneven."""
    off = {name: ratio for name, ratio in scene.references.items() if abs(ratio - 1) > APART}
    said = []
    if off:
        listed = ", ".join(f"{ratio:.2f} times as high {name}" for name, ratio in sorted(off.items()))
        said.append(f"Blood volume of normal white matter depends on where it is read: {listed}.")
    if scene.reference_spread > UNEVEN:
        said.append(f"Within the reference blood volume varies by {scene.reference_spread:.0%}.")
    if not said:
        return None
    return Trap(
        "reference-doubtful", Severity.LIMITED, " ".join((*said, "Every ratio moves with it.")), None, NOWHERE,
        (scene.spoils,),
    )  # fmt: skip
