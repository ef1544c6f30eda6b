"""A reference that is not normal: every ratio moves with it."""

from typing import Final

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.trap import Trap
from perspect.vocabulary import Severity

APART: Final = 0.2
"""Relative difference of another candidate from the reference beyond which ratios are doubtful [our default]."""


def look(scene: Scene) -> Trap | None:
    """Other candidates for normal white matter that disagree with the reference by more than a fifth."""
    off = {name: ratio for name, ratio in scene.references.items() if abs(ratio - 1) > APART}
    if not off:
        return None
    said = ", ".join(f"{ratio:.2f} times as high {name}" for name, ratio in sorted(off.items()))
    return Trap(
        "reference-doubtful", Severity.LIMITED,
        f"Blood volume of normal white matter depends on where it is read: {said}. Every ratio moves with it.",
        None, float("nan"), ("dsc",),
    )  # fmt: skip
