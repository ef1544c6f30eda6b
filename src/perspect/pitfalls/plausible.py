"""A spectroscopic map whose maximum is one voxel: neighbours share signal, and noise does not."""

from typing import Final

import numpy as np
from scipy import ndimage

from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import Trap
from perspect.pitfalls.voxel import VoxelMap
from perspect.vocabulary import Region, Severity

CODE: Final = "map-implausible"

VOXELS: Final = int(threshold(CODE, "voxels"))
"""Voxels that touch, below which nothing of a map is read."""

LONE: Final = threshold(CODE, "lone")
"""Times the largest of its neighbours beyond which a voxel stands alone, if its error does not explain it."""

SOLID: Final = threshold("voxel-content", "solid")
"""Share of solid part from which on a voxel of the map speaks for it."""

SURE: Final = 2.0
"""Standard errors by which it must differ from it [our default]."""


def look(seen: VoxelMap) -> Trap | None:
    """Voxels of the lesion that stand alone, and a lesion in which fewer than three usable voxels touch."""
    usable = seen.measured & np.isfinite(seen.values) & (seen.solid_share >= SOLID)
    label, n = ndimage.label(usable)
    largest = int(np.bincount(label.ravel())[1:].max()) if n else 0
    if largest < VOXELS:
        sentence = f"Only {largest} usable voxels of the map touch each other within the solid part."
        return Trap(CODE, Severity.LIMITED, sentence, None, 1.0, ("mrs",))
    lone = _alone(seen) & usable
    if not lone.any():
        return None
    share = float(lone.sum() / usable.sum())
    sentence = f"{int(lone.sum())} voxels of the map stand alone, far above all of their neighbours."
    return Trap(CODE, Severity.CAUTION, sentence, Region(lone, seen.grid, CODE), share, ("mrs",))


def _alone(seen: VoxelMap) -> np.ndarray:
    """Where a voxel is far above every neighbour within its slice, by more than its error."""
    known = np.where(seen.measured, seen.values, np.nan).astype(float)
    out = np.zeros(known.shape, bool)
    padded = np.pad(known, 1, constant_values=np.nan)
    for place in np.argwhere(seen.measured & np.isfinite(seen.values)):
        i, j, k = (int(one) for one in place)
        around = padded[i : i + 3, j : j + 3, k + 1].ravel()
        around = np.delete(around, 4)
        around = around[np.isfinite(around)]
        if around.size:
            next_to = float(around.max())
            out[i, j, k] = known[i, j, k] > LONE * next_to and known[i, j, k] - next_to > SURE * seen.std[i, j, k]
    return out
