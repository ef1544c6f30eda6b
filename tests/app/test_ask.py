"""One study of many series through `ask`, from files to the page: a small virtual patient."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from patients import coarser
from perspect import asl, dce, dsc, evidence, io, mrs
from perspect.anatomy.resample import onto
from perspect.app import demo
from perspect.app import simulate as app
from perspect.app.examination import Request, examine
from perspect.io.templates import icbm_2009a
from perspect.phantom.sequence import Slab
from perspect.vocabulary import Problem

BOLUS = Slab((56, 64, 14), (3.6, 3.6, 6.0))
SMALLER = {
    "dsc": {"n_frames": 80, "slab": BOLUS}, "dce": {"n_frames": 24, "slab": BOLUS},
    "asl": {"n_pairs": 6, "slab": Slab((48, 52, 12), (4.5, 4.5, 6.0))}, "mrsi": {"n": 6, "n_points": 128},
    "svs-short": {"n_points": 512, "n_averages": 8}, "svs-long": {"n_points": 512, "n_averages": 8},
}  # fmt: skip
CHOSEN = {"dsc": dsc.Plan(seed=11), "dce": dce.Plan(guard=2.0), "asl": asl.Plan(seed=12), "mrs": mrs.Plan(seed=13)}
OTHERS = Slab((80, 96, 40), (2.7, 2.3, 4.0))


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A request about a high-grade glioma that has every kind of series, and what came of it."""
    out = tmp_path_factory.mktemp("asked")
    template = coarser(icbm_2009a(), 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "icbm_2009a", lambda: template)
        whole = app.simulation_of("high-grade-glioma")
        small = [
            replace(one, **SMALLER.get(one.name, {"slab": OTHERS} if getattr(one, "slab", None) else {}))
            for one in whole.sequences
        ]
        made = app.simulate(out / "patient", replace(whole, sequences=tuple(small)), threads=2)
        context = out / "context.toml"
        context.write_text(demo.UNTREATED)
        (lesion,) = (out / "patient").rglob("*space-T1w_label-lesion_desc-truth_mask.nii.gz")
        study = out / "patient" / made.subject
        request = Request(study, out / "results", evidence.question("grade"), lesion, context, threads=2, plans=CHOSEN)
        yield request, examine(request)


def findings(asked):
    (path,) = asked[0].out.rglob("*_findings.json")
    return json.loads(path.read_text())


def test_every_room_adds_to_the_answer_in_an_empty_folder(asked):
    """Rooms share the folder: what one wrote is no reason for the next to stop."""
    used = {one["role"]: one for one in findings(asked)["study"]["series"]}
    for role in ("dsc", "dce", "asl", "adc", "mrs", "mrsi", "t2star", "t1c", "flair", "VFA", "TB1map", "m0scan"):
        assert used[role]["used"], used[role]["why_not"]
    measured = {one["marker"] for one in findings(asked)["findings"]}
    assert {"rcbv_mean", "ktrans_median", "rcbf_asl", "adc_solid", "cho_naa"} <= measured


def test_every_room_measures_by_the_choices_that_were_made_for_it(asked):
    """The wrong variant took `--plan`, `--set` and `--seed`, and measured by the defaults."""
    plans = findings(asked)["software"]["plan"]
    assert [plans[room]["seed"] for room in ("dsc", "asl", "mrs")] == [11, 12, 13]
    assert plans["dce"]["guard"] == 2.0


def test_a_voxel_is_scaled_by_the_tissue_of_the_head_that_was_read_for_all_rooms(asked):
    """Half grey and half white matter were assumed in a voxel that is tumour."""
    summaries = list((asked[0].out / "sub-001" / "mrs").glob("*te*_desc-fit_summary.json"))
    assert len(summaries) == 2
    for path in summaries:
        said = re.search(r"tissue measured \((.*)\)", path.read_text())[1]
        assert int(re.search(r"(\d+)% lesion", said)[1]) > 80


def test_the_files_of_every_room_are_there_with_their_page(asked):
    out = asked[0].out / "sub-001"
    for room in ("dsc", "dce", "asl"):
        summary = json.loads((out / f"perf/sub-001_desc-{room}_summary.json").read_text())
        missing = [one for one in summary["files"] if not (asked[0].out / one).is_file()]
        assert missing == []
        assert f"sub-001/perf/sub-001_space-{room}_desc-brain_mask.nii.gz" in summary["files"]
    assert asked[1].page == asked[0].out / "sub-001.html"


def test_the_lesion_its_parts_and_the_brain_are_there_as_masks(asked):
    """Each holds as many voxels as the findings say, and the lesion lies where the mask that was given does."""
    request, anat = asked[0], asked[0].out / "sub-001/anat"
    masks = {path.name.split("desc-")[1].split("_")[0]: path for path in anat.glob("*desc-*_mask.nii.gz")}
    told = {one["name"]: one["voxels"] for one in findings(asked)["regions"]}
    for label, name in (("lesion", "whole"), ("solid", "solid part"), ("cavity", "cavity"), ("rim", "rim of 5 mm")):
        region = io.read_region(masks[label], label)
        assert region.n_voxels == told[name]
        assert json.loads(Path(str(masks[label]).replace(".nii.gz", ".json")).read_text())["Voxels"] == told[name]
    lesion, given = io.read_region(masks["lesion"], "lesion"), io.read_region(request.lesion, "given")
    there = onto(given.mask, given.grid, lesion.grid, 0)
    assert 2 * (there & lesion.mask).sum() > 0.8 * (there.sum() + lesion.mask.sum())
    assert (lesion.mask & io.read_region(masks["brain"], "brain").mask).sum() > 0.9 * lesion.n_voxels


@pytest.mark.parametrize("room", ["dsc", "dce", "asl"])
def test_the_place_of_every_series_in_the_anatomy_is_written_in_both_forms(asked, room):
    anat = asked[0].out / "sub-001/anat"
    itk, plain = (anat / f"sub-001_from-T1w_to-{room}_mode-image{form}_xfm.txt" for form in ("", "_desc-ras"))
    np.testing.assert_allclose(io.read_transform(itk).matrix, io.read_transform(plain).matrix, atol=1e-9)
    shift = io.read_transform(plain).matrix[:3, 3]
    assert np.linalg.norm(shift) < 4.0  # the head lies still between series


def test_a_second_run_replaces_nothing_unasked(asked):
    request = asked[0]
    before = {path: path.stat().st_mtime_ns for path in request.out.rglob("*") if path.is_file()}
    with pytest.raises(Problem, match="not overwritten"):
        examine(request)
    assert {path: path.stat().st_mtime_ns for path in request.out.rglob("*") if path.is_file()} == before


def test_results_are_not_put_among_the_images_of_the_study(asked):
    """A brain mask of another program has the name that ours would have there."""
    inside = replace(asked[0], out=asked[0].study.parent, overwrite=True)
    before = {path: path.stat().st_mtime_ns for path in inside.out.rglob("*") if path.is_file()}
    with pytest.raises(Problem, match="folder of the study itself"):
        examine(inside)
    assert {path: path.stat().st_mtime_ns for path in inside.out.rglob("*") if path.is_file()} == before


def test_nothing_of_the_machine_is_in_what_was_written(asked):
    request = asked[0]
    written = [path for path in Path(request.out).rglob("*") if path.suffix in (".json", ".html", ".tsv")]
    assert written
    assert [path.name for path in written if str(request.out.parent) in path.read_text(encoding="utf-8")] == []


def test_the_same_images_under_any_names_give_the_same_numbers(asked, tmp_path):
    """A role map changes what images are called and nothing else; the page calls them as their owner does."""
    request, folder = asked[0], tmp_path / "patient"
    folder.mkdir()
    named = {"anat/sub-001_T1w": "a", "anat/sub-001_ce-gd_T1w": "b", "anat/sub-001_FLAIR": "c", "anat/sub-001_T2w": "d",
             "perf/sub-001_dsc": "e", "mrs/sub-001_acq-te030_svs": "f", "mrs/sub-001_acq-te144_svs": "g",
             "mrs/sub-001_acq-te030_mrsref": "h", "mrs/sub-001_acq-te144_mrsref": "i"}  # fmt: skip
    for theirs, ours in named.items():
        for ending in (".nii.gz", ".json"):
            (folder / f"{ours}{ending}").symlink_to((request.study / f"{theirs}{ending}").resolve())
    (folder / "roles.toml").write_text(
        't1w = "a.nii.gz"\nt1c = "b.nii.gz"\nflair = "c.nii.gz"\nt2w = "d.nii.gz"\ndsc = "e.nii.gz"\n'
        'mrs = ["f.nii.gz", "g.nii.gz"]\nmrsref = ["h.nii.gz", "i.nii.gz"]\n'
    )
    found = examine(replace(request, study=folder, out=tmp_path / "out"))
    theirs = {one.marker.key: (one.value, one.std) for one in asked[1].dossier.findings}
    ours = {one.marker.key: (one.value, one.std) for one in found.dossier.findings}
    assert {"rcbv_mean", "cho_naa", "cho_cr"} <= set(ours)
    assert ours == {key: theirs[key] for key in ours}
    assert found.page == tmp_path / "out" / "study.html"
    used = {one.name: one.is_used for one in found.dossier.series}
    assert used == {f"{one}.nii.gz": True for one in "abcdefghi"}
    assert (tmp_path / "out" / "mrs" / "acq-2_desc-fit_amounts.tsv").is_file()
