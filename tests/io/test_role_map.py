"""A role map is right, or one sentence says what is wrong with it."""

import re

import pytest

from perspect import io
from perspect.io.laid import laid
from perspect.vocabulary import Problem


@pytest.fixture
def study(tmp_path):
    """A folder of images whose names say nothing, with a file beside it."""
    folder = tmp_path / "patient"
    (folder / "perf").mkdir(parents=True)
    for name in ("a.nii.gz", "b.nii.gz", "c.nii", "perf/d.nii.gz", "perf/e.nii.gz"):
        (folder / name).write_bytes(name.encode())
    (folder / "perf" / "d.json").write_text('{"EchoTime": 0.03}')
    (tmp_path / "outside.nii.gz").touch()
    return folder


def written(study, text):
    (study / "roles.toml").write_text(text)
    return study


def test_images_get_the_roles_that_the_map_says_and_no_others(study, tmp_path):
    found = io.assigned(written(study, 't1w = "a.nii.gz"\nt1c = "c.nii"\ndsc = "perf/d.nii.gz"\n'))
    roles = laid(found, tmp_path / "aside")
    assert {role: path.name for role, path in roles.anatomy.items()} == {
        "t1w": "T1w.nii.gz", "t1c": "ce-gd_T1w.nii"
    }  # fmt: skip
    assert [path.name for path in roles.series["dsc"]] == ["dsc.nii.gz"]
    assert roles.series["dsc"][0].read_bytes() == b"perf/d.nii.gz"
    assert (roles.folder / "dsc.json").read_text() == '{"EchoTime": 0.03}'
    assert set(roles.unused) == {"b.nii.gz", "perf/e.nii.gz"}
    assert roles.told("dsc.json has no EchoTime.") == "the sidecar of perf/d.nii.gz has no EchoTime."
    assert roles.told("ce-gd_T1w.nii and T1w.nii.gz") == "c.nii and a.nii.gz"


def test_labels_of_subject_and_session_name_the_results(study, tmp_path):
    found = io.assigned(written(study, 'subject = "07"\nsession = "2"\nt1w = "a.nii.gz"\n'))
    (path,) = laid(found, tmp_path / "aside").anatomy.values()
    assert path.name == "sub-07_ses-2_T1w.nii.gz"
    assert io.name_of(path).prefix == "sub-07_ses-2_"


def test_two_echoes_and_magnitude_with_phase_are_told_apart(study, tmp_path):
    text = 't1w = "c.nii"\ndsc = ["perf/d.nii.gz", "perf/e.nii.gz"]\nt2star = ["a.nii.gz", "b.nii.gz"]\n'
    roles = laid(io.assigned(written(study, text)), tmp_path / "aside")
    assert [one.name for one in roles.series["dsc"]] == ["echo-1_dsc.nii.gz", "echo-2_dsc.nii.gz"]
    assert [one.name for one in roles.series["t2star"]] == ["part-mag_T2starw.nii.gz", "part-phase_T2starw.nii.gz"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('t1 = "a.nii.gz"', "roles.toml has the role 't1', which is none.*Did you mean t1w?"),
        ('t1w = "aa.nii.gz"', "names aa.nii.gz, and there is no such file in patient.*Did you mean a.nii.gz?"),
        ('t1w = "a.nii.gz"\nt2w = "a.nii.gz"', "names a.nii.gz twice, as t1w and as t2w"),
        ('t1w = "a.nii.gz"\nt2w = "./a.nii.gz"', "names ./a.nii.gz twice, as t1w and as t2w"),
        ('dsc = ["perf/d.nii.gz", "perf/d.nii.gz"]', "twice, as dsc and as dsc"),
        ("t1w = a.nii.gz", "roles.toml cannot be read as TOML"),
        ('t1w = "../outside.nii.gz"', "outside.nii.gz, which lies outside of patient"),
        ('t1w = "/etc/hostname"', "/etc/hostname, which lies outside of patient"),
        ('t1w = ["a.nii.gz", "b.nii.gz"]', "gives t1w to 2 images.*from 1 at most"),
        ("t1w = true", "roles.toml: t1w is True"), ("t1w = []", "roles.toml: t1w is []"), ("", "gives no image a role"),
        ('[t1w]\nfile = "a.nii.gz"', "t1w is .*Write t1w ="),
        ('t1w = "perf"', "names perf, and patient holds no DICOM series of that folder"),
        ("t1w = 4", "names series 4, and patient holds no DICOM series of that number"),
        ('t1w = "perf/d.json"', "gives t1w to perf/d.json, which is no NIfTI file"),
        ('subject = "0 1"\nt1w = "a.nii.gz"', "roles.toml: subject is '0 1'"),
    ],
)  # fmt: skip
def test_a_map_that_is_wrong_is_told_in_one_sentence(study, text, said):
    with pytest.raises(Problem, match=".*".join(re.escape(one) for one in said.split(".*"))) as told:
        io.assigned(written(study, text))
    assert "\n" not in str(told.value) and told.value.why and told.value.remedy


def test_a_map_may_lie_elsewhere_and_must_be_there(study, tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('flair = "b.nii.gz"\n')
    assert set(io.assigned(study, path).sources) == {"flair"}
    with pytest.raises(Problem, match=r"There is no file .*other\.toml.*--roles"):
        io.assigned(study, tmp_path / "other.toml")


def test_two_images_of_one_role_are_a_question_back_with_the_line_to_write(tmp_path):
    for name in ("t1_a.nii.gz", "t1_b.nii.gz", "flair.nii.gz"):
        (tmp_path / name).touch()
    found = io.assigned(tmp_path)
    (problem,) = found.unclear
    assert "2 images that could be its t1w: t1_a.nii.gz, t1_b.nii.gz" in str(problem)
    assert 't1w = "t1_a.nii.gz"' in problem.remedy
    with pytest.raises(Problem, match="could be its t1w"):
        laid(found, tmp_path / "aside")


def test_two_echoes_by_name_are_a_pair_and_two_runs_are_not(tmp_path):
    for name in ("dsc_e1.nii.gz", "dsc_e2.nii.gz"):
        (tmp_path / name).touch()
    assert io.assigned(tmp_path).unclear == ()
    (tmp_path / "dsc_e2.nii.gz").rename(tmp_path / "dsc_e2_run2.nii.gz")
    assert len(io.assigned(tmp_path).unclear) == 1
