"""The value that every kind of series adds, and what all of them share: the anatomy and the lesion in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect import lesion
from perspect.app.anatomy import Head
from perspect.app.lesion import Placed
from perspect.evidence.case import Fact
from perspect.report.dossier import Plate, Used
from perspect.vocabulary import Finding, Flag, Map, Recipe, Region, marker

OUTLINES: Final = {"solid part": "solid", "rim of 5 mm": "rim", "cavity": "cavity"}
"""Parts of a lesion whose borders are drawn, and the style of each."""


@dataclass(frozen=True, eq=False)
class Patient:
    """What all series share: the folder of the study, that of the results, the conventional images with the tissues,
    the lesion in them.
    """

    study: Path
    out: Path
    anatomy: Mapping[str, Path]
    mask: Path
    head: Head
    lesion: Placed
    overwrite: bool = False
    threads: int = 1


@dataclass(frozen=True, eq=False)
class Contribution:
    """What a series adds. `pages` are of the series alone; `maps` by the key of their quantity; `record` is the
    summary that its room has written.
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
    record: Path | None = None


def unused(role: str, paths: tuple[Path, ...], why: str) -> Contribution:
    """A series that could not be used adds nothing but the reason: others may still answer."""
    return Contribution(used=tuple(Used(role, one.name, is_used=False, why_not=why) for one in paths))


def read(
    names: tuple[str, ...],
    values: Float[np.ndarray, "x y z"],
    std: Float[np.ndarray, "x y z"],
    parts: Mapping[str, Region],
    spoilt: Bool[np.ndarray, "x y z"] | None = None,
    common: float = 0.0,
    flags: tuple[Flag, ...] = (),
) -> list[Finding]:
    """Markers of a map that is in their unit, each in its part where the lesion has that.

    `common` is a relative error that all voxels share; a fraction of voxels does not scale with it.
    """
    found = []
    for name in names:
        one = marker(name)
        if one.part in parts:
            shared = 0.0 if one.unit == "fraction" else common
            found.append(lesion.measured(one, values, std, parts[one.part], spoilt, shared, flags))
    return found


def drawn(parts: Mapping[str, Region]) -> dict[str, Bool[np.ndarray, "x y z"]]:
    """The outlines of parts by style."""
    return {kind: parts[name].mask for name, kind in OUTLINES.items() if name in parts}


def middle(parts: Mapping[str, Region], fallback: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """What a picture is centred on: the first part that there is."""
    return next((parts[name].mask for name in ("solid part", "whole", "cavity") if name in parts), fallback)
