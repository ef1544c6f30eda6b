"""What a study can be used for, as it is said before anything is computed."""

import pytest

from perspect.app.check import checked


@pytest.fixture
def lines(tmp_path):
    """What is said of files of these names (which are not read) and a question."""

    def said(*names, question=None):
        for name in names:
            (tmp_path / f"sub-01_{name}.nii.gz").touch()
        return list(checked(tmp_path, question))

    return said


def test_an_image_that_is_read_with_a_series_is_said_to_stand_beside_it(lines):
    said = lines("T1w", "asl", "m0scan", "mrsref", "dwi")
    assert "beside sub-01_m0scan.nii.gz: read with the ASL series: its equilibrium signal" in said
    # There is no spectrum, so that nobody reads its water.
    assert "–      sub-01_mrsref.nii.gz: its name gives it no role" in said
    assert "–      sub-01_dwi.nii.gz: a map of ADC (_ADC) is read, not the images that it is computed from" in said


def test_what_must_be_on_record_is_said_as_the_context_has_it(lines):
    refused, least = [one for one in lines("T1w", "dsc", question="recurrence") if one.startswith("to be on record")]
    assert "is refused: treated = true (the lesion was treated before)" in refused
    assert "radiotherapy_end and study_date" in refused and "antiangiogenic = false (not: a drug" in refused
    assert "no answer is more than a lean" in least and "adult = true" in least and "90 or more" in least


def test_a_family_is_said_to_come_from_the_series_by_its_role(lines):
    said = lines("T1w", "ADC", question="abscess")
    assert "cellularity: from adc." in said
    assert "infection: nothing here; it would need mrs." in said
