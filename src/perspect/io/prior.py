"""The findings of an earlier study, from its `_findings.json`."""

import json
from math import nan
from pathlib import Path
from typing import Any, Final

from perspect.vocabulary import Earlier, Problem

SCHEMA: Final = "perspect-findings/1"
"""The schema whose numbers can be compared."""


def read_prior(path: Path, subject: str) -> tuple[Earlier, ...]:
    """The numbers of an earlier study of the same subject; what is null there is NaN.

    Raises Problem for what is no such file, or of another subject.
    """
    said = _said(path)
    name = str(said.get("study", {}).get("name", ""))
    if _subject(name) != _subject(subject):
        raise Problem(
            f"{path.name} is of {name or 'nobody who is named'}, and this study of {subject}.",
            "A change would be that from one patient to another.",
            "Give the findings of the same patient.",
        )
    software = str(said.get("software", {}).get("version", ""))
    return tuple(_earlier(one, software) for one in said.get("findings", []))


def _said(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise Problem(f"There is no file {path}.", "The earlier findings are read from it.", "Check --prior.")
    try:
        said = json.loads(path.read_text("utf-8"))
    except (ValueError, UnicodeDecodeError) as error:
        raise Problem(
            f"{path.name} cannot be read as JSON: {error}.", "Earlier findings are.", "Give an _findings.json."
        ) from error
    if not isinstance(said, dict) or said.get("schema") != SCHEMA:
        raise Problem(
            f"{path.name} is no {SCHEMA}.",
            "The numbers of another schema may mean something else.",
            "Give the _findings.json of perspect ask, or ask again of the earlier study.",
        )
    return said


def _subject(name: str) -> str:
    """The subject of a name, whatever its session.

    >>> _subject("sub-01_ses-2")
    'sub-01'
    """
    return name.split("_ses-")[0]


def _earlier(one: dict[str, Any], software: str) -> Earlier:
    value, std = (nan if one.get(name) is None else float(one[name]) for name in ("value", "std"))
    return Earlier(
        str(one["marker"]), str(one["region"]), value, std, str(one["unit"]), one.get("bound") == "above",
        bool(one.get("limited", False)), software,
    )  # fmt: skip
