"""Whether two images that were aligned are of one head, and not one the mirror image of the other, by their content."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Num

from perspect.anatomy import align
from perspect.anatomy.align import Alignment
from perspect.numerics import axes
from perspect.vocabulary import Flag, Grid, Severity

STRETCHED: Final = 0.03
"""Stretch that no two images of one head need. Gradients and echo-planar read-outs stretch by 1 to 2 %; the lengths
and breadths of two adults' heads differ by 5 % (standard deviation of the difference of two)."""

CLOSER: Final = 1.03
"""How much more similar (beyond 1) two images must become by stretching one: 1.00 to 1.02 for images of one patient,
1.6 to 1.8 for a patient and a template [our default]."""

EXTENT: Final = 100.0
"""mm that an image must cover along one of its axes for its stretch along it to be known: within 40 to 80 mm of one
virtual patient 3 to 16 % were found where there was none, from 100 mm on at most 2 % [our default]."""

MIRRORED: Final = 1.03
"""How much more similar (beyond 1) the mirror image must be than the image itself: it is 0.6 to 0.9 where the sides of
a patient are right, and 1.00 for a symmetric template [our default]."""


def doubts(
    fixed: Num[np.ndarray, "x y z"],
    fixed_grid: Grid,
    moving: Num[np.ndarray, "x2 y2 z2"],
    moving_grid: Grid,
    found: Alignment,
    *,
    fixed_mask: Bool[np.ndarray, "x y z"] | None = None,
    moving_mask: Bool[np.ndarray, "x2 y2 z2"] | None = None,
) -> tuple[Flag, ...]:
    """Flags if the two images, aligned rigidly as `found`, seem to be of two people, or one of them mirrored.

    Silent where the images cannot tell: two heads of one size, a symmetric head, a stretch across a thin slab. Nothing
    is said of an alignment that holds no place.
    """
    if not found.is_found:
        return ()
    masks = {"fixed_mask": fixed_mask, "moving_mask": moving_mask}
    stretched = align.affine(fixed, fixed_grid, moving, moving_grid, **masks, start=found.matrix)
    values, affine = axes.upright(moving, moving_grid.affine)
    mask = None if moving_mask is None else np.flip(axes.upright(moving_mask, moving_grid.affine)[0], 0)
    mirror = np.flip(values, 0)
    grid = Grid((mirror.shape[0], mirror.shape[1], mirror.shape[2]), affine)
    flipped = align.rigid(fixed, fixed_grid, mirror, grid, fixed_mask=fixed_mask, moving_mask=mask)
    return (*_other_head(found, stretched, fixed_grid), *_mirrored(found, flipped))


def stretch(matrix: Float[np.ndarray, "4 4"], grid: Grid | None = None) -> float:
    """By how much an affine matrix stretches or shrinks at most, relative to 1; of the axes of a fixed `grid` those
    count along which it is wide enough to tell, 0 where none is.
    """
    wide = np.eye(3)
    if grid is not None:
        sizes = np.array(grid.shape) * grid.spacing
        wide = (grid.affine[:3, :3] / grid.spacing)[:, sizes >= EXTENT]
    out = np.abs(np.linalg.svd(matrix[:3, :3] @ wide, compute_uv=False) - 1).max(initial=0.0)
    return float(out)


def _other_head(found: Alignment, stretched: Alignment, grid: Grid) -> tuple[Flag, ...]:
    by = stretch(stretched.matrix, grid) if stretched.is_found else 0.0
    if by <= STRETCHED or stretched.similarity - 1 < CLOSER * (found.similarity - 1):
        return ()
    sentence = (
        f"The two images fit far better if one is stretched by {by:.0%}, which one head does not need: they may be of "
        "two patients, or one has wrong voxel sizes."
    )
    return (Flag("other-head", Severity.REFUSED, sentence, source="alignment"),)


def _mirrored(found: Alignment, flipped: Alignment) -> tuple[Flag, ...]:
    if flipped.similarity - 1 < MIRRORED * (found.similarity - 1):
        return ()
    sentence = (
        "The two images fit clearly better if one is mirrored: left and right are swapped in the header of one of them."
    )
    return (Flag("left-right-swapped", Severity.REFUSED, sentence, source="alignment"),)
