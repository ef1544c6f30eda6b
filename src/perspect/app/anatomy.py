"""What the conventional images of a patient say of a series: where its normal-appearing white matter is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float, Float32

from perspect import io
from perspect.anatomy import align, distance, identity, normal, resample
from perspect.anatomy.expected import expected_shares
from perspect.anatomy.mirror import SOURCE as MIRROR
from perspect.anatomy.mirror import Mirror
from perspect.anatomy.tissue import Tissues
from perspect.app.given import ORDER
from perspect.app.head import CONTRAST_NAMES, Head, head_in, head_of, not_aligned, refuse_exchanged, together
from perspect.numerics.parallel import one_blas_thread
from perspect.vocabulary import Anatomy, Flag, Grid, Measured, Region, Severity, Step

MIRRORED: Final = "mirror of the lesion"

JUDGED: Final = ("rcbv", "cbv")
"""The map on which the candidates for a reference are compared: the first that was made."""

GIVEN: Final = "as given"
"""What a reference is called that was given by hand, beside the candidates of the anatomy."""


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


@one_blas_thread()
def seen(
    image: Float[np.ndarray, "x y z"], grid: Grid, anatomy: Mapping[str, Anatomy], lesion: Region | None = None
) -> Seen | None:
    """Normal-appearing white matter on the grid of a series, of which `image` is the mean; `lesion` is on any grid.

    None where there is no conventional image. Raises `Problem` or `Refusal` where the images are not of one head.
    """
    if not any(name in anatomy for name in ORDER):
        return None
    if lesion is None or not lesion.grid.matches(grid):
        return seen_in(head_of(anatomy, lesion), image, grid)
    # A lesion that was drawn on the series is known to the anatomy only once the series has its place there.
    held = together(anatomy)
    leading, working = held.leading, held.grid
    placed = _place(image, grid, held.images[leading.contrast], working, leading.name, fixed_mask=~lesion.mask)
    mask = resample.onto(lesion.mask, grid, working, matrix=placed.back)
    return _seen(head_in(held, Region(mask, working, "lesion", lesion.origin)), image, grid, placed)


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
    refuse_exchanged(identity.exchanged(first, head.grid, image, grid, found, names, fixed_mask=healthy))


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
    refuse_exchanged(identity.exchanged(first, working, image, grid, placed, names, **masks))
    if not placed.is_found:
        raise not_aligned("The series", name, placed.flags)
    return placed


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
