import numpy as np
import pytest

from patients import dense
from perspect.phantom import Compartment, parts_on, sampled
from perspect.vocabulary import Grid

VOXEL = np.array([3.6, 3.6, 5.0])
SHAPE = (68, 72, 44)


def grid_about(patient, turned=0.0):
    """Voxels of 3.6 x 3.6 x 5 mm that hold the whole head, turned about x."""
    c, s = np.cos(turned), np.sin(turned)
    affine = np.eye(4)
    affine[:3, :3] = np.array([[1, 0, 0], [0, c, -s], [0, s, c]]) @ np.diag(VOXEL)
    middle = patient.grid.affine @ [*(np.array(patient.grid.shape) - 1) / 2, 1]
    affine[:3, 3] = middle[:3] - affine[:3, :3] @ ((np.array(SHAPE) - 1) / 2)
    return Grid(SHAPE, affine)


def amounts(parts, grid):
    return {part.compartment: part.fraction.sum() * np.prod(grid.spacing) for part in parts}


@pytest.mark.parametrize("turned", [0.0, np.deg2rad(20.0)])
def test_coarse_voxels_hold_as_much_of_everything_as_fine_ones(patient, turned):
    """Where the head ends at the edge of its grid, scalp and fat are cut differently."""
    grid = grid_about(patient, turned)
    fine, coarse = amounts(patient.parts, patient.grid), amounts(parts_on(patient, grid), grid)
    for one in (*set(fine) - {Compartment.AIR, Compartment.SCALP, Compartment.FAT, Compartment.BONE},):
        if fine[one] > 2000.0:
            assert coarse[one] == pytest.approx(fine[one], rel=0.01), one.name
    np.testing.assert_allclose(dense(parts_on(patient, grid), grid), 1.0, atol=1e-3)


def test_a_motion_by_one_voxel_is_the_same_image_one_voxel_on(patient):
    grid = grid_about(patient)
    ready = sampled(patient, grid)
    for axis in range(3):
        moved = np.zeros(6)
        moved[axis] = VOXEL[axis]
        for one in (Compartment.GREY, Compartment.ENHANCING, Compartment.VEIN):
            rest, shifted = (dense(parts, grid, one) for parts in (ready.parts(), ready.parts(moved)))
            inner = (slice(2, -2),) * 3
            np.testing.assert_allclose(shifted[inner], np.roll(rest, 1, axis)[inner], atol=2e-4)


def test_levels_go_with_the_head(patient):
    grid = grid_about(patient)
    ready = sampled(patient, grid)
    moved = np.array([VOXEL[0], 0.0, 0.0, 0.0, 0.0, 0.0])
    rest, shifted = (
        next(part for part in parts if part.compartment is Compartment.WHITE)
        for parts in (ready.parts(), ready.parts(moved))
    )
    both = np.intersect1d(rest.inside + 1, shifted.inside)
    a = rest.level[np.searchsorted(rest.inside + 1, both)]
    b = shifted.level[np.searchsorted(shifted.inside, both)]
    assert (a == b).mean() > 0.999


def test_a_far_pose_made_anew_agrees_with_a_near_one_that_is_looked_up(patient):
    """Between the points of the lattice values are linear: a blur of less than a voxel that keeps volumes to 1 %."""
    grid = grid_about(patient)
    moved = np.array([1.0, -0.7, 1.3, 0.01, -0.008, 0.012])
    near, anew = sampled(patient, grid).parts(moved), parts_on(patient, grid, moved)
    for one in (Compartment.WHITE, Compartment.ENHANCING):
        a, b = (dense(parts, grid, one) for parts in (near, anew))
        assert np.abs(a - b)[(a > 0) | (b > 0)].mean() < 0.03
        assert a.sum() == pytest.approx(b.sum(), rel=0.01)


def test_turning_is_about_the_centre_of_the_scanner_as_the_other_head_has_it(patient):
    """A quarter turn about z takes the front of the head to the left of the scanner."""
    grid = grid_about(patient)
    turned = parts_on(patient, grid, np.array([0.0, 0.0, 0.0, 0.0, 0.0, np.pi / 2]))
    rest = parts_on(patient, grid)
    middles = []
    for parts in (rest, turned):
        at = np.argwhere(dense(parts, grid, Compartment.ENHANCING) > 0.5)
        middles.append((grid.affine @ np.append(at.mean(axis=0), 1.0))[:3])
    (x, y, z), now = middles
    np.testing.assert_allclose(now, [-y, x, z], atol=1.0)


def test_on_its_own_grid_a_patient_is_what_it_is(patient):
    assert parts_on(patient, patient.grid) is patient.parts


def test_a_grid_beside_the_head_holds_air(patient):
    affine = np.diag([3.0, 3.0, 3.0, 1.0])
    affine[:3, 3] = 500.0
    parts = parts_on(patient, Grid((5, 5, 5), affine))
    assert [part.compartment for part in parts] == [Compartment.AIR]
    assert parts[0].fraction.min() == 1.0
