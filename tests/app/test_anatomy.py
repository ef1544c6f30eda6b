import numpy as np
import pytest

from perspect.app.anatomy import _coarse, _lesion, seen
from perspect.vocabulary import Anatomy, Grid, Problem, Region

TILTED = np.array([[-1.0, 0.05, 0.0, 90.0], [0.05, 1.0, 0.0, -120.0], [0.0, 0.0, 1.2, -70.0], [0.0, 0.0, 0.0, 1.0]])


def image(affine=TILTED, shape=(40, 50, 30)):
    values = np.random.default_rng(0).uniform(1.0, 2.0, shape).astype(np.float32)
    return Anatomy(values, Grid(shape, affine), "t1w", "sub-01_T1w")


def test_without_conventional_images_nothing_is_said():
    assert seen(np.ones((4, 4, 4), np.float32), Grid((4, 4, 4), np.eye(4)), {}) is None


def test_coarser_voxels_cover_the_same_place():
    fine = image().grid
    coarse = _coarse(fine)
    assert min(coarse.spacing) >= 2.0 - 1e-6
    for corner in ((0, 0, 0), (1, 1, 1)):
        ends = [one.affine @ np.append(np.array(corner) * np.array(one.shape) - 0.5, 1.0) for one in (fine, coarse)]
        np.testing.assert_allclose(ends[0], ends[1], atol=1.1)


def test_a_lesion_goes_where_the_image_lies_on_which_it_was_drawn():
    leading, other = image(), image(TILTED + np.eye(4, k=3) * 7.0)
    there = np.eye(4)
    there[0, 3] = 7.0
    mask = np.zeros(other.grid.shape, bool)
    mask[10:20, 10:20, 10:20] = True
    placed = _lesion(
        Region(mask, other.grid, "lesion", "mask.nii.gz"),
        {"t1w": leading, "flair": other},
        {"t1w": np.eye(4), "flair": there},
        leading.grid,
    )
    np.testing.assert_array_equal(placed.mask, mask)


def test_a_lesion_outside_of_the_images_is_a_problem():
    leading = image()
    far = np.eye(4)
    far[:3, 3] = 1e4
    with pytest.raises(Problem, match="outside"):
        _lesion(
            Region(np.ones((3, 3, 3), bool), Grid((3, 3, 3), far), "lesion", "far.nii.gz"),
            {"t1w": leading}, {"t1w": np.eye(4)}, leading.grid,
        )  # fmt: skip
