"""Headers of DICOM MR images, one file an image: what they say of place, time and acquisition, in s, rad, T and mm."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import radians
from pathlib import Path
from typing import Any, Final

from perspect.io.identity import DATES, PERSON, Said, stated
from perspect.vocabulary import Problem

MR, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.4.1"
LEGACY_MR: Final = "1.2.840.10008.5.1.4.1.1.4.4"
"""What an archive makes of many images with one to a file (Legacy Converted Enhanced MR)."""

PREAMBLE: Final = 128
"""Bytes before the letters that begin a DICOM file."""

WANTED: Final = (
    "SOPClassUID", "ImageType", "Modality", "SeriesInstanceUID", "StudyInstanceUID", "FrameOfReferenceUID", *PERSON,
    *DATES, "AcquisitionTime", "ContentTime", "TriggerTime", "TemporalPositionIdentifier",
    "NumberOfTemporalPositions", "TemporalResolution", "InstanceNumber", "SeriesNumber", "SeriesDescription",
    "MRAcquisitionType", "RepetitionTime", "EchoTime", "FlipAngle", "InversionTime", "MagneticFieldStrength",
    "ContrastBolusAgent", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness",
    "SpacingBetweenSlices", "Rows", "Columns", "RescaleSlope", "RescaleIntercept", "NumberOfFrames",
)  # fmt: skip
"""What is read of a header; a person's data are compared (`identity`) and never repeated."""

Dataset = dict[str, Any]
"""What a header says, by the keywords of DICOM."""


@dataclass(frozen=True, eq=False)
class Header:
    """One image of one slice. `None` is: not recorded. Times of day are in s since midnight, `trigger` since the start.

    `position` and `orientation` (rows, then columns) are in mm and in DICOM's patient system, x to the left and y to
    the back; `spacing` is between rows and between columns. `part` is the third value of ImageType (M, P, ...).
    """

    path: Path
    series: str
    number: int | None
    description: str
    whose: Said
    instance: int
    temporal: int | None
    n_temporal: int | None
    temporal_step: float | None
    trigger: float | None
    acquired: float | None
    position: tuple[float, float, float] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    thickness: float | None
    shape: tuple[int, int]
    is_3d: bool
    tr: float | None
    te: float | None
    flip_angle: float | None
    inversion: float | None
    field: float | None
    agent: str | None
    part: str | None
    slope: float
    intercept: float


def is_dicom(path: Path) -> bool:
    """Whether a file begins as DICOM files do."""
    try:
        with path.open("rb") as file:
            return file.read(PREAMBLE + 4)[PREAMBLE:] == b"DICM"
    except OSError:
        return False


def dicom_files(folder: Path) -> tuple[Path, ...]:
    """The DICOM files below a folder, by name."""
    files = sorted(one for one in folder.rglob("*") if one.is_file() and not one.name.startswith("."))
    return tuple(one for one in files if is_dicom(one))


def holds_dicom(folder: Path) -> bool:
    """Whether there is a DICOM file below a folder."""
    return any(one.is_file() and is_dicom(one) for one in folder.rglob("*"))


def read_headers(paths: tuple[Path, ...]) -> tuple[Header, ...]:
    """The headers of the MR images among some files.

    Raises Problem where they are of a kind that holds many images in one file.
    """
    with tolerant() as dcmread:
        read = []
        for path in paths:
            elements = dcmread(path, stop_before_pixels=True, specific_tags=list(WANTED))
            read.append((path, {one.keyword: one.value for one in elements}))
        return tuple(_header(path, one) for path, one in read if _is_plain(path, one))


@contextmanager
def tolerant() -> Iterator[Any]:
    """The reader of pydicom, imported late, without its remarks on what scanners write against the rules."""
    from pydicom import dcmread

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield dcmread


def _is_plain(path: Path, one: Dataset) -> bool:
    kind = str(one.get("SOPClassUID", MR))
    if kind not in (MR, ENHANCED_MR, LEGACY_MR):
        return False
    many = kind != MR or int(one.get("NumberOfFrames") or 1) > 1
    mosaic = any("MOSAIC" in str(part) for part in one.get("ImageType") or ())
    if many or mosaic:
        raise Problem(
            f"{path.name} holds many images in one file ({'a mosaic' if mosaic else 'enhanced MR'}).",
            "This reader knows one image to a file.",
            "Convert the series with dcm2niix, and give the NIfTI file with its sidecar.",
        )
    return one.get("Rows") is not None


def _header(path: Path, one: Dataset) -> Header:
    fields = {key: str(value) for key in (*PERSON, *DATES, "StudyInstanceUID", "FrameOfReferenceUID")
              if (value := one.get(key)) not in (None, "")}  # fmt: skip
    position, spacing = _numbers(one, "ImagePositionPatient", 3), _numbers(one, "PixelSpacing", 2)
    flip_angle, trigger = _number(one, "FlipAngle"), _number(one, "TriggerTime")
    number, temporal, n_temporal = (
        _number(one, key) for key in ("SeriesNumber", "TemporalPositionIdentifier", "NumberOfTemporalPositions")
    )
    return Header(
        path=path,
        series=str(one.get("SeriesInstanceUID", "")),
        number=None if number is None else int(number),
        description=str(one.get("SeriesDescription", "") or ""),
        whose=Said(path.name, None, None, stated(fields)),
        instance=int(_number(one, "InstanceNumber") or 0),
        temporal=None if temporal is None else int(temporal),
        n_temporal=None if n_temporal is None else int(n_temporal),
        temporal_step=_thousandth(_number(one, "TemporalResolution")),
        trigger=_thousandth(trigger),
        acquired=_time_of_day(one.get("AcquisitionTime")),
        position=None if position is None else (position[0], position[1], position[2]),
        orientation=_numbers(one, "ImageOrientationPatient", 6),
        spacing=None if spacing is None else (spacing[0], spacing[1]),
        thickness=_number(one, "SpacingBetweenSlices") or _number(one, "SliceThickness"),
        shape=(int(one["Rows"]), int(one["Columns"])),
        is_3d=str(one.get("MRAcquisitionType", "")).upper() == "3D",
        tr=_thousandth(_number(one, "RepetitionTime")),
        te=_thousandth(_number(one, "EchoTime")),
        flip_angle=None if flip_angle is None else radians(flip_angle),
        inversion=_thousandth(_number(one, "InversionTime")),
        field=_number(one, "MagneticFieldStrength"),
        agent=str(one.get("ContrastBolusAgent") or "") or None,
        part=_part(one.get("ImageType")),
        slope=1.0 if (slope := _number(one, "RescaleSlope")) is None else slope,
        intercept=_number(one, "RescaleIntercept") or 0.0,
    )


def _part(image_type: Any) -> str | None:
    """The third value of ImageType, where there are so many."""
    is_long = image_type is not None and not isinstance(image_type, str) and len(image_type) > 2
    return (str(image_type[2]).strip().upper() or None) if is_long else None


def _number(one: Dataset, key: str) -> float | None:
    value = one.get(key)
    return None if value in (None, "") else float(value)


def _numbers(one: Dataset, key: str, n: int) -> tuple[float, ...] | None:
    value = one.get(key)
    return tuple(float(part) for part in value) if value is not None and len(value) == n else None


def _thousandth(value: float | None) -> float | None:
    return None if value is None else value / 1000.0


def _time_of_day(text: object) -> float | None:
    """Seconds since midnight of HHMMSS.FFFFFF."""
    digits = str(text or "").strip()
    if len(digits) < 6 or not digits[:6].isdigit():
        return None
    return 3600.0 * int(digits[:2]) + 60.0 * int(digits[2:4]) + float(digits[4:])
