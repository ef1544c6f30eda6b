"""A small patient from words to files, and back through the reader of `perspect dsc`."""

import json
import shutil
import subprocess
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest

import perspect
from patients import coarser
from perspect import io
from perspect.app import demo
from perspect.app import simulate as app
from perspect.app.sidecars import NAMES
from perspect.cli.simulate import SCENARIO
from perspect.io.templates import icbm_2009a
from perspect.phantom import SCENARIOS
from perspect.phantom.artefacts import TRAPS
from perspect.phantom.protocols import ASL_PROTOCOLS, DSC_PROTOCOLS, EXAMINATION
from perspect.phantom.sequence import Slab
from perspect.vocabulary import Problem

SMALL = Slab((30, 36, 5), (7.0, 7.0, 20.0))


def small(simulation):
    """The same simulation with series that take a moment."""
    less = {
        "dsc": {"n_frames": 60}, "dce": {"n_frames": 6}, "asl": {"n_pairs": 2}, "mrsi": {"n": 6, "n_points": 128},
        "svs-short": {"n_points": 512, "n_averages": 4}, "svs-long": {"n_points": 512, "n_averages": 4},
    }  # fmt: skip
    coarse = [
        replace(one, **({"slab": SMALL} if getattr(one, "slab", None) else {}), **less.get(one.name, {}))
        for one in simulation.sequences
    ]
    return replace(simulation, sequences=tuple(coarse))


@pytest.fixture(scope="module")
def template():
    return coarser(icbm_2009a(), 3)


@pytest.fixture
def coarse_head(template, monkeypatch):
    monkeypatch.setattr(io, "icbm_2009a", lambda: template)


@pytest.fixture(scope="module")
def made(template, tmp_path_factory):
    out = tmp_path_factory.mktemp("virtual")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "icbm_2009a", lambda: template)
        app.simulate(out, small(app.simulation_of("high-grade-glioma", ("drift",))), threads=2)
    return out


def tree(out):
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()}


def test_every_image_has_a_sidecar_with_the_protocol_in_seconds_and_degrees(made):
    images = sorted((made / "sub-001").rglob("*.nii.gz"))
    assert len(images) == 23
    for image in images:
        side = json.loads(image.with_name(image.name.replace(".nii.gz", ".json")).read_text())
        assert side["MagneticFieldStrength"] == 3.0
        if not image.name.endswith("TB1map.nii.gz"):
            assert 0.001 < side["EchoTime"] < 0.2
        if "FlipAngle" in side:
            assert 1.5 < side["FlipAngle"] <= 90.0
    dsc = json.loads((made / "sub-001/perf/sub-001_dsc.json").read_text())
    assert (dsc["Preload"], dsc["RepetitionTime"], dsc["ContrastBolusDose"]) == (True, 1.5, 0.1)
    assert dsc["ContrastBolusIngredient"] == "GADOLINIUM"
    assert [one["StartTime"] for one in dsc["ContrastBolusInjections"]] == [-360.0, 33.0]


def test_the_images_pass_the_validator_of_bids(made):
    """By its own program, where that is installed: it knows the names and the keys that are wanted."""
    program = shutil.which("bids-validator-deno")
    if program is None:
        pytest.skip("bids-validator-deno is not installed; it is no part of this project")
    said = subprocess.run([program, str(made), "--json"], capture_output=True, check=False, timeout=300).stdout
    issues = json.loads(said)["issues"]["issues"]
    assert [one for one in issues if one["severity"] == "error"] == []
    assert any(one["code"] == "SIDECAR_KEY_RECOMMENDED" for one in issues)  # it has looked


def test_what_is_written_is_what_the_reader_of_dsc_reads(made):
    study = perspect.read(made / "sub-001")
    (series,) = study.dsc
    taken = series.acquisition
    assert (taken.te, taken.tr, taken.field, taken.has_preload) == (0.03, 1.5, 3.0, True)
    assert taken.flip_angle == pytest.approx(np.pi / 3)
    np.testing.assert_allclose(series.times, np.arange(60) * 1.5)
    truth = nib.load(made / io.TRUTH / "sub-001/perf/sub-001_space-dsc_desc-truth_rcbv.nii.gz")
    np.testing.assert_allclose(truth.affine, series.grid.affine, atol=1e-5)
    assert truth.shape == series.grid.shape


def test_the_true_arterial_curve_can_be_given_to_dsc(made):
    curve = io.read_input_function(made / io.TRUTH / "sub-001/perf/sub-001_space-dsc_desc-truth_aif.tsv")
    assert curve.unit == "mM"
    assert curve.times.size == 60
    assert 5.0 < curve.values.max() < 8.0


def test_spectra_are_what_the_reader_of_spectra_reads_and_lie_in_the_lesion(made):
    folder = made / "sub-001/mrs"
    names = [
        "acq-mrsi144_mrsref",
        "acq-te030_mrsref",
        "acq-te030_svs",
        "acq-te144_mrsi",
        "acq-te144_mrsref",
        "acq-te144_svs",
    ]
    assert sorted(one.name for one in folder.glob("*.nii.gz")) == [f"sub-001_{one}.nii.gz" for one in names]
    spectra, _ = io.read_spectra(folder / "sub-001_acq-te144_svs.nii.gz")
    assert spectra.axes == ("coil", "transient")
    assert (spectra.te, spectra.tr, spectra.frequency) == pytest.approx((0.144, 2.0, 123.2e6))
    truth = nib.load(made / io.TRUTH / "sub-001/mrs/sub-001_space-svslong_desc-truth_tCho.nii.gz")
    np.testing.assert_allclose(truth.affine, spectra.grid.affine, atol=1e-4)
    lesion = nib.load(made / io.TRUTH / "sub-001/anat/sub-001_space-T1w_label-core_desc-truth_mask.nii.gz")
    at = np.linalg.inv(lesion.affine) @ spectra.grid.affine[:, 3]
    assert lesion.get_fdata()[tuple(np.round(at[:3]).astype(int))] == 1


def test_label_and_control_are_said_volume_by_volume(made):
    rows = (made / "sub-001/perf/sub-001_aslcontext.tsv").read_text().split()
    side = json.loads((made / "sub-001/perf/sub-001_asl.json").read_text())
    assert rows == ["volume_type", *["control", "label"] * 2]
    assert side["TotalAcquiredPairs"] == 2
    assert side["BackgroundSuppressionPulseTime"] == pytest.approx([1.85, 3.15])
    m0 = json.loads((made / "sub-001/perf/sub-001_m0scan.json").read_text())
    assert m0["IntendedFor"] == ["bids::sub-001/perf/sub-001_asl.nii.gz"]


def test_the_truth_says_what_the_participants_do_not(made):
    summary = json.loads((made / io.TRUTH / "sub-001/sub-001_desc-simulation_summary.json").read_text())
    assert summary["scenario"] == "high-grade-glioma"
    assert list(summary["traps"]) == ["drift"]
    did = json.loads((made / io.TRUTH / "sub-001/perf/sub-001_space-dsc_desc-truth_traps.json").read_text())
    assert did == {"drift": {"drift": -0.08}}
    assert "glioma" not in (made / "participants.tsv").read_text()
    assert all((made / one).is_file() for one in summary["files"])


def test_no_two_files_differ_by_the_case_of_their_names_alone(made):
    """On many disks they are one file."""
    files = [str(one.relative_to(made)).lower() for one in made.rglob("*")]
    assert len(files) == len(set(files)) > 100


def test_the_table_of_regions_speaks_the_units_of_files(made):
    lines = (made / io.TRUTH / "sub-001/sub-001_desc-truth_rois.tsv").read_text().splitlines()
    rows = {tuple(line.split("\t")[:2]): line.split("\t")[2:] for line in lines[1:]}
    assert rows["white", "rcbv"][0] == "ratio"
    assert float(rows["white", "rcbv"][1]) == pytest.approx(1.0, abs=0.01)
    assert 40.0 < float(rows["grey", "cbf"][1]) < 80.0
    assert rows["grey", "T1map"][0] == "s"


def test_true_flow_is_per_mass_where_labelled_blood_is_imaged_and_per_volume_elsewhere(made):
    """A gram of brain is 1/1.05 mL. Both small scans have the same grid."""
    folder = made / io.TRUTH / "sub-001/perf"
    shown = {}
    for space, unit in (("asl", "mL/100 g/min"), ("dsc", "mL/100 mL/min")):
        stem = f"sub-001_space-{space}"
        assert json.loads((folder / f"{stem}_desc-truth_cbf.json").read_text())["Units"] == unit
        shown[space] = nib.load(folder / f"{stem}_desc-truth_cbf.nii.gz").get_fdata()
    known = np.isfinite(shown["dsc"])
    assert known.sum() > 100
    np.testing.assert_allclose(shown["dsc"][known], 1.05 * shown["asl"][known], rtol=1e-5)


def test_labels_are_those_of_the_compartments(made):
    labels = np.asarray(nib.load(made / io.TRUTH / "sub-001/anat/sub-001_desc-truth_dseg.nii.gz").dataobj)
    listed = (made / io.TRUTH / "sub-001/anat/sub-001_desc-truth_dseg.tsv").read_text().splitlines()[1:]
    assert set(np.unique(labels)) <= {int(line.split("\t")[0]) for line in listed}
    assert len(np.unique(labels)) > 10


def test_the_number_of_threads_changes_no_byte(coarse_head, tmp_path):
    whole = small(app.simulation_of("high-grade-glioma", ("drift",)))
    few = replace(whole, sequences=tuple(one for one in whole.sequences if one.name in ("asl", "dwi")))
    for threads in (1, 2):
        app.simulate(tmp_path / str(threads), few, threads=threads)
    assert tree(tmp_path / "1") == tree(tmp_path / "2")


def test_a_patient_that_is_there_is_refused_before_the_head_is_read(made, monkeypatch):
    monkeypatch.setattr(io, "icbm_2009a", lambda: pytest.fail("the head was read"))
    with pytest.raises(Problem, match="already holds this patient"):
        app.simulate(made, app.simulation_of("abscess"))


def test_every_kind_of_image_has_a_name():
    assert len({(one.folder, one.entities, one.suffix) for one in NAMES.values()}) == len(NAMES)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"scenario": "absces"}, "There is no scenario 'absces'. Did you mean 'abscess'?"),
        ({"traps": ("motion-at-bols",)}, "There is no trap 'motion-at-bols'. Did you mean 'motion-at-bolus'?"),
        ({"dsc": "prelod"}, "Did you mean 'preload'?"),
        ({"asl": "multy"}, "Did you mean 'multi'?"),
        ({"mrs": "2gh"}, "Did you mean '2hg'?"),
    ],
)
def test_a_slip_of_the_keyboard_is_answered(words, said):
    with pytest.raises(Problem) as caught:
        app.simulation_of(**{"scenario": "abscess", **words})
    assert said in str(caught.value)


def test_forms_that_are_not_there_are_refused():
    app.demand_format("bids")
    with pytest.raises(Problem, match=r"not yet written as DICOM.*part 7.*Use --as bids"):
        app.demand_format("bids,dicom")
    with pytest.raises(Problem, match="no form --as nifti"):
        app.demand_format("nifti")


def test_what_is_typed_is_what_is_simulated():
    for one in SCENARIOS:
        assert app.simulation_of(one.name).scenario is one
        assert one.name in SCENARIO
    for one in TRAPS:
        assert app.simulation_of("abscess", (one.name, one.name)).traps == (one,)
    for name, scan in DSC_PROTOCOLS.items():
        assert scan in app.simulation_of("abscess", dsc=name).sequences
    for name, scan in ASL_PROTOCOLS.items():
        assert scan in app.simulation_of("abscess", asl=name).sequences
    assert app.simulation_of("abscess").sequences == EXAMINATION


@pytest.mark.parametrize("name", DSC_PROTOCOLS)
def test_one_agent_curve_drives_dsc_and_dce_of_an_examination(name):
    """Agent of DCE is there when DSC is done, so DSC without preload has no DCE before it; T1c comes after all."""
    scans = {one.name: one for one in app.simulation_of("abscess", dsc=name).sequences}
    before = [one for one in scans["dsc"].injections if one is not scans["dsc"].bolus]
    injected_by_dce = scans["dce"].injections if "dce" in scans else ()
    assert [one.dose for one in before] == [one.dose for one in injected_by_dce]
    assert len(scans["t1c"].injections) == len(scans["dsc"].injections)


def test_the_demonstration_lays_the_truth_beside_the_answer(coarse_head, tmp_path, monkeypatch):
    def quick(*words, **options):
        made = small(app.simulation_of(*words, **options))
        wide = {"dsc": Slab((54, 64, 16), (4.0, 4.0, 7.0)), "dwi": Slab((54, 64, 12), (4.0, 4.0, 8.0))}
        scans = [one for one in made.sequences if one.name in ("t1w", "t1c", *wide)]
        return replace(
            made, sequences=tuple(replace(one, slab=wide[one.name]) if one.name in wide else one for one in scans)
        )

    monkeypatch.setattr(demo, "simulation_of", quick)
    shown = demo.demonstrate(tmp_path / "demo", "high-grade-glioma", threads=2)
    assert shown.page.is_file()
    rows = {one.region: one for one in shown.compared}
    tumour = rows["enhancing"]
    assert tumour.n_voxels >= demo.LEAST
    assert 2.0 < tumour.true < 6.0
    assert 0.4 * tumour.true < tumour.measured < 1.3 * tumour.true
    assert f"{tumour.measured:.2f}" in demo.table(shown)
    assert f"{tumour.true:.2f}" in demo.table(shown)
    findings = json.loads((tmp_path / "demo" / "results" / "sub-001" / "sub-001_findings.json").read_text())
    values = {one["marker"]: one["value"] for one in findings["findings"]}
    assert 1.2 < values["rcbv_mean"] < 5.0
    assert 0.9 < values["adc_solid"] < 1.9
    assert findings["verdict"]["points"] != "against"
    assert {one["role"] for one in findings["study"]["series"] if one["used"]} >= {"dsc", "adc", "t1w", "t1c"}
    page = tmp_path / "demo" / "results" / "sub-001" / "perf" / "sub-001_desc-dsc.html"
    assert page.is_file()


def test_every_scenario_has_a_question():
    assert set(demo.ASKED) == {one.name for one in SCENARIOS}


@pytest.mark.parametrize(("word", "box"), [("usual", (120.0, 150.0)), ("small-box", (80.0, 80.0)), ("slice", None)])
def test_an_image_of_spectra_takes_the_place_of_the_usual_one(word, box):
    scans = app.simulation_of("abscess", mrs=word).sequences
    (image,) = (one for one in scans if one.name == "mrsi")
    assert image.box == box
    assert len(scans) == len(app.simulation_of("abscess").sequences)
    assert len(app.simulation_of("abscess", mrs="2hg").sequences) == len(scans) + 1
