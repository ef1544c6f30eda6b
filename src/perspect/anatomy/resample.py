"""Reading images at other places: rigidly moved volumes, and masks or maps brought onto another grid."""

from itertools import product
from typing import Final, Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Float32, Shaped
from scipy import ndimage

from perspect.numerics import shear
from perspect.vocabulary import Grid

EDGE: Final = 0.5
"""Voxels beyond the outermost centres that still count as imaged: a voxel reaches half its size to either side."""


Box: TypeAlias = tuple[slice, slice, slice]
"""A part of a volume: from where to where along each of its axes."""

WHOLE: Final[Box] = (slice(None), slice(None), slice(None))


def box(mask: Bool[np.ndarray, "a b c"], margins: tuple[int, int, int] = (0, 0, 0)) -> Box:
    """The smallest part of a volume that holds a mask and as many voxels around it, as far as there are any."""
    a, b, c = (
        slice(max(int(places.min()) - margin, 0), min(int(places.max()) + margin + 1, n))
        for places, margin, n in zip(np.nonzero(mask), margins, mask.shape, strict=True)
    )
    return a, b, c


def moved(
    volume: Float32[np.ndarray, "x y z"], matrix: Float[np.ndarray, "4 4"], wanted: Box = WHOLE
) -> tuple[Float32[np.ndarray, "x2 y2 z2"], Bool[np.ndarray, "x2 y2 z2"]]:
    """The volume read at matrix (i, j, k), NaN where that was not imaged and nothing is known, and where it was.

    `matrix` is rigid in mm and given here in voxel indices; `wanted` are the (i, j, k) that are wanted. Interpolated by
    Fourier shears (`numerics.shear`), fastest for volumes in the order of the file (x fastest). `volume` must be
    finite: each voxel tells on its whole line.
    """
    centre = (np.array(volume.shape) - 1) / 2
    turn, shift = matrix[:3, :3], matrix[:3, :3] @ centre + matrix[:3, 3] - centre
    i, j, k = wanted
    out = shear.resampled(np.ascontiguousarray(volume.T), turn[::-1, ::-1], shift[::-1], (k, j, i)).T
    inside = covered(volume.shape, matrix, wanted)
    if not inside.all():
        out[~inside] = np.nan
    return out, inside


def covered(
    shape: tuple[int, int, int], matrix: Float[np.ndarray, "4 4"], wanted: Box = WHOLE
) -> Bool[np.ndarray, "x2 y2 z2"]:
    """Which voxels (i, j, k) have matrix (i, j, k) in the imaged volume, which reaches to the edges of its voxels."""
    i, j, k = (np.arange(n, dtype=np.float32)[part] for n, part in zip(shape, wanted, strict=True))
    inside = np.ones((k.size, j.size, i.size), bool)
    for (along_i, along_j, along_k, start), n in zip(matrix[:3].astype(np.float32), shape, strict=True):
        middle = np.float32((n - 1) / 2)
        line = along_i * i
        plane = (along_k * k)[:, None] + along_j * j + (start - middle)
        spread = np.abs(line).max()
        if np.abs(plane).max() + spread > middle + EDGE:
            inside &= np.abs(plane[:, :, None] + line) <= middle + EDGE
    return inside.T


def onto(
    values: Shaped[np.ndarray, "x y z"], source: Grid, target: Grid, order: Literal[0, 1] = 1
) -> Shaped[np.ndarray, "x2 y2 z2"]:
    """A map or a mask of one grid on another with the same frame of reference.

    A voxel of the target takes the mean over its own extent (so that thin slices are averaged into a thick one), read
    by splines of `order` 0 or 1. A mask holds where at least half of the voxel is inside. Outside the source, and where
    more than half of what is averaged is not finite, a map is NaN and a mask False.
    """
    if source.matches(target):
        return values.copy()
    is_mask = values.dtype == bool
    known = np.isfinite(values)
    filled = np.where(known, values, 0).astype(np.float32)
    to_source = np.linalg.inv(source.affine) @ target.affine
    finer = np.abs(to_source[:3, :3]).max(axis=0)
    shares = [(np.arange(n) - (n - 1) / 2) / n for n in np.maximum(1, np.round(finer)).astype(int)]
    total, weight = np.zeros(target.shape, np.float32), np.zeros(target.shape, np.float32)
    for part in product(*shares):
        at = to_source.copy()
        at[:3, 3] += to_source[:3, :3] @ np.array(part)
        inside = _covered_from(target.shape, at, source.shape)
        total += inside * _read(filled, at, target.shape, order)
        weight += inside if known.all() else inside * _read(known.astype(np.float32), at, target.shape, order)
    n_parts = np.prod([share.size for share in shares])
    if is_mask:
        is_in: Bool[np.ndarray, "x2 y2 z2"] = total >= 0.5 * n_parts
        return is_in
    enough = weight >= 0.5 * n_parts
    out: Float32[np.ndarray, "x2 y2 z2"] = np.where(enough, total / np.where(enough, weight, 1), np.float32(np.nan))
    return out


def _read(
    values: Float32[np.ndarray, "x y z"], at: Float[np.ndarray, "4 4"], shape: tuple[int, int, int], order: int
) -> Float32[np.ndarray, "x2 y2 z2"]:
    out: Float32[np.ndarray, "x2 y2 z2"] = ndimage.affine_transform(
        values, at[:3, :3], at[:3, 3], shape, order=order, mode="nearest", prefilter=False
    )
    return out


def _covered_from(
    shape: tuple[int, int, int], at: Float[np.ndarray, "4 4"], source: tuple[int, int, int]
) -> Bool[np.ndarray, "x2 y2 z2"]:
    i, j, k = np.ogrid[tuple(slice(n) for n in shape)]
    inside = np.ones(shape, bool)
    for (along_i, along_j, along_k, start), n in zip(at[:3], source, strict=True):
        index = along_i * i + along_j * j + along_k * k + start
        inside &= (index >= -EDGE - 1e-6) & (index <= n - 1 + EDGE + 1e-6)
    return inside
