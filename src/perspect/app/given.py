"""What somebody else found of a head, its brain and its tissues: beside an image, or given by hand in its place."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32

from perspect import io
from perspect.anatomy import resample
from perspect.anatomy.expected import expected_shares
from perspect.anatomy.tissue import Tissues, explained
from perspect.anatomy.tissue import given as given_tissues
from perspect.app.given_files import NOTHING, GivenAnatomy
from perspect.vocabulary import Anatomy, Flag, Grid, Problem, Region, Severity, Template

ORDER: Final = ("t1w", "t1c", "flair", "t2w")
"""Which contrast leads, the best known first: a series is aligned with it, and the others are brought onto it."""

SHARE: Final = (-0.1, 1.5)
"""What maps of shares hold: interpolation may overshoot, but per cent and labels are no shares [our default]."""


def read_images(
    files: Mapping[str, Path], given: GivenAnatomy = NOTHING
) -> tuple[dict[str, Anatomy], tuple[Flag, ...]]:
    """Conventional images by contrast, and notes on how what was given by hand came onto the leading one.

    It takes the place of what lies beside that image. Raises `Problem` where it lies elsewhere or is no share.
    """
    images = {contrast: io.read_anatomy(path, contrast) for contrast, path in files.items()}
    leading = next((one for one in ORDER if one in images), None)
    demand_read(given, leading is not None, "there is no conventional image")
    if leading is None or not given.files:
        return images, ()
    image, notes = images[leading], list[Flag]()
    brain = image.brain if given.brain is None else _mask_on(given.brain, image, notes)
    has_tissues = any(one is not None for one in (given.grey, given.white, given.fluid))
    shares = _shares_on(given, image, notes) if has_tissues else image.shares
    held = {io.label(path): io.sha256(path) for path in given.files}
    images[leading] = replace(image, brain=brain, shares=shares, sources={**image.sources, **held})
    return images, tuple(notes)


def demand_read(given: GivenAnatomy, is_read: bool, why: str) -> None:
    """Raises `Problem` for files of the anatomy that would be read by nobody."""
    if given.files and not is_read:
        raise Problem(
            f"{', '.join(one.name for one in given.files)}: given as brain or tissues of a head, and {why}.",
            "They say what is brain or tissue in a conventional image, and would be read by nobody.",
            "Give the image, or leave them out.",
        )


def share_on(path: Path, grid: Grid) -> Float[np.ndarray, "x y z"]:
    """A map of shares on a grid of the same frame. Raises `Problem` where it lies elsewhere, or is no share."""
    values, own = io.read_volume(path)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if not SHARE[0] <= low <= high <= SHARE[1]:
        raise Problem(
            f"{path.name} goes from {low:g} to {high:g}.",
            "A share of a voxel lies between 0 and 1.",
            "Give a map of probabilities or of partial volumes.",
        )
    return values if own.matches(grid) else map_on(np.nan_to_num(values), own, grid, path)


def map_on(values: Float[np.ndarray, "x y z"], own: Grid, grid: Grid, path: Path) -> Float32[np.ndarray, "x2 y2 z2"]:
    """A map on another grid of the same frame. Raises `Problem` where it lies elsewhere."""
    on = resample.onto(values, own, grid)
    if not np.isfinite(on).any() or not np.nanmax(on) > 0:
        raise Problem(
            f"{path.name} lies outside the image that it is laid on.",
            "No voxel of it would have a value.",
            "Give a map in the same frame of reference.",
        )
    return np.asarray(on, np.float32)


def brain_of(leading: Anatomy, working: Grid) -> Region | None:
    """The brain that somebody else found on the leading image, if there is one."""
    if leading.brain is None:
        return None
    return Region(resample.onto(leading.brain, leading.grid, working), working, "brain", f"given with {leading.name}")


def tissues_of(
    leading: Anatomy,
    brain: Region,
    image: Float32[np.ndarray, "x y z"],
    template: Template,
    to_template: Float[np.ndarray, "4 4"],
    lesion: Region | None,
) -> Tissues | None:
    """The tissues that somebody else found on the leading image, which is `image` on the grid of `brain`.

    Raises `Problem` where they explain it no better than a standard head does, or one stands in the place of another.
    """
    if leading.shares is None:
        return None
    grid = brain.grid
    parts = [resample.onto(leading.shares[..., k], leading.grid, grid) for k in range(3)]
    shares = np.nan_to_num(np.stack(parts, axis=-1))
    healthy = brain.mask & (shares.sum(axis=-1) > 0)
    if lesion is not None:
        healthy &= ~lesion.mask
    inside = Region(healthy, grid, "brain outside the lesion")
    rows = np.stack([inside.taken(shares[..., k]) for k in range(3)], axis=1)
    expected, name = expected_shares(template, to_template, inside), leading.name
    demand_its_own(f"of the variance of {name} within the brain", f"with {name}", inside.taken(image), rows, expected)
    return given_tissues(shares, brain, lesion, f"what was given with {leading.name}")


def demand_its_own(
    of: str,
    given: str,
    values: Float[np.ndarray, " voxels"],
    shares: Float[np.ndarray, "voxels 3"],
    expected: Float[np.ndarray, "voxels 3"],
) -> None:
    """Raises `Problem` for tissues that are not those of an image, or not what they are called.

    `of` is what they should explain, in words, `given` with what they came; `expected` are those of a standard head.
    """
    theirs, standard = explained(values, shares), explained(values, expected)
    if not theirs > standard:
        raise Problem(
            f"The tissues that were given {given} explain {theirs:.0%} {of}, a standard head {standard:.0%}.",
            "They are of another head, or lie elsewhere.",
            "Give those of this image, in its frame of reference, or leave them out.",
        )
    found = shares.T.astype(np.float64) @ expected / np.maximum(shares.sum(axis=0), 1e-9)[:, None]
    called = ("fluid", "grey matter", "white matter")
    for k, most in enumerate(found.argmax(axis=0)):
        if most != k:
            raise Problem(
                f"Where a standard head has {called[k]}, more of what was given as {called[most]} lies {given}.",
                "One tissue was given in the place of another.",
                "Check which file is which: grey matter, white matter, fluid.",
            )


def _mask_on(path: Path, image: Anatomy, notes: list[Flag]) -> Bool[np.ndarray, "x y z"]:
    region = io.read_region(path, "brain")
    if region.grid.matches(image.grid):
        return region.mask
    mask = resample.onto(region.mask, region.grid, image.grid)
    if not mask.any():
        raise Problem(
            f"The mask {path.name} lies outside of {image.name}.",
            "There would be no brain in it.",
            "Give a mask in the same frame of reference.",
        )
    notes.append(_resampled(path, image))
    return np.asarray(mask)


def _shares_on(given: GivenAnatomy, image: Anatomy, notes: list[Flag]) -> Float32[np.ndarray, "x y z 3"]:
    """Fluid, grey and white matter on the grid of an image."""
    if given.grey is None or given.white is None:
        missing = "grey" if given.grey is None else "white"
        raise Problem(
            f"A map of {missing} matter is missing beside {', '.join(one.name for one in given.files)}.",
            "What is not given of a tissue cannot be told from what is not there.",
            "Give grey and white matter; fluid is what they leave, where it is not given.",
        )
    grey, white = share_on(given.grey, image.grid), share_on(given.white, image.grid)
    fluid = np.clip(1.0 - grey - white, 0.0, 1.0) if given.fluid is None else share_on(given.fluid, image.grid)
    maps = (one for one in (given.grey, given.white, given.fluid) if one is not None)
    notes += [_resampled(path, image) for path in maps if not io.read_volume(path)[1].matches(image.grid)]
    return np.stack([fluid, grey, white], axis=-1).astype(np.float32)


def _resampled(path: Path, image: Anatomy) -> Flag:
    sentence = (
        f"{path.name} lies on another grid and was resampled onto that of {image.name}. This supposes that both share "
        "one frame of reference."
    )
    return Flag("mask-resampled", Severity.NOTE, sentence, path.name, source="reading")
