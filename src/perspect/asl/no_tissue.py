"""What is bright and no tissue: arteries, plexus in the ventricles, sinuses at the surface. None of it is a hot spot.

They are told by what they are and where they lie, never by brightness alone: a tumour may be brighter than any of them.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect.asl.kinetics import Kinetics
from perspect.asl.sides import sides
from perspect.numerics import robust
from perspect.vocabulary import FAILED_FROM, Around, Region

ARTERY: Final = 0.03
"""Arterial volume in mL/mL from which on a voxel may be a vessel: an artery of 1 mm through a voxel of 4 mm has 0.05,
tumours full of vessels 0.01 to 0.03. [our default]"""

FLUID: Final = 0.5
"""Share of fluid from which on a voxel is none of its tissue. [our default]"""

STANDS_OUT: Final = 3.0
"""Robust standard deviations above the median of a region from which on a voxel may be a vessel. [our default]"""

LONG, THICK = 3.0, 4.0
"""A cluster is a vessel if it is so many times as long as it is wide, and no wider than this in mm across (standard
deviations of its voxels along its axes) [our defaults]."""

DEEP: Final = 15.0
"""mm under the surface of the brain where fluid is that of ventricles and not of sulci. [our default]"""

PLEXUS: Final = 6.0
"""mm: half the width of what may lie between the fluid of a ventricle and still be in it: plexus. [our default]"""

SHELL, MIDDLE = 6.0, 8.0
"""mm from the surface of the brain mask, and from the plane between the halves, within which dural sinuses run
[our defaults]."""

FEWEST: Final = 4
"""Voxels from which on a cluster has a shape."""

Masks = Mapping[str, Bool[np.ndarray, "x y z"]]


def no_tissue(fitted: Kinetics, around: Around, brain: Region) -> Masks:
    """Voxels by the name of what they are: `vessels`, `fluid`, `choroid plexus`, `sinuses`; all on the grid.

    Those who read a lesion leave out the first three there: at the surface beside the midline lie tumours as well as
    sinuses. References leave out all four.
    """
    flow = brain.spread(fitted.values["cbf"], np.nan)
    measured = brain.spread(fitted.status["cbf"] < FAILED_FROM, False)
    ill = np.zeros(brain.grid.shape, bool) if around.lesion is None else around.lesion.mask
    vessels = np.zeros(brain.grid.shape, bool)
    for part in (ill & measured, measured & ~ill):
        vessels |= elongated(flow, part, brain)
        if fitted.has_arteries is not None:
            some = brain.taken(part) & fitted.has_arteries
            vessels |= brain.spread(some & _stands_out(np.nan_to_num(fitted.values["abv"]), brain.taken(part)), False)
    depth = ndimage.distance_transform_edt(brain.mask, sampling=brain.grid.spacing)
    fluid = np.zeros(brain.grid.shape, bool)
    if around.fluid is not None:
        fluid = (np.nan_to_num(around.fluid) > FLUID) & brain.mask
    return {
        "vessels": vessels & measured,
        "fluid": fluid,
        "choroid plexus": plexus(fluid & ~ill, depth, brain) & measured & ~fluid,
        "sinuses": (depth <= SHELL) & (np.abs(sides(around, brain).to_the_right) <= MIDDLE) & measured,
    }


def _stands_out(volume: Float[np.ndarray, " voxels"], part: Bool[np.ndarray, " voxels"]) -> Bool[np.ndarray, " voxels"]:
    """Where there is more arterial blood than tissue holds, and more than the rest of the same part has: a tumour whose
    every voxel holds arteries has no vessel running through it.
    """
    if not part.any():
        return part
    middle = float(np.median(volume[part]))
    spread = float(robust.spread(volume[part] - middle))
    return np.asarray(volume > max(ARTERY, middle + STANDS_OUT * spread))


def plexus(
    ventricles: Bool[np.ndarray, "x y z"], depth: Float[np.ndarray, "x y z"], brain: Region
) -> Bool[np.ndarray, "x y z"]:
    """What lies in the ventricles and is no fluid: enclosed by fluid that is deep. Fluid of a lesion encloses nothing.

    A tumour beside a ventricle is not enclosed by it.
    """
    deep = ventricles & (depth >= DEEP)
    if not deep.any():
        return deep
    # A closing by distance: grown by the half width of plexus, and shrunk by as much.
    near = ndimage.distance_transform_edt(~deep, sampling=brain.grid.spacing) <= PLEXUS
    closed = ndimage.distance_transform_edt(near, sampling=brain.grid.spacing) > PLEXUS
    return np.asarray(closed & ~ventricles & (depth >= DEEP))


def elongated(
    flow: Float[np.ndarray, "x y z"], part: Bool[np.ndarray, "x y z"], brain: Region
) -> Bool[np.ndarray, "x y z"]:
    """Bright clusters of a region that are long and thin, as a vessel is; a hot spot of a tumour is compact."""
    out = np.zeros(part.shape, bool)
    values = flow[part]
    if values.size < FEWEST:
        return out
    middle = float(np.median(values))
    spread = float(robust.spread(values - middle))
    with np.errstate(invalid="ignore"):
        bright = part & (flow > middle + STANDS_OUT * max(spread, 1e-12))
    label, _ = ndimage.label(bright, np.ones((3, 3, 3)))
    for at, box in enumerate(ndimage.find_objects(label), 1):
        inside = label[box] == at
        if inside.sum() >= FEWEST and _is_long(np.argwhere(inside) * np.array(brain.grid.spacing), brain):
            out[box] |= inside
    return out


def _is_long(places: Float[np.ndarray, "voxels 3"], brain: Region) -> bool:
    """Whether voxels lie along a line that is wide as a voxel or a vessel."""
    own = np.diag(np.array(brain.grid.spacing) ** 2) / 12.0
    along = np.sqrt(np.linalg.eigvalsh(np.cov(places.T) + own))
    widest = max(THICK, max(brain.grid.spacing) / np.sqrt(12.0) * 1.2)
    return bool(along[2] > LONG * along[1] and along[1] <= widest)
