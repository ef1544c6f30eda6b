"""Haemorrhage and calcium: signal is gone before any agent comes, and what noise does there looks like perfusion."""

from typing import Final

import numpy as np

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import Trap, masked

DARK: Final = threshold("signal-void", "dark")
"""Signal at rest over that of white matter below which a voxel of the lesion is void."""


def look(scene: Scene) -> Trap | None:
    """Voxels of the lesion that are dark on T2*-weighted images before the bolus."""
    if not scene.is_t2star:
        return None
    with np.errstate(invalid="ignore"):
        dark = scene.at_rest < DARK * scene.level
    return masked(
        scene, "signal-void", dark & scene.brain,
        "Part of the lesion is dark before the bolus, as where there is blood or calcium; blood volume means nothing "
        "there.", ("dsc",),
    )  # fmt: skip
