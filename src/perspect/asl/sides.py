"""Which side is which: the plane between the halves of the brain, of the anatomy where that is known."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from perspect.anatomy import resample
from perspect.anatomy.mirror import Plane
from perspect.vocabulary import Around, Flag, Region, Severity

SOURCE = "sides"


@dataclass(frozen=True, eq=False)
class Sides:
    """The plane between the sides, and whether it is that of the anatomy or only the middle of the mask."""

    plane: Plane
    brain: Region
    is_of_anatomy: bool

    @property
    def words(self) -> str:
        """How the other side was found."""
        if self.is_of_anatomy:
            return "mirrored at the plane between the sides of the conventional image"
        return "mirrored at the middle of the brain mask"

    @cached_property
    def to_the_right(self) -> Float[np.ndarray, "x y z"]:
        """Mm of every voxel to the right of the plane; negative on the left."""
        return self.plane.side(self.brain.grid)

    def opposite(self, mask: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
        """A mask on the other side."""
        grid = self.brain.grid
        there: Bool[np.ndarray, "x y z"] = resample.onto(mask, grid, grid, matrix=self.plane.reflection)
        return there

    def away_from(self, mask: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
        """The side on which most of a mask is not."""
        is_right = bool(self.to_the_right[mask].mean() > 0)
        return np.asarray(self.to_the_right < 0 if is_right else self.to_the_right > 0)

    def flags(self) -> tuple[Flag, ...]:
        """What to say where a lesion is held against what lies opposite of it."""
        if self.is_of_anatomy:
            return ()
        sentence = (
            "The place opposite the lesion was found by reflection at the middle of the brain mask, from left to right "
            "as the scanner has it: no conventional image says where the plane between the sides is. It is good to "
            "a voxel or two in a head that is straight and whole, and less in one that is not."
        )
        return (Flag("mirror-of-mask", Severity.NOTE, sentence, "lesion", source=SOURCE),)


def sides(around: Around, brain: Region) -> Sides:
    """By the reflection of the anatomy; else by the plane of the scanner through the middle of the voxels of the
    brain.
    """
    if around.reflection is not None:
        return Sides(Plane.of(around.reflection), brain, is_of_anatomy=True)
    affine = brain.grid.affine
    x = np.tensordot(affine[0, :3], np.indices(brain.grid.shape), 1) + affine[0, 3]
    return Sides(Plane(np.array([1.0, 0.0, 0.0]), float(np.median(x[brain.mask]))), brain, is_of_anatomy=False)
