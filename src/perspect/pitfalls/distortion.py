"""Distortion beside the lesion: where the perfusion image lacks brain that the anatomy has, it is bent there."""

from typing import Final

import numpy as np
from scipy import ndimage

from perspect.anatomy.distance import grown
from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import Trap, masked

AROUND: Final = threshold("distorted-here", "around")
"""mm around the lesion within which the outlines of both brains are compared."""

MISSING: Final = threshold("distorted-here", "missing")
"""Share of the brain there that the perfusion image does not show."""

REACH: Final = threshold("distorted-here", "reach")
"""mm around what is missing that are spoilt too."""


def look(scene: Scene) -> Trap | None:
    """Voxels of the lesion near brain that conventional images show and this image does not."""
    lesion = scene.solid | scene.rim
    if scene.anatomy is None or not scene.is_t2star or not lesion.any():
        return None
    within = ndimage.generate_binary_structure(3, 1).copy()
    within[:, :, [0, 2]] = False
    inner = ndimage.binary_erosion(scene.anatomy, within)  # the outermost voxel of a brain mask is anyone's guess
    near = grown(lesion, AROUND, scene.grid) & inner
    missing = near & ~scene.brain
    share = float(missing.sum() / max(near.sum(), 1))
    if share < MISSING:
        return None
    return masked(
        scene, "distorted-here", np.asarray(grown(missing, REACH, scene.grid)),
        f"{share:.0%} of the brain around the lesion is not where the conventional images have it, as where the image "
        "is distorted beside bone and air.", (scene.spoils,),
    )  # fmt: skip
