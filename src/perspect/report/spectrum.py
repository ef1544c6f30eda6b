"""A spectrum as a picture: residual, data with fit and baseline, and the parts, against ppm that fall to the right.

The picture is whole without a script. `spectrum_numbers` and the page's script let a reader look closer.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.report.curves import INK, LINE, SERIES, SHADE, ticks
from perspect.vocabulary import FittedSpectrum

WIDTH, LEFT, RIGHT = 1100.0, 46.0, 1090.0
"""Of the picture, and where its axis begins and ends, in points."""

RESIDUAL, SPECTRUM = (14.0, 84.0), (96.0, 400.0)
"""Where residual and spectrum lie, from above."""

PART, GAP = 58.0, 6.0
"""Height of the panel of a part, and the space between panels."""

LABELS: Final = (
    ("NAA", 2.01), ("Cr", 3.03), ("Cho", 3.21), ("Ins", 3.56), ("Cr", 3.92), ("Glx", 2.35), ("Lac/Lip", 1.31),
    ("Lip/MM", 0.9), ("Ala", 1.47),
)  # fmt: skip
"""Where a reader looks for what."""

NEAR: Final = 0.07
"""ppm to either side in which a name looks for the line that it stands over."""

GROUPS: Final = (
    ("tNAA", ("NAA", "NAAG")), ("tCr", ("Cr", "PCr")), ("tCho", ("GPC", "PCho", "Cho")), ("Glx", ("Glu", "Gln")),
    ("Ins + Gly", ("Ins", "Gly")), ("Lac + Ala", ("Lac", "Ala")), ("Lipid", ("Lip09", "Lip13a", "Lip13b", "Lip20")),
    ("Macromolecules", ("MM09", "MM12", "MM14", "MM17", "MM20", "Mac", "MM")),
    ("Amino acids, acetate", ("AA", "Ace", "Suc")),
)  # fmt: skip
"""Parts that are drawn together."""


OVERLAID: Final = ("#0e86c8", "#009e73", "#b35a90", "#8a6d00", "#6a51a3", "#c0392b", "#3f7f93", "#7a7a7a")
"""Of parts laid over the spectrum."""


def common_range(some: Iterable[FittedSpectrum]) -> tuple[float, float]:
    """The lowest and highest amplitude that several spectra need where they are drawn on one scale."""
    lows, highs = zip(*(_range(one) for one in some), strict=True)
    return min(lows), max(highs)


def spectrum_drawing(fitted: FittedSpectrum, within: tuple[float, float] | None = None) -> str:
    """One SVG that stands inside a page; `within` are the ends of a scale that it shares with others."""
    groups = _groups(fitted.parts)
    height = SPECTRUM[1] + 26 + len(groups) * (PART + GAP) + 34
    head = f'<svg class="curves spectrum" viewBox="0 0 {WIDTH:g} {height:g}" role="img" font-size="11" fill="{INK}">'
    drawn = [head]
    drawn.append(f"<title>{escape(spoken(fitted), quote=False)}</title>")
    drawn += _grid(fitted, SPECTRUM[1])
    drawn += _residual(fitted)
    drawn += _data(fitted, within or _range(fitted))
    drawn.append(_hidden())
    scale = _largest(fitted)
    for place, (name, values) in enumerate(groups):
        drawn += _part(fitted, name, values, SPECTRUM[1] + 26 + place * (PART + GAP), scale)
    drawn.append(_words((LEFT + RIGHT) / 2, height - 8, "chemical shift (ppm)", "middle"))
    return "\n".join([*drawn, "</svg>"])


def spectrum_numbers(fitted: FittedSpectrum) -> str:
    """The numbers of the picture for the page's script, as JSON: amplitudes as integers, 10000 the largest of the data.

    It holds nothing that could end the element which it stands in: names of molecules are ours or escaped.
    """
    scale = 1e4 / _largest(fitted)
    groups = len(_groups(fitted.parts))
    numbers = {
        "bins": fitted.referenced.size, "high": float(fitted.referenced[0]), "low": float(fitted.referenced[-1]),
        "across": [LEFT, RIGHT], "down": list(SPECTRUM), "rest": list(RESIDUAL), "width": WIDTH,
        "height": SPECTRUM[1] + 26 + groups * (PART + GAP) + 34, "near": _near(fitted),
        "noise": round(fitted.noise * scale, 3), "reach": round(_reach(fitted) * scale, 3),
        **{name: _integers(getattr(fitted, name) * scale) for name in ("data", "fit", "baseline")},
        "parts": {name: _integers(values * scale) for name, values in sorted(fitted.parts.items())},
    }  # fmt: skip
    return json.dumps(numbers, separators=(",", ":"), ensure_ascii=True).replace("<", "\\u003c")


def choices(fitted: FittedSpectrum) -> list[tuple[str, str]]:
    """Every part that may be shown, the largest first, with its colour."""
    by_size = sorted(fitted.parts, key=lambda name: -float(np.abs(fitted.parts[name]).max()))
    return [(name, OVERLAID[k % len(OVERLAID)]) for k, name in enumerate(by_size)]


def _integers(values: Float[np.ndarray, " bins"]) -> list[int]:
    return [int(one) for one in np.rint(values)]


def _near(fitted: FittedSpectrum) -> int:
    """How many bins a name looks to either side for the line it stands over."""
    return max(1, round(NEAR * fitted.referenced.size / float(np.ptp(fitted.referenced))))


def _reach(fitted: FittedSpectrum) -> float:
    return max(4.5 * fitted.noise, float(np.abs(fitted.residual).max()))


def _hidden() -> str:
    """What only the script fills."""
    top, bottom = RESIDUAL[0], SPECTRUM[1]
    return (
        f'<g class="overlay"></g><path class="hair" stroke="{INK}" stroke-width="0.6" visibility="hidden"/>'
        f'<rect class="chosen" y="{top:g}" height="{bottom - top:g}" fill="{SERIES[0]}" opacity="0.15" '
        'visibility="hidden"/>'
    )


def spoken(fitted: FittedSpectrum) -> str:
    """The picture in words."""
    at = int(np.argmax(fitted.fit - fitted.baseline))
    rms = float(np.std(fitted.residual)) / fitted.noise
    ppm = fitted.referenced
    return (
        f"Spectrum from {ppm.min():.1f} to {ppm.max():.1f} ppm with fit, baseline and residual. The "
        f"largest line of the fit is at {ppm[at]:.2f} ppm; the residual is {rms:.1f} times the noise."
    )


def across(fitted: FittedSpectrum, ppm: Float[np.ndarray, " any"]) -> Float[np.ndarray, " any"]:
    """From ppm to places: large on the left, as spectra are read."""
    high, low = float(fitted.referenced.max()), float(fitted.referenced.min())
    return LEFT + (RIGHT - LEFT) * (high - ppm) / (high - low)


def _largest(fitted: FittedSpectrum) -> float:
    return float(max(np.abs(fitted.data).max(), np.abs(fitted.fit).max(), 1e-300))


def _range(fitted: FittedSpectrum) -> tuple[float, float]:
    rows = np.concatenate([fitted.data, fitted.fit, fitted.baseline])
    low, high = float(rows.min()), float(rows.max())
    size = max(high - low, 1e-300)
    return min(low, 0.0) - 0.04 * size, high + 0.10 * size


def _grid(fitted: FittedSpectrum, bottom: float) -> Iterator[str]:
    at = ticks(float(fitted.referenced.min()), float(fitted.referenced.max()), 10)
    yield '<g class="axis">'
    for value, x in zip(at, across(fitted, at), strict=True):
        yield _path([(x, RESIDUAL[0]), (x, bottom)], LINE, 0.5) + _words(x, bottom + 16, f"{value:g}", "middle")
    yield "</g>"
    yield _path([(LEFT, bottom), (RIGHT, bottom)], LINE, 1.0)


def _residual(fitted: FittedSpectrum) -> Iterator[str]:
    """The residual over the band of two standard deviations of the noise."""
    top, bottom = RESIDUAL
    middle = (top + bottom) / 2
    reach = _reach(fitted)
    band = (bottom - top) / 2 * 2 * fitted.noise / reach
    at, size = f'x="{LEFT:g}" y="{middle - band:.1f}"', f'width="{RIGHT - LEFT:g}" height="{2 * band:.1f}"'
    yield f'<rect {at} {size} fill="{SHADE}"/>'
    y = middle - (bottom - top) / 2 * fitted.residual / reach
    yield _path(list(zip(across(fitted, fitted.referenced), y, strict=True)), INK, 0.7, ' data-row="residual"')
    yield _words(LEFT + 4, top + 4, "residual (band: ± 2 standard deviations of the noise)", size=9.5)


def _data(fitted: FittedSpectrum, ends: tuple[float, float]) -> Iterator[str]:
    low, high = ends
    top, bottom = SPECTRUM

    def down(values: Float[np.ndarray, " bins"]) -> Float[np.ndarray, " bins"]:
        return bottom - (bottom - top) * (values - low) / (high - low)

    x = across(fitted, fitted.referenced)
    for name, ppm in LABELS:
        if fitted.referenced.min() < ppm < fitted.referenced.max():
            near = np.abs(fitted.referenced - ppm) < NEAR
            peak = float(
                down(np.array([max(fitted.data[near].max(initial=low), fitted.fit[near].max(initial=low))]))[0]
            )
            yield _words(
                float(across(fitted, np.array([ppm]))[0]),
                max(peak - 7, top + 8),
                name,
                "middle",
                10.5,
                f' opacity="0.75" data-ppm="{ppm:g}"',
            )
    dashed = ' stroke-dasharray="6 4" data-row="baseline"'
    yield _path(list(zip(x, down(fitted.data), strict=True)), INK, 0.8, ' data-row="data"')
    yield _path(list(zip(x, down(fitted.baseline), strict=True)), SERIES[2], 1.4, dashed)
    yield _path(list(zip(x, down(fitted.fit), strict=True)), SERIES[1], 1.5, ' data-row="fit"')
    for k, (name, colour) in enumerate((("data", INK), ("fit", SERIES[1]), ("baseline", SERIES[2]))):
        y = top + 14 + 20 * k
        yield _path([(RIGHT - 120, y - 4), (RIGHT - 96, y - 4)], colour, 1.8) + _words(RIGHT - 90, y, name)


def _groups(parts: Mapping[str, Float[np.ndarray, " bins"]]) -> list[tuple[str, Float[np.ndarray, " bins"]]]:
    """Sums of parts that are there, in the order in which they are read."""
    out: list[tuple[str, Float[np.ndarray, " bins"]]] = []
    for name, members in GROUPS:
        there = [parts[one] for one in members if one in parts]
        if there:
            out.append((name, np.sum(there, axis=0)))
    known = {one for _, members in GROUPS for one in members}
    rest = [values for key, values in parts.items() if key not in known]
    if rest:
        out.append(("All others", np.sum(rest, axis=0)))
    return out


def _part(
    fitted: FittedSpectrum, name: str, values: Float[np.ndarray, " bins"], top: float, scale: float
) -> Iterator[str]:
    """One part on the scale of the spectrum, or enlarged by a factor that is said."""
    size = float(np.abs(values).max())
    factor = next((one for one in (1, 2, 5, 10, 20, 50) if size * one > 0.35 * scale), 50) if size > 0 else 1
    low = min(float(values.min()) * factor / scale, 0.0)
    y = top + PART - PART * np.clip(values * factor / scale - low, -1.2, 1.2) / (1 - low)
    zero = top + PART + PART * low / (1 - low)
    yield _path([(LEFT, zero), (RIGHT, zero)], LINE, 0.5)
    yield f"<g><title>{escape(name)}</title>"
    yield _path(list(zip(across(fitted, fitted.referenced), y, strict=True)), SERIES[0], 1.2) + "</g>"
    yield _words(LEFT + 4, top + 12, name if factor == 1 else f"{name}  × {factor}", size=10.5)


def _path(points: list[tuple[float, float]], colour: str, width: float, more: str = "") -> str:
    line = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linejoin="round"{more}/>'


def _words(x: float, y: float, words: str, anchor: str = "start", size: float = 11.0, more: str = "") -> str:
    said = escape(words, quote=False)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}"{more}>{said}</text>'
