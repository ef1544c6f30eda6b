"""What the conventional images of a patient say of a series: where its normal-appearing white matter is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect import io
from perspect.anatomy import align, identity, resample
from perspect.anatomy.brain_in_head import brain, to_standard
from perspect.anatomy.tissue import Tissues, tissues
from perspect.vocabulary import Anatomy, Flag, Grid, Problem, Region, Severity, Step

ORDER: Final = ("t1w", "t1c", "flair", "t2w")
"""Which contrast leads, the best known first: a series is aligned with it, and the others are brought onto it."""

WORKING: Final = 2.0
"""mm: voxels in which tissues are told apart; finer ones are averaged into them, since a series has coarser ones."""

PURE: Final = (0.95, 0.9, 0.8)
"""Share of white matter of a voxel that is called white matter; the next where the one before leaves too few."""

FEWEST: Final = 200
"""Voxels of the series from which the reference is a reference [our default]."""

MARGIN: Final = 6.0
"""mm around a lesion in which no tissue is called normal [our default]."""


@dataclass(frozen=True, eq=False)
class Seen:
    """The tissues of a patient on the grid of `leading`, and where a series lies in them (`series_to_anatomy`, mm)."""

    leading: Anatomy
    grid: Grid
    tissues: Tissues
    series_to_anatomy: align.Alignment
    white: Region
    lesion: Region | None
    flags: tuple[Flag, ...]
    steps: tuple[Step, ...]


def seen(
    image: Float[np.ndarray, "x y z"], grid: Grid, anatomy: Mapping[str, Anatomy], lesion: Region | None = None
) -> Seen | None:
    """Normal-appearing white matter on the grid of a series, of which `image` is the mean; `lesion` is on any grid.

    None where there is no conventional image. Raises `Problem` or `Refusal` where the images are not of one head.
    """
    names = [name for name in ORDER if name in anatomy]
    if not names:
        return None
    leading = anatomy[names[0]]
    working = _coarse(leading.grid)
    first = np.nan_to_num(resample.onto(leading.values, leading.grid, working))
    images, places, flags = {names[0]: first}, {names[0]: np.eye(4)}, []
    for name in names[1:]:
        other = anatomy[name]
        start = np.eye(4) if other.grid.matches(leading.grid) else None
        found = align.rigid(first, working, other.values, other.grid, start=start)
        flags += list(found.flags)
        if found.is_found:
            places[name] = found.matrix
            images[name] = np.nan_to_num(resample.onto(other.values, other.grid, working, matrix=found.matrix))
    ill = None if lesion is None else _lesion(lesion, anatomy, places, working)
    template = io.icbm_2009a()
    standard = to_standard(first, working, template, ill)
    if not standard.is_found:
        raise _not_aligned(leading.name, "the standard head", standard.flags)
    head = brain(images, working, template, standard.matrix, ill)
    classes = tissues(images, head.region, template, standard.matrix, ill)
    placed = align.rigid(image, grid, first, working, moving_mask=None if ill is None else ~ill.mask)
    if not placed.is_found:
        raise _not_aligned("the series", leading.name, placed.flags)
    flags += [*standard.flags, *head.flags, *classes.flags, *placed.flags]
    flags += identity.doubts(image, grid, first, working, placed)
    here = None if ill is None else Region(resample.onto(ill.mask, working, grid, matrix=placed.matrix), grid, "lesion")
    white, notes = _white(classes, placed, grid, here, leading.name)
    step = Step(
        "anatomy",
        f"Fluid, grey and white matter were told apart on {', '.join(anatomy[name].name for name in images)} and the "
        f"standard head, and brought onto the series by a rigid alignment (standard error {placed.error:.1f} mm).",
    )
    return Seen(leading, working, classes, placed, white, here, (*flags, *notes), (head.step, classes.step, step))


def _coarse(grid: Grid) -> Grid:
    """The grid with voxels of at least `WORKING` mm, over the same place."""
    sizes = np.maximum(grid.spacing, WORKING)
    shape = np.maximum(1, np.round(np.array(grid.shape) * grid.spacing / sizes)).astype(int)
    axes = grid.affine[:3, :3] / grid.spacing
    affine = np.eye(4)
    affine[:3, :3] = axes * sizes
    corner = grid.affine[:3, 3] - grid.affine[:3, :3] @ np.full(3, 0.5)
    affine[:3, 3] = corner + affine[:3, :3] @ np.full(3, 0.5)
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)


def _lesion(
    lesion: Region, anatomy: Mapping[str, Anatomy], places: Mapping[str, Float[np.ndarray, "4 4"]], grid: Grid
) -> Region:
    """The lesion where the image on whose grid it was drawn lies; in the world of the leading image if on none.

    Raises `Problem` where it lies outside.
    """
    drawn_on = next((name for name in places if anatomy[name].grid.matches(lesion.grid)), next(iter(places)))
    mask = resample.onto(lesion.mask, lesion.grid, grid, matrix=places[drawn_on])
    if not mask.any():
        raise Problem(
            f"The lesion {lesion.origin} lies outside of {anatomy[drawn_on].name}.",
            "It would not be left out of what is called normal.",
            "Give the mask on the grid of one of the images.",
        )
    return Region(mask, grid, "lesion", lesion.origin)


def _white(
    classes: Tissues, placed: align.Alignment, grid: Grid, lesion: Region | None, name: str
) -> tuple[Region, tuple[Flag, ...]]:
    """White matter of the series away from the lesion and from what no tissue class explains."""
    share = resample.onto(np.nan_to_num(classes.white), classes.grid, grid, matrix=placed.matrix)
    odd = resample.onto(classes.unexplained | classes.lesion, classes.grid, grid, matrix=placed.matrix)
    near = resample.grown(odd if lesion is None else odd | lesion.mask, grid, MARGIN)
    for pure in PURE:
        mask = (np.nan_to_num(share) >= pure) & ~near
        if mask.sum() >= FEWEST:
            break
    if not mask.any():
        raise Problem(
            f"No voxel of the series is white matter by {name}.",
            "Blood volume would have nothing to be compared with.",
            "Look at the alignment, give --reference MASK, or use --no-anatomy.",
        )
    origin = f"voxels with at least {pure:.0%} of white matter by {name}"
    flags = []
    if mask.sum() < FEWEST:
        sentence = f"Only {int(mask.sum())} voxels of the series are white matter by {name}; rCBV rests on them."
        flags.append(Flag("little-white-matter", Severity.CAUTION, sentence, "rcbv", source="anatomy"))
    return Region(mask, grid, "reference", origin), tuple(flags)


def _not_aligned(what: str, other: str, flags: tuple[Flag, ...]) -> Problem:
    return Problem(
        f"{what} could not be aligned with {other}. {' '.join(flag.sentence for flag in flags)}",
        "Where its tissues are is not known.",
        "Look at both images; or use --no-anatomy and read rCBV against white matter found from the perfusion.",
    )
