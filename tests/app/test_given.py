"""Brain and tissues that another program found: laid on the leading image and used as they are; those of others not."""

import json
from dataclasses import replace
from functools import cache

import nibabel as nib
import numpy as np
import pytest

from made_anatomy import T1W, dice, made_head
from patients import coarser
from perspect import io
from perspect.anatomy.tissue import explained
from perspect.app import AslInputs, Inputs, Request, examination, examine_asl, examine_dsc
from perspect.app import simulate as app
from perspect.app.given import read_images, share_on
from perspect.app.given_files import GivenAnatomy
from perspect.app.head import head_of
from perspect.cli import main
from perspect.io.templates import icbm_2009a
from perspect.phantom import protocols, truth
from perspect.phantom.sequence import Slab
from perspect.vocabulary import Anatomy, Problem, Refusal

head = cache(made_head)
TISSUES = ("csf", "grey", "white")


def saved(path, values, affine):
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.asarray(values, np.float32), affine), path)
    return path


def thinned(values, affine):
    """Every other voxel: the same place on another grid."""
    return values[::2, ::2, ::2], affine @ np.diag([2.0, 2.0, 2.0, 1.0])


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A T1-weighted image of a made head, and what is true of it: the mask on the same grid, shares on another."""
    folder, made = tmp_path_factory.mktemp("head"), head(3.0, warp=1.5)
    image = np.where(made.brain, made.image(T1W), 0)
    found = {"T1w": saved(folder / "sub-01_T1w.nii.gz", image, made.grid.affine)}
    found["brain"] = saved(folder / "brain.nii.gz", made.brain, made.grid.affine)
    found["coarse"] = saved(folder / "coarse.nii.gz", *thinned(made.brain, made.grid.affine))
    for name in TISSUES:
        found[name] = saved(folder / f"{name}.nii.gz", made.shares[name], made.grid.affine)
    return found


def test_a_mask_of_another_grid_is_resampled_and_it_is_said(files):
    images, notes = read_images({"t1w": files["T1w"]}, GivenAnatomy(files["coarse"]))
    assert dice(images["t1w"].brain, head(3.0, warp=1.5).brain) > 0.93  # of voxels of 6 mm
    assert [flag.code for flag in notes] == ["mask-resampled"]
    assert "coarse.nii.gz" in images["t1w"].sources
    same, notes = read_images({"t1w": files["T1w"]}, GivenAnatomy(files["brain"]))
    np.testing.assert_array_equal(same["t1w"].brain, head(3.0, warp=1.5).brain)
    assert notes == ()


def test_what_is_given_by_hand_goes_before_what_lies_beside(files, tmp_path):
    values = nib.load(files["T1w"])
    path = saved(tmp_path / "sub-01_T1w.nii.gz", values.get_fdata(), values.affine)
    saved(tmp_path / "sub-01_desc-brain_mask.nii.gz", values.get_fdata() > 0, values.affine)
    smaller = saved(tmp_path / "smaller.nii.gz", values.get_fdata() > 250, values.affine)
    beside, by_hand = (read_images({"t1w": path}, GivenAnatomy(one))[0]["t1w"].brain for one in (None, smaller))
    assert by_hand.sum() < 0.9 * beside.sum()


def test_fluid_that_is_not_given_is_what_grey_and_white_matter_leave(files):
    given = GivenAnatomy(grey=files["grey"], white=files["white"])
    shares = read_images({"t1w": files["T1w"]}, given)[0]["t1w"].shares
    np.testing.assert_allclose(shares.sum(axis=-1), 1.0, atol=1e-5)
    with_fluid = replace(given, fluid=files["csf"])
    fluid = read_images({"t1w": files["T1w"]}, with_fluid)[0]["t1w"].shares[..., 0]
    inside = head(3.0, warp=1.5).brain
    np.testing.assert_allclose(shares[inside, 0], fluid[inside], atol=0.5)
    assert np.corrcoef(shares[inside, 0], fluid[inside])[0, 1] > 0.95


def test_one_tissue_without_the_other_is_a_problem(files):
    with pytest.raises(Problem, match="white matter is missing"):
        read_images({"t1w": files["T1w"]}, GivenAnatomy(grey=files["grey"]))


def test_a_map_in_per_cent_is_no_share(files, tmp_path):
    made = head(3.0, warp=1.5)
    path = saved(tmp_path / "percent.nii.gz", 100 * made.shares["grey"], made.grid.affine)
    with pytest.raises(Problem, match="between 0 and 1"):
        share_on(path, made.grid)


def test_what_lies_elsewhere_is_a_problem(files, tmp_path):
    made = head(3.0, warp=1.5)
    far = made.grid.affine + 1e4 * np.eye(4, k=3)
    brain, grey = (saved(tmp_path / f"{k}.nii.gz", one, far) for k, one in enumerate((made.brain, made.shares["grey"])))
    for one in (GivenAnatomy(brain), GivenAnatomy(grey=grey, white=files["white"])):
        with pytest.raises(Problem, match="lies outside"):
            read_images({"t1w": files["T1w"]}, one)


def with_given(made, **given):
    """The T1-weighted image of a head without its skull, and what somebody says of it."""
    image = np.where(made.brain, made.image(T1W), 0)
    return {"t1w": replace(Anatomy(image, made.grid, "t1w", "sub-01_T1w"), **given)}


def stacked(made):
    return np.stack([made.shares[one] for one in TISSUES], axis=-1).astype(np.float32)


def test_tissues_of_another_head_are_refused_and_its_own_are_not():
    made, other = head(3.0, warp=4.0), head(3.0, warp=4.0, seed=2)
    assert head_of(with_given(made, shares=stacked(made))).tissues.names == ("what was given with sub-01_T1w",)
    with pytest.raises(Problem, match="of another head"):
        head_of(with_given(made, shares=stacked(other)))


def test_tissues_in_another_order_are_refused():
    made = head(3.0, warp=4.0)
    with pytest.raises(Problem, match="in the place of another"):
        head_of(with_given(made, shares=stacked(made)[..., [0, 2, 1]]))


def test_tissues_of_the_head_explain_its_image_and_those_of_another_head_do_not():
    made, other = head(3.0, warp=4.0), head(3.0, warp=4.0, seed=2)
    values = made.image(T1W)[made.brain]
    own, theirs = (explained(values, stacked(one)[made.brain].astype(float)) for one in (made, other))
    assert own > 0.8 > 0.4 > theirs


def test_a_brain_mask_that_lies_elsewhere_is_refused():
    made = head(3.0, warp=1.5)
    moved = np.roll(made.brain, 9, axis=1)  # 27 mm to the front
    with pytest.raises(Problem, match="overlap by 0"):
        head_of(with_given(made, brain=moved))


def test_a_mask_that_is_named_for_another_patient_is_refused(files, series, save_mask, tmp_path):
    mask = save_mask(np.ones((5, 4, 3), np.uint8), name="sub-02_desc-brain_mask.nii.gz")
    inputs = Inputs((series,), anatomy={"t1w": files["T1w"]}, tissue=GivenAnatomy(mask))
    with pytest.raises(Refusal, match="different patients"):
        examine_dsc(inputs, tmp_path / "out")


def test_what_nobody_would_read_is_a_problem(series, save_mask, tmp_path):
    white = save_mask(np.ones((5, 4, 3), np.uint8))
    for inputs in (
        Inputs((series,), anatomy={}, tissue=GivenAnatomy(white)),
        Inputs((series,), reference=white, anatomy={"t1w": white}, tissue=GivenAnatomy(white)),
    ):
        with pytest.raises(Problem, match="read by nobody"):
            examine_dsc(inputs, tmp_path / "out")


@pytest.fixture(scope="module")
def patient(tmp_path_factory):
    """A virtual patient on disk, T1w and a short DSC and ASL, and what is true of brain and tissues on other grids."""
    out, template = tmp_path_factory.mktemp("patient"), coarser(icbm_2009a(), 3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(io, "icbm_2009a", lambda: template)
        scans = (
            protocols.T1W,
            replace(protocols.DSC, slab=Slab((52, 60, 22), (4.0, 4.0, 5.0)), n_frames=70),
            replace(protocols.ASL, slab=Slab((40, 46, 16), (5.0, 5.0, 7.0)), n_pairs=4),
        )
        made = app.simulate(out, replace(app.simulation_of("low-grade-glioma"), sequences=scans), threads=1)
        grid = made.patient.grid
        maps = {name: np.nan_to_num(truth(made.patient, name)) for name in TISSUES}
        brain = made.patient.regions["brain"].mask
        given = {name: saved(out / "given" / f"{name}.nii.gz", one, grid.affine) for name, one in maps.items()}
        given["brain"] = saved(out / "given/brain.nii.gz", *thinned(brain, grid.affine))
        (lesion,) = out.rglob("*space-T1w_label-lesion_desc-truth_mask.nii.gz")
        yield out / made.subject, given, lesion, made.patient


def words(given):
    return [f"{option}={given[name]}" for option, name in (
        ("--brain-mask", "brain"), ("--gm", "grey"), ("--wm", "white"), ("--csf", "csf"))]  # fmt: skip


def test_dsc_takes_its_reference_from_the_tissues_that_are_given(patient, tmp_path):
    study, given, lesion, head = patient
    out = tmp_path / "out"
    call = ["dsc", study, "--out", out, "--lesion", lesion, *words(given), "--set", "dsc.motion=false", "--quiet"]
    assert main([*map(str, call), "--deconvolution", "none"]) == 0
    (path,) = out.rglob("*desc-dsc_summary.json")
    summary = json.loads(path.read_text())
    assert {f"given/{one}.nii.gz" for one in ("brain", *TISSUES)} <= set(summary["sources"])
    assert "given with sub-001_T1w" in path.read_text()
    assert "mask-resampled" in {one["code"] for one in summary["flags"]}
    (reference,) = out.rglob("*desc-reference_mask.nii.gz")
    region = io.read_region(reference, "reference")
    white = truth(head, "white", region.grid)
    assert white[region.mask].mean() > 0.92  # voxels of 4 x 4 x 5 mm, each of at least 0.6


def test_ask_knows_the_head_by_what_is_given(patient, tmp_path):
    study, given, lesion, _ = patient
    tissue = GivenAnatomy(given["brain"], given["grey"], given["white"], given["csf"])
    roles = io.find_roles(study)
    request = Request(study, tmp_path / "out", lesion=lesion, tissue=tissue)
    known, first = examination._patient(request, roles, lesion, io.read_context(None))
    assert known.head.tissues.names == ("what was given with sub-001_T1w",)
    assert "was given" in known.head.steps[0].sentence
    assert [flag.code for one in first for flag in one.flags] == ["mask-resampled"]
    assert {"given/brain.nii.gz", "given/white.nii.gz"} <= set(examination._sources(request, roles))


def test_asl_takes_the_brain_that_is_given_and_none_that_it_would_not_read(patient, tmp_path):
    study, given, _, _ = patient
    scan = examine_asl(AslInputs(study, brain=given["brain"]), tmp_path / "out")
    assert "was given" in scan.measured.recipe.steps[0].sentence
    assert "given/brain.nii.gz" in json.loads(scan.written.summary.read_text())["sources"]
    inputs = AslInputs(study, grey=given["grey"], white=given["white"], brain=given["brain"])
    with pytest.raises(Problem, match="read by nobody"):
        examine_asl(inputs, tmp_path / "other")


def test_asl_refuses_tissues_of_another_head_and_one_in_the_place_of_another(patient, tmp_path):
    study, given, _, _ = patient
    maps = {name: nib.load(given[name]) for name in ("grey", "white")}
    own = {name: given[name] for name in maps}
    examine_asl(AslInputs(study, **own), tmp_path / "own")
    turned = {
        name: saved(tmp_path / f"{name}.nii.gz", np.asarray(one.dataobj)[:, ::-1], one.affine)
        for name, one in maps.items()
    }
    with pytest.raises(Problem, match="another head"):
        examine_asl(AslInputs(study, **turned), tmp_path / "turned")
    with pytest.raises(Problem, match="in the place of another"):
        examine_asl(AslInputs(study, grey=own["white"], white=own["grey"]), tmp_path / "exchanged")
    alone = examine_asl(AslInputs(study, grey=own["grey"], anatomy={}), tmp_path / "alone")
    assert "tissues-not-compared" in {flag.code for flag in alone.measured.flags}
