"""What the detector of blood and calcium looks at."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32

from perspect.vocabulary import Grid, Region


@dataclass(frozen=True, eq=False)
class Darkened:
    """A T2*-weighted or susceptibility-weighted image with the parts of a lesion on its grid: its `magnitude` in
    arbitrary units, and the `phase` of the same echo in rad, where there is one. `brain` is a mask.
    """

    grid: Grid
    magnitude: Float32[np.ndarray, "x y z"]
    brain: Bool[np.ndarray, "x y z"]
    parts: Mapping[str, Region]
    phase: Float[np.ndarray, "x y z"] | None = None

    def part(self, name: str) -> Bool[np.ndarray, "x y z"]:
        """A part of the lesion; nothing where it has none."""
        one = self.parts.get(name)
        return np.zeros(self.grid.shape, bool) if one is None else one.mask
