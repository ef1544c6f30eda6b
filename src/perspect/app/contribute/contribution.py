"""The value that every kind of series adds, and what all of them share: the anatomy and the lesion in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float

from perspect import lesion
from perspect.anatomy import resample
from perspect.app.head import Head
from perspect.app.lesion import ROOM, Placed
from perspect.evidence.case import Fact
from perspect.pitfalls import Record, Trap, flags_of, trapped
from perspect.pitfalls.trap import SURROUNDINGS
from perspect.report.dossier import Plate, Shown, Used
from perspect.report.panel import Chart
from perspect.vocabulary import Finding, Flag, Grid, Histogram, Map, Metric, Recipe, Region, Severity, marker

OUTLINES: Final = {"solid part": "solid", "rim of 5 mm": "rim", "cavity": "cavity"}
"""Parts of a lesion whose borders are drawn, and the style of each."""


TOLD: Final = ("solid part", "rim of 5 mm", "cavity", "oedema")
"""Parts in which everything is told of a map."""

NOTHING_ON_RECORD: Final = Record()


@dataclass(frozen=True, eq=False)
class Patient:
    """What all series share: the folder of the study, that of the results, the conventional images with the tissues,
    the lesion in them, what is on record, and the traps of both. `plans` are the choices of rooms by their names.
    """

    study: Path
    out: Path
    anatomy: Mapping[str, Path]
    mask: Path
    head: Head
    lesion: Placed
    record: Record = NOTHING_ON_RECORD
    traps: tuple[Trap, ...] = ()
    overwrite: bool = False
    threads: int = 1
    plans: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Contribution:
    """What a series adds. `pages` are of the series alone; `maps` by the key of their quantity; `record` is the
    summary that its room has written; `spectra` are shown with their fits, `charts` are curves of the lesion.
    """

    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    flags: tuple[Flag, ...] = ()
    traps: tuple[Flag, ...] = ()
    used: tuple[Used, ...] = ()
    recipes: Mapping[str, Recipe] = field(default_factory=dict)
    plates: tuple[Plate, ...] = ()
    pages: Mapping[str, Path] = field(default_factory=dict)
    maps: Mapping[str, Map] = field(default_factory=dict)
    metrics: tuple[Metric, ...] = ()
    histograms: tuple[Histogram, ...] = ()
    record: Path | None = None
    spectra: tuple[Shown, ...] = ()
    charts: tuple[Chart, ...] = ()


@dataclass(frozen=True, eq=False)
class Told:
    """What is known of the numbers of one series: the voxels that traps spoil, what limits all of them, the traps that
    may spoil single parts or markers of a `modality`, the relative error that all share, and the standard error (mm) of
    where the lesion lies.
    """

    spoilt: Bool[np.ndarray, "x y z"]
    flags: tuple[Flag, ...]
    traps: tuple[Trap, ...] = ()
    common: float = 0.0
    shift: float = 0.0
    modality: str = ""

    def of(self, name: str, part: str) -> tuple[Flag, ...]:
        """What limits the marker of this key, which is read in `part`."""
        told = flags_of(self.traps, self.modality, name, part=part)
        own = (one for one in told if one.severity >= Severity.LIMITED)
        return tuple(dict.fromkeys((*self.flags, *own)))


def unused(role: str, paths: tuple[Path, ...], why: str, *, is_refused: bool = False) -> Contribution:
    """A series that could not be used adds nothing but the reason, and says it loudly: others may still answer.

    `is_refused`: it is there and must not be interpreted.
    """
    names = ", ".join(one.name for one in paths)
    code, severity = ("series-refused", Severity.REFUSED) if is_refused else ("series-not-used", Severity.LIMITED)
    said = f"{role.upper()} {'must not be interpreted' if is_refused else 'was not used'} ({names}): {why}"
    return Contribution(
        used=tuple(Used(role, one.name, is_used=False, why_not=why) for one in paths),
        flags=(Flag(code, severity, said if said.endswith(".") else f"{said}.", role, source="examination"),),
    )


def told(
    patient: Patient,
    traps: tuple[Trap, ...],
    modality: str,
    grid: Grid,
    matrix: Float[np.ndarray, "4 4"] | None,
    raised: tuple[Flag, ...] = (),
    common: float = 0.0,
    shift: float = 0.0,
) -> Told:
    """What traps of a series and of the patient, and the `raised` flags of its room, take from its numbers."""
    spoilt = trapped(traps, modality, grid)
    for one in patient.traps:
        if one.mask is not None and modality in one.spoils:
            spoilt |= resample.onto(one.mask.mask, one.mask.grid, grid, matrix=matrix)
    limiting = tuple(dict.fromkeys(one for one in raised if one.severity >= Severity.LIMITED))
    return Told(
        spoilt, limiting, (*traps, *patient.traps), common, shift if np.isfinite(shift) else 0.0, modality
    )  # fmt: skip


def read(
    names: tuple[str, ...],
    values: Float[np.ndarray, "x y z"],
    std: Float[np.ndarray, "x y z"],
    parts: Mapping[str, Region],
    known: Told,
) -> list[Finding]:
    """Markers of a map that is in their unit, each in its part where the lesion has that."""
    return [
        lesion.measured(
            one,
            values,
            std,
            parts[one.part],
            known.spoilt,
            known.common,
            known.of(one.key, one.part),
            known.shift,
            room_of(one.part, parts),
        )
        for one in map(marker, names)
        if one.part in parts
    ]


def everything(
    key: str,
    unit: str,
    window: tuple[float, float],
    values: Float[np.ndarray, "x y z"],
    std: Float[np.ndarray, "x y z"],
    parts: Mapping[str, Region],
    known: Told,
) -> tuple[list[Metric], list[Histogram]]:
    """All that is told of a map, part by part."""
    samples = [
        lesion.Sample(values, std, parts[name], known.spoilt, known.common, known.shift, room_of(name, parts))
        for name in TOLD
        if name in parts
    ]
    numbers = [metric for one in samples for metric in lesion.metrics(key, unit, one)]
    return numbers, [lesion.histogram(key, unit, one, window) for one in samples if one.here.any()]


def room_of(name: str, parts: Mapping[str, Region]) -> Bool[np.ndarray, "x y z"] | None:
    """Where a part could be wider: that around a lesion in what is neither lesion nor cortex, any other anywhere."""
    return parts[ROOM].mask if name == SURROUNDINGS and ROOM in parts else None


def drawn(parts: Mapping[str, Region]) -> dict[str, Bool[np.ndarray, "x y z"]]:
    """The outlines of parts by style."""
    return {kind: parts[name].mask for name, kind in OUTLINES.items() if name in parts}


def middle(parts: Mapping[str, Region], fallback: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """What a picture is centred on: the first part that there is."""
    return next((parts[name].mask for name in ("solid part", "whole", "cavity") if name in parts), fallback)
