"""What conventional images of a patient say by themselves: brain, tissues, lesion and the other side, on one grid."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32

from perspect import io
from perspect.anatomy import align, identity, resample
from perspect.anatomy.brain_in_head import brain, to_standard
from perspect.anatomy.expected import expected_shares
from perspect.anatomy.mirror import Mirror, mirror
from perspect.anatomy.tissue import Tissues, tissues
from perspect.app.given import ORDER, brain_of, tissues_of
from perspect.numerics.parallel import one_blas_thread
from perspect.vocabulary import Anatomy, Flag, Grid, Problem, Refusal, Region, Step, Template

WORKING: Final = 2.0
"""mm: voxels in which tissues are told apart; finer ones are averaged into them, since a series has coarser ones."""

CONTRAST_NAMES: Final = {"t1w": "T1w", "t1c": "T1c", "flair": "FLAIR", "t2w": "T2w"}
"""Contrasts as the names of files have them."""

OF_SIDES: Final = (
    "Every side that is said, and every comparison with the other side, would be the wrong one.",
    "Find out which of the two is right (a marker, the lesion, the scanner's own viewer), and convert the other anew.",
)
"""Why images of which the sides are exchanged are refused, and what helps."""


@dataclass(frozen=True, eq=False)
class Head:
    """What the conventional images say by themselves, whatever series is laid beside them: the tissues on `grid`, the
    lesion there, the standard head's place, the other side. `leading` is the image that the others were brought onto,
    `names` those of all that could be used.
    """

    leading: Anatomy
    names: tuple[str, ...]
    grid: Grid
    images: Mapping[str, Float32[np.ndarray, "x y z"]]
    ill: Region | None
    tissues: Tissues
    to_template: Float[np.ndarray, "4 4"]
    mirror: Mirror | None
    flags: tuple[Flag, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True, eq=False)
class Together:
    """Conventional images on one `grid`, in the place of the first of them.

    `taken` are those that could be used as they came, by contrast, `places` where each lies in the first (mm); `flags`
    say why one was left out.
    """

    grid: Grid
    taken: Mapping[str, Anatomy]
    images: Mapping[str, Float32[np.ndarray, "x y z"]]
    places: Mapping[str, Float[np.ndarray, "4 4"]]
    flags: tuple[Flag, ...]

    @property
    def leading(self) -> Anatomy:
        """The image that the others were brought onto."""
        return next(iter(self.taken.values()))


@one_blas_thread()
def head_of(anatomy: Mapping[str, Anatomy], lesion: Region | None = None) -> Head:
    """What at least one conventional image says; `lesion` is on the grid of one of them, or in their frame.

    Raises `Problem` or `Refusal` where the images are not of one head.
    """
    images = together(anatomy, lesion)
    return head_in(images, None if lesion is None else _lesion(lesion, images))


def head_in(held: Together, ill: Region | None) -> Head:
    """The head that images on one grid show, with the lesion on that grid.

    Raises `Problem` where it cannot be laid beside the standard head.
    """
    images, leading, working = held.images, held.leading, held.grid
    first = images[leading.contrast]
    template = io.icbm_2009a()
    standard = to_standard(first, working, template, ill)
    if not standard.is_found:
        raise not_aligned(leading.name, "the standard head", standard.flags)
    found = brain(images, working, template, standard.matrix, ill, brain_of(leading, working))
    classes = tissues_of(leading, found.region, first, template, standard.matrix, ill)
    if classes is None:
        classes = tissues(images, found.region, template, standard.matrix, ill)
    sides = None if ill is None else mirror(first / classes.gain[..., 0], found.region, ill, standard.matrix)
    own = found.region.mask if ill is None else found.region.mask & ~ill.mask
    doubts = _strangers(images, Region(own, working, "brain outside the lesion"), template, standard.matrix)
    of_sides = () if sides is None else sides.flags
    raised = (*doubts, *held.flags, *standard.flags, *found.flags, *classes.flags, *of_sides)
    steps = (found.step, classes.step, *([] if sides is None else [sides.step]))
    names = tuple(one.name for one in held.taken.values())
    return Head(leading, names, working, images, ill, classes, standard.matrix, sides, raised, steps)


def _strangers(
    images: Mapping[str, Float32[np.ndarray, "x y z"]],
    inside: Region,
    template: Template,
    to_template: Float[np.ndarray, "4 4"],
) -> tuple[Flag, ...]:
    """What speaks against the images being of one head, each beside the first."""
    (leading, first), *others = images.items()
    if not others:
        return ()
    expected, rows = expected_shares(template, to_template, inside), inside.taken(first)
    pairs = ((CONTRAST_NAMES[leading], CONTRAST_NAMES[name], inside.taken(one)) for name, one in others)
    return tuple(flag for a, b, values in pairs for flag in identity.strangers(rows, values, expected, (a, b)))


def together(anatomy: Mapping[str, Anatomy], lesion: Region | None = None) -> Together:
    """At least one conventional image, and all that can be brought onto the first.

    A lesion that was drawn on one of them is believed in neither: contrasts differ there most.
    """
    leading, *others = (anatomy[name] for name in ORDER if name in anatomy)
    working = working_grid(leading.grid)
    first = np.nan_to_num(resample.onto(leading.values, leading.grid, working))
    taken, images = {leading.contrast: leading}, {leading.contrast: first}
    places, flags = {leading.contrast: np.eye(4)}, list[Flag]()
    for other in others:
        start = np.eye(4) if other.grid.matches(leading.grid) else None
        masks = _believed(lesion, leading, other, working)
        found = align.rigid(first, working, other.values, other.grid, start=start, **masks)
        swapped = identity.exchanged(
            first, working, other.values, other.grid, found, (leading.name, other.name), **masks
        )
        flags += [*swapped, *found.flags]
        if swapped:
            continue
        if not found.is_found and lesion is not None and _is_drawn_on(lesion, other, leading):
            raise not_aligned(f"{other.name}, on which the lesion was drawn,", leading.name, found.flags)
        if found.is_found:
            there = resample.onto(other.values, other.grid, working, matrix=found.matrix)
            taken[other.contrast], places[other.contrast] = other, found.matrix
            images[other.contrast] = np.nan_to_num(there)
    return Together(working, taken, images, places, tuple(flags))


def _believed(
    lesion: Region | None, leading: Anatomy, other: Anatomy, working: Grid
) -> dict[str, Bool[np.ndarray, "x y z"]]:
    """Where two images may be believed: everywhere but in a lesion, known in the image that it was drawn on."""
    if lesion is None:
        return {}
    if _is_drawn_on(lesion, other, leading):
        return {"moving_mask": ~lesion.mask}
    return {"fixed_mask": ~resample.onto(lesion.mask, lesion.grid, working)}


def _is_drawn_on(lesion: Region, other: Anatomy, leading: Anatomy) -> bool:
    """Whether a lesion lies on the grid of another image than the leading one."""
    return lesion.grid.matches(other.grid) and not lesion.grid.matches(leading.grid)


def working_grid(grid: Grid) -> Grid:
    """The grid with voxels of at least `WORKING` mm, over the same place."""
    sizes = np.maximum(grid.spacing, WORKING)
    shape = np.maximum(1, np.round(np.array(grid.shape) * grid.spacing / sizes)).astype(int)
    axes = grid.affine[:3, :3] / grid.spacing
    affine = np.eye(4)
    affine[:3, :3] = axes * sizes
    corner = grid.affine[:3, 3] - grid.affine[:3, :3] @ np.full(3, 0.5)
    affine[:3, 3] = corner + affine[:3, :3] @ np.full(3, 0.5)
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)


def _lesion(lesion: Region, held: Together) -> Region:
    """The lesion where the image on whose grid it was drawn lies; in the world of the leading image if on none.

    Raises `Problem` where it lies outside.
    """
    drawn_on = next((one for one in held.taken.values() if one.grid.matches(lesion.grid)), held.leading)
    mask = resample.onto(lesion.mask, lesion.grid, held.grid, matrix=held.places[drawn_on.contrast])
    if not mask.any():
        raise Problem(
            f"The lesion {lesion.origin} lies outside of {drawn_on.name}.",
            "It would not be left out of what is called normal.",
            "Give the mask on the grid of one of the images.",
        )
    return Region(mask, held.grid, "lesion", lesion.origin)


def refuse_exchanged(swapped: tuple[Flag, ...]) -> None:
    """Raises `Refusal` if there is a flag that sides are exchanged."""
    for flag in swapped:
        raise Refusal(flag.sentence, *OF_SIDES)


def not_aligned(what: str, other: str, flags: tuple[Flag, ...]) -> Problem:
    """What stops an examination in which one image does not lie in another."""
    return Problem(
        f"{what} could not be aligned with {other}. {' '.join(flag.sentence for flag in flags)}",
        "Where its tissues are is not known.",
        "Look at both images; or use --no-anatomy and read rCBV against white matter found from the perfusion.",
    )
