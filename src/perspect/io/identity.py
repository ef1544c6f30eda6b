"""Whether images are of one patient, one examination and one position, as far as names and sidecars say.

What a sidecar says of a person is compared and never repeated: messages name fields and files, not their contents.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from pathlib import Path
from typing import Final

from perspect.io.bids import name_of, stem
from perspect.io.sidecar import read_sidecar
from perspect.vocabulary import Flag, Refusal, Severity

PERSON: Final = ("PatientID", "PatientBirthDate", "PatientSex", "PatientName")
"""Fields that differ only between people (a patient may be renamed in one system and not in another: the name decides
only where there is no ID)."""

BLANK: Final = frozenset({"", "anonymous", "anonymized", "anonymised", "anon", "none", "unknown", "n/a", "o"})
"""What stands where a field was emptied (`O` is DICOM's other sex): it says nothing."""

DATES: Final = ("AcquisitionDate", "AcquisitionDateTime", "SeriesDate", "StudyDate")


@dataclass(frozen=True)
class Said:
    """What the name and the sidecars of an image say about whose it is, when it was taken and in which position."""

    file: str
    subject: str | None
    session: str | None
    fields: Mapping[str, str]

    def differs(self, other: "Said", field: str) -> bool:
        """Whether both say something in a field, and not the same."""
        one, two = self.fields.get(field), other.fields.get(field)
        return one is not None and two is not None and one != two


def said(path: Path) -> Said:
    """What is said of an image, without reading its voxels."""
    name = name_of(path)
    values = read_sidecar(path, path.with_name(f"{stem(path)}.json")).values
    wanted = (*PERSON, *DATES, "StudyInstanceUID", "FrameOfReferenceUID")
    fields = {key: str(values[key]) for key in wanted if values.get(key) is not None}
    return Said(path.name, name.get("sub"), name.get("ses"), stated(fields))


def stated(fields: Mapping[str, str]) -> dict[str, str]:
    """What fields say, however it is written, without those that were emptied."""
    plain = {key: _plain(key, text) for key, text in fields.items()}
    return {key: one for key, one in plain.items() if one not in BLANK}


def demand_one_patient_of(images: Sequence[Said]) -> tuple[Flag, ...]:
    """What must be known of images that are used together. Raises `Refusal` if two are of different people."""
    found: list[Flag] = []
    for one, other in combinations(images, 2):
        _refuse_strangers(one, other)
        found += _apart(one, other)
    return tuple(found)


def share_a_frame(one: Said, other: Said) -> bool | None:
    """Whether positions in one image mean the same places in the other; `None` where the sidecars do not say."""
    frames = [image.fields.get("FrameOfReferenceUID") for image in (one, other)]
    return None if None in frames else frames[0] == frames[1]


def _refuse_strangers(one: Said, other: Said) -> None:
    reasons = [field for field in PERSON if one.differs(other, field)]
    if "PatientID" in one.fields and one.fields.get("PatientID") == other.fields.get("PatientID"):
        reasons = [field for field in reasons if field != "PatientName"]
    if one.subject is not None and other.subject is not None and one.subject != other.subject:
        reasons = ["the subject in their names", *reasons]
    if reasons:
        raise Refusal(
            f"{one.file} and {other.file} are of different patients: they differ in {', '.join(reasons)}.",
            "A lesion of one patient would be measured with the anatomy of another.",
            "Give images of one patient; correct headers or sidecars if they are wrong.",
        )


def _apart(one: Said, other: Said) -> list[Flag]:
    """Other examination, other day, other position: what need not be wrong but must be known."""
    found, where = [], f"{one.file}, {other.file}"
    days = _days_apart(one, other)
    if days or one.differs(other, "StudyInstanceUID") or one.session != other.session:
        when = f", {days} day{'s' * (days > 1)} apart" if days else ""
        sentence = f"{one.file} and {other.file} are of two examinations{when}; a lesion may have changed in between."
        severity = Severity.CAUTION if days else Severity.NOTE
        found.append(Flag("other-examination", severity, sentence, where, source="reading"))
    if share_a_frame(one, other) is False:
        sentence = (
            f"{one.file} and {other.file} have different frames of reference: the positions in their headers cannot be "
            "compared, only the images themselves can be aligned."
        )
        found.append(Flag("other-frame", Severity.NOTE, sentence, where, source="reading"))
    return found


def _days_apart(one: Said, other: Said) -> int:
    """Days between two images by the first kind of date that both have; 0 where that is not known."""
    for field in DATES:
        days = [_day(image.fields.get(field)) for image in (one, other)]
        if days[0] is not None and days[1] is not None:
            return abs((days[0] - days[1]).days)
    return 0


def _plain(field: str, text: str) -> str:
    """What a field says, however it is written: case aside, a name in any order of its parts, a sex by its letter."""
    text = text.strip().casefold()
    if field == "PatientName":
        return " ".join(sorted(re.findall(r"\w+", text)))
    return text[:1] if field == "PatientSex" and text not in BLANK else text


def _day(text: str | None) -> date | None:
    """The day of a date in either of DICOM's and ISO's forms."""
    digits = "" if text is None else text.replace("-", "")[:8]
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
    except ValueError:
        return None
