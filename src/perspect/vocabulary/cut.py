"""Planes through an image with what is drawn on them, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True, eq=False)
class Cut:
    """An image on one plane. `place` is where it lies (`S 23`), `letters` what is at its left, right, top and bottom.

    `step` is the distance of neighbouring points in mm; `outlines` are corners in columns and rows, by name.
    """

    plane: str
    place: str
    letters: tuple[str, str, str, str]
    values: Float[np.ndarray, "rows columns"]
    step: float
    outlines: Mapping[str, Float[np.ndarray, "corners 2"]]


@dataclass(frozen=True)
class BoxRow:
    """A box in the table: its resonance (`None`: the nominal voxel), how far it lies from the nominal one in mm, what
    of the voxel they have in common, and the share of it in the lesion where a mask was given.
    """

    name: str
    ppm: float | None
    moved: float
    common: float
    lesion: float | None = None


@dataclass(frozen=True, eq=False)
class VoxelPicture:
    """Planes through the middle of a voxel of `image`, the boxes drawn, and shares of the voxel by tissue."""

    planes: tuple[Cut, ...]
    rows: tuple[BoxRow, ...]
    image: str
    fractions: Mapping[str, float] = field(default_factory=dict)
