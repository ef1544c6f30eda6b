"""What detectors look at: a perfusion image and its maps, with the parts of a lesion on its grid."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float

from perspect.vocabulary import Grid, Region


@dataclass(frozen=True, eq=False)
class Scene:
    """A DSC study beside a lesion, all on one grid.

    `at_rest` is the signal before the bolus in arbitrary units, `maps` are by the key of their quantity in inside
    units, `parts` those of the lesion by name. `brain` and `white` (normal-appearing) are masks; `grey` and `fluid` are
    shares of tissue from conventional images, NaN where no class fits, `None` where there are none.
    `references` are medians of rCBV in other candidates for normal white matter, relative to the one in use, by name.
    `is_corrected` says whether leakage was taken out.
    """

    grid: Grid
    at_rest: Float[np.ndarray, "x y z"]
    maps: Mapping[str, Float[np.ndarray, "x y z"]]
    brain: Bool[np.ndarray, "x y z"]
    white: Bool[np.ndarray, "x y z"]
    parts: Mapping[str, Region]
    grey: Float[np.ndarray, "x y z"] | None = None
    fluid: Float[np.ndarray, "x y z"] | None = None
    references: Mapping[str, float] = field(default_factory=dict)
    is_corrected: bool = True

    @property
    def solid(self) -> Bool[np.ndarray, "x y z"]:
        """The solid part of the lesion; nothing where it has none."""
        part = self.parts.get("solid part")
        return np.zeros(self.grid.shape, bool) if part is None else part.mask

    @property
    def rim(self) -> Bool[np.ndarray, "x y z"]:
        """What lies around the lesion; nothing where that is unknown."""
        part = self.parts.get("rim of 5 mm")
        return np.zeros(self.grid.shape, bool) if part is None else part.mask

    @property
    def level(self) -> float:
        """The median signal at rest in normal-appearing white matter."""
        return float(np.median(self.at_rest[self.white])) if self.white.any() else float("nan")
