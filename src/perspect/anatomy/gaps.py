"""What is not finite in a volume: it takes no part in the alignment, and is as little known after it.

Volumes and masks are in memory order: slices, rows, columns. `None` in the place of a mask of gaps is: there are none.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy import ndimage

from perspect.anatomy.resample import WHOLE, Box
from perspect.numerics import rigid
from perspect.vocabulary import Grid

ENOUGH: Final = 0.5
"""Share of the mask that must be finite in a volume that is to be aligned."""

AROUND: Final = 6.0
"""mm around a gap that take no part either: smoothing and motion bring it there."""


def mean(shape: tuple[int, ...], volumes: Iterable[Float32[np.ndarray, "z y x"]]) -> Float32[np.ndarray, "z y x"]:
    """The mean over what is finite, one volume in memory at a time; 0 where nothing is."""
    total, n = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for volume in volumes:
        known = np.isfinite(volume)
        total += np.where(known, volume, 0)
        n += known
    out: Float32[np.ndarray, "z y x"] = total / np.maximum(n, 1)
    return out


def found(signal: Float32[np.ndarray, "z y x"]) -> Bool[np.ndarray, "z y x"] | None:
    """Where a volume is not finite."""
    missing = ~np.isfinite(signal)
    return missing if missing.any() else None


def filled(
    signal: Float32[np.ndarray, "z y x"],
    missing: Bool[np.ndarray, "z y x"] | None,
    reference: Float32[np.ndarray, "z y x"],
) -> Float32[np.ndarray, "z y x"]:
    """A volume with the reference, as bright as the rest of it, in its gaps: what is read beside them is not torn."""
    if missing is None:
        return signal
    known = ~missing
    gain = signal[known].sum(dtype=np.float64) / max(reference[known].sum(dtype=np.float64), 1e-30)
    return np.where(known, signal, np.float32(gain) * reference)


def around(
    missing: Bool[np.ndarray, "z y x"] | None, reference: Float32[np.ndarray, "z y x"], grid: Grid
) -> Bool[np.ndarray, "z y x"] | None:
    """Gaps of this volume with what lies near; those of every volume, where the reference is 0, are background."""
    if missing is None:
        return None
    size = [2 * max(round(AROUND / length), 1) + 1 for length in grid.spacing[::-1]]
    out: Bool[np.ndarray, "z y x"] = ndimage.maximum_filter(missing & (reference != 0), size)
    return out


def without(
    template: rigid.Template, points: Int[np.ndarray, "3 points"], closed: Bool[np.ndarray, "z y x"] | None
) -> rigid.Template:
    """A template whose points (given by their indices) take no part where `closed`; as it is if too few were left."""
    if closed is None:
        return template
    is_open = ~closed[tuple(points)]
    return replace(template, weight=template.weight * is_open) if is_open.mean() >= ENOUGH else template


def moved(
    missing: Bool[np.ndarray, "z y x"], matrix: Float[np.ndarray, "4 4"], wanted: Box = WHOLE
) -> Bool[np.ndarray, "x2 y2 z2"]:
    """Which of the `wanted` voxels (i, j, k) read mostly from gaps when they are read at matrix (i, j, k)."""
    share = ndimage.affine_transform(
        missing.T.astype(np.float32), matrix[:3, :3], matrix[:3, 3], order=1, mode="nearest"
    )
    out: Bool[np.ndarray, "x2 y2 z2"] = share[wanted] > 0.5
    return out
