import json

import pytest

from perspect.io import find_roles, read_context
from perspect.vocabulary import Problem


def written(folder, text, name="context.toml"):
    path = folder / name
    path.write_text(text)
    return path


def test_nothing_given_is_nothing_known():
    assert read_context(None).facts == {}


def test_dates_become_days(tmp_path):
    text = "treated = true\nradiotherapy_end = 2026-01-10\nstudy_date = 2026-03-01\n[seen]\nswi_dual_rim = false\n"
    found = read_context(written(tmp_path, text))
    assert found.facts == {"treated": True, "radiotherapy_days": 50.0}
    assert found.seen == {"swi_dual_rim": False}


def test_json_says_the_same(tmp_path):
    path = written(tmp_path, json.dumps({"adult": True, "radiotherapy_days": 12}), "context.json")
    assert read_context(path).facts == {"adult": True, "radiotherapy_days": 12.0}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("steroid = true", "Did you mean steroids"),
        ("treated = 'yes'", "true or false"),
        ("radiotherapy_days = -3", "number of days"),
        ("radiotherapy_end = 2026-01-10", "no study_date"),
        ("radiotherapy_end = 2026-01-10\nstudy_date = 2025-01-10", "before the end of radiotherapy"),
        ("radiotherapy_end = 'soon'\nstudy_date = 2026-01-10", "YYYY-MM-DD"),
        ("treated = ", "cannot be read as TOML"),
        ("swi_dual_rim = true", "outside of its table"),
        ("[seen]\ntreated = true", "in its table"),
        ("radiotherapy_days = inf", "number of days"),
        ("radiotherapy_days = 3\nradiotherapy_end = 2026-01-10\nstudy_date = 2026-02-10", "Keep one"),
    ],
)
def test_what_cannot_be_meant_is_answered_in_one_sentence(tmp_path, text, said):
    with pytest.raises(Problem, match=said):
        read_context(written(tmp_path, text))


def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(Problem, match="no file"):
        read_context(tmp_path / "absent.toml")


def images(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_images_have_roles_by_their_names(tmp_path):
    images(
        tmp_path, "anat/sub-1_T1w.nii.gz", "anat/sub-1_ce-gd_T1w.nii.gz", "perf/sub-1_dsc.nii.gz",
        "perf/sub-1_asl.nii.gz", "dwi/sub-1_ADC.nii.gz", "dwi/sub-1_dwi.nii.gz", "mrs/sub-1_svs.nii.gz",
    )  # fmt: skip
    found = find_roles(tmp_path)
    assert sorted(found.series) == ["adc", "asl", "dsc", "mrs"]
    assert sorted(found.anatomy) == ["t1c", "t1w"]
    assert list(found.unused) == ["dwi/sub-1_dwi.nii.gz"]


def test_two_subjects_are_a_question_back(tmp_path):
    images(tmp_path, "sub-1/sub-1_T1w.nii.gz", "sub-2/sub-2_T1w.nii.gz")
    with pytest.raises(Problem, match="2 subjects"):
        find_roles(tmp_path)


def test_two_sessions_are_a_question_back(tmp_path):
    images(tmp_path, "ses-1/sub-1_ses-1_T1w.nii.gz", "ses-2/sub-1_ses-2_T1w.nii.gz")
    with pytest.raises(Problem, match="2 sessions"):
        find_roles(tmp_path)


def test_an_empty_folder_is_said(tmp_path):
    with pytest.raises(Problem, match="no NIfTI"):
        find_roles(tmp_path)
    with pytest.raises(Problem, match="no folder"):
        find_roles(tmp_path / "absent")


def test_a_haematocrit_is_a_share(tmp_path):
    assert read_context(written(tmp_path, "haematocrit = 0.4")).facts == {"haematocrit": 0.4}
    with pytest.raises(Problem, match="share of one"):
        read_context(written(tmp_path, "haematocrit = 42"))


def test_a_preload_is_said_as_the_series_says_it(tmp_path):
    """DICOM has no field for it."""
    assert read_context(written(tmp_path, "preload = true")).facts == {"dsc.has_preload": True}
