"""How large a part of a lesion is: its volume, and its two diameters in the slice where they are largest."""

from itertools import combinations

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from perspect.lesion.parts import volume
from perspect.vocabulary import Region, Size


def size(part: Region) -> Size:
    """Volume (mL) with that of a mask one voxel narrower and wider, and the diameters (mm) of a bidimensional product.

    The longest diameter of any slice, and the longest one at right angles to it in the same slice, from edge to edge of
    the voxels. Diameters are of the outline: a ring counts as what it encloses.
    """
    within = ndimage.generate_binary_structure(3, 1).copy()
    within[:, :, [0, 2]] = False
    low, high = (
        volume(Region(change(part.mask, within), part.grid, part.name))
        for change in (ndimage.binary_erosion, ndimage.binary_dilation)
    )
    edges = [diameters(part.mask[:, :, k], part.grid.spacing[:2]) for k in range(part.grid.shape[2])]
    longest, across = max(edges, key=lambda one: one[0] * one[1])
    return Size(part.name, volume(part), low, high, longest, across)


def diameters(mask: Bool[np.ndarray, "x y"], spacing: tuple[float, ...]) -> tuple[float, float]:
    """The longest diameter of a flat shape, and its width at right angles to it, in mm; 0 where it is empty."""
    if not mask.any():
        return 0.0, 0.0
    corners = _corners(mask) * np.array(spacing)
    first, second = max(combinations(corners, 2), key=lambda pair: float(((pair[0] - pair[1]) ** 2).sum()))
    along = (second - first) / np.linalg.norm(second - first)
    across = corners @ np.array([-along[1], along[0]])
    return float(np.linalg.norm(second - first)), float(np.ptp(across))


def _corners(mask: Bool[np.ndarray, "x y"]) -> Float[np.ndarray, "corners 2"]:
    """The corners of the hull of all voxels, each with its own four corners, in voxels."""
    middles = np.argwhere(mask).astype(float)
    points = np.concatenate([middles + 0.5 * np.array(turn) for turn in ((1, 1), (1, -1), (-1, 1), (-1, -1))])
    try:
        hull: Float[np.ndarray, "corners 2"] = points[ConvexHull(points).vertices]
    except QhullError:  # never flat: a voxel has four corners that are no line
        return points
    return hull
