"""Values as pictures: colours, PNG, outlines. A picture says what it shows, also to those who cannot see it."""

import struct
import zlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import matplotlib as mpl
import numpy as np
from jaxtyping import Bool, Float, UInt8

from perspect.report.view import Layout

N_GREYS: Final = 96
N_COLOURS: Final = 160
"""A picture has one palette: the greys of the baseline image first, then the colours of the map."""

FILLED: Final = ("saturated", "unusable")
"""Kinds that are hatched and not outlined."""

FONT: Final = 11.0
"""Height of the letters on a picture, in pixels at full size."""


@dataclass(frozen=True)
class Label:
    """A word at a place of a picture, in mm from its upper left corner; `anchor` as SVG has it."""

    x: float
    y: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Outline:
    """The border of a set of voxels as an SVG path in voxels; `kind` is its style in page.css."""

    kind: str
    path: str


@dataclass(frozen=True)
class Picture:
    """One picture: PNG, size in mm, what is drawn over it, and its description in words.

    `font` is the height of letters in mm, `pixels` the width of the whole at full size.
    """

    png: str
    width: float
    height: float
    column_mm: float
    row_mm: float
    alt: str
    font: float
    pixels: float
    outlines: tuple[Outline, ...] = ()
    labels: tuple[Label, ...] = ()
    scale_bar: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class ColourBar:
    """The colours of a map from the lower to the upper end of its window, with what they mean."""

    png: str
    ticks: tuple[str, ...]
    unit: str


@dataclass(frozen=True, eq=False)
class Painter:
    """Puts values over a grey baseline image; values that are NaN let it through."""

    layout: Layout
    background: Float[np.ndarray, "x y z"]
    greys: tuple[float, float]
    pixels: int = 700_000
    masks: Mapping[str, Bool[np.ndarray, "x y z"]] = field(default_factory=dict)

    def paint(self, values: Float[np.ndarray, "x y z"], limits: tuple[float, float], colours: str, alt: str) -> Picture:
        """The values in their window, colours of matplotlib's name, outlines of the masks on top."""
        canvas = levels(self.layout.montage(self.background, 0.0), self.greys, N_GREYS)
        over = self.layout.montage(values, np.nan)
        there = np.isfinite(over)
        canvas[there] = N_GREYS + levels(over[there], limits, N_COLOURS)
        return self._finish(canvas, palette(colours), alt)

    def classes(self, values: UInt8[np.ndarray, "x y z"], colours: tuple[str, ...], alt: str) -> Picture:
        """Classes in their colours, as hex; class 0 lets the baseline image through."""
        canvas = levels(self.layout.montage(self.background, 0.0), self.greys, N_GREYS)
        over = self.layout.montage(values, 0)
        canvas[over > 0] = N_GREYS + over[over > 0] - 1
        rgb = np.array([bytearray.fromhex(colour.removeprefix("#")) for colour in colours], np.uint8)
        return self._finish(canvas, np.concatenate([greys(), rgb]), alt)

    def _finish(
        self, canvas: UInt8[np.ndarray, "height width"], palette: UInt8[np.ndarray, "entries 3"], alt: str
    ) -> Picture:
        layout = self.layout
        font = FONT / layout.scale
        # A page has a size to keep: beyond the budget every second (third ...) voxel is shown, never a mixture of two.
        step = int(np.ceil(np.sqrt(canvas.size / self.pixels)))
        high, wide = layout.tile_mm
        return Picture(
            png=data_uri(canvas[::step, ::step], palette),
            width=wide * layout.n_across,
            height=high * layout.n_down,
            column_mm=layout.view.column_mm,
            row_mm=layout.view.row_mm,
            alt=alt,
            font=font,
            pixels=wide * layout.n_across * layout.scale,
            outlines=tuple(
                Outline(kind, area(shown) if kind in FILLED else border(shown))
                for kind, mask in self.masks.items()
                if (shown := layout.montage(mask, False)).any()
            ),
            labels=_labels(layout, font),
            scale_bar=_scale_bar(layout, font) if layout.view.is_placed else None,
        )


def levels(values: Float[np.ndarray, "*shape"], limits: tuple[float, float], n: int) -> UInt8[np.ndarray, "*shape"]:
    """Which of `n` levels each value falls in; beyond the window the last one."""
    low, high = limits
    scaled = (np.nan_to_num(values.astype(np.float32), nan=low) - low) * (n / (high - low))
    levels: UInt8[np.ndarray, "*shape"] = np.clip(scaled, 0, n - 1).astype(np.uint8)
    return levels


def greys() -> UInt8[np.ndarray, "entries 3"]:
    """The palette of a picture without colours."""
    return np.repeat(np.linspace(0, 235, N_GREYS).astype(np.uint8)[:, None], 3, axis=1)


def palette(colours: str) -> UInt8[np.ndarray, "entries 3"]:
    """The greys, and behind them the colours of matplotlib's name."""
    rgba = mpl.colormaps[colours](np.linspace(0.0, 1.0, N_COLOURS), bytes=True)
    return np.concatenate([greys(), np.asarray(rgba, np.uint8)[:, :3]])


def colour_bar(limits: tuple[float, float], colours: str, unit: str, n_ticks: int) -> ColourBar:
    """The bar that belongs to `Painter.paint` with the same window and colours."""
    levels = np.arange(N_GREYS, N_GREYS + N_COLOURS, dtype=np.uint8)[None, :]
    return ColourBar(data_uri(levels, palette(colours)), _ticks(limits, n_ticks), unit)


def _ticks(limits: tuple[float, float], n_ticks: int) -> tuple[str, ...]:
    """Evenly spaced numbers from end to end: as near to `n_ticks` as gives the fewest digits."""
    options = [[f"{tick:.4g}" for tick in np.linspace(*limits, n)] for n in range(2, n_ticks + 1)]
    ticks = min(options, key=lambda row: (max(map(len, row)), -len(row)))
    return tuple(tick.replace("-", "−") for tick in ticks)


def data_uri(indices: UInt8[np.ndarray, "height width"], palette: UInt8[np.ndarray, "entries 3"]) -> str:
    """A PNG with a palette, as text that stands inside a page."""
    return "data:image/png;base64," + b64encode(png(indices, palette)).decode("ascii")


def png(indices: UInt8[np.ndarray, "height width"], palette: UInt8[np.ndarray, "entries 3"]) -> bytes:
    """A PNG with a palette (W3C PNG specification, colour type 3)."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    height, width = indices.shape
    lines = np.zeros((height, width + 1), np.uint8)
    lines[:, 1:] = indices
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            chunk(b"PLTE", palette.tobytes()),
            chunk(b"IDAT", zlib.compress(lines.tobytes(), 6)),
            chunk(b"IEND", b""),
        ]
    )


def border(mask: Bool[np.ndarray, "rows columns"]) -> str:
    """The edges between inside and outside as an SVG path, one unit a voxel."""
    padded = np.pad(mask, 1)
    across = _runs(padded[1:, 1:-1] != padded[:-1, 1:-1])
    down = _runs((padded[1:-1, 1:] != padded[1:-1, :-1]).T)
    horizontal = [f"M{start} {line}h{length}" for line, start, length in across]
    return "".join(horizontal + [f"M{line} {start}v{length}" for line, start, length in down])


def area(mask: Bool[np.ndarray, "rows columns"]) -> str:
    """The voxels inside as an SVG path that can be filled, one rectangle a run."""
    return "".join(f"M{start} {line}h{length}v1h-{length}z" for line, start, length in _runs(mask))


def _runs(there: Bool[np.ndarray, "lines places"]) -> list[tuple[int, int, int]]:
    """Every unbroken run of true places: its line, where it starts, how long it is."""
    steps = np.diff(np.pad(there, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    lines, starts = np.nonzero(steps == 1)
    ends = np.nonzero(steps == -1)[1]
    return [(int(a), int(b), int(c - b)) for a, b, c in zip(lines, starts, ends, strict=True)]


def _labels(layout: Layout, font: float) -> tuple[Label, ...]:
    """The patient's directions on every picture, and which slice it is."""
    left, right, top, bottom = layout.view.edges
    high, wide = layout.tile_mm
    labels = []
    for place, number in enumerate(layout.slices):
        down, across = divmod(place, layout.n_across)
        x, y = across * wide, down * high
        labels.append(Label(x + 0.3 * font, y + high - 0.4 * font, layout.view.heights[number], "start"))
        if not layout.view.is_placed:
            continue
        labels += [
            Label(x + 0.3 * font, y + high / 2 + 0.35 * font, left, "start"),
            Label(x + wide - 0.3 * font, y + high / 2 + 0.35 * font, right, "end"),
        ]
        if place == 0:
            labels.append(Label(x + wide / 2, y + font, top))
            labels.append(Label(x + wide / 2, y + high - 0.4 * font, bottom))
    return tuple(labels)


def _scale_bar(layout: Layout, font: float) -> tuple[float, float, float]:
    """Left end, height and length of a bar of 5 cm (1 cm on a small picture) at the lower right."""
    high, wide = layout.tile_mm
    length = 50.0 if wide > 100 else 10.0
    n_last = len(layout.slices) - (layout.n_down - 1) * layout.n_across
    return n_last * wide - length - 0.6 * font, layout.n_down * high - 0.6 * font, length
