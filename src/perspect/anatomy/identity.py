"""Whether two images that were aligned are of one head, and not one the mirror image of the other, by their content."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Num

from perspect.anatomy import align
from perspect.anatomy.align import Alignment
from perspect.anatomy.tissue import explained
from perspect.numerics import axes
from perspect.vocabulary import Flag, Grid, Severity

STRETCHED: Final = 0.03
"""Stretch that no two images of one head need. Gradients and echo-planar read-outs stretch by 1 to 2 %; the lengths
and breadths of two adults' heads differ by 5 % (standard deviation of the difference of two)."""

CLOSER: Final = 1.03
"""How much more similar (beyond 1) two images must become by stretching one: 1.00 to 1.02 for images of one patient,
1.6 to 1.8 for a patient and a template [our default]."""

FARTHEST: Final = 0.15
"""Stretch that no two adults' heads need either (three standard deviations of their difference): what seems to need
more was led astray unless it then fits far better. Slices of 8 mm of a virtual patient seemed to need 24 %
[our default]."""

FAR_CLOSER: Final = 1.5
"""How much more similar (beyond 1) two images must become by such a stretch: 1.1 to 1.3 in those slices, 1.6 to 1.8 for
a patient and a template [our default]."""

BINS: Final = 64
"""Levels of an image, of as many voxels each, in each of which another image has a mean."""

TELLING: Final = 0.05
"""Share of an image's variance that the standard head must explain for the comparison to say anything [our default]."""

FEWER: Final = 0.9
"""Of what the standard head explains of an image: another image of the same head explains more. It was 1.8 to 4.2 times
as much in three virtual heads and 1.03 (FLAIR and T1w in slices of 6 mm) to 8 in a real glioma, and 0.33 to 0.87 in
fourteen pairs of two virtual heads. Tissues of the same head explain a series 1.7 to 5.2 times as well (series that are
distorted among them), those of another head 0.19 to 0.72 times (15 pairs) [our default]."""

FAR_FEWER: Final = 0.75
"""The same, below which two images are refused as those of two heads; from there on it is said, and limits what rests
on both: one real patient is all that stands behind `FEWER` [our default]."""

DEEP: Final = 10.0
"""mm inside the brain from which on a series is compared with tissues: what lies at the edge differs for other reasons
[our default]."""

FEWEST: Final = 500
"""Voxels so deep without which nothing is said of a series [our default]."""

EXTENT: Final = 100.0
"""mm that an image must cover along one of its axes for its stretch along it to be known: within 40 to 80 mm of one
virtual patient 3 to 16 % were found where there was none, from 100 mm on at most 2 % [our default]."""

MIRRORED: Final = 1.12
"""How much more similar (beyond 1) two images must be once one is mirrored. One of which the sides are wrong became
1.20 to 2.7 times as similar (8 virtual heads, series that are distorted among them; a real glioma), one of another head
at most 1.04 times (112 pairs), one of which they are right never, nor does a symmetric template [our default]."""

KNOWN: Final = 0.3
"""mm: of an alignment known better than this the sides are right. Images of one head lie in each other to 0.04 to
0.19 mm, with wrong sides to 0.7 mm at best [our default]."""


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
    """A flag if the two images, aligned rigidly as `found`, seem to be of two people.

    Silent where the images cannot tell: two heads of one size, a stretch across a thin slab. Nothing is said of an
    alignment that holds no place.
    """
    if not found.is_found:
        return ()
    stretched = align.affine(
        fixed, fixed_grid, moving, moving_grid, fixed_mask=fixed_mask, moving_mask=moving_mask, start=found.matrix
    )
    return _other_head(found, stretched, fixed_grid)


def exchanged(
    fixed: Num[np.ndarray, "x y z"],
    fixed_grid: Grid,
    moving: Num[np.ndarray, "x2 y2 z2"],
    moving_grid: Grid,
    found: Alignment,
    names: tuple[str, str],
    *,
    fixed_mask: Bool[np.ndarray, "x y z"] | None = None,
    moving_mask: Bool[np.ndarray, "x2 y2 z2"] | None = None,
) -> tuple[Flag, ...]:
    """A refusal if the images, aligned rigidly as `found` (or not), fit clearly better once the moving one is mirrored.

    `names` are those of the fixed and the moving image. Where mirroring seems to help, both are sought without any
    start, so that `found` may be from one that led nowhere. Silent of a symmetric head.
    """
    if found.is_found and found.error < KNOWN:
        return ()
    values, affine = axes.upright(moving, moving_grid.affine)
    mask = None if moving_mask is None else np.flip(axes.upright(moving_mask, moving_grid.affine)[0], 0)
    mirror = np.flip(values, 0)
    grid = Grid((mirror.shape[0], mirror.shape[1], mirror.shape[2]), affine)
    flipped = align.rigid(fixed, fixed_grid, mirror, grid, fixed_mask=fixed_mask, moving_mask=mask)
    if not flipped.is_found or flipped.similarity - 1 < MIRRORED * (found.similarity - 1):
        return ()
    plain = align.rigid(fixed, fixed_grid, moving, moving_grid, fixed_mask=fixed_mask, moving_mask=moving_mask)
    gain = (flipped.similarity - 1) / max(plain.similarity - 1, 1e-9)
    if gain < MIRRORED:
        return ()
    sentence = (
        f"Left and right of {names[1]} are exchanged against {names[0]}: the two are {gain:.1f} times as similar once "
        "one is mirrored. Which of them has the right sides the images do not say."
    )
    return (Flag("left-right-swapped", Severity.REFUSED, sentence, names[1], source="alignment"),)


def strangers(
    leading: Float[np.ndarray, " voxels"],
    other: Float[np.ndarray, " voxels"],
    expected: Float[np.ndarray, "voxels 3"],
    names: tuple[str, str],
) -> tuple[Flag, ...]:
    """A flag if an image, aligned with another one, is foretold by it less well than by the mean of many heads.

    Rows are voxels of the brain without the lesion; `expected` are the shares of fluid, grey and white matter of the
    standard head there. Images of one head share its folds, those of two heads do not, and folds that lie elsewhere
    foretell less than none. Silent where the standard head foretells nothing.
    """
    return _strange(foretold(leading, other), explained(other, expected), names, f"the levels of {names[0]}")


def foreign(
    series: Float[np.ndarray, " voxels"],
    own: Float[np.ndarray, "voxels 3"],
    expected: Float[np.ndarray, "voxels 3"],
    names: tuple[str, str],
) -> tuple[Flag, ...]:
    """A flag if the tissues of an image, aligned with a series, explain that less well than the mean of many heads.

    Rows are voxels `DEEP` in the brain without the lesion: the mean of the series, shares of fluid, grey and white
    matter that the image shows (`own`), and those of the standard head. `names` are those of the image and the series.
    """
    if series.size < FEWEST:
        return ()
    return _strange(explained(series, own), explained(series, expected), names, f"the tissues of {names[0]}")


def _strange(by_one: float, by_many: float, names: tuple[str, str], what: str) -> tuple[Flag, ...]:
    """A flag if one head explains less of the second image than many do."""
    if by_many < TELLING or by_one >= FEWER * by_many:
        return ()
    severity = Severity.REFUSED if by_one < FAR_FEWER * by_many else Severity.LIMITED
    sentence = (
        f"Of the variance of {names[1]} within the brain {what} foretell {by_one:.0%}, the mean of many heads "
        f"{by_many:.0%}: the two are of two patients, or do not lie on each other."
    )
    return (Flag("other-head", severity, sentence, names[1], source="alignment"),)


def foretold(leading: Float[np.ndarray, " voxels"], other: Float[np.ndarray, " voxels"]) -> float:
    """How much of the variance of one image the level of another one foretells, whatever each level looks like.

    The correlation ratio: Roche et al. 1998, doi:10.1007/BFb0056301
    """
    edges = np.unique(np.quantile(leading, np.linspace(0, 1, BINS + 1)[1:-1]))
    level = np.digitize(leading, edges)
    means = np.bincount(level, other.astype(np.float64)) / np.maximum(np.bincount(level), 1)
    return float(1.0 - ((other - means[level]) ** 2).sum() / max(float(((other - other.mean()) ** 2).sum()), 1e-30))


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
    closer = CLOSER if by <= FARTHEST else FAR_CLOSER
    if by <= STRETCHED or stretched.similarity - 1 < closer * (found.similarity - 1):
        return ()
    sentence = (
        f"The two images fit far better if one is stretched by {by:.0%}, which one head does not need: they may be of "
        "two patients, or one has wrong voxel sizes."
    )
    return (Flag("other-head", Severity.REFUSED, sentence, source="alignment"),)
