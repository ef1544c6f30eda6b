"""What every volume of a labelled series shows: its aslcontext, what was said by hand, or a guess that is said."""

import csv
from pathlib import Path
from typing import Final

import numpy as np

from perspect.io.bids import stem
from perspect.io.sidecar import Sidecar
from perspect.vocabulary import Flag, Problem, Severity
from perspect.vocabulary.labelling import VOLUMES

BRIGHTER: Final = 1.03
"""Ratio of the first volume to the others from which on it is an M0 that nobody named: labels and controls differ by
1 % and drift by less."""

ORDERS: Final = ("control-label", "label-control", "deltam", "cbf")


def context_of(image: Path) -> Path | None:
    """The aslcontext table that belongs to an image: `sub-01_aslcontext.tsv` beside `sub-01_asl.nii.gz`."""
    name = stem(image)
    base = name[: -len("_asl")] if name.endswith("_asl") else name
    for path in (image.with_name(f"{base}_aslcontext.tsv"), image.with_name("aslcontext.tsv")):
        if path.is_file():
            return path
    return None


def read_context(path: Path) -> tuple[str, ...]:
    """The volume types of a table with a column `volume_type`; empty lines at its end are no volumes."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.reader(file, delimiter="\t") if any(cell.strip() for cell in row)]
    if not rows or "volume_type" not in [cell.strip() for cell in rows[0]]:
        raise Problem(
            f"{path.name} has no column volume_type.",
            "It is not known which volume is a label.",
            "Give a table with the heading volume_type and a line for each volume.",
        )
    column = [cell.strip() for cell in rows[0]].index("volume_type")
    found = tuple(row[column].strip().lower() if column < len(row) else "" for row in rows[1:])
    unknown = sorted(set(found) - set(VOLUMES))
    if unknown:
        raise Problem(
            f"{path.name} calls volumes {', '.join(repr(one) for one in unknown)}.",
            "It is not known what they show.",
            "Known are control, label, deltam, m0scan and cbf.",
        )
    return found


def volumes_of(
    context: Path | None, levels: np.ndarray, sidecar: Sidecar, order: str | None, kept: np.ndarray | None = None
) -> tuple[tuple[str, ...], bool, list[Flag]]:
    """What every volume shows, whether the order of label and control is known, and what was guessed.

    An order that a person gives is that of the labels and controls; what a table calls otherwise stays what it is.
    """
    n = levels.size
    if order is not None and order not in ORDERS:
        raise Problem(
            f"--order is '{order}'.",
            "Differences of the wrong order have the wrong sign.",
            f"It must be one of {', '.join(ORDERS)}.",
        )
    if context is not None:
        found = read_context(context)
        if kept is not None and len(found) == kept.size:
            found = tuple(one for one, is_kept in zip(found, kept, strict=True) if is_kept)
        if len(found) != n:
            raise Problem(
                f"{context.name} names {len(found)} volumes but {sidecar.expected.stem} has {n}.",
                "It is not known which volume is which.",
                "Give one line for each volume.",
            )
        return _ordered(found, context, order)
    if order in ("deltam", "cbf"):
        return (order,) * n, True, []
    first, flags = 0, []
    others = float(np.median(levels[1:])) if n > 1 else float("nan")
    if n % 2 and n > 2 and levels[0] > BRIGHTER * others:
        first = 1
        sentence = (
            f"The series has {n} volumes and the first is {levels[0] / others - 1:.0%} brighter than the others: it "
            "was taken as M0. An aslcontext table would say."
        )
        flags.append(Flag("m0-guessed", Severity.CAUTION, sentence, sidecar.expected.stem, source="reading"))
    elif n % 2 and n > 2:
        raise Problem(
            f"{sidecar.expected.stem} has {n} volumes, an odd number, and no aslcontext table.",
            "It is not known which of them are label, control or M0.",
            "Put sub-…_aslcontext.tsv beside the series, with a line for each volume.",
        )
    if n - first < 2:
        raise Problem(
            f"{sidecar.expected.stem} has one volume and no aslcontext table.",
            "It is not known whether it is a difference or a map of flow.",
            "Give --order deltam or --order cbf.",
        )
    pair = tuple((order or "control-label").split("-"))
    every = ("m0scan",) * first + pair * ((n - first) // 2)
    return every, order is not None, flags


def _ordered(found: tuple[str, ...], context: Path, order: str | None) -> tuple[tuple[str, ...], bool, list[Flag]]:
    """The volumes of a table, labels and controls in the order that a person gave, and a note where that differs."""
    if order is None:
        return found, True, []
    places = [at for at, one in enumerate(found) if one in ("control", "label")]
    words = order.split("-")
    if order not in found and not places:
        raise Problem(
            f"{context.name} names no label or control, and --order is '{order}'.",
            "It would be read by nobody.",
            "Leave --order out, or correct the table.",
        )
    volumes = list(found)
    for turn, at in enumerate(places):
        volumes[at] = words[turn % len(words)]
    if tuple(volumes) == found:
        return found, True, []
    sentence = f"The order {order} was given by hand; {context.name} says otherwise. Its other volumes stay as it says."
    return tuple(volumes), True, [Flag("overridden", Severity.NOTE, sentence, context.name, source="reading")]
