"""The true regions of a patient as the voxels of a scan see them."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from jaxtyping import Float32

from perspect.phantom.boxes import boxes, nearest
from perspect.phantom.lookup import positions
from perspect.phantom.patient import Patient
from perspect.phantom.regions import HEALTHY
from perspect.vocabulary import Grid, Region

WHOLE: Final = 0.95
"""Share of a voxel of a scan from which on it is in a region that stands for healthy tissue. [our default]"""

STEP: Final = 1.5
"""Voxels are looked at in pieces no longer than this, in mm. [our default]"""


def regions_on(patient: Patient, grid: Grid) -> dict[str, Region]:
    """The regions on a grid: voxels of which more than half belongs to one, or nearly all for healthy tissue.

    Regions of which no voxel is left are left out.
    """
    if grid.matches(patient.grid):
        return dict(patient.regions)
    found = {}
    for name, share in shares(patient.regions, patient.grid, grid).items():
        mask = share > (WHOLE if name in HEALTHY else 0.5)
        if mask.any():
            found[name] = Region(mask, grid, name, "phantom")
    return found


def shares(regions: Mapping[str, Region], fine: Grid, grid: Grid) -> dict[str, Float32[np.ndarray, "x y z"]]:
    """How much of every voxel of a grid belongs to each region of the fine grid."""
    pieces = tuple(max(int(np.ceil(length / STEP)), 1) for length in grid.spacing)
    reading = boxes(fine, grid, pieces, nearest)  # type: ignore[arg-type]
    if reading is not None:
        found = {name: reading.of(one.places, np.ones(one.places.size, np.float32)) for name, one in regions.items()}
        return {name: share.reshape(grid.shape, order="F") for name, share in found.items()}
    names = list(regions)
    bits = np.zeros(int(np.prod(fine.shape)), np.uint32)
    for bit, name in enumerate(names):
        bits[regions[name].places] |= np.uint32(1 << bit)
    counted = np.zeros((len(names), int(np.prod(grid.shape))), np.uint16)
    for piece in np.ndindex(*pieces):
        seen = _seen(bits, fine, grid, (np.array(piece) + 0.5) / np.array(pieces) - 0.5)
        for bit, count in enumerate(counted):
            count += (seen >> np.uint32(bit)).astype(np.uint16) & np.uint16(1)
    total = np.float32(np.prod(pieces))
    return {
        name: (count / total).astype(np.float32).reshape(grid.shape, order="F")
        for name, count in zip(names, counted, strict=True)
    }


def _seen(bits: np.ndarray, fine: Grid, grid: Grid, offset: np.ndarray) -> np.ndarray:
    """What the fine grid holds at a place in every voxel, `offset` from its centre in voxels; 0 outside."""
    shifted = grid.affine.copy()
    shifted[:3, 3] += grid.affine[:3, :3] @ offset
    index = positions(Grid(grid.shape, np.linalg.inv(fine.affine) @ shifted))
    at = np.rint(index.transpose(0, 3, 2, 1).reshape(3, -1)).astype(np.int32)
    inside = np.all([(one >= 0) & (one < n) for one, n in zip(at, fine.shape, strict=True)], axis=0)
    x, y, z = np.where(inside, at, 0)
    return np.where(inside, bits[(z * fine.shape[1] + y) * fine.shape[0] + x], np.uint32(0))
