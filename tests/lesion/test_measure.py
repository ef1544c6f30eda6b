import numpy as np
import pytest

from perspect.lesion import measured
from perspect.lesion.statistics import CLUSTER, top_cluster
from perspect.vocabulary import Grid, Region, marker

GRID = Grid((20, 20, 6), np.diag([2.0, 2.0, 5.0, 1.0]))


def region(mask):
    return Region(mask, GRID, "solid part")


def block(low, high):
    mask = np.zeros(GRID.shape, bool)
    mask[low:high, low:high, 1:5] = True
    return mask


def noisy(level, std, seed=0):
    rng = np.random.default_rng(seed)
    return level + std * rng.standard_normal(GRID.shape), np.full(GRID.shape, std)


def test_the_error_of_a_mean_is_its_scatter_over_new_noise():
    part = region(block(5, 15))
    level = np.full(GRID.shape, 2.0)
    found = [measured(marker("rcbv_mean"), *noisy(level, 0.3, seed), part) for seed in range(40)]
    scatter = np.std([one.value for one in found], ddof=1)
    # The mask's own edge adds to the noise, here a third of it at most, since the level is even.
    assert 0.8 < np.median([one.std for one in found]) / scatter < 1.7


def test_a_common_error_does_not_shrink_with_the_number_of_voxels():
    part = region(block(3, 17))
    assert measured(marker("rcbv_mean"), *noisy(2.0, 0.01), part, common=0.1).std == pytest.approx(0.2, rel=0.05)


def test_the_edge_of_the_mask_is_part_of_the_error():
    values, std = noisy(1.0, 1e-6)
    values[block(5, 15)] = 5.0
    wide = measured(marker("rcbv_mean"), values, std, region(block(5, 15)))
    assert wide.std > 0.3
    assert wide.value == pytest.approx(5.0, abs=1e-3)


def test_trapped_voxels_are_left_out_and_both_values_are_kept():
    values, std = noisy(1.0, 1e-3)
    vessel = block(5, 8)
    values[vessel] = 20.0
    found = measured(marker("rcbv_mean"), values, std, region(block(5, 15)), vessel)
    assert found.value == found.without_traps == pytest.approx(1.0, abs=1e-3)
    assert found.with_traps == pytest.approx((9 * 20 + 91) / 100, abs=1e-2)


def test_a_part_that_is_mostly_trapped_has_no_value():
    found = measured(marker("rcbv_mean"), *noisy(1.0, 0.1), region(block(5, 15)), block(5, 14))
    assert np.isnan(found.value)
    assert np.isfinite(found.with_traps)
    assert [flag.code for flag in found.flags] == ["part-trapped"]


def test_a_part_of_few_voxels_is_not_measured():
    values, std = noisy(1.0, 0.1)
    values[block(5, 15)] = np.nan
    found = measured(marker("rcbv_mean"), values, std, region(block(5, 15)))
    assert np.isnan(found.value)
    assert [flag.code for flag in found.flags] == ["part-too-small"]


def test_a_hot_spot_is_never_one_voxel():
    values, std = noisy(1.0, 1e-6)
    values[10, 10, 3] = 100.0
    assert measured(marker("rcbv_hot"), values, std, region(block(5, 15))).value < 40
    values[10:12, 10:12, 3] = 10.0
    assert measured(marker("rcbv_hot"), values, std, region(block(5, 15))).value == pytest.approx(10.0, rel=1e-3)


def test_a_hot_spot_hangs_together():
    values, std = noisy(1.0, 1e-6)
    for at in range(6, 14, 2):
        values[at, at, 3] = 50.0
    values[6:8, 12:14, 2] = 4.0
    assert measured(marker("rcbv_hot"), values, std, region(block(5, 15))).value == pytest.approx(4.0, rel=1e-3)


def test_the_top_cluster_is_that_of_trying_every_limit():
    rng = np.random.default_rng(3)
    places = np.array(np.nonzero(block(5, 11)))
    values = rng.gamma(2.0, 1.0, places.shape[1])
    from scipy import ndimage

    box = np.full(GRID.shape, -np.inf)
    box[tuple(places)] = values
    for limit in np.sort(values)[::-1]:
        label, n = ndimage.label(box >= limit)
        sizes = np.bincount(label.ravel())[1:]
        if n and sizes.max() >= CLUSTER:
            wanted = max(box[label == 1 + k].mean() for k in np.flatnonzero(sizes >= CLUSTER))
            break
    assert top_cluster(values, places) == pytest.approx(wanted)


def test_a_fraction_counts_high_voxels():
    values, std = noisy(1.0, 1e-6)
    values[block(5, 10)] = 3.0
    assert measured(marker("ftb_high"), values, std, region(block(5, 15))).value == pytest.approx(0.25, abs=1e-6)


def ring():
    """A ring one voxel wide."""
    outer, inner = block(5, 15), block(6, 14)
    return outer & ~inner


def test_a_thin_ring_has_an_error_of_its_edge_and_says_how_it_is_known():
    values, std = noisy(1.0, 1e-6)
    values[ring()] = 4.0
    found = measured(marker("rcbv_mean"), values, std, region(ring()))
    assert found.value == pytest.approx(4.0, abs=1e-3)
    assert found.std > 1.0
    assert [flag.code for flag in found.flags] == ["part-thin"]


def test_an_edge_that_cannot_be_known_is_not_zero():
    values, std = noisy(1.0, 1e-6)
    values[~ring()] = np.nan
    found = measured(marker("rcbv_hot"), values, std, region(ring()))
    assert [flag.code for flag in found.flags] == ["part-thin"]
    wide = measured(marker("rcbv_hot"), values, std, region(ring()), common=0.1)
    assert wide.std >= 0.09 * wide.value


@pytest.mark.parametrize("n", [4, 8])
def test_what_voxels_share_does_not_shrink_with_their_number(n):
    """Twice the width has four times the voxels: their noise halves, reference and registration stay."""
    values = np.full(GRID.shape, 2.0) + 0.4 * np.indices(GRID.shape)[0] / 20
    std = np.full(GRID.shape, 1e-6)
    part = region(block(10 - n, 10 + n))
    alone = measured(marker("rcbv_mean"), values, std, part)
    both = measured(marker("rcbv_mean"), values, std, part, common=0.1, shift=2.0)
    assert both.std**2 - alone.std**2 == pytest.approx((0.1 * both.value) ** 2 + 0.02**2, rel=0.02)


def test_a_place_that_is_not_sure_is_part_of_the_error_where_the_map_is_steep():
    values, std = noisy(1.0, 1e-6)
    values[:10] = 3.0
    part = region(block(5, 10))
    sure, unsure = (measured(marker("rcbv_mean"), values, std, part, shift=mm).std for mm in (0.0, 2.0))
    assert unsure > sure + 0.05


def test_a_share_of_voxels_moves_with_what_crosses_its_limit_when_all_are_scaled():
    values, std = noisy(1.0, 1e-9)
    values[block(5, 15)] = 1.8
    unsure = measured(marker("ftb_high"), values, std, region(block(5, 15)), common=0.1)
    sure = measured(marker("ftb_high"), values, std, region(block(5, 15)), common=0.01)
    assert unsure.std > 0.4 > sure.std


def test_noise_alone_does_not_raise_the_highest_area_around_a_lesion():
    part = Region(block(3, 17), GRID, "rim of 5 mm")
    values, std = noisy(1.0, 0.4)
    by_area = measured(marker("rcbv_rim"), values, std, part).value
    # Of single voxels the 95th percentile is 1.66 standard deviations above the truth, of means of nine a third of it.
    assert np.percentile(values[part.mask], 95) > 1.6
    assert 1.0 < by_area < 1.3
    raised = values.copy()
    raised[4:9, 4:9, 1:5] += 1.5
    assert measured(marker("rcbv_rim"), raised, std, part).value > 2.2


def test_the_edge_of_the_surroundings_is_not_sought_in_the_tumour():
    core = block(8, 12)
    around = Region(block(5, 15) & ~core, GRID, "rim of 5 mm")
    values, std = noisy(1.0, 1e-6)
    values[core] = 6.0
    anywhere, outside = (
        measured(marker("rcbv_rim"), values, std, around, room=room) for room in (None, ~core)
    )  # fmt: skip
    assert anywhere.value == outside.value == pytest.approx(1.0, abs=1e-3)
    assert anywhere.std > 0.5
    assert outside.std < 1e-3
