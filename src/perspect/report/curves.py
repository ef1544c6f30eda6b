"""Curves as a picture: what went in, what was fitted, and which times were used. Lengths are points (1/72 inch)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import cycle
from textwrap import wrap
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.report.panel import Panel
from perspect.vocabulary import Curve, Moment, lexicon

INK, LINE, SHADE = "var(--ink)", "var(--line)", "var(--shade)"
"""Colours that the page chooses, so that the curves follow its light or dark dress."""

WARNED: Final = "var(--limited)"
"""Colour of what spoils a curve; it is always said in words too."""

HALO: Final = 'paint-order="stroke" stroke="var(--paper)" stroke-width="2.5"'
"""Of words that lie over curves."""

ROW: Final = 12.0
"""Height of the bar of what is marked with its words."""

DASHES: Final = ' stroke-dasharray="5 2.5"'

SERIES: Final = ("#0e86c8", "#d55e00", "#009e73", "#b35a90")
"""Okabe and Ito's colours, a little lighter for dark pages: told apart by every kind of colour vision."""

PANELS: Final = (("aif",), ("tissue", "tissue_corrected", "reference"), ("displacement",))
TITLES: Final = {"aif": "Arterial input", "tissue": "Tissue", "grey": "Tissue", "displacement": "Motion"}

PANEL: Final = 460.0
"""The most that a panel is wide, in pixels."""

AS_WIDE: Final = 3
"""Panels that fill the width of a page."""

WIDTH, HEIGHT = 280.0, 180.0
"""Of a panel."""

LEFT, RIGHT, TOP, BOTTOM = 40.0, 272.0, 20.0, 148.0
"""Where its axes lie in it."""

STEPS: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
"""From one number at an axis to the next, times a power of ten."""

NAME: Final = 30
"""Letters of a line of a name."""

LETTER: Final = 4.0
"""Mean width of a letter of a name."""

HEADROOM: Final = 0.17
"""Of the range of the curves, above them; a third of it below."""


@dataclass(frozen=True)
class Windows:
    """The times in s that were used as rest and integrated; `None` where the run does not say."""

    rest: tuple[float, float] | None = None
    integrated: tuple[float, float] | None = None


@dataclass(frozen=True)
class _Axes:
    """From times and values to places in a panel."""

    times: tuple[float, float]
    values: tuple[float, float]

    def across(self, time: Float[np.ndarray, "*any"] | float) -> Float[np.ndarray, "*any"]:
        low, high = self.times
        return LEFT + (RIGHT - LEFT) * (np.asarray(time, float) - low) / (high - low)

    def down(self, value: Float[np.ndarray, "*any"] | float) -> Float[np.ndarray, "*any"]:
        low, high = self.values
        return BOTTOM - (BOTTOM - TOP) * (np.asarray(value, float) - low) / (high - low)


def drawing(curves: Mapping[str, Curve], windows: Windows, across: str = "time (s)", fitted: str = "its fit") -> str:
    """All curves as one SVG that stands inside a page; those of a kind share their axes. `across` names the axis of
    all but motion, and `fitted` says what a fit is of.
    """
    curves = {name: _since(one, windows.rest) if name != "displacement" else one for name, one in curves.items()}
    spans = ((windows.rest, "rest"), (windows.integrated, "integrated"))
    named = tuple(Moment(*span, word) for span, word in spans if span is not None)
    panels = []
    for names in _panels(curves):
        shown, is_motion = {name: curves[name] for name in names}, "displacement" in names
        axis = "time (s)" if is_motion else across
        title = TITLES.get(names[0], "Curves")
        panels.append(Panel(title, shown, _down(shown), axis, () if is_motion else named))
    return figure(panels, fitted)


def figure(panels: Sequence[Panel], fitted: str = "its fit", widest: float = PANEL) -> str:
    """Panels side by side as one SVG that stands inside a page, each at most `widest` pixels wide."""
    # One panel, or two, are not drawn larger than they are beside others.
    size = "" if len(panels) >= AS_WIDE else f' style="max-width: {widest * len(panels):g}px; min-width: 0"'
    drawn = [f'<svg class="curves" viewBox="0 0 {WIDTH * len(panels):g} {HEIGHT:g}" role="img"{size}>']
    said = description({f"{place} {name}": c for place, one in enumerate(panels) for name, c in one.curves.items()})
    marked = " ".join(f"Marked from {m.start:.0f} to {m.stop:.0f} s: {m.words}." for m in _marks(panels))
    drawn.append(f"<title>{escape(f'{said} {marked}'.strip(), quote=False)}</title>")
    for place, one in enumerate(panels):
        drawn.append(f'<g transform="translate({WIDTH * place:g} 0)" font-size="9" fill="{INK}">')
        drawn += _panel(one, fitted)
        drawn.append("</g>")
    return "\n".join([*drawn, "</svg>"])


def _marks(panels: Sequence[Panel]) -> tuple[Moment, ...]:
    """Every mark once."""
    return tuple(dict.fromkeys(mark for one in panels for mark in one.marks))


def _since(curve: Curve, rest: tuple[float, float] | None) -> Curve:
    """A curve from the first volume at rest: what comes before is no steady state, and would set the scale."""
    if rest is None or not (curve.times >= rest[0]).any():
        return curve
    kept = curve.times >= rest[0]
    std, fit = (None if row is None else row[kept] for row in (curve.std, curve.fit))
    return replace(curve, times=curve.times[kept], values=curve.values[kept], std=std, fit=fit)


def _panels(curves: Mapping[str, Curve]) -> list[tuple[str, ...]]:
    """Which curves share axes: the known kinds first, whatever else there is by unit, and motion last."""
    known = [tuple(name for name in names if name in curves) for names in PANELS]
    left = [name for name in curves if not any(name in names for names in known)]
    units = dict.fromkeys(curves[name].unit for name in left)
    found = [names for names in known if names] + [tuple(n for n in left if curves[n].unit == unit) for unit in units]
    return sorted(found, key=lambda names: "displacement" in names)


def _down(curves: Mapping[str, Curve]) -> str:
    """What stands beside the axis of curves of one unit."""
    unit = next(iter(curves.values())).unit
    return f"{lexicon.DELTA_R2STAR.symbol} ({unit})" if unit == lexicon.DELTA_R2STAR.unit else unit


def _panel(panel: Panel, fitted: str) -> Iterator[str]:
    """The shapes of one panel, from back to front."""
    axes, curves = _axes(list(panel.curves.values()), panel.marks), panel.curves
    turns = cycle(SERIES)
    colours = {name: panel.colours.get(name) or next(turns) for name in curves}
    yield from (_span(axes, one) for one in panel.spans)
    yield from _scales(axes)
    for name, curve in curves.items():
        yield from _trace(axes, curve, colours[name], is_dashed=name in panel.dashed)
    yield from _marked(axes, panel.marks)
    yield from _legend(panel, colours, fitted)
    middle = (TOP + BOTTOM) / 2
    yield _text(LEFT, TOP - 8, panel.title, size=9.5, more=' font-weight="bold"')
    if panel.note:
        yield _text(RIGHT, TOP - 8, panel.note, "end", 8.0, f' style="fill: {WARNED}"')
    yield _text((LEFT + RIGHT) / 2, HEIGHT - 6, panel.across, "middle")
    yield _text(10, middle, panel.down, "middle", more=f' transform="rotate(-90 10 {middle:g})"')


def _axes(curves: Sequence[Curve], marks: Sequence[Moment] = ()) -> _Axes:
    """Axes that hold every number of the curves, their errors, their fits and the times that are marked; from 0 to 1
    where there is none.
    """
    times = np.concatenate([*(curve.times for curve in curves), [one.stop for one in marks]])
    error = [np.zeros(curve.values.size) if curve.std is None else curve.std for curve in curves]
    values = np.concatenate(
        [part for c, e in zip(curves, error, strict=True) for part in (c.values - e, c.values + e)]
        + [curve.fit for curve in curves if curve.fit is not None]
    )
    known = values[np.isfinite(values)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    size = high - low if high > low else 1.0
    start, end = float(times.min()), float(times.max())
    end = end if end > start else start + 1.0
    bottom = low - HEADROOM / 3 * size
    top = max(high + HEADROOM * size, _clear_of_names(curves, bottom, (start, end)))
    # What is marked stands in a strip of its own below the curves.
    strip = ROW * len(marks) / (BOTTOM - TOP)
    return _Axes((start, end), (bottom - (top - bottom) * strip / (1.0 - strip), top))


def _clear_of_names(curves: Sequence[Curve], bottom: float, times: tuple[float, float]) -> float:
    """How far up an axis must reach so that no curve runs through the names at its upper right."""
    names = [part for curve in curves for part in wrap(curve.label, NAME)]
    n_lines = len(names) + sum(curve.fit is not None for curve in curves)
    left = RIGHT - 20 - LETTER * max(map(len, names), default=0)
    start = times[0] + (times[1] - times[0]) * (left - LEFT) / (RIGHT - LEFT)
    under = [row[curve.times >= start] for curve in curves for row in (curve.values, curve.fit) if row is not None]
    highest = np.concatenate([row[np.isfinite(row)] for row in under])
    if not highest.size:
        return bottom
    free = 1 - (10.0 * n_lines + 4.0) / (BOTTOM - TOP)
    return bottom + (float(highest.max()) - bottom) / max(free, 0.4)


def _span(axes: _Axes, span: Moment) -> str:
    left, right = axes.across(np.array([span.start, span.stop]))
    shade = f'<rect x="{left:.1f}" y="{TOP:g}" width="{right - left:.1f}" height="{BOTTOM - TOP:g}" fill="{SHADE}"/>'
    return shade + _text(left + 2, TOP + 9, span.words, size=7.5)


def _marked(axes: _Axes, marks: Sequence[Moment]) -> Iterator[str]:
    """What spoils the curves: a bar along the axis of time with dashed ends, and its words above, one row for each."""
    for row, one in enumerate(marks):
        left, right = axes.across(np.array([max(one.start, axes.times[0]), one.stop]))
        y = BOTTOM - 3 - ROW * row
        yield f'<path d="M{left:.1f} {y:.1f}H{max(right, left + 1.5):.1f}" style="stroke: {WARNED}" stroke-width="3"/>'
        for x in (left, right):
            yield (
                f'<path d="M{x:.1f} {y:.1f}V{TOP:g}" style="stroke: {WARNED}" stroke-width="0.7" '
                'stroke-dasharray="2 2"/>'
            )
        is_left = left < (LEFT + RIGHT) / 2
        x, anchor = (left, "start") if is_left else (right, "end")
        yield _text(x, y - 3, one.words, anchor, 8.0, f' style="fill: {WARNED}" {HALO}')


def _scales(axes: _Axes) -> Iterator[str]:
    """Lines and numbers at even steps."""
    at_times, at_values = ticks(*axes.times, 8), ticks(*axes.values, 7)
    for value, x in zip(at_times, axes.across(at_times), strict=True):
        yield _path([(x, TOP), (x, BOTTOM)], LINE, 0.4) + _text(x, BOTTOM + 12, _number(value), "middle")
    for value, y in zip(at_values, axes.down(at_values), strict=True):
        yield _path([(LEFT, y), (RIGHT, y)], LINE, 0.4) + _text(LEFT - 4, y + 3, _number(value), "end")
    yield _path([(LEFT, TOP), (LEFT, BOTTOM), (RIGHT, BOTTOM)], LINE, 0.8)


def ticks(low: float, high: float, n_most: int) -> Float[np.ndarray, " n"]:
    """Round numbers at even steps between two ends, at most as many as wanted.

    >>> ticks(-3.0, 105.0, 6)
    array([  0.,  20.,  40.,  60.,  80., 100.])
    """
    least = (high - low) / n_most
    power = 10.0 ** np.floor(np.log10(least))
    step = power * next(step for step in STEPS if step * power >= least * (1 - 1e-9))
    out: Float[np.ndarray, " n"] = step * np.arange(np.ceil(low / step), np.floor(high / step) + 1)
    return out + 0.0


def _trace(axes: _Axes, curve: Curve, colour: str, *, is_dashed: bool) -> Iterator[str]:
    """A curve; where it has a fit, the curve is dots and the fit is the line."""
    x, line = axes.across(curve.times), curve.values if curve.fit is None else curve.fit
    if curve.std is not None:
        for run in _runs(curve.values + curve.std):
            upper, lower = (axes.down(curve.values[run] + sign * curve.std[run]) for sign in (1, -1))
            around = [*zip(x[run], upper, strict=True), *zip(x[run][::-1], lower[::-1], strict=True)]
            yield f'<path d="{_line(around)}z" fill="{colour}" fill-opacity="0.2"/>'
    if curve.fit is not None:
        known = np.isfinite(curve.values)
        yield from (
            f'<circle cx="{cx:.1f}" cy="{cy:.1f}" r="1.4" fill="{colour}"/>'
            for cx, cy in zip(x[known], axes.down(curve.values[known]), strict=True)
        )
    dress = DASHES if is_dashed else ""
    yield from (_path(list(zip(x[run], axes.down(line[run]), strict=True)), colour, 1.4, dress) for run in _runs(line))


def _runs(values: Float[np.ndarray, " time"]) -> list[slice]:
    """Where a curve has numbers, from gap to gap."""
    edges = np.flatnonzero(np.diff(np.isfinite(values), prepend=False, append=False))
    return [slice(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _legend(panel: Panel, colours: Mapping[str, str], fitted: str) -> Iterator[str]:
    """The names at the upper right with a piece of their lines, short so that they stay clear of the first pass."""
    y = TOP + 8.0
    for key, curve in panel.curves.items():
        dress = DASHES if key in panel.dashed else ""
        for name, is_dots in (
            (curve.label, curve.fit is not None),
            *(((fitted, False),) if curve.fit is not None else ()),
        ):
            mark = f'<circle cx="{RIGHT - 7:g}" cy="{y - 3:g}" r="1.4" fill="{colours[key]}"/>'
            yield mark if is_dots else _path([(RIGHT - 13, y - 3), (RIGHT - 1, y - 3)], colours[key], 1.4, dress)
            for part in wrap(name, NAME):
                yield _text(RIGHT - 17, y, part, "end", 8.0)
                y += 10.0


def _path(points: Sequence[tuple[float, float]], colour: str, width: float, more: str = "") -> str:
    line = f'd="{_line(points)}" fill="none" stroke="{colour}" stroke-width="{width:g}" stroke-linejoin="round"'
    return f"<path {line}{more}/>"


def _line(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _text(x: float, y: float, words: str, anchor: str = "start", size: float = 9.0, more: str = "") -> str:
    said = escape(words, quote=False)
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size:g}"{more}>{said}</text>'


def _number(value: float) -> str:
    return f"{value:.6g}".replace("-", "−")


def description(curves: Mapping[str, Curve]) -> str:
    """The curves in words, for those who do not see them."""
    sentences: Sequence[str] = [
        f"{curve.label}: largest value {np.nanmax(curve.values):.3g} {curve.unit} at "
        f"{curve.times[int(np.nanargmax(curve.values))]:.0f} s."
        for curve in curves.values()
        if np.isfinite(curve.values).any()
    ]
    return " ".join(sentences) or "No curve has a finite value."
