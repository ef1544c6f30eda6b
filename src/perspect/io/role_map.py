"""A role map: a small TOML file that says what each image of a study is, where its names do not."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from os.path import normpath
from pathlib import Path
from typing import Any, Final

from perspect.io.bids import IMAGES
from perspect.vocabulary import Problem

FILE_NAME: Final = "roles.toml"
"""Where a role map is looked for, in the folder of the study."""

MOST: Final[Mapping[str, int]] = {
    "t1w": 1, "t1c": 1, "t2w": 1, "flair": 1, "dsc": 2, "dce": 1, "asl": 1, "adc": 1, "mrs": 8, "mrsi": 8, "t2star": 2,
    "vfa": 16, "tb1map": 1, "m0scan": 1, "aslcontext": 1, "mrsref": 8,
}  # fmt: skip
"""Roles, and how many files or series each may have at most: two echoes of DSC, magnitude and phase of T2*."""

LABELS: Final = ("subject", "session")

Entry = str | int
"""A path below the folder of the study, or the number of a DICOM series."""


@dataclass(frozen=True)
class RoleMap:
    """Files (or numbers of DICOM series) by role, as they are written; labels of subject and session where given."""

    entries: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    subject: str | None = None
    session: str | None = None
    name: str = FILE_NAME


def role_map_of(study: Path, given: Path | None) -> Path | None:
    """The role map that was given, or that lies in the folder of the study; None where there is none."""
    if given is None:
        beside = study / FILE_NAME
        return beside if beside.is_file() else None
    if not given.is_file():
        raise Problem(f"There is no file {given}.", "It would say what each image is.", "Check the path of --roles.")
    return given


def read_role_map(path: Path) -> RoleMap:
    """A role map from TOML. Raises `Problem` for what is no TOML, no role, no path or number, or too many."""
    try:
        said: dict[str, Any] = tomllib.loads(path.read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Problem(
            f"{path.name} cannot be read as TOML: {error}.",
            "It says what each image of the study is.",
            'Correct it; a line is like: dsc = "perfusion.nii.gz".',
        ) from error
    entries: dict[str, tuple[Entry, ...]] = {}
    for role, value in said.items():
        if role not in LABELS:
            entries[role] = _entries(path, _known(path, role), value)
    if not entries:
        raise Problem(
            f"{path.name} gives no image a role.",
            "Where there is a role map, images that it does not name are not used.",
            'Add lines such as t1w = "t1.nii.gz", or take the file away.',
        )
    _demand_once(path, entries)
    return RoleMap(entries, _label(path, "subject", said), _label(path, "session", said), path.name)


def _known(path: Path, role: str) -> str:
    if role in MOST:
        return role
    near = get_close_matches(role.lower(), [*MOST, *LABELS], 1)
    raise Problem(
        f"{path.name} has the role '{role}', which is none that perspect knows.",
        "What it names would be read by nobody.",
        f"Did you mean {near[0]}?" if near else f"Roles are {', '.join(MOST)}.",
    )


def _entries(path: Path, role: str, value: Any) -> tuple[Entry, ...]:
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(one, str | int) and not isinstance(one, bool) and one != "" for one in listed):
        raise Problem(
            f"{path.name}: {role} is {value!r}.",
            "An image is named by its path, a DICOM series by its number.",
            f'Write {role} = "file.nii.gz", {role} = 12, or a list of them.',
        )
    if len(listed) > MOST[role]:
        raise Problem(
            f"{path.name} gives {role} to {len(listed)} images.",
            f"It is read from {MOST[role]} at most.",
            "Keep those that are meant.",
        )
    return tuple(listed)


def _demand_once(path: Path, entries: Mapping[str, tuple[Entry, ...]]) -> None:
    seen: dict[Entry, str] = {}
    for role, listed in entries.items():
        for entry in listed:
            one = entry if isinstance(entry, int) else normpath(entry)
            if one in seen:
                raise Problem(
                    f"{path.name} names {entry} twice, as {seen[one]} and as {role}.",
                    "One image is of one kind.",
                    "Keep the line that is right.",
                )
            seen[one] = role


def _label(path: Path, key: str, said: dict[str, Any]) -> str | None:
    value = said.get(key)
    if value is None:
        return None
    if isinstance(value, str) and value.isalnum() and value.isascii():
        return value
    raise Problem(
        f"{path.name}: {key} is {value!r}.",
        "It becomes a part of the names of results (sub-..., ses-...).",
        f'Give letters and digits alone, in quotes: {key} = "01".',
    )


def file_of(study: Path, entry: str, role_map: RoleMap) -> Path:
    """The file or folder of an entry. Raises `Problem` where it is not below the study, or is not there."""
    path = study / entry
    if Path(entry).is_absolute() or normpath(entry).startswith(".."):
        raise Problem(
            f"{role_map.name} names {entry}, which lies outside of {study.name}.",
            "A study is one folder: what lies elsewhere may be of another patient or day.",
            "Give paths below the folder of the study, and copy or link the image into it.",
        )
    if not path.exists():
        there = [one.relative_to(study).as_posix() for one in sorted(study.rglob("*")) if one.name.endswith(IMAGES)]
        near = get_close_matches(entry, there, 1, 0.5)
        raise Problem(
            f"{role_map.name} names {entry}, and there is no such file in {study.name}.",
            "The image would be missing without a word.",
            f"Did you mean {near[0]}?" if near else "Correct the path; it begins in the folder of the study.",
        )
    return path
