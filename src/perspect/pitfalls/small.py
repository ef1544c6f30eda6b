"""A lesion that is too small or too thin for the voxels: every one of them holds something else as well."""

from typing import Final

import numpy as np
from scipy import ndimage

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import Trap
from perspect.vocabulary import MARKERS, Severity

VOXELS: Final = threshold("few-voxels", "voxels")
"""Voxels of the series below which nothing is measured."""

VOLUME: Final = threshold("few-voxels", "volume")
"""mL below which no hot spot is judged."""

THIN: Final = threshold("few-voxels", "thin")
"""Share of voxels at the border, within their slice, above which a part is hardly anything but border."""

HOT: Final = tuple(
    one.key for one in MARKERS if one.part == "solid part" and one.statistic not in ("mean", "seen or not")
)
"""Markers that are refused there: hot spots, percentiles and shares of voxels. A mean of few voxels has its error."""


def look(scene: Scene) -> Trap | None:
    """A solid part of few voxels, little volume, or hardly more than a border (then it is a caution)."""
    solid = scene.solid & scene.brain
    if not scene.solid.any():
        return None
    n = int(solid.sum())
    volume = n * float(np.prod(scene.grid.spacing)) / 1e3
    within = ndimage.generate_binary_structure(3, 1).copy()
    within[:, :, [0, 2]] = False
    border = 1 - float(ndimage.binary_erosion(solid, within).sum() / max(n, 1))
    if n < VOXELS or volume < VOLUME:
        sentence = f"The solid part has {n} voxels ({volume:.2g} mL) on this image."
        return Trap("few-voxels", Severity.LIMITED, sentence, None, border, HOT)
    if border > THIN:
        sentence = f"The solid part is so thin that {border:.0%} of its voxels lie at its border and hold other tissue."
        return Trap("few-voxels", Severity.CAUTION, sentence, None, border, HOT)
    return None
