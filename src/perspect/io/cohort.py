"""A cohort with known outcomes: one table, or the findings of many studies with a table of outcomes beside them."""

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from perspect.io.context import NUMBERS, YES_OR_NO
from perspect.vocabulary import MARKERS, Problem

NAME, OUTCOME = "participant_id", "outcome"

NOT_KNOWN: Final = frozenset({"", "n/a", "nan", "null"})

TARGET: Final = frozenset({"1", "true", "yes", "target"})
OTHER: Final = frozenset({"0", "false", "no", "other"})

NEVER_CALIBRATED: Final = frozenset({"limited", "refused"})
"""Severities of flags with which a value serves no calibration."""

NEARLY: Final = 0.85
"""Likeness of two names from which on one is taken for a slip of the other [our default]."""

Fact = bool | float | str


@dataclass(frozen=True)
class Measured:
    """One patient: values by marker, facts by name, and whether the outcome was the target."""

    name: str
    values: Mapping[str, float]
    facts: Mapping[str, Fact]
    is_target: bool


def read_cohort(source: Path, outcomes: Path | None = None) -> tuple[Measured, ...]:
    """The patients of a table (`participant_id`, `outcome`, a column for each marker or fact), or of a folder that
    holds `*_findings.json`, whose outcomes are in a table of their own (default: `outcomes.tsv` in the folder).

    Outcomes are 1 (the question's target) and 0. Raises Problem for what cannot be read or is not known.
    """
    if not source.exists():
        raise Problem(f"There is no {source}.", "The cohort is read from it.", "Give a table or a folder of results.")
    if source.is_dir():
        return tuple(_of_folder(source, outcomes or source / "outcomes.tsv"))
    if outcomes is not None:
        raise Problem(
            "A table of markers and a table of outcomes were given.", "Which row belongs to which is not said.",
            "Put the outcomes into a column of the table, or give the folder with the findings.",
        )  # fmt: skip
    return tuple(_of_table(source))


def _of_table(path: Path) -> Iterator[Measured]:
    keys, rows = {one.key for one in MARKERS}, _rows(path)
    _demand_names(rows[0], keys, path)
    for row in rows:
        values = {key: _number(row[key], key, path) for key in row if key in keys}
        facts = {key: _fact(cell) for key, cell in row.items() if key not in keys | {NAME, OUTCOME}}
        known = {key: fact for key, fact in facts.items() if fact is not None}
        yield Measured(row[NAME], values, known, _outcome(row, path))


def _demand_names(columns: Iterable[str], keys: set[str], path: Path) -> None:
    """Raises Problem for a column whose name is nearly that of a marker or a fact: nobody would read it."""
    known = keys | {NAME, OUTCOME, *YES_OR_NO, *NUMBERS}
    for column in columns:
        plain = column.strip().lower().replace(" ", "_").replace("-", "_")
        near = [] if column in known else get_close_matches(plain, sorted(known), 1, NEARLY)
        if near:
            raise Problem(
                f"{path.name} has a column '{column}', which is no marker and nothing that is on record.",
                "Its numbers would be read by nobody.",
                f"If it is '{near[0]}', name it so; if it is another number, give it a name that is like no marker's.",
            )


def _of_folder(folder: Path, outcomes: Path) -> Iterator[Measured]:
    files = sorted(folder.rglob("*_findings.json"))
    if not files:
        raise Problem(
            f"{folder} holds no *_findings.json.", "That is what perspect ask writes for each study.",
            "Ask the question of every patient first, or give a table.",
        )  # fmt: skip
    told = {row[NAME]: _outcome(row, outcomes) for row in _rows(outcomes)}
    there = {str(one["study"]["name"]): one for one in map(_findings, files)}
    lacking = sorted(set(told) - set(there))
    if lacking:
        raise Problem(
            f"{outcomes.name} names {', '.join(lacking[:3])}, of whom there are no findings.",
            "A patient who is left out without a word would bend the cut-offs.", "Measure them, or take them out.",
        )  # fmt: skip
    for name, is_target in told.items():
        one = there[name]
        grave = {flag["code"] for flag in (*one["flags"], *one["traps"]) if flag["severity"] in NEVER_CALIBRATED}
        values = {row["marker"]: row["value"] for row in one["findings"] if _is_usable(row, grave)}
        yield Measured(name, values, one["context"], is_target)


def _findings(path: Path) -> dict[str, Any]:
    """The findings in a file, with every key that a cohort is read by."""
    try:
        read: dict[str, Any] = json.loads(path.read_text("utf-8"))
        if not str(read["schema"]).startswith("perspect-findings/"):
            raise ValueError(f"its schema is '{read['schema']}'")
        rows = read["findings"]
        complete = all({"marker", "value", "bound", "flags", "limited"} <= set(row) for row in rows)
        graded = all({"code", "severity"} <= set(flag) for flag in (*read["flags"], *read["traps"]))
        if not (complete and graded and isinstance(read["study"]["name"], str) and isinstance(read["context"], dict)):
            raise ValueError("what a finding needs is not there")
    except (ValueError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise Problem(
            f"{path} holds no findings of perspect ({type(error).__name__}: {error}).",
            "A patient who is left out without a word would bend the cut-offs.",
            "Ask the question of this patient again, or take the file out of the folder.",
        ) from error
    return read


def _is_usable(row: Mapping[str, Any], grave: set[str]) -> bool:
    """Whether a value may serve a calibration: known, no bound, not spoilt by what limits it."""
    return (
        isinstance(row["value"], int | float)
        and row["bound"] is None
        and not row["limited"]
        and not grave & set(row["flags"])
    )


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise Problem(f"There is no table {path}.", "It says what the outcomes were.", "Give it with --outcomes.")
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="," if path.suffix.lower() == ".csv" else "\t"))
    if not rows or not {NAME, OUTCOME} <= set(rows[0]):
        raise Problem(
            f"{path.name} has no columns '{NAME}' and '{OUTCOME}'.", "They say who is who, and what it was.",
            "Write a tab-separated table with a header.",
        )  # fmt: skip
    names = [row[NAME] for row in rows]
    if len(set(names)) < len(names):
        raise Problem(f"{path.name} names a patient twice.", "Nobody counts twice.", "Leave one row for each.")
    return rows


def _outcome(row: Mapping[str, str], path: Path) -> bool:
    word = (row[OUTCOME] or "").strip().lower()
    if word in TARGET or word in OTHER:
        return word in TARGET
    raise Problem(
        f"{path.name}: the outcome of {row[NAME]} is '{row[OUTCOME]}'.", "It is 1 (the target of the question) or 0.",
        "Take patients without a known outcome out.",
    )  # fmt: skip


def _number(cell: str | None, key: str, path: Path) -> float:
    word = (cell or "").strip().lower()
    if word in NOT_KNOWN:
        return math.nan
    try:
        return float(word)
    except ValueError as error:
        raise Problem(
            f"{path.name}: {key} is '{cell}'.", "A marker is a number, or n/a.", "Correct the cell."
        ) from error


def _fact(cell: str | None) -> Fact | None:
    word = (cell or "").strip()
    if word.lower() in NOT_KNOWN:
        return None
    if word.lower() in ("true", "false"):
        return word.lower() == "true"
    try:
        return float(word)
    except ValueError:
        return word
