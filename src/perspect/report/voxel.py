"""A voxel on an image: three planes with the outlines of the voxel and of where it is for each molecule."""

from html import escape
from typing import Final

import numpy as np

from perspect.report.picture import N_GREYS, data_uri, greys, levels
from perspect.vocabulary import Cut, VoxelPicture

COLOURS: Final = {
    "voxel": "#ffffff", "box": "#ffffff", "other side": "#ffffff", "grid": "#9aa7b4", "NAA": "#56b4e9",
    "Cho": "#f0a020", "Lac": "#e78ac3",
}  # fmt: skip
"""Of outlines; those of the other side and of a grid are dashed."""

WORDS: Final = {
    "voxel": "voxel as planned", "other side": "voxel of the other side", "box": "box of the pulses as planned",
    "grid": "grid of spectra",
}  # fmt: skip
"""What outlines are; all others are of a molecule."""

FONT: Final = 8.0
"""Height of letters in mm of the image."""


def drawn(picture: VoxelPicture) -> list[str]:
    """One SVG for each plane, in one window."""
    known = np.concatenate([one.values[np.isfinite(one.values)] for one in picture.planes])
    white = float(np.percentile(known, 99.5)) if known.size else 1.0
    return [
        _plane(one, (min(float(known.min(initial=0.0)), 0.0), white if white > 0 else 1.0)) for one in picture.planes
    ]


def legend(picture: VoxelPicture) -> list[tuple[str, str, str]]:
    """Words, colour and dashes of every outline that is drawn."""
    names = [name for name in COLOURS if any(name in one.outlines for one in picture.planes)]
    return [(WORDS.get(name, f"where it is for {name}"), COLOURS[name], _dashes(name)) for name in names]


def _dashes(name: str) -> str:
    return "4 3" if name in ("other side", "grid") else ""


def _plane(cut: Cut, window: tuple[float, float]) -> str:
    rows, columns = cut.values.shape
    picture = data_uri(levels(cut.values, window, N_GREYS), greys())
    left, right, top, bottom = cut.letters
    said = f"{cut.plane} plane {cut.place} through the voxel" + (
        "" if {"voxel", "grid"} & set(cut.outlines) else ", which does not cross it"
    )
    parts = [
        f'<svg class="tile" viewBox="0 0 {columns} {rows}" role="img"><title>{escape(said)}</title>',
        f'<image href="{picture}" width="{columns}" height="{rows}" preserveAspectRatio="none"/>',
    ]
    for name, corners in cut.outlines.items():
        path = "M" + "L".join(f"{x + 0.5:.1f} {y + 0.5:.1f}" for x, y in corners) + "z"
        dashes = f' stroke-dasharray="{_dashes(name)}"' if _dashes(name) else ""
        style = 'fill="none" vector-effect="non-scaling-stroke"'
        parts.append(f'<path d="{path}" {style} stroke="#000" stroke-opacity=".6" stroke-width="3.2"/>')
        width = 2.0 if name in ("voxel", "box") else 1.5
        line = f'<path d="{path}" {style} stroke="{COLOURS[name]}" stroke-width="{width}"{dashes}>'
        parts.append(f"{line}<title>{escape(name)}</title></path>")
    spots = (
        (2.0, rows / 2, left, "start"), (columns - 2.0, rows / 2, right, "end"), (columns / 2, FONT + 1, top, "middle"),
        (columns / 2, rows - 2.0, bottom, "middle"), (2.0, rows - 2.0, cut.place, "start"),
    )  # fmt: skip
    parts.append(f'<g class="labels" style="--font: {FONT:g}px">')
    parts += [f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{at}">{escape(word)}</text>' for x, y, word, at in spots]
    parts.append(f'</g><path class="scale" d="M{columns - 54} {rows - 4}h50"/></svg>')
    return "".join(parts)
