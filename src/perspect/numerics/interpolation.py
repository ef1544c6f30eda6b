"""Curves between their samples."""

import numpy as np
from jaxtyping import Float


def monotone(
    x: Float[np.ndarray, " samples"], y: Float[np.ndarray, " samples"], at: Float[np.ndarray, " places"]
) -> Float[np.ndarray, " places"]:
    """A cubic through at least three samples that rises and falls only where they do, at places between the outermost.

    Fritsch & Butland 1984, doi:10.1137/0905021
    """
    width, slope = np.diff(x), np.diff(y) / np.diff(x)
    before, after = slope[:-1], slope[1:]
    of_before, of_after = width[:-1] + 2 * width[1:], 2 * width[:-1] + width[1:]
    turns = before * after <= 0
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (of_before + of_after) / (of_before / before + of_after / after)
    steepness = np.concatenate([[_end(width, slope)], np.where(turns, 0.0, mean), [_end(width[::-1], slope[::-1])]])
    left = np.clip(np.searchsorted(x, at, side="right") - 1, 0, x.size - 2)
    h, d0, d1, rise = width[left], steepness[left], steepness[left + 1], slope[left]
    u = (at - x[left]) / h
    out: Float[np.ndarray, " places"] = y[left] + h * u * (d0 + u * (3 * rise - 2 * d0 - d1 + u * (d0 + d1 - 2 * rise)))
    return out


def _end(width: Float[np.ndarray, " steps"], slope: Float[np.ndarray, " steps"]) -> float:
    """The slope at the first sample: that of a parabola through three, as far as it follows the first step."""
    end = ((2 * width[0] + width[1]) * slope[0] - width[0] * slope[1]) / (width[0] + width[1])
    if end * slope[0] <= 0:
        return 0.0
    if slope[0] * slope[1] <= 0 and abs(end) > 3 * abs(slope[0]):
        return float(3 * slope[0])
    return float(end)


def straight(
    x: Float[np.ndarray, " samples"], y: Float[np.ndarray, "curves samples"], at: Float[np.ndarray, " places"]
) -> Float[np.ndarray, "curves places"]:
    """Straight lines between the samples of several curves."""
    left = np.clip(np.searchsorted(x, at, side="right") - 1, 0, x.size - 2)
    share = (at - x[left]) / (x[left + 1] - x[left])
    out: Float[np.ndarray, "curves places"] = (1 - share) * y[:, left] + share * y[:, left + 1]
    return out
