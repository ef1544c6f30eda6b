"""What is already in an output folder: never overwritten unasked, never deleted if it is not ours."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Final

from perspect.io.canonical import canonical
from perspect.io.staging import may_write
from perspect.vocabulary import Problem

BIDS_VERSION: Final = "1.10.0"
DESCRIPTION: Final = "dataset_description.json"
IGNORED: Final = (
    "*.html", "*desc-dsc_*", "*desc-dce_*", "*desc-asl_*", "*desc-t1_*", "*desc-fit_*", "*desc-mrsi_*", "*_mask.*",
)  # fmt: skip
"""Results for which BIDS has no name yet (bids-standard/bids-specification issue 1549)."""


def demand_free(
    out: Path,
    existing: Sequence[Path],
    overwrite: bool,
    *,
    what: str = "results of this series",
    elsewhere: str = "another folder with --out",
    other: str = "",
) -> None:
    """Raises `Problem` where `out` cannot take the results, before anything is computed.

    `what` the `existing` files are, where else to write, and what `other` would be written beside them, are said in the
    words of the command that asks.
    """
    if out.exists() and not out.is_dir():
        raise Problem(f"{out} is a file.", "The results are a folder.", f"Give {elsewhere}.")
    if not may_write(out):
        raise Problem(
            f"{out} may not be written to.",
            "The results would be lost.",
            f"Correct its permissions, or give {elsewhere}.",
        )
    _demand_ours(out)
    if existing and not overwrite:
        listed = ", ".join(str(one.relative_to(out)) if one.is_relative_to(out) else one.name for one in existing[:3])
        raise Problem(
            f"{out} already holds {what} ({listed}{', ...' if len(existing) > 3 else ''}).",
            "They are not overwritten unasked.",
            f"Give {f'{other} or ' if other else ''}{elsewhere}, or say --overwrite.",
        )


def former_files(out: Path, summary: PurePosixPath) -> list[PurePosixPath]:
    """The files that a former run wrote, by its own list; none where it left no readable list."""
    listed = _json(out / summary).get("files", [])
    paths = [PurePosixPath(one) for one in listed if isinstance(one, str)]
    inside = [path for path in paths if not path.is_absolute() and ".." not in path.parts]
    return [path for path in inside if (out / path).is_file()]


def shared_files(out: Path, version: str, root: Path | None) -> dict[str, str]:
    """The files that all results of a folder share, with what is there already kept."""
    was = _json(out / DESCRIPTION)
    sources = [one for one in was.get("SourceDatasets", []) if isinstance(one, dict)]
    source = _source(out, root)
    if source is not None and source not in sources:
        sources.append(source)
    others = [one for one in was.get("GeneratedBy", []) if _generator(one) != "perspect"]
    description = {
        "Name": "perspect: perfusion maps",
        **was,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "perspect", "Version": version}, *others],
        "SourceDatasets": sources,
    }
    ignore = out / ".bidsignore"
    lines = ignore.read_text(encoding="utf-8").splitlines() if ignore.is_file() else []
    lines += [line for line in IGNORED if line not in lines]
    return {DESCRIPTION: canonical(description), ".bidsignore": "\n".join(lines) + "\n"}


def _source(out: Path, root: Path | None) -> dict[str, str] | None:
    """The data set of the input: its DOI where it has one, else the way to it from the output folder."""
    if root is None:
        return None
    known = _json(root / DESCRIPTION)
    if isinstance(doi := known.get("DatasetDOI"), str):
        return {"DOI": doi}
    try:
        return {"URL": Path(os.path.relpath(root.resolve(), out.absolute())).as_posix()}
    except ValueError:  # another drive, to which there is no relative way
        return {"URL": root.name}


def _demand_ours(out: Path) -> None:
    """Results of perspect do not go into a raw data set or into another program's results."""
    was = _json(out / DESCRIPTION)
    if not was or any(_generator(one) == "perspect" for one in was.get("GeneratedBy", [])):
        return
    raise Problem(
        f"{out} is a BIDS data set that perspect did not make ({DESCRIPTION}: {was.get('Name', 'without a name')}).",
        "Its description would be overwritten.",
        "Give a folder of its own with --out, for example derivatives/perspect.",
    )


def _generator(one: object) -> object:
    return one.get("Name") if isinstance(one, Mapping) else None


def _json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no such file, or it cannot be read as one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return {}
    return content if isinstance(content, dict) else {}
