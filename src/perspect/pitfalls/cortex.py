"""Cortex and fluid in what is read: normal cortex has more blood volume than many a tumour, and choroid plexus most."""

from typing import Final

import numpy as np

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.trap import Trap, masked

MOST_GREY: Final = 0.3
"""Share of grey matter in a voxel above which its blood volume is cortex's (normal cortex has 2.8 to 3.9 times that of
white matter: Schmidt et al. 2020, doi:10.1259/bjr.20190543) [our default]."""

MOST_FLUID: Final = 0.3
"""Share of fluid in a voxel of the surroundings above which it is not tissue [our default]."""


def look(scene: Scene) -> Trap | None:
    """Voxels of the surroundings with much grey matter or fluid; within the lesion no tissue class is known."""
    if scene.grey is None or scene.fluid is None:
        return None
    with np.errstate(invalid="ignore"):
        much = (scene.grey > MOST_GREY) | (scene.fluid > MOST_FLUID)
    return masked(
        scene, "cortex-in-region", much & ~scene.solid,
        "Cortex, deep grey matter or fluid is part of the surroundings of the lesion.", ("dsc", "asl"),
    )  # fmt: skip
