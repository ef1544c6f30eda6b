"""Lost signal near bone and air: what is left of a voxel there stands for something else."""

from typing import Final

import numpy as np
from scipy import ndimage

from perspect.anatomy.distance import grown
from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import Trap, masked
from perspect.pitfalls.void import DARK

FAINT: Final = threshold("signal-lost", "faint")
"""Signal at rest over that of white matter below which a voxel near the edge of the brain has lost signal."""

NEAR: Final = threshold("signal-lost", "near")
"""mm from the outside of the brain within which bone and air are to blame."""


def look(scene: Scene) -> Trap | None:
    """Faint voxels of the lesion that hang together with the dark outside of the brain, or lie within 10 mm of it."""
    if not scene.is_t2star:
        return None
    with np.errstate(invalid="ignore"):
        faint = scene.brain & (scene.at_rest < FAINT * scene.level) & (scene.at_rest >= DARK * scene.level)
    hull = ndimage.binary_fill_holes(scene.brain)
    edge = grown(~np.asarray(hull, bool), NEAR, scene.grid)
    return masked(
        scene, "signal-lost", faint & edge,
        "The signal is faint where the lesion is near bone or air, and the image is distorted there.", ("dsc",),
    )  # fmt: skip
