"""Some voxels of arrays whose last axis they are: an index across the rows takes ten times as long [measured]."""

import numpy as np
from jaxtyping import Bool, Int, Shaped

Which = Int[np.ndarray, " some"] | Bool[np.ndarray, " voxels"]


def taken(a: Shaped[np.ndarray, "*rows voxels"], which: Which) -> Shaped[np.ndarray, "*rows some"]:
    """Some voxels, by their numbers or by a mask."""
    out: np.ndarray = a.take(_numbers(which), axis=-1)
    return out


def put(a: Shaped[np.ndarray, "*rows voxels"], which: Which, values: Shaped[np.ndarray, "*rows some"]) -> None:
    """Puts others in their place."""
    if a.ndim == 1:
        a[which] = values
        return
    at = _numbers(which)
    for row, value in zip(a, values, strict=True):
        put(row, at, value)


def _numbers(which: Which) -> Int[np.ndarray, " some"]:
    return np.flatnonzero(which) if which.dtype == bool else which


def by_cell(number: Int[np.ndarray, " some"]) -> tuple[Int[np.ndarray, " some"], Int[np.ndarray, " some"]]:
    """The order of curves by their cells, and the way back: to write all in order and to reorder what was written is
    quicker than to write it out of order [measured].
    """
    order = np.argsort(number.astype(np.int16), kind="stable")
    back = np.empty_like(order)
    back[order] = np.arange(order.size)
    return order, back
