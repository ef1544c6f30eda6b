"""Whole heads made from the standard one, with dura, bone and scalp around a brain whose every voxel is known."""

from functools import cache

import numpy as np
import pytest

from made_anatomy import ENHANCED, SKULL, T1W, WATER, dice, made_head, template
from perspect.anatomy.brain_in_head import brain, to_standard
from perspect.vocabulary import Grid, Problem, Region

SPACING = 3.0
ROOM = (200, 240, 220)
head = cache(made_head)


@cache
def native():
    """A head, its image, its brain and its place in the standard head: what most tests start from."""
    made = head(SPACING, room=ROOM)
    image = made.image(noise=0.04, around=SKULL)
    found = to_standard(image, made.grid, template())
    return made, image, brain({"T1w": image}, made.grid, template(), found.matrix), found


def tissue_missed(made, mask):
    tissue = made.shares["grey"] + made.shares["white"]
    return tissue[~mask].sum() / tissue.sum()


def test_the_brain_of_a_whole_head_is_found_without_its_scalp():
    made, _, found, _ = native()
    # At 3 mm; half a voxel all around is 5 % of the brain, and so are the 1.5 mm of fluid in which the edge may lie.
    assert dice(found.region.mask, made.brain) > 0.94
    assert tissue_missed(made, found.region.mask) < 0.03
    assert found.region.mask[made.depth < -WATER - SPACING / 2].sum() < 0.005 * made.brain.sum()
    assert found.flags == ()
    assert not found.had_no_skull


def test_dura_that_enhances_is_not_taken_for_brain():
    """At 3 mm, a meninx of 2 mm and the bone on it look together like brain; at 2 mm none of it is taken."""
    made, _, _, where = native()
    image = made.image(noise=0.04, around=ENHANCED)
    found = brain({"T1c": image}, made.grid, template(), where.matrix)
    assert found.region.mask[made.depth < -WATER - SPACING / 2].sum() < 0.015 * made.brain.sum()
    assert tissue_missed(made, found.region.mask) < 0.03


def test_what_lies_at_the_edge_of_the_brain_is_not_cut_off():
    """Unmasked, its outermost voxels, which border on bone and dura, may be missing; masked, none is."""
    made = head(SPACING, room=ROOM, seed=2, lesion=(48.0, 10.0, 45.0))
    lesion = Region(made.lesion, made.grid, "lesion")
    cavity, enhancing = (made.image({**T1W, "lesion": one}, noise=0.04, around=ENHANCED) for one in (0.25, 1.6))
    found = to_standard(cavity, made.grid, template())
    for image in (cavity, enhancing):
        unknown = brain({"T1c": image}, made.grid, template(), found.matrix)
        assert unknown.region.mask[made.lesion].mean() > 0.7
    known = brain({"T1c": enhancing}, made.grid, template(), found.matrix, lesion)
    assert known.region.mask[made.lesion].all()


def test_the_standard_head_is_brought_to_a_head_with_skull():
    """An affine cannot undo the warp of 4 mm; its own error adds little to that."""
    made, _, _, found = native()
    places = made.grid.affine[:3, :3] @ np.argwhere(made.brain)[::50].T + made.grid.affine[:3, 3:]
    away = (found.matrix - made.affine)[:3, :3] @ places + (found.matrix - made.affine)[:3, 3:]
    assert np.linalg.norm(away, axis=0).mean() < 4.5


def test_an_image_without_skull_keeps_its_own_edge():
    made = head(SPACING)
    image = np.where(made.brain, made.image(), 0).astype(np.float32)
    found = to_standard(image, made.grid, template())
    out = brain({"T1w": image}, made.grid, template(), found.matrix)
    assert out.had_no_skull
    assert (out.region.mask == made.brain).mean() > 0.9999
    assert out.flags == ()


def test_a_whole_head_on_a_background_of_zeros_is_not_taken_for_a_brain():
    made, image, _, found = native()
    image = np.where(image < 60, 0, image)
    out = brain({"T1w": image}, made.grid, template(), found.matrix)
    assert not out.had_no_skull
    assert dice(out.region.mask, made.brain) > 0.94


def test_a_mask_that_is_given_is_kept_and_looked_at():
    made, image, _, found = native()
    given = made.brain.copy()
    given[: 3 * made.grid.shape[0] // 10] = False
    region = Region(given, made.grid, "most")
    out = brain({"T1w": image}, made.grid, template(), found.matrix, given=region)
    np.testing.assert_array_equal(out.region.mask, given)
    assert "uneven-brain" in {flag.code for flag in out.flags}
    assert "was given" in out.step.sentence


def test_half_a_brain_is_refused_as_the_mask_of_one():
    made, image, _, found = native()
    given = made.brain.copy()
    given[: made.grid.shape[0] // 2] = False
    with pytest.raises(Problem, match="overlap"):
        brain({"T1w": image}, made.grid, template(), found.matrix, given=Region(given, made.grid, "half"))


def test_a_mask_that_leaves_fluid_and_an_edge_out_is_no_mask_of_another_head():
    """Seven tenths of this brain, as grey and white matter are of an old one; a strange mask may overlap by more."""
    made, image, _, found = native()
    given = (made.shares["grey"] + made.shares["white"] > 0.5) & (made.depth > 2 * SPACING)
    assert 0.6 < given.sum() / made.brain.sum() < 0.74  # Dice below 0.85
    out = brain({"T1w": image}, made.grid, template(), found.matrix, given=Region(given, made.grid, "tissue"))
    np.testing.assert_array_equal(out.region.mask, given)
    assert "unlike-standard-brain" in {flag.code for flag in out.flags}


def test_the_mask_that_an_image_was_stripped_with_is_that_of_its_head():
    made, image, _, found = native()
    given = (made.shares["grey"] + made.shares["white"] > 0.5) & (made.depth > 2 * SPACING)
    stripped = np.where(given, image, 0)
    out = brain({"T1w": stripped}, made.grid, template(), found.matrix, given=Region(given, made.grid, "tissue"))
    np.testing.assert_array_equal(out.region.mask, given)


def test_a_brain_that_goes_on_beyond_the_image_is_said():
    made, image, _, found = native()
    low, high = 25, 50
    affine = made.grid.affine.copy()
    affine[:3, 3] += low * affine[:3, 2]
    slab = Grid((*made.grid.shape[:2], high - low), affine)
    out = brain({"T1w": image[:, :, low:high]}, slab, template(), found.matrix)
    assert "brain-cut" in {flag.code for flag in out.flags}
    assert dice(out.region.mask, made.brain[:, :, low:high]) > 0.95


def test_a_head_that_is_elsewhere_is_refused():
    made, image, _, _ = native()
    far = made.affine.copy()
    far[0, 3] += 1000
    with pytest.raises(Problem, match="lies outside"):
        brain({"T1w": image}, made.grid, template(), far)
