"""Voxels compared with each other: the choline-to-NAA index, and the other side of the head."""

from typing import Final

import numpy as np

from perspect.anatomy.mirror import Plane
from perspect.vocabulary import FAILED_FROM, Map, Status, lexicon

FEWEST_NORMAL: Final = 12
"""Voxels that a line of choline on NAA needs."""

APART: Final = 2.0
"""Standard deviations beyond which a voxel is not normal-appearing (McKnight et al. 2001, doi:10.1002/jmri.1085)."""

OPPOSITE: Final = 0.75
"""Voxels between a place and the nearest usable voxel within which that is the voxel opposite [our default]."""


def cho_naa_index(choline: Map, naa: Map) -> Map | None:
    """How far each voxel is from the line of choline on NAA of normal-appearing voxels, in their standard deviations.

    The line is found by leaving out what is far from it until nothing changes. `None` where too few voxels are usable.

    McKnight et al. 2001, doi:10.1002/jmri.1085
    """
    known = (choline.status < Status.OUTSIDE) & (naa.status < Status.OUTSIDE)
    x, y = naa.values[known].astype(float), choline.values[known].astype(float)
    kept = np.ones(x.size, bool)
    distance, spread = np.zeros(x.size), 1.0
    for _ in range(20):
        if kept.sum() < FEWEST_NORMAL:
            return None
        slope, offset = np.polyfit(x[kept], y[kept], 1)
        distance = (y - slope * x - offset) / np.hypot(1.0, slope)
        spread = float(distance[kept].std())
        if not spread > 0:
            return None
        now = np.abs(distance) < APART * spread
        if (now == kept).all():
            break
        kept = now
    values = np.full(naa.values.shape, np.nan, np.float32)
    values[known] = distance / spread
    std = np.full(naa.values.shape, np.nan, np.float32)
    std[known] = np.hypot(choline.std[known], slope * naa.std[known]) / np.hypot(1.0, slope) / spread
    status = np.where(known, int(Status.OK), np.maximum(naa.status, choline.status)).astype(np.int16)
    return Map(lexicon.CNI, values, std, status, naa.grid)


def over_other_side(one: Map, plane: Plane) -> Map:
    """Each voxel of a map of ratios over the usable voxel opposite; without a number where there is none.

    Voxels whose opposite is nearer to them than `OPPOSITE` (they lie on the midline) are compared with themselves by
    no one: they have no number either.
    """
    grid = one.grid
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1).reshape(-1, 3)
    across = np.linalg.inv(grid.affine) @ plane.reflection @ grid.affine
    place = index @ across[:3, :3].T + across[:3, 3]
    nearest = np.rint(place).astype(int)
    inside = ((nearest >= 0) & (nearest < grid.shape)).all(axis=1)
    close = np.linalg.norm(place - nearest, axis=1) < OPPOSITE
    apart = np.linalg.norm(place - index, axis=1) > OPPOSITE
    at = tuple(np.clip(nearest, 0, np.array(grid.shape) - 1).T)
    here, there = (part.reshape(-1) for part in (one.values, one.values[at]))
    usable = (
        inside & close & apart & (one.status.reshape(-1) < FAILED_FROM) & (one.status[at] < FAILED_FROM) & (there > 0)
    )
    ratio = np.where(usable, here / np.where(usable, there, 1.0), np.nan)
    spread = np.hypot(one.std.reshape(-1), ratio * one.std[at]) / np.where(usable, there, 1.0)
    failed = np.where(one.status.reshape(-1) < FAILED_FROM, int(Status.NOT_DETERMINED), one.status.reshape(-1))
    shaped = [part.reshape(grid.shape) for part in (ratio, np.where(usable, spread, np.nan))]
    status = np.where(usable, int(Status.OK), failed).reshape(grid.shape).astype(np.int16)
    return Map(lexicon.CHO_NAA_SIDES, shaped[0].astype(np.float32), shaped[1].astype(np.float32), status, grid)
