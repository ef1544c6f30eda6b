"""Which image of a study has which role, told by a role map, by BIDS names, or by names that people and scanners use.

Nothing but headers of DICOM is read. `laid` then gives the images the names that every room looks for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from perspect.io.bids import IMAGES, name_of
from perspect.io.dicom_header import holds_dicom
from perspect.io.dicom_series import DicomSeries, dicom_series
from perspect.io.naming import role_of, why_none, words_of
from perspect.io.role_map import FILE_NAME, MOST, Entry, RoleMap, file_of, read_role_map, role_map_of
from perspect.io.roles import SUFFIXES, Roles, find_roles
from perspect.vocabulary import Problem

Source = Path | DicomSeries

NO_MAP: Final = RoleMap()

AS_SCANNED: Final = frozenset({"t1w", "t1c", "t2w", "flair", "dsc", "dce", "asl"})
"""Roles of images as they were scanned: what was computed from others has none of them."""

ECHOES: Final = frozenset({"e1", "e2", "echo1", "echo2", "1", "2"})
"""Words in which the names of two echoes of one scan differ."""

OF_BIDS: Final[Mapping[str, str]] = {
    **SUFFIXES, "T1w": "t1w", "T2w": "t2w", "FLAIR": "flair", "VFA": "vfa", "TB1map": "tb1map", "m0scan": "m0scan",
    "mrsref": "mrsref",
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Assigned:
    """Images by role, where names are not those of BIDS; what has none, and why. `unclear` says of which role it is
    not known which image is meant.
    """

    study: Path
    sources: Mapping[str, tuple[Source, ...]] = field(default_factory=dict)
    unused: Mapping[str, str] = field(default_factory=dict)
    unclear: tuple[Problem, ...] = ()
    labels: RoleMap = NO_MAP

    def called(self, source: Source) -> str:
        """What its owner calls an image."""
        return source.said if isinstance(source, DicomSeries) else source.relative_to(self.study).as_posix()


def assigned(study: Path, role_map: Path | None = None) -> Assigned | Roles:
    """The roles of a study's images: `Roles` where they have BIDS names already, else what `laid` makes such of.

    Raises `Problem` where there is no image, or a role map is wrong; `Refusal` for DICOM of several people.
    """
    if not study.is_dir():
        kind = "is a file" if study.exists() else "is not there"
        raise Problem(f"The study {study} {kind}.", "A study is a folder of images.", "Check the path.")
    said = role_map_of(study, role_map)
    if said is not None:
        return _by_map(study, read_role_map(said))
    images = [one for one in _files(study) if one.name.endswith(IMAGES)]
    if not images and holds_dicom(study):
        return _of_dicom(study)
    if not images or any(name_of(one).get("sub") is not None for one in images):
        return find_roles(study)
    if holds_dicom(study):
        raise Problem(
            f"{study.name} holds both NIfTI images and DICOM files.",
            "The same series may be there twice, and which is meant is not known.",
            f"Give a folder with one of the two, or say what is what in {FILE_NAME}.",
        )
    return _by_name(study, images)


def _files(study: Path) -> list[Path]:
    files = sorted(one for one in study.rglob("*") if one.is_file() and not one.name.startswith("."))
    return [one for one in files if "derivatives" not in one.relative_to(study).parts]


def _by_map(study: Path, said: RoleMap) -> Assigned:
    """Exactly what a role map says: what it does not name is not used."""
    numbers = any(isinstance(one, int) or (study / one).is_dir() for some in said.entries.values() for one in some)
    series = dicom_series(study) if numbers else ()

    def meant(role: str, one: Entry) -> Source:
        if isinstance(one, int) or (study / one).is_dir():
            return _one_series(study, series, one, said)
        return _file(study, role, one, said)

    sources = {role: tuple(meant(role, one) for one in some) for role, some in said.entries.items()}
    taken = {id(one) for some in sources.values() for one in some}
    paths = {one for some in sources.values() for one in some if isinstance(one, Path)}
    images = [one for one in _files(study) if one.name.endswith(IMAGES) and one not in paths]
    why = f"{said.name} does not name it"
    unused = {one.relative_to(study).as_posix(): why for one in images}
    return Assigned(study, sources, unused | {one.said: why for one in series if id(one) not in taken}, (), said)


def _file(study: Path, role: str, entry: str, said: RoleMap) -> Path:
    path = file_of(study, entry, said)
    is_table, is_spectrum = role == "aslcontext", role in ("mrs", "mrsi", "mrsref")
    if is_spectrum or path.name.endswith(".tsv" if is_table else IMAGES):
        return path
    raise Problem(
        f"{said.name} gives {role} to {entry}, which is no {'.tsv' if is_table else 'NIfTI'} file.",
        "It could not be read as that.",
        "Give a .tsv file." if is_table else "Give a .nii or .nii.gz file, or the number of a DICOM series.",
    )


def _one_series(study: Path, series: tuple[DicomSeries, ...], entry: Entry, said: RoleMap) -> DicomSeries:
    """The series of a number, or the only one of a folder."""
    if isinstance(entry, int):
        found = [one for one in series if one.number == entry]
    else:
        folder = file_of(study, entry, said)
        found = [one for one in series if one.files[0].is_relative_to(folder)]
    if len(found) != 1:
        listed = ", ".join(one.said for one in (found or series))
        raise Problem(
            f"{said.name} names {f'series {entry}' if isinstance(entry, int) else entry}, and {study.name} holds "
            f"{len(found) or 'no'} DICOM series of that {'number' if isinstance(entry, int) else 'folder'}.",
            "Which images are meant must be known.",
            f"There are {listed[:400]}." if listed else "There is no DICOM in it.",
        )
    return found[0]


def _by_name(study: Path, images: Iterable[Path]) -> Assigned:
    roles = {one: OF_BIDS.get(name_of(one).suffix) or role_of(_stem(one)) for one in images}
    roles = {one: "t1c" if role == "t1w" and role_of(_stem(one)) == "t1c" else role for one, role in roles.items()}
    unused = {one.relative_to(study).as_posix(): why_none(_stem(one)) for one, role in roles.items() if role is None}
    tables = [one for one in _files(study) if one.name.lower().endswith("aslcontext.tsv")]
    found: list[tuple[Source, str]] = [(one, role) for one, role in roles.items() if role is not None]
    return _settled(Assigned(study, {}, unused), [*found, *((one, "aslcontext") for one in tables)])


def _of_dicom(study: Path) -> Assigned:
    found: list[tuple[Source, str]] = []
    unused: dict[str, str] = {}
    for one in dicom_series(study):
        role, why = _role_of_series(one)
        if role is None:
            unused[one.said] = why
        else:
            found.append((one, role))
    return _settled(Assigned(study, {}, unused), found)


def _role_of_series(one: DicomSeries) -> tuple[str | None, str]:
    """What a series is for, or why it is for nothing."""
    if one.is_spectrum:
        return role_of(one.description) or role_of(one.protocol) or "mrs", ""
    if not one.is_image:
        from pydicom.uid import UID

        return None, f"{UID(one.kind).name or 'of no kind that is known'}, not an MR image"
    role = role_of(one.description) or (role_of(one.protocol) if not one.is_derived else None)
    if role in AS_SCANNED and one.is_derived:
        return None, "computed from other images, as its header says (ImageType DERIVED)"
    if role == "t1w" and one.has_agent:
        role = "t1c"
    return role, why_none(one.description)


def _settled(one: Assigned, found: Iterable[tuple[Source, str]]) -> Assigned:
    """Images by role; where more could have it than can be read, it is unclear, and nothing is chosen among them."""
    by_role: dict[str, list[Source]] = {}
    for source, role in found:
        by_role.setdefault(role, []).append(source)
    unclear = tuple(_unclear(one, role, some) for role, some in by_role.items() if not _is_clear(role, some))
    return replace(one, sources={role: tuple(some) for role, some in by_role.items()}, unclear=unclear)


def _is_clear(role: str, some: list[Source]) -> bool:
    """Whether images of a role can all be used, or (of T2*) one of them is chosen by what it is."""
    if role == "dsc" and len(some) == 2:
        words = [words_of(one.said if isinstance(one, DicomSeries) else _stem(one)) for one in some]
        return words[0] != words[1] and words[0] ^ words[1] <= ECHOES
    return role == "t2star" or len(some) <= (1 if role == "dsc" else MOST[role])


def _unclear(one: Assigned, role: str, some: list[Source]) -> Problem:
    listed = ", ".join(one.called(source) for source in some[:6]) + (", ..." if len(some) > 6 else "")
    first = some[0]
    line = f"{role} = {first.number}" if isinstance(first, DicomSeries) else f'{role} = "{one.called(first)}"'
    return Problem(
        f"{one.study.name} holds {len(some)} images that could be its {role}: {listed}.",
        "Which is meant decides what is measured.",
        f"Write {FILE_NAME} into the folder (or give --roles FILE) with a line for each image to use, such as {line}.",
    )


def _stem(path: Path) -> str:
    return path.name.split(".nii")[0]
