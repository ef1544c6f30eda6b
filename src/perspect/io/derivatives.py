"""Results out, as BIDS derivatives (docs: PRODUCT, "Files"): maps, masks, curves, a summary and the page.

Every map comes with `<map>std`. One `status` tells what became of each voxel of rcbv (of cbv where there is no rcbv);
a map whose voxels fared otherwise has its own `<map>status` as well.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from perspect.io import nifti_out, reuse
from perspect.io.bids import Name
from perspect.io.canonical import canonical, plain
from perspect.io.columns import curve_table, motion_table, voxels
from perspect.io.staging import publish, staged
from perspect.io.transforms import Transform, transform_files
from perspect.vocabulary import Map, Measured, Region, Status

SCHEMA: Final = "perspect-{room}-summary-1"
LEADING: Final = ("rcbv", "cbv", "cbf", "relcbf")
"""Whose status is `status`."""

AT_LEAST: Final = ("cbv", "rcbv", "srcbv", "cbf", "ph")
"""Maps that are too small, if anything, where the signal fell to the noise floor; others are merely not reliable."""

MASKS: Final = ("brain", "reference", "aif", "lesion", "mirror")


@dataclass(frozen=True)
class Destination:
    """Where results of a series go: the output folder, and the name that they inherit from the series.

    `is_part` says that the series is one of an examination, whose page is the one that people open first.
    """

    out: Path
    name: Name
    room: str = "dsc"
    kind: str = "perf"
    title: str = ""
    is_part: bool = False

    @property
    def folder(self) -> PurePosixPath:
        """The folder of the images, below the output folder."""
        return PurePosixPath(self.name.folder.as_posix()) / self.kind

    def file(self, what: str) -> PurePosixPath:
        """The path of one result, below the output folder: `sub-01/perf/sub-01_desc-dsc_rcbv.nii.gz`."""
        return self.folder / f"{self.name.prefix}desc-{self.room}_{what}"

    def mask(self, region: str) -> PurePosixPath:
        """The path of the mask of a region, on the grid of this series: rooms of one subject share a folder."""
        return self.folder / f"{self.name.prefix}space-{self.room}_desc-{region}_mask"

    @property
    def titled(self) -> str:
        """What the name of the page ends with: nothing but the subject's for the first room."""
        return self.title or ("" if self.name.get("sub") is not None else self.room)

    @property
    def page(self) -> PurePosixPath:
        """The page that people open; beside the maps where an examination has a page of its own."""
        if self.is_part:
            return self.folder / f"{self.name.prefix}desc-{self.room}.html"
        return PurePosixPath(f"{self.name.prefix or ''}{self.titled}.html".replace("_.", "."))

    @property
    def summary(self) -> PurePosixPath:
        """The summary, which also lists the files that belong to it."""
        return self.file("summary.json")


@dataclass(frozen=True, eq=False)
class Results:
    """What is to be written: the measurement, its page, and where it came from.

    `facts` adds to the sidecar of a map what holds for it (Model, Inversion, AIF, Reference). `sources` are the inputs
    with their SHA-256, `plan` every choice by room and field, `code` the NIfTI code of the affine, `root` the BIDS data
    set of the input, `transforms` those by which images were brought together. `more` makes further files, by the last
    part of their names.
    """

    measured: Measured
    page: str
    plan: Mapping[str, Mapping[str, Any]]
    sources: Mapping[str, str]
    version: str
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    code: int = 1
    root: Path | None = None
    transforms: tuple[Transform, ...] = ()
    more: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)


@dataclass(frozen=True)
class Written:
    """The page, the summary, and every file of a run."""

    page: Path
    summary: Path
    files: tuple[Path, ...]


Files = dict[PurePosixPath, Callable[[], bytes]]
"""Paths below the output folder, each with what makes its bytes."""


def write_results(destination: Destination, results: Results, *, overwrite: bool = False, threads: int = 1) -> Written:
    """Writes everything or nothing. Raises `Problem` where a result is already there, or the disk refuses."""
    reuse.demand_free(destination.out, existing(destination), overwrite)
    contents = _contents(destination, results)
    return write_files(destination, contents, results.version, results.root, threads)


def write_files(
    destination: Destination, contents: Files, version: str, root: Path | None, threads: int = 1
) -> Written:
    """Writes files with what all results of a folder share, and removes what only a former run had made."""
    stale = tuple(path for path in reuse.former_files(destination.out, destination.summary) if path not in contents)
    with staged(destination.out) as temporary:
        tree = temporary / "tree"
        _write(tree, contents, threads)
        for path, text in reuse.shared_files(destination.out, version, root).items():
            (tree / path).write_text(text, encoding="utf-8")
        publish(tree, destination.out, temporary, tuple(Path(path) for path in stale))
    files = tuple(destination.out / path for path in contents)
    return Written(destination.out / destination.page, destination.out / destination.summary, files)


def existing(destination: Destination) -> list[Path]:
    """Results of the same series and room that are already in the output folder."""
    out, folder = destination.out, destination.out / destination.folder
    masks = [out / f"{destination.mask(region)}.nii.gz" for region in MASKS]
    named = [out / destination.page, *masks]
    return sorted([*folder.glob(destination.file("*").name), *(one for one in named if one.exists())])


def _write(tree: Path, contents: Files, threads: int) -> None:
    """Every file, several at a time: packing is most of the work and leaves the interpreter free."""

    def one(path: PurePosixPath) -> None:
        (tree / path).write_bytes(contents[path]())

    for folder in {path.parent for path in contents}:
        (tree / folder).mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max(1, threads)) as pool:
        list(pool.map(one, contents))


def _contents(destination: Destination, results: Results) -> Files:
    """Each file with what makes its bytes."""
    made: Files = {}
    maps = results.measured.maps
    leading = next((maps[key] for key in (*LEADING, *maps) if key in maps), None)
    for key, one in maps.items():
        made |= _map_files(destination, results, key, one)
        if one is not leading and leading is not None and not np.array_equal(one.status, leading.status):
            made |= _status_files(destination, results, f"{key}status", one, (key,))
    if leading is not None:
        alike = tuple(key for key, one in maps.items() if np.array_equal(one.status, leading.status))
        made |= _status_files(destination, results, "status", leading, alike)
    for key in MASKS:
        if key in results.measured.regions:
            made |= _mask_files(destination, results, key, results.measured.regions[key])
    for transform in results.transforms:
        for path, content in transform_files(transform, destination.name, _provenance(results)).items():
            made[path] = partial(bytes, content)
    made |= _table_files(destination, results)
    made |= {destination.file(what): make for what, make in results.more.items()}
    made[destination.page] = results.page.encode
    files = [*made, destination.summary]
    made[destination.summary] = lambda: _text(_summary(results, sorted(str(path) for path in files), destination.room))
    return made


def _map_files(destination: Destination, results: Results, key: str, one: Map) -> Files:
    code, version = results.code, results.version
    side = _sidecar(results, key, one)
    of_value = ("CAPLEX", "DICOMCode", "Window")  # codes and range of the value are not those of its error
    error = {
        **{name: said for name, said in side.items() if name not in of_value},
        "Name": f"Standard error of {one.quantity.name}",
        "Symbol": f"SE({one.quantity.symbol})",
    }
    return {
        destination.file(f"{key}.nii.gz"): lambda: nifti_out.value_file(one, code, version),
        destination.file(f"{key}.json"): lambda: _text(side),
        destination.file(f"{key}std.nii.gz"): lambda: nifti_out.std_file(one, code, version),
        destination.file(f"{key}std.json"): lambda: _text(error),
    }


def _status_files(destination: Destination, results: Results, what: str, one: Map, keys: tuple[str, ...]) -> Files:
    """The status of a map, which is that of all the maps of these keys."""
    side = {
        "Name": f"Status of {one.quantity.name}",
        "Units": "1",
        "StatusLegend": {str(int(status)): legend(status, keys) for status in Status},
        "Description": "0: a sound value; below 10: a value with the caution named; from 10 on: no value (NaN).",
        **_provenance(results),
    }
    return {
        destination.file(f"{what}.nii.gz"): lambda: nifti_out.status_file(one, results.code, results.version),
        destination.file(f"{what}.json"): lambda: _text(side),
    }


def legend(status: Status, keys: tuple[str, ...]) -> str:
    """What a status means for the maps of these keys.

    >>> legend(Status.SATURATED, ("rcbv", "psr"))
    'the signal fell to the noise floor: the true value of rcbv is at least this large, that of psr is not reliable'
    """
    if status != Status.SATURATED:
        return status.sentence
    larger, other = ([key for key in keys if (key in AT_LEAST) == is_larger] for is_larger in (True, False))
    if not other:
        return status.sentence
    floor = "the signal fell to the noise floor"
    if not larger:
        return f"{floor}: the value is not reliable"
    return (
        f"{floor}: the true value of {', '.join(larger)} is at least this large, that of {', '.join(other)} is not "
        "reliable"
    )


def _mask_files(destination: Destination, results: Results, key: str, region: Region) -> Files:
    side = {
        "Name": region.name,
        "Origin": region.origin,
        "Voxels": region.n_voxels,
        "Units": "1",
        **_provenance(results),
    }
    name = str(destination.mask(key))
    return {
        PurePosixPath(f"{name}.nii.gz"): lambda: nifti_out.volume(
            region.mask.astype(np.uint8), region.grid, code=results.code, intent="label", name=f"{key} mask",
            description=f"{region.name}; perspect {results.version}", window=(0, 1),
        ),
        PurePosixPath(f"{name}.json"): lambda: _text(side),
    }  # fmt: skip


def _table_files(destination: Destination, results: Results) -> Files:
    """The arterial input with its voxels, and the motion, where the run has them."""
    made: Files = {}
    measured = results.measured
    if "aif" in measured.curves:
        text, columns = curve_table(measured.curves["aif"])
        where = voxels(measured.regions["aif"]) if "aif" in measured.regions else []
        side = {"Columns": columns, "Voxels": where, **_provenance(results)}
        made[destination.file("aif.tsv")] = text.encode
        made[destination.file("aif.json")] = lambda: _text(side)
    motion = motion_table(measured)
    if motion is not None:
        rows, meaning = motion
        made[destination.file("motion.tsv")] = rows.encode
        made[destination.file("motion.json")] = lambda: _text({"Columns": meaning, **_provenance(results)})
    return made


def _sidecar(results: Results, key: str, one: Map) -> dict[str, Any]:
    quantity = one.quantity
    code = quantity.dicom
    return {
        "Name": quantity.name,
        "Symbol": quantity.symbol,
        "Units": quantity.shown_unit,
        "UCUM": quantity.ucum,
        "Description": quantity.meaning,
        "CAPLEX": quantity.caplex,
        "DICOMCode": None
        if code is None
        else {"CodeValue": code.value, "CodingSchemeDesignator": code.scheme, "CodeMeaning": code.meaning},
        "Window": quantity.display,
        **results.facts.get(key, {}),
        **_provenance(results),
    }


def _provenance(results: Results) -> dict[str, Any]:
    return {
        "Sources": [{"File": name, "SHA256": digest} for name, digest in sorted(results.sources.items())],
        "SoftwareVersion": f"perspect {results.version}",
        "Plan": results.plan,
        "SkullStripped": True,
    }


def _summary(results: Results, files: list[str], room: str) -> dict[str, Any]:
    """Everything but voxels: what was found, how, from what, and which files belong to it."""
    measured = results.measured
    return {
        "schema": SCHEMA.format(room=room),
        "software": {"name": "perspect", "version": results.version},
        "sources": results.sources,
        "plan": results.plan,
        "flags": [plain(flag) for flag in measured.flags],
        "summary": measured.summary,
        "regions": [
            {"key": key, "name": one.name, "origin": one.origin, "n_voxels": one.n_voxels}
            for key, one in sorted(measured.regions.items())
        ],
        "units": {key: one.quantity.shown_unit for key, one in measured.maps.items()},
        "methods": measured.recipe.methods,
        "steps": [plain(step) for step in measured.recipe.steps],
        "references": measured.recipe.references,
        "files": files,
    }


def _text(value: Mapping[str, Any]) -> bytes:
    return canonical(value).encode()
