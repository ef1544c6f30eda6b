"""The images and outlines of linked views, brought onto the grid of the anatomy once everything was measured."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from jaxtyping import Bool, UInt8
from scipy import ndimage

from perspect.anatomy import resample
from perspect.anatomy.distance import grown
from perspect.app.contribute import Patient
from perspect.app.contribute.contribution import OUTLINES, middle
from perspect.report.dossier import Plate, Scenery
from perspect.vocabulary import Grid, Region

IMAGES: Final = {"t1c": "T1 after agent", "t1w": "T1", "flair": "FLAIR", "t2w": "T2"}
"""Conventional images in the order in which they are offered."""

AROUND: Final = 6.0
"""mm around brain and lesion that are shown. No face: a page travels, and a face is a name [our default]."""

KINDS: Final = ("rim", "solid", "cavity", "reference", "trap")
"""Outlines in the order in which they are drawn: where two cover a voxel the later one is seen."""


def scenery(patient: Patient, plates: Sequence[Plate]) -> Scenery:
    """What is shown of the head, and the borders of the lesion's parts, of what was left out and of the reference."""
    head, parts = patient.head, patient.lesion.parts.regions
    shown = _shown(patient)
    labels = _labels(parts, plates, head.grid)
    images = {
        title: np.where(shown, head.images[one], 0).astype(np.float32)
        for one, title in IMAGES.items()
        if one in head.images
    }
    focus = _focus(middle(parts, head.tissues.brain.mask), head.grid)
    return Scenery(images, labels, KINDS, head.grid.affine, focus)


def _shown(patient: Patient) -> Bool[np.ndarray, "x y z"]:
    """Brain and lesion with a margin, without holes."""
    head = patient.head
    inside = head.tissues.brain.mask | (head.ill.mask if head.ill is not None else False)
    whole: Bool[np.ndarray, "x y z"] = ndimage.binary_fill_holes(inside | grown(inside, AROUND, head.grid))
    return whole


def _labels(parts: Mapping[str, Region], plates: Sequence[Plate], grid: Grid) -> UInt8[np.ndarray, "x y z"]:
    """The number of an outline in each voxel: the lesion's parts as drawn, reference and traps from the first series
    that has them.
    """
    labels = np.zeros(grid.shape, np.uint8)
    for number, kind in enumerate(KINDS, start=1):
        drawn = [parts[name].mask for name, style in OUTLINES.items() if style == kind and name in parts]
        drawn += [_onto(one, kind, grid) for one in plates if kind in one.outlines and one.shown is not None][:1]
        for mask in drawn[:1]:
            labels[mask] = number
    return labels


def _onto(plate: Plate, kind: str, grid: Grid) -> Bool[np.ndarray, "x y z"]:
    """An outlined region of a picture on the grid of the anatomy."""
    mask = plate.outlines[kind]
    back = None if plate.to_anatomy is None else np.linalg.inv(plate.to_anatomy)
    there = Grid((mask.shape[0], mask.shape[1], mask.shape[2]), plate.affine)
    found: Bool[np.ndarray, "x y z"] = resample.onto(mask, there, grid, matrix=back)
    return found


def _focus(inside: Bool[np.ndarray, "x y z"], grid: Grid) -> tuple[float, float, float]:
    """The voxel of a region that is nearest to its middle, in mm."""
    places = np.argwhere(inside)
    nearest = places[np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1))]
    x, y, z = (float(one) for one in grid.affine[:3, :3] @ nearest + grid.affine[:3, 3])
    return x, y, z
