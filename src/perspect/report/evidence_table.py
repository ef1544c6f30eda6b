"""Evidence as lines of a table: one for each marker, with everything published that it was read by."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from perspect.evidence import Answer, Reading, Side
from perspect.report.number_line import number_line
from perspect.vocabulary import Finding


@dataclass(frozen=True)
class Published:
    """One published row beside a value, in words. `failed` is why it counts for nothing, empty where it counts."""

    cutoff: str
    origin: str
    chance: str
    reads: str
    side: str
    rates: str
    n: str
    reference: str
    note: str
    failed: str


@dataclass(frozen=True)
class MarkerLine:
    """A marker with its value, its number line (SVG), the rows that it is read by, and those that do not apply."""

    name: str
    family: str
    region: str
    value: str
    line: str
    used: tuple[Published, ...]
    unused: tuple[Published, ...]


def marker_lines(answer: Answer, names: Mapping[Side, str]) -> tuple[MarkerLine, ...]:
    """A line for each marker and region; those that something published applies to come first."""
    groups: dict[tuple[str, str], list[Reading]] = {}
    for one in answer.readings:
        groups.setdefault((one.finding.marker.key, one.finding.region), []).append(one)
    lines = [_line(readings, names) for readings in groups.values()]
    return tuple(sorted(lines, key=lambda line: not line.used))


def shown(one: Finding) -> str:
    """A value as people write it, with its standard error; a bound as a bound."""
    if not math.isfinite(one.value):
        return "not known"
    unit = "" if one.marker.unit in ("ratio", "fraction") else f" {one.marker.unit}"
    unit = f" ×{unit}" if unit.startswith(" 10") else unit
    if one.above:
        return f"> {one.value:.2g}{unit}"
    digits = 0 if abs(one.value) >= 100 else 1 if abs(one.value) >= 10 else 2 if abs(one.value) >= 0.1 else 3
    return f"{one.value:.{digits}f} ± {one.std:.{digits}f}{unit}"


def _line(readings: list[Reading], names: Mapping[Side, str]) -> MarkerLine:
    found = readings[0].finding
    rows = [(_published(one, names), one.is_valid) for one in readings]
    return MarkerLine(
        name=found.marker.name,
        family=str(found.marker.family),
        region=f"{found.region}, {found.marker.statistic}",
        value=shown(found),
        line=number_line(found, readings),
        used=tuple(row for row, is_valid in rows if is_valid),
        unused=tuple(row for row, is_valid in rows if not is_valid),
    )


def _published(one: Reading, names: Mapping[Side, str]) -> Published:
    row = one.row
    rates = ""
    if row.sensitivity is not None and row.specificity is not None:
        rates = f"{row.sensitivity.value:.2f} / {row.specificity.value:.2f}"
        rates += " (from its AUC)" if row.derived else ""
    context = "" if row.status == "verified" else f"{row.status}, shown as context only"
    return Published(
        cutoff=f"{'above' if row.direction == 'high' else 'below'} {row.cutoff}" if row.cutoff else "no cut-off",
        origin=row.cutoff.origin if row.cutoff else "",
        chance=f"{one.probability:.0%}" if math.isfinite(one.probability) else "–",
        reads="grey zone" if one.side is Side.NEITHER else names[one.side],
        side=str(one.side),
        rates=rates or "–",
        n=f"n = {row.n_patients}" if row.n_patients else f"{row.n_studies} studies" if row.n_studies > 1 else "",
        reference=row.reference,
        note="; ".join(part for part in (row.note, context) if part),
        failed="; ".join(one.failed),
    )
