"""A perfusion image that does not lie on the anatomy: the lesion's numbers are then those of its neighbour."""

from typing import Final

import numpy as np
from jaxtyping import Bool

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, Trap
from perspect.vocabulary import Grid, Severity

ERROR: Final = threshold("misaligned", "error")
"""Voxels of the series that the standard error of the alignment may be."""

OUTLINE: Final = threshold("misaligned", "outline")
"""Voxels between the middles of the two outlines of the brain, within the slices."""

ROUNDING: Final = 1e-6
"""Relative difference by which a distance of one voxel may look larger than one."""


def look(scene: Scene) -> Trap | None:
    """An alignment known to no better than a voxel, or two outlines of one brain that lie apart."""
    size = min(scene.grid.spacing)
    said = []
    if scene.alignment_error > ERROR * size:
        said.append(f"the alignment is known to {scene.alignment_error:.1f} mm only")
    apart = float("nan") if scene.anatomy is None else offset(scene.brain, scene.anatomy, scene.grid)
    if apart > OUTLINE * max(scene.grid.spacing[:2]) * (1 + ROUNDING):
        said.append(f"the outlines of the brain lie {apart:.1f} mm apart")
    if not said:
        return None
    return Trap(
        "misaligned", Severity.LIMITED,
        f"Image and anatomy do not lie on each other: {'; '.join(said)} (voxels of {size:.1f} mm).", None, NOWHERE,
        (scene.spoils,),
    )  # fmt: skip


def offset(one: Bool[np.ndarray, "x y z"], other: Bool[np.ndarray, "x y z"], grid: Grid) -> float:
    """How far (mm) the middles of two masks lie apart within the slices, on the median of the slices that both have."""
    found = []
    for k in range(grid.shape[2]):
        places = [np.argwhere(mask[:, :, k]) for mask in (one, other)]
        if min(len(some) for some in places) > 0:
            step = places[0].mean(axis=0) - places[1].mean(axis=0)
            found.append(grid.affine[:3, :2] @ step)
    return float(np.linalg.norm(np.median(found, axis=0))) if found else float("nan")
