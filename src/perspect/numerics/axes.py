"""How the axes of an image lie in the world, and the image turned so that they lie along it."""

from itertools import permutations

import numpy as np
from jaxtyping import Float, Shaped


def nearest(affine: Float[np.ndarray, "4 4"]) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Which axis of the image runs most nearly along x, y and z of the world, and in which sense (1 or -1).

    Of all ways to give each its own, the one with the largest sum of cosines.
    """
    cosines = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    order = max(permutations(range(3)), key=lambda axes: float(np.abs(cosines[range(3), axes]).sum()))
    x, y, z = (-1 if cosines[row, axis] < 0 else 1 for row, axis in enumerate(order))
    return (order[0], order[1], order[2]), (x, y, z)


def upright(
    values: Shaped[np.ndarray, "x y z"], affine: Float[np.ndarray, "4 4"]
) -> tuple[Shaped[np.ndarray, "a b c"], Float[np.ndarray, "4 4"]]:
    """The image with its axes permuted and flipped so that they run most nearly along x, y and z of the world.

    Every voxel stays where it is in the world, and nothing is resampled.
    """
    order, senses = nearest(affine)
    turned, changed = values.transpose(order), affine.copy()
    changed[:3, :3] = affine[:3, order]
    for axis, sense in enumerate(senses):
        if sense < 0:
            turned = np.flip(turned, axis)
            changed[:3, 3] += changed[:3, axis] * (turned.shape[axis] - 1)
            changed[:3, axis] *= -1
    return turned, changed
