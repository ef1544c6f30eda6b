"""Whether files and folders that are used together are of one patient, in whatever form they are."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from perspect.io.dicom import whose
from perspect.io.identity import demand_one_patient_of, said
from perspect.vocabulary import Flag


def demand_one_patient(paths: Sequence[Path]) -> tuple[Flag, ...]:
    """What must be known of images (files, or folders of DICOM) that are used together.

    Raises `Refusal` if two are of different people.
    """
    return demand_one_patient_of([whose(path) if path.is_dir() else said(path) for path in dict.fromkeys(paths)])


def demand_regions_of(image: Path, regions: Iterable[Path | None]) -> None:
    """Raises `Refusal` where a region was drawn on another person than the one in the image.

    Of a region nothing else is asked: masks seldom say when and in which frame they were drawn.
    """
    for region in regions:
        if region is not None:
            demand_one_patient((image, region))
