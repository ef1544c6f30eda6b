"""Conventional images in: which file shows which contrast, by its BIDS name."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from perspect.io.bids import Name, label, name_of, stem
from perspect.io.nifti import read_volume
from perspect.io.series import sha256
from perspect.vocabulary import Anatomy, Problem

CONTRASTS: Final[Mapping[str, str]] = {"T1w": "t1w", "T2w": "t2w", "FLAIR": "flair"}
"""What BIDS suffixes show. A T1w image with the entity `ce` was taken after agent: `t1c`."""


BRAIN: Final = "desc-brain_mask"
SHARES: Final = ("label-CSF_probseg", "label-GM_probseg", "label-WM_probseg")
"""What another program says of an image, by the names of BIDS derivatives: its brain; fluid, grey and white matter."""


@dataclass(frozen=True)
class Conventional:
    """One file for each contrast, and why others of the same contrast were passed over."""

    files: Mapping[str, Path] = field(default_factory=dict)
    passed_over: Mapping[Path, str] = field(default_factory=dict)


def contrast_of(name: Name) -> str | None:
    """What an image shows, by its name; None where that does not say.

    >>> contrast_of(name_of(Path("sub-01_ce-gadolinium_T1w.nii.gz")))
    't1c'
    """
    if name.suffix == "T1w" and name.get("ce") is not None:
        return "t1c"
    return CONTRASTS.get(name.suffix)


def conventional(images: Iterable[Path]) -> Conventional:
    """One image for each contrast. Of several, the one whose name says least beside is the plain one; where two say as
    little, none is taken, since either could be meant.
    """
    by_contrast = defaultdict(list)
    for path in sorted(images):
        contrast = contrast_of(name_of(path))
        if contrast is not None:
            by_contrast[contrast].append(path)
    files: dict[str, Path] = {}
    passed_over: dict[Path, str] = {}
    for contrast, found in by_contrast.items():
        counts = [len(name_of(path).entities) for path in found]
        plainest = [path for path, n in zip(found, counts, strict=True) if n == min(counts)]
        if len(plainest) == 1:
            files[contrast] = plainest[0]
        reason = (
            f"another {contrast} image, {plainest[0].name}, is taken"
            if len(plainest) == 1
            else f"one of several {contrast} images, of which none is the plain one; name the one to use"
        )
        passed_over |= {path: reason for path in found if path != files.get(contrast)}
    return Conventional(files, passed_over)


def read_anatomy(path: Path, contrast: str) -> Anatomy:
    """A conventional image with its grid and hashes of its files, and what `files_of_anatomy` finds beside it.

    A mask of the same name that has another grid belongs to another contrast, if this is no T1-weighted image. Raises
    `Problem` where the image shows nothing, or where what lies beside a T1-weighted one has another grid.
    """
    values, grid = read_volume(path)
    if not np.isfinite(values).any() or np.ptp(values[np.isfinite(values)]) == 0:
        raise Problem(
            f"{path.name} is the same everywhere.",
            "Neither brain nor tissues can be found on it.",
            "Give another image, or leave it out.",
        )
    held = {}
    for suffix in (BRAIN, *SHARES):
        if (file := _beside(path, suffix)) is not None:
            told, own = read_volume(file)
            if own.matches(grid):
                held[suffix] = (file, np.asarray(told, np.float32))
            elif contrast == "t1w":
                raise _elsewhere(file, path)
    return Anatomy(
        values, grid, contrast, stem(path),
        {label(one): sha256(one) for one in (path, *(file for file, _ in held.values()))},
        brain=held[BRAIN][1] >= 0.5 if BRAIN in held else None,
        shares=np.stack([held[one][1] for one in SHARES], axis=-1) if held.keys() >= set(SHARES) else None,
    )  # fmt: skip


def files_of_anatomy(path: Path) -> list[Path]:
    """An image, and what other programs say of it that lies beside it under the names of `BRAIN` and `SHARES`."""
    return [path, *(one for suffix in (BRAIN, *SHARES) if (one := _beside(path, suffix)) is not None)]


def _beside(path: Path, suffix: str) -> Path | None:
    """The file of an image's name with another suffix, in its folder: `sub-01_T1w` has `sub-01_desc-brain_mask`."""
    if "_" not in stem(path):
        return None
    start = stem(path).rpartition("_")[0]
    places = (path.with_name(f"{start}_{suffix}{ending}") for ending in (".nii.gz", ".nii"))
    return next((one for one in places if one.is_file()), None)


def _elsewhere(file: Path, image: Path) -> Problem:
    return Problem(
        f"{file.name} has another grid than {image.name}.",
        "By its name it says what is brain or tissue in that image.",
        "Resample it to the image, or take it out of the folder.",
    )
