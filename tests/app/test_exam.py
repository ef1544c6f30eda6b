"""An examination from Python: a value first, files when they are wanted."""

import pytest

import perspect
from perspect.app import Examination, exam
from perspect.vocabulary import Problem, Study
from small_dossier import small_dossier


@pytest.fixture
def asked(monkeypatch):
    """What an examination is asked, in place of measuring; it leaves a page and a map."""
    requests = []

    def instead(request):
        requests.append((request, request.context.read_text() if request.context else None))
        for name in ("sub-1.html", "sub-1/perf/rcbv.nii.gz"):
            (request.out / name).parent.mkdir(parents=True, exist_ok=True)
            (request.out / name).write_text(name)
        dossier = small_dossier("grade")
        return Examination(dossier, request.out / "sub-1.html", {"rcbv": dossier.plates[0].shown})

    monkeypatch.setattr(exam, "examined", instead)
    return requests


def test_an_examination_is_a_value_that_writes_itself_whole(asked, tmp_path):
    found = perspect.examine(tmp_path, "grade", {"treated": False}, lesion=tmp_path / "lesion.nii.gz")
    ((request, context),) = asked
    assert (request.study, request.question.key, request.lesion) == (tmp_path, "grade", tmp_path / "lesion.nii.gz")
    assert context == '{"treated": false}'
    expected = small_dossier("grade")
    assert (found.verdict, found.findings) == (expected.answer.word, expected.findings)
    assert list(found.maps) == ["rcbv"]
    page = found.write(tmp_path / "out")
    assert page == tmp_path / "out" / "sub-1.html"
    assert (tmp_path / "out/sub-1/perf/rcbv.nii.gz").is_file()
    assert not list((tmp_path / "out").rglob("context.json"))
    with pytest.raises(Problem, match="overwrite"):
        found.write(tmp_path / "out")
    page.write_text("old")
    assert found.write(tmp_path / "out", overwrite=True).read_text() == "sub-1.html"


def test_its_files_go_with_it(asked, tmp_path):
    found = perspect.examine(tmp_path, lesion=tmp_path / "lesion.nii.gz")
    assert found.answer is not None
    folder = asked[0][0].out
    assert folder.is_dir()
    del found
    assert not folder.exists()


def test_a_study_that_was_read_stands_for_its_folder(asked, tmp_path):
    perspect.examine(Study("sub-1", path=str(tmp_path)), lesion="lesion.nii.gz")
    assert asked[0][0].study == tmp_path
    with pytest.raises(Problem, match="not read from a folder"):
        perspect.examine(Study("sub-1"), lesion="lesion.nii.gz")
