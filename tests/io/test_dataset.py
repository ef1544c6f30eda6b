import json
from pathlib import PurePosixPath

import pytest

from perspect.io import TRUTH, Subject, demand_room, write_subject
from perspect.vocabulary import Problem


def subject(label="001", seed="1"):
    return Subject(label, {"species": "homo sapiens", "seed": seed}, "0.0")


def parts(*names, content=b"x"):
    yield {PurePosixPath(name): content for name in names}


def tree(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_a_subject_comes_with_what_a_data_set_needs(tmp_path):
    out = tmp_path / "out"
    write_subject(out, subject(), parts("sub-001/anat/sub-001_T1w.nii.gz"), {"seed": 1})
    found = tree(out)
    assert json.loads(found["dataset_description.json"])["DatasetType"] == "raw"
    assert json.loads(found[f"{TRUTH}/dataset_description.json"])["DatasetType"] == "derivative"
    assert b"Nobody was scanned" in found["README"]
    assert found["participants.tsv"] == b"participant_id\tspecies\tseed\nsub-001\thomo sapiens\t1\n"
    summary = json.loads(found[str(subject().summary)])
    assert summary["seed"] == 1
    assert set(summary["files"]) == {"sub-001/anat/sub-001_T1w.nii.gz", str(subject().summary)}
    assert b"*_dsc.*" in found[".bidsignore"]


def test_a_second_subject_joins_the_first(tmp_path):
    write_subject(tmp_path, subject(), parts("sub-001/a"), {})
    write_subject(tmp_path, subject("002", "2"), parts("sub-002/a"), {})
    rows = (tmp_path / "participants.tsv").read_text().splitlines()
    assert [row.split("\t")[0] for row in rows] == ["participant_id", "sub-001", "sub-002"]
    assert (tmp_path / "sub-001" / "a").is_file()


def test_a_subject_that_is_there_is_refused_before_anything_is_done_and_replaced_if_asked_for(tmp_path):
    write_subject(tmp_path, subject(), parts("sub-001/a", "sub-001/b"), {})

    def never():
        raise AssertionError("nothing may be computed")
        yield

    with pytest.raises(Problem, match=r"already holds this patient.*another --seed"):
        write_subject(tmp_path, subject(), never(), {})
    write_subject(tmp_path, subject(), parts("sub-001/a", content=b"new"), {}, overwrite=True)
    assert (tmp_path / "sub-001" / "a").read_bytes() == b"new"
    assert not (tmp_path / "sub-001" / "b").exists()


def test_what_breaks_off_leaves_nothing(tmp_path):
    def broken():
        yield {PurePosixPath("sub-001/a"): b"x"}
        raise RuntimeError("the scan broke off")

    with pytest.raises(RuntimeError):
        write_subject(tmp_path / "out", subject(), broken(), {})
    assert not list(tmp_path.rglob("*"))


def test_a_data_set_of_others_is_not_touched(tmp_path):
    (tmp_path / "dataset_description.json").write_text(json.dumps({"Name": "of others", "BIDSVersion": "1.8.0"}))
    with pytest.raises(Problem, match="perspect did not make"):
        demand_room(tmp_path, subject(), overwrite=True)


def test_a_table_of_participants_with_other_columns_is_refused(tmp_path):
    write_subject(tmp_path, subject(), parts("sub-001/a"), {})
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-001\t40\n")
    with pytest.raises(Problem, match="other columns"):
        write_subject(tmp_path, subject("002"), parts("sub-002/a"), {})
