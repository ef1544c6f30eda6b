"""Names of files as BIDS has them: entities, suffix, the root of the data set, and sidecars that are inherited."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from glob import escape
from os.path import normpath
from pathlib import Path
from typing import Final

from perspect.vocabulary import Problem

IMAGES: Final = (".nii.gz", ".nii")
NAME: Final = re.compile(r"(?:[a-z]+-[A-Za-z0-9+]+_)*[A-Za-z0-9]+")
KEPT: Final = ("sub", "ses", "acq", "run")
"""Entities of a series that the names of its results keep."""


@dataclass(frozen=True)
class Name:
    """`sub-01_ses-2_echo-1_dsc.nii.gz` taken apart."""

    entities: tuple[tuple[str, str], ...]
    suffix: str

    def get(self, entity: str) -> str | None:
        """The value of an entity, `None` where the name has none."""
        return dict(self.entities).get(entity)

    @property
    def prefix(self) -> str:
        """What the names of results begin with: `sub-01_ses-2_`; where the series is not named by BIDS no more than
        what tells it from another of its kind (`acq-2_`), mostly nothing.
        """
        return "".join(f"{key}-{value}_" for key, value in self.entities if key in KEPT)

    @property
    def folder(self) -> Path:
        """Where results go below the output folder: `sub-01/ses-2`."""
        parts = [f"{key}-{value}" for key in ("sub", "ses") if (value := self.get(key)) is not None]
        return Path(*parts) if self.get("sub") is not None else Path()


def stem(path: Path) -> str:
    """The name of a file without its extensions.

    >>> stem(Path("a/sub-01_dsc.nii.gz"))
    'sub-01_dsc'
    """
    for extension in IMAGES:
        if path.name.lower().endswith(extension):
            return path.name[: -len(extension)]
    return path.stem


def name_of(path: Path) -> Name:
    """Entities and suffix of a file; a name that BIDS does not know has no entities."""
    whole = stem(path)
    if not NAME.fullmatch(whole):
        return Name((), whole)
    *entities, suffix = whole.split("_")
    return Name(tuple((key, value) for key, _, value in (one.partition("-") for one in entities)), suffix)


def placed(path: Path) -> Path:
    """Where a file is, whatever it is a link to: names and what lies beside it are those of the link."""
    return Path(normpath(path.absolute()))


def named(images: Sequence[Path], suffix: str) -> list[Path]:
    """The images with a suffix as BIDS has it; where there is none, those whose names merely end in it.

    >>> [one.name for one in named([Path("patient 7_dsc.nii"), Path("sub-01_T1w.nii")], "dsc")]
    ['patient 7_dsc.nii']
    """
    found = [one for one in images if name_of(one).suffix == suffix]
    return found or [one for one in images if stem(one).endswith(f"_{suffix}")]


def root_of(path: Path) -> Path | None:
    """The data set that a file belongs to: the nearest folder above that holds dataset_description.json."""
    for folder in placed(path).parents:
        if (folder / "dataset_description.json").is_file():
            return folder
    return None


def label(path: Path) -> str:
    """How a file is called in results: its path within its data set, else its name alone (never where it lies)."""
    root = root_of(path)
    return path.name if root is None else placed(path).relative_to(root).as_posix()


def sidecars(image: Path) -> list[Path]:
    """The JSON files that speak of an image, the most general first.

    Within a data set: those of its folder and of every folder up to the root that have its suffix and none but its
    entities (BIDS, "The Inheritance Principle"). Elsewhere: the one of the same name beside it.
    """
    root, own = root_of(image), image.with_name(f"{stem(image)}.json")
    if root is None:
        return [own] if own.is_file() else []
    found: list[Path] = []
    for folder in _from_root(root, placed(image).parent):
        found += _applicable(folder, name_of(image))
    return found


def _from_root(root: Path, folder: Path) -> Iterator[Path]:
    yield root
    parts = folder.relative_to(root).parts
    yield from (root.joinpath(*parts[: depth + 1]) for depth in range(len(parts)))


def _applicable(folder: Path, image: Name) -> list[Path]:
    """Sidecars of one folder, those with more entities last; two that are equally particular are a contradiction."""
    chosen: dict[int, Path] = {}
    for path in sorted(folder.glob(f"*{escape(image.suffix)}.json")):
        name = name_of(path)
        if name.suffix != image.suffix or not set(name.entities) <= set(image.entities):
            continue
        if len(name.entities) in chosen:
            raise Problem(
                f"{chosen[len(name.entities)].name} and {path.name} both speak of the same series.",
                "It is not known which of them holds.",
                "Keep one of the two.",
            )
        chosen[len(name.entities)] = path
    return [chosen[n] for n in sorted(chosen)]
