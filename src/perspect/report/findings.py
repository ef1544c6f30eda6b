"""The canonical findings: one JSON that holds all that a report shows, in the order of a fixed schema."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from perspect.evidence import Answer, Reading
from perspect.evidence.likelihood import EIGHTY, spread
from perspect.report.dossier import Dossier
from perspect.report.panel import Chart, Panel
from perspect.vocabulary import Curve, Finding, Flag, Metric, Severity

SCHEMA: Final = "perspect-findings/1"
"""Name and version; a key that goes or changes its meaning makes the next version."""

BANNER: Final = "RESEARCH – not for diagnosis"

COLUMNS: Final = (
    "marker", "family", "region", "value", "std", "low80", "high80", "unit", "n", "with_traps", "without_traps",
    "flags",
)  # fmt: skip


def findings_json(dossier: Dossier) -> str:
    """The findings as text: the same dossier gives the same bytes; numbers that are not known are null."""
    return json.dumps(_clean(findings_values(dossier)), indent=2, ensure_ascii=False, sort_keys=False) + "\n"


def findings_values(dossier: Dossier) -> dict[str, Any]:
    """The findings as plain values, by the keys of the schema."""
    answer = dossier.answer
    return {
        "schema": SCHEMA,
        "banner": BANNER,
        "software": {"name": "perspect", "version": dossier.version, "plan": dict(dossier.plan)},
        "question": None if dossier.question is None else dossier.question.key,
        "context": dict(sorted(dossier.case.facts.items())),
        "study": {
            "name": dossier.name,
            "series": [
                {"role": one.role, "name": one.name, "how": one.how, "used": one.is_used, "why_not": one.why_not}
                for one in dossier.series
            ],
            "sources": dict(sorted(dossier.sources.items())),
        },
        "quality": {
            room: {"reliability": one.reliability, "reason": one.reason, "flags": one.flags, "numbers": one.numbers}
            for room, one in dossier.quality.items()
        },
        "flags": [_flag(one) for one in dossier.flags],
        "traps": [_flag(one) for one in dossier.traps],
        "regions": [
            {"name": one.name, "voxels": one.n_voxels, "volume_ml": one.volume, "origin": one.origin}
            for one in dossier.regions
        ],
        "findings": [finding_values(one) for one in dossier.findings],
        "metrics": [metric_values(one) for one in dossier.metrics],
        "histograms": [asdict(one) for one in dossier.histograms],
        "sizes": [{**asdict(one), "product": one.product} for one in dossier.sizes],
        "curves": [_chart(one) for one in dossier.charts],
        "changes": [one.sentence for one in dossier.changes],
        "evidence": [] if answer is None else [_reading(one) for one in answer.readings],
        "verdict": None if answer is None else _verdict(answer),
        "limits": [] if answer is None else list(answer.limits),
        "methods": {room: recipe.methods for room, recipe in dossier.recipes.items()},
        "references": list(dict.fromkeys(one for recipe in dossier.recipes.values() for one in recipe.references)),
    }


def findings_table(dossier: Dossier) -> str:
    """A row for each marker and region, tab-separated; n/a is what is not known, as BIDS has it."""
    lines = ["\t".join(COLUMNS)]
    for one in dossier.findings:
        values = finding_values(one)
        low, high = values["interval"]
        row = {**values, "low80": low, "high80": high, "flags": ", ".join(flag.code for flag in one.flags) or "n/a"}
        lines.append("\t".join(_cell(row[name]) for name in COLUMNS))
    return "\n".join(lines) + "\n"


def finding_values(one: Finding) -> dict[str, Any]:
    """One finding by the keys of the schema; the interval is that of 80 %, repeatability included."""
    wide = EIGHTY * spread(one)
    is_plain = math.isfinite(one.value) and not one.above
    return {
        "marker": one.marker.key,
        "name": str(one.marker),
        "family": str(one.marker.family),
        "region": one.region,
        "value": one.value,
        "std": one.std,
        "interval": [one.value - wide if is_plain else one.value, one.value + wide if is_plain else math.nan],
        "bound": "above" if one.above else None,
        "unit": one.marker.unit,
        "n": one.n,
        "with_traps": one.with_traps,
        "without_traps": one.without_traps,
        "flags": [flag.code for flag in one.flags],
        "limited": any(flag.severity >= Severity.LIMITED for flag in one.flags),
    }


def metric_values(one: Metric) -> dict[str, Any]:
    """One statistic of one map in one part; the interval is that of 95 %."""
    return {
        "quantity": one.quantity,
        "region": one.region,
        "statistic": one.statistic,
        "unit": one.unit,
        "value": one.value,
        "interval": [one.low, one.high],
        "n": one.n,
        "with_traps": one.with_traps,
        "without_traps": one.without_traps,
        "flags": [flag.code for flag in one.flags],
    }


def _chart(one: Chart) -> dict[str, Any]:
    """The curves of a series as they are drawn."""
    return {
        "series": one.series,
        "title": one.title,
        "region": one.part,
        "voxels": one.n_voxels,
        "left_out": one.n_left_out,
        "fit_of": one.fitted,
        "markers": list(one.markers),
        "sentence": one.sentence,
        "panels": [_panel(panel) for panel in one.panels],
    }


def _panel(one: Panel) -> dict[str, Any]:
    return {
        "title": one.title,
        "axes": [one.across, one.down],
        "note": one.note,
        "spans": [asdict(span) for span in one.spans],
        "marks": [asdict(mark) for mark in one.marks],
        "curves": {name: _curve(curve) for name, curve in one.curves.items()},
    }


def _curve(one: Curve) -> dict[str, Any]:
    rows = {"times": one.times, "values": one.values, "std": one.std, "fit": one.fit}
    return {
        "label": one.label,
        "unit": one.unit,
        **{name: None if row is None else np.asarray(row, float).tolist() for name, row in rows.items()},
    }


def _reading(one: Reading) -> dict[str, Any]:
    row = one.row
    published = {
        "id": row.id,
        "cutoff": None if row.cutoff is None else [row.cutoff.low, row.cutoff.high],
        "cutoff_origin": "" if row.cutoff is None else row.cutoff.origin,
        "direction": row.direction,
        "sensitivity": _proportion(row.sensitivity),
        "specificity": _proportion(row.specificity),
        "derived": row.derived,
        "auc": row.auc,
        "n_patients": row.n_patients,
        "n_studies": row.n_studies,
        "status": row.status,
        "reference": row.reference,
        "note": row.note,
    }
    return {
        "marker": one.finding.marker.key,
        "region": one.finding.region,
        "family": str(one.finding.marker.family),
        "published": published,
        "valid": one.is_valid,
        "failed_conditions": list(one.failed),
        "probability_beyond": one.probability,
        "reads_as": str(one.side),
        "lr": one.ratio,
        "lr_low": one.ratio_low,
        "lr_high": one.ratio_high,
    }


def _proportion(one: Any) -> list[float] | None:
    return None if one is None else [one.value, one.low, one.high]


def _verdict(answer: Answer) -> dict[str, Any]:
    return {
        "word": str(answer.word),
        "side": answer.side_name,
        "points": str(answer.side),
        "families_for": [str(one) for one in answer.families_for],
        "families_against": [str(one) for one in answer.families_against],
        "families_unusable": [str(one) for one in answer.families_unusable],
        "hinges_on": list(answer.hinges_on),
        "sentence": answer.sentence,
        "lr_range": [answer.ratio_low, answer.ratio_high],
        "pre_to_post_test": [list(point) for point in answer.curve],
    }


def _flag(flag: Flag) -> dict[str, Any]:
    return {
        "code": flag.code,
        "severity": flag.severity.name.lower(),
        "sentence": flag.sentence,
        "where": flag.where,
        "fraction": flag.fraction,
    }


def _clean(value: Any) -> Any:
    """Values that JSON can hold: null for what is no number, six digits for the rest."""
    if isinstance(value, Mapping):
        return {str(key): _clean(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return list(_cleaned(value))
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value


def _cleaned(values: Any) -> Iterator[Any]:
    return (_clean(one) for one in values)


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "n/a"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
