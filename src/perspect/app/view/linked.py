"""One place in two studies: where a voxel of one lies in the images of another, if their positions mean the same."""

from pathlib import Path
from typing import Any, Final

import numpy as np

from perspect.app.view.hanging import place_at, view_of, voxel_at
from perspect.app.view.studies import Kept, Shown, image
from perspect.io.bids import IMAGES, name_of

SPECTRA: Final = ("fit", "mrsi")


def linked(study: Kept, one: Shown, place: tuple[int, int, int], other: Kept, shown: Shown) -> dict[str, Any]:
    """Slice, row and column in another study's map of a place in one of this study; `None` with the reason where there
    is none. Positions are those of the files: how the head moved between two series is not looked at.
    """
    why = apart(study, one, other, shown)
    if why:
        return {"linked": False, "place": None, "why": why}
    held, theirs = image(one.value).grid, image(shown.value).grid
    mm = held.affine @ np.array([*voxel_at(view_of(one), held.shape, place), 1.0])
    voxel = np.rint(np.linalg.solve(theirs.affine, mm)[:3]).astype(int)
    if not all(0 <= at < size for at, size in zip(voxel, theirs.shape, strict=True)):
        return {"linked": True, "place": None, "why": "That place lies outside of its image."}
    i, j, k = (int(at) for at in voxel)
    return {"linked": True, "place": list(place_at(view_of(shown), theirs.shape, (i, j, k))), "why": ""}


def apart(study: Kept, one: Shown, other: Kept, shown: Shown) -> str:
    """Why a place in one study is none in another; empty where both share a frame.

    They do where they rest on one image (by its SHA-256), or are of one subject and session of which nothing says
    otherwise: two data sets may give one label to two people.
    """
    if not (image(one.value).code > 0 and image(shown.value).code > 0):
        return "Not linked: one of the two files does not say where it lies."
    if study.key == other.key and study.out == other.out:
        return ""
    ours, theirs = (each.said.get("sources", {}) for each in (study, other))
    if _images(study) & _images(other):
        return ""
    names = [name_of(Path(f"{each.start}summary.json")) for each in (study, other)]
    labels = [(name.get("sub"), name.get("ses")) for name in names]
    both = (name for name in set(ours) & set(theirs) if name.endswith(IMAGES))
    differ = [name for name in both if ours[name] != theirs[name]]
    if labels[0][0] is not None and labels[0] == labels[1] and not differ:
        return ""
    return "Not linked: another patient or day, so that a position of one is none of the other."


def _images(study: Kept) -> set[str]:
    """Hashes of the images of a head that a study rests on: a basis set of spectra is shared by many heads."""
    sources = study.said.get("sources", {})
    images = {Path(name): digest for name, digest in sources.items() if name.endswith(IMAGES)}
    if study.room in SPECTRA:
        images = {path: digest for path, digest in images.items() if name_of(path).suffix in ("svs", "mrsi", "mrsref")}
    return set(images.values())
