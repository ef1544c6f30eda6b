"""Whether files and folders that are used together are of one patient, in whatever form they are."""

from collections.abc import Sequence
from pathlib import Path

from perspect.io.dicom import whose
from perspect.io.identity import demand_one_patient_of, said
from perspect.vocabulary import Flag


def demand_one_patient(paths: Sequence[Path]) -> tuple[Flag, ...]:
    """What must be known of images (files, or folders of DICOM) that are used together.

    Raises `Refusal` if two are of different people.
    """
    return demand_one_patient_of([whose(path) if path.is_dir() else said(path) for path in dict.fromkeys(paths)])
