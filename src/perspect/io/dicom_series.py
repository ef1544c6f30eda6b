"""The series of a folder of DICOM by what their headers say; pixels are not read."""

from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from struct import error
from typing import Any, Final

from perspect.io.dicom_header import ENHANCED_MR, LEGACY_MR, MR, dicom_files, tolerant
from perspect.io.dicom_spectra import SIEMENS, STANDARD
from perspect.io.identity import DATES, PERSON, Said, demand_one_patient_of, stated
from perspect.vocabulary import Problem

WANTED: Final = (
    "SOPClassUID", "ImageType", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", "SeriesNumber",
    "SeriesDescription", "ProtocolName", "ContrastBolusAgent", "Rows", "Columns", *PERSON, *DATES,
)  # fmt: skip

IMAGES: Final = (MR, ENHANCED_MR, LEGACY_MR)
SPECTRA: Final = (STANDARD, SIEMENS)


@dataclass(frozen=True, eq=False)
class DicomSeries:
    """One series: its number, what it is called, whether agent was on record, and its files."""

    number: int | None
    description: str
    protocol: str
    kind: str
    image_type: tuple[str, ...]
    has_agent: bool
    files: tuple[Path, ...]
    whose: Said

    @property
    def is_image(self) -> bool:
        """Whether it is one of MR images."""
        return self.kind in IMAGES

    @property
    def is_spectrum(self) -> bool:
        """Whether it is one of MR spectra."""
        return self.kind in SPECTRA

    @property
    def is_derived(self) -> bool:
        """Whether its images were computed from others."""
        return "DERIVED" in self.image_type[:1]

    @property
    def said(self) -> str:
        """What people call it: `series 12 (ep2d_perf)`."""
        number = "without number" if self.number is None else str(self.number)
        called = self.description or self.protocol
        return f"series {number} ({called})" if called else f"series {number}"


def dicom_series(folder: Path) -> tuple[DicomSeries, ...]:
    """Every series below a folder, by number.

    Raises `Refusal` where they are of several people, `Problem` for a file that begins as DICOM and cannot be read.
    """
    found: dict[tuple[str, str], list[tuple[Path, dict[str, Any]]]] = defaultdict(list)
    with tolerant() as dcmread:
        from pydicom.errors import BytesLengthException, InvalidDicomError

        damaged = (InvalidDicomError, BytesLengthException, ValueError, EOFError, OSError, TypeError, KeyError, error)
        for path in dicom_files(folder):
            try:
                elements = dcmread(path, stop_before_pixels=True, specific_tags=list(WANTED))
                header = {one.keyword: one.value for one in elements}
            except damaged as why:
                said = " ".join(str(why).split())[:120]
                raise Problem(
                    f"{path.relative_to(folder).as_posix()} begins as a DICOM file and cannot be read ({said}).",
                    "A file that is cut off may leave a series without some of its images.",
                    "Export it again, or take it out of the folder.",
                ) from why
            key = str(header.get("SeriesInstanceUID", "")), str(header.get("SOPClassUID", ""))
            found[key].append((path, header))
    series = [_series(some) for some in found.values()]
    demand_one_patient_of([one.whose for one in series])
    return tuple(sorted(series, key=lambda one: (one.number is None, one.number or 0, one.description)))


def _series(some: list[tuple[Path, dict[str, Any]]]) -> DicomSeries:
    first = some[0][1]
    number = first.get("SeriesNumber")
    fields = {key: str(value) for key in (*PERSON, *DATES, "StudyInstanceUID", "FrameOfReferenceUID")
              if (value := first.get(key)) not in (None, "")}  # fmt: skip
    image_type = first.get("ImageType") or ()
    made = DicomSeries(
        number=None if number in (None, "") else int(str(number)),
        description=str(first.get("SeriesDescription") or "").strip(),
        protocol=str(first.get("ProtocolName") or "").strip(),
        kind=str(first.get("SOPClassUID", "")),
        image_type=(image_type,) if isinstance(image_type, str) else tuple(str(one) for one in image_type),
        has_agent=bool(str(first.get("ContrastBolusAgent") or "").strip()),
        files=tuple(path for path, _ in some),
        whose=Said("", None, None, stated(fields)),
    )
    return replace(made, whose=replace(made.whose, file=made.said))
