"""A large vessel in the lesion: its blood volume is not that of tissue, however high it is."""

from typing import Final

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.trap import Trap, masked

TALL: Final = 97.0
"""Percentile of the brain's peak heights above which a curve may be a vessel's (clinical anchor) [our default]."""

EARLY: Final = 1.5
"""s before the typical time to peak of the brain at which an artery's curve peaks [our default]."""

LATE: Final = 2.5
"""s after it at which a vein's does [our default]."""

TALLEST: Final = 99.7
"""Percentile above which a curve is a vessel's whenever it peaks, where it stands out of its surroundings
[our default]."""

STANDS_OUT: Final = 2.0
"""Peak height over the median of the surrounding voxels from which a voxel stands out [our default]."""

AROUND: Final = (5, 5, 3)
"""Voxels of the surroundings."""


def look(scene: Scene) -> Trap | None:
    """Voxels of the lesion that are as tall as vessels and peak early or late, or tower above their surroundings."""
    if "ph" not in scene.maps or "ttp" not in scene.maps:
        return None
    height, time = scene.maps["ph"], scene.maps["ttp"]
    known = scene.brain & np.isfinite(height) & np.isfinite(time)
    if not known.any():
        return None
    tall, tallest = np.percentile(height[known], [TALL, TALLEST])
    usual = float(np.median(time[known]))
    with np.errstate(invalid="ignore"):
        off = (time < usual - EARLY) | (time > usual + LATE)
        is_vessel = known & (((height > tall) & off) | ((height > tallest) & _stands_out(height, known)))
    return masked(
        scene, "large-vessel", ndimage.binary_dilation(is_vessel, _within_slice()) & known & (height > tall),
        "A vessel runs through the lesion: curves there are as high as in arteries or veins.", ("dsc", "asl"),
    )  # fmt: skip


def _stands_out(height: np.ndarray, known: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    typical = ndimage.median_filter(np.where(known, height, 0.0), AROUND)
    out: Bool[np.ndarray, "x y z"] = height > STANDS_OUT * typical
    return out


def _within_slice() -> Bool[np.ndarray, "3 3 3"]:
    cross = ndimage.generate_binary_structure(3, 1)
    cross[:, :, [0, 2]] = False
    out: Bool[np.ndarray, "3 3 3"] = cross
    return out
