"""A lesion mask on the images of a patient: its parts on the grid of the anatomy, and of every map."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect import io, lesion
from perspect.anatomy import resample
from perspect.anatomy.distance import grown as around
from perspect.app.head import Head
from perspect.lesion import Parts
from perspect.lesion.parts import RIM
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import SURROUNDINGS
from perspect.vocabulary import Grid, Problem, Region

MOSTLY: Final = threshold("cortex-in-region", "grey")
"""Share of grey matter and fluid above which a voxel around a lesion is not part of its rim: the number by which
cortex in a lesion is told."""

OF_CORE: Final = 0.1
"""Share of the lesion's core above which a voxel is not part of its rim: a tenth of a tumour four times as vascular
raises what is read by a third [our default]."""

ROOM: Final = "surroundings"
"""The name of where the part around a lesion could be wider: neither lesion, cortex nor fluid, nor what enhances."""

PURE: Final = 0.9
"""Share of white matter of the voxels whose change after agent says what does not enhance [our default]."""


Box = tuple[float, float, float, float, float, float]
"""From where to where along each axis, in mm."""

FLUID: Final = 0.5
"""Share of fluid from which on a voxel counts as fluid, in which choroid plexus hangs [our default]."""

INSIDE: Final = 0.5
"""Share of a lesion that must lie within the brain [our default]."""

NEAR: Final = 4.0
"""mm around the brain mask that still count: a lesion at the surface is often left out of it [our default]."""


@dataclass(frozen=True, eq=False)
class Placed:
    """The parts of a lesion on the grid of the anatomy, from which they are brought onto any other.

    `other` is the share of cortex, fluid and what enhances beside the lesion in each voxel, none of which is what
    surrounds it (`None`: not known).
    """

    parts: Parts
    other: Float[np.ndarray, "x y z"] | None = None

    def on(self, grid: Grid, matrix: Float[np.ndarray, "4 4"] | None) -> dict[str, Region]:
        """The parts on a grid; `matrix` takes its places to those of the anatomy. What has no voxel there is gone."""
        found = {}
        for name, one in self.parts.regions.items():
            mask = resample.onto(one.mask, one.grid, grid, matrix=matrix)
            if mask.any():
                found[name] = Region(mask, grid, name)
        if self.other is None:
            return found
        core = core_of(self.parts.regions).astype(np.float32)
        shares = (resample.onto(one, self.parts["whole"].grid, grid, matrix=matrix) for one in (self.other, core))
        return surroundings(found, *shares)


def core_of(parts: Mapping[str, Region]) -> Bool[np.ndarray, "x y z"]:
    """What of a lesion its surroundings lie around: what is solid or enhances, and the cavity."""
    some = [one.mask for name, one in parts.items() if name in ("solid part", "enhancing", "cavity")]
    out: Bool[np.ndarray, "x y z"] = np.any([np.zeros_like(parts["whole"].mask), *some], axis=0)
    return out


def surroundings(
    parts: dict[str, Region], other: Float[np.ndarray, "x y z"], core: Float[np.ndarray, "x y z"]
) -> dict[str, Region]:
    """Parts on a grid with the surroundings of the lesion cleared of voxels that hold much of something else (`other`)
    or some of the lesion's own core (`core`, both shares), and with the room in which these could be wider.

    The blood volume of a tumour is several times that of what surrounds it: in voxels of 5 mm the border alone would
    make swelling look infiltrated.
    """
    if SURROUNDINGS not in parts:
        return parts
    around = parts[SURROUNDINGS]
    room = (np.nan_to_num(other, nan=1.0) <= MOSTLY) & (np.nan_to_num(core, nan=1.0) <= OF_CORE)
    rest = {name: one for name, one in parts.items() if name != SURROUNDINGS}
    found = {SURROUNDINGS: around.mask & room, ROOM: room}
    return {**rest, **{name: Region(mask, around.grid, name) for name, mask in found.items() if mask.any()}}


def segmentation(path: Path) -> tuple[dict[str, Bool[np.ndarray, "x y z"]], Grid]:
    """The masks that a file holds, by name, on its grid. Raises Problem where it is no segmentation."""
    values, grid = io.read_volume(path)
    rounded = np.rint(values)
    if not np.array_equal(rounded, values):
        raise Problem(
            f"{path.name} holds numbers that are not whole.",
            "A lesion is a mask or a segmentation.",
            "Give one of 0 and 1, or a BraTS segmentation.",
        )
    return lesion.parts_of_labels(rounded.astype(np.int64)), grid


def placed(path: Path, head: Head) -> Placed:
    """The parts of the lesion in a file (a plain mask or a BraTS segmentation in the frame of the conventional images),
    with what enhances told by T1w and T1c where the file does not tell it.

    Raises Problem where the file is no segmentation, or lies elsewhere.
    """
    drawn_parts, grid = segmentation(path)
    masks = {name: resample.onto(mask, grid, head.grid, matrix=None) for name, mask in drawn_parts.items()}
    drawn = np.any(list(masks.values()), axis=0)
    within = ndimage.binary_fill_holes(head.tissues.brain.mask | around(head.tissues.brain.mask, NEAR, head.grid))
    share = float((drawn & within).sum() / max(drawn.sum(), 1))
    if share < INSIDE:
        raise Problem(
            f"{path.name}: {share:.0%} of the lesion lies within the brain of these images.",
            "It may be of another patient, or in another frame of reference.",
            "Give a mask on the grid of one of the conventional images.",
        )
    # What tumour infiltrates around a lesion is white matter; cortex there would be read as its blood volume.
    other = np.nan_to_num(head.tissues.grey) + np.nan_to_num(head.tissues.csf)
    near = around(drawn, RIM, head.grid) & ~drawn
    beside = _enhances(head, near, drawn)
    if beside is not None:  # choroid plexus, dura, a vessel, or tumour that was not drawn: none surrounds the lesion
        other = np.where(beside, 1.0, other)
    other = np.where(drawn, 0.0, np.where(within, other, 1.0)).astype(np.float32)
    brain = (head.tissues.brain.mask & (other <= MOSTLY)) | drawn
    return Placed(lesion.parts(masks, head.grid, brain, _enhances(head, drawn)), other)


def _enhances(head: Head, inside: np.ndarray, like: np.ndarray | None = None) -> np.ndarray | None:
    if "t1w" not in head.images or "t1c" not in head.images:
        return None
    white = np.nan_to_num(head.tissues.white) >= PURE
    return lesion.enhancing(head.images["t1w"], head.images["t1c"], white, inside, like)


def grown(head: Head, box: Box) -> Region:
    """What enhances within a box (mm, RAS+, in the frame of the leading image) and what that encloses.

    Raises Problem where it cannot be told, or nothing does.
    """
    if "t1w" not in head.images or "t1c" not in head.images:
        raise Problem(
            "A lesion is grown from T1w and T1c images, and one of them is missing.",
            "What enhances is the difference of both.",
            "Add it, or give a mask with --lesion.",
        )
    index = np.indices(head.grid.shape).reshape(3, -1)
    at = head.grid.affine[:3, :3] @ index + head.grid.affine[:3, 3:]
    low, high = np.array(box).reshape(3, 2).T
    inside = ((at >= low[:, None]) & (at <= high[:, None])).all(axis=0).reshape(head.grid.shape)
    if not inside.any():
        raise Problem(
            f"The box {', '.join(f'{one:g}' for one in box)} holds no voxel of {head.leading.name}.",
            "It is in mm to the right, to the front and to the top of the scanner's centre, from low to high.",
            "Give --box with the lowest and the highest place along each axis.",
        )
    white = np.nan_to_num(head.tissues.white) >= PURE
    brain = ndimage.binary_fill_holes(head.tissues.brain.mask | around(head.tissues.brain.mask, NEAR, head.grid))
    bright = inside & np.asarray(brain)
    fluid = np.nan_to_num(head.tissues.csf) > FLUID
    found = lesion.grown_in_box(head.images["t1w"], head.images["t1c"], white, bright, fluid | ~np.asarray(brain))
    return Region(found, head.grid, "lesion", "grown in a box from T1c - T1w")
