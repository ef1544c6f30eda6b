"""Remarks of an answer: every one once, the gravest first, and what bears on no number of the page among the notes."""

import re
from collections.abc import Sequence

from perspect.report import words
from perspect.report.dossier import Dossier
from perspect.vocabulary import MARKERS, Flag, Severity, lexicon

Remark = tuple[Flag, str]
"""A flag, and where it holds."""


def remarks(dossier: Dossier) -> tuple[list[Remark], list[Remark]]:
    """What must be known of the answer, and the notes: what was left out, is harmless here, or concerns only maps that
    nothing on the page is read from or markers that the question does not read.
    """
    found = _once((*dossier.traps, *dossier.flags), frozenset(one.marker.key for one in dossier.findings))
    read = frozenset(one.quantity for one in dossier.metrics)
    asked = None if dossier.answer is None else frozenset(one.finding.marker.key for one in dossier.answer.readings)
    grave = [
        one
        for one in found
        if one[0].severity > Severity.NOTE and not (_is_elsewhere(one[0], read) or _is_not_asked(one[0], asked))
    ]
    return grave, [one for one in found if one not in grave]


def first_sentence(reason: str) -> str:
    """What of a reason stands in a line of few words: its first sentence.

    >>> first_sentence("Up to 3.5% of it lies outside. Move the voxel.")
    'Up to 3.5% of it lies outside.'
    """
    return re.split(r"(?<=[a-z)%]\.)\s", reason, maxsplit=1)[0]


def _is_elsewhere(flag: Flag, read: frozenset[str]) -> bool:
    """Whether a caution concerns only maps that no number here is read from, as absolute flow beside ratios."""
    known = {one.key for one in lexicon.ALL}
    where = [one for one in flag.where.split(", ") if one]
    return (
        flag.severity == Severity.CAUTION and bool(where) and all(one in known and one not in read for one in where)
    )  # fmt: skip


def _is_not_asked(flag: Flag, asked: frozenset[str] | None) -> bool:
    """Whether a trap spoils only markers that nothing published reads for the question; their line says what holds
    them back.
    """
    known = {one.key for one in MARKERS}
    where = [one for one in flag.where.split(", ") if one]
    return (
        asked is not None
        and flag.severity < Severity.REFUSED
        and bool(where)
        and all(one in known and one not in asked for one in where)
    )


def _once(flags: Sequence[Flag], measured: frozenset[str]) -> list[Remark]:
    """Every remark once, the gravest first, with where it holds; one that other series give too, but for its numbers,
    says of how many.
    """
    found: dict[tuple[int, str, str], list[Flag]] = {}
    for one in words.gravest_first(flags):
        found.setdefault((one.severity, one.code, re.sub(r"[\d.]+", "#", one.sentence)), []).append(one)
    return [(some[0], _places(some, measured)) for some in found.values()]


def _places(alike: Sequence[Flag], measured: frozenset[str]) -> str:
    places = ", ".join(dict.fromkeys(_place(one, measured) for one in alike if one.where))
    others = len({one.sentence for one in alike}) - 1
    also = f"much the same on {words.counted(others, 'other image')}" if others else ""
    return "; ".join(part for part in (places, also) if part)


def _place(flag: Flag, measured: frozenset[str]) -> str:
    """Where a flag holds: markers under their names, of those only what was measured, if any of them was."""
    names = {one.key: one.name for one in MARKERS}
    where = flag.where.split(", ")
    here = [one for one in where if one not in names or one in measured] or where
    return ", ".join(dict.fromkeys(names.get(one, one) for one in here))
