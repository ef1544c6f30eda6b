"""What the images cannot say: treatment, drugs, age, and what a reader saw; from a small TOML or JSON file."""

import json
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from perspect.vocabulary import Problem

YES_OR_NO: Final = ("adult", "treated", "antiangiogenic", "steroids", "gadolinium_before_mrs", "preload")
OF_SERIES: Final = {"preload": "dsc.has_preload"}
"""What a series says of itself too, by the name that it has there: DICOM has no field for a preload."""

DATES: Final = ("study_date", "radiotherapy_end")
NUMBERS: Final = ("radiotherapy_days",)
SHARES: Final = ("haematocrit",)
SEEN: Final = ("swi_dual_rim", "t2_flair_mismatch")
"""Signs that only a reader can see, in the table `[seen]`."""


@dataclass(frozen=True)
class Context:
    """Facts by name, and signs that a reader saw or did not see."""

    facts: dict[str, bool | float | str] = field(default_factory=dict)
    seen: dict[str, bool] = field(default_factory=dict)


def read_context(path: Path | None) -> Context:
    """The context in a file; nothing where there is none. `radiotherapy_end` with `study_date` become days.

    Raises Problem for what cannot be read, is not known, or is of the wrong kind.
    """
    if path is None:
        return Context()
    if not path.is_file():
        raise Problem(f"There is no file {path}.", "The context is read from it.", "Check the path of --context.")
    try:
        text = path.read_text("utf-8")
        said: dict[str, Any] = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except (ValueError, UnicodeDecodeError) as error:
        raise Problem(
            f"{path.name} cannot be read as {'JSON' if path.suffix.lower() == '.json' else 'TOML'}: {error}.",
            "Treatment and drugs decide what a number means.", "Correct the file.",
        ) from error  # fmt: skip
    if not isinstance(said, dict) or not isinstance(said.get("seen", {}), dict):
        raise Problem(
            f"{path.name} holds no table of names.",
            "Facts are read by their names.",
            "Write a line such as treated = true.",
        )
    marks = said.pop("seen", {})
    _demand_known(said, (*YES_OR_NO, *DATES, *NUMBERS, *SHARES), path)
    _demand_known(marks, SEEN, path)
    facts: dict[str, bool | float | str] = {}
    for name, value in said.items():
        if name in YES_OR_NO:
            facts[OF_SERIES.get(name, name)] = _yes(name, value, path)
        elif name in NUMBERS:
            facts[name] = _number(name, value, path)
        elif name in SHARES:
            facts[name] = _share(name, value, path)
    facts |= _days(said, path)
    return Context(facts, {name: _yes(name, value, path) for name, value in marks.items()})


def _demand_known(said: dict[str, Any], known: tuple[str, ...], path: Path) -> None:
    for name in said:
        if name in known:
            continue
        near = get_close_matches(name, known, 1)
        place = "in its table [seen]" if known is SEEN else "outside of its table [seen]"
        raise Problem(
            f"{path.name} says '{name}', which is nothing that perspect asks for {place}.",
            "A fact with a wrong name or in a wrong place would be missing without a word.",
            f"Did you mean {near[0]}?" if near else f"It knows {', '.join(known)} there.",
        )


def _yes(name: str, value: Any, path: Path) -> bool:
    if isinstance(value, bool):
        return value
    raise Problem(f"{path.name}: {name} is {value!r}.", "It is a yes or a no.", f"Write {name} = true or false.")


def _number(name: str, value: Any, path: Path) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return float(value)
    raise Problem(f"{path.name}: {name} is {value!r}.", "It is a number of days.", f"Write {name} = 120, say.")


def _share(name: str, value: Any, path: Path) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1:
        return float(value)
    raise Problem(f"{path.name}: {name} is {value!r}.", "It is a share of one.", f"Write {name} = 0.42, say.")


def _days(said: dict[str, Any], path: Path) -> dict[str, float]:
    """Days from the end of radiotherapy to the study, where both dates are there."""
    if "radiotherapy_end" not in said:
        return {}
    if "radiotherapy_days" in said:
        raise Problem(
            f"{path.name} has both radiotherapy_end and radiotherapy_days.",
            "They could contradict each other.", "Keep one of the two.",
        )  # fmt: skip
    if "study_date" not in said:
        raise Problem(
            f"{path.name} has radiotherapy_end but no study_date.",
            "What matters is the time between the two.", "Add study_date = YYYY-MM-DD, or radiotherapy_days.",
        )  # fmt: skip
    end, study = (_date(name, said[name], path) for name in ("radiotherapy_end", "study_date"))
    if study < end:
        raise Problem(
            f"{path.name}: the study ({study}) was before the end of radiotherapy ({end}).",
            "Then it was not a study of a treated lesion.", "Check both dates.",
        )  # fmt: skip
    return {"radiotherapy_days": float((study - end).days)}


def _date(name: str, value: Any, path: Path) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise Problem(f"{path.name}: {name} is {value!r}.", "It is a date.", "Write it as YYYY-MM-DD.") from error
