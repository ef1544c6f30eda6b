"""What fills the voxels of a head while it is being made: shapes are poured in one after another."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from perspect.phantom.geometry import Ellipsoid, Point, Tube
from perspect.phantom.patient import Compartment
from perspect.vocabulary import Grid

Box = tuple[slice, slice, slice]


def shared(depth: Float32[np.ndarray, "*any"]) -> Float32[np.ndarray, "*any"]:
    """How much of a voxel of 1 mm lies inside a surface whose `depth` at the voxel's centre is given, in mm."""
    return np.clip(depth + np.float32(0.5), np.float32(0.0), np.float32(1.0))


@dataclass(frozen=True, eq=False)
class Canvas:
    """The fractions of every voxel by compartment, which `pour` changes in place: a head has nine million voxels.

    `places` says which place of the standard head each voxel shows, in mm, so that every shape is warped alike.
    `reach` holds the lowest and highest of those in each sagittal, coronal and axial plane.
    """

    grid: Grid
    places: Float32[np.ndarray, "axis x y z"]
    fractions: dict[Compartment, Float32[np.ndarray, "x y z"]]
    reach: tuple[Float32[np.ndarray, "two planes"], ...]

    def box(self, low: Point, high: Point) -> Box:
        """The voxels that can show what lies between two corners of the standard head."""
        return tuple(  # type: ignore[return-value]
            _run((planes[1] >= a - 1.0) & (planes[0] <= b + 1.0))
            for planes, a, b in zip(self.reach, low, high, strict=True)
        )

    def depth(self, shape: Ellipsoid | Tube) -> tuple[Box, Float32[np.ndarray, "x y z"]]:
        """How deep the voxels near a shape lie inside it, in mm."""
        box = self.box(*shape.box)
        x, y, z = (axis[box] for axis in self.places)
        return box, np.asarray(shape.depth((x, y, z)), np.float32)

    def pour(self, compartment: Compartment, box: Box, inside: Float[np.ndarray, "x y z"]) -> None:
        """Let a compartment fill `inside` of the voxels of a box, and what was there shrink in proportion."""
        if not inside.any():
            return
        left = 1.0 - inside
        for fraction in self.fractions.values():
            fraction[box] *= left
        self.of(compartment)[box] += inside

    def of(self, compartment: Compartment) -> Float32[np.ndarray, "x y z"]:
        """The fractions of a compartment; zeros if there was none."""
        if compartment not in self.fractions:
            self.fractions[compartment] = np.zeros(self.grid.shape[::-1], np.float32).T
        return self.fractions[compartment]


def blank(grid: Grid, places: Float32[np.ndarray, "axis x y z"]) -> Canvas:
    """A canvas without anything on it."""
    planes = [(1, 2), (0, 2), (0, 1)]
    reach = tuple(np.stack([axis.min(over), axis.max(over)]) for axis, over in zip(places, planes, strict=True))
    return Canvas(grid, places, {}, reach)


def _run(hit: np.ndarray) -> slice:
    """From the first to the last plane that was hit."""
    at = np.flatnonzero(hit)
    return slice(int(at[0]), int(at[-1]) + 1) if at.size else slice(0, 0)
