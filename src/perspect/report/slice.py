"""One slice of a map as a PNG file: the colours of the map, grey where it has no value, black outside."""

import numpy as np
from jaxtyping import Bool, Float

from perspect.report.picture import N_COLOURS, N_GREYS, levels, palette, png

NO_VALUE = 45
"""The grey, of `N_GREYS`, of a voxel that was looked at and has no value."""


def slice_png(
    values: Float[np.ndarray, "rows columns"],
    is_outside: Bool[np.ndarray, "rows columns"],
    limits: tuple[float, float],
    colours: str,
) -> bytes:
    """One pixel a voxel, in the map's window as the pages have it."""
    canvas = np.where(is_outside, 0, NO_VALUE).astype(np.uint8)
    there = np.isfinite(values)
    canvas[there] = N_GREYS + levels(values[there], limits, N_COLOURS)
    return png(canvas, palette(colours))


def bar_png(colours: str) -> bytes:
    """The colours of a map from the lower to the upper end of its window."""
    return png(np.arange(N_GREYS, N_GREYS + N_COLOURS, dtype=np.uint8)[None, :], palette(colours))
