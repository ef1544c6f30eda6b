"""A data set out: files that are made one after the other, and all of them or none in place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from perspect.io import reuse
from perspect.io.canonical import canonical
from perspect.io.staging import publish, staged
from perspect.vocabulary import Problem

Contents = Mapping[PurePosixPath, bytes]
"""Paths below the data set, each with its bytes."""

TRUTH: Final = PurePosixPath("derivatives/truth")
"""Where the truth lies, below the data set."""

PARTICIPANTS: Final = "participants.tsv"
IGNORED: Final = ("*_dsc.*", "*_dce.*", "*_ADC.*")
"""Images for which BIDS has no name yet (bids-standard/bids-specification issue 1549)."""

TRUTH_IGNORED: Final = ("*_desc-truth_*", "*_desc-simulation_*")


@dataclass(frozen=True)
class Subject:
    """One simulated patient: the label without `sub-`, and the row of the table of participants."""

    label: str
    facts: Mapping[str, str]
    version: str

    @property
    def summary(self) -> PurePosixPath:
        """What was simulated, which also lists the files that belong to it."""
        return TRUTH / f"sub-{self.label}" / f"sub-{self.label}_desc-simulation_summary.json"


def demand_room(out: Path, subject: Subject, *, overwrite: bool) -> None:
    """Raises `Problem` where `out` cannot take the subject, before anything is computed."""
    there = existing(out, subject)
    reuse.demand_free(out, there, overwrite, what="this patient", elsewhere="another folder", other="another --seed")


def existing(out: Path, subject: Subject) -> list[Path]:
    """What is there already of this subject."""
    folders = [out / f"sub-{subject.label}", out / TRUTH / f"sub-{subject.label}"]
    return [folder for folder in folders if folder.exists()]


def write_subject(
    out: Path, subject: Subject, parts: Iterable[Contents], summary: Mapping[str, Any], *, overwrite: bool = False
) -> tuple[Path, ...]:
    """Writes everything or nothing: the files of the subject as they come, then what the data set shares.

    The subject's former files are replaced if that was asked for; those of other subjects are not touched.
    """
    demand_room(out, subject, overwrite=overwrite)
    former = reuse.former_files(out, subject.summary)
    written: list[PurePosixPath] = [subject.summary]
    with staged(out) as temporary:
        tree = temporary / "tree"
        for contents in parts:
            written += _write(tree, contents)
        listed = {**summary, "files": sorted(str(path) for path in written)}
        _write(tree, {subject.summary: canonical(listed).encode(), **_shared(out, subject)})
        stale = tuple(Path(path) for path in former if path not in written)
        publish(tree, out, temporary, stale)
    return tuple(out / path for path in written)


def _write(tree: Path, contents: Contents) -> list[PurePosixPath]:
    for path, made in contents.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_bytes(made)
    return list(contents)


def _shared(out: Path, subject: Subject) -> dict[PurePosixPath, bytes]:
    """The files that all subjects of the data set share."""
    by = [{"Name": "perspect", "Version": subject.version, "Description": "simulated; no person was scanned"}]
    common = {"BIDSVersion": reuse.BIDS_VERSION, "GeneratedBy": by, "License": "CC0"}
    raw = {"Name": "Virtual patients", "DatasetType": "raw", **common}
    truth = {
        "Name": "What is true of the virtual patients", "DatasetType": "derivative", **common,
        "SourceDatasets": [{"URL": "../.."}],
    }  # fmt: skip
    return {
        PurePosixPath(reuse.DESCRIPTION): canonical(raw).encode(),
        PurePosixPath("README"): README.encode(),
        PurePosixPath(".bidsignore"): _lines(IGNORED),
        PurePosixPath(PARTICIPANTS): _participants(out, subject).encode(),
        PurePosixPath("participants.json"): canonical(COLUMNS).encode(),
        TRUTH / reuse.DESCRIPTION: canonical(truth).encode(),
        TRUTH / ".bidsignore": _lines(TRUTH_IGNORED),
    }


def _participants(out: Path, subject: Subject) -> str:
    """The table with this subject's row added or replaced, sorted by label."""
    heading = "\t".join(("participant_id", *COLUMNS))
    row = "\t".join((f"sub-{subject.label}", *(subject.facts[name] for name in COLUMNS)))
    path = out / PARTICIPANTS
    was = path.read_text(encoding="utf-8").splitlines() if path.is_file() else [heading]
    if was[0] != heading:
        raise Problem(
            f"{path} has other columns than those of virtual patients.",
            "The new patient cannot be added to it.",
            "Give another folder.",
        )
    others = [line for line in was[1:] if line and line.split("\t")[0] != f"sub-{subject.label}"]
    return "\n".join((heading, *sorted([*others, row]))) + "\n"


def _lines(lines: Iterable[str]) -> bytes:
    return ("\n".join(lines) + "\n").encode()


COLUMNS: Final[Mapping[str, Any]] = {
    "species": {"Description": "Always homo sapiens, as far as a model goes"},
    "seed": {"Description": "The seed from which the patient was made"},
}
"""The columns of the table of participants beyond the first. The lesion is not among them: readers may be blinded."""

README: Final = """Virtual patients
================

Nobody was scanned: every image was computed by `perspect simulate` from a model of a head with a lesion, and what is
true in every voxel is known. The truth lies in derivatives/truth: maps and masks on the grid of each series
(space-dsc, space-dce, space-asl, ...), a label map at 1 mm, a table of regions (_desc-truth_rois.tsv), the arterial
curve (_desc-truth_aif.tsv), and what was simulated (_desc-simulation_summary.json).

To be used freely (CC0). Not for diagnosis.
"""
