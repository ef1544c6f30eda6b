"""What lies below a folder of results: one study for each summary, with its maps as they are on disk."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect.io.derivatives import LEADING
from perspect.io.nifti import Image, read_volumes
from perspect.report.scene import OUTLINED
from perspect.vocabulary import Problem, lexicon

SUMMARY: Final = re.compile(r"^(?P<start>.*desc-(?P<room>[a-z0-9]+)_)summary\.json$")
SCHEMA: Final = re.compile(r"^perspect-[a-z0-9]+-summary-1$")
FIRST: Final = (*LEADING, "ktrans", "tChoOvertNAA", "cni")
"""Maps that people open first, where they are there."""

COLOURS: Final = "inferno"
"""Of maps that the lexicon does not hold (molecules): even steps of lightness, for every kind of colour vision."""

HELD: Final = 160
"""Volumes kept in memory: all maps of two studies."""


@dataclass(frozen=True)
class Shown:
    """One map on disk: what its sidecar says, and where values, standard errors and status lie."""

    key: str
    name: str
    symbol: str
    unit: str
    meaning: str
    window: tuple[float, float]
    colours: str
    value: Path
    std: Path
    status: Path | None
    legend: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Kept:
    """One measured series on disk. `key` is the path of its summary below the results in `out`, `fit` a fitted
    spectrum or those of an image, `masks` the regions whose borders the pages draw.
    """

    key: str
    room: str
    title: str
    start: str
    folder: Path
    said: Mapping[str, Any]
    maps: tuple[Shown, ...]
    fit: Path | None = None
    out: Path = Path()
    masks: Mapping[str, Path] = field(default_factory=dict)

    def file(self, what: str) -> Path:
        """A file of this study by its last part: `aif.tsv`."""
        return self.folder / f"{self.start}{what}"


def kept(*outs: Path) -> tuple[Kept, ...]:
    """All studies below some folders, each once. Raises `Problem` where one of them holds none."""
    found: dict[Path, Kept] = {}
    for out in outs:
        there = {path.resolve(): _kept(out, path) for path in sorted(out.rglob("*_summary.json"))}
        some = {path: one for path, one in there.items() if one is not None}
        if not some:
            raise Problem(
                f"{out} holds no results of perspect." if out.is_dir() else f"There is no folder {out}.",
                "A study is known by its summary (*_summary.json), which dsc, dce, asl, mrs and ask write.",
                "Give the folder that was their --out.",
            )
        found = {**some, **found}
    every = sorted(found.values(), key=lambda one: outs.index(one.out))
    return tuple(_told_apart(one, every) for one in every)


def _told_apart(one: Kept, found: Sequence[Kept]) -> Kept:
    """A study of whose name there are several (one series, measured in two ways): with the folder that it lies in."""
    alike = [other for other in found if (other.title, other.room) == (one.title, one.room)]
    first, *below = PurePosixPath(one.key).parts
    places = [one.out.resolve().name] if len({other.out for other in alike}) > 1 else []
    if len([other for other in alike if other.out == one.out]) > 1 and below:
        places.append(first)
    return replace(one, title=f"{one.title} in {'/'.join(places)}") if places else one


def _kept(out: Path, path: Path) -> Kept | None:
    """One study; `None` for a file that only has the name of a summary. Only files beside it are ever opened."""
    name = SUMMARY.match(path.name)
    said = described(path)
    if name is None or not SCHEMA.match(str(said.get("schema"))):
        return None
    start, folder = name["start"], path.parent
    images = {
        one.removeprefix(start).removesuffix(".nii.gz")
        for one in (PurePosixPath(str(file)).name for file in said.get("files", ()))
        if one.startswith(start) and one.endswith(".nii.gz") and (folder / one).is_file()
    }
    keys = sorted((one for one in images if f"{one}std" in images), key=_order)
    maps = tuple(_shown(folder, start, key, images) for key in keys)
    fit = folder / f"{start}mrs.nii.gz" if "mrs" in images else None
    title = start.removesuffix(f"desc-{name['room']}_").strip("_").replace("_", " ")
    if not title.startswith("sub-"):
        title = f"{out.resolve().name} {title}".rstrip()
    room = name["room"]
    before = start.removesuffix(f"desc-{room}_")
    masks = {key: folder / f"{before}space-{room}_desc-{key}_mask.nii.gz" for key in OUTLINED}
    there = {key: one for key, one in masks.items() if one.is_file()}
    return Kept(path.relative_to(out).as_posix(), room, title, start, folder, said, maps, fit, out, there)


def _order(key: str) -> tuple[int, str]:
    return (FIRST.index(key) if key in FIRST else len(FIRST), key.lower())


def _shown(folder: Path, start: str, key: str, images: set[str]) -> Shown:
    side = described(folder / f"{start}{key}.json")
    own = f"{key}status" if f"{key}status" in images else "status" if "status" in images else None
    name = str(side.get("Name", key))
    # Two rooms may share a key (flow of DSC and of ASL): key and name together are one quantity.
    known = next((one for one in lexicon.ALL if (one.key, one.name) == (key, name)), None)
    return Shown(
        key,
        name,
        str(side.get("Symbol", key)),
        str(side.get("Units", "")),
        str(side.get("Description", "")),
        _window(side.get("Window")),
        known.colours if known is not None else COLOURS,
        folder / f"{start}{key}.nii.gz",
        folder / f"{start}{key}std.nii.gz",
        folder / f"{start}{own}.nii.gz" if own is not None else None,
        described(folder / f"{start}{own}.json").get("StatusLegend", {}) if own is not None else {},
    )


def _window(said: Any) -> tuple[float, float]:
    """The window in which the pages show the map; 0 to 1 where its sidecar has none that can be used."""
    try:
        low, high = (float(one) for one in said)
    except (TypeError, ValueError):
        return 0.0, 1.0
    return (low, high) if high > low else (low, low + 1.0)


def described(path: Path) -> dict[str, Any]:
    """The object in a file; empty where it cannot be read as one."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}


@lru_cache(maxsize=HELD)
def image(path: Path) -> Image:
    """An image as it was when it was first looked at."""
    return read_volumes(path)


def volume(path: Path) -> Float[np.ndarray, "x y z"]:
    """A map in the unit in which it was written."""
    one = image(path)
    return one.values[..., 0].astype(np.float32) * np.float32(one.slope) + np.float32(one.intercept)


def value_at(path: Path, voxel: tuple[int, int, int]) -> float:
    """The value of a map at one voxel, without scaling the others."""
    one = image(path)
    return float(one.values[..., 0][voxel]) * one.slope + one.intercept
