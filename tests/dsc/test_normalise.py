import numpy as np
import pytest

from perspect.dsc.normalise import (
    DECILES,
    ratio,
    reference_level,
    standard_landmarks,
    standardised,
    white_class,
    white_matter,
)


@pytest.mark.parametrize(("anatomy", "noise"), [(0.0, 1.0), (1.0, 0.2), (1.0, 1.0), (1.0, 0.02)])
def test_the_error_of_the_level_is_its_scatter_over_noise(anatomy, noise):
    """Anatomy repeats: were the spread of voxels taken for noise, the second row would state five times too much."""
    rng = np.random.default_rng(2)
    scatter, stated = [], []
    for _ in range(40):
        truth = rng.normal(0, anatomy, 400) + 10
        noisy = truth + rng.normal(0, noise, (60, 400))
        found = [reference_level(one, np.full(400, noise), np.ones(400, bool)) for one in noisy]
        scatter.append(np.var([one.mean for one in found], ddof=1))
        stated.append(np.mean([one.std**2 for one in found]))
    assert np.sqrt(np.mean(stated) / np.mean(scatter)) == pytest.approx(1.0, abs=0.1)


def test_vessels_in_the_reference_do_not_move_it():
    """The wrong variant, a plain mean, is a third too high."""
    rng = np.random.default_rng(4)
    area = rng.normal(2.0, 0.2, 500)
    area[:30] = 12.0
    level = reference_level(area, np.full(500, 0.2), np.ones(500, bool))
    assert level.mean == pytest.approx(2.0, abs=0.03)
    assert area.mean() > 2.5


def test_the_level_of_a_skewed_tissue_is_its_mean():
    """The wrong variant, a median, makes every rCBV too high."""
    area = np.random.default_rng(5).gamma(8.0, 0.25, 20_000)
    level = reference_level(area, np.full(area.size, 0.1), np.ones(area.size, bool))
    assert level.mean == pytest.approx(area.mean(), rel=0.01)
    assert np.median(area) < 0.97 * area.mean()


def test_a_ratio_carries_both_errors():
    level = reference_level(np.full(100, 2.0), np.full(100, 0.2), np.ones(100, bool))
    value, error = ratio(np.array([4.0]), np.array([0.4]), level)
    assert value[0] == 2.0
    assert error[0] > 0.2
    assert error[0] == pytest.approx(np.hypot(0.2, 2.0 * level.std / 2.0))


def test_a_region_without_numbers_has_no_level():
    level = reference_level(np.full(5, np.nan), np.ones(5), np.ones(5, bool))
    assert np.isnan([level.mean, level.std]).all()
    assert level.n_voxels == 0


def brain(seed=0, white=1.0):
    rng = np.random.default_rng(seed)
    mask = np.zeros((40, 40, 6), bool)
    x, y = np.meshgrid(np.arange(40) - 19.5, np.arange(40) - 19.5, indexing="ij")
    inside = np.hypot(x, y) < 18
    mask[inside] = True
    is_white = np.broadcast_to((np.hypot(x, y) < 12)[..., None], mask.shape)
    truth = np.where(is_white, white, 2.0 * white)
    area = truth * np.exp(rng.normal(0, 0.15, mask.shape))
    flat = mask.reshape(-1, order="F")
    return area.reshape(-1, order="F")[flat], is_white.reshape(-1, order="F")[flat], mask


def test_white_matter_is_found_as_the_lower_class():
    area, is_white, mask = brain()
    n = area.size
    found = white_matter(area, np.zeros(n), np.full(n, 20.0), np.full(n, 100.0), np.ones(n, bool), mask)
    assert is_white[found].mean() > 0.98
    assert found[is_white].mean() > 0.2
    assert np.median(area[found]) == pytest.approx(1.0, abs=0.03)


def test_bright_fluid_and_voxels_without_bolus_are_no_white_matter():
    area, _, mask = brain()
    n = area.size
    bright = np.arange(n) % 10 == 0
    baseline = np.where(bright, 300.0, 100.0)
    found = white_matter(area, np.zeros(n), np.full(n, 20.0), baseline, np.ones(n, bool), mask)
    assert not found[bright].any()
    nothing = white_matter(area, np.zeros(n), np.ones(n), np.ones(n), np.ones(n, bool), mask)
    assert not nothing.any()


def test_leaking_tissue_of_low_volume_is_no_white_matter():
    area, is_white, mask = brain()
    rng = np.random.default_rng(3)
    n = area.size
    leaks = is_white & (np.arange(n) < n // 6)
    leakage = rng.normal(-1.0, 0.2, n) + np.where(leaks, 4.0, 0.0)
    found = white_matter(area, leakage, np.full(n, 20.0), np.full(n, 100.0), np.ones(n, bool), mask)
    assert found[is_white & ~leaks].mean() > 0.2
    assert not found[leaks].any()


def mixed(share_pure, rng, n=40_000, grey=1.9, noise=0.1):
    """Blood volumes of a brain in thick slices: few voxels are pure."""
    share = rng.uniform(0.0, 1.0, n)
    pure = rng.uniform(size=n) < share_pure
    share[pure] = np.round(share[pure])
    volume = (1.0 + (grey - 1.0) * share) * rng.normal(1.0, 0.08, n)
    fluid = rng.uniform(size=n) < 0.1
    volume[fluid] *= rng.uniform(0.1, 1.0, fluid.sum())
    return volume * np.exp(rng.normal(0.0, noise, n))


# The fewer voxels are pure, the less the distribution tells: anatomy is the better guide.
@pytest.mark.parametrize(("share_pure", "off"), [(0.35, 0.12), (0.6, 0.06), (0.9, 0.04)])
@pytest.mark.parametrize("grey", [1.7, 1.9])
def test_the_level_of_white_matter_is_found_though_many_voxels_are_mixtures(share_pure, off, grey):
    volume = mixed(share_pure, np.random.default_rng(4), grey=grey)
    mean, _ = white_class(np.log(volume[volume > 0.05]))
    assert np.exp(mean) == pytest.approx(1.0, abs=off)


def test_the_standard_brain_has_white_matter_of_one():
    landmarks = standard_landmarks()
    assert landmarks.size == DECILES.size
    assert np.all(np.diff(landmarks) > 0)
    assert landmarks[1] < 1.0 < landmarks[3]


def test_the_standard_scale_does_not_depend_on_the_gain():
    area, _, _ = brain()
    everything = np.ones(area.size, bool)
    one, error = standardised(area, 0.1 * area, everything)
    other, other_error = standardised(37.0 * area, 3.7 * area, everything)
    np.testing.assert_allclose(one, other, rtol=1e-9)
    np.testing.assert_allclose(error, other_error, rtol=1e-9)


def test_the_deciles_of_a_brain_become_those_of_the_standard():
    area, _, _ = brain()
    values, _ = standardised(area, 0.1 * area, np.ones(area.size, bool))
    np.testing.assert_allclose(np.quantile(values, DECILES), standard_landmarks(), rtol=5e-3)


def test_a_histogram_without_landmarks_has_no_standard_scale():
    assert standardised(np.ones(500), np.ones(500), np.ones(500, bool)) is None
    assert standardised(np.arange(20.0), np.ones(20), np.ones(20, bool)) is None
