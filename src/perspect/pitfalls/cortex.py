"""Cortex and fluid in what is read: normal cortex has more blood volume than many a tumour, and choroid plexus most."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import Trap, masked

MOST_GREY: Final = threshold("cortex-in-region", "grey")
"""Share of grey matter in a voxel above which its blood volume is cortex's."""

MOST_FLUID: Final = threshold("cortex-in-region", "fluid")
"""Share of fluid in a voxel above which it is not tissue."""

ALIKE: Final = threshold("cortex-in-region", "alike")
"""Standard deviations of grey matter on every image within which a voxel of a lesion looks like it."""

EXPECTED: Final = threshold("cortex-in-region", "expected")
"""Share of grey matter that the standard head has at a voxel of a lesion that is taken for cortex."""

OF_BLOOD: Final = frozenset({"rcbv", "cbv", "cbf"})
"""Maps in which cortex is as high as tumour."""

FEWEST_IMAGES: Final = 2
"""Contrasts without which a lesion is not told from cortex: on T1w alone many look the same."""


def look(scene: Scene) -> Trap | None:
    """Voxels of the lesion and its surroundings with much grey matter or fluid, as far as that is known.

    Within what was drawn as lesion no tissue class is known from its place; what looks like cortex where cortex is
    expected counts (`cortex_drawn_as_lesion`), and what enhances never does.
    """
    if scene.grey is None or scene.fluid is None or not set(scene.maps) & OF_BLOOD:
        return None
    with np.errstate(invalid="ignore"):
        much = (scene.grey > MOST_GREY) | (scene.fluid > MOST_FLUID)
    lit = scene.parts["enhancing"].mask if "enhancing" in scene.parts else np.zeros_like(much)
    return masked(
        scene, "cortex-in-region", much & ~lit,
        "Cortex, deep grey matter or fluid is part of the lesion as drawn or of its surroundings.", (scene.spoils,),
    )  # fmt: skip


def cortex_drawn_as_lesion(
    images: Float[np.ndarray, "voxels images"],
    means: Float[np.ndarray, "3 images"],
    spreads: Float[np.ndarray, "3 images"],
    expected: Float[np.ndarray, "voxels 3"],
) -> Bool[np.ndarray, " voxels"]:
    """Voxels of a lesion mask that look like grey matter on every image, where the standard head has mostly that.

    `images` are free of shading, in the units of the `means` and `spreads` of fluid, grey and white matter (the rows).
    A mask that was drawn generously holds cortex; oedema spares it. With fewer than two contrasts nothing is said.
    """
    if images.shape[1] < FEWEST_IMAGES:
        return np.zeros(len(images), bool)
    with np.errstate(invalid="ignore"):
        away = np.abs(images - means[1]) / spreads[1]
        out: Bool[np.ndarray, " voxels"] = (away < ALIKE).all(axis=1) & (expected[:, 1] > EXPECTED)
    return out
