"""Input that cannot be: another scale, another unit, another side."""

from typing import Final

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, Trap
from perspect.vocabulary import Severity

POSITIONS: Final = threshold("input-implausible", "apart")
"""Voxels between the two positions that a header states above which left and right, or slices, may be exchanged."""


def look(scene: Scene) -> Trap | None:
    """Numbers of normal tissue that no normal tissue has, or a header that contradicts itself."""
    said = [
        f"{one.name} is {one.value:.3g} and should lie between {one.low:g} and {one.high:g}"
        for one in scene.expected
        if not one.low <= one.value <= one.high
    ]
    if scene.positions_apart > POSITIONS:
        said.append(f"the header states two positions {scene.positions_apart:.0f} voxels apart")
    if not said:
        return None
    sentence = f"The input cannot be what it is called: {'; '.join(said)}."
    return Trap("input-implausible", Severity.REFUSED, sentence, None, NOWHERE, (scene.spoils,))
