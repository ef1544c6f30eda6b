"""Polynomials around the nodes of a line, through what is known at these and at their neighbours.

Around a node x counts nodes. The polynomial of degree 7 goes through values at -2 .. 2 and slopes at -1 .. 1, the
quartic through the values alone; powers of x lead.
"""

from typing import Final

import numpy as np
from jaxtyping import Float

REACH: Final = 2
"""How many nodes on either side of its own a polynomial goes through; nodes near an end borrow their neighbours'."""

_VALUES, _SLOPES = (-2, -1, 0, 1, 2), (-1, 0, 1)
_HERMITE = np.linalg.inv(
    np.array(
        [[float(x) ** k for k in range(8)] for x in _VALUES]
        + [[k * float(x) ** max(k - 1, 0) for k in range(8)] for x in _SLOPES]
    )
)
_QUARTIC = np.linalg.inv(np.vander(np.array(_VALUES, np.float64), 5, increasing=True))


def hermite(
    values: Float[np.ndarray, "*k nodes"], slopes: Float[np.ndarray, "*k nodes"]
) -> Float[np.ndarray, "8 *k nodes"]:
    """The polynomials of degree 7, from values and slopes per node."""
    return np.asarray(np.tensordot(_HERMITE, np.concatenate([_around(values, _VALUES), _around(slopes, _SLOPES)]), 1))


def quartic(values: Float[np.ndarray, "*k nodes"]) -> Float[np.ndarray, "5 *k nodes"]:
    """The polynomials of degree 4, from values."""
    return np.asarray(np.tensordot(_QUARTIC, _around(values, _VALUES), 1))


def _around(table: np.ndarray, places: tuple[int, ...]) -> np.ndarray:
    """Values at some places around every node."""
    centre = np.clip(np.arange(table.shape[-1]), REACH, table.shape[-1] - 1 - REACH)
    return np.stack([table[..., centre + s] for s in places])


def halfway_error(
    columns: Float[np.ndarray, "k nodes time"],
    steep: Float[np.ndarray, "k nodes time"],
    between: Float[np.ndarray, "k cells time"],
) -> float:
    """The largest relative error of a column in the middle of a cell, from whichever centre it may be reached."""
    cells, worst = np.arange(between.shape[1]), 0.0
    length = np.sqrt((between**2).sum(axis=-1))
    for offset in (-1, 0, 1, 2):
        around = np.clip(cells + offset, REACH, columns.shape[1] - 1 - REACH)
        weights = np.vander(cells + 0.5 - around, 8, increasing=True) @ _HERMITE
        stencil = [table[:, around + s] for table, reach in ((columns, _VALUES), (steep, _SLOPES)) for s in reach]
        estimate = sum(weights[:, s, None] * part for s, part in enumerate(stencil))
        missed = np.sqrt(((estimate - between) ** 2).sum(axis=-1))
        worst = max(worst, float((missed / np.where(length > 0, length, 1.0)).max()))
    return worst


def polynomial(poly: Float[np.ndarray, "powers *k voxels"], x: Float[np.ndarray, " voxels"]) -> np.ndarray:
    """Their values at x."""
    value = np.array(poly[-1])
    for row in poly[-2::-1]:
        value *= x
        value += row
    return value


def rising(
    poly: Float[np.ndarray, "powers *k voxels"], x: Float[np.ndarray, " voxels"]
) -> tuple[np.ndarray, np.ndarray]:
    """Their values and slopes at x."""
    value, slope = np.array(poly[-1]), np.zeros(poly.shape[1:])
    for row in poly[-2::-1]:
        slope *= x
        slope += value
        value *= x
        value += row
    return value, slope


def horner(
    poly: Float[np.ndarray, "powers *k voxels"], x: Float[np.ndarray, " voxels"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Their values, slopes and curvatures at x."""
    value, slope, half = np.array(poly[-1]), np.zeros(poly.shape[1:]), np.zeros(poly.shape[1:])
    for row in poly[-2::-1]:
        half *= x
        half += slope
        slope *= x
        slope += value
        value *= x
        value += row
    half *= 2.0
    return value, slope, half


def derived(
    poly: Float[np.ndarray, "powers *k voxels"], x: Float[np.ndarray, " voxels"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Their values and first three derivatives at x."""
    value = np.array(poly[-1])
    slope, half, sixth = (np.zeros(poly.shape[1:]) for _ in range(3))
    for row in poly[-2::-1]:
        sixth *= x
        sixth += half
        half *= x
        half += slope
        slope *= x
        slope += value
        value *= x
        value += row
    half *= 2.0
    sixth *= 6.0
    return value, slope, half, sixth
