import numpy as np
import pytest

from perspect.vocabulary import Grid, Kept, Map, Problem, Region, Series, Status, lexicon

GRID = Grid((2, 1, 1), np.eye(4))


def test_every_status_says_what_it_means():
    assert all(status.sentence for status in Status)


def test_a_failed_voxel_cannot_carry_a_number():
    numbers = np.array([1.0, 2.0], np.float32).reshape(2, 1, 1)
    status = np.array([Status.OK, Status.NO_SIGNAL]).reshape(2, 1, 1)
    with pytest.raises(ValueError, match="failed voxel carries a number"):
        Map(lexicon.RCBV, numbers, numbers, status, GRID)


def test_a_voxel_without_a_number_cannot_be_called_measured():
    numbers = np.array([1.0, np.nan], np.float32).reshape(2, 1, 1)
    with pytest.raises(ValueError, match="not a failure"):
        Map(lexicon.RCBV, numbers, numbers, np.zeros((2, 1, 1), np.int16), GRID)


def test_times_that_do_not_increase_are_refused_with_the_volume_named():
    with pytest.raises(Problem, match="volume 2 is at 1 s"):
        Series(np.ones((2, 1, 1, 3)), GRID, np.array([0.0, 1.0, 1.0]))


def test_curves_of_a_mask_are_the_scaled_signal_in_memory_order():
    values = np.asfortranarray(np.arange(8, dtype=np.int16).reshape(2, 2, 1, 2))
    series = Series(values, Grid((2, 2, 1), np.eye(4)), np.array([0.0, 1.0]), slope=2.0, intercept=1.0)
    mask = np.array([[True, False], [True, True]]).reshape(2, 2, 1)
    expected = [values[0, 0, 0], values[1, 0, 0], values[1, 1, 0]]
    np.testing.assert_allclose(series.curves(mask), 2.0 * np.array(expected) + 1.0)


def test_keys_of_quantities_that_become_files_are_unique_within_a_modality():
    shared = (
        lexicon.KEP_LEAKAGE,
        lexicon.DELAY,
        lexicon.TTP,
        lexicon.FLOW,
    )  # of DSC; DCE has its own kep, delay and time to peak
    names = [quantity.key for quantity in lexicon.ALL if quantity not in shared]
    assert len(names) == len(set(names))


def test_a_grid_knows_where_its_axes_lead_and_its_hand():
    affine = np.zeros((4, 4))
    affine[[2, 0, 1, 3], [0, 1, 2, 3]] = [-5.0, 2.0, -2.0, 1.0]
    affine[0, 0] = 0.4  # a little oblique
    assert Grid((4, 4, 4), affine).orientation == "IRP"
    assert Grid((4, 4, 4), affine).is_right_handed
    assert not Grid((4, 4, 4), np.diag([-1.0, 1.0, 1.0, 1.0])).is_right_handed


def test_a_mean_of_kept_curves_is_of_those_voxels_of_a_mask_that_became_numbers():
    grid = Grid((4, 1, 1), np.eye(4))
    region = Region(np.array([1, 1, 1, 0], bool).reshape(4, 1, 1), grid, "three of four")
    rows = np.array([[1.0, 3.0], [5.0, 7.0], [np.nan, 9.0]])
    kept = Kept(region, np.array([0.0, 1.0]), {"curve": rows, "fit": rows + 1.0}, {"curve": "mM", "fit": "mM"})
    mean = kept.mean("curve", np.ones(grid.shape, bool), "both", "fit")
    np.testing.assert_allclose(mean.values, [3.0, 5.0])
    np.testing.assert_allclose(mean.fit, [4.0, 6.0])
    np.testing.assert_allclose(mean.std, [2.0, 2.0])  # 2.83 over the root of two
    assert kept.mean("curve", ~region.mask, "none") is None
