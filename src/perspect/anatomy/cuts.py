"""Three planes through a point of an image, and where boxes of any orientation cross them."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.spatial import ConvexHull

from perspect.anatomy.resample import onto
from perspect.vocabulary import Cut, Grid

PLANES: Final = (("axial", 2, 0, 1), ("coronal", 1, 0, 2), ("sagittal", 0, 1, 2))
"""Name, axis across, axis that falls from left to right, axis that falls from top to bottom (of right, front, head):
the patient is seen from the feet, from the front, and from the left, with the front on the left."""

NAMES: Final = (("L", "R"), ("P", "A"), ("I", "S"))

STEP: Final = 1.0
"""mm between points of a plane [our default]."""

REACH: Final = 110.0
"""mm from the point that are shown at most, in each direction: a head [our default]."""


def cuts(
    image: Float[np.ndarray, "x y z"],
    grid: Grid,
    at: Float[np.ndarray, "3"],
    boxes: Mapping[str, Float[np.ndarray, "4 4"]],
) -> tuple[Cut, ...]:
    """The image on three planes through `at` (mm, right front head), with the outline of every box that they cross.

    A box is the unit cube around the origin, moved by its affine: a voxel.
    """
    low, high = _extent(grid)
    low, high = np.maximum(low, at - REACH), np.minimum(high, at + REACH)
    out = []
    for name, across, column, row in PLANES:
        right, down = (np.arange(high[axis], low[axis], -STEP) for axis in (column, row))
        affine = np.zeros((4, 4))
        affine[column, 0], affine[row, 1], affine[across, 2] = -STEP, -STEP, STEP
        affine[[column, row, across], 3] = high[column], high[row], at[across]
        affine[3, 3] = 1.0
        values = onto(image, grid, Grid((right.size, down.size, 1), affine))[..., 0].T
        letters = (NAMES[column][1], NAMES[column][0], NAMES[row][1], NAMES[row][0])
        place = f"{NAMES[across][int(at[across] >= 0)]} {abs(at[across]):.0f}"
        lines = {key: outline(box, affine) for key, box in boxes.items()}
        out.append(Cut(name, place, letters, values, STEP, {key: line for key, line in lines.items() if len(line)}))
    return tuple(out)


def _extent(grid: Grid) -> tuple[Float[np.ndarray, "3"], Float[np.ndarray, "3"]]:
    """The lowest and highest coordinates of the centres of an image."""
    corners = np.stack(np.meshgrid(*([0, n - 1] for n in grid.shape), indexing="ij")).reshape(3, -1)
    places = grid.affine[:3, :3] @ corners + grid.affine[:3, 3:]
    return places.min(axis=1), places.max(axis=1)


EDGES: Final = tuple((a, b) for a in range(8) for b in range(a + 1, 8) if (a ^ b).bit_count() == 1)
"""Pairs of corners of a cube that an edge joins; the bits of a corner are its sides."""


def outline(box: Float[np.ndarray, "4 4"], plane: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "corners 2"]:
    """Where a box crosses a plane, in columns and rows; nothing where it does not."""
    unit = np.array([[(corner >> axis & 1) - 0.5 for axis in range(3)] for corner in range(8)])
    corners = (np.linalg.inv(plane) @ box @ np.c_[unit, np.ones(8)].T)[:3].T
    met = []
    for a, b in EDGES:
        above, below = corners[a, 2], corners[b, 2]
        if above * below < 0 or (above == 0) != (below == 0):
            share = above / (above - below)
            met.append(corners[a, :2] + share * (corners[b, :2] - corners[a, :2]))
    points = np.array(met).reshape(-1, 2)
    if len(points) < 3:
        return np.zeros((0, 2))
    out: Float[np.ndarray, "corners 2"] = points[ConvexHull(points).vertices]
    return out
