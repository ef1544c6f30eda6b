"""What the pulses of a spectroscopic image excite, line by line.

The directions of an image are of three kinds:

- phase-encoded: the gradient is over before the signal is read, so that voxels lie where they were planned for every
  line;
- selected by pulses (the box of PRESS or semi-LASER, a slab): what is excited lies elsewhere for every line, as a whole
  (`displacement.displaced`). At its edge a voxel may hold one line and not the other. Where a pulse alone sets the
  slice, there being one voxel across it, nothing is lost, but each line is of a slice of its own;
- read while a gradient is on (EPSI): voxels lie elsewhere for every line, by (δ_water - δ) · f / bandwidth of a voxel,
  unless the reconstruction has put that right.

Maudsley et al. 2021, doi:10.1002/nbm.4309
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.mrs.displacement import Selection, displaced
from perspect.mrs.region import finer
from perspect.vocabulary import Grid, Problem
from perspect.vocabulary.spectra import WATER

ALONG: Final = 0.9
"""Cosine from which an edge of the box is one with an axis of the grid [our default]."""

PARTS: Final = (8, 4, 2)
"""Places to a voxel along each direction at which it is looked at, the first that makes few enough."""

MOST: Final = 1_000_000
"""Such places at most, as far as two to a voxel allow."""


@dataclass(frozen=True, eq=False)
class Excited:
    """What pulses excite and how an image was encoded, in mm (scanner), Hz and ppm.

    `box` is that of what resonates at the `carrier`, as the affine of one voxel; `bandwidths` are along its edges,
    negative where the frequency falls along the edge, and 0 where no pulse selects. `readout` is Hz to a voxel along
    the axes of the grid, with the same sign, and 0 where phase was encoded. The image of water has the carrier
    `of_water`, where that is another.
    """

    box: Float[np.ndarray, "4 4"]
    bandwidths: tuple[float, float, float]
    carrier: float
    frequency: float
    readout: tuple[float, float, float] = (0.0, 0.0, 0.0)
    of_water: float | None = None

    def __post_init__(self) -> None:
        Selection(self._widths, self.carrier)
        if not abs(np.linalg.det(self.box[:3, :3])) > 1e-6:
            raise Problem(
                "The box that pulses select has no volume.",
                "What lies in it cannot be told.",
                "Give its middle and three edges in mm (--pulse-box), or a VOI of three edges in the header.",
            )
        if not all(one == 0 or abs(one) >= 1 for one in self.readout):
            raise Problem(
                f"A readout of {', '.join(f'{one:g}' for one in self.readout)} Hz to a voxel.",
                "A voxel of an echo-planar readout has some 100 to 5000 Hz.",
                "Give Hz to a voxel along each axis of the grid, 0 where phase is encoded.",
            )

    @property
    def _widths(self) -> tuple[float, float, float]:
        """Bandwidths, endless where no pulse selects: such an edge displaces nothing."""
        x, y, z = (one or np.inf for one in self.bandwidths)
        return x, y, z

    @property
    def selects(self) -> tuple[bool, bool, bool]:
        """Along which edges of the box a pulse selects."""
        x, y, z = (one != 0 for one in self.bandwidths)
        return x, y, z

    def selected(self, ppm: float) -> Float[np.ndarray, "4 4"]:
        """The box of a resonance."""
        carrier = self.of_water if ppm == WATER and self.of_water is not None else self.carrier
        return displaced(self.box, ppm, self.frequency, Selection(self._widths, carrier))

    def apart(self, one: float, other: float) -> float:
        """Mm between the boxes of two resonances."""
        return float(np.linalg.norm(self.selected(one)[:3, 3] - self.selected(other)[:3, 3]))

    def sets_slice(self, grid: Grid) -> tuple[bool, bool, bool]:
        """Which edges of the box are selected across the only voxel that the grid has there."""
        edges, axes = (one[:3, :3] / np.linalg.norm(one[:3, :3], axis=0) for one in (self.box, grid.affine))
        lone = np.abs(edges.T @ axes)[:, np.array(grid.shape) == 1] > ALONG
        x, y, z = (is_set and bool(row.any()) for is_set, row in zip(self.selects, lone, strict=True))
        return x, y, z

    def is_uneven(self, grid: Grid) -> bool:
        """Whether lines may be excited in unlike shares of a voxel at all: some edge is selected within the grid."""
        return any(is_set and not alone for is_set, alone in zip(self.selects, self.sets_slice(grid), strict=True))

    def cells(self, grid: Grid, ppm: float) -> Grid:
        """Places finer than the voxels of a grid, from which what it shows of a resonance comes."""
        parts = _parts(grid.shape)
        x, y, z = (n * parts if n > 1 else 1 for n in grid.shape)
        places = finer(grid, (x, y, z))
        turns = np.array([(WATER - ppm) * self.frequency * 1e-6 / one if one else 0.0 for one in self.readout])
        moved = np.linalg.solve(self.box[:3, :3], self.selected(ppm)[:3, 3] - self.box[:3, 3])
        affine = places.affine.copy()
        affine[:3, 3] += grid.affine[:3, :3] @ turns
        affine[:3, 3] += self.box[:3, :3] @ np.where(self.sets_slice(grid), moved, 0.0)
        return Grid(places.shape, affine)

    def inside(self, grid: Grid, ppm: float) -> Float[np.ndarray, "fx fy fz"]:
        """How much of each of those places is excited. Edges are sharp: no header says how steep the pulses are."""
        cells = self.cells(grid, ppm)
        box = self.selected(ppm)
        back = np.linalg.inv(box[:3, :3])
        index = np.indices(cells.shape).reshape(3, -1)
        at = back @ (cells.affine[:3, :3] @ index + (cells.affine[:3, 3] - box[:3, 3])[:, None])
        half = np.abs(back @ cells.affine[:3, :3]).sum(axis=1) / 2
        out = np.ones(index.shape[1])
        for place, wide, is_set, alone in zip(at, half, self.selects, self.sets_slice(grid), strict=True):
            if is_set and not alone:
                common = np.minimum(place + wide, 0.5) - np.maximum(place - wide, -0.5)
                out *= np.clip(common / (2 * wide), 0.0, 1.0)
        return out.reshape(cells.shape)

    def shares(self, grid: Grid, ppm: float) -> Float[np.ndarray, "x y z"]:
        """How much of each voxel of a grid, taken as a box, is excited for a resonance."""
        return means_of(self.inside(grid, ppm), grid.shape)


def means_of(cells: Float[np.ndarray, "fx fy fz"], shape: tuple[int, int, int]) -> Float[np.ndarray, "x y z"]:
    """Means over the voxels of a grid of what finer places hold."""
    x, y, z = shape
    a, b, c = (fine // n for fine, n in zip(cells.shape, shape, strict=True))
    return np.asarray(cells.reshape(x, a, y, b, z, c).mean(axis=(1, 3, 5)))


def _parts(shape: tuple[int, int, int]) -> int:
    """How many places to a voxel along each direction that has several voxels."""
    many = sum(n > 1 for n in shape)
    return next((one for one in PARTS if np.prod(shape) * one**many <= MOST), PARTS[-1])
