import numpy as np
import pytest

from perspect.lesion import Sample, histogram, metrics, size
from perspect.lesion.size import diameters
from perspect.vocabulary import Grid, Region

GRID = Grid((24, 24, 6), np.diag([2.0, 2.0, 5.0, 1.0]))


def block(low, high):
    mask = np.zeros(GRID.shape, bool)
    mask[low:high, low:high, 1:5] = True
    return mask


def sample(values=None, trapped=None, common=0.0, shift=0.0, mask=None):
    rng = np.random.default_rng(2)
    values = rng.gamma(4.0, 0.5, GRID.shape) if values is None else values
    part = Region(block(6, 18) if mask is None else mask, GRID, "solid part")
    return Sample(values, np.full(GRID.shape, 0.1), part, trapped, common, shift)


def by_name(some):
    return {one.statistic: one for one in some}


def test_the_three_classes_of_burden_add_up_to_one_with_and_without_traps():
    found = by_name(metrics("rcbv", "ratio", sample(trapped=block(6, 9))))
    shares = [found[name] for name in ("share below 1.0", "share from 1.0 to 1.75", "share above 1.75")]
    assert sum(one.value for one in shares) == pytest.approx(1)
    assert sum(one.with_traps for one in shares) == pytest.approx(1)
    assert all(0 <= one.low <= one.value <= one.high <= 1 for one in shares)


def test_only_blood_volume_has_a_burden():
    assert "share above 1.75" not in by_name(metrics("ktrans", "1/min", sample()))


def test_percentiles_are_in_order_and_within_their_intervals():
    found = by_name(metrics("rcbv", "ratio", sample(common=0.1, shift=0.5)))
    names = ["5th percentile", "25th percentile", "median", "75th percentile", "95th percentile"]
    values = [found[name].value for name in names]
    assert values == sorted(values)
    assert all(found[name].low < found[name].value < found[name].high for name in names)
    np.testing.assert_allclose(values, np.percentile(sample().values[block(6, 18)], [5, 25, 50, 75, 95]))


def test_the_interval_of_a_mean_holds_the_truth_as_often_as_it_says():
    """An even lesion in even noise: the edge adds little, so that it is held in 95 % of draws or more."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(60):
        values = 2.0 + 0.1 * rng.standard_normal(GRID.shape)
        one = by_name(metrics("ktrans", "1/min", sample(values)))["mean"]
        held += one.low <= 2.0 <= one.high
    assert held >= 54  # of 60 at 95 %: fewer has a probability below 0.05


def test_a_trap_is_in_one_value_and_not_in_the_other():
    values = np.ones(GRID.shape)
    values[block(6, 8)] = 20.0
    one = by_name(metrics("rcbv", "ratio", sample(values, block(6, 8))))["mean"]
    assert one.with_traps > 1.4
    assert one.value == one.without_traps == pytest.approx(1.0)


def test_a_part_that_is_mostly_trapped_has_no_value_but_what_it_would_be():
    one = by_name(metrics("rcbv", "ratio", sample(trapped=block(6, 17))))["median"]
    assert np.isnan(one.value)
    assert np.isfinite(one.with_traps)
    assert [flag.code for flag in one.flags] == ["part-trapped"]


def test_a_histogram_counts_every_voxel_once():
    one = histogram("rcbv", "ratio", sample(trapped=block(6, 9)), (0.0, 3.0))
    assert sum(one.with_traps) == block(6, 18).sum()
    assert sum(one.without_traps) == (block(6, 18) & ~block(6, 9)).sum()
    assert len(one.edges) == len(one.with_traps) + 1


def test_a_rectangle_has_its_diagonal_and_the_width_across_it():
    mask = np.zeros((30, 30), bool)
    mask[5:20, 8:12] = True
    longest, across = diameters(mask, (2.0, 2.0))
    assert longest == pytest.approx(2 * np.hypot(15, 4))
    assert across == pytest.approx(2 * 2 * 15 * 4 / np.hypot(15, 4))  # twice the height over the diagonal


@pytest.mark.parametrize("turn", [0.0, 0.4, 1.0])
def test_the_product_of_an_ellipse_is_that_of_its_axes_however_it_is_turned(turn):
    i, j = np.indices((80, 80)) - 39.5
    u, v = np.cos(turn) * i + np.sin(turn) * j, np.cos(turn) * j - np.sin(turn) * i
    longest, across = diameters((u / 30) ** 2 + (v / 15) ** 2 <= 1, (1.0, 1.0))
    assert longest == pytest.approx(60, abs=2)  # edge to edge of voxels
    assert across == pytest.approx(30, abs=2)


def test_a_size_lies_between_those_of_a_narrower_and_a_wider_mask():
    one = size(Region(block(6, 18), GRID, "solid part"))
    assert one.volume == pytest.approx(12 * 12 * 4 * 20 / 1000)
    assert one.low == pytest.approx(10 * 10 * 4 * 20 / 1000)
    assert one.low < one.volume < one.high
    assert one.product == pytest.approx(one.longest * one.across)


def test_what_lies_far_from_a_part_changes_none_of_its_numbers():
    rng = np.random.default_rng(5)
    values, trapped = rng.normal(2.0, 1.0, GRID.shape), rng.random(GRID.shape) < 0.1
    mask = np.zeros(GRID.shape, bool)
    mask[3:8, 3:8, 2:5] = True
    far = np.ones(GRID.shape, bool)
    far[:11, :11, :8] = False
    assert far.any()
    part, std = Region(mask, GRID, "solid part"), np.full(GRID.shape, 0.2)
    there = metrics("rcbv", "ratio", Sample(values, std, part, trapped, 0.05, 1.3))
    changed = Sample(np.where(far, 99.0, values), std, part, trapped & ~far, 0.05, 1.3)
    assert metrics("rcbv", "ratio", changed) == there
