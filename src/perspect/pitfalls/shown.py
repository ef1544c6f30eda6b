"""What detectors of conventional images look at."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from perspect.vocabulary import Grid, Region


@dataclass(frozen=True, eq=False)
class Shown:
    """T1-weighted images before and after agent with the parts of a lesion, all on one grid; arbitrary units, each with
    a scale of its own. `white` is normal-appearing white matter.
    """

    grid: Grid
    before: Float[np.ndarray, "x y z"]
    after: Float[np.ndarray, "x y z"]
    white: Bool[np.ndarray, "x y z"]
    parts: Mapping[str, Region]

    @property
    def solid(self) -> Bool[np.ndarray, "x y z"]:
        """The solid part of the lesion; nothing where it has none."""
        part = self.parts.get("solid part")
        return np.zeros(self.grid.shape, bool) if part is None else part.mask
