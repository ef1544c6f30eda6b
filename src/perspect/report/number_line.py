"""Numbers on lines and curves of belief, as SVG that stands inside a page."""

import math
from collections.abc import Callable, Sequence
from html import escape
from typing import Final

from perspect.evidence import Answer, Reading
from perspect.evidence.likelihood import EIGHTY, spread
from perspect.evidence.row import Cutoff
from perspect.vocabulary import Finding

WIDTH, HEIGHT = 420.0, 46.0
LEFT, RIGHT, LINE = 12.0, 408.0, 22.0
"""Size of a line and where it runs, in points."""

SPAN: Final = 3.0
"""Length of a line over its highest cut-off."""

SIDE: Final = {"for": "#d55e00", "against": "#0e86c8", "neither": "#8a8f98"}
"""Okabe and Ito's colours for the two sides, grey for neither."""


def number_line(found: Finding, readings: Sequence[Reading]) -> str:
    """A value with its 80 % interval beside every published cut-off: those that apply are dark, others faint.

    The scale is that of the cut-offs and not of the value, so that a marker has the same in every patient; what lies
    beyond it is drawn at the end with an arrow. Empty where there is neither a value nor a cut-off.
    """
    value = found.value
    cuts = [(one.row.cutoff, one.is_valid) for one in readings if one.row.cutoff is not None]
    if not cuts or not math.isfinite(value):
        return ""
    top = SPAN * max(cut.high for cut, _ in cuts)

    def at(x: float) -> float:
        return LEFT + (RIGHT - LEFT) * min(max(x, 0.0), top) / top

    wide = 0.0 if found.above else EIGHTY * spread(found)
    counting = [cut for cut, is_valid in cuts if is_valid]
    sides = {str(one.side) for one in readings if one.is_valid}
    colour = SIDE[sides.pop()] if len(sides) == 1 else SIDE["neither"]
    said = ", ".join(str(cut) for cut, _ in cuts)
    shapes = [
        f'<svg class="line" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img"><title>',
        escape(f"{value:.3g}, 80 % interval {max(value - wide, 0):.3g} to {value + wide:.3g}; cut-offs {said}"),
        "</title>",
        *(_zone(cut, found.marker.repeatability, at) for cut in counting),
        f'<path d="M{LEFT:g} {LINE:g}H{RIGHT:g}" stroke="var(--soft)" stroke-width="1"/>',
        *(_cut(cut, at, 0.6 if is_valid else 0.16) for cut, is_valid in cuts),
        f'<path d="M{at(value - wide):.1f} {LINE:g}H{at(value + wide):.1f}" stroke="{colour}" stroke-width="4" '
        'stroke-linecap="round"/>',
        f'<circle cx="{at(value):.1f}" cy="{LINE:g}" r="5" fill="{colour}" stroke="var(--paper)" stroke-width="1.4"/>',
    ]
    if found.above or value > top:
        shapes.append(
            f'<path d="M{at(value):.1f} {LINE:g}h11m-5 -4l5 4l-5 4" stroke="{colour}" stroke-width="2" fill="none"/>'
        )
    return "".join([*shapes, *_scale(counting or [cut for cut, _ in cuts], top, at), "</svg>"])


def _zone(cut: Cutoff, repeatability: float, at: Callable[[float], float]) -> str:
    """Where a value, measured again, may lie on either side of a cut-off."""
    grey = EIGHTY * repeatability if math.isfinite(repeatability) else 0.0
    low, high = at(cut.low / (1 + grey)), at(cut.high / max(1 - grey, 0.3))
    return f'<rect x="{low:.1f}" y="{LINE - 9:g}" width="{high - low:.1f}" height="18" fill="var(--shade)"/>'


def _cut(cut: Cutoff, at: Callable[[float], float], opacity: float) -> str:
    wide = max(at(cut.high) - at(cut.low), 1.6)
    return (
        f'<rect x="{at(cut.low):.1f}" y="{LINE - 9:g}" width="{wide:.1f}" height="18" fill="var(--ink)" '
        f'fill-opacity="{opacity:g}"/>'
    )


def _scale(cuts: Sequence[Cutoff], top: float, at: Callable[[float], float]) -> list[str]:
    """The ends of the line and the cut-offs in numbers, as many as have room."""
    words, free = [_text(at(0.0), HEIGHT - 4, "0", "start"), _text(at(top), HEIGHT - 4, f"{top:.2g}", "end")], LEFT + 16
    for cut in sorted(cuts, key=lambda one: one.low):
        middle = at(0.5 * (cut.low + cut.high))
        half = 3.0 * len(str(cut))
        if free + 4 <= middle - half and middle + half <= RIGHT - 22:
            words.append(_text(middle, HEIGHT - 4, str(cut), "middle"))
            free = middle + half
    return words


def belief_curve(answer: Answer) -> str:
    """From what was believed before to what may be believed after: a band, since no study says how families depend."""
    size, low, high = 220.0, 30.0, 210.0

    def at(p: float) -> float:
        return low + (high - low) * p

    def down(p: float) -> float:
        return size - low - (high - low) * p + 10

    points = [(0.0, 0.0, 0.0), *answer.curve, (1.0, 1.0, 1.0)]
    upper = " ".join(f"{at(p):.1f},{down(top):.1f}" for p, _, top in points)
    lower = " ".join(f"{at(p):.1f},{down(bottom):.1f}" for p, bottom, _ in reversed(points))
    ticks = "".join(
        _text(at(p), size - 6, f"{p:.0%}", "middle") + _text(low - 4, down(p) + 3, f"{p:.0%}", "end")
        for p in (0.0, 0.5, 1.0)
    )
    said = f"Likelihood ratio {answer.ratio_low:.2g} to {answer.ratio_high:.2g}"
    return (
        f'<svg class="belief" viewBox="-6 0 {size + 12:g} {size + 14:g}" role="img"><title>{escape(said)}</title>'
        f'<rect x="{low:g}" y="{down(1):.1f}" width="{high - low:g}" height="{high - low:g}" fill="none" '
        'stroke="var(--line)"/>'
        f'<path d="M{at(0):.1f} {down(0):.1f}L{at(1):.1f} {down(1):.1f}" stroke="var(--soft)" stroke-dasharray="3 3"/>'
        f'<polygon points="{upper} {lower}" fill="#0e86c8" fill-opacity="0.35" stroke="#0e86c8"/>'
        f"{ticks}{_text((low + high) / 2, size + 8, 'before', 'middle')}"
        f'<g transform="rotate(-90 4 {size / 2:g})">{_text(4, size / 2, "after", "middle")}</g></svg>'
    )


def _text(x: float, y: float, word: str, anchor: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="9" fill="var(--soft)">{escape(word)}</text>'
    )
