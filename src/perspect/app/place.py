"""Masks brought onto the grid of the series."""

from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from perspect import io
from perspect.anatomy import resample
from perspect.vocabulary import Flag, Grid, Problem, Region, Severity


def region_on(path: Path, name: str, grid: Grid, *, has_positions: bool) -> tuple[Region, tuple[Flag, ...]]:
    """The mask in `path` on `grid`, and a note where it had to be resampled.

    Where the series has no positions (`has_positions` is false), a mask of the same shape is taken voxel by voxel.
    """
    region = io.read_region(path, name)
    if region.grid.matches(grid):
        return Region(region.mask, grid, name, path.name), ()
    if not has_positions:
        return _voxel_by_voxel(region, grid, path)
    mask = resample.onto(region.mask, region.grid, grid)
    if not mask.any():
        raise Problem(
            f"The mask {path.name} lies outside the series.",
            "No voxel of the series is in it; the two may be of different scans or in different frames of reference.",
            "Register the mask to the series, and give the result.",
        )
    note = Flag(
        "mask-resampled",
        Severity.NOTE,
        f"The mask {path.name} ({_shape(region.grid)}) was resampled onto the grid of the series ({_shape(grid)}): "
        f"{int(mask.sum())} voxels. This supposes that both share one frame of reference.",
        name,
        source="reading",
    )
    return Region(mask, grid, name, f"{path.name}, resampled"), (note,)


def share_of_mask(path: Path, grid: Grid, *, has_positions: bool) -> Float[np.ndarray, "x y z"] | None:
    """How much of each voxel of `grid` the mask in `path` is; None where its own voxels are those of the series."""
    region = io.read_region(path, "share")
    if region.grid.matches(grid) or not has_positions:
        return None
    return np.asarray(np.nan_to_num(resample.onto(region.mask.astype(np.float32), region.grid, grid)))


def kept_of(lesion: Region | None, white: Region | None) -> Region | None:
    """Whose curves are kept voxel by voxel: of a lesion with a voxel around it, and of normal white matter. None where
    there is no lesion.
    """
    if lesion is None:
        return None
    around = ndimage.binary_dilation(lesion.mask)
    mask = around if white is None else around | white.mask
    return Region(mask, lesion.grid, "lesion and normal white matter")


def _voxel_by_voxel(region: Region, grid: Grid, path: Path) -> tuple[Region, tuple[Flag, ...]]:
    if region.mask.shape != grid.shape:
        raise Problem(
            f"The mask {path.name} has {_shape(region.grid)} voxels, the series {_shape(grid)}.",
            "The series has no positions, so that a mask can only be laid over it voxel by voxel.",
            "Give a mask of the same shape.",
        )
    note = Flag(
        "mask-by-voxel",
        Severity.NOTE,
        f"The series has no positions: the mask {path.name} was laid over it voxel by voxel.",
        region.name,
        source="reading",
    )
    return Region(region.mask, grid, region.name, path.name), (note,)


def _shape(grid: Grid) -> str:
    return " x ".join(str(n) for n in grid.shape)
