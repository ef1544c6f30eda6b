"""The page of a spectroscopic image: whether to believe it, its maps with unusable voxels hatched, how it was made."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from jinja2 import Environment, PackageLoader, StrictUndefined

import perspect
from perspect.report import words
from perspect.report.mrs import LIMITS
from perspect.report.picture import ColourBar, colour_bar
from perspect.report.view import view
from perspect.report.voxel import COLOURS, drawn, legend
from perspect.vocabulary import FAILED_FROM, Map, Measured, Status, VoxelPicture

VOXEL, GAP, EDGE = 12.0, 30.0, 14.0
"""Edge of a voxel, space between slices and around them, in points."""

SCALE: Final = 20.0
"""Length of the bar in mm."""

HATCH: Final = (
    '<pattern id="unusable" patternUnits="userSpaceOnUse" width="4" height="4">'
    '<path d="M0 4L4 0" stroke="#888"/></pattern>'
)
"""What fills a voxel of the brain that has no number."""


Boxes = Mapping[str, Mapping[str, tuple[Float[np.ndarray, "corners 2"], ...]]]
"""By map, the outlines of the boxes of its lines: corners in first and second index of the grid, for each slice."""

LINE_COLOURS: Final = {**COLOURS, "Cr": "#7ee787", "Ins": "#7ee787", "Glx": "#7ee787", "lipid": "#e78ac3"}
"""Of boxes on maps: where two are drawn they are of choline and NAA."""


def mrsi_page(
    measured: Measured,
    name: str,
    *,
    is_placed: bool = True,
    boxes: Boxes | None = None,
    voxel: VoxelPicture | None = None,
) -> str:
    """One HTML page, whole in itself. The same values give the same bytes. Where the file held no positions
    (`is_placed` is False) no side is named. `boxes` are drawn on the maps of their lines, `voxel` is the image on which
    grid and boxes are shown.
    """
    boxes = boxes or {}
    severity, answer = words.answer(measured.flags, False)
    loader = PackageLoader("perspect.report", "templates")
    environment = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("mrsi.html").render(
        series_name=name,
        version=perspect.__version__,
        severity=severity,
        answer=answer,
        flags=words.gravest_first(measured.flags),
        maps=[
            (one.quantity, _bar(one), map_drawing(one, is_placed, boxes.get(key)))
            for key, one in measured.maps.items()
        ],
        box_legend=_box_legend(boxes),
        voxel=voxel,
        planes=drawn(voxel) if voxel is not None else (),
        legend=legend(voxel) if voxel is not None else (),
        of_grid=True,
        is_placed=is_placed,
        said_of_unit=said_of_unit(measured),
        rows=words.other_rows(measured.summary),
        steps=measured.recipe.steps,
        references=[words.reference(citation) for citation in measured.recipe.references],
        limits=LIMITS,
    )  # fmt: skip


def window(one: Map) -> tuple[float, float]:
    """From where to where the colours go: that of the quantity; for arbitrary units from 0 to the 98th percentile."""
    known = one.shown[one.status < FAILED_FROM]
    is_relative = one.quantity.shown_unit == "a.u." or one.quantity.shown_unit.startswith("per ")
    if not is_relative or not known.size:
        return one.quantity.display
    return 0.0, float(np.quantile(known, 0.98)) or 1.0


def said_of_unit(measured: Measured) -> str:
    """What amounts are in, and how their colours are to be read."""
    unit = measured.summary.get("unit", "a.u.")
    if unit == "a.u.":
        return "Amounts are in units of this scanner; their colours end at the 98th percentile of this image."
    if unit.startswith("per "):
        return f"Amounts are over {unit.removeprefix('per ')}; their colours end at the 98th percentile of this image."
    what = "a kg of tissue water" if unit == "mmol/kg" else "a litre of tissue"
    return (
        f"Amounts are in mmol in {what}, fluid left out, scaled by water; their errors hold those of the scale, which "
        "neighbours share."
    )


def _bar(one: Map) -> ColourBar:
    return colour_bar(window(one), one.quantity.colours, words.unit(one.quantity), 2)


def _box_legend(boxes: Boxes) -> list[tuple[str, str]]:
    """Lines whose boxes are drawn, and their colours."""
    names = dict.fromkeys(name for some in boxes.values() for name in some)
    return [(name, LINE_COLOURS.get(name, "#fff")) for name in names]


def map_drawing(
    one: Map, is_placed: bool = True, boxes: Mapping[str, tuple[Float[np.ndarray, "corners 2"], ...]] | None = None
) -> str:
    """Every slice side by side, seen from the feet; hatched where a voxel of the brain has no number; outlined where
    the pulses excite the lines of the map.
    """
    (x, y), slices = _hung(one)
    width, height = slices * (x * VOXEL + GAP), y * VOXEL + 2 * EDGE
    size = f'style="min-width:0;max-width:{width * 1.6:.0f}px" viewBox="0 0 {width:g} {height:g}"'
    parts = [f'<svg class="curves" {size} role="img">']
    parts.append(f"<title>{escape(one.quantity.name)}</title><defs>{HATCH}</defs>")
    parts += [f'<g transform="translate({EDGE:g} {EDGE:g})">', *_voxels(one), *_outlined(one, boxes or {})]
    return "".join([*parts, *_letters(one, is_placed), "</g></svg>"])


def _outlined(one: Map, boxes: Mapping[str, tuple[Float[np.ndarray, "corners 2"], ...]]) -> Iterator[str]:
    """The boxes of lines on every slice, as far as they lie in the picture."""
    hung, (columns, rows) = view(one.grid), _hung(one)[0]
    if hung.axes[0] != 2:
        return
    n = one.grid.shape[2]
    for name, slices in boxes.items():
        for k, corners in enumerate(slices):
            if not len(corners):
                continue
            start = (n - 1 - k if hung.is_reversed[0] else k) * (columns * VOXEL + GAP)
            down, across = (corners[:, axis] for axis in hung.axes[1:])
            down = rows - 1 - down if hung.is_reversed[1] else down
            across = columns - 1 - across if hung.is_reversed[2] else across
            # A box may be larger than the grid: what lies beyond it is drawn at its border.
            x = start + np.clip((across + 0.5) * VOXEL, -3.0, columns * VOXEL + 3.0)
            y = np.clip((down + 0.5) * VOXEL, -3.0, rows * VOXEL + 3.0)
            path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in zip(x, y, strict=True)) + "z"
            yield f'<path d="{path}" fill="none" stroke="#000" stroke-opacity=".55" stroke-width="2.6"/>'
            yield f'<path d="{path}" fill="none" stroke="{LINE_COLOURS.get(name, "#fff")}" stroke-width="1.4">'
            yield f"<title>where {escape(name)} is excited</title></path>"


def _hung(one: Map) -> tuple[tuple[int, int], int]:
    first = view(one.grid).pictures(one.shown)
    return (first.shape[2], first.shape[1]), first.shape[0]


def _voxels(one: Map) -> Iterator[str]:
    low, high = window(one)
    colours = mpl.colormaps[one.quantity.colours]
    hung = view(one.grid)
    shown, status = hung.pictures(one.shown), hung.pictures(one.status)
    for z, (values, codes) in enumerate(zip(shown, status, strict=True)):
        for row in range(values.shape[0]):
            for column in range(values.shape[1]):
                code = int(codes[row, column])
                if code == Status.OUTSIDE:
                    continue
                place = f'x="{z * (values.shape[1] * VOXEL + GAP) + column * VOXEL:g}" y="{row * VOXEL:g}"'
                fill = (
                    "url(#unusable)" if code >= FAILED_FROM else _colour(colours, float(values[row, column]), low, high)
                )
                yield f'<rect {place} width="{VOXEL:g}" height="{VOXEL:g}" fill="{fill}"/>'


def _letters(one: Map, is_placed: bool) -> Iterator[str]:
    """The patient's sides around every slice, its place, and a bar of known length below the last."""
    hung = view(one.grid, is_placed)
    (x, y), slices = _hung(one)
    left, right, top, _ = hung.edges if is_placed else ("", "", "", "")
    wide, high = x * VOXEL, y * VOXEL
    for z in range(slices):
        start = z * (wide + GAP)
        for across, down, word, anchor in (
            (start - 2, high / 2 + 4, left, "end"), (start + wide + 2, high / 2 + 4, right, "start"),
            (start + wide / 2, -3.0, top, "middle"), (start, high + 11, hung.heights[z], "start"),
        ):  # fmt: skip
            at = f'x="{across:g}" y="{down:g}" text-anchor="{anchor}"'
            yield f'<text {at} font-size="11" fill="var(--ink)">{escape(word)}</text>'
    if is_placed:
        end, length = (slices - 1) * (wide + GAP) + wide, SCALE / hung.column_mm * VOXEL
        yield f'<path d="M{end - length:.1f} {high + 3:g}h{length:.1f}" stroke="var(--ink)" stroke-width="1.6"/>'
        yield f'<text x="{end - length - 3:.1f}" y="{high + 11:g}" text-anchor="end" font-size="11" fill="var(--ink)">'
        yield f"{SCALE / 10:g} cm</text>"


def _colour(colours: Any, value: float, low: float, high: float) -> str:
    red, green, blue, _ = colours(float(np.clip((value - low) / (high - low), 0.0, 1.0)))
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
