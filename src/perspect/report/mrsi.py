"""The page of a spectroscopic image: whether to believe it, its maps with unusable voxels hatched, how it was made."""

from collections.abc import Iterator
from html import escape
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

import perspect
from perspect.report import words
from perspect.report.mrs import LIMITS
from perspect.report.view import view
from perspect.vocabulary import FAILED_FROM, Map, Measured, Status

VOXEL, GAP = 12.0, 14.0
"""Edge of a voxel and space between slices, in points."""

HATCH: Final = (
    '<pattern id="unusable" patternUnits="userSpaceOnUse" width="4" height="4">'
    '<path d="M0 4L4 0" stroke="#888"/></pattern>'
)
"""What fills a voxel of the brain that has no number."""


def mrsi_page(measured: Measured, name: str) -> str:
    """One HTML page, whole in itself. The same values give the same bytes."""
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
        maps=[(one.quantity, window(one), map_drawing(one)) for one in measured.maps.values()],
        rows=words.other_rows(measured.summary),
        steps=measured.recipe.steps,
        references=[words.reference(citation) for citation in measured.recipe.references],
        limits=LIMITS,
    )  # fmt: skip


def window(one: Map) -> tuple[float, float]:
    """From where to where the colours go: that of the quantity; for arbitrary units from 0 to the 98th percentile."""
    known = one.shown[one.status < FAILED_FROM]
    if one.quantity.shown_unit != "a.u." or not known.size:
        return one.quantity.display
    return 0.0, float(np.quantile(known, 0.98)) or 1.0


def map_drawing(one: Map) -> str:
    """Every slice side by side, seen from the feet; hatched where a voxel of the brain has no number."""
    (x, y), slices = _hung(one)
    width, height = slices * (x * VOXEL + GAP), y * VOXEL
    size = f'style="min-width:0;max-width:{width * 1.6:.0f}px" viewBox="0 0 {width:g} {height:g}"'
    drawn = [f'<svg class="curves" {size} role="img">']
    drawn.append(f"<title>{escape(one.quantity.name)}</title><defs>{HATCH}</defs>")
    drawn += _voxels(one)
    return "".join([*drawn, "</svg>"])


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
                fill = "url(#unusable)" if code >= FAILED_FROM else _colour(colours, values[row, column], low, high)
                yield f'<rect {place} width="{VOXEL:g}" height="{VOXEL:g}" fill="{fill}"/>'


def _colour(colours: Any, value: float, low: float, high: float) -> str:
    red, green, blue, _ = colours(float(np.clip((value - low) / (high - low), 0.0, 1.0)))
    return f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
