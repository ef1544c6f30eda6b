import json
from pathlib import Path

import pytest

import perspect
from perspect.io.bids import name_of, stem
from perspect.io.study import find_dsc
from perspect.vocabulary import Problem

SIDE = json.dumps({"EchoTime": 0.03, "RepetitionTime": 1.5})


@pytest.fixture
def subject(stored, save, tmp_path):
    def make(*names):
        for name in names:
            save(stored, f"ds/sub-01/{name}.nii.gz")
            (tmp_path / "ds" / "sub-01" / f"{name}.json").write_text(SIDE)
        (tmp_path / "ds" / "dataset_description.json").write_text("{}")
        return tmp_path / "ds" / "sub-01"

    return make


def problem(path):
    with pytest.raises(Problem) as caught:
        perspect.read(path)
    assert caught.value.exit_code == 2
    return str(caught.value)


def test_a_subject_folder_gives_its_dsc_series_and_names_what_is_not_used(subject):
    study = perspect.read(subject("perf/sub-01_dsc", "anat/sub-01_scout"))
    assert study.name == "sub-01"
    assert [series.name for series in study.dsc] == ["sub-01_dsc"]
    assert study.unused == {"anat/sub-01_scout.nii.gz": "neither a DSC series nor anatomy by its name"}


def test_a_file_is_a_study_of_its_own(stored, save):
    path = save(stored, "mine.nii.gz")
    assert [one.name for one in perspect.read(path, te=0.03, tr=1.5).dsc] == ["mine"]
    assert perspect.read(str(path), te=0.03, tr=1.5).name == "mine"


def test_what_was_remarked_on_while_reading_is_kept(stored, save):
    study = perspect.read(save(stored, "mine.nii.gz", step=2.0), te=0.03, tr=1.5)
    assert "1.5 s by --tr" in study.unused["mine.nii.gz"]


def test_two_echoes_are_one_study(subject, tmp_path):
    folder = subject("perf/sub-01_echo-1_dsc", "perf/sub-01_echo-2_dsc")
    (folder / "perf/sub-01_echo-1_dsc.json").write_text(json.dumps({"EchoTime": 0.01, "RepetitionTime": 1.5}))
    assert [one.acquisition.te for one in perspect.read(folder).dsc] == [0.01, 0.03]


@pytest.mark.parametrize("names", [("sub-01_run-1_dsc", "sub-01_run-2_dsc"), ("sub-01_ses-a_dsc", "sub-01_ses-b_dsc")])
def test_several_runs_or_sessions_are_a_question_back_that_names_them(subject, names):
    text = problem(subject(*(f"perf/{name}" for name in names)))
    assert all(name in text for name in names)


def test_a_folder_without_a_dsc_series_says_what_it_has(subject):
    text = problem(subject("anat/sub-01_T1w"))
    assert "holds no *_dsc.nii.gz; its images are anat/sub-01_T1w.nii.gz" in text


def test_a_name_that_only_ends_as_the_series_does_will_do(stored, save):
    folder = save(stored, "Mueller 3/post op_dsc.nii.gz").parent
    save(stored[..., 0], "Mueller 3/mask.nii.gz")
    assert [one.name for one in find_dsc(folder).dsc] == ["post op_dsc.nii.gz"]
    save(stored, "Mueller 3/pre op_dsc.nii.gz")
    assert "holds 2 DSC series" in problem(folder)


def test_a_folder_with_one_matlab_file_and_no_image_is_that_series(tmp_path):
    (tmp_path / "slice.mat").touch()
    assert [one.name for one in find_dsc(tmp_path).dsc] == ["slice.mat"]
    (tmp_path / "other.mat").touch()
    assert "no other NIfTI image" in problem(tmp_path)


def test_an_empty_folder_is_said_to_be_empty(tmp_path):
    assert "no other NIfTI image" in problem(tmp_path)


def test_a_missing_path_is_named():
    assert "There is no file or folder" in problem(Path("nowhere") / "at_all")


@pytest.mark.parametrize("give", ["folder", "file"])
def test_dicom_is_recognised_and_the_way_round_is_named(tmp_path, give):
    path = tmp_path / "IM0001"
    path.write_bytes(bytes(128) + b"DICM" + bytes(100))
    text = problem(tmp_path if give == "folder" else path)
    assert "is DICOM" in text
    assert "dcm2niix" in text


@pytest.mark.parametrize(
    ("file", "prefix", "folder"),
    [
        ("sub-01_dsc.nii.gz", "sub-01_", "sub-01"),
        ("sub-01_ses-2_acq-x_run-1_echo-2_dsc.nii", "sub-01_ses-2_acq-x_run-1_", "sub-01/ses-2"),
        ("perfusion.nii.gz", "", "."),
        ("my scan (2).nii", "", "."),
    ],
)
def test_results_inherit_the_name_of_a_bids_series_and_no_other(file, prefix, folder):
    name = name_of(Path(file))
    assert (name.prefix, name.folder.as_posix()) == (prefix, folder)


def test_the_stem_is_without_both_extensions():
    assert [stem(Path(one)) for one in ("a.nii.gz", "a.b.nii", "a.mat", "a.NII.GZ")] == ["a", "a.b", "a", "a"]
