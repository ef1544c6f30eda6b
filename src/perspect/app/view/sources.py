"""The series that a study was measured from: found by name and SHA-256, held while the files are the same."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Final, TypeAlias

from perspect.app.view.studies import Kept
from perspect.app.view.unseen import Unseen
from perspect.io.asl import AslReading, read_asl
from perspect.io.bids import stem
from perspect.io.given import GivenLabelling
from perspect.io.nifti import n_volumes
from perspect.io.series import read_series, sha256
from perspect.vocabulary import Acquisition, Problem, Series

IMAGES: Final = (".nii", ".nii.gz", ".mat")

SERIES_HELD: Final = 2
"""Series kept in memory; one may take a gigabyte."""

Stamps: TypeAlias = tuple[tuple[str, int, int], ...]
"""Name, time of the last change in ns and bytes of files: what is held in memory is of these."""


def matching(study: Kept, folder: Path) -> tuple[Path, ...]:
    """The series of a study in a folder, by name and SHA-256. Raises `Unseen` where one is missing or differs.

    Series are the sources that end in the suffix of BIDS; where none does, the only source that has several volumes.
    """
    sources = study.said.get("sources", {})
    images = {PurePosixPath(name).name: sources[name] for name in sorted(sources) if name.endswith(IMAGES)}
    if not images:
        raise Unseen("The summary names no image among its sources.")
    named = [name for name in images if stem(Path(name)).split("_")[-1] == study.room]
    if named:
        return tuple(_found(name, images[name], folder) for name in named)
    return (_only(images, study.room, folder),)


def _only(images: Mapping[str, str], room: str, folder: Path) -> Path:
    """The only series among images of which none is named as one: which it is shows when all of them are there."""
    unnamed = f"No source of the summary is named *_{room}"
    try:
        paths = [_found(name, digest, folder) for name, digest in images.items()]
    except Unseen as why:
        raise Unseen(f"{unnamed}, and which is the series is only seen with all of them: {why}") from why
    series = [path for path in paths if path.suffix == ".mat" or n_volumes(path) > 1]
    if len(series) != 1:
        n = len(series) or "none"
        raise Unseen(f"{unnamed}, and {n} of them have more than one volume: which was measured is not known.")
    return series[0]


def _found(name: str, digest: str, folder: Path) -> Path:
    alike = sorted(folder.rglob(name))
    same = next((path for path in alike if _digest(path, _stamps(path)) == digest), None)
    if same is None and not alike:  # a study that was asked by a role map has names of its own
        images = sorted(path for path in folder.rglob("*") if path.name.endswith(IMAGES) and path.is_file())
        same = next((path for path in images if _digest(path, _stamps(path)) == digest), None)
    if same is None and alike:
        raise Unseen(f"{name} in the folder of --study is another file than the one measured (its SHA-256 differs).")
    if same is None:
        raise Unseen(f"{name} is not in the folder of --study.")
    return same


def _stamps(path: Path) -> Stamps:
    """Those of an image and of what lies beside it and speaks of it."""
    name = stem(path)
    context = f"{name.removesuffix('_asl')}_aslcontext.tsv"
    beside = (path, path.with_name(f"{name}.json"), path.with_name(context))
    there = [(one.name, one.stat()) for one in beside if one.is_file()]
    return tuple((name, at.st_mtime_ns, at.st_size) for name, at in there)


@lru_cache(maxsize=64)
def _digest(path: Path, _: Stamps) -> str:
    return sha256(path)


def series_at(path: Path, tr: float | None = None) -> Series:
    """A series; `tr` in s is the step between volumes where the file and its sidecar say none."""
    return _series(path, _stamps(path), tr)


def labelled_at(path: Path, given: GivenLabelling) -> AslReading:
    """A labelled series; what is `given` is what the run was told of it."""
    return _labelled(path, _stamps(path), given)


@lru_cache(maxsize=SERIES_HELD)
def _series(path: Path, _: Stamps, tr: float | None) -> Series:
    try:
        return read_series(path).series[0]
    except Problem:
        if tr is None:
            raise
        return read_series(path, Acquisition(tr=tr)).series[0]


@lru_cache(maxsize=SERIES_HELD)
def _labelled(path: Path, _: Stamps, given: GivenLabelling) -> AslReading:
    return read_asl(path, given=given, wants_m0=False)
