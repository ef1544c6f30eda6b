"""What conventional images say of a series: on made heads, whose every voxel and whose every motion is known."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy import ndimage

from made_anatomy import T1W, T2W, made_head
from perspect.anatomy import align, normal, resample
from perspect.anatomy.tissue import given as given_tissues
from perspect.app import Inputs, examine_dsc
from perspect.app.anatomy import GIVEN, MIRROR, Seen, _without_sides, judged, seen
from perspect.app.head import Together, _lesion, head_of, working_grid
from perspect.numerics import rigid
from perspect.vocabulary import Anatomy, Flag, Grid, Map, Measured, Problem, Recipe, Region, Severity, Status, lexicon
from small_measured import AFFINE

TILTED = np.array([[-1.0, 0.05, 0.0, 90.0], [0.05, 1.0, 0.0, -120.0], [0.0, 0.0, 1.2, -70.0], [0.0, 0.0, 0.0, 1.0]])


def image(affine=TILTED, shape=(40, 50, 30)):
    values = np.random.default_rng(0).uniform(1.0, 2.0, shape).astype(np.float32)
    return Anatomy(values, Grid(shape, affine), "t1w", "sub-01_T1w")


def test_without_conventional_images_nothing_is_said():
    assert seen(np.ones((4, 4, 4), np.float32), Grid((4, 4, 4), np.eye(4)), {}) is None


def test_coarser_voxels_cover_the_same_place():
    fine = image().grid
    coarse = working_grid(fine)
    assert min(coarse.spacing) >= 2.0 - 1e-6
    for corner in ((0, 0, 0), (1, 1, 1)):
        ends = [one.affine @ np.append(np.array(corner) * np.array(one.shape) - 0.5, 1.0) for one in (fine, coarse)]
        np.testing.assert_allclose(ends[0], ends[1], atol=1.1)


def test_a_lesion_goes_where_the_image_lies_on_which_it_was_drawn():
    leading, other = image(), replace(image(TILTED + np.eye(4, k=3) * 7.0), contrast="flair")
    there = np.eye(4)
    there[0, 3] = 7.0
    mask = np.zeros(other.grid.shape, bool)
    mask[10:20, 10:20, 10:20] = True
    held = Together(leading.grid, {"t1w": leading, "flair": other}, {}, {"t1w": np.eye(4), "flair": there}, ())
    placed = _lesion(Region(mask, other.grid, "lesion", "mask.nii.gz"), held)
    np.testing.assert_array_equal(placed.mask, mask)


def test_a_lesion_outside_of_the_images_is_a_problem():
    leading = image()
    far = np.eye(4)
    far[:3, 3] = 1e4
    held = Together(leading.grid, {"t1w": leading}, {}, {"t1w": np.eye(4)}, ())
    with pytest.raises(Problem, match="outside"):
        _lesion(Region(np.ones((3, 3, 3), bool), Grid((3, 3, 3), far), "lesion", "far.nii.gz"), held)


MOTION = rigid.rigid(np.array([0.05, -0.03, 0.06, 4.0, -3.0, 5.0]))
"""From places of the series to those of the T1-weighted image."""


@cache
def patient():
    """A T1-weighted image, a series of another contrast from another place, and what is true on the series."""
    head = made_head(3.0, warp=1.5)
    grid = Grid((66, 80, 26), np.diag([2.5, 2.5, 5.0, 1.0]))
    grid.affine[:3, 3] = [-82.0, -112.0, -58.0]
    t1w, t2w = (np.where(head.brain, head.image(one, seed=seed), 0) for seed, one in enumerate((T1W, T2W)))
    there = {"t2w": t2w, **head.shares, "lesion": head.lesion}
    true = {name: resample.onto(one, head.grid, grid, matrix=MOTION) for name, one in there.items()}
    return head, Anatomy(t1w, head.grid, "t1w", "sub-01_T1w"), grid, true


@cache
def found(drawn_on_the_series=False):
    head, t1w, grid, true = patient()
    lesion = Region(true["lesion"], grid, "l") if drawn_on_the_series else Region(head.lesion, head.grid, "l")
    return seen(np.nan_to_num(true["t2w"]), grid, {"t1w": t1w}, lesion)


def test_a_brain_and_tissues_that_lie_beside_the_image_are_used_as_they_are():
    head, t1w, _, _ = patient()
    brain = ndimage.binary_erosion(head.brain, iterations=2)
    shares = np.stack([head.shares[one] for one in ("csf", "grey", "white")], axis=-1).astype(np.float32)
    found = head_of({"t1w": replace(t1w, brain=brain, shares=shares)})
    np.testing.assert_array_equal(found.tissues.brain.mask, brain)
    total = shares.sum(axis=-1)
    inside = brain & (total > 0.0)
    np.testing.assert_allclose(found.tissues.white[inside], shares[inside, 2] / total[inside], atol=1e-5)
    assert "given with sub-01_T1w" in found.tissues.step.sentence


def test_the_series_is_found_in_the_image():
    _, _, grid, true = patient()
    at = grid.affine[:3, :3] @ np.argwhere(true["white"] > 0.5).T + grid.affine[:3, 3:]
    off = found().series_to_anatomy.matrix - MOTION
    assert np.linalg.norm(off[:3, :3] @ at + off[:3, 3:], axis=0).mean() < 0.5


def test_the_reference_is_white_matter_away_from_the_lesion_and_from_what_lies_opposite():
    _, _, grid, true = patient()
    white, lesion = found().white, found().lesion
    # Every voxel is asked for 0.6; even the depth of white matter holds 2 to 5 % of grey matter in the standard head.
    assert np.nan_to_num(true["white"])[white.mask].mean() > 0.9
    away = ndimage.distance_transform_edt(~true["lesion"], grid.spacing)
    assert away[white.mask].min() > 7.0  # 10 mm of the tissues' voxels, read in voxels of 5 mm
    assert not (white.mask & found().opposite.mask).any()
    assert lesion.n_voxels == pytest.approx(int(true["lesion"].sum()), rel=0.05)
    assert white.origin == f"{normal.WHOLE}, by sub-01_T1w"


def test_a_doubtful_mirror_limits_only_what_is_compared_with_the_other_side():
    doubt = Flag("doubtful-mirror", Severity.LIMITED, "Doubtful.", source=MIRROR)
    other = Flag("other", Severity.LIMITED, "Another.", source="alignment")
    by_sides, by_whole = (_without_sides((doubt, other), one) for one in (normal.OPPOSITE, normal.WHOLE))
    assert [one.severity for one in by_sides] == [Severity.LIMITED, Severity.LIMITED]
    assert [one.severity for one in by_whole] == [Severity.CAUTION, Severity.LIMITED]


def test_what_lies_opposite_is_on_the_other_side_and_as_large():
    x = [np.argwhere(one.mask)[:, 0].mean() for one in (found().lesion, found().opposite)]
    middle = np.argwhere(np.nan_to_num(patient()[3]["white"]) > 0.5)[:, 0].mean()
    assert (x[0] - middle) * (x[1] - middle) < 0
    assert found().opposite.n_voxels == pytest.approx(found().lesion.n_voxels, rel=0.1)


def test_the_reflection_of_the_series_takes_the_lesion_to_what_lies_opposite():
    lesion, opposite = found().lesion, found().opposite
    there = resample.onto(lesion.mask, lesion.grid, lesion.grid, matrix=found().reflection)
    assert (there & opposite.mask).sum() > 0.9 * opposite.n_voxels
    share = found().lesion_share
    assert share[lesion.mask].min() >= 0.5 - 1e-3 and share[~lesion.mask].max() <= 0.5 + 1e-3


def test_without_a_lesion_no_mirror_is_sought():
    _, t1w, grid, true = patient()
    out = seen(np.nan_to_num(true["t2w"]), grid, {"t1w": t1w})
    assert out.mirror is out.opposite is out.lesion is out.reflection is out.lesion_share is None
    assert set(out.candidates) == {normal.WHOLE, normal.CENTRAL}


def test_a_lesion_drawn_on_the_series_is_left_out_as_one_drawn_on_the_image():
    on_series, on_image = found(drawn_on_the_series=True), found()
    both = (on_series.white.mask & on_image.white.mask).sum()
    assert 2 * both / (on_series.white.n_voxels + on_image.white.n_voxels) > 0.9
    assert (on_series.lesion.mask & on_image.lesion.mask).sum() > 0.85 * on_image.lesion.n_voxels


GRID = Grid((5, 4, 3), AFFINE)


def part(rows, name):
    mask = np.zeros(GRID.shape, bool)
    mask[rows] = True
    return Region(mask, GRID, name)


def told(white=normal.WHOLE):
    """What images might have said of the small series: white matter left and right, a lesion in the middle."""
    held = {normal.WHOLE: part(slice(0, 2), normal.WHOLE), normal.OPPOSITE: part(slice(3, 5), normal.OPPOSITE)}
    leading = Anatomy(np.ones(GRID.shape, np.float32), GRID, "t1w", "sub-01_T1w")
    placed = align.Alignment(np.eye(4), 1.2, 1.0, 0.4, 0.0)
    everywhere = Region(np.ones(GRID.shape, bool), GRID, "brain")
    classes = given_tissues(np.ones((*GRID.shape, 3)), everywhere)
    return Seen(
        leading, GRID, classes, placed, held, held.get(white), {}, part(slice(2, 3), "lesion"),
        part(slice(4, 5), "mirror of the lesion"), None, (), (),
    )  # fmt: skip


def measured(factor):
    """rCBV of 1 in one half and `factor` in the other."""
    values = np.ones(GRID.shape, np.float32)
    values[3:] = factor
    one = Map(lexicon.RCBV, values, 0.1 * values, np.full(GRID.shape, Status.OK, np.int16), GRID)
    return Measured({"rcbv": one}, (), Recipe(()))


@pytest.mark.parametrize(("factor", "is_said"), [(1.1, False), (1.3, True)])
def test_references_that_differ_by_more_than_a_fifth_are_said(factor, is_said, monkeypatch):
    monkeypatch.setattr(normal, "SMALLEST", 0.0)
    flags, numbers = judged(told(), measured(factor))
    assert ("references-differ" in {flag.code for flag in flags}) == is_said
    assert numbers["white_matter_difference"] == pytest.approx(2 * (factor - 1) / (factor + 1), rel=1e-5)
    assert numbers["white_matter_spread"] == 0
    assert numbers["white_matter"][normal.OPPOSITE] == {
        "rCBV": pytest.approx(factor), "robust SD over median": 0, "voxels": 24,
    }  # fmt: skip


def test_a_reference_that_was_given_is_judged_beside_those_that_were_found():
    _, numbers = judged(told(), measured(1.3), part(slice(3, 4), "given"))
    assert numbers["white_matter"][GIVEN]["rCBV"] == pytest.approx(1.3)


def test_without_a_map_of_blood_volume_nothing_is_judged():
    flags, numbers = judged(told(), Measured({}, (), Recipe(())))
    assert flags == ()
    assert numbers == {"alignment_error": 0.4}


@pytest.fixture
def images(monkeypatch, series):
    """A T1-weighted image beside the series, of which is said what `told` says; the list of what was looked at."""
    looked = []

    def answer(image, grid, anatomy, lesion=None):
        looked.append((sorted(anatomy), lesion))
        return told()

    path = series.with_name("sub-01_T1w.nii.gz")
    path.write_bytes(b"")
    monkeypatch.setattr("perspect.app.dsc_given.seen", answer)
    monkeypatch.setattr("perspect.io.read_anatomy", lambda path, contrast: replace(told().leading, contrast=contrast))
    return {"t1w": path}, looked


def test_the_white_matter_of_the_images_is_the_reference_and_lesion_and_mirror_are_written(
    series, asked, images, save_mask, tmp_path
):
    lesion = save_mask(np.ones((5, 4, 3), np.uint8), name="lesion.nii.gz")
    examined = examine_dsc(Inputs((series,), anatomy=images[0], lesion=lesion), tmp_path / "out")
    np.testing.assert_array_equal(asked["reference"].mask, told().white.mask)
    folder = tmp_path / "out/sub-01/perf"
    assert (folder / "sub-01_space-dsc_desc-mirror_mask.nii.gz").is_file()
    assert json.loads((folder / "sub-01_space-dsc_desc-lesion_mask.json").read_text())["Voxels"] == 12
    summary = json.loads(examined.written.summary.read_text())
    assert summary["summary"]["alignment_error"] == 0.4
    assert {"lesion.nii.gz", "sub-01_T1w.nii.gz"} <= set(summary["sources"])


def test_images_are_not_looked_at_where_a_reference_was_given_and_no_lesion(series, asked, images, save_mask, tmp_path):
    white = save_mask(np.ones((5, 4, 3), np.uint8))
    examine_dsc(Inputs((series,), reference=white, anatomy=images[0]), tmp_path / "out")
    assert images[1] == []


def test_a_reference_that_was_given_stays_the_reference_where_a_lesion_was_given_too(
    series, asked, images, save_mask, tmp_path
):
    white, lesion = (save_mask(np.ones((5, 4, 3), np.uint8), name=name) for name in ("w.nii.gz", "l.nii.gz"))
    examine_dsc(Inputs((series,), reference=white, anatomy=images[0], lesion=lesion), tmp_path / "out")
    assert [names for names, _ in images[1]] == [["t1w"]]
    assert asked["reference"].n_voxels == 60


def test_a_lesion_without_images_is_written_and_that_it_is_not_left_out_is_said(series, asked, save_mask, tmp_path):
    mask = np.zeros((5, 4, 3), np.uint8)
    mask[1] = 1
    examined = examine_dsc(Inputs((series,), lesion=save_mask(mask), anatomy={}), tmp_path / "out")
    assert examined.measured.regions["lesion"].n_voxels == 12
    flag = next(flag for flag in examined.measured.flags if flag.code == "lesion-in-reference")
    assert flag.severity == Severity.CAUTION


def test_where_no_white_matter_is_found_the_reference_is_left_to_the_perfusion(
    series, asked, images, tmp_path, monkeypatch
):
    flag = Flag("no-normal-white-matter", Severity.LIMITED, "None.", source="normal-appearing white matter")
    empty = {name: part(slice(0, 0), name) for name in told().candidates}
    nothing = replace(told(white=""), candidates=empty, flags=(flag,))
    monkeypatch.setattr("perspect.app.dsc_given.seen", lambda *_: nothing)
    examined = examine_dsc(Inputs((series,), anatomy=images[0]), tmp_path / "out")
    assert asked["reference"] is None
    assert [one.code for one in examined.measured.flags].count("no-normal-white-matter") == 1
