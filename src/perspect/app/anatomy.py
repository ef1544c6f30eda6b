"""What the conventional images of a patient say of a series: where its normal-appearing white matter is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Float32

from perspect import io
from perspect.anatomy import align, distance, identity, normal, resample
from perspect.anatomy.brain_in_head import brain, to_standard
from perspect.anatomy.expected import expected_shares
from perspect.anatomy.mirror import SOURCE as MIRROR
from perspect.anatomy.mirror import Mirror, mirror
from perspect.anatomy.tissue import Tissues, tissues
from perspect.app.given import ORDER, brain_of, tissues_of
from perspect.numerics.parallel import one_blas_thread
from perspect.vocabulary import Anatomy, Flag, Grid, Measured, Problem, Refusal, Region, Severity, Step, Template

WORKING: Final = 2.0
"""mm: voxels in which tissues are told apart; finer ones are averaged into them, since a series has coarser ones."""

MIRRORED: Final = "mirror of the lesion"

JUDGED: Final = ("rcbv", "cbv")
"""The map on which the candidates for a reference are compared: the first that was made."""

GIVEN: Final = "as given"
"""What a reference is called that was given by hand, beside the candidates of the anatomy."""


OF_SIDES: Final = (
    "Every side that is said, and every comparison with the other side, would be the wrong one.",
    "Find out which of the two is right (a marker, the lesion, the scanner's own viewer), and convert the other anew.",
)
"""Why images of which the sides are exchanged are refused, and what helps."""

CONTRAST_NAMES: Final = {"t1w": "T1w", "t1c": "T1c", "flair": "FLAIR", "t2w": "T2w"}
"""Contrasts as the names of files have them."""


@dataclass(frozen=True, eq=False)
class Seen:
    """The tissues of a patient on `grid`, with the conventional `images` there by contrast, and where a series lies
    in them (`series_to_anatomy`, mm).

    On the grid of the series lie `candidates`, normal-appearing white matter by where it was looked for; `white`, the
    one of them that is the reference (None if there is none); the lesion, how much of each voxel it is, and what lies
    `opposite` of it.
    """

    leading: Anatomy
    grid: Grid
    tissues: Tissues
    series_to_anatomy: align.Alignment
    candidates: Mapping[str, Region]
    white: Region | None
    images: Mapping[str, Float32[np.ndarray, "x y z"]]
    lesion: Region | None
    opposite: Region | None
    mirror: Mirror | None
    flags: tuple[Flag, ...]
    steps: tuple[Step, ...]
    lesion_share: Float32[np.ndarray, "i j k"] | None = None

    @property
    def reflection(self) -> Float[np.ndarray, "4 4"] | None:
        """Takes every place of the series (mm) to the one opposite; None where the plane between the sides is not
        known.
        """
        if self.mirror is None:
            return None
        place = self.series_to_anatomy
        return np.asarray(place.back @ self.mirror.plane.reflection @ place.matrix)


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


@one_blas_thread()
def seen(
    image: Float[np.ndarray, "x y z"], grid: Grid, anatomy: Mapping[str, Anatomy], lesion: Region | None = None
) -> Seen | None:
    """Normal-appearing white matter on the grid of a series, of which `image` is the mean; `lesion` is on any grid.

    None where there is no conventional image. Raises `Problem` or `Refusal` where the images are not of one head.
    """
    names = [name for name in ORDER if name in anatomy]
    if not names:
        return None
    if lesion is None or not lesion.grid.matches(grid):
        return seen_in(head_of(anatomy, lesion), image, grid)
    # A lesion that was drawn on the series is known to the anatomy only once the series has its place there.
    leading = anatomy[names[0]]
    working = _coarse(leading.grid)
    together = _together([anatomy[name] for name in names], working)
    placed = _place(image, grid, together[0][names[0]], working, leading.name, fixed_mask=~lesion.mask)
    mask = resample.onto(lesion.mask, grid, working, matrix=placed.back)
    ill = Region(mask, working, "lesion", lesion.origin)
    return _seen(_head(anatomy, leading, working, together, ill), image, grid, placed)


@one_blas_thread()
def head_of(anatomy: Mapping[str, Anatomy], lesion: Region | None = None) -> Head:
    """What at least one conventional image says; `lesion` is on the grid of one of them, or in their frame.

    Raises `Problem` or `Refusal` where the images are not of one head.
    """
    names = [name for name in ORDER if name in anatomy]
    leading = anatomy[names[0]]
    working = _coarse(leading.grid)
    together = _together([anatomy[name] for name in names], working, lesion)
    ill = None if lesion is None else _lesion(lesion, anatomy, together[1], working)
    return _head(anatomy, leading, working, together, ill)


@one_blas_thread()
def seen_in(head: Head, image: Float[np.ndarray, "x y z"], grid: Grid) -> Seen:
    """Normal-appearing white matter of a head on the grid of a series, of which `image` is the mean.

    Raises `Problem` where the series does not fit the head, `Refusal` where its sides are exchanged.
    """
    healthy = None if head.ill is None else ~head.ill.mask
    first = head.images[head.leading.contrast]
    return _seen(head, image, grid, _place(image, grid, first, head.grid, head.leading.name, moving_mask=healthy))


def demand_sides(image: Float[np.ndarray, "x y z"], grid: Grid, head: Head, found: align.Alignment, name: str) -> None:
    """Raises `Refusal` where left and right of an image, aligned with the head as `found` or not, are exchanged."""
    healthy = None if head.ill is None else ~head.ill.mask
    first = head.images[head.leading.contrast]
    names = (head.leading.name, name)
    _refuse(identity.exchanged(first, head.grid, image, grid, found, names, fixed_mask=healthy))


def _place(
    image: Float[np.ndarray, "x y z"],
    grid: Grid,
    first: Float32[np.ndarray, "i j k"],
    working: Grid,
    name: str,
    *,
    fixed_mask: Bool[np.ndarray, "x y z"] | None = None,
    moving_mask: Bool[np.ndarray, "i j k"] | None = None,
) -> align.Alignment:
    """Where a series lies in the first conventional image, which has a name.

    Raises `Problem` where it does not fit, `Refusal` where it would if its sides were exchanged.
    """
    placed = align.rigid(image, grid, first, working, fixed_mask=fixed_mask, moving_mask=moving_mask)
    names, masks = (name, "the series"), {"fixed_mask": moving_mask, "moving_mask": fixed_mask}
    _refuse(identity.exchanged(first, working, image, grid, placed, names, **masks))
    if not placed.is_found:
        raise _not_aligned("The series", name, placed.flags)
    return placed


def _refuse(swapped: tuple[Flag, ...]) -> None:
    for flag in swapped:
        raise Refusal(flag.sentence, *OF_SIDES)


def _head(
    anatomy: Mapping[str, Anatomy],
    leading: Anatomy,
    working: Grid,
    together: tuple[dict[str, Float32[np.ndarray, "x y z"]], dict[str, Float[np.ndarray, "4 4"]], list[Flag]],
    ill: Region | None,
) -> Head:
    images, _, flags = together
    first = images[leading.contrast]
    template = io.icbm_2009a()
    standard = to_standard(first, working, template, ill)
    if not standard.is_found:
        raise _not_aligned(leading.name, "the standard head", standard.flags)
    found = brain(images, working, template, standard.matrix, ill, brain_of(leading, working))
    classes = tissues_of(leading, found.region, first, template, standard.matrix, ill)
    if classes is None:
        classes = tissues(images, found.region, template, standard.matrix, ill)
    sides = None if ill is None else mirror(first / classes.gain[..., 0], found.region, ill, standard.matrix)
    own = found.region.mask if ill is None else found.region.mask & ~ill.mask
    doubts = _strangers(images, Region(own, working, "brain outside the lesion"), template, standard.matrix)
    raised = (*doubts, *flags, *standard.flags, *found.flags, *classes.flags, *(() if sides is None else sides.flags))
    steps = (found.step, classes.step, *([] if sides is None else [sides.step]))
    names = tuple(anatomy[name].name for name in images)
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


def _foreign(head: Head, image: Float[np.ndarray, "x y z"], grid: Grid, placed: align.Alignment) -> tuple[Flag, ...]:
    """What speaks against a series being of the head in which it was placed."""
    deep = distance.shrunk(head.tissues.brain.mask, identity.DEEP, head.grid)
    deep &= True if head.ill is None else ~head.ill.mask
    inside = Region(resample.onto(deep, head.grid, grid, matrix=placed.matrix) & np.isfinite(image), grid, "deep")
    if not inside.n_voxels:
        return ()
    shares = np.nan_to_num(head.tissues.shares)
    own = [inside.taken(resample.onto(shares[..., k], head.grid, grid, matrix=placed.matrix)) for k in range(3)]
    expected = expected_shares(io.icbm_2009a(), head.to_template @ placed.matrix, inside)
    names = (head.leading.name, "the series")
    return identity.foreign(inside.taken(image), np.nan_to_num(np.stack(own, axis=1)), expected, names)


def _seen(head: Head, image: Float[np.ndarray, "x y z"], grid: Grid, placed: align.Alignment) -> Seen:
    candidates = normal.candidates(head.tissues, head.ill, head.mirror, head.to_template, grid, placed.matrix)
    chosen = normal.choose(candidates)
    whose = (
        f"were told apart on {', '.join(head.names)} and the standard head"
        if head.leading.shares is None
        else f"were given with {head.leading.name}"
    )
    step = Step(
        "anatomy",
        f"Fluid, grey and white matter {whose}, and brought onto the series by a rigid alignment (standard error "
        f"{placed.error:.1f} mm).",
    )
    opposite = None if head.mirror is None or head.ill is None else head.mirror.mirrored(head.ill)
    first = head.images[head.leading.contrast]
    return Seen(
        leading=head.leading,
        grid=head.grid,
        tissues=head.tissues,
        series_to_anatomy=placed,
        candidates=candidates,
        white=None if not chosen.name else _named(chosen, head.leading.name),
        images=head.images,
        lesion=_on_series(head.ill, grid, placed, "lesion"),
        opposite=_on_series(opposite, grid, placed, MIRRORED),
        mirror=head.mirror,
        flags=(
            *_without_sides(head.flags, chosen.name), *placed.flags, *chosen.flags,
            *identity.doubts(
                image, grid, first, head.grid, placed, moving_mask=None if head.ill is None else ~head.ill.mask
            ),
            *_foreign(head, image, grid, placed),
        ),
        steps=(*head.steps, step, chosen.step),
        lesion_share=_share_on_series(head.ill, grid, placed),
    )  # fmt: skip


def _without_sides(flags: tuple[Flag, ...], reference: str) -> tuple[Flag, ...]:
    """Doubts of the plane between the sides limit only what is compared with the place opposite the lesion."""
    if reference == normal.OPPOSITE:
        return flags
    return tuple(
        replace(one, severity=min(one.severity, Severity.CAUTION)) if one.source == MIRROR else one for one in flags
    )  # fmt: skip


def transform(found: Seen, series: str) -> io.Transform:
    """The place of a series (dsc, asl) in the leading image, as a file can hold it."""
    return io.Transform(found.series_to_anatomy.matrix, CONTRAST_NAMES[found.leading.contrast], series)


def judged(found: Seen, measured: Measured, given: Region | None = None) -> tuple[tuple[Flag, ...], dict[str, Any]]:
    """Whether candidates for the reference agree on what was measured: flags, and numbers for the summary.

    A reference that was `given` is judged in the place of the one that was found.
    """
    summary: dict[str, Any] = {"alignment_error": found.series_to_anatomy.error}
    if found.mirror is not None:
        summary |= {"sides_likeness": found.mirror.likeness, "midline_shift": found.mirror.shift}
    one = next((measured.maps[key] for key in JUDGED if key in measured.maps), None)
    regions = found.candidates if given is None else {GIVEN: given, **found.candidates}
    used = GIVEN if given is not None else normal.choose(found.candidates).name
    if one is None or not used:
        return (), summary
    symbol = one.quantity.symbol
    judgement = normal.choose(regions, {symbol: one.values}, used)
    held = {name: candidate for name, candidate in judgement.candidates.items() if candidate.region.n_voxels}
    summary |= {
        "white_matter_in_use": used,
        "white_matter_spread": held[used].spreads[symbol],
        "white_matter_difference": judgement.differences[symbol],
        "white_matter": {
            name: {
                symbol: candidate.medians[symbol],
                "robust SD over median": candidate.spreads[symbol],
                "voxels": candidate.region.n_voxels,
            }
            for name, candidate in held.items()
        },
    }
    known = set(found.flags)
    return tuple(flag for flag in judgement.flags if flag not in known), summary


def _together(
    anatomy: list[Anatomy], working: Grid, lesion: Region | None = None
) -> tuple[dict[str, Float32[np.ndarray, "x y z"]], dict[str, Float[np.ndarray, "4 4"]], list[Flag]]:
    """The images on one grid in the place of the first, where each lies in it, and why one was left out.

    A lesion that was drawn on one of them is believed in neither: contrasts differ there most.
    """
    leading, *others = anatomy
    first = np.nan_to_num(resample.onto(leading.values, leading.grid, working))
    images, places, flags = {leading.contrast: first}, {leading.contrast: np.eye(4)}, []
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
            raise _not_aligned(f"{other.name}, on which the lesion was drawn,", leading.name, found.flags)
        if found.is_found:
            places[other.contrast] = found.matrix
            there = resample.onto(other.values, other.grid, working, matrix=found.matrix)
            images[other.contrast] = np.nan_to_num(there)
    return images, places, flags


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


def _on_series(region: Region | None, grid: Grid, placed: align.Alignment, name: str) -> Region | None:
    """A region of the anatomy on the grid of the series."""
    if region is None:
        return None
    return Region(resample.onto(region.mask, region.grid, grid, matrix=placed.matrix), grid, name, region.origin)


def _share_on_series(region: Region | None, grid: Grid, placed: align.Alignment) -> Float32[np.ndarray, "x y z"] | None:
    """How much of each voxel of the series a region of the anatomy is."""
    if region is None:
        return None
    share = resample.onto(region.mask.astype(np.float32), region.grid, grid, matrix=placed.matrix)
    return np.asarray(np.nan_to_num(share), np.float32)


def _named(chosen: normal.NormalWhiteMatter, leading: str) -> Region:
    region = chosen.region
    return Region(region.mask, region.grid, region.name, f"{chosen.name}, by {leading}")


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


def _not_aligned(what: str, other: str, flags: tuple[Flag, ...]) -> Problem:
    return Problem(
        f"{what} could not be aligned with {other}. {' '.join(flag.sentence for flag in flags)}",
        "Where its tissues are is not known.",
        "Look at both images; or use --no-anatomy and read rCBV against white matter found from the perfusion.",
    )
