"""Heads made from the standard one, whose plane between the sides is known: x = 0 there, brought back by the affine."""

from functools import cache

import numpy as np
import pytest

from made_anatomy import dice, made_head
from perspect.anatomy.mirror import Plane, mirror
from perspect.vocabulary import Grid, Problem, Region

SPACING = 4.0
NATURAL = 1.5
"""mm: by how much the sides of a made head differ, which is about what those of healthy ones do."""

head = cache(made_head)


def sides(made, with_lesion=True, knows_standard=False, **more):
    lesion = Region(made.lesion, made.grid, "lesion") if with_lesion else None
    image = made.image(bias=0.0, noise=0.03, **more)
    return mirror(image, Region(made.brain, made.grid, "brain"), lesion, made.affine if knows_standard else None)


def true_plane(made):
    row = made.affine[0]
    return row[:3] / np.linalg.norm(row[:3]), -row[3] / np.linalg.norm(row[:3])


def angle(plane, normal):
    return np.rad2deg(np.arccos(np.clip(abs(plane.normal @ normal), 0, 1)))


@pytest.mark.parametrize(("turn", "knows_standard"), [((0.1, 0.0, 0.2), True), ((0.0, 0.17, -0.17), False)])
def test_the_plane_of_a_symmetric_head_is_found_exactly(turn, knows_standard):
    made = head(3.0, warp=0.0, turn=turn)
    found = sides(made, knows_standard=knows_standard)
    normal, offset = true_plane(made)
    assert angle(found.plane, normal) < 0.1
    assert found.plane.offset == pytest.approx(offset, abs=0.1)
    assert found.likeness > 0.99
    assert found.flags == ()


def test_the_plane_of_a_head_that_is_not_symmetric_lies_between_its_sides():
    made = head(SPACING, warp=NATURAL, seed=4)
    found = sides(made)
    normal, _ = true_plane(made)
    assert angle(found.plane, normal) < 2.0
    assert abs(found.off_centre) < 2.0


def test_a_large_lesion_moves_the_plane_unless_it_is_left_out():
    bright = {"csf": 0.2, "grey": 1.0, "white": 0.8, "lesion": 6.0}
    made = head(SPACING, warp=0.0, lesion=(30.0, 20.0, 25.0), radius=28.0)
    normal, _ = true_plane(made)
    out, inside = (sides(made, with_lesion=one, contrast=bright) for one in (True, False))
    assert angle(out.plane, normal) < 0.2
    assert out.likeness > 0.98 > 0.8 > inside.likeness


def test_a_region_mirrored_twice_is_the_region():
    made = head(SPACING, warp=NATURAL)
    found = sides(made)
    lesion = Region(made.lesion, made.grid, "lesion")
    once = found.mirrored(lesion)
    # Reading a mask of 900 voxels between voxels loses some at its edge.
    assert dice(found.mirrored(once).mask, made.lesion) > 0.95
    assert once.n_voxels == pytest.approx(lesion.n_voxels, rel=0.03)
    assert not (once.mask & made.lesion).any()
    np.testing.assert_allclose(found.plane.reflection @ found.plane.reflection, np.eye(4), atol=1e-12)


def test_the_mirror_of_a_place_is_the_same_anatomy_on_the_other_side():
    """In the standard head: x becomes -x, as far as the sides are alike."""
    made = head(SPACING, warp=NATURAL)
    found = sides(made)
    there = np.linalg.inv(made.affine) @ np.array([[40.0, -30.0, 20.0], [10.0, -50.0, 30.0], [0, 40, 10], [1, 1, 1]])
    opposite = made.affine @ found.plane.reflection @ there
    expected = np.diag([-1.0, 1, 1, 1]) @ made.affine @ there
    assert np.linalg.norm((opposite - expected)[:3], axis=0).max() < 5.0


def test_right_of_the_plane_is_right_of_it():
    plane = Plane(np.array([1.0, 0.0, 0.0]), 10.0)
    grid = Grid((3, 1, 1), np.diag([20.0, 1.0, 1.0, 1.0]))
    np.testing.assert_allclose(plane.side(grid).ravel(), [-10.0, 10.0, 30.0])


@pytest.mark.parametrize("push", [10.0, -10.0])
def test_a_midline_that_is_pushed_is_said_with_its_side(push):
    made = head(SPACING, warp=0.0, push=push, lesion=(45.0, -40.0, 30.0))
    found = sides(made)
    assert [flag.code for flag in found.flags] == ["midline-shift"]
    # The bulge decays over 30 mm to all sides, so that patches which look 20 mm to either side see less of it.
    assert 5.0 < abs(found.shift) < 10.0
    assert np.sign(found.shift) == -np.sign(push)


@pytest.mark.parametrize("push", [15.0, -15.0])
def test_a_push_is_said_in_a_head_that_is_uneven_too(push):
    """14 mm at its largest; the plane follows it by one, and what is seen together is wide: 6.8 to 11.8 are read."""
    found = sides(head(SPACING, warp=NATURAL, seed=2, push=push, lesion=(42.0, 0.0, 30.0), radius=15.0))
    assert "midline-shift" in {flag.code for flag in found.flags}
    assert np.sign(found.shift) == -np.sign(push)


def test_a_midline_in_its_place_is_not_said():
    assert abs(sides(head(SPACING, warp=0.0)).shift) < 2.0


def test_a_midline_that_leaves_the_plane_elsewhere_only_is_in_its_place():
    """One that runs straight from front to back but for the last 40 mm, as the falx of many does at the occiput."""
    made = head(SPACING, warp=0.0)
    image = made.image(bias=0.0, noise=0.03)
    back = made.grid.affine[1, 1] * np.arange(made.grid.shape[1]) + made.grid.affine[1, 3] < -50.0
    image[:, back] = np.roll(image[:, back], 2, axis=0)  # 8 mm
    brain = made.brain.copy()
    brain[:, back] = np.roll(brain[:, back], 2, axis=0)
    found = mirror(image, Region(brain, made.grid, "brain"), None, made.affine)
    assert abs(found.shift) < 2.0
    assert found.flags == ()


def test_where_the_lesion_fills_the_middle_no_shift_is_known():
    made = head(SPACING, warp=0.0, lesion=(0.0, 0.0, 10.0), radius=45.0)
    found = sides(made)
    assert np.isnan(found.shift)
    assert "could not be seen" in found.step.sentence


def test_a_head_that_has_no_second_side_is_doubted():
    made = head(SPACING, warp=0.0)
    half = made.brain & (np.arange(made.grid.shape[0])[:, None, None] > made.grid.shape[0] // 2)
    found = mirror(made.image(bias=0.0), Region(half, made.grid, "half"))
    assert "doubtful-mirror" in {flag.code for flag in found.flags}


def test_too_little_healthy_brain_is_refused():
    made = head(SPACING, warp=0.0)
    with pytest.raises(Problem, match="are no lesion"):
        mirror(made.image(), Region(made.brain, made.grid, "b"), Region(made.brain, made.grid, "l"))
