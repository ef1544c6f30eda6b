"""A large vessel in the lesion: its blood volume is not that of tissue, however high it is."""

from typing import Final

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import Trap, masked
from perspect.pitfalls.usual import elsewhere, usual

TALL: Final = threshold("large-vessel", "tall")
"""Percentile of the peak heights of the brain outside the lesion above which a curve may be a vessel's: a tumour that
is more vascular than any brain is not a vessel for that (clinical anchor)."""

HIGH: Final = threshold("large-vessel", "high")
"""The same for a curve that peaks early or late: blood in a large vessel dephases less than around capillaries, so that
a vessel need not be the tallest."""

EARLY: Final = threshold("large-vessel", "early")
"""s before the typical time to peak of the brain at which an artery's curve peaks."""

LATE: Final = threshold("large-vessel", "late")
"""s after it at which a vein's does."""

STANDS_OUT: Final = threshold("large-vessel", "stands_out")
"""Peak height over what is usual in its part of the lesion and its tissue, from which it is a vessel whenever it
peaks; in virtual high-grade gliomas without a vessel 99 of 100 voxels stay below 2.3."""

RISES: Final = threshold("large-vessel", "rises")
"""The same from which it is one if it peaks early or late."""


def look(scene: Scene) -> Trap | None:
    """Voxels of the lesion that are as tall as vessels and tower above the rest of it, and above what cortex has; less
    far if they peak early or late by more than the error of their time.
    """
    if "ph" not in scene.maps or "ttp" not in scene.maps:
        return None
    height, time = scene.maps["ph"], scene.maps["ttp"]
    known = scene.brain & np.isfinite(height) & np.isfinite(time)
    others = elsewhere(scene, known)
    if not others.any():
        return None
    high, tall = np.percentile(height[others], [HIGH, TALL])
    middle = float(np.median(time[others]))
    error = np.nan_to_num(scene.maps["ttp_std"]) if "ttp_std" in scene.maps else 0.0
    with np.errstate(invalid="ignore"):
        over = np.where(known, height / usual(scene, height, known), 0.0)
        off = (time + error < middle - EARLY) | (time - error > middle + LATE)
        is_vessel = known & (((height > tall) & (over > STANDS_OUT)) | (off & (height > high) & (over > RISES)))
        edge = ndimage.binary_dilation(is_vessel, _within_slice()) & known & (height > high) & (over > RISES)
    return masked(
        scene, "large-vessel", is_vessel | edge,
        "A vessel runs through the lesion: curves there tower above those around them, as in arteries or veins.",
        (scene.spoils,),
    )  # fmt: skip


def _within_slice() -> Bool[np.ndarray, "3 3 3"]:
    cross = ndimage.generate_binary_structure(3, 1)
    cross[:, :, [0, 2]] = False
    out: Bool[np.ndarray, "3 3 3"] = cross
    return out
