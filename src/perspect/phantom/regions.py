"""Which voxels of a patient are what: the regions that a segmentation would have to find."""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from perspect.phantom.patient import Compartment, Part
from perspect.vocabulary import Grid, Region

AWAY: Final = 5.0
"""How far normal-appearing tissue is from a lesion and all that surrounds it, in mm. [our default]"""

PURE: Final = 0.95
"""From which fraction on a voxel is of one healthy tissue. [our default]"""

CORE: Final = (
    Compartment.SOLID, Compartment.ENHANCING, Compartment.TREATED, Compartment.NECROSIS, Compartment.PUS,
    Compartment.CAPSULE, Compartment.BLOOD_CLOT, Compartment.CALCIUM,
)  # fmt: skip
"""What makes the body of a lesion."""

AROUND: Final = (Compartment.INFILTRATED, Compartment.OEDEMA)
"""What surrounds it."""

ENHANCES: Final = (Compartment.ENHANCING, Compartment.TREATED, Compartment.CAPSULE)
"""What takes up agent."""

_NAMED: Final[Mapping[str, tuple[Compartment, ...]]] = {
    "lesion": (*CORE, *AROUND), "core": CORE, "enhancing": ENHANCES,
    **{one.name.lower(): (one,) for one in (*CORE, *AROUND) if one not in ENHANCES},
    "viable": (Compartment.ENHANCING,), "treated": (Compartment.TREATED,), "capsule": (Compartment.CAPSULE,),
    "artery": (Compartment.ARTERY,), "vein": (Compartment.VEIN,), "choroid": (Compartment.CHOROID,),
}  # fmt: skip
_OUTLINES: Final = ("lesion", "core")
HEALTHY: Final[Mapping[str, Compartment]] = {
    "white": Compartment.WHITE, "contralateral_white": Compartment.WHITE, "grey": Compartment.GREY,
    "csf": Compartment.CSF,
}  # fmt: skip
"""Regions that stand for healthy tissue, and which."""


def true_regions(
    parts: Iterable[Part], grid: Grid, brain: Bool[np.ndarray, "x y z"], places: Float32[np.ndarray, "axis x y z"]
) -> dict[str, Region]:
    """The regions of a patient; those without a voxel are left out.

    `brain`, and within it `grey`, `csf`, `white` (normal-appearing: cerebral, pure, 5 mm from any lesion) and
    `contralateral_white`; `lesion` (everything abnormal), `core`, its `mirror` in the other half, and the parts of the
    lesion by name. A voxel belongs to what fills more than half of it.
    """
    parts = tuple(parts)
    masks = {name: _more_than(parts, grid, these, 0.5) for name, these in _NAMED.items()}
    lesion = masks["lesion"]
    touched = _more_than(parts, grid, _NAMED["lesion"], 0.0)
    away = _nearer(touched, AWAY / float(np.mean(grid.spacing))) if touched.any() else touched
    cerebral = (places[2] > -8.0) & ~((np.abs(places[0]) < 14.0) & (places[2] < 0.0) & (places[1] < 0.0))
    masks["white"] = _more_than(parts, grid, (Compartment.WHITE,), PURE) & brain & ~away & cerebral
    masks["grey"] = _more_than(parts, grid, (Compartment.GREY,), PURE) & brain & ~away
    masks["csf"] = _more_than(parts, grid, (Compartment.CSF,), PURE) & brain
    masks["brain"] = brain
    if masks["core"].any():
        other_side = places[0] * np.sign(places[0][masks["core"]].mean()) < -2.0
        masks["contralateral_white"] = masks["white"] & other_side
        masks["mirror"] = _mirrored(masks["core"], places) & brain & ~lesion & other_side
    return {name: Region(mask, grid, name, "phantom") for name, mask in masks.items() if mask.any()}


def renewed(regions: Mapping[str, Region], parts: tuple[Part, ...], grid: Grid) -> dict[str, Region]:
    """The regions once something was put in: the outlines of lesion and core stay, and what is normal must still be."""
    masks = {name: region.mask for name, region in regions.items()}
    masks |= {name: _more_than(parts, grid, these, 0.5) for name, these in _NAMED.items() if name not in _OUTLINES}
    for name, tissue in HEALTHY.items():
        if name in masks:
            masks[name] = masks[name] & _more_than(parts, grid, (tissue,), PURE)
    return {name: Region(mask, grid, name, "phantom") for name, mask in masks.items() if mask.any()}


def _more_than(
    parts: tuple[Part, ...], grid: Grid, these: tuple[Compartment, ...], share: float
) -> Bool[np.ndarray, "x y z"]:
    total = np.zeros(int(np.prod(grid.shape)), np.float32)
    for part in parts:
        if part.compartment in these:
            total[part.inside] += part.fraction
    return np.asarray((total > share).reshape(grid.shape, order="F"))


def _nearer(mask: Bool[np.ndarray, "x y z"], reach: float) -> Bool[np.ndarray, "x y z"]:
    """The voxels that are nearer to a mask than `reach` (voxels), worked out in a box around it."""
    margin = int(np.ceil(reach)) + 1
    box = tuple(slice(max(s.start - margin, 0), s.stop + margin) for s in ndimage.find_objects(mask.astype(np.int8))[0])
    near = np.zeros_like(mask)
    near[box] = ndimage.distance_transform_edt(~mask[box]) < reach
    return near


def _mirrored(mask: Bool[np.ndarray, "x y z"], places: Float32[np.ndarray, "axis x y z"]) -> Bool[np.ndarray, "x y z"]:
    """The voxels that show the mirror image, in the standard head, of what a mask shows."""
    image = places[:, mask] * np.array([[-1.0], [1.0], [1.0]], np.float32)
    low = np.floor(image.min(axis=1)).astype(int) - 3
    high = np.ceil(image.max(axis=1)).astype(int) + 4
    shown = np.zeros(high - low, bool)
    shown[tuple(np.rint(image).astype(int) - low[:, None])] = True
    shown = ndimage.binary_closing(shown, iterations=2)
    inside = np.all([(axis > a) & (axis < b - 1) for axis, a, b in zip(places, low, high, strict=True)], axis=0)
    result = np.zeros_like(mask)
    result[inside] = shown[tuple(np.rint(places[:, inside]).astype(int) - low[:, None])]
    return result
