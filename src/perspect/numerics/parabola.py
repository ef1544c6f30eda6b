"""The vertex of a parabola through three points."""

import numpy as np
from jaxtyping import Float


def vertex(
    x: Float[np.ndarray, "3 voxels"], y: Float[np.ndarray, "3 voxels"]
) -> tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"], Float[np.ndarray, "3 voxels"]]:
    """Height and place of the vertex of the parabola through three points, the middle one at x = 0, and by how much the
    place moves with each of the points.

    Where the middle is no maximum (or the three lie on a line) height and place are those of the middle point, and how
    they move is NaN.
    """
    a, c = x[0], x[2]
    det = a * c * (c - a)
    slope_by = np.stack([c**2, a**2 - c**2, -(a**2)]) / det
    bend_by = np.stack([-c, c - a, a]) / det
    slope, bend = (slope_by * y).sum(axis=0), (bend_by * y).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        place = -slope / (2 * bend)
        moves = -(slope_by / (2 * bend) + place * bend_by / bend)
    inside = (bend < 0) & (place >= a) & (place <= c)
    place = np.where(inside, place, 0.0)
    return y[1] + slope * place / 2, place, np.where(inside, moves, np.nan)
