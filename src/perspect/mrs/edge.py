"""Where water ends or changes from voxel to voxel: what that does to a scale by it, as the image itself shows."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect.numerics import robust
from perspect.vocabulary import Spectra

BRAIN: Final = 0.4
"""Share of the typical signal above which a voxel is brain [our default]."""

FLOOR: Final = 0.15
"""Of the typical water, below which less is no steeper: there is none [our default]."""

FEWEST: Final = 20
"""Voxels with amounts from which it can be told what steepness does to them [our default]."""

FARTHEST: Final = 1.0
"""Logarithm of an amount over the typical one beyond which it counts as no farther: a lesion, or a bad fit
[our default]."""

LEAST_AROUND: Final = 0.7
"""Share of a voxel and its neighbours that must hold water, or it lies at the edge: less is a whole side without
[our default]."""

CROPPED: Final = 0.75
"""Share of the voxels of a grid with water above which the grid ends before the water does [our default]."""


def size_of(water: Spectra) -> Float[np.ndarray, "x y z"]:
    """The signal of water, or what there is in its place, at the start."""
    return np.asarray(np.abs(np.nan_to_num(water.values[..., :4])).mean(axis=3))


def large(size: Float[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """Voxels with much of the typical signal."""
    return np.asarray(size > BRAIN * np.quantile(size, 0.9))


def water_in(water: Spectra) -> Bool[np.ndarray, "x y z"]:
    """Voxels that hold water."""
    return large(size_of(water))


def steepness(water: Float[np.ndarray, "x y z"], typical: float) -> Float[np.ndarray, "x y z"]:
    """By how much the logarithm of water changes from voxel to voxel; NaN counts as none.

    >>> step = np.ones((6, 1, 1)); step[3:] = 0.5
    >>> steepness(step, 1.0)[:, 0, 0].round(2)
    array([0.  , 0.  , 0.35, 0.35, 0.  , 0.  ])
    """
    size = np.log(np.maximum(np.nan_to_num(water), FLOOR * typical))
    along = [np.gradient(size, axis=axis) for axis, n in enumerate(size.shape) if n > 1]
    return np.asarray(np.sqrt(np.sum(np.square(along), axis=0)) if along else np.zeros(size.shape))


def displacement(amounts: Float[np.ndarray, "x y z"], steep: Float[np.ndarray, "x y z"]) -> float:
    """How many voxels apart water and molecules seem to have been selected: how much farther water-scaled amounts lie
    from each other where water is steep; 0 where too few are known.

    A box of another place, or an edge that the point spread smears otherwise, gives an error of so many voxels times
    the steepness. What amounts differ by where water is even is no matter of it.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.log(amounts)
    known = np.isfinite(size)
    if known.sum() < FEWEST:
        return 0.0
    off, slope = size[known] - np.median(size[known]), np.square(steep[known])
    usual = float(robust.spread(off[slope <= np.median(slope)]))
    excess = np.minimum(np.square(off), FARTHEST**2) - usual**2
    return float(np.sqrt(max(slope @ excess, 0.0) / max(slope @ slope, 1e-12)))


def at_edge(has_water: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """Voxels that lack water on a whole side; beyond a grid there is none unless nearly all of it has water.

    >>> inside = np.zeros((5, 5, 1), bool); inside[1:4, 1:4] = True
    >>> int((inside & ~at_edge(inside)).sum())
    1
    """
    size = [3 if n > 1 else 1 for n in has_water.shape]
    beyond = 1.0 if has_water.mean() > CROPPED else 0.0
    around = ndimage.uniform_filter(has_water.astype(float), size, mode="constant", cval=beyond)
    return np.asarray(has_water & (around < LEAST_AROUND))
