"""A lesion against itself in an earlier study: how much a marker changed, and whether measuring twice explains it."""

from collections.abc import Sequence
from math import hypot, isfinite, nan, sqrt
from typing import Final

from perspect.vocabulary import Change, Earlier, Finding, Severity

REPEATED: Final = 1.96 * sqrt(2.0)
"""Within-subject standard deviations between two measurements of which 95 % of repetitions stay (Bland and Altman 1986,
doi:10.1016/S0140-6736(86)90837-8)."""


def changes(now: Sequence[Finding], before: Sequence[Earlier], software: str) -> tuple[Change, ...]:
    """Every marker that was read in the same part in both studies."""
    held = {(one.marker, one.region): one for one in before}
    return tuple(
        change(one, held[one.marker.key, one.region], software)
        for one in now
        if (one.marker.key, one.region) in held
    )  # fmt: skip


def change(now: Finding, before: Earlier, software: str) -> Change:
    """The change of one marker against its repeatability coefficient, in words.

    Only a value of the same software and unit is compared: cut-offs and values do not travel between pipelines.
    """
    why = _why_not(now, before, software)
    if why:
        return _said(now, before, nan, None, f"{now.marker.name}: not comparable, {why}.")
    of_value = now.marker.repeatability * 0.5 * (abs(now.value) + abs(before.value))
    of_errors = hypot(now.std, before.std) / sqrt(2.0)
    is_published = isfinite(of_value) and of_value >= of_errors
    coefficient = REPEATED * (of_value if is_published else of_errors)
    is_beyond = abs(now.value - before.value) > coefficient
    rest = "how well it repeats" if is_published else "its own errors; no test-retest of it is published"
    if now.marker.repeatability == now.marker.repeatability and not is_published:
        rest = "the errors of both values, which are larger than test-retest"
    sense = "rose" if now.value > before.value else "fell"
    word = "beyond test-retest" if is_beyond else "within test-retest"
    sentence = (
        f"{now.marker.name} {sense} from {before.value:.3g} to {now.value:.3g} {now.marker.unit}: {word} "
        f"(repeatability coefficient {coefficient:.2g}, by {rest})."
    )
    return _said(now, before, coefficient, is_beyond, sentence)


def _why_not(now: Finding, before: Earlier, software: str) -> str:
    if before.unit != now.marker.unit:
        return f"it was in {before.unit} and is in {now.marker.unit}"
    if before.software != software:
        return f"it was measured by {before.software or 'an unknown version'} and now by {software}"
    if before.above or now.above:
        return "one of the values is only a bound"
    if not (isfinite(before.value) and isfinite(before.std)):
        return "it had no value then"
    if not now.is_known:
        return "it has no value now"
    if before.is_limited or any(flag.severity >= Severity.LIMITED for flag in now.flags):
        return "one of the values is limited by a trap or its series"
    return ""


def _said(now: Finding, before: Earlier, coefficient: float, is_beyond: bool | None, sentence: str) -> Change:
    return Change(
        now.marker.key, now.marker.name, now.region, now.marker.unit, before.value, now.value, coefficient, is_beyond,
        sentence,
    )  # fmt: skip
