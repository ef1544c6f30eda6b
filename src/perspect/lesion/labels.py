"""What the numbers of a segmentation mean."""

from enum import Enum
from typing import Final

import numpy as np
from jaxtyping import Bool, Int

from perspect.vocabulary import Problem

NECROSIS: Final = "necrosis"
OEDEMA: Final = "oedema"
ENHANCING: Final = "enhancing"
WHOLE: Final = "lesion"
CORE: Final = "core"
"""What BraTS calls necrotic and non-enhancing tumour core, in a lesion of which nothing enhances: solid, no cavity."""


YES: Final = ({1}, {255})
"""Numbers of plain masks: 255 is the brightest of a byte, which some programs write."""


class Convention(Enum):
    """Which number is what. The two of the BraTS challenge differ in the enhancing part: 4 until 2022, 3 since. Without
    an enhancing part they are one, and what they call core is solid tumour.
    """

    MASK = "mask"
    NOTHING_ENHANCES = "brats-nothing-enhances"
    BRATS = "brats"
    BRATS_2023 = "brats-2023"

    @property
    def meanings(self) -> dict[int, str]:
        """The part that each number stands for."""
        if self is Convention.MASK:
            return {1: WHOLE}
        if self is Convention.NOTHING_ENHANCES:
            return {1: CORE, 2: OEDEMA}
        return {1: NECROSIS, 2: OEDEMA, 4 if self is Convention.BRATS else 3: ENHANCING}


def convention_of(labels: Int[np.ndarray, "x y z"]) -> Convention:
    """The convention that the numbers of a segmentation tell.

    Raises Problem where they tell none.
    """
    there = {int(one) for one in np.unique(labels)} - {0}
    if not there:
        raise Problem("The lesion mask is empty.", "There is nothing to measure.", "Give a mask with voxels in it.")
    if there in YES:
        return Convention.MASK
    if there == {1, 2}:
        return Convention.NOTHING_ENHANCES
    if 4 in there and there <= {1, 2, 4}:
        return Convention.BRATS
    if 3 in there and there <= {1, 2, 3}:
        return Convention.BRATS_2023
    raise Problem(
        f"The lesion mask holds the numbers {_listed(there)}.",
        "That is neither a plain mask (1, or 255) nor a BraTS segmentation (1, 2, 4; 1, 2, 3; 1, 2).",
        "Give a plain mask, or renumber the segmentation.",
    )


def parts_of_labels(labels: Int[np.ndarray, "x y z"]) -> dict[str, Bool[np.ndarray, "x y z"]]:
    """The masks that a segmentation holds, by name. Raises Problem where its numbers tell no convention."""
    convention = convention_of(labels)
    if convention is Convention.MASK:
        return {WHOLE: labels != 0}
    meanings = convention.meanings
    return {name: labels == number for number, name in meanings.items() if (labels == number).any()}


def _listed(numbers: set[int], most: int = 8) -> str:
    first = ", ".join(map(str, sorted(numbers)[:most]))
    return first if len(numbers) <= most else f"{first} and {len(numbers) - most} more"
