"""The images and outlines of linked views, brought onto the grid of the anatomy once everything was measured."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from jaxtyping import Bool
from scipy import ndimage

from perspect.anatomy.distance import grown
from perspect.app.contribute import Patient
from perspect.app.contribute.contribution import OUTLINES, middle
from perspect.report.dossier import Plate, Scenery
from perspect.vocabulary import Grid, Region

IMAGES: Final = {"t1c": "T1 after agent", "t1w": "T1", "flair": "FLAIR", "t2w": "T2"}
"""Conventional images in the order in which they are offered."""

AROUND: Final = 6.0
"""mm around brain and lesion that are shown. No face: a page travels, and a face is a name [our default]."""

KINDS: Final = ("rim", "solid", "cavity", "reach", "voi")
"""Outlines in the order in which they are drawn: where two cover a voxel the later one is seen. What is of one series
alone (traps, normal tissue) comes with its map.
"""


OF_VOXEL: Final = ("reach", "voi")
"""Outlines of a spectrum's voxel, on the grid of the head."""


AVOIDED: Final = 25.0
"""Squared distance in voxels for which the views start beside the face of a box rather than on it [our default]."""


def scenery(patient: Patient, plates: Sequence[Plate]) -> Scenery:
    """What is shown of the head, with the parts of the lesion and the voxel of a spectrum outlined."""
    head, parts = patient.head, patient.lesion.parts.regions
    shown = _shown(patient)
    images = {
        title: np.where(shown, head.images[one], 0).astype(np.float32)
        for one, title in IMAGES.items()
        if one in head.images
    }
    outlines = _outlines(parts, plates)
    boxes = tuple(outlines[kind] for kind in OF_VOXEL if kind in outlines)
    focus = _focus(middle(parts, head.tissues.brain.mask), head.grid, boxes)
    return Scenery(images, outlines, head.grid.affine, focus)


def _shown(patient: Patient) -> Bool[np.ndarray, "x y z"]:
    """Brain and lesion with a margin, without holes."""
    head = patient.head
    inside = head.tissues.brain.mask | (head.ill.mask if head.ill is not None else False)
    whole: Bool[np.ndarray, "x y z"] = ndimage.binary_fill_holes(inside | grown(inside, AROUND, head.grid))
    return whole


def _outlines(parts: Mapping[str, Region], plates: Sequence[Plate]) -> dict[str, Bool[np.ndarray, "x y z"]]:
    """The lesion's parts, and the voxel of a spectrum where one was measured."""
    found = {kind: mask for one in plates for kind, mask in one.outlines.items() if kind in OF_VOXEL}
    found |= {style: parts[name].mask for name, style in OUTLINES.items() if name in parts}
    return {kind: found[kind] for kind in KINDS if kind in found}


def _focus(
    inside: Bool[np.ndarray, "x y z"], grid: Grid, boxes: tuple[Bool[np.ndarray, "x y z"], ...]
) -> tuple[float, float, float]:
    """The voxel of a region that is nearest to its middle, in mm; not where a plane would run along a box's face."""
    places = np.argwhere(inside)
    nearest = ((places - places.mean(axis=0)) ** 2).sum(axis=1).astype(float)
    for box in boxes:
        corners = np.argwhere(box)
        on_face = (places == corners.min(axis=0)) | (places == corners.max(axis=0))
        nearest[on_face.any(axis=1)] += AVOIDED
    x, y, z = (float(one) for one in grid.affine[:3, :3] @ places[np.argmin(nearest)] + grid.affine[:3, 3])
    return x, y, z
