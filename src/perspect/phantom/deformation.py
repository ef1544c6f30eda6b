"""How one head differs from the standard one: turned, scaled, asymmetric, and warped smoothly."""

from typing import Final

import numpy as np
from jaxtyping import Float32

from perspect.phantom.lookup import positions
from perspect.phantom.noise import smooth_noise
from perspect.phantom.rotation import rotation
from perspect.vocabulary import Grid

CENTRE: Final = np.array([0.0, -18.0, 8.0])
"""About which a head turns and grows, in mm of the standard space."""

TILT: Final = np.deg2rad(2.5)
"""Standard deviation of how a head lies in the scanner, about each axis, in rad. [our default]"""

SHIFT: Final = 1.5
"""Standard deviation of where it lies, in mm. [our default]"""

SIZE: Final = (0.935, 0.02)
"""Mean and standard deviation of the size along each axis: the ICBM head is larger than most. [our default]"""

WARPS: Final = ((30.0, 2.2), (14.0, 0.7))
"""Smooth random warps: distance of control points and standard deviation of the displacement, both in mm. Folds of the
brain move by several mm and turn, nothing folds over. [our default]"""

TORQUE: Final = 1.5
"""Standard deviation around as much again by which right leads left at the front and trails it behind, in mm: right
frontal and left occipital petalia, which are those of most people (Li et al. 2018,
doi:10.1016/j.neuroimage.2017.10.017; Xiang et al. 2019, doi:10.1007/s00429-018-01818-0). [our default for its size]"""


def standard_positions(grid: Grid, rng: np.random.Generator) -> Float32[np.ndarray, "axis x y z"]:
    """For every voxel of a patient's grid, the place in the standard head that is found there, in mm."""
    turned = rotation(rng.normal(0.0, TILT, 3)).T / rng.normal(*SIZE, 3)[:, None]
    shift = rng.normal(0.0, SHIFT, 3)
    torque = rng.normal(TORQUE, TORQUE)
    affine = np.eye(4)
    affine[:3] = np.column_stack([turned, CENTRE - turned @ (CENTRE + shift)])
    places = positions(Grid(grid.shape, affine @ grid.affine))
    spacing = float(np.mean(grid.spacing))
    for distance, amount in WARPS:
        for axis in places:
            axis += np.float32(amount) * smooth_noise(grid.shape, distance / spacing, rng)
    places[1] -= np.float32(torque) * np.tanh(places[0] / np.float32(25.0))
    return places
