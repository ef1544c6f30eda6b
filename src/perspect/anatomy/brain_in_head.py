"""Where the brain is in an anatomical image (T1w with or without agent, T2w, FLAIR) of a head, skull and all.

A standard head brought to the patient says roughly where; how brain looks in this image is learned well inside of it
(`appearance`); what looks alike and hangs together is brain, what is enclosed by it too. Without a network, so without
weights: an error shows at the edge, by millimetres, and the flags say when it may be more. An image without skull is
recognised and its own edge kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import ndimage

from perspect.anatomy import align, distance, resample
from perspect.anatomy import appearance as looks
from perspect.anatomy.distance import grown, largest, shrunk, whole
from perspect.anatomy.expected import expected_shares, standard_brain
from perspect.numerics.mixture import distances
from perspect.vocabulary import Flag, Grid, Problem, Region, Severity, Step, Template

SOURCE: Final = "brain mask"

WORKING: Final = 2.0
"""mm: the finest voxels on which the edge is sought; the mask of a finer image is read from the distance to it."""

CORE: Final = 8.0
"""mm inside the standard brain from which on everything is brain, tumour and cavity too [our default]; an affine is
wrong by less nearly everywhere."""

REACH: Final = 12.0
"""mm outside the standard brain up to which brain is sought [our default]."""

ALIKE: Final = 3.5
"""Standard deviations from a class within which a voxel may belong to it [our default]."""

BRIDGE: Final = 2.5
"""mm: what hangs on the brain by less than twice this (dura, veins, muscle of the orbit) is cut off [our default]."""

SULCUS: Final = 6.0
"""mm: gaps in the brain's surface narrower than twice this are bridged, as the standard head's mask does [our default].
"""

FEWEST: Final = 2_000
"""Voxels from which the looks of brain are learned at least [our default]."""

EMPTY: Final = 0.3
"""Share of voxels that are exactly 0 from which on an image may have had its skull taken off."""

STRIPPED: Final = 1.3
"""Times the standard brain's volume: less is brain alone, more has scalp and bone; a whole head has twice as much."""

VOLUME: Final = (900.0, 2000.0)
"""mL of brain with its fluid that are plausible in an adult [our default]."""

UNEVEN: Final = 0.12
"""Difference of the halves over their mean from which on a mask is doubted [our default]."""

CUT: Final = 0.03
"""Share of the brain's surface on the border of the image from which on it is said to be cut [our default]."""

UNLIKE: Final = 0.85
"""Overlap (Dice) with the standard brain below which a mask is doubted, and with that and with what is found in the
image below which one that was given is refused, unless it only leaves fluid or an edge out [our default]. Masks of
other virtual heads that lie as this one does overlap by 0.88 to 0.94 with both, its own by 0.96: such a mask is told by
its name and its sidecar alone."""

WITHIN, ENOUGH = 0.95, 0.6
"""Share of a mask within the brain that is found, and of that brain within the mask, from which on a smaller mask is of
this head: grey and white matter without fluid are three quarters of an old brain, one side alone is half
[our defaults]."""

REFERENCES: Final = ("Fonov et al. 2011, doi:10.1016/j.neuroimage.2010.07.033",)


@dataclass(frozen=True, eq=False)
class Brain:
    """The brain of an anatomical image, and how far its mask is to be believed.

    `volume` is in mL; `overlap` is the Dice overlap with the standard brain; `asymmetry` the difference of left and
    right over their mean; `cut` the share of its surface on the border of the image.
    """

    region: Region
    had_no_skull: bool
    volume: float
    overlap: float
    asymmetry: float
    cut: float
    flags: tuple[Flag, ...]
    step: Step


def to_standard(
    image: Float[np.ndarray, "x y z"], grid: Grid, template: Template, lesion: Region | None = None
) -> align.Alignment:
    """Where the patient's image lies in the standard head: its `matrix` takes places of the patient to the template's.

    The standard head has no scalp. So a head with skull is first compared within the standard brain only, then its own
    brain with all that is around it. The lesion is not compared.
    """
    image = np.nan_to_num(np.asarray(image, np.float32))
    healthy = None if lesion is None else ~lesion.mask
    if _may_have_no_skull(image):
        found = align.affine(image, grid, template.t1, template.grid, fixed_mask=healthy)
        if not found.is_found or _is_stripped(image, grid, template, found.matrix):
            return found
    first = align.affine(
        template.t1, template.grid, image, grid, fixed_mask=template.brain, moving_mask=healthy, finest=align.MIDDLE
    )
    if not first.is_found:
        return first
    inside = _found({"image": image}, grid, template, first.back, lesion)
    alone = np.where(inside, image, np.float32(0))
    return align.affine(alone, grid, template.t1, template.grid, fixed_mask=healthy, start=first.back)


def brain(
    images: Mapping[str, Float[np.ndarray, "x y z"]],
    grid: Grid,
    template: Template,
    to_template: Float[np.ndarray, "4 4"],
    lesion: Region | None = None,
    given: Region | None = None,
) -> Brain:
    """The brain with its fluid, in one or several images on one grid, given where they lie in the standard head.

    The lesion is always part of it, and so is a cavity. A mask that is `given` is kept as it is and only looked at.
    Raises `Problem` where the standard brain lies outside, or where what is given is not the brain of these images.
    """
    volumes = {name: np.nan_to_num(np.asarray(one, np.float32)) for name, one in images.items()}
    first = next(iter(volumes.values()))
    had_no_skull = _may_have_no_skull(first) and _is_stripped(first, grid, template, to_template)
    standard = standard_brain(template, to_template, grid)
    if not standard.any():
        raise Problem(
            f"The standard brain lies outside of {', '.join(images)}.",
            "There is no brain to be found where it is not imaged.",
            "Check the alignment to the standard head.",
        )
    if given is not None:
        if _overlap(given.mask, standard) < UNLIKE:
            seen = _support(first) if had_no_skull else _found(volumes, grid, template, to_template, lesion)
            _demand_this_brain(given, standard, seen, tuple(images))
        mask, how = given.mask, "was given"
    elif had_no_skull:
        mask, how = _support(first), "had no skull around it, and its own edge was kept"
    else:
        mask, how = (
            _found(volumes, grid, template, to_template, lesion),
            "was found from the standard head and its looks",
        )
    if lesion is not None and given is None:
        mask = whole(mask | lesion.mask)
    return _told(mask, standard, grid, to_template, tuple(images), had_no_skull, how)


def _demand_this_brain(
    given: Region, standard: Bool[np.ndarray, "x y z"], seen: Bool[np.ndarray, "x y z"], names: tuple[str, ...]
) -> None:
    """Raises `Problem` for a mask unlike the standard brain that is unlike what is seen in the images as well, and is
    no part of that from which fluid or an edge was left out.
    """
    both = int((given.mask & seen).sum())
    overlap = max(_overlap(given.mask, standard), _overlap(given.mask, seen))
    is_smaller = both >= WITHIN * max(given.n_voxels, 1) and both >= ENOUGH * seen.sum()
    if overlap < UNLIKE and not is_smaller:
        raise Problem(
            f"The brain mask ({given.origin}) and the brain in {', '.join(names)} overlap by {overlap:.2f} (Dice).",
            "It is of another head, lies elsewhere, or is a mask of something else: tissues would be sought in it.",
            "Give the mask of this head in its frame of reference, or leave it out.",
        )


def _overlap(one: Bool[np.ndarray, "x y z"], other: Bool[np.ndarray, "x y z"]) -> float:
    """Dice overlap."""
    return float(2 * (one & other).sum() / max(one.sum() + other.sum(), 1))


def _may_have_no_skull(image: Float32[np.ndarray, "x y z"]) -> bool:
    """Whether the background is exactly 0, as scanners do not leave it."""
    return float((image == 0).mean()) > EMPTY


def _support(image: Float32[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """Where an image without skull is not 0; interpolation may have left specks and slightly negative values."""
    return whole(image > 0.01 * np.percentile(image[image > 0], 98))


def _is_stripped(
    image: Float32[np.ndarray, "x y z"], grid: Grid, template: Template, to_template: Float[np.ndarray, "4 4"]
) -> bool:
    """Whether what is not 0 has the volume of the standard brain, as far as that is imaged."""
    standard = standard_brain(template, to_template, grid)
    return bool(_support(image).sum() < STRIPPED * max(int(standard.sum()), 1))


def _found(
    volumes: Mapping[str, Float32[np.ndarray, "x y z"]],
    grid: Grid,
    template: Template,
    to_template: Float[np.ndarray, "4 4"],
    lesion: Region | None,
) -> Bool[np.ndarray, "x y z"]:
    """The brain of images with skull, on coarser voxels where theirs are fine."""
    coarse = _coarsened(grid)
    standard = standard_brain(template, to_template, coarse)
    depth = distance.depth(standard, coarse)
    ill = np.zeros(coarse.shape, bool) if lesion is None else resample.onto(lesion.mask, grid, coarse)
    values = np.stack([np.nan_to_num(resample.onto(one, grid, coarse)) for one in volumes.values()], axis=-1)
    is_tissue, is_fluid = _looks_like(values, coarse, template, to_template, depth, ill)
    box, near = distance.box(depth > -(REACH + SULCUS), coarse)
    mask = np.zeros(coarse.shape, bool)
    mask[box] = _shaped(is_tissue[box], is_fluid[box], depth[box], ill[box], near)
    if coarse is grid:
        return mask
    return np.asarray(resample.onto(distance.depth(mask, coarse), coarse, grid) > 0)


def _looks_like(
    values: Float32[np.ndarray, "x y z images"],
    grid: Grid,
    template: Template,
    to_template: Float[np.ndarray, "4 4"],
    depth: Float32[np.ndarray, "x y z"],
    ill: Bool[np.ndarray, "x y z"],
) -> tuple[Bool[np.ndarray, "x y z"], Bool[np.ndarray, "x y z"]]:
    """Which voxels look like grey or white matter, and which like fluid or a mixture with it."""
    sure = Region((depth > CORE / 2) & ~ill, grid, "inside")
    if sure.n_voxels < FEWEST:
        raise Problem(
            f"Only {sure.n_voxels} voxels of these images lie well inside the standard brain.",
            f"How brain looks is learned from {FEWEST} at least.",
            "Check the alignment to the standard head, or lay a brain mask (desc-brain_mask) beside the image.",
        )
    rows = np.stack([sure.taken(values[..., k]) for k in range(values.shape[-1])], axis=1)
    found = looks.appearance(rows, expected_shares(template, to_template, sure), sure)
    near = Region(depth > -REACH, grid, "near")
    even = np.stack([near.taken(values[..., k]) for k in range(values.shape[-1])], axis=1)
    even = even / looks.gain(found, sure, near) / found.scale.astype(np.float32)
    is_near = distances(even, found.materials, looks.KINDS) < ALIKE**2
    has_fluid = looks.KINDS[:, 0] > 0
    is_tissue, is_fluid = (np.asarray(is_near[kind].any(axis=0)) for kind in (~has_fluid, has_fluid))
    return near.spread(is_tissue, False), near.spread(is_fluid, False)


def _shaped(
    is_tissue: Bool[np.ndarray, "x y z"],
    is_fluid: Bool[np.ndarray, "x y z"],
    depth: Float32[np.ndarray, "x y z"],
    ill: Bool[np.ndarray, "x y z"],
    grid: Grid,
) -> Bool[np.ndarray, "x y z"]:
    """Tissue that hangs together, with the sulci, the core and the cavities that it encloses.

    What looks like nothing known is dura, fat or bone at the edge; a lump of it inside the standard brain is a lesion.
    """
    sure = (depth > CORE) | ill
    solid = is_tissue | sure
    tissue = solid & grown(largest(shrunk(solid, BRIDGE, grid)), BRIDGE + WORKING, grid)
    closed = shrunk(grown(tissue, SULCUS, grid), SULCUS, grid)
    cavity = is_fluid & (depth > BRIDGE)
    alien = ~(is_tissue | is_fluid) & (depth < CORE) & ~ill
    lump = grown(shrunk(alien & (depth > 0), BRIDGE, grid), BRIDGE, grid) & alien
    mask = ((closed | tissue | cavity | sure) & ~alien) | lump
    opened = grown(shrunk(mask, BRIDGE, grid), BRIDGE, grid)
    return whole((opened & mask) | sure)


def _coarsened(grid: Grid) -> Grid:
    """A grid over the same extent whose voxels are no finer than `WORKING`."""
    by = np.maximum(1, np.round(WORKING / np.array(grid.spacing))).astype(int)
    if (by == 1).all():
        return grid
    shape = [int(-(-n // one)) for n, one in zip(grid.shape, by, strict=True)]
    affine = grid.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ ((by - 1) / 2)
    affine[:3, :3] = affine[:3, :3] * by
    return Grid((shape[0], shape[1], shape[2]), affine)


def _told(
    mask: Bool[np.ndarray, "x y z"],
    standard: Bool[np.ndarray, "x y z"],
    grid: Grid,
    to_template: Float[np.ndarray, "4 4"],
    names: tuple[str, ...],
    had_no_skull: bool,
    how: str,
) -> Brain:
    """The mask with its quality, its flags and its sentence."""
    volume = float(mask.sum() * np.prod(grid.spacing) / 1e3)
    overlap = _overlap(mask, standard)
    index = np.array(np.nonzero(mask))
    across = (to_template @ grid.affine)[0]
    right = float((across[:3] @ index + across[3] > 0).mean()) if mask.any() else 0.5
    asymmetry = abs(2 * right - 1) * 2
    inner = np.zeros_like(mask)
    inner[1:-1, 1:-1, 1:-1] = True
    surface = mask & ~ndimage.binary_erosion(mask, border_value=0)
    cut = float((surface & ~inner).sum() / max(surface.sum(), 1))
    step = Step(
        SOURCE,
        f"The brain ({volume:.0f} mL) in {', '.join(names)} {how}; it overlaps the ICBM 2009a brain by {overlap:.2f}.",
        {"core": CORE, "reach": REACH, "alike": ALIKE},
        REFERENCES,
    )
    region = Region(mask, grid, "brain", step.sentence)
    return Brain(region, had_no_skull, volume, overlap, asymmetry, cut, _doubts(volume, overlap, asymmetry, cut), step)


def _doubts(volume: float, overlap: float, asymmetry: float, cut: float) -> tuple[Flag, ...]:
    """Why a brain mask must be looked at before it is believed."""
    found = []
    if cut > CUT:
        sentence = f"{cut:.0%} of the brain's surface lie on the border of the image: it goes on beyond."
        found.append(Flag("brain-cut", Severity.NOTE, sentence, "brain", cut, SOURCE))
    if not VOLUME[0] < volume < VOLUME[1] and not (volume <= VOLUME[0] and cut > CUT):
        sentence = (
            f"The brain mask holds {volume:.0f} mL; a whole adult brain with its fluid has {VOLUME[0]:.0f} to "
            f"{VOLUME[1]:.0f}. Look at its outline, or give a mask."
        )
        found.append(Flag("implausible-brain", Severity.LIMITED, sentence, "brain", source=SOURCE))
    if asymmetry > UNEVEN:
        sentence = (
            f"One half of the brain mask is {asymmetry:.0%} larger than the other: something is missing on one side, "
            "or something that is no brain was taken on the other."
        )
        found.append(Flag("uneven-brain", Severity.CAUTION, sentence, "brain", asymmetry, SOURCE))
    if overlap < UNLIKE and cut <= CUT:
        sentence = (
            f"The brain mask and the standard brain overlap by {overlap:.2f} only: one of alignment and mask is wrong, "
            "or the anatomy is far from the usual."
        )
        found.append(Flag("unlike-standard-brain", Severity.CAUTION, sentence, "brain", source=SOURCE))
    return tuple(found)
