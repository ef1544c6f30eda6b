"""What the page asks for and is told: plain values for JSON, and the picture of a slice."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from perspect.app.view.curves import drawn
from perspect.app.view.hanging import view_of, voxel_at
from perspect.app.view.spectrum import amounts, spectrum_svg
from perspect.app.view.studies import Kept, Shown, image, volume
from perspect.app.view.unseen import Unseen
from perspect.app.view.voxel import demand_inside, rows
from perspect.report.picture import border
from perspect.report.slice import slice_png
from perspect.vocabulary import Status

LABELS: Final = {"fit": "MRS"}
"""Rooms whose files are not named as people call them."""

NAMES: Final = {"mirror": "its mirror", "reference": "reference", "aif": "arterial input"}
"""Of regions that bear no other name than their key."""


def listed(studies: tuple[Kept, ...]) -> list[dict[str, Any]]:
    """Every study with its maps and flags, as the list of the page has them."""
    return [
        {
            "key": one.key,
            "label": LABELS.get(one.room, one.room.upper()),
            "title": one.title,
            "flags": [{"severity": flag.get("severity"), "sentence": flag.get("sentence")} for flag in _flags(one)],
            "maps": [_map(shown) for shown in one.maps],
            "spectrum": one.fit is not None,
        }
        for one in studies
    ]


def _flags(study: Kept) -> list[dict[str, Any]]:
    return [one for one in study.said.get("flags", ()) if isinstance(one, dict)]


def _map(one: Shown) -> dict[str, Any]:
    low, high = one.window
    return {
        "key": one.key, "name": one.name, "symbol": one.symbol, "unit": one.unit, "meaning": one.meaning,
        "window": [f"{low:g}", f"{high:g}"],
    }  # fmt: skip


def hung(one: Shown) -> dict[str, Any]:
    """How a map hangs: size in voxels and mm, the patient's directions, the name of every slice, the fullest one."""
    at = view_of(one)
    pictures = at.pictures(np.isfinite(volume(one.value)))
    slices, n_rows, n_columns = pictures.shape
    return {
        "slices": slices, "rows": n_rows, "columns": n_columns, "row_mm": at.row_mm, "column_mm": at.column_mm,
        "edges": list(at.edges) if at.is_placed else None, "names": list(at.heights), "plane": at.plane,
        "fullest": int(pictures.sum(axis=(1, 2)).argmax()),
    }  # fmt: skip


def picture(one: Shown, number: int, like: Shown | None = None) -> bytes:
    """One slice as PNG, in the window and colours of `like` where that is the same quantity in the same unit.

    Raises `Unseen` for a slice that is not there.
    """
    scale = like if like is not None and same_quantity(one, like) else one
    at = view_of(one)
    values = at.pictures(volume(one.value))
    if not 0 <= number < len(values):
        raise Unseen(f"There is no slice {number} of {len(values)}.")
    if one.status is None:
        outside = ~np.isfinite(values[number])
    else:
        outside = at.pictures(volume(one.status))[number] == Status.OUTSIDE
    return slice_png(values[number], outside, scale.window, scale.colours)


def outlines(study: Kept, one: Shown, number: int) -> list[dict[str, str]]:
    """The borders of the regions of a study on one slice of a map, as paths in voxels; `kind` is their style.

    Raises `Unseen` for a slice that is not there.
    """
    at, grid = view_of(one), image(one.value).grid
    if not 0 <= number < grid.shape[at.axes[0]]:
        raise Unseen(f"There is no slice {number} of {grid.shape[at.axes[0]]}.")
    found = []
    for kind, path in study.masks.items():
        if not image(path).grid.matches(grid):
            continue
        inside = at.pictures(volume(path))[number] > 0
        if inside.any():
            found.append({"kind": kind, "name": NAMES.get(kind, kind), "path": border(inside)})
    return found


def same_quantity(one: Shown, other: Shown) -> bool:
    """Whether two maps can be shown on one scale."""
    return (one.key, one.name, one.unit) == (other.key, other.name, other.unit)


def voxel(study: Kept, one: Shown, place: tuple[int, int, int], folder: Path | None) -> dict[str, Any]:
    """Numbers and curve at a slice, row and column of a map's pictures."""
    at = voxel_at(view_of(one), image(one.value).grid.shape, place)
    demand_inside(one, at)
    curve, found = drawn(study, at, folder), rows(study, at)
    if curve.refused:
        found = tuple(replace(row, status=f"not used: {curve.refused}") if row.value is None else row for row in found)
    return {"voxel": list(at), "rows": [asdict(row) for row in found], **asdict(curve)}


def spectrum(study: Kept) -> dict[str, Any]:
    """Amounts and the drawing of a fitted spectrum."""
    return {
        "voxel": None,
        "rows": [asdict(row) for row in amounts(study)],
        "svg": spectrum_svg(study),
        "sentence": "Data, fit, baseline and residual as they were written. Parts of the fit are on the study's page.",
    }
