"""The standard head: what is where in the mean of many healthy ones."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from perspect.vocabulary.data import Grid
from perspect.vocabulary.problem import Problem


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
            raise Problem(f"The maps of {self.name} do not all have the shape of its grid, {self.grid.shape}.")
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
