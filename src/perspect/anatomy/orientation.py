"""How the axes of an image lie in the head: its code of three letters, its hand, and the image turned upright."""

import numpy as np
from jaxtyping import Float, Int, Shaped
from scipy.optimize import linear_sum_assignment


def upright(
    values: Shaped[np.ndarray, "x y z"], affine: Float[np.ndarray, "4 4"]
) -> tuple[Shaped[np.ndarray, "a b c"], Float[np.ndarray, "4 4"]]:
    """The image with its axes permuted and flipped so that they run most nearly to the right, the front and the top.

    Every voxel stays where it is in the world, and nothing is resampled.
    """
    order, sign = nearest_axes(affine)
    turned = values.transpose(tuple(order))
    changed = affine.copy()
    changed[:3, :3] = affine[:3, order]
    for axis in range(3):
        if sign[axis] < 0:
            turned = np.flip(turned, axis)
            changed[:3, 3] += changed[:3, axis] * (turned.shape[axis] - 1)
            changed[:3, axis] *= -1
    return turned, changed


def nearest_axes(affine: Float[np.ndarray, "4 4"]) -> tuple[Int[np.ndarray, " 3"], Int[np.ndarray, " 3"]]:
    """Which axis of the image runs most nearly along x, y and z of the world, and in which sense."""
    cosines = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    _, order = linear_sum_assignment(-np.abs(cosines))
    return order, np.where(cosines[range(3), order] < 0, -1, 1)
