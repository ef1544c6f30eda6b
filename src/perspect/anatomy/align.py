"""Where one image lies in another of the same head, whatever their contrasts, grids and coverage.

Rigid for two images of one patient, affine for a template and a patient, both by normalised mutual information (NMI).
The way in is found from many starts on strongly smoothed images, deterministically; points lie off the grid of either
image, so that the voxels of the two cannot lock to each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Num
from scipy import ndimage

from perspect.numerics import alike, axes, field, low_discrepancy
from perspect.numerics import rigid as motions
from perspect.numerics.alike import Pair, Place
from perspect.numerics.field import Smooth
from perspect.numerics.parallel import one_blas_thread
from perspect.vocabulary import Flag, Grid, Problem, Severity

COARSE: Final = 6.0
"""mm: smoothness (standard deviation) at which the starts are tried; most folds are gone [our default]."""

MIDDLE: Final = 3.0
FINE: Final = 1.5
"""mm: smoothness at which the place is found [our default]; voxels of 2 mm have 1.3 themselves."""

POINTS: Final = {COARSE: 3_000, MIDDLE: 8_000, FINE: 30_000}
"""Points that are compared at each smoothness [our default]."""

SETTLED: Final = {COARSE: 0.1, MIDDLE: 0.03, FINE: 0.005}
"""mm: the step at which a place counts as found."""

TILTS: Final = (-20.0, 0.0, 20.0)
"""Degrees about each axis from which is started; from the nearest of them the way is found up to 15 degrees off."""

OFFSETS: Final = (-30.0, 0.0, 30.0)
"""mm along the head from where the middles of both images meet: a stack of slices has its middle elsewhere."""

N_CLIMBED: Final = 5
"""Starts from which the way is climbed, the most alike ones that are not neighbours."""

APART: Final = 8.0
"""mm: starts nearer to each other than this lead to the same place."""

SAME: Final = 1.0
"""mm: places nearer to each other than this are the same."""

EDGE: Final = 0.05
"""Slope of the smooth image, relative to the steepest, from which on a point counts as belonging to the head."""

BRIM: Final = 10.0
"""mm around the head that are compared too: where the head ends is worth knowing."""

SEEN: Final = 0.3
"""Share of the points, of the most that any start sees, that a start must see: few points can be alike by chance."""

FEWEST: Final = 300
"""Points without which no place is sought."""

RIVALS: Final = 0.8
"""A second place counts as a rival if its similarity beyond chance is at least this share of the best one's."""

CHANCE: Final = 0.005
"""NMI beyond 1 up to which images that have nothing to do with each other can be brought (0.001 in noise)."""

LITTLE: Final = 0.5
"""Share of the smaller head that the other image must cover for an alignment to be used without a caution."""

TOO_LITTLE: Final = 0.1
"""Share below which nothing is believed."""

LOOSE: Final = 1.0
LOOSE_AFFINE: Final = 3.0
"""mm: a larger standard error is said. A template and a patient are two heads, known to each other to about 1 mm."""

FAR: Final = 2.0
"""Times that, beyond which two heads are as likely as one: series of virtual patients lie in their own T1w to 0.45 to
0.59 mm and in that of others to 1 to 7 mm, where it is found at all [our default]."""

STAGES: Final = (6, 9, 12)
"""Parameters of an affine alignment: shifts and turns first, then stretches along the axes, then shears."""


@dataclass(frozen=True, eq=False)
class Alignment:
    """Where a fixed image lies in a moving one.

    `matrix` takes places in the world of the fixed image to the same places in the world of the moving image, both in
    mm, RAS+ (moving = matrix @ fixed): what resampling the moving image onto the fixed grid needs. It is NaN where no
    place was found; `flags` say why, and whatever else must be known before it is believed.

    `similarity` is the NMI that was reached (1: none, 2: one image determines the other). `overlap` is the share of the
    head in the smaller image that the other one covers. `error` is the standard error in mm over the head, from how
    much blocks of tissue disagree. `rival` is how far away (mm) another place lies that is nearly as good and to which
    another start led; 0 where there is none.
    """

    matrix: Float[np.ndarray, "4 4"]
    similarity: float
    overlap: float
    error: float
    rival: float
    flags: tuple[Flag, ...] = ()

    @property
    def is_found(self) -> bool:
        """Whether there is a place at all."""
        return bool(np.isfinite(self.matrix).all())

    @property
    def back(self) -> Float[np.ndarray, "4 4"]:
        """From the world of the moving image to that of the fixed one."""
        return np.linalg.inv(self.matrix) if self.is_found else self.matrix


def rigid(
    fixed: Num[np.ndarray, "x y z"],
    fixed_grid: Grid,
    moving: Num[np.ndarray, "x2 y2 z2"],
    moving_grid: Grid,
    *,
    fixed_mask: Bool[np.ndarray, "x y z"] | None = None,
    moving_mask: Bool[np.ndarray, "x2 y2 z2"] | None = None,
    start: Float[np.ndarray, "4 4"] | None = None,
) -> Alignment:
    """Three turns and three shifts between two images of one head.

    A mask says where its image may be believed: the brain, or everything but a lesion (`~lesion`). NaN is never
    believed. Where the place is known to 15 mm and 15 degrees, `start` says it and no other is tried. Raises `Problem`
    where an image shows nothing.
    """
    return _aligned(_Images.of(fixed, fixed_grid, fixed_mask, moving, moving_grid, moving_mask), (6,), LOOSE, start)


def affine(
    fixed: Num[np.ndarray, "x y z"],
    fixed_grid: Grid,
    moving: Num[np.ndarray, "x2 y2 z2"],
    moving_grid: Grid,
    *,
    fixed_mask: Bool[np.ndarray, "x y z"] | None = None,
    moving_mask: Bool[np.ndarray, "x2 y2 z2"] | None = None,
    start: Float[np.ndarray, "4 4"] | None = None,
    finest: float = FINE,
) -> Alignment:
    """Twelve parameters between two heads, as of a template and a patient; masks as in `rigid`.

    `finest` is the smoothness (mm) at which the place is settled: `MIDDLE` costs less where it is only a way in.
    Three shifts and three turns come first, then stretches along the axes, then shears.
    """
    return _aligned(
        _Images.of(fixed, fixed_grid, fixed_mask, moving, moving_grid, moving_mask), STAGES, LOOSE_AFFINE, start, finest
    )


@dataclass(frozen=True, eq=False)
class _Images:
    """Two images as they come, and where the head is in each."""

    fixed: Smooth
    moving: Smooth
    fixed_head: Smooth
    moving_head: Smooth

    @classmethod
    def of(
        cls,
        fixed: Num[np.ndarray, "x y z"],
        fixed_grid: Grid,
        fixed_mask: Bool[np.ndarray, "x y z"] | None,
        moving: Num[np.ndarray, "x2 y2 z2"],
        moving_grid: Grid,
        moving_mask: Bool[np.ndarray, "x2 y2 z2"] | None,
    ) -> "_Images":
        one, other = _taken("fixed", fixed, fixed_grid, fixed_mask), _taken("moving", moving, moving_grid, moving_mask)
        return cls(one, other, _head("fixed", one), _head("moving", other))

    @property
    def swapped(self) -> "_Images":
        """The moving image as the fixed one."""
        return _Images(self.moving, self.fixed, self.moving_head, self.fixed_head)

    @property
    def is_moving_smaller(self) -> bool:
        """Whether the moving image shows less of the head."""
        moving, fixed = (head.values.sum() * np.prod(head.spacing) for head in (self.moving_head, self.fixed_head))
        return bool(moving < fixed)

    def at(self, sigma: float) -> tuple[Smooth, Smooth]:
        """Both images equally smooth: at least `sigma` (mm), and along thick slices as much as those need."""
        return (
            field.smoother(self.fixed, _smoothness(self.fixed, self.moving, sigma)),
            field.smoother(self.moving, _smoothness(self.moving, self.fixed, sigma)),
        )


def _aligned(
    images: _Images,
    stages: Sequence[int],
    loose: float,
    start: Float[np.ndarray, "4 4"] | None,
    finest: float = FINE,
) -> Alignment:
    """The place of the fixed image in the moving one, with ever more parameters at a middling smoothness.

    Points are taken from the image that shows less of the head: a single slice is found in a head, but of the points of
    a head few lie in a slice.
    """
    if images.is_moving_smaller:
        turned = _aligned(images.swapped, stages, loose, None if start is None else np.linalg.inv(start), finest)
        return replace(turned, matrix=turned.back)
    with one_blas_thread():
        middle = _pair(images, MIDDLE, stages[0])
        starts = _ways_in(images, start)
        best, *others = _distinct(middle, [alike.climbed(middle, one, SETTLED[MIDDLE]) for one in starts])
        rivals = [one for one in others if one.likeness - 1 >= RIVALS * (best.likeness - 1)]
        rival = _apart(middle, best.matrix, rivals[0].matrix) if rivals else 0.0
        for n in stages[1:]:
            best = alike.climbed(replace(middle, modes=alike.modes(middle, n)), best.matrix, SETTLED[MIDDLE])
        fine = _pair(images, finest, stages[-1])
        found, error = alike.settled(fine, alike.climbed(fine, best.matrix, SETTLED[finest]))
        overlap = _overlap(images, found.matrix)
    flags = _doubts(found.likeness, overlap, error, rival, loose)
    is_refused = any(flag.severity == Severity.REFUSED for flag in flags)
    matrix = np.full((4, 4), np.nan) if is_refused else found.matrix
    return Alignment(matrix, found.likeness, overlap, error, rival, flags)


def _doubts(similarity: float, overlap: float, error: float, rival: float, loose: float) -> tuple[Flag, ...]:
    """Why an alignment must not be believed, or not without a second look."""
    is_loose = not error <= loose
    if not similarity > 1 + CHANCE or (rival > 0 and is_loose):
        sentence = (
            f"The two images are hardly more alike in one place than in another (NMI {similarity:.3f}): no alignment "
            "was found."
        )
        return (Flag("align-no-likeness", Severity.REFUSED, sentence, source="alignment"),)
    if overlap < TOO_LITTLE:
        sentence = f"The two images share only {overlap:.0%} of a head, too little to be aligned."
        return (Flag("align-no-overlap", Severity.REFUSED, sentence, fraction=overlap, source="alignment"),)
    found = []
    if overlap < LITTLE:
        sentence = f"The two images share only {overlap:.0%} of a head; the alignment rests on that part."
        found.append(Flag("align-little-overlap", Severity.CAUTION, sentence, fraction=overlap, source="alignment"))
    if rival > 0:
        sentence = f"Two places {rival:.0f} mm apart fit nearly equally well; the alignment may be the wrong one."
        found.append(Flag("align-ambiguous", Severity.LIMITED, sentence, source="alignment"))
    if is_loose:
        known = f"is known to {error:.1f} mm only" if np.isfinite(error) else "is not determined by the images"
        is_far = not error <= FAR * loose
        sentence = f"The alignment {known}{': the two may not show the same head' if is_far else ''}."
        severity = Severity.LIMITED if is_far else Severity.CAUTION
        found.append(Flag("align-uncertain", severity, sentence, source="alignment"))
    return tuple(found)


def _taken(name: str, values: Num[np.ndarray, "x y z"], grid: Grid, mask: Bool[np.ndarray, "x y z"] | None) -> Smooth:
    """An image with its axes along those of the world, so that it does not matter how it was stored."""
    if values.shape != grid.shape or (mask is not None and mask.shape != grid.shape):
        raise Problem(
            f"The {name} image has shape {values.shape}{'' if mask is None else f', its mask {mask.shape}'}, and its "
            f"grid {grid.shape}.",
            "It is not known where its voxels are.",
            "Give the grid of the image itself.",
        )
    known = np.isfinite(values) if mask is None else np.isfinite(values) & mask
    turned, affine = axes.upright(values, grid.affine)
    return field.smooth(turned, axes.upright(known, grid.affine)[0], affine)


def _head(name: str, image: Smooth) -> Smooth:
    """Where an image, made smooth, is not flat: the head and a brim around it, as 0 and 1."""
    smooth = field.smoother(image, np.full(3, COARSE))
    steepness = np.linalg.norm(smooth.packed[:, 1:] / smooth.spacing.astype(np.float32), axis=1)
    steepness = steepness.reshape(smooth.values.shape)
    if smooth.known is not None:
        steepness *= smooth.known > 0.5
    steepest = float(np.quantile(steepness, 0.99))
    if not steepest > 0:
        raise Problem(
            f"The {name} image is flat where it may be believed.",
            "There is nothing in it that could be aligned.",
            "Check the image and its mask.",
        )
    near = np.maximum(1, np.round(BRIM / smooth.spacing)).astype(int)
    head = ndimage.maximum_filter(steepness > EDGE * steepest, tuple(2 * near + 1))
    return Smooth(head.astype(np.float32), None, smooth.affine, smooth.variance)


def _smoothness(own: Smooth, other: Smooth, sigma: float) -> Float[np.ndarray, " 3"]:
    """The smoothness along the axes of an image that the other one, with its thicker slices, can have as well."""
    cosines = (other.affine[:3, :3] / other.spacing).T @ (own.affine[:3, :3] / own.spacing)
    least = np.sqrt(((field.SHARPEST * other.spacing[:, None] * cosines) ** 2).sum(axis=0))
    out: Float[np.ndarray, " 3"] = np.maximum(sigma, least)
    return out


def _pair(images: _Images, sigma: float, n_modes: int) -> Pair:
    fixed, moving = images.at(sigma)
    points = _points(fixed, images.fixed_head, POINTS[sigma])
    if points.shape[1] < FEWEST:
        raise Problem(
            f"Only {points.shape[1]} places of the two images can be compared.",
            "An alignment from so few would be chance.",
            "Give a larger mask, or an image that covers more of the head.",
        )
    return alike.paired(points, fixed, moving, n_modes, sigma)


def _points(image: Smooth, head: Smooth, n: int) -> Float32[np.ndarray, "3 points"]:
    """About `n` places spread evenly, but on no grid, over the head in an image."""
    share = max(float(head.values.mean()), 0.02)
    spread = low_discrepancy.sequence(round(n / share))
    index = spread * (np.array(image.values.shape)[:, None] - 1)
    places = (image.affine[:3, :3] @ index + image.affine[:3, 3:]).astype(np.float32)
    inside = (_at(head, places) > 0) & (field.read_known(image, places) > 0.05)
    out: Float32[np.ndarray, "3 points"] = places[:, inside]
    return out


def _at(head: Smooth, places: Float32[np.ndarray, "3 points"]) -> Float32[np.ndarray, " points"]:
    """The nearest sample; 0 outside."""
    index = np.round(head.to_index[:3, :3] @ places + head.to_index[:3, 3:]).astype(int)
    size = np.array(head.values.shape)[:, None]
    inside = ((index >= 0) & (index < size)).all(axis=0)
    out: Float32[np.ndarray, " points"] = head.values[tuple(np.clip(index, 0, size - 1))] * inside
    return out


def _ways_in(images: _Images, start: Float[np.ndarray, "4 4"] | None) -> list[Float[np.ndarray, "4 4"]]:
    """The two best places to which the most promising starts lead on the coarse images; the one of a given start."""
    coarse = _pair(images, COARSE, 6)
    if start is not None:
        return [alike.climbed(coarse, start, SETTLED[COARSE]).matrix]
    starts = _starts(images)
    seen = [coarse.seen(one) for one in starts]
    counts = np.array([float(one.weights.sum()) for one in seen])
    values = np.array([one.likeness(start) for one, start in zip(seen, starts, strict=True)])
    values[counts < SEEN * counts.max()] = -np.inf
    chosen: list[Float[np.ndarray, "4 4"]] = []
    for k in np.argsort(-values, kind="stable"):
        if len(chosen) < N_CLIMBED and all(_apart(coarse, starts[k], one) > APART for one in chosen):
            chosen.append(starts[k])
    found = _distinct(coarse, [alike.climbed(coarse, one, SETTLED[COARSE]) for one in chosen])
    return [one.matrix for one in found[:2]]


def _starts(images: _Images) -> list[Float[np.ndarray, "4 4"]]:
    """The headers' word and the middles of the heads on each other, each with the head tilted about all axes."""
    fixed, moving = _middle(images.fixed_head), _middle(images.moving_head)
    up = np.array([0.0, 0.0, 1.0])
    targets = [fixed, *(moving + offset * up for offset in OFFSETS)]
    out = []
    for tilt in product(np.deg2rad(TILTS), repeat=3):
        turn = motions.rigid(np.array([*tilt, 0, 0, 0]))
        for target in targets:
            start = turn.copy()
            start[:3, 3] = target - turn[:3, :3] @ fixed
            out.append(start)
    return out


def _middle(head: Smooth) -> Float[np.ndarray, " 3"]:
    index = np.array(np.nonzero(head.values)).mean(axis=1)
    out: Float[np.ndarray, " 3"] = head.affine[:3, :3] @ index + head.affine[:3, 3]
    return out


def _distinct(pair: Pair, places: Sequence[Place]) -> list[Place]:
    """Places that are not the same, the most alike first."""
    out: list[Place] = []
    for one in sorted(places, key=lambda place: -place.likeness):
        if all(_apart(pair, one.matrix, other.matrix) > SAME for other in out):
            out.append(one)
    return out


def _apart(pair: Pair, one: Float[np.ndarray, "4 4"], other: Float[np.ndarray, "4 4"]) -> float:
    """How far apart two places put the points, in mm (root mean square)."""
    away = pair.at(one)[:, ::10] - pair.at(other)[:, ::10]
    return float(np.sqrt((away.astype(np.float64) ** 2).sum(axis=0).mean()))


def _overlap(images: _Images, matrix: Float[np.ndarray, "4 4"]) -> float:
    """The share of the head in one image that the other one covers, of the image of which it covers more."""
    shares = []
    for head, other, there in (
        (images.fixed_head, images.moving, matrix),
        (images.moving_head, images.fixed, np.linalg.inv(matrix)),
    ):
        index = np.array(np.nonzero(head.values))
        places = there[:3, :3] @ (head.affine[:3, :3] @ index + head.affine[:3, 3:]) + there[:3, 3:]
        shares.append(float(field.read_known(other, places.astype(np.float32)).mean()))
    return max(shares)
