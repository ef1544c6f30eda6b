import errno
import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from perspect.io import Destination, Results, name_of, write_results
from perspect.io.canonical import canonical
from perspect.io.derivatives import legend
from perspect.vocabulary import Curve, Problem, Severity, Status
from small_measured import AFFINE, small_measured

PLAN = {"dsc": {"leakage": "auto", "oscillation": None}}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results"


def results(**changes):
    made = Results(
        small_measured(),
        "<html>page</html>",
        PLAN,
        {"sub-01_dsc.nii.gz": "ab" * 32},
        "9.9",
        {"rcbv": {"Model": "auto"}},
    )
    return replace(made, **changes)


def destination(out, name="sub-01_dsc.nii.gz"):
    return Destination(out, name_of(Path(name)))


def tree(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def names(folder):
    return set(tree(folder))


def problem(*arguments, **options):
    with pytest.raises(Problem) as caught:
        write_results(*arguments, **options)
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    return str(caught.value)


def test_the_layout_is_that_of_bids_derivatives(out):
    written = write_results(destination(out), results())
    maps = ("cbf", "cbfstatus", "cbfstd", "rcbv", "rcbvstd", "status")
    perf, mask = "sub-01/perf/sub-01_desc-", "sub-01/perf/sub-01_space-dsc_desc-"
    assert names(out) == {
        "dataset_description.json", ".bidsignore", "sub-01.html",
        *(f"{perf}dsc_{one}{end}" for one in maps for end in (".nii.gz", ".json")),
        *(f"{mask}{one}_mask{end}" for one in ("brain", "reference", "aif") for end in (".nii.gz", ".json")),
        f"{perf}dsc_aif.tsv", f"{perf}dsc_aif.json", f"{perf}dsc_motion.tsv", f"{perf}dsc_motion.json",
        f"{perf}dsc_summary.json",
    }  # fmt: skip
    assert written.page == out / "sub-01.html"
    assert set(written.files) == {out / one for one in names(out) - {"dataset_description.json", ".bidsignore"}}


def test_without_bids_the_names_are_the_same_without_the_subject(out):
    written = write_results(destination(out, "perfusion.nii"), results())
    assert written.page == out / "dsc.html"
    assert (out / "perf" / "desc-dsc_rcbv.nii.gz").is_file()
    assert (out / "perf" / "space-dsc_desc-brain_mask.nii.gz").is_file()


def test_rooms_of_one_subject_share_a_folder_and_no_file(out):
    first = write_results(destination(out), results())
    other = replace(destination(out, "sub-01_dce.nii.gz"), room="dce", title="dce")
    assert not set(first.files) & set(write_results(other, results()).files)


def test_sessions_and_runs_stay_apart(out):
    write_results(destination(out, "sub-01_ses-2_run-1_dsc.nii.gz"), results())
    write_results(destination(out, "sub-01_ses-2_run-2_dsc.nii.gz"), results())
    assert (out / "sub-01" / "ses-2" / "perf" / "sub-01_ses-2_run-2_desc-dsc_rcbv.nii.gz").is_file()
    assert (out / "sub-01_ses-2_run-1.html").is_file()


def test_maps_are_float32_in_the_unit_that_people_read_with_the_affine_of_the_input(out):
    write_results(destination(out), results())
    measured = small_measured()
    image = nib.load(out / "sub-01/perf/sub-01_desc-dsc_cbf.nii.gz")
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(image.affine, AFFINE)
    np.testing.assert_array_equal(np.asarray(image.dataobj), measured.maps["cbf"].shown)
    std = nib.load(out / "sub-01/perf/sub-01_desc-dsc_cbfstd.nii.gz")
    np.testing.assert_allclose(np.asarray(std.dataobj), measured.maps["cbf"].values * 600, rtol=1e-6)  # 6000 / 10
    assert json.loads((out / "sub-01/perf/sub-01_desc-dsc_cbf.json").read_text())["Units"] == "mL/100 mL/min"


def test_one_status_speaks_for_rcbv_and_a_map_that_fared_otherwise_has_its_own(out):
    write_results(destination(out), results())
    leading, own = (
        np.asarray(nib.load(out / f"sub-01/perf/sub-01_desc-dsc_{one}.nii.gz").dataobj)
        for one in ("status", "cbfstatus")
    )
    measured = small_measured()
    np.testing.assert_array_equal(leading, measured.maps["rcbv"].status)
    np.testing.assert_array_equal(own, measured.maps["cbf"].status)
    legend = json.loads((out / "sub-01/perf/sub-01_desc-dsc_status.json").read_text())["StatusLegend"]
    assert legend[str(int(Status.NO_SIGNAL))] == Status.NO_SIGNAL.sentence


def test_only_a_map_that_saturation_makes_too_small_is_said_to_be_at_least_as_large():
    assert legend(Status.SATURATED, ("rcbv", "cbv")) == Status.SATURATED.sentence
    assert legend(Status.SATURATED, ("psr",)) == "the signal fell to the noise floor: the value is not reliable"
    both = legend(Status.SATURATED, ("rcbv", "ttp"))
    assert "the true value of rcbv is at least this large, that of ttp is not reliable" in both
    assert legend(Status.NO_BOLUS, ("psr",)) == Status.NO_BOLUS.sentence


@pytest.mark.parametrize(("key", "is_larger"), [("cbf", True), ("psr", False)])
def test_a_status_file_of_its_own_has_the_legend_of_its_map(out, key, is_larger):
    measured = small_measured(keys=("rcbv", key))
    one = measured.maps[key]
    status = np.where(one.status == Status.NOT_DETERMINED, Status.OUTSIDE, one.status)
    status[3, 1, 1] = Status.SATURATED
    own = replace(one, values=np.where(status >= 10, np.nan, one.values), status=status)
    write_results(destination(out), results(measured=replace(measured, maps={**measured.maps, key: own})))
    side = json.loads((out / f"sub-01/perf/sub-01_desc-dsc_{key}status.json").read_text())
    assert ("at least this large" in side["StatusLegend"]["4"]) == is_larger


def test_each_row_of_motion_says_which_volume_it_speaks_of_and_when_that_was_taken(out):
    measured = small_measured()
    kept = [0, 1, 2, 4, 5, 11]
    rows = np.arange(36.0).reshape(6, 6)
    displacement = Curve(1.5 * np.array(kept, float), np.zeros(6), "mm", "mean displacement")
    measured = replace(
        measured,
        summary={
            **measured.summary,
            "kept_volumes": kept,
            "motion_parameters": rows,
            "framewise_displacement": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
        },
        curves={**measured.curves, "displacement": displacement},
    )
    write_results(destination(out), results(measured=measured))
    heading, *lines = (out / "sub-01/perf/sub-01_desc-dsc_motion.tsv").read_text().splitlines()
    names = heading.split("\t")
    axes = ["rot_x", "rot_y", "rot_z", "trans_x", "trans_y", "trans_z"]
    assert names == ["volume", "time", *axes, "framewise_displacement"]
    np.testing.assert_array_equal(
        [[float(cell) for cell in line.split("\t")] for line in lines],
        np.column_stack([kept, displacement.times, rows, np.arange(6) / 10]),
    )
    columns = json.loads((out / "sub-01/perf/sub-01_desc-dsc_motion.json").read_text())["Columns"]
    assert list(columns) == sorted(names)
    assert {name: one.get("Units") for name, one in columns.items()} == dict(
        zip(names, [None, "s", *["rad"] * 3, *["mm"] * 4], strict=True)
    )
    assert "left out" in columns["volume"]["Description"]


def test_a_sidecar_says_quantity_unit_codes_sources_version_and_plan(out):
    write_results(destination(out), results())
    side = json.loads((out / "sub-01/perf/sub-01_desc-dsc_rcbv.json").read_text())
    assert side["Symbol"] == "rCBV"
    assert side["CAPLEX"] == "Q.PH1.999"
    assert side["DICOMCode"]["CodeValue"] == "126398"
    assert side["Model"] == "auto"
    assert side["Sources"] == [{"File": "sub-01_dsc.nii.gz", "SHA256": "ab" * 32}]
    assert side["SoftwareVersion"] == "perspect 9.9"
    assert side["Plan"] == PLAN
    error = json.loads((out / "sub-01/perf/sub-01_desc-dsc_rcbvstd.json").read_text())
    assert error["Symbol"] == "SE(rCBV)"
    assert not {"CAPLEX", "DICOMCode", "Window"} & set(error), "those are of the value"


def test_arterial_voxels_are_listed_with_index_and_place(out):
    write_results(destination(out), results())
    side = json.loads((out / "sub-01/perf/sub-01_desc-dsc_aif.json").read_text())
    assert side["Voxels"] == [{"i": 2, "j": 1, "k": 1, "x": 6.0, "y": -10.0, "z": 8.0}]
    heading, first = (out / "sub-01/perf/sub-01_desc-dsc_aif.tsv").read_text().splitlines()[:2]
    assert heading == "time\tdelta_r2star"
    assert first.startswith("0\t")


def test_the_summary_holds_flags_methods_and_numbers_with_null_where_there_is_none(out):
    written = write_results(destination(out), results())
    summary = json.loads(written.summary.read_text())
    assert summary["flags"][0]["severity"] == "caution"
    assert summary["summary"]["arterial_width"] is None
    assert summary["methods"] == "ΔR2* is -ln(S/S0)/TE."
    assert summary["references"] == ["Rosen et al. 1990"]
    assert set(summary["files"]) == names(out) - {"dataset_description.json", ".bidsignore"}


def test_the_same_values_give_the_same_bytes_for_any_number_of_threads(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    write_results(destination(one), results(), threads=1)
    write_results(destination(other), results(), threads=3)
    assert tree(one) == tree(other)


def test_canonical_json_sorts_keys_and_has_no_nan():
    text = canonical({"b": [np.float32(0.1), np.inf], "a": {"z": (1, True, None), "y": Severity.NOTE}})
    assert json.loads(text) == {"a": {"y": "note", "z": [1, True, None]}, "b": [0.100000001, None]}
    assert text.index('"a"') < text.index('"b"')


def test_what_is_no_value_is_not_written_as_text():
    with pytest.raises(TypeError, match="object has no place"):
        canonical({"a": object()})


def test_existing_results_are_not_overwritten_unasked(out):
    write_results(destination(out), results())
    before = tree(out)
    assert "--overwrite" in problem(destination(out), results(page="another"))
    assert tree(out) == before


def test_overwriting_replaces_results_removes_stale_ones_and_leaves_foreign_files(out):
    write_results(destination(out), results())
    foreign = out / "sub-01" / "perf" / "sub-01_desc-dsc_mynotes.txt"
    foreign.write_text("mine")
    (out / "sub-02.html").write_text("another subject")
    write_results(destination(out), results(measured=small_measured(keys=("rcbv",)), page="new"), overwrite=True)
    assert (out / "sub-01.html").read_text() == "new"
    assert not list((out / "sub-01" / "perf").glob("sub-01_desc-dsc_cbf*"))
    assert foreign.read_text() == "mine"
    assert (out / "sub-02.html").read_text() == "another subject"


def test_a_forged_list_of_former_files_cannot_reach_outside(out, tmp_path):
    written = write_results(destination(out), results())
    outside = tmp_path / "precious.txt"
    outside.write_text("mine")
    listed = json.loads(written.summary.read_text())
    written.summary.write_text(json.dumps({**listed, "files": ["../precious.txt", str(outside)]}))
    write_results(destination(out), results(), overwrite=True)
    assert outside.read_text() == "mine"


def test_a_second_subject_joins_the_first_in_one_data_set(out):
    write_results(destination(out), results())
    described = out / "dataset_description.json"
    described.write_text(json.dumps({**json.loads(described.read_text()), "License": "CC0"}))
    write_results(destination(out, "sub-02_dsc.nii.gz"), results())
    description = json.loads(described.read_text())
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"] == [{"Name": "perspect", "Version": "9.9"}]
    assert description["License"] == "CC0"
    assert (out / "sub-01.html").is_file()


def test_the_source_data_set_is_named_by_the_way_to_it(out, tmp_path):
    (tmp_path / "raw").mkdir()
    write_results(destination(out), results(root=tmp_path / "raw"))
    assert json.loads((out / "dataset_description.json").read_text())["SourceDatasets"] == [{"URL": "../raw"}]


def test_results_do_not_go_into_a_data_set_of_another_program(out):
    out.mkdir()
    (out / "dataset_description.json").write_text('{"Name": "Raw data", "BIDSVersion": "1.8.0"}')
    assert "Raw data" in problem(destination(out), results())
    assert names(out) == {"dataset_description.json"}


def test_a_file_in_the_place_of_the_folder_is_refused(out):
    out.write_text("")
    assert "is a file" in problem(destination(out), results())


@pytest.fixture
def full_disk(monkeypatch):
    """The disk is full from the fourth file on."""
    written = []
    original = Path.write_bytes

    def write_bytes(self, content):
        written.append(self)
        if len(written) > 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(self, content)

    monkeypatch.setattr(Path, "write_bytes", write_bytes)


def test_a_full_disk_leaves_nothing_behind(out, full_disk):
    assert "No space left on device" in problem(destination(out), results())
    assert list(out.parent.iterdir()) == []


def test_a_full_disk_leaves_former_results_as_they_were(out, tmp_path):
    write_results(destination(out), results())
    before = tree(tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "write_bytes", refuse)
        problem(destination(out), results(page="new"), overwrite=True)
    assert tree(tmp_path) == before


def refuse(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("fails_at", [1, 5, 17, 30])
def test_a_move_that_fails_in_the_middle_is_undone(out, tmp_path, monkeypatch, fails_at):
    write_results(destination(out), results())
    (out / "sub-02").mkdir()
    before = tree(tmp_path)
    moves = []
    original = Path.replace

    def replace_(self, target):
        moves.append(target)
        if len(moves) == fails_at:
            raise PermissionError(errno.EACCES, "Permission denied")
        return original(self, target)

    monkeypatch.setattr(Path, "replace", replace_)
    assert "Permission denied" in problem(destination(out), results(page="new"), overwrite=True)
    monkeypatch.undo()
    assert tree(tmp_path) == before
    assert list(out.glob(".perspect-*")) == []


@pytest.mark.parametrize("is_done", [False, True])
@pytest.mark.parametrize("presses", [(3,), (3, 4, 6), (30,)])
def test_an_interruption_in_the_middle_of_overwriting_leaves_former_results_as_they_were(
    out, tmp_path, monkeypatch, presses, is_done
):
    """Ctrl-C comes before or after the move itself; whoever presses it again while moves are undone has to wait."""
    write_results(destination(out), results())
    (out / "sub-01/perf/sub-01_desc-dsc_mynotes.txt").write_text("mine")
    before = tree(tmp_path)
    moves = []
    original = Path.replace

    def replace_(self, target):
        moves.append(target)
        if is_done or len(moves) not in presses:
            original(self, target)
        if len(moves) in presses:
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", replace_)
    with pytest.raises(KeyboardInterrupt):
        write_results(destination(out), results(page="new"), overwrite=True)
    monkeypatch.undo()
    assert tree(tmp_path) == before
    assert list(out.glob(".perspect-*")) == []


def test_former_results_that_cannot_be_put_back_are_kept_and_the_error_says_where(out, monkeypatch):
    write_results(destination(out), results())
    before = tree(out)
    moves = []
    original = Path.replace

    def replace_(self, target):
        moves.append(target)
        if len(moves) >= 4:
            raise PermissionError(errno.EACCES, "Permission denied")
        return original(self, target)

    monkeypatch.setattr(Path, "replace", replace_)
    said = problem(destination(out), results(page="new"), overwrite=True)
    monkeypatch.undo()
    (spare,) = out.glob(".perspect-*/replaced")
    assert str(spare) in said
    kept = tree(spare)
    assert kept
    assert {name: before[name] for name in kept} == kept
    assert set(before) <= set(tree(out)) | set(kept)


def test_a_new_subject_that_cannot_be_moved_leaves_no_empty_folders(out, monkeypatch):
    write_results(destination(out), results())
    moves = []
    original = Path.replace

    def replace_(self, target):
        moves.append(target)
        if "sub-02" in str(target.parent) and len([one for one in moves if "sub-02" in str(one.parent)]) == 3:
            raise PermissionError(errno.EACCES, "Permission denied")
        return original(self, target)

    monkeypatch.setattr(Path, "replace", replace_)
    problem(destination(out, "sub-02_dsc.nii.gz"), results())
    assert not (out / "sub-02").exists()


def test_parents_of_the_output_folder_are_made(tmp_path):
    write_results(destination(tmp_path / "a" / "b" / "c"), results())
    assert (tmp_path / "a" / "b" / "c" / "sub-01.html").is_file()
    assert not list(tmp_path.glob("**/.perspect-*"))
