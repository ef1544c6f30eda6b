"""One examination in: a file, a BIDS subject folder, or a folder of NIfTI with sidecars."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final

from perspect.io.anatomy import conventional, read_anatomy
from perspect.io.bids import IMAGES, Name, name_of, named, stem
from perspect.io.series import read_dsc
from perspect.vocabulary import Acquisition, Anatomy, Problem, Study

DICOM_LOOKED_AT: Final = 50
"""Files of a folder that are opened to tell whether it is one of DICOM."""


@dataclass(frozen=True)
class Found:
    """The files of the DSC series of a folder (one, or one for each echo) or of its labelled series, its conventional
    images by contrast, and why the other images are not used.
    """

    dsc: tuple[Path, ...] = ()
    unused: dict[str, str] = field(default_factory=dict)
    anatomy: Mapping[str, Path] = field(default_factory=dict)
    asl: Path | None = None


def read(
    path: str | Path, *, te: float | tuple[float, ...] = (), tr: float | None = None, times: str | Path | None = None
) -> Study:
    """The series of one examination by role. `te` and `tr` are in s and override the sidecars.

    `path` is a NIfTI or MATLAB file, a BIDS subject (or session) folder, or a folder that holds one `*_dsc.nii.gz`
    (or no image, and one MATLAB file).
    What a reader must know about how the series were read stands in `unused`, under the file that it speaks of.
    """
    path = Path(path).expanduser()
    found = find_dsc(path)
    echo_times = te if isinstance(te, tuple) else (te,)
    reading = read_dsc(found.dsc, Acquisition(tr=tr), echo_times, None if times is None else Path(times).expanduser())
    notes = {flag.where or flag.code: flag.sentence for flag in reading.flags}
    name = reading.name.get("sub")
    anatomy: dict[str, Anatomy] = {}
    for contrast, file in found.anatomy.items():
        try:
            anatomy[contrast] = read_anatomy(file, contrast)
        except Problem as problem:
            notes[file.name] = str(problem)
    title = f"sub-{name}" if name is not None else stem(path)
    return Study(title, reading.series, anatomy, {**found.unused, **notes}, str(path))


def find_dsc(path: Path) -> Found:
    """Which files below `path` are the DSC series; headers and voxels are not read."""
    if path.is_file():
        _refuse_dicom_file(path)
        return Found((path,))
    if not path.is_dir():
        raise Problem(f"There is no file or folder {path}.", "Nothing can be read.", "Check the path.")
    images = sorted(one for one in path.rglob("*") if one.name.endswith(IMAGES) and not one.name.startswith("."))
    series = named(images, "dsc") or ([] if images else _only_matlab(path))
    if not series:
        raise _nothing_found(path, images)
    _refuse_several(path, series)
    plain = conventional(set(images) - set(series))
    unused = {
        one.relative_to(path).as_posix(): plain.passed_over.get(one, "neither a DSC series nor anatomy by its name")
        for one in images
        if one not in series and one not in plain.files.values()
    }
    return Found(tuple(series), unused, plain.files)


def find_asl(path: Path) -> Found:
    """Which file below `path` is the labelled series; headers and voxels are not read."""
    if path.is_file():
        _refuse_dicom_file(path)
        return Found(asl=path)
    if not path.is_dir():
        raise Problem(f"There is no file or folder {path}.", "Nothing can be read.", "Check the path.")
    images = sorted(one for one in path.rglob("*") if one.name.endswith(IMAGES) and not one.name.startswith("."))
    series = named(images, "asl")
    if not series:
        raise _nothing_found(path, images, "asl", "labelled")
    if len(series) > 1:
        listed = ", ".join(one.relative_to(path).as_posix() for one in series[:8])
        raise Problem(
            f"{path.name} holds {len(series)} labelled series: {listed}.",
            "Each subject, session and run is an examination of its own.",
            "Give the folder of one of them, or the series itself.",
        )
    plain = conventional(set(images) - set(series))
    return Found(anatomy=plain.files, asl=series[0])


def _only_matlab(folder: Path) -> list[Path]:
    """The MATLAB file of a folder that holds no image, if it is the only one."""
    files = sorted(folder.glob("*.mat"))
    return files if len(files) == 1 else []


def _refuse_several(folder: Path, series: list[Path]) -> None:
    """More than one subject, session or run is a question back; two echoes are not."""
    names = [_without_echo(name_of(one)) for one in series]
    echoes = [name_of(one).get("echo") for one in series]
    if len(set(names)) == 1 and (len(series) == 1 or (len(series) == 2 and None not in echoes)):
        return
    listed = ", ".join(one.relative_to(folder).as_posix() for one in series[:8])
    raise Problem(
        f"{folder.name} holds {len(series)} DSC series: {listed}{', ...' if len(series) > 8 else ''}.",
        "Each subject, session and run is an examination of its own.",
        "Give the folder of one of them, or the series itself.",
    )


def _without_echo(name: Name) -> tuple[tuple[str, str], ...]:
    return tuple(entity for entity in name.entities if entity[0] != "echo")


def _nothing_found(folder: Path, images: list[Path], suffix: str = "dsc", words: str = "DSC") -> Problem:
    files = (one for one in folder.rglob("*") if one.is_file() and not one.name.startswith("."))
    if not images and any(is_dicom(one) for one in islice(files, DICOM_LOOKED_AT)):
        return _dicom(folder)
    listed = ", ".join(one.relative_to(folder).as_posix() for one in images[:8])
    return Problem(
        f"{folder.name} holds no *_{suffix}.nii.gz"
        + (f"; its images are {listed}." if images else " and no other NIfTI image."),
        f"Without that ending it is not known which image is the {words} series.",
        f"Rename the series to end in _{suffix}.nii.gz, or give its file instead of the folder.",
    )


def is_dicom(path: Path) -> bool:
    """Whether a file says of itself that it is DICOM (PS3.10: 'DICM' after 128 bytes)."""
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def _refuse_dicom_file(path: Path) -> None:
    if is_dicom(path):
        raise _dicom(path)


def _dicom(path: Path) -> Problem:
    return Problem(
        f"{path.name} is DICOM, which this version of perspect does not read yet.",
        "Which of its files form the series has to be found first.",
        "Convert it with dcm2niix (dcm2niix -z y -b y FOLDER) and give the .nii.gz with its .json beside it.",
    )
