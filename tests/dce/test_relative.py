"""Exchange against a reference region: ratios without an arterial input."""

from dataclasses import replace

import numpy as np
import pytest

import made_dce as made
from perspect import dce
from perspect.vocabulary import FAILED_FROM, Map, Problem, Region, Status, lexicon

N, M = 300, 60
MUSCLE = (0.6e-3, 0.12)  # Ktrans in 1/s and ve
PLAN = dce.Plan(motion=False, model="reference-region", r1=made.R1, r2star_tissue=0.0)
FINE = np.arange(0.0, made.TIMES[-1] + 0.05, 0.1)


def filled(ktrans, ve, delay=0.0):
    """A Tofts curve, `delay` s later, by a sum over tenths of a second, without the models of the package."""
    cp = made.plasma(times=FINE)
    decay = np.exp(-FINE[None] * (ktrans / ve)[:, None])
    whole = np.array([np.convolve(cp, one)[: FINE.size] for one in decay]) * 0.1
    return ktrans[:, None] * np.array([np.interp(made.TIMES - delay, FINE, one) for one in whole])


@pytest.fixture(scope="module")
def truth():
    """Ktrans and ve of N voxels of tissue, and the curves of these and of M voxels of muscle behind them."""
    rng = np.random.default_rng(0)
    ktrans, ve = rng.uniform(3e-4, 3e-3, N), rng.uniform(0.1, 0.5, N)
    muscle = filled(np.full(1, MUSCLE[0]), np.full(1, MUSCLE[1]))
    return ktrans, ve, np.concatenate([filled(ktrans, ve), np.repeat(muscle, M, axis=0)])


def measured(truth, noise=0.0, seed=1, plan=PLAN, **more):
    one = made.series(made.signal(truth[2], np.full(N + M, 1.3)), noise, seed)
    places = np.arange(N + M).reshape(-1, 1, 1)
    muscle = Region(places >= N, one.grid, "muscle")
    given = {"t1": 1.3, "mask": made.everything(one), "reference": muscle} | more
    return dce.quantify(one, plan, **given)


def ratios(truth):
    """What is told: Ktrans over that of muscle, kep in 1/s, ve over that of muscle."""
    return {"rktrans": truth[0] / MUSCLE[0], "kep": truth[0] / truth[1], "rve": truth[1] / MUSCLE[1]}


def test_without_noise_the_ratios_are_the_truth(truth):
    found = measured(truth)
    for key, true in ratios(truth).items():
        assert np.nanmedian(np.abs(found.maps[key].values[:N, 0, 0] / true - 1.0)) < 5e-3, key
    assert found.summary["reference_kep"] == pytest.approx(MUSCLE[0] / MUSCLE[1], rel=0.01)
    of_muscle = found.maps["rktrans"].values[N:, 0, 0]
    assert np.nanmedian(of_muscle) == pytest.approx(1.0, abs=0.01)
    assert "iaugc60" in found.maps and "iaugcbn60" not in found.maps and "aif" not in found.regions
    assert "without an arterial input" in str(found.recipe)


@pytest.mark.parametrize("has_delay", [True, False], ids=["delay", "no delay"])
def test_the_stated_error_of_a_ratio_is_its_scatter(truth, has_delay):
    late = (
        1.3 if has_delay else 0.0
    )  # where samples of both coincide the curve of the region bends, and errors are none
    moved = (*truth[:2], np.concatenate([filled(*truth[:2], late), truth[2][N:]]))
    runs = [measured(moved, 0.01, seed, replace(PLAN, delay=has_delay)).maps for seed in range(4)]
    for key, true in (ratios(truth) | ({"rdelay": late} if has_delay else {})).items():
        z = []
        for maps in runs:
            one = maps[key]
            good = one.status[:N, 0, 0] == Status.OK
            z.append(((one.values[:N, 0, 0] - true) / one.std[:N, 0, 0])[good])
        # The error of the region's kep is shared by all voxels: four draws of it.
        assert 0.75 < 1.4826 * np.median(np.abs(np.concatenate(z))) < 1.25, key


def test_tissue_that_agent_reaches_some_seconds_after_the_region_has_that_delay_and_its_ratios(truth):
    """Without a delay it is read as exchange: the wrong variant."""
    late = 4.0
    moved = (*truth[:2], np.concatenate([filled(*truth[:2], late), truth[2][N:]]))
    found = measured(moved)
    assert np.nanmedian(found.maps["rdelay"].values[:N]) == pytest.approx(late, abs=0.1)
    assert np.nanmedian(found.maps["rdelay"].values[N:]) == pytest.approx(0.0, abs=0.1)
    assert "an arrival of its own" in str(found.recipe)
    ignored = measured(moved, plan=replace(PLAN, delay=False))
    assert "rdelay" not in ignored.maps and "an arrival of its own" not in str(ignored.recipe)
    for key, true in ratios(truth).items():
        error, wrong = (np.nanmedian(np.abs(one.maps[key].values[:N, 0, 0] / true - 1.0)) for one in (found, ignored))
        assert error < 0.01 and wrong > 5.0 * error and (wrong > 0.03 or key == "rve"), (key, error, wrong)


def test_the_rate_of_the_region_is_the_median_of_the_voxels_that_tell_it(truth):
    """Noise that makes the fits of single voxels wild: their mean, or all of them, would be off by a fifth and more."""
    found = measured(truth, 0.03)
    assert found.summary["reference_kep"] == pytest.approx(MUSCLE[0] / MUSCLE[1], rel=0.08)
    assert 20 < found.summary["reference_voxels_that_tell"] < N


def test_every_voxel_is_fitted_again_with_that_one_rate(truth):
    """A constrained fit scatters less than a free one, and ve is that of one region for all."""
    found = measured(truth, 0.02)
    r, kep, ve = (found.maps[key].values[:, 0, 0] for key in ("rktrans", "kep", "rve"))
    np.testing.assert_allclose(ve, r * found.summary["reference_kep"] / kep, rtol=1e-5)


def test_a_voxel_that_is_lost_says_its_reason_against_a_region_too(truth):
    signal = made.signal(truth[2], np.full(N + M, 1.3))
    signal[0, 40], signal[1] = 1e5, 0.0
    one = made.series(signal)
    muscle = Region(np.arange(N + M).reshape(-1, 1, 1) >= N, one.grid, "muscle")
    found = dce.quantify(one, PLAN, t1=1.3, mask=made.everything(one), reference=muscle)
    for key in ("rktrans", "kep", "rve", "iaugc60"):
        assert found.maps[key].status[:2, 0, 0].tolist() == [Status.OUT_OF_RANGE, Status.NO_SIGNAL], key


def test_the_error_of_t1_is_in_the_ratios_but_not_in_the_rate(truth):
    plain = measured(truth, 0.005)
    shape = plain.maps["kep"].values.shape
    t1 = Map(lexicon.T1, *(np.full(shape, one, np.float32) for one in (1.3, 0.13)), np.zeros(shape, np.int16),
             plain.maps["kep"].grid)  # fmt: skip
    unsure = measured(truth, 0.005, t1=t1)
    np.testing.assert_allclose(unsure.maps["kep"].std, plain.maps["kep"].std, rtol=1e-3)
    more = np.sqrt(unsure.maps["rktrans"].std ** 2 - plain.maps["rktrans"].std ** 2)[:N, 0, 0]
    share = more / plain.maps["rktrans"].values[:N, 0, 0]
    assert 0.05 < np.nanmedian(share) < 0.15  # a tenth of T1 is about a tenth of the concentration


def test_errors_hold_the_noise_of_a_small_region_and_of_its_rate(truth):
    """Two regions with the same mean: of four noisy voxels, and of all."""
    few = Region(
        np.isin(np.arange(N + M), np.arange(N, N + 4)).reshape(-1, 1, 1), measured(truth).maps["kep"].grid, "few"
    )
    small, whole = measured(truth, 0.03, reference=few), measured(truth, 0.03)
    for key in ("rktrans", "rve"):
        ratio = np.nanmedian(small.maps[key].std[:N] / whole.maps[key].std[:N])
        assert ratio > 1.15, key
    assert small.summary["reference_kep_std"] > 1.5 * whole.summary["reference_kep_std"]


def test_every_map_holds_numbers_with_errors_or_a_reason(truth):
    for one in measured(truth, 0.01).maps.values():
        if one.quantity.key != "T1map":
            failed = one.status >= FAILED_FROM
            assert (np.isnan(one.values) == failed).all() and (np.isnan(one.std) == failed).all()


def test_a_region_that_takes_up_nothing_is_no_reference(truth):
    still = np.concatenate([truth[2][:N], np.zeros_like(truth[2][N:])])
    with pytest.raises(Problem, match="takes up no agent"):
        measured((*truth[:2], still), 0.01)


def test_a_single_voxel_is_no_region(truth):
    one = made.series(made.signal(truth[2], np.full(N + M, 1.3)))
    alone = Region(np.arange(N + M).reshape(-1, 1, 1) == N, one.grid, "muscle")
    with pytest.raises(Problem, match="1 voxels of the reference region"):
        measured(truth, reference=alone)


def test_tissue_that_is_all_alike_does_not_tell_the_rate_of_the_region(truth):
    alike = np.repeat(truth[2][N:][:1], N + M, axis=0)
    with pytest.raises(Problem, match="tell the rate of return"):
        measured((*truth[:2], alike), 0.05)


@pytest.mark.parametrize(
    ("choice", "more"),
    [
        ({"model": "patlak"}, {}),
        ({}, {"reference": None}),
        ({}, {"aif": made.given(made.plasma())}),
        ({"arterial": "parker"}, {}),
        ({"hct": 0.3}, {}),
        ({"water": "none"}, {}),
    ],
    ids=str,
)
def test_nothing_of_an_arterial_input_is_accepted_beside_it(truth, choice, more):
    with pytest.raises(Problem):
        measured(truth, plan=replace(PLAN, **choice), **more)
