"""A patient as the voxels of a scan see it: partial volumes on any grid, with the head where it was at that moment."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from perspect.phantom.patient import Part, Patient
from perspect.vocabulary import Grid


@dataclass(frozen=True, eq=False)
class Sampled:
    """A patient made ready for one grid: asking for one more pose of the head costs a fraction of a second."""

    patient: Patient
    grid: Grid

    def parts(self, moved: Float[np.ndarray, " 6"] | None = None) -> tuple[Part, ...]:
        """What fills the voxels of the grid, with the head moved by x, y, z (mm) and turned about x, y, z (rad)."""
        raise NotImplementedError

    def field_offset(
        self, moved: Float[np.ndarray, " 6"] | None = None
    ) -> tuple[Float32[np.ndarray, "x y z"], Float32[np.ndarray, "axis x y z"]]:
        """Off-resonance of the voxels in ppm, and its gradient along the axes of the grid in ppm per voxel."""
        raise NotImplementedError


def sampled(patient: Patient, grid: Grid) -> Sampled:
    """The patient made ready for a grid, oblique or not: each voxel is the mean over its own box."""
    raise NotImplementedError


def parts_on(patient: Patient, grid: Grid, moved: Float[np.ndarray, " 6"] | None = None) -> tuple[Part, ...]:
    """What fills the voxels of a grid. For many poses on one grid, keep `sampled(patient, grid)` and ask it."""
    return sampled(patient, grid).parts(moved)
