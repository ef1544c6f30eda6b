"""A site's own cut-offs: from a cohort on disk to a file that `ask` reads."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import perspect
from perspect import evidence, io
from perspect.evidence import Calibrated, Calibration, Condition, Known, Question
from perspect.evidence.row import Proportion
from perspect.vocabulary import Problem

SCHEMA: Final = "perspect-calibration/1"


def calibrate_cohort(
    question: Question, cohort: Path, out: Path, *, outcomes: Path | None = None, site: str = "this site",
    overwrite: bool = False, seed: int = 0,
) -> Calibration:  # fmt: skip
    """Reads a cohort, finds its cut-offs, and writes them to `out` (JSON).

    Raises Problem where `out` is taken, the cohort cannot be read, is too small, or holds patients whom the question
    refuses.
    """
    there = [out] if out.exists() else []
    io.demand_free(out.parent, there, overwrite, what="a calibration", elsewhere="another file with --out")
    patients = tuple(Known(one.name, one.values, one.is_target, one.facts) for one in io.read_cohort(cohort, outcomes))
    refused = evidence.refusals(question, patients)
    if refused:
        raise Problem(
            f"{len(refused)} of {len(patients)} patients are none of whom '{question.key}' may be asked. {refused[0]}",
            "Cut-offs would be those of another population.", "Take them out of the cohort.",
        )  # fmt: skip
    found = evidence.calibrate(question, patients, site, perspect.__version__, seed)
    io.write_text(out, json.dumps(values_of(found), indent=2, ensure_ascii=False) + "\n")
    return found


def values_of(calibration: Calibration) -> dict[str, Any]:
    """The calibration as plain values."""
    infinite = {float("inf"), float("-inf")}
    conditions = [
        {key: value for key, value in asdict(one).items() if value is not None and value not in infinite}
        for one in calibration.conditions
    ]
    return {"schema": SCHEMA, **asdict(calibration), "conditions": conditions}


def read_calibration(path: Path, question: Question) -> Calibration:
    """The calibration in a file.

    Raises Problem where it is none, or one for another question.
    """
    if not path.is_file():
        raise Problem(f"There is no file {path}.", "The site's cut-offs are read from it.", "Check --calibration.")
    try:
        said: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if said["schema"] != SCHEMA:
            raise ValueError(f"its schema is '{said['schema']}', not '{SCHEMA}'")
        found = Calibration(
            said["question"], said["site"], said["version"], tuple(_marker(one) for one in said["markers"]),
            tuple(Condition(**one) for one in said["conditions"]),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(
            f"{path.name} holds no calibration: {error}.", "A verdict would rest on it.",
            "Make one with perspect calibrate.",
        ) from error  # fmt: skip
    if found.question != question.key:
        raise Problem(
            f"{path.name} was made for '{found.question}', not for '{question.key}'.",
            "Cut-offs do not travel between questions.", "Make one from a cohort with that question.",
        )  # fmt: skip
    return found


def _marker(said: dict[str, Any]) -> Calibrated:
    proportions = {name: Proportion(**said[name]) for name in ("sensitivity", "specificity")}
    return Calibrated(**{**said, **proportions})


def table(found: Calibration) -> str:
    """The cut-offs, for people."""
    lines = [f"{'marker':<18}{'cut-off (95 %)':<26}{'AUC (95 %)':<22}{'sens':>6}{'spec':>6}{'n':>9}"]
    for one in found.markers:
        way = ">" if one.direction == "high" else "<"
        cut = f"{way} {one.cutoff:.3g} ({one.cutoff_low:.3g} to {one.cutoff_high:.3g})"
        auc = f"{one.auc:.2f} ({one.auc_low:.2f} to {one.auc_high:.2f})"
        n = f"{one.n_target}+{one.n_other}"
        line = f"{one.marker:<18}{cut:<26}{auc:<22}{one.sensitivity.value:>6.2f}{one.specificity.value:>6.2f}{n:>9}"
        lines.append(line + (f"  not used: {one.why_not}" if one.why_not else ""))
    return "\n".join(lines)
