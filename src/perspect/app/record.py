"""What is on record of an examination beside its numbers: choices, quality of each series, images that nothing used."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from math import isfinite
from pathlib import Path
from typing import Any, Final

from perspect import io
from perspect.app.contribute import Contribution
from perspect.evidence.case import OF_PIPELINE
from perspect.report.dossier import Quality, Used
from perspect.vocabulary import Flag

READ_WITH: Final = {
    "VFA": ("dce", "read with the DCE series: T1 before the bolus"),
    "TB1map": ("dce", "read with the DCE series: the flip angle that was reached"),
    "m0scan": ("asl", "read with the ASL series: its equilibrium signal"),
    "mrsref": ("mrs", "read with the spectrum: its water"),
}
"""Suffixes of images that stand beside a series, the role of that series, and what is said of them."""

NO_ROOM: Final = "no marker of an answer is read from images of this kind"


def plans_of(added: Sequence[Contribution]) -> dict[str, Any]:
    """Every choice by room and field, as the rooms have written it."""
    return {room: fields for one in _records(added) for room, fields in one.get("plan", {}).items()}


def fingerprints(added: Sequence[Contribution]) -> dict[str, str]:
    """What the choices of each room come down to, as facts that a cut-off may depend on: alike choices, alike words."""
    plans = ((f"{room}.plan", fields) for room, fields in plans_of(added).items())
    return {
        name: sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:12]
        for name, fields in plans
        if name in OF_PIPELINE
    }


def quality_of(added: Sequence[Contribution]) -> dict[str, Quality]:
    """What each room says of its series, as it has written it."""
    return {next(iter(one["plan"]), "series"): _quality(one) for one in _records(added)}


def left(roles: io.Roles, added: Sequence[Contribution]) -> tuple[Used, ...]:
    """Images that are there and that no marker was read from, each with the reason, or with what it was read for."""
    used = {one.role for some in added for one in some.used if one.is_used}
    known = {one.name for some in added for one in some.used}
    series = [
        Used(role, roles.told(path.name), is_used=False, why_not=NO_ROOM)
        for role, paths in roles.series.items()
        for path in paths
        if roles.told(path.name) not in known
    ]
    return (*series, *(_beside(name, why, used, roles) for name, why in sorted(roles.unused.items())))


def read_with(name: str) -> tuple[str, str]:
    """The role of the series that an image is read with, by its name, and what for; nothing where there is none."""
    return READ_WITH.get(io.name_of(Path(name)).suffix, ("", ""))


def retold(one: Contribution, roles: io.Roles) -> Contribution:
    """The same with the names that files have for their owner, where they were laid out under others."""
    if not roles.given:
        return one
    return replace(
        one,
        findings=tuple(replace(finding, flags=_retold(finding.flags, roles)) for finding in one.findings),
        flags=_retold(one.flags, roles),
        traps=_retold(one.traps, roles),
        used=tuple(used_as_told(used, roles) for used in one.used),
        pages={roles.told(name): page for name, page in one.pages.items()},
    )


def used_as_told(one: Used, roles: io.Roles) -> Used:
    """A series by the name that its owner has for it."""
    return replace(one, name=roles.told(one.name), how=roles.told(one.how), why_not=roles.told(one.why_not))


def _retold(flags: tuple[Flag, ...], roles: io.Roles) -> tuple[Flag, ...]:
    return tuple(replace(one, sentence=roles.told(one.sentence), where=roles.told(one.where)) for one in flags)


def _beside(name: str, why: str, used: set[str], roles: io.Roles) -> Used:
    if roles.given and name not in roles.given:
        return Used("image", name, is_used=False, why_not=why)
    path, (role, said) = Path(name), read_with(name)
    suffix, called = io.name_of(path).suffix, roles.told(path.name)
    return Used(suffix, called, said) if role in used else Used(suffix, called, is_used=False, why_not=why)


def _records(added: Sequence[Contribution]) -> list[Mapping[str, Any]]:
    return [json.loads(one.record.read_text(encoding="utf-8")) for one in added if one.record is not None]


def _quality(record: Mapping[str, Any]) -> Quality:
    summary = record.get("summary", {})
    reason = summary.get("reliability_reason") or ""
    return Quality(
        reliability=str(summary.get("reliability", "not assessed")),
        reason=" ".join(reason) if isinstance(reason, list) else str(reason),
        flags=tuple(dict.fromkeys(one["code"] for one in record.get("flags", []))),
        numbers={key: value for key, value in sorted(summary.items()) if _is_plain(value)},
    )


def _is_plain(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, int | float) and isfinite(value))
