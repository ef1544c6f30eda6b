"""What a map usually is in a voxel of a lesion: a vessel towers above it, cortex and tumour do not."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect.pitfalls.scene import Scene

PURE: Final = 0.8
"""Share of grey matter of the voxels that tell what cortex has [our default]."""

FEWEST: Final = 50
"""Voxels without which it is not known what a tissue has [our default]."""


def elsewhere(scene: Scene, known: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """The brain outside the lesion and what lies around it."""
    return np.asarray(known & ~scene.solid & ~scene.rim)


def usual(
    scene: Scene, values: Float[np.ndarray, "x y z"], known: Bool[np.ndarray, "x y z"]
) -> Float[np.ndarray, "x y z"]:
    """The median of the part that a voxel lies in, or what its shares of grey and white matter would have in the rest
    of the brain, whichever is more; infinite outside of the lesion and what surrounds it.

    The border of a lesion holds cortex, which has a multiple of the blood of white matter, and voxels that touch a
    vascular tumour are part tumour: by the median of what surrounds it alone both pass for vessels.
    """
    out = np.full(values.shape, np.inf)
    of_tissue = _of_tissue(scene, values, known)
    rim, solid = scene.rim & known, scene.solid & known
    touching = rim & ndimage.binary_dilation(scene.solid, np.ones((3, 3, 3), bool))
    for part, of in ((rim, rim), (touching, solid), (solid, solid)):
        if part.any() and of.any():
            middle = max(float(np.median(values[of])), 1e-12)
            least = np.where(np.isfinite(out[part]), out[part], 0.0)
            out[part] = np.maximum(np.maximum(middle, of_tissue[part]), least)
    return out


def _of_tissue(
    scene: Scene, values: Float[np.ndarray, "x y z"], known: Bool[np.ndarray, "x y z"]
) -> Float[np.ndarray, "x y z"]:
    """What grey and white matter elsewhere would make of every voxel; 0 where their shares or levels are not known."""
    if scene.grey is None:
        return np.zeros(values.shape)
    grey = np.nan_to_num(scene.grey)
    fluid = np.zeros(values.shape) if scene.fluid is None else np.nan_to_num(scene.fluid)
    of_grey, of_white = values[elsewhere(scene, known) & (grey >= PURE)], values[scene.white & known]
    if min(of_grey.size, of_white.size) < FEWEST:
        return np.zeros(values.shape)
    shares = ((np.median(of_grey), grey), (np.median(of_white), np.clip(1.0 - grey - fluid, 0.0, 1.0)))
    return np.asarray(sum(level * share for level, share in shares))
