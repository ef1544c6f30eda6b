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
    """A conventional image with its grid and the hash of its file.

    Raises `Problem` where it shows nothing.
    """
    values, grid = read_volume(path)
    if not np.isfinite(values).any() or np.ptp(values[np.isfinite(values)]) == 0:
        raise Problem(
            f"{path.name} is the same everywhere.",
            "Neither brain nor tissues can be found on it.",
            "Give another image, or leave it out.",
        )
    return Anatomy(values, grid, contrast, stem(path), {label(path): sha256(path)})
