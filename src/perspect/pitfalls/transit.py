"""Labelled blood that is still in arteries: it is as bright as flow, and is none of the tissue."""

from typing import Final

import numpy as np

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, Trap, masked
from perspect.pitfalls.usual import elsewhere, usual
from perspect.vocabulary import Severity

CODE: Final = "label-in-vessels"

TALL: Final = threshold(CODE, "tall")
"""Percentile of the flow of the brain outside the lesion above which a voxel may be an artery."""

STANDS_OUT: Final = threshold(CODE, "stands_out")
"""Flow over what is usual in its part of the lesion and its tissue."""

UNEVEN: Final = threshold(CODE, "uneven")
"""Spatial coefficient of variation of flow in grey matter above which the map is mostly arteries."""


def look(scene: Scene) -> Trap | None:
    """Voxels of the lesion as bright as arteries that tower above the rest of it; or a map that is mostly arteries."""
    if "cbf" not in scene.maps:
        return None
    if scene.unevenness > UNEVEN:
        return Trap(
            CODE, Severity.LIMITED,
            f"Flow in grey matter varies by {scene.unevenness:.0%} of its mean: label is still in arteries, and tissue "
            "that is dark may only be late.", None, NOWHERE, (scene.spoils,),
        )  # fmt: skip
    flow = scene.maps["cbf"]
    known = scene.brain & np.isfinite(flow)
    others = elsewhere(scene, known)
    if not others.any():
        return None
    tall = float(np.percentile(flow[others], TALL))
    with np.errstate(invalid="ignore"):
        found = known & (flow > tall) & (flow > STANDS_OUT * usual(scene, flow, known))
    return masked(
        scene, CODE, found, "Labelled blood in an artery is part of the lesion or its surroundings.", (scene.spoils,)
    )  # fmt: skip
