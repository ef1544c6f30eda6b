import json

import pytest

from perspect.io import demand_one_patient, said, share_a_frame
from perspect.vocabulary import Refusal, Severity


def image(folder, name, **fields):
    (folder / f"{name}.json").write_text(json.dumps(fields))
    return folder / f"{name}.nii.gz"


def test_one_patient_in_one_examination_raises_nothing(tmp_path):
    fields = {"PatientID": "17", "StudyInstanceUID": "1.2", "FrameOfReferenceUID": "1.3", "AcquisitionDate": "20240105"}
    paths = [image(tmp_path, f"sub-01_{kind}", **fields) for kind in ("T1w", "dsc")]
    assert demand_one_patient(paths) == ()
    assert share_a_frame(*map(said, paths)) is True


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ({"PatientID": "17"}, {"PatientID": "18"}, "PatientID"),
        ({"PatientBirthDate": "19600101"}, {"PatientBirthDate": "19600102"}, "PatientBirthDate"),
        ({"PatientName": "Doe^Jane"}, {"PatientName": "Roe^Jane"}, "PatientName"),
        ({"PatientSex": "F"}, {"PatientSex": "M"}, "PatientSex"),
    ],
)
def test_images_of_two_patients_are_refused_without_saying_who_they_are(tmp_path, one, other, says):
    paths = [image(tmp_path, "t1", **one), image(tmp_path, "dsc", **other)]
    with pytest.raises(Refusal, match=says) as refused:
        demand_one_patient(paths)
    assert not any(secret in str(refused.value) for secret in ("Doe", "Jane", "1960"))


def test_two_subjects_by_name_are_refused(tmp_path):
    with pytest.raises(Refusal, match="the subject in their names"):
        demand_one_patient([image(tmp_path, "sub-01_T1w"), image(tmp_path, "sub-02_dsc")])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"PatientID": "17"}, {}),
        ({"PatientID": "17"}, {"PatientID": "anonymous"}),
        ({"PatientName": "Doe^Jane"}, {"PatientName": "JANE DOE"}),
        ({"PatientID": "17", "PatientName": "Doe"}, {"PatientID": "17", "PatientName": "Doe-Smith"}),
        ({"PatientSex": "F"}, {"PatientSex": "female"}),
        ({"PatientSex": "F"}, {"PatientSex": "O"}),
    ],
)
def test_what_is_not_said_or_written_otherwise_is_no_difference(tmp_path, one, other):
    assert demand_one_patient([image(tmp_path, "t1", **one), image(tmp_path, "dsc", **other)]) == ()


def test_another_day_and_another_frame_are_said(tmp_path):
    one = image(tmp_path, "sub-01_ses-1_T1w", AcquisitionDate="2024-01-05", FrameOfReferenceUID="1.3")
    other = image(tmp_path, "sub-01_ses-2_dsc", AcquisitionDate="20240107", FrameOfReferenceUID="1.4")
    flags = {flag.code: flag for flag in demand_one_patient([one, other])}
    assert set(flags) == {"other-examination", "other-frame"}
    assert flags["other-examination"].severity == Severity.CAUTION
    assert "2 days apart" in flags["other-examination"].sentence
    assert share_a_frame(said(one), said(other)) is False
    assert share_a_frame(said(one), said(tmp_path / "no.nii.gz")) is None
