"""What fills the voxels of a head while it is being made: shapes are poured in one after another."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Float32

from perspect.phantom.geometry import Ellipsoid, Point, Tube
from perspect.phantom.noise import smooth_noise
from perspect.phantom.patient import Compartment
from perspect.vocabulary import Grid

Box = tuple[slice, slice, slice]


def shared(depth: Float32[np.ndarray, "*any"], voxel: float) -> Float32[np.ndarray, "*any"]:
    """How much of a voxel (edge length in mm) lies inside a surface whose depth at its centre is given, in mm."""
    return np.clip(depth / np.float32(voxel) + np.float32(0.5), np.float32(0.0), np.float32(1.0))


@dataclass(frozen=True, eq=False)
class Canvas:
    """The fractions of every voxel by compartment, which `pour` changes in place: a head has nine million voxels.

    `places` says which place of the standard head each voxel shows, in mm, so that every shape is warped alike.
    `reach` holds the lowest and highest of those in each sagittal, coronal and axial plane.
    """

    grid: Grid
    places: Float32[np.ndarray, "axis x y z"]
    fractions: dict[Compartment, Float32[np.ndarray, "x y z"]]
    reach: tuple[Float32[np.ndarray, "two _"], ...]

    @cached_property
    def voxel(self) -> float:
        """Edge length of a voxel, in mm."""
        return float(np.prod(self.grid.spacing) ** (1.0 / 3.0))

    def noise(self, detail: float, rng: np.random.Generator) -> Float32[np.ndarray, "x y z"]:
        """A Gaussian field of variance 1 over the whole grid with control points every `detail` mm."""
        return smooth_noise(self.grid.shape, detail / self.voxel, rng)

    def box(self, low: Point, high: Point) -> Box:
        """The voxels that can show what lies between two corners of the standard head."""
        margin = self.voxel
        return tuple(  # type: ignore[return-value]
            _run((planes[1] >= a - margin) & (planes[0] <= b + margin))
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
