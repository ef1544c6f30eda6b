"""What an examination does with what it cannot use, and what it leaves behind."""

import json
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest

from perspect import dce, evidence, io
from perspect.app import Request, asked, examination, examine
from perspect.app.contribute import Contribution, Patient
from perspect.app.contribute.adc import noise
from perspect.app.contribute.asl import level_of_white
from perspect.app.contribute.contribution import Told
from perspect.app.contribute.dsc import bears_on_markers
from perspect.app.contribute.mrs import markers_of
from perspect.app.lesion import ROOM, surroundings
from perspect.app.record import fingerprints
from perspect.app.region_files import region_paths
from perspect.vocabulary import Amount, Flag, Grid, MeasuredSpectrum, Problem, Refusal, Region, Severity, Status

GRID = Grid((12, 12, 4), np.eye(4))


def raising(problem):
    def room(paths, patient, tell):
        raise problem

    return room


@pytest.mark.parametrize(
    ("problem", "code", "severity"),
    [
        (Refusal("There is no bolus.", "Nothing passes.", "Repeat it."), "series-refused", Severity.REFUSED),
        (Problem("It has no echo time.", "", "Add it."), "series-not-used", Severity.LIMITED),
    ],
)
def test_a_series_that_cannot_be_used_is_told_among_what_spoils_the_answer(
    monkeypatch, tmp_path, problem, code, severity
):
    monkeypatch.setattr(examination, "ROOMS", {"dsc": raising(problem)})
    added = examination._of_role(
        "dsc", (tmp_path / "sub-1_dsc.nii.gz",), object.__new__(Patient), lambda *_: None
    )  # fmt: skip
    (flag,) = added.flags
    assert (flag.code, flag.severity, flag.where) == (code, severity, "dsc")
    assert "sub-1_dsc.nii.gz" in flag.sentence
    assert str(problem) in flag.sentence
    assert [(one.is_used, one.why_not) for one in added.used] == [(False, str(problem))]
    said = examination._refused({"dsc": added})
    assert said == ({"dsc": flag.sentence} if severity == Severity.REFUSED else {})


def test_what_spoils_absolute_volumes_alone_leaves_ratios_their_vote():
    absolute = Flag("implausible-volume", Severity.LIMITED, "CBV is 37.", "cbv, cbf, mtt")
    leaking = Flag("leakage-left-in", Severity.LIMITED, "It leaks.", "cbv, rcbv")
    whole = Flag("motion", Severity.LIMITED, "It moved.")
    assert [bears_on_markers(one) for one in (absolute, leaking, whole)] == [False, True, True]


def test_input_that_cannot_be_what_it_is_called_refuses_the_answer():
    swapped = Flag("input-implausible", Severity.REFUSED, "Two positions 90 voxels apart.", "dsc")
    blood = Flag("signal-void", Severity.LIMITED, "Blood.", "lesion")
    flags = examination._impossible([Contribution(traps=(swapped, blood))])
    assert flags == (swapped,)
    case = evidence.Case({"treated": False, "adult": True, "enhancing": True})
    answer = evidence.weigh(evidence.question("grade"), [], case, flags)
    assert (answer.word, answer.sentence) == (evidence.Word.REFUSED, swapped.sentence)
    assert examination_exit(answer) == 3


def test_conventional_images_of_two_heads_refuse_the_case_without_any_series():
    other = Flag("other-head", Severity.REFUSED, "T1w and FLAIR are of two.", "FLAIR", source="alignment")
    shifted = Flag("midline-shift", Severity.CAUTION, "It is pushed.", "midline", source="mirror plane")
    assert examination._impossible(examination._of_images((), (shifted, other))) == (other,)
    assert examination._of_images((), (shifted,)) == ()


def examination_exit(answer):
    from perspect.cli.ask import is_refused

    return Refusal.exit_code if is_refused(SimpleNamespace(answer=answer)) else 0


@pytest.fixture
def study(tmp_path):
    for name in ("anat/sub-1_T1w.nii.gz", "mrs/sub-1_svs.nii.gz"):
        (tmp_path / "sub-1" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sub-1" / name).touch()
    return tmp_path / "sub-1"


def test_a_series_of_another_patient_stops_the_examination_whatever_measures_it(study, tmp_path, monkeypatch):
    monkeypatch.setattr(examination, "_patient", None)  # measuring anything would fail otherwise
    for name, patient in (("anat/sub-1_T1w", "A"), ("mrs/sub-1_svs", "B")):
        (study / f"{name}.json").write_text(json.dumps({"PatientID": patient}))
    with pytest.raises(Refusal, match=r"sub-1_T1w.* and sub-1_svs.* are of different patients: .* PatientID"):
        examine(Request(study, tmp_path / "out", lesion=tmp_path / "lesion.nii.gz"))
    assert not (tmp_path / "out").exists()


def test_a_lesion_that_is_named_for_another_subject_stops_the_examination(study, tmp_path, monkeypatch):
    monkeypatch.setattr(examination, "_patient", None)
    with pytest.raises(Refusal, match=r"sub-1_T1w.* and sub-2_label-lesion_mask.* are of different patients"):
        examine(Request(study, tmp_path / "out", lesion=tmp_path / "sub-2_label-lesion_mask.nii.gz"))
    assert not (tmp_path / "out").exists()


def test_a_series_of_another_day_is_said_beside_the_answer(study):
    for name, day in (("anat/sub-1_T1w", "2026-01-05"), ("mrs/sub-1_svs", "2026-01-09")):
        (study / f"{name}.json").write_text(json.dumps({"AcquisitionDate": day}))
    (flag,) = asked._of_one_patient(io.find_roles(study))
    assert (flag.code, flag.severity) == ("other-examination", Severity.CAUTION)
    assert "4 days apart" in flag.sentence


def test_results_of_a_spectrum_that_are_there_are_found_before_anything_is_measured(study, tmp_path, monkeypatch):
    monkeypatch.setattr(examination, "_patient", None)  # measuring anything would fail otherwise
    left = tmp_path / "out" / "sub-1" / "mrs" / "sub-1_desc-fit_amounts.tsv"
    left.parent.mkdir(parents=True)
    left.touch()
    with pytest.raises(Problem, match="overwrite"):
        examine(Request(study, tmp_path / "out", lesion=study / "mask.nii.gz"))


def test_a_grown_mask_appears_with_the_report_and_not_before(study, tmp_path, monkeypatch):
    grown = Region(np.ones(GRID.shape, bool), GRID, "lesion")
    monkeypatch.setattr(examination, "read_images", lambda *_: ({}, ()))
    monkeypatch.setattr(examination, "head_of", lambda *_: None)
    monkeypatch.setattr(examination, "grown", lambda *_: grown)
    seen = []

    def failing(request, roles, mask, context):
        seen.append(mask)
        assert mask.is_file()
        raise Problem("Something later went wrong.")

    monkeypatch.setattr(examination, "_patient", failing)
    with pytest.raises(Problem, match="later"):
        examine(Request(study, tmp_path / "out", box=(0, 1, 0, 1, 0, 1)))
    assert seen
    assert not seen[0].exists()
    assert not list((tmp_path / "out").rglob("*.nii.gz"))
    # A report takes it along, all or nothing.
    name = io.name_of(study / "anat/sub-1_T1w.nii.gz")
    of_box = seen[0].name
    report = io.Report("page", "{}", "", {examination.Path(name.folder) / "anat" / of_box: b"mask"})
    io.write_report(tmp_path / "out", name, report, "1.0")
    assert [one.read_bytes() for one in (tmp_path / "out").rglob(of_box)] == [b"mask"]


def test_a_part_that_the_lesion_no_longer_has_is_gone_with_its_sidecar_after_the_next_run(tmp_path):
    name, out = io.name_of(tmp_path / "sub-1/anat/sub-1_T1w.nii.gz"), tmp_path / "out"
    paths = region_paths(name)
    had = {paths["cavity"]: b"cavity", paths["cavity"].with_name("sub-1_desc-cavity_mask.json"): b"{}"}
    io.write_report(out, name, io.Report("page", "{}", "", {paths["lesion"]: b"one", **had}), "1.0")
    report = io.Report("page", "{}", "", {paths["lesion"]: b"two"}, gone=(paths["cavity"],))
    io.write_report(out, name, report, "1.0", overwrite=True)
    assert [one.name for one in out.rglob("*_mask.*")] == ["sub-1_desc-lesion_mask.nii.gz"]
    assert (out / paths["lesion"]).read_bytes() == b"two"


def test_alike_choices_have_one_fingerprint_and_others_another(tmp_path):
    def of(fields):
        record = tmp_path / "record.json"
        record.write_text(json.dumps({"plan": {"dsc": fields, "anatomy": {}}}), encoding="utf-8")
        return fingerprints([Contribution(record=record)])

    first = of({"leakage": "auto", "motion": True})
    assert set(first) == {"dsc.plan"}
    assert first == of({"motion": True, "leakage": "auto"}) != of({"motion": False, "leakage": "auto"})


def test_the_surroundings_hold_neither_cortex_nor_what_enhances_and_could_not_be_wider_there():
    solid, rim, cortex = (np.zeros(GRID.shape, bool) for _ in range(3))
    solid[4:8, 4:8], rim[2:10, 2:10], cortex[8:] = True, True, True
    rim &= ~solid
    parts = {name: Region(mask, GRID, name) for name, mask in (("solid part", solid), ("rim of 5 mm", rim))}
    share = solid.astype(float)
    share[3, 4:8] = 0.3  # the border of the tumour runs through these voxels
    found = surroundings(parts, np.where(cortex, 0.6, 0.0), share)
    assert (found["rim of 5 mm"].mask == (rim & ~cortex & (share == 0))).all()
    assert (found[ROOM].mask == (~cortex & (share == 0))).all()
    assert found["solid part"] is parts["solid part"]


def test_a_trap_of_the_surroundings_limits_their_markers_alone():
    from perspect.pitfalls.trap import Trap

    mask = Region(np.ones(GRID.shape, bool), GRID, "large-vessel")
    trap = Trap("large-vessel", Severity.LIMITED, "A vessel.", mask, 0.0, ("dsc",), 0.5)
    known = Told(np.zeros(GRID.shape, bool), (), (trap,), modality="dsc")
    assert known.of("rcbv_mean", "solid part") == ()
    assert [one.code for one in known.of("rcbv_rim", "rim of 5 mm")] == ["large-vessel"]


def test_flow_over_white_matter_is_that_of_decay_by_tissue_with_the_doubt_of_it():
    white = np.random.default_rng(2).normal(20.0, 4.0, 400)
    alone = level_of_white(white, {})
    assert (alone.level, alone.flags) == (pytest.approx(white.mean()), ()) and 0.008 < alone.common < 0.012
    told = level_of_white(white, {"lesion_decay": {"factor": 0.6, "doubt": 0.25}})
    assert told.level == pytest.approx(alone.level / 0.6) and told.common == pytest.approx(np.hypot(alone.common, 0.25))
    assert told.flags[0].severity == Severity.NOTE and "0.60 times" in told.flags[0].sentence


def test_noise_of_a_map_of_adc_is_that_of_its_white_matter_and_not_of_its_slopes():
    rng = np.random.default_rng(5)
    x = np.linspace(0, 1, 40)[:, None, None]
    adc = 0.7 + 0.4 * x + 0.03 * rng.standard_normal((40, 40, 3))
    white = np.zeros(adc.shape, bool)
    white[5:35, 5:35] = True
    adc[~white] = rng.uniform(0, 3, (~white).sum())
    assert noise(adc, white) == pytest.approx(0.03, rel=0.05)
    assert noise(adc, white & (rng.random(adc.shape) < 0.05)) == pytest.approx(0.05 * 0.9, rel=0.1)  # too few: 5 %
    assert np.isnan(noise(adc, np.zeros_like(white)))


def test_amino_acids_are_a_marker_of_lesions_with_a_cavity_only():
    measured = Mock(spec=MeasuredSpectrum)
    measured.ratios = {"tCho/tNAA": Amount("tCho/tNAA", 1.2, 0.1, 1.0, 1.4, "ratio", Status.OK, True)}
    measured.summary = {"amino_acids": "both"}
    for has_cavity, expected in ((True, ["cho_naa", "amino_acids"]), (False, ["cho_naa"])):
        assert [one.marker.key for one in markers_of([measured], has_cavity=has_cavity)[0]] == expected


def test_a_haematocrit_on_record_and_another_one_that_was_chosen_stop_the_examination():
    on_record = io.Context({"haematocrit": 0.36})
    for chosen in ({}, {"dce": dce.Plan()}, {"dce": dce.Plan(hct=0.36)}):
        asked._demand_one_haematocrit(chosen, on_record)
    with pytest.raises(Problem, match=r"dce\.hct is 0\.4, and on record is a haematocrit of 0\.36"):
        asked._demand_one_haematocrit({"dce": dce.Plan(hct=0.4)}, on_record)


def rooms_of(monkeypatch, **rooms):
    monkeypatch.setattr(examination, "ROOMS", rooms)
    monkeypatch.setattr(examination, "replace", lambda one, threads: with_threads(threads))
    return io.Roles({role: (Path(f"sub-1_{role}.nii.gz"),) for role in rooms})


def with_threads(n):
    patient = object.__new__(Patient)
    object.__setattr__(patient, "threads", n)
    return patient


def in_company(role, here):
    """A room that ends only once another has begun."""

    def room(paths, patient, tell):
        here.wait(timeout=20)
        return Contribution(facts={role: patient.threads})

    return room


def test_two_rooms_work_at_once_and_add_in_the_order_in_which_they_are_told(monkeypatch):
    here = Barrier(2)
    roles = rooms_of(monkeypatch, dsc=in_company("dsc", here), dce=in_company("dce", here))
    found = examination._of_roles(roles, with_threads(4), lambda *_: None)
    assert [*found] == ["dsc", "dce"]
    assert [one.facts for one in found.values()] == [{"dsc": 2}, {"dce": 2}]


def test_a_room_that_cannot_use_its_series_stops_none_that_works_beside_it(monkeypatch):
    here = Barrier(1)
    roles = rooms_of(monkeypatch, dsc=raising(Problem("No echo time.", "", "")), asl=in_company("asl", here))
    found = examination._of_roles(roles, with_threads(2), lambda *_: None)
    assert [one.code for one in found["dsc"].flags] == ["series-not-used"]
    assert found["asl"].facts == {"asl": 1}
