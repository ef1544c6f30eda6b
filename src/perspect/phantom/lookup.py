"""Values of a volume at places between its voxels."""

import numpy as np
from jaxtyping import Float, Float32
from scipy import ndimage

from perspect.vocabulary import Grid


def looked_up(
    volume: Float[np.ndarray, "x y z"], grid: Grid, places: Float32[np.ndarray, "axis voxels"]
) -> Float32[np.ndarray, " voxels"]:
    """Trilinear values at scanner positions in mm; beyond the edge the outermost voxel goes on."""
    into = np.linalg.inv(grid.affine).astype(np.float32)
    if np.count_nonzero(into[:3, :3]) == 3:
        index = [into[i, i] * places[i] + into[i, 3] for i in (2, 1, 0)]
    else:
        index = list((into[:3, :3] @ places + into[:3, 3:])[::-1])
    return np.asarray(ndimage.map_coordinates(volume.T, index, np.float32, order=1, mode="nearest", prefilter=False))


def positions(grid: Grid) -> Float32[np.ndarray, "axis x y z"]:
    """Scanner coordinates of all voxels, in mm; x lies fastest in memory, as in files."""
    steps = [np.arange(n, dtype=np.float32) for n in grid.shape]
    affine = grid.affine.astype(np.float32)
    return np.stack([
        ((steps[2][:, None, None] * row[2] + row[3]) + (steps[1][:, None] * row[1])) + steps[0] * row[0]
        for row in affine[:3]
    ]).transpose(0, 3, 2, 1)  # fmt: skip
