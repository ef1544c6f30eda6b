"""A head that moves while the bolus passes: the peak of a voxel is then that of its neighbour."""

from typing import Final

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, Trap
from perspect.vocabulary import Moment, Severity

MOVED: Final = threshold("motion-in-bolus", "moved")
"""Voxels by which the head moves from one volume to the next while the bolus passes."""


def look(scene: Scene) -> Trap | None:
    """Framewise displacement of more than half a voxel during the first pass.

    Agent itself feigns motion of a tenth of a mm; alignment makes good most of what is larger, not its blur and not
    what the coil and the field do to another place.
    """
    size = min(scene.grid.spacing)
    if not scene.bolus_motion > MOVED * size:
        return None
    times = [at for at, far in scene.steps if far > MOVED * size]
    when = (Moment(min(times), max(times), f"moved by {scene.bolus_motion:.1f} mm"),) if times else ()
    return Trap(
        "motion-in-bolus", Severity.LIMITED,
        f"The head moved by {scene.bolus_motion:.1f} mm from one volume to the next while the bolus passed (voxels of "
        f"{size:.1f} mm).", None, NOWHERE, (scene.spoils,), when=when,
    )  # fmt: skip
