"""A study laid out under the names of BIDS in a folder of its own, so that every room finds what belongs together.

Files are linked, DICOM is converted by dcm2niix. Whatever is then said of a file is said of it as its owner calls it.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from glob import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from perspect.io.assign import Assigned, Source, assigned
from perspect.io.bids import IMAGES, sidecars, stem
from perspect.io.dicom import phase_times, stacked
from perspect.io.dicom_header import read_headers
from perspect.io.dicom_series import DicomSeries
from perspect.io.naming import is_phase
from perspect.io.nifti import n_volumes
from perspect.io.roles import Roles
from perspect.io.sidecar import read_sidecar
from perspect.vocabulary import Problem

SUFFIX: Final = {
    "t1w": "T1w", "t1c": "ce-gd_T1w", "t2w": "T2w", "flair": "FLAIR", "dsc": "dsc", "dce": "dce", "asl": "asl",
    "adc": "ADC", "mrs": "svs", "mrsi": "mrsi", "t2star": "T2starw", "vfa": "VFA", "tb1map": "TB1map",
    "m0scan": "m0scan", "aslcontext": "aslcontext", "mrsref": "mrsref",
}  # fmt: skip
"""The name that BIDS has for each role."""

COUNTED: Final = {"dsc": "echo", "vfa": "flip", "mrs": "acq", "mrsi": "acq", "mrsref": "acq", "t2star": "acq"}
"""The entity that tells several images of a role apart."""

ANATOMY: Final = ("t1w", "t1c", "t2w", "flair")
SERIES: Final = ("dsc", "dce", "asl", "adc", "mrs", "mrsi", "t2star")
ALONE: Final = "the series that it is read with is not there"
DYNAMIC: Final = ("dsc", "dce")
PATIENCE: Final = 600.0
"""Seconds that a conversion may take."""


def roles_of(study: Path, role_map: Path | None, aside: Path) -> Roles:
    """The roles of a study's images, which lie where they are if they have BIDS names and else `aside` under such.

    Raises `Problem` where the images or a role map cannot be used as they are, `Refusal` for those of several people.
    """
    found = assigned(study, role_map)
    return found if isinstance(found, Roles) else laid(found, aside)


def laid(one: Assigned, aside: Path) -> Roles:
    """The roles of a study, its images under BIDS names in the folder `aside`.

    Raises `Problem` where it is unclear which image is meant, or one cannot be converted.
    """
    if one.unclear:
        raise one.unclear[0]
    prefix = "".join(
        f"{key}-{label}_" for key, label in (("sub", one.labels.subject), ("ses", one.labels.session)) if label
    )
    aside.mkdir(parents=True, exist_ok=True)
    paths: dict[str, tuple[Path, ...]] = {}
    given: dict[str, str] = {}
    for role, sources in one.sources.items():
        made = []
        for name, source in _names(role, sources):
            placed = _placed(source, aside / f"{prefix}{name}", role)
            called = one.called(source)
            given |= {placed.name: called, f"{stem(placed)}.json": f"the sidecar of {called}"}
            made.append(placed)
        paths[role] = tuple(made)
    anatomy = {role: some[0] for role, some in paths.items() if role in ANATOMY}
    series = {role: some for role, some in paths.items() if role in SERIES}
    unused = dict(one.unused) | {
        path.name: ALONE
        for role, some in paths.items()
        if role not in (*ANATOMY, *SERIES, "aslcontext")
        for path in some
    }
    return Roles(series, anatomy, unused, aside, given)


def _names(role: str, sources: tuple[Source, ...]) -> Iterator[tuple[str, Source]]:
    """The name of each image of a role, without ending; of two T2* images one of which is a phase, that."""
    if role == "t2star" and len(sources) == 2:
        first, second = sorted(sources, key=_says_phase)
        yield f"part-mag_{SUFFIX[role]}", first
        yield f"part-phase_{SUFFIX[role]}", second
        return
    for number, source in enumerate(sources, start=1):
        is_counted = len(sources) > 1 or role == "mrsref"
        entity = f"{COUNTED[role]}-{number}_" if is_counted else ""
        yield f"{entity}{SUFFIX[role]}", source


def _says_phase(source: Source) -> bool:
    return is_phase(source.description if isinstance(source, DicomSeries) else source.name)


def _placed(source: Source, target: Path, role: str) -> Path:
    """The image of a source under a name without ending."""
    if isinstance(source, DicomSeries):
        return _spectrum(source, target) if source.is_spectrum else _converted(source, target, role)
    ending = next((one for one in IMAGES if source.name.endswith(one)), source.suffix)
    beside = [one for one in source.parent.glob(f"{escape(stem(source))}.*") if not one.name.endswith(IMAGES)]
    for one in beside:
        if one != source and one.suffix != ".json":
            _link(one, target.with_name(target.name + one.suffix))
    said = sidecars(source)
    if said == [source.with_name(f"{stem(source)}.json")]:
        _link(said[0], target.with_name(f"{target.name}.json"))
    elif said:
        values = read_sidecar(source, said[-1]).values
        target.with_name(f"{target.name}.json").write_text(json.dumps(dict(values)), encoding="utf-8")
    return _link(source, target.with_name(target.name + ending))


def _link(source: Path, target: Path) -> Path:
    """A link, or where the system allows none a copy, which holds the same."""
    try:
        target.symlink_to(source.resolve())
    except (OSError, NotImplementedError):
        shutil.copyfile(source, target)
    return target


def _spectrum(source: DicomSeries, target: Path) -> Path:
    if len(source.files) != 1:
        raise Problem(
            f"{source.said} has {len(source.files)} files of spectra.",
            "One file is read as one spectrum or one grid of them.",
            'Name the file that is meant in a role map (mrs = "path").',
        )
    return _link(source.files[0], target.with_name(f"{target.name}.dcm"))


def _converted(source: DicomSeries, target: Path, role: str) -> Path:
    """A series as NIfTI with its sidecar, by dcm2niix."""
    if find_spec("dcm2niix") is None:
        raise Problem(
            f"{source.said} is DICOM, which is converted by dcm2niix, and dcm2niix is not installed.",
            "It comes with perspect where there is a wheel of it.",
            "pip install dcm2niix, or convert the folder yourself and give the NIfTI images.",
        )
    from dcm2niix import bin as program

    folder = target.with_name(f".{target.name}")
    inside, outside = folder / "in", folder / "out"
    inside.mkdir(parents=True)
    outside.mkdir()
    for number, file in enumerate(source.files):
        _link(file, inside / f"{number:06d}.dcm")
    call = [program, "-b", "y", "-ba", "n", "-z", "n", "-f", "image", "-o", str(outside), str(inside)]
    done = subprocess.run(call, capture_output=True, text=True, timeout=PATIENCE, check=False)
    made = sorted(outside.glob("*.nii"))
    if len(made) != 1:
        raise _not_one(source, [one.stem for one in made], done)
    values = json.loads(made[0].with_suffix(".json").read_text(encoding="utf-8"))
    if role in DYNAMIC:
        values |= _times(source, n_volumes(made[0]))
    target.with_name(f"{target.name}.json").write_text(json.dumps(values), encoding="utf-8")
    image = made[0].replace(target.with_name(f"{target.name}.nii"))
    shutil.rmtree(folder)
    return image


def _not_one(source: DicomSeries, made: list[str], done: "subprocess.CompletedProcess[str]") -> Problem:
    if made:
        return Problem(
            f"{source.said} holds {len(made)} images ({', '.join(made)}): several echoes, parts or planes.",
            "A role is of one image.",
            "Convert it (dcm2niix -z y), and name the images in a role map.",
        )
    words = [line for line in (*done.stdout.splitlines(), *done.stderr.splitlines()) if line.strip()]
    return Problem(
        f"dcm2niix could not convert {source.said}: {words[-1] if words else 'it did not say why'}.",
        "It has no image to be measured.",
        "Leave the series out (a role map without it), or export it again.",
    )


def _times(source: DicomSeries, n: int) -> dict[str, Any]:
    """When each volume was taken, by the headers of its images: a converter keeps one repetition time, which in some
    scanners' files is that between excitations. Nothing where many images lie in one file, or these are not `n`.
    """
    try:
        stack = stacked(read_headers(source.files))
        times, _, _ = phase_times(stack, source.said)
    except Problem:
        return {}
    if times.size != n:
        return {}
    return {"VolumeTiming": [round(float(one), 6) for one in times]}
