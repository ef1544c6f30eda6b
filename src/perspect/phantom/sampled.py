"""A patient as the voxels of a scan see it: partial volumes on any grid, with the head where it was at that moment.

The fine patient is looked up on a lattice that divides every voxel of the scan, and averaged over the voxel's box. For
a head at rest on a grid tilted about one axis that is a product of two matrices (`phantom.boxes`). For other grids and
heads that move the averages are kept for every step of the lattice, so that a head that moves a little only asks for
places between them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy import ndimage

from perspect.phantom.boxes import boxes, lasting, linear
from perspect.phantom.lookup import looked_up, positions
from perspect.phantom.patient import LEVELS, Compartment, Part, Patient
from perspect.phantom.rotation import rotation
from perspect.vocabulary import Grid

STEP: Final = 1.3
"""Voxels are divided until no piece is longer than this, in voxels of the patient, who is no better known."""

MARGIN: Final = 5.0
"""How far a head may move before its averages are made anew, in mm. Only the time it takes depends on it."""

_LEAST: Final = 1e-4
_BLOCK: Final = 3
Volume = Float32[np.ndarray, "x y z"]
Fractions = tuple[Compartment, Int[np.ndarray, " inside"], Float32[np.ndarray, " inside"]]


@dataclass(frozen=True, eq=False)
class _Averages:
    """Means over boxes of a voxel's size, starting at every point of a part of the lattice, from `first` on."""

    first: tuple[int, int, int]
    volume: Volume


@dataclass(frozen=True, eq=False)
class _Lattice:
    """The voxels of a grid divided by `pieces`, and the averages of all compartments but air, which is what remains."""

    pieces: tuple[int, int, int]
    grid: Grid
    averages: Mapping[Compartment, _Averages]


@dataclass(frozen=True, eq=False)
class Sampled:
    """A patient made ready for one grid: asking for one more pose of the head costs a fraction of a second.

    Poses that carry the head no further than `margin` (mm) are looked up; others are made anew.
    """

    patient: Patient
    grid: Grid
    margin: float

    def parts(self, moved: Float[np.ndarray, " 6"] | None = None) -> tuple[Part, ...]:
        """What fills the voxels of the grid, with the head moved by x, y, z (mm) and turned about x, y, z (rad).

        The head is turned about the scanner's centre, about x, then y, then z, and then shifted; the grid stays.
        """
        if moved is None and self.grid.matches(self.patient.grid):
            return self.patient.parts
        if moved is not None and _farthest(self.grid, moved) > self.margin:
            return parts_on(self.patient, self.grid, moved)
        found = list(self._fractions(moved))
        left = np.ones(int(np.prod(self.grid.shape)), np.float32)
        for _, inside, fraction in found:
            left[inside] -= fraction
        some = np.flatnonzero(left > _LEAST)
        level = self._levels(np.flatnonzero(left < 1.0 - _LEAST), moved)
        everything = [(Compartment.AIR, some, left[some]), *found]
        return tuple(Part(one, inside, fraction, level[inside]) for one, inside, fraction in everything)

    def field_offset(
        self, moved: Float[np.ndarray, " 6"] | None = None
    ) -> tuple[Float32[np.ndarray, "x y z"], Float32[np.ndarray, "axis x y z"]]:
        """Off-resonance of the voxels in ppm, and how much it changes across each along the axes of the grid."""
        affine = _back(moved) @ self.grid.affine
        steps = [_between(self._looked_up_field(_faces(self.grid.shape, affine, axis)), axis) for axis in range(3)]
        return self._looked_up_field(Grid(self.grid.shape, affine)), np.stack(steps)

    @cached_property
    def _lattice(self) -> _Lattice:
        """What poses of the head are looked up in."""
        return _lattice_of(self.patient, self.grid, self.margin)

    def _fractions(self, moved: Float[np.ndarray, " 6"] | None) -> Iterator[Fractions]:
        """Where every compartment but air is, and how much of those voxels it fills."""
        pieces = pieces_of(self.patient, self.grid)
        reading = boxes(self.patient.grid, self.grid, pieces, linear) if moved is None else None
        if reading is not None:
            for part in self.patient.parts:
                if part.compartment is not Compartment.AIR and part.inside.size:
                    fraction = reading.of(part.inside, part.fraction)
                    inside = np.flatnonzero(fraction > _LEAST)
                    if inside.size:
                        yield part.compartment, inside, fraction[inside]
            return
        to_lattice = np.linalg.inv(self._lattice.grid.affine) @ _back(moved) @ self.grid.affine
        for one, averages in self._lattice.averages.items():
            if moved is None:
                found = _every(averages.volume, np.array(averages.first), self._lattice.pieces, self.grid.shape)
            else:
                found = self._between_averages(averages, to_lattice)
            yield one, *found

    def _between_averages(
        self, averages: _Averages, to_lattice: Float[np.ndarray, "4 4"]
    ) -> tuple[Int[np.ndarray, " inside"], Float32[np.ndarray, " inside"]]:
        """Where one compartment of a head that has moved is, and how much of those voxels it fills."""
        first, volume = np.array(averages.first), averages.volume
        candidates, at = _inside_box(self.grid.shape, to_lattice, first - 1, first + volume.shape)
        if candidates.size == 0:
            return candidates, np.zeros(0, np.float32)
        at -= first[:, None].astype(np.float32)
        fraction = ndimage.map_coordinates(
            volume.T, at[::-1], np.float32, order=1, mode="grid-constant", prefilter=False
        )
        enough = fraction > _LEAST
        return candidates[enough], fraction[enough]

    def _looked_up_field(self, at: Grid) -> Float32[np.ndarray, "x y z"]:
        field, fine = self.patient.field_offset, self.patient.grid
        if (reading := boxes(fine, at, (1, 1, 1), lasting)) is not None:
            return reading.everywhere(field).reshape(at.shape, order="F")
        return looked_up(field, fine, _flat(positions(at))).reshape(at.shape, order="F")

    def _levels(
        self, where: Int[np.ndarray, " some"], moved: Float[np.ndarray, " 6"] | None
    ) -> Int[np.ndarray, " voxels"]:
        """The level that the texture of the head gives at the centre of voxels; 0 elsewhere."""
        places = _flat(positions(Grid(self.grid.shape, _back(moved) @ self.grid.affine)))[:, where]
        texture = looked_up(self.patient.texture, self.patient.grid, places)
        level = np.zeros(int(np.prod(self.grid.shape)), np.int8)
        level[where] = np.minimum(texture * LEVELS, LEVELS - 1)
        return level


def sampled(patient: Patient, grid: Grid, margin: float = MARGIN) -> Sampled:
    """The patient made ready for a grid, oblique or not: each voxel is the mean over its own box."""
    return Sampled(patient, grid, margin)


def pieces_of(patient: Patient, grid: Grid) -> tuple[int, int, int]:
    """Into how many pieces the voxels of a grid are divided along each axis."""
    longest = STEP * float(np.mean(patient.grid.spacing))
    x, y, z = (int(np.ceil(length / longest)) for length in grid.spacing)
    return x, y, z


def _lattice_of(patient: Patient, grid: Grid, margin: float) -> _Lattice:
    pieces = pieces_of(patient, grid)
    margins = [int(np.ceil(margin / length)) * n for length, n in zip(grid.spacing, pieces, strict=True)]
    # lattice point k starts the box of k ... k + pieces - 1, so that voxel i has its mean at index pieces * i
    finer = grid.affine @ np.diag([*(1.0 / np.array(pieces)), 1.0])
    lattice = Grid(grid.shape, finer.copy())
    starts = finer.copy()
    starts[:3, 3] -= finer[:3, :3] @ ((np.array(pieces) - 1.0) / 2.0)
    low, high = _head_box(patient, starts)
    low = np.maximum(low - np.array(pieces), -np.array(margins))
    high = np.minimum(high + 1, np.array(grid.shape) * np.array(pieces) + np.array(margins))
    if np.any(high <= low):
        return _Lattice(pieces, lattice, {})
    starts[:3, 3] += starts[:3, :3] @ low
    points = Grid(tuple(int(n) for n in high - low), starts)  # type: ignore[arg-type]
    return _Lattice(pieces, lattice, _averages(patient, points, low, pieces))


def parts_on(patient: Patient, grid: Grid, moved: Float[np.ndarray, " 6"] | None = None) -> tuple[Part, ...]:
    """What fills the voxels of a grid. For many poses on one grid, keep `sampled(patient, grid)` and ask it."""
    if moved is None and grid.matches(patient.grid):
        return patient.parts
    if moved is not None:
        grid = Grid(grid.shape, _back(moved) @ grid.affine)
    return sampled(patient, grid, 0.0).parts()


def _averages(
    patient: Patient, points: Grid, low: Int[np.ndarray, " 3"], pieces: tuple[int, int, int]
) -> dict[Compartment, _Averages]:
    index = _fine_index(patient.grid, points)
    blocks, n_blocks = _blocks(patient.grid, index)
    result: dict[Compartment, _Averages] = {}
    for part in patient.parts:
        if part.compartment is Compartment.AIR or part.inside.size == 0:
            continue
        slab, first_plane = _slab(part, patient.grid)
        here = np.flatnonzero(_occupied(part, patient.grid, n_blocks).take(blocks)).astype(np.int32)
        if here.size == 0:
            continue
        at = [one.take(here) for one in index]
        at[0] -= np.float32(first_plane)
        values = ndimage.map_coordinates(slab, at, np.float32, order=1, mode="grid-constant", prefilter=False)
        result[part.compartment] = _box_means(values, here, points.shape, low, pieces)
    return result


def _box_means(
    values: Float32[np.ndarray, " here"], here: Int[np.ndarray, " here"], shape: tuple[int, int, int],
    low: Int[np.ndarray, " 3"], pieces: tuple[int, int, int],
) -> _Averages:  # fmt: skip
    """Means over runs of `pieces` points along each axis, over the smallest box that holds all that is not zero."""
    z = here // (shape[0] * shape[1])
    y = (here - z * (shape[0] * shape[1])) // shape[0]
    x = here - (z * shape[1] + y) * shape[0]
    first = np.array([x.min(), y.min(), z.min()]) - np.array(pieces) + 1
    size = np.array([x.max(), y.max(), z.max()]) + np.array(pieces) - first
    dense = np.zeros(size[::-1], np.float32)
    dense[z - first[2], y - first[1], x - first[0]] = values
    for axis, n in zip((2, 1, 0), pieces, strict=True):
        dense = _run_means(dense, axis, n)
    origin = first + low
    return _Averages((int(origin[0]), int(origin[1]), int(origin[2])), dense.T)


def _run_means(dense: Float32[np.ndarray, "z y x"], axis: int, n: int) -> Float32[np.ndarray, "a b c"]:
    """The mean of n neighbours from each point on."""
    if n == 1:
        return dense
    length = dense.shape[axis] - n + 1
    cut = [slice(None)] * 3
    cut[axis] = slice(0, length)
    total = dense[tuple(cut)].copy()
    for start in range(1, n):
        cut[axis] = slice(start, start + length)
        total += dense[tuple(cut)]
    total *= np.float32(1.0 / n)
    return total


def _fine_index(fine: Grid, points: Grid) -> Float32[np.ndarray, "axis points"]:
    """Where the points of a lattice lie among the voxels of the fine grid; z, y, x as the volume lies in memory."""
    to_fine = np.linalg.inv(fine.affine) @ points.affine
    return _flat(positions(Grid(points.shape, to_fine)))[::-1].copy()


def _blocks(fine: Grid, index: Float32[np.ndarray, "axis points"]) -> tuple[Int[np.ndarray, " points"], np.ndarray]:
    """The block of voxels in which each point lies, and how many blocks there are along z, y, x."""
    n = np.array([-(-length // _BLOCK) + 2 for length in fine.shape[::-1]])
    at = np.zeros(index.shape[1], np.int32)
    for one, count in zip(index, n, strict=True):
        at *= count
        at += np.clip((one * np.float32(1.0 / _BLOCK)).astype(np.int32) + 1 - (one < 0), 0, count - 1)
    return at, n


def _occupied(part: Part, fine: Grid, n: Int[np.ndarray, " 3"]) -> Bool[np.ndarray, " blocks"]:
    """The blocks that hold some of a part, or lie beside one that does."""
    nx, ny, _ = fine.shape
    inside = part.inside.astype(np.int32)
    z = inside // (nx * ny)
    y = (inside - z * (nx * ny)) // nx
    x = inside - (z * ny + y) * nx
    held = np.zeros(n, bool)
    held[z // _BLOCK + 1, y // _BLOCK + 1, x // _BLOCK + 1] = True
    beside: np.ndarray = ndimage.binary_dilation(held, np.ones((3, 3, 3)))
    return beside.reshape(-1)


def _slab(part: Part, fine: Grid) -> tuple[Float32[np.ndarray, "z y x"], int]:
    """The axial planes of a part as a volume, and which is the first."""
    nx, ny, _ = fine.shape
    first, last = int(part.inside[0]) // (nx * ny), int(part.inside[-1]) // (nx * ny)
    slab = np.zeros((last - first + 1, ny, nx), np.float32)
    slab.reshape(-1)[part.inside - first * nx * ny] = part.fraction
    return slab, first


def _head_box(patient: Patient, lattice: Float[np.ndarray, "4 4"]) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last step of the lattice (exclusive) that can see the fine grid."""
    corners = np.array(np.meshgrid(*[(-1.0, n) for n in patient.grid.shape])).reshape(3, -1)
    at = np.linalg.inv(lattice) @ patient.grid.affine @ np.vstack([corners, np.ones(8)])
    return np.floor(at[:3].min(axis=1)).astype(int), np.ceil(at[:3].max(axis=1)).astype(int) + 1


def _inside_box(
    shape: tuple[int, int, int], affine: Float[np.ndarray, "4 4"], low: np.ndarray, high: np.ndarray
) -> tuple[Int[np.ndarray, " inside"], Float32[np.ndarray, "axis inside"]]:
    """The voxels whose index, taken through the affine, lies within a box; and where it lies."""
    corners = np.array(np.meshgrid(*[(a, b) for a, b in zip(low, high, strict=True)])).reshape(3, -1)
    back = (np.linalg.inv(affine) @ np.vstack([corners, np.ones(8)]))[:3]
    first = np.clip(np.floor(back.min(axis=1)).astype(int), 0, shape)
    last = np.clip(np.ceil(back.max(axis=1)).astype(int) + 1, 0, shape)
    if np.any(last <= first):
        return np.zeros(0, np.int64), np.zeros((3, 0), np.float32)
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ first
    size = last - first
    at = _flat(positions(Grid((int(size[0]), int(size[1]), int(size[2])), moved)))
    z, y, x = (np.arange(a, b) for a, b in zip(first[::-1], last[::-1], strict=True))
    places = ((z[:, None, None] * shape[1] + y[:, None]) * shape[0] + x).reshape(-1)
    return places, at


def _every(
    volume: Volume, first: Int[np.ndarray, " 3"], pieces: tuple[int, int, int], shape: tuple[int, int, int]
) -> tuple[Int[np.ndarray, " inside"], Float32[np.ndarray, " inside"]]:
    """The averages that start at a voxel's first piece: the voxels, and how much of each is filled."""
    from_voxel = [max(-(-int(a) // n), 0) for a, n in zip(first, pieces, strict=True)]
    cut = [slice(v * n - int(a), None, n) for v, n, a in zip(from_voxel, pieces, first, strict=True)]
    found = volume[tuple(cut)][tuple(slice(0, n - v) for n, v in zip(shape, from_voxel, strict=True))]
    z, y, x = np.nonzero(found.T > _LEAST)
    places = ((z + from_voxel[2]) * shape[1] + (y + from_voxel[1])) * shape[0] + (x + from_voxel[0])
    return places, found.T[z, y, x]


def _faces(shape: tuple[int, int, int], affine: Float[np.ndarray, "4 4"], axis: int) -> Grid:
    """The middles of the faces between voxels along an axis, and of the two outermost ones."""
    faces = affine.copy()
    faces[:3, 3] -= affine[:3, axis] / 2.0
    x, y, z = (n + (i == axis) for i, n in enumerate(shape))
    return Grid((x, y, z), faces)


def _between(values: Float32[np.ndarray, "x y z"], axis: int) -> Float32[np.ndarray, "a b c"]:
    """The change from each face to the next; x fastest in memory."""
    return np.asarray(np.diff(values.T, axis=2 - axis).T)


def _back(moved: Float[np.ndarray, " 6"] | None) -> Float[np.ndarray, "4 4"]:
    """From scanner positions to those in the head at rest."""
    affine = np.eye(4)
    if moved is None:
        return affine
    affine[:3, :3] = rotation(moved[3:])
    affine[:3, 3] = moved[:3]
    return np.linalg.inv(affine)


def _farthest(grid: Grid, moved: Float[np.ndarray, " 6"]) -> float:
    """How far the motion carries the corners of a grid, at most, in mm."""
    corners = np.array(np.meshgrid(*[(0.0, n - 1.0) for n in grid.shape])).reshape(3, -1)
    at = grid.affine @ np.vstack([corners, np.ones(8)])
    return float(np.sqrt((((_back(moved) - np.eye(4)) @ at) ** 2).sum(axis=0)).max())


def _flat(places: Float32[np.ndarray, "axis x y z"]) -> Float32[np.ndarray, "axis voxels"]:
    return places.transpose(0, 3, 2, 1).reshape(3, -1)
