"""The standard head: what is where in the mean of many healthy ones."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Shaped

from perspect.vocabulary.data import Grid
from perspect.vocabulary.problem import Problem

COARSE: Final = 3
"""mm: an affine brings tissues of a standard head no nearer than this to their place, so that finer detail would be
false."""


@dataclass(frozen=True, eq=False)
class Template:
    """A standard brain on its own grid: a T1-weighted image without skull, and the share of each tissue in a voxel.

    `t1` is in arbitrary units and 0 outside `brain`. `grey` and `white` are shares of a voxel (0 to 1) and 0 outside
    the brain; what is left of the brain is cerebrospinal fluid. The grid is in mm, RAS+, with the anterior commissure
    near the origin and the midline in the plane x = 0.
    """

    t1: Float[np.ndarray, "x y z"]
    grey: Float[np.ndarray, "x y z"]
    white: Float[np.ndarray, "x y z"]
    brain: Bool[np.ndarray, "x y z"]
    grid: Grid
    name: str = "template"

    def __post_init__(self) -> None:
        if not self.t1.shape == self.grey.shape == self.white.shape == self.brain.shape == self.grid.shape:
            raise Problem(
                f"The maps of {self.name} do not all have the shape of its grid, {self.grid.shape}.",
                "A voxel would be another place in each of them.",
                "Give all maps on one grid.",
            )
        share = self.grey + self.white
        if min(self.grey.min(), self.white.min()) < 0 or share.max() > 1 + 1e-3 or share[~self.brain].any():
            raise Problem(
                f"Grey and white matter of {self.name} are no shares of its brain.",
                "They must lie between 0 and 1, add up to 1 at most, and be 0 outside the brain.",
                "Scale the maps and cut them to the brain mask.",
            )

    @cached_property
    def csf(self) -> Float[np.ndarray, "x y z"]:
        """The share of cerebrospinal fluid: the rest of the brain."""
        return np.where(self.brain, np.maximum(1 - self.grey - self.white, 0), 0).astype(self.grey.dtype)

    @cached_property
    def coarse(self) -> "Coarse":
        """The shares averaged over voxels of about `COARSE` mm."""
        n = [max(1, round(COARSE / spacing)) for spacing in self.grid.spacing]
        x, y, z = (-(-size // by) for size, by in zip(self.grid.shape, n, strict=True))
        affine = self.grid.affine.copy()
        affine[:3, 3] += affine[:3, :3] @ ((np.array(n) - 1) / 2)
        affine[:3, :3] = affine[:3, :3] * n
        beyond = [(0, new * by - old) for new, by, old in zip((x, y, z), n, self.grid.shape, strict=True)]

        def averaged(one: Shaped[np.ndarray, "x y z"]) -> Float32[np.ndarray, "x2 y2 z2"]:
            blocks = np.pad(one, beyond).reshape(x, n[0], y, n[1], z, n[2])
            return np.asarray(blocks.mean(axis=(1, 3, 5), dtype=np.float32))

        maps = (averaged(one) for one in (self.csf, self.grey, self.white, self.brain))
        return Coarse(Grid((x, y, z), affine), *maps)


@dataclass(frozen=True, eq=False)
class Coarse:
    """Shares of the tissues, and of brain, in large voxels of a template."""

    grid: Grid
    csf: Float32[np.ndarray, "x y z"]
    grey: Float32[np.ndarray, "x y z"]
    white: Float32[np.ndarray, "x y z"]
    brain: Float32[np.ndarray, "x y z"]
