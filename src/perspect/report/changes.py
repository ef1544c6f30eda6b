"""A lesion against an earlier study: every marker then and now, beside what measuring twice would do."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from math import isfinite
from typing import Final

from perspect.report.parts import digits
from perspect.vocabulary import Change

WIDTH, HEIGHT, LINE = 220.0, 26.0, 13.0
"""Of a line of change and where it runs, in points."""

REACH: Final = 3.0
"""Repeatability coefficients that a line shows to either side; what lies further is drawn at its end."""

WORDS: Final = {True: "beyond test-retest", False: "within test-retest", None: "not comparable"}


@dataclass(frozen=True)
class ChangeRow:
    """The change of one marker in words; `line` is SVG, `tone` a style of page.css."""

    name: str
    part: str
    before: str
    now: str
    difference: str
    coefficient: str
    word: str
    tone: str
    line: str
    sentence: str


def change_rows(changes: Sequence[Change]) -> tuple[ChangeRow, ...]:
    """What changed by more than measuring twice explains comes first, what cannot be compared last."""
    order = {True: 0, False: 1, None: 2}
    return tuple(_row(one) for one in sorted(changes, key=lambda one: order[one.is_beyond]))


def _row(one: Change) -> ChangeRow:
    is_known = one.is_beyond is not None
    sign = "+" if one.difference >= 0 else "−"
    unit = "" if one.unit in ("ratio", "fraction") else f" {one.unit}"
    return ChangeRow(
        name=one.name,
        part=one.region,
        before=digits(one.before) if isfinite(one.before) else "–",
        now=f"{digits(one.now)}{unit}" if isfinite(one.now) else "–",
        difference=f"{sign}{digits(abs(one.difference))}" if is_known else "–",
        coefficient=f"± {digits(one.coefficient)}" if is_known else "–",
        word=WORDS[one.is_beyond],
        tone="caution" if one.is_beyond else "note",
        line=_line(one) if is_known and one.coefficient > 0 else "",
        sentence=one.sentence,
    )


def _line(one: Change) -> str:
    """The change in units of its repeatability coefficient: shaded is what an unchanged lesion would do."""
    share = one.difference / one.coefficient

    def at(value: float) -> float:
        return WIDTH / 2 + (WIDTH / 2 - 8) * min(max(value, -REACH), REACH) / REACH

    colour = "var(--caution)" if one.is_beyond else "var(--soft)"
    return (
        f'<svg class="change" viewBox="0 0 {WIDTH:g} {HEIGHT:g}" role="img"><title>{escape(one.sentence)}</title>'
        f'<rect x="{at(-1):.1f}" y="{LINE - 8:g}" width="{at(1) - at(-1):.1f}" height="16" fill="var(--shade)"/>'
        f'<path d="M8 {LINE:g}H{WIDTH - 8:g}" stroke="var(--line)"/>'
        f'<path d="M{at(0):.1f} {LINE - 8:g}v16" stroke="var(--soft)"/>'
        f'<path d="M{at(0):.1f} {LINE:g}H{at(share):.1f}" stroke="{colour}" stroke-width="3"/>'
        f'<circle cx="{at(share):.1f}" cy="{LINE:g}" r="4.5" fill="{colour}"/></svg>'
    )
