"""Numbers on lines and curves of belief, as SVG that stands inside a page."""

import math
from html import escape
from typing import Final

from perspect.evidence import Answer, Reading
from perspect.evidence.likelihood import EIGHTY, spread

WIDTH, HEIGHT = 420.0, 46.0
LEFT, RIGHT, LINE = 12.0, 408.0, 22.0
"""Size of a line and where it runs, in points."""

SIDE: Final = {"for": "#d55e00", "against": "#0e86c8", "neither": "#8a8f98"}
"""Okabe and Ito's colours for the two sides, grey for neither."""


def number_line(one: Reading) -> str:
    """A value with its 80 % interval beside the cut-off: the grey zone is shaded, the cut-off a tick or a bar.

    Empty where there is neither a value nor a cut-off.
    """
    value, cut = one.finding.value, one.row.cutoff
    if cut is None or not math.isfinite(value):
        return ""
    wide = 0.0 if one.finding.above else EIGHTY * spread(one.finding)
    top = 1.15 * max(cut.high, value + wide, 1.6 * cut.high)

    def at(x: float) -> float:
        return LEFT + (RIGHT - LEFT) * min(max(x, 0.0), top) / top

    grey = EIGHTY * one.finding.marker.repeatability if math.isfinite(one.finding.marker.repeatability) else 0.0
    zone = cut.low / (1 + grey), cut.high / max(1 - grey, 0.3)
    colour = SIDE[str(one.side)]
    low, high = at(value - wide), at(value + wide)
    said = f"{value:.3g}, 80 % interval {max(value - wide, 0):.3g} to {value + wide:.3g}; published cut-off {cut}"
    shapes = [
        f'<svg class="line" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img"><title>{escape(said)}</title>',
        f'<rect x="{at(zone[0]):.1f}" y="{LINE - 9:g}" width="{at(zone[1]) - at(zone[0]):.1f}" height="18" '
        'fill="var(--shade)"/>',
        f'<path d="M{LEFT:g} {LINE:g}H{RIGHT:g}" stroke="var(--soft)" stroke-width="1"/>',
        f'<rect x="{at(cut.low):.1f}" y="{LINE - 9:g}" width="{max(at(cut.high) - at(cut.low), 1.6):.1f}" height="18" '
        'fill="var(--ink)" fill-opacity="0.35"/>',
        f'<path d="M{low:.1f} {LINE:g}H{high:.1f}" stroke="{colour}" stroke-width="4" stroke-linecap="round"/>',
        f'<circle cx="{at(value):.1f}" cy="{LINE:g}" r="5" fill="{colour}" stroke="var(--paper)" stroke-width="1.4"/>',
    ]
    if one.finding.above:
        shapes.append(
            f'<path d="M{at(value):.1f} {LINE:g}h14m-5 -4l5 4l-5 4" stroke="{colour}" stroke-width="2" fill="none"/>'
        )
    for x, word, anchor in ((0.0, "0", "start"), (top, f"{top:.2g}", "end")):
        shapes.append(_text(at(x), HEIGHT - 4, word, anchor))
    shapes.append(_text(at(0.5 * (cut.low + cut.high)), HEIGHT - 4, str(cut), "middle"))
    return "".join([*shapes, "</svg>"])


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
