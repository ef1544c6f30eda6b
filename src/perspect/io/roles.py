"""What each image of a study can be used for, by its name; and what is there that nothing uses."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from perspect.io.anatomy import conventional
from perspect.io.bids import IMAGES, name_of
from perspect.vocabulary import Problem

SUFFIXES: Final[Mapping[str, str]] = {
    "dsc": "dsc", "dce": "dce", "asl": "asl", "ADC": "adc", "svs": "mrs", "mrsi": "mrsi",
    "T2starw": "t2star", "swi": "t2star",
}  # fmt: skip
"""BIDS suffixes (`adc` as what diffusion scans are turned into) and the roles that they name."""

NO_ROLE: Final = "its name gives it no role"
NOT_READ: Final[Mapping[str, str]] = {"dwi": "a map of ADC (_ADC) is read, not the images that it is computed from"}
"""BIDS suffixes of what nothing is read from, each with the reason."""


@dataclass(frozen=True)
class Roles:
    """Files by role (`dsc`, `dce`, `asl`, `adc`, `mrs`, `mrsi`, `t2star`), conventional images by contrast, others.

    `folder` is where they lie with what belongs to them. Where they had other names before, `given` has those.
    """

    series: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    anatomy: Mapping[str, Path] = field(default_factory=dict)
    unused: Mapping[str, str] = field(default_factory=dict)
    folder: Path = Path()
    given: Mapping[str, str] = field(default_factory=dict)

    def told(self, text: str) -> str:
        """A sentence with the names that the images have for their owner."""
        if not self.given:
            return text
        names = "|".join(re.escape(one) for one in sorted(self.given, key=len, reverse=True))
        return re.sub(rf"(?<![\w./-])(?:{names})(?![\w-])", lambda found: self.given[found[0]], text)


def find_roles(folder: Path) -> Roles:
    """The roles of the images below a folder; headers and voxels are not read.

    Raises Problem where there is no such folder, no image in it, or images of several subjects.
    """
    if not folder.is_dir():
        raise Problem(f"There is no folder {folder}.", "A study is a folder of images.", "Check the path.")
    images = sorted(one for one in folder.rglob("*") if one.name.endswith(IMAGES) and not one.name.startswith("."))
    images = [one for one in images if "derivatives" not in one.relative_to(folder).parts]
    if not images:
        raise Problem(
            f"{folder.name} holds no NIfTI image and no DICOM file.",
            "There is nothing to measure.",
            "Give the folder of an examination.",
        )
    subjects = sorted({name_of(one).get("sub") or "" for one in images})
    if len(subjects) > 1:
        raise Problem(
            f"{folder.name} holds {len(subjects)} subjects: {', '.join(subjects[:8])}.",
            "An examination is of one.",
            "Give the folder of one of them.",
        )
    sessions = sorted({name_of(one).get("ses") or "" for one in images})
    if len(sessions) > 1:
        raise Problem(
            f"{folder.name} holds {len(sessions)} sessions: {', '.join(one or 'none' for one in sessions[:8])}.",
            "An examination is of one day: images of different days must not be laid over each other unasked.",
            "Give the folder of one of them.",
        )
    series: dict[str, list[Path]] = {}
    for one in images:
        role = SUFFIXES.get(name_of(one).suffix)
        if role is not None:
            series.setdefault(role, []).append(one)
    taken = {one for some in series.values() for one in some}
    plain = conventional(set(images) - taken)
    unused = {
        one.relative_to(folder).as_posix(): plain.passed_over.get(one, NOT_READ.get(name_of(one).suffix, NO_ROLE))
        for one in images
        if one not in taken and one not in plain.files.values()
    }
    return Roles({role: tuple(some) for role, some in series.items()}, plain.files, unused, folder)
