import json

import pytest

from perspect import evidence, io
from perspect.app.calibrate import calibrate_cohort, read_calibration, table, values_of
from perspect.cli import main
from perspect.vocabulary import Problem

RECURRENCE = evidence.question("recurrence")
HEADER = "participant_id\toutcome\trcbv_mean\tcho_naa\ttreated\tdsc.has_preload\n"


@pytest.fixture
def cohort(tmp_path):
    rows = [
        f"sub-{k:02d}\t{k % 2}\t{1.0 + 1.5 * (k % 2) + 0.03 * k}\t{'n/a' if k < 20 else 0.1 * k}\ttrue\ttrue\n"
        for k in range(30)
    ]
    (tmp_path / "cohort.tsv").write_text(HEADER + "".join(rows), encoding="utf-8")
    return tmp_path / "cohort.tsv"


def test_a_calibration_is_read_as_it_was_written(cohort, tmp_path):
    found = calibrate_cohort(RECURRENCE, cohort, tmp_path / "own.json", site="the hospital")
    assert values_of(read_calibration(tmp_path / "own.json", RECURRENCE)) == values_of(found)
    assert [one.marker for one in found.markers] == ["rcbv_mean"]
    assert "rcbv_mean" in table(found)


def test_a_folder_of_results_gives_what_a_table_gives(cohort, tmp_path):
    folder = tmp_path / "results"
    lines = cohort.read_text("utf-8").splitlines()[1:]
    for line in lines:
        name, _, rcbv, *_ = line.split("\t")
        (folder / name).mkdir(parents=True)
        flags = [{"code": "vessel", "severity": "limited"}]
        spoilt = {"marker": "psr_mean", "value": 1.0, "bound": None, "flags": ["vessel"], "limited": True}
        row = {"marker": "rcbv_mean", "value": float(rcbv), "bound": None, "flags": [], "limited": False}
        study = {
            "schema": "perspect-findings/1", "study": {"name": name}, "flags": flags, "traps": [],
            "context": {"treated": True, "dsc.has_preload": True}, "findings": [row, spoilt],
        }  # fmt: skip
        (folder / name / f"{name}_findings.json").write_text(json.dumps(study), encoding="utf-8")
    outcomes = "\n".join("\t".join(line.split("\t")[:2]) for line in lines)
    (folder / "outcomes.tsv").write_text(f"participant_id\toutcome\n{outcomes}\n", encoding="utf-8")
    of_folder = calibrate_cohort(RECURRENCE, folder, tmp_path / "a.json")
    of_table = calibrate_cohort(RECURRENCE, cohort, tmp_path / "b.json")
    assert of_folder.markers == of_table.markers


def test_cut_offs_of_another_question_are_refused(cohort, tmp_path):
    calibrate_cohort(RECURRENCE, cohort, tmp_path / "own.json")
    with pytest.raises(Problem, match="made for 'recurrence', not for 'grade'"):
        read_calibration(tmp_path / "own.json", evidence.question("grade"))
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    with pytest.raises(Problem, match="holds no calibration"):
        read_calibration(tmp_path / "other.json", RECURRENCE)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("sub-00\t0", "sub-00\tmaybe", "outcome of sub-00 is 'maybe'"),
        ("sub-00\t", "sub-01\t", "names a patient twice"),
        ("outcome", "result", "no columns"),
        ("\ttrue\ttrue\n", "\tfalse\ttrue\n", "none of whom 'recurrence' may be asked"),
        ("\t1.0\t", "\thigh\t", "rcbv_mean is 'high'"),
    ],
)
def test_a_cohort_that_says_something_impossible_is_not_calibrated(cohort, tmp_path, old, new, said):
    cohort.write_text(cohort.read_text("utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(Problem, match=said):
        calibrate_cohort(RECURRENCE, cohort, tmp_path / "own.json")
    assert not (tmp_path / "own.json").exists()


def test_the_command_writes_a_file_and_keeps_a_former_one(cohort, tmp_path, capsys):
    words = ["calibrate", "recurrence", str(cohort), "--out", str(tmp_path / "own.json")]
    assert main(words) == 0
    assert "AUC (95 %)" in capsys.readouterr().out
    assert main(words) == 2
    assert main([*words, "--overwrite"]) == 0


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"schema": "other/1"}', '{"schema": "perspect-findings/1"}', "\udcff"], ids=range(5)
)
def test_findings_that_cannot_be_read_are_one_sentence_and_exit_two(tmp_path, capsys, text):
    (tmp_path / "sub-1_findings.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    (tmp_path / "outcomes.tsv").write_text("participant_id\toutcome\nsub-1\t1\n", encoding="utf-8")
    assert main(["calibrate", "recurrence", str(tmp_path), "--out", str(tmp_path / "own.json")]) == 2
    said = capsys.readouterr().err
    assert "sub-1_findings.json holds no findings of perspect" in said
    assert "Traceback" not in said


def test_a_limited_value_serves_no_calibration(tmp_path):
    row = {"marker": "rcbv_mean", "value": 2.0, "bound": None, "flags": []}
    for k in range(2):
        rows = [{**row, "limited": bool(k)}]
        study = {
            "schema": "perspect-findings/1", "study": {"name": f"sub-{k}"}, "flags": [], "traps": [], "context": {},
            "findings": rows,
        }  # fmt: skip
        (tmp_path / f"sub-{k}_findings.json").write_text(json.dumps(study), encoding="utf-8")
    (tmp_path / "outcomes.tsv").write_text("participant_id\toutcome\nsub-0\t1\nsub-1\t0\n", encoding="utf-8")
    assert [dict(one.values) for one in io.read_cohort(tmp_path)] == [{"rcbv_mean": 2.0}, {}]


def test_a_column_that_is_nearly_a_marker_is_a_question_back_and_any_other_is_not(cohort, tmp_path):
    text = cohort.read_text("utf-8")
    cohort.write_text(text.replace("rcbv_mean", "rCBV mean", 1), encoding="utf-8")
    with pytest.raises(Problem, match="If it is 'rcbv_mean', name it so"):
        calibrate_cohort(RECURRENCE, cohort, tmp_path / "own.json")
    cohort.write_text(text.replace("dsc.has_preload", "scanner", 1), encoding="utf-8")
    calibrate_cohort(RECURRENCE, cohort, tmp_path / "own.json")
    with pytest.raises(Problem, match="another file with --out"):
        calibrate_cohort(RECURRENCE, cohort, tmp_path / "own.json")
