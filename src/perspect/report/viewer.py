"""Linked views inside a page: NiiVue, taken from nilearn's wheel at run time, with images packed beside it.

Nothing is loaded from anywhere. The page names the hash of each script that may run (Content Security Policy, level 2),
so that neither `eval` nor any script that is not in it from the beginning can.

Hanayik et al., NiiVue (BSD-2-Clause), https://github.com/niivue/niivue
"""

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

import matplotlib as mpl
import nibabel as nib
import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from perspect.report.dossier import Plate, Scenery
from perspect.report.picture import ColourBar, colour_bar
from perspect.vocabulary import lexicon

SCRIPT: Final = ("_assets", "js", "niivue.umd.js")
"""Where nilearn's wheel (0.14) carries NiiVue (0.68)."""

NOTICE: Final = "NiiVue (BSD-2-Clause, © 2021 NiiVue contributors), as nilearn distributes it"

CLASSES: Final = (1.0, 1.75)
"""rCBV between which the classes of fractional tumour burden lie (Hu et al. 2012, doi:10.1093/neuonc/nos112)."""

CLASS_COLOURS: Final = ("#3b6fb6", "#e8d174", "#c2274b")
CLASS_NAMES: Final = ("below 1.0", "1.0 to 1.75", "above 1.75")

OUTLINE_COLOURS: Final = {
    "solid": "#ff8c1a", "rim": "#c46bff", "cavity": "#ffe14d", "reference": "#3fe0ff", "trap": "#ff3b6b",
    "voi": "#ffffff", "reach": "#9aa7b4", "unusable": "#8a8f98",
}  # fmt: skip
"""As answer.css has them."""

OWN: Final = ("reference", "unusable", "trap")
"""Outlines that are of one map alone."""

LEVELS: Final = 255
"""Of a packed image above 0, which is "no value"."""


@dataclass(frozen=True)
class Packed:
    """One image as text: gzipped NIfTI in base64. `low` and `high` are its window, `table` its colours (RGBA)."""

    key: str
    title: str
    kind: str
    nifti: str
    low: float = 0.0
    high: float = 1.0
    unit: str = ""
    table: tuple[tuple[int, int, int, int], ...] = ()
    bar: ColourBar | None = None


@dataclass(frozen=True)
class Viewer:
    """All that the page needs: the scripts, their policy, the images, the settings as JSON."""

    images: tuple[Packed, ...]
    settings: str
    library: str
    starter: str
    policy: str


@cache
def library() -> str | None:
    """NiiVue as text, `None` where nilearn no longer carries it: then a page has its pictures alone."""
    try:
        return files("nilearn").joinpath(*SCRIPT).read_text(encoding="utf-8")
    except (FileNotFoundError, ModuleNotFoundError):
        return None


def viewer(scenery: Scenery | None, plates: Sequence[Plate]) -> Viewer | None:
    """The views of a head with its maps; `None` where there is nothing to show, or nothing to show it with."""
    script = library()
    if scenery is None or script is None or not scenery.images:
        return None
    starter = files("perspect.report").joinpath("templates", "viewer.js").read_text(encoding="utf-8")
    images = (
        *(_grey(title, one, scenery.affine) for title, one in scenery.images.items()),
        *(_overlay(one) for one in plates if one.shown is not None),
        *_classes(plates),
        _canvas(scenery),
        _outlined("outlines", scenery.outlines, scenery.affine),
        *(_own(one) for one in plates if one.shown is not None and any(kind in one.outlines for kind in OWN)),
    )
    settings = {"focus": scenery.focus, "images": [_settings(one) for one in images]}
    return Viewer(
        images=images,
        settings=json.dumps(settings, ensure_ascii=True).replace("<", "\\u003c"),
        library=_packed(script.encode()),
        starter=starter,
        policy=f"script-src {_hash(starter)} {_hash(script)}",
    )


def _settings(one: Packed) -> dict[str, Any]:
    return {
        "key": one.key, "title": one.title, "kind": one.kind, "low": one.low, "high": one.high, "unit": one.unit,
        "table": one.table,
    }  # fmt: skip


def _hash(script: str) -> str:
    """The source expression that lets exactly this script run."""
    return f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'"


def _packed(content: bytes) -> str:
    return b64encode(gzip.compress(content, 9, mtime=0)).decode()


def _grey(title: str, image: Float[np.ndarray, "x y z"], affine: Float[np.ndarray, "4 4"]) -> Packed:
    """A conventional image: black at 0, white where 99.5 of 100 voxels stay below."""
    white = float(np.percentile(image[image > 0], 99.5)) if (image > 0).any() else 1.0
    levels = np.clip(np.nan_to_num(image) * (LEVELS / white), 0, LEVELS).astype(np.uint8)
    return Packed(title.lower().replace(" ", "-"), title, "grey", _nifti(levels, affine), 0.0, float(LEVELS))


def _overlay(plate: Plate) -> Packed:
    """A map in its fixed window; where it has no value the image below is seen."""
    one = plate.shown
    assert one is not None
    quantity = one.quantity
    low, high = quantity.display
    scaled = (one.shown - low) / (high - low)
    there = np.isfinite(scaled)
    levels = np.zeros(scaled.shape, np.uint8)
    levels[there] = 1 + np.clip(scaled[there] * (LEVELS - 1), 0, LEVELS - 1).astype(np.uint8)
    affine = plate.affine if plate.to_anatomy is None else plate.to_anatomy @ plate.affine
    colours = np.asarray(mpl.colormaps[quantity.colours](np.linspace(0, 1, LEVELS), bytes=True))
    table = ((0, 0, 0, 0), *((int(r), int(g), int(b), int(a)) for r, g, b, a in colours))
    return Packed(
        key=quantity.key,
        title=plate.title,
        kind="map",
        nifti=_nifti(levels, affine),
        low=low,
        high=high,
        unit="" if quantity.shown_unit in ("1", "ratio") else quantity.shown_unit,
        table=table,
        bar=colour_bar(quantity.display, quantity.colours, quantity.shown_unit, 4),
    )


def _classes(plates: Sequence[Plate]) -> tuple[Packed, ...]:
    """The solid part by class of blood volume, where rCBV was measured."""
    plate = next((one for one in plates if one.shown is not None and one.shown.quantity == lexicon.RCBV), None)
    if plate is None or plate.shown is None or "solid" not in plate.outlines:
        return ()
    values = plate.shown.shown
    classes = np.digitize(np.nan_to_num(values), CLASSES).astype(np.uint8) + 1
    classes[~plate.outlines["solid"] | ~np.isfinite(values)] = 0
    affine = plate.affine if plate.to_anatomy is None else plate.to_anatomy @ plate.affine
    table = ((0, 0, 0, 0), *(_rgba(colour) for colour in CLASS_COLOURS))
    return (Packed("classes", "rCBV classes", "classes", _nifti(classes, affine), 0, 3, "", table),)


def _canvas(scenery: Scenery) -> Packed:
    """An empty image with voxels of half the size, so that lines are thin."""
    shape = next(iter(scenery.images.values())).shape
    empty = np.zeros(tuple(2 * n for n in shape), np.uint8)
    return Packed("canvas", "canvas", "canvas", _nifti(empty, _halved(scenery.affine)), 0.0, float(LEVELS))


def _own(plate: Plate) -> Packed:
    """What is outlined on one map alone: traps and normal tissue of its series."""
    assert plate.shown is not None
    kinds = {kind: plate.outlines[kind] for kind in OWN if kind in plate.outlines}
    affine = plate.affine if plate.to_anatomy is None else plate.to_anatomy @ plate.affine
    return _outlined(f"own-{plate.shown.quantity.key}", kinds, affine)


def _outlined(key: str, masks: Mapping[str, Bool[np.ndarray, "x y z"]], affine: Float[np.ndarray, "4 4"]) -> Packed:
    """The borders of masks on a grid of half the voxel size; where two cross, the later one is seen."""
    table = ((0, 0, 0, 0), *(_rgba(OUTLINE_COLOURS[kind]) for kind in masks))
    shape = next((one.shape for one in masks.values()), (1, 1, 1))
    drawn = np.zeros(tuple(2 * n for n in shape), np.uint8)
    for number, mask in enumerate(masks.values(), start=1):
        drawn[_border(mask)] = number
    return Packed(key, key, "outlines", _nifti(drawn, _halved(affine)), table=table)


def _halved(affine: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
    """The affine of a grid with voxels of half the size that fill the same space."""
    fine = affine.copy()
    fine[:3, :3] /= 2
    fine[:3, 3] -= affine[:3, :3] @ np.full(3, 0.25)
    return fine


def _border(mask: Bool[np.ndarray, "x y z"]) -> tuple[Int[np.ndarray, " n"], ...]:
    """Where voxels of half the size lie that are inside and have a neighbour outside."""
    if not mask.any():
        return tuple(np.zeros(0, int) for _ in range(3))
    places = np.argwhere(mask)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    fine = mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].repeat(2, 0).repeat(2, 1).repeat(2, 2)
    padded = np.pad(fine, 1)
    centre = (slice(1, -1),) * 3
    is_deep = np.ones(fine.shape, bool)
    for axis in range(3):
        for step in (-1, 1):
            is_deep &= np.roll(padded, step, axis)[centre]
    return tuple(at + 2 * int(start) for at, start in zip(np.nonzero(fine & ~is_deep), low, strict=True))


def _rgba(colour: str) -> tuple[int, int, int, int]:
    red, green, blue = bytes.fromhex(colour.removeprefix("#"))
    return red, green, blue, 255


def _nifti(levels: UInt8[np.ndarray, "x y z"], affine: Float[np.ndarray, "4 4"]) -> str:
    image = nib.Nifti1Image(levels, affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")  # type: ignore[no-untyped-call]
    return _packed(image.to_bytes())
