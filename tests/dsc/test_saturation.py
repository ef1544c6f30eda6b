from dataclasses import replace

import numpy as np
import pytest

from dsc.made import concordance, flat, leakage_run
from perspect.dsc.leakage import correct, corrected_curves
from perspect.dsc.saturation import saturation
from perspect.dsc.signal import relaxation, rest
from perspect.dsc.t1_effect import T1Effect
from perspect.phantom import LeakageDesign, leakage_object
from perspect.vocabulary import Status

LESION_T1 = (1.2, 1.5, 2.0)


def made(te=0.03, flip=60, **more):
    return leakage_object(
        LeakageDesign(te=te, flip_angle=np.deg2rad(flip), **{"has_preload": False, "seed": 3, **more})
    )


def ready(thing):
    at_rest = rest(thing.signal[thing.white].mean(axis=0).astype(float), thing.times, 1.5)
    effect = T1Effect(thing.te[0], thing.tr, thing.flip_angle)
    curves = relaxation((np.asfortranarray(thing.signal.astype(np.float32)),), thing.te, at_rest, effect)
    curve = curves.curves[thing.white].mean(axis=0).astype(float)
    return curves, curve, slice(at_rest.stop, thing.times.size), effect


def agreement(thing, measured):
    values, _ = flat(measured.maps["rcbv"])
    return concordance(values[thing.tumour], thing.rcbv[thing.tumour])


@pytest.mark.parametrize("t1", LESION_T1)
def test_whatever_the_t1_of_the_lesion_a_t1_effect_that_saturates_agrees_better_than_one_that_does_not(t1):
    """The wrong variants: models that are linear in what leaked, with and without one T1 for all."""
    thing = made(t10=(0.85, 1.35, t1))
    own = agreement(thing, leakage_run(thing, preload=False))
    for choice in ("ignored", "modelled"):
        assert own > agreement(thing, leakage_run(thing, "leu", preload=False, t1_effect=choice)) + 0.02
    assert own > 0.8


def test_the_t1_of_the_lesion_is_found_as_far_as_the_curve_tells():
    found = []
    for t1 in LESION_T1:
        thing = made(t10=(0.85, 1.35, t1), snr=300.0)
        curves, curve, window, effect = ready(thing)
        kept = saturation(curves, thing.times, curve, window, np.flatnonzero(thing.tumour), effect)
        found.append(float(np.median(kept.parameters[:, 2])))
    assert found == sorted(found)
    # The prior draws them towards 1.6 s, and the transit times that the model does not have draw them down.
    np.testing.assert_allclose(found, LESION_T1, atol=0.25)


def test_the_stated_error_holds_noise_and_doubt():
    """Errors of new noise alone are smaller than stated, since T1 is not known; without that doubt they agree."""
    clean = made(snr=1e7, n_tumour=60)
    sigma = float(clean.signal[clean.white][:, :10].mean()) / 100.0
    runs = []
    for seed in range(24):
        rng = np.random.default_rng(seed)
        noisy = np.hypot(
            clean.signal + sigma * rng.standard_normal(clean.signal.shape),
            sigma * rng.standard_normal(clean.signal.shape),
        )
        thing = replace(clean, signals=(noisy,))
        curves, curve, window, effect = ready(thing)
        kept = saturation(curves, thing.times, curve, window, np.flatnonzero(thing.tumour), effect)
        values, std = np.full((2, 4, thing.vp.size), np.nan)
        values[:, kept.voxels], std[:, kept.voxels] = kept.values, kept.std
        runs.append((values, std))
    values, std = (np.array(one) for one in zip(*runs, strict=True))
    good = np.isfinite(values).all(axis=(0, 1))
    assert good.sum() > 50
    for row in (0, 1, 3):
        stated, seen = np.sqrt((std[:, row, good] ** 2).mean(axis=0)), values[:, row, good].std(axis=0, ddof=1)
        assert 0.85 < np.median(stated / seen) < 1.6, row


def test_without_leakage_nothing_is_fitted_in_this_way():
    thing = made(n_tumour=0, n_white=300)
    curves, curve, window, effect = ready(thing)
    found = correct(curves, thing.times, curve, window, "auto", effect)
    assert found.saturation is not None
    assert found.saturation.voxels.size < 0.02 * thing.vp.size


def test_the_corrected_curves_have_the_corrected_area():
    thing = made(n_tumour=100)
    curves, curve, window, effect = ready(thing)
    found = correct(curves, thing.times, curve, window, "auto", effect)
    weights = np.zeros(thing.times.size)
    weights[window][:-1] += 0.75
    weights[window][1:] += 0.75
    told = found.is_corrected & (curves.status == Status.OK)
    area = corrected_curves(curves, found, slice(0, thing.vp.size)) @ weights
    np.testing.assert_allclose(area[told], found.area[told], rtol=1e-3, atol=0.05)


def test_a_preload_on_record_keeps_the_linear_models():
    thing = made()
    assert leakage_run(thing, preload=True).summary["saturating_share"] == 0.0
    for preload in (False, None):
        assert leakage_run(thing, preload=preload).summary["saturating_share"] > 0.5


def test_after_a_preload_that_nobody_recorded_few_voxels_leak_so_surely():
    thing = made(has_preload=True)
    assert leakage_run(thing).summary["saturating_share"] < 0.4
