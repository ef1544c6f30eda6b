"""Masks by distance in mm: what is near, what is deep, what hangs together; voxels may be of any size."""

import numpy as np
from jaxtyping import Bool, Float32, Int
from scipy import ndimage

from perspect.vocabulary import Grid

Box = tuple[slice, slice, slice]


def depth(mask: Bool[np.ndarray, "x y z"], grid: Grid) -> Float32[np.ndarray, "x y z"]:
    """Mm below the surface of a mask, negative outside; the border of the image is no surface."""
    if mask.all() or not mask.any():
        return np.full(mask.shape, np.inf if mask.all() else -np.inf, np.float32)
    half = min(grid.spacing) / 2
    inside = ndimage.distance_transform_edt(mask, grid.spacing)
    outside = ndimage.distance_transform_edt(~mask, grid.spacing)
    return np.asarray(np.where(mask, inside - half, half - outside), np.float32)


def shrunk(mask: Bool[np.ndarray, "x y z"], by: float, grid: Grid) -> Bool[np.ndarray, "x y z"]:
    """What is deeper than `by` mm in a mask; the border of the image is no surface."""
    if mask.all() or not mask.any():
        return mask
    near, out = _near(mask, np.ones(3, int)), np.zeros(mask.shape, bool)
    out[near] = ndimage.distance_transform_edt(mask[near], grid.spacing) - min(grid.spacing) / 2 > by
    return out


def grown(mask: Bool[np.ndarray, "x y z"], by: float, grid: Grid) -> Bool[np.ndarray, "x y z"]:
    """What is in a mask or nearer to it than `by` mm."""
    if not mask.any():
        return mask
    reach = np.ceil((by + min(grid.spacing) / 2) / np.array(grid.spacing)).astype(int)
    near, out = _near(mask, np.maximum(reach, 0)), np.zeros(mask.shape, bool)
    out[near] = ndimage.distance_transform_edt(~mask[near], grid.spacing) - min(grid.spacing) / 2 < by
    return out


def _near(mask: Bool[np.ndarray, "x y z"], margin: Int[np.ndarray, " 3"]) -> Box:
    """The smallest box that holds a mask and so many voxels around it: what lies beyond is farther."""
    x, y, z = (
        slice(max(one.start - by, 0), one.stop + by)
        for one, by in zip(ndimage.find_objects(mask.astype(np.uint8))[0], margin.tolist(), strict=True)
    )
    return x, y, z


def largest(mask: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """The largest piece of a mask."""
    label, n = ndimage.label(mask)
    return mask if n == 0 else np.asarray(label == 1 + int(np.argmax(np.bincount(label.ravel())[1:])))


def whole(mask: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """The largest piece with its holes filled."""
    return np.asarray(ndimage.binary_fill_holes(largest(mask)))


def box(mask: Bool[np.ndarray, "x y z"], grid: Grid) -> tuple[Box, Grid]:
    """The smallest box that holds a mask, and its grid."""
    x, y, z = ndimage.find_objects(mask.astype(np.uint8))[0]
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [x.start, y.start, z.start]
    return (x, y, z), Grid((x.stop - x.start, y.stop - y.start, z.stop - z.start), affine)
