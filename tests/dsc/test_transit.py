"""Blood that takes another time through a voxel than through the reference, told from leakage."""

from dataclasses import replace

import numpy as np
import pytest

from dsc.made import flat, leakage_run
from dsc.test_leakage import ready
from perspect.dsc.integrate import trapezoid_weights
from perspect.dsc.leakage import correct
from perspect.dsc.transit import beside_transit
from perspect.models import LeakageBesideTransit
from perspect.numerics.convolve import cumulative_trapezoid, exponential_convolution
from perspect.phantom import LeakageDesign, leakage_object
from perspect.phantom.leakage import Ranges

SLOWEST, FASTEST = 12.0, 2.0


def test_two_well_mixed_voxels_differ_by_what_the_model_says():
    """Fine steps, so that the convolutions of the test are exact; artery and voxels are made without the model."""
    t = np.arange(0.0, 90.0, 0.02)
    artery = np.clip(t - 10.0, 0.0, None) ** 3 * np.exp(-np.clip(t - 10.0, 0.0, None) / 1.5)
    reference, voxel = (exponential_convolution(t, artery, np.array([1 / own]))[0] / own for own in (4.0, 9.0))
    model = LeakageBesideTransit(t=t, reference=reference)
    np.testing.assert_allclose(model.predict(np.array([1.0, 4.0 / 9.0, 0.0, 9.0])), voxel, atol=1e-4 * voxel.max())


def test_without_another_transit_time_it_is_one_way_leakage():
    t = np.arange(0.0, 60.0, 1.5)
    reference = t * np.exp(-t / 8.0)
    curve = LeakageBesideTransit(t=t, reference=reference).predict(np.array([1.3, 1.3, 0.02, 7.0]))
    np.testing.assert_allclose(curve, 1.3 * reference - 0.02 * cumulative_trapezoid(t, reference), atol=1e-12)


@pytest.fixture(scope="module")
def whole():
    """Tissue whose barrier is whole, of many transit times, by two echoes, so that no T1 effect is in the curves."""
    ranges = Ranges(mtt=(FASTEST, SLOWEST), ps=(0.0, 1e-9))
    return leakage_object(LeakageDesign(te=(0.01, 0.035), n_white=400, n_tumour=400, ranges=ranges, seed=3))


def off(thing, leakage):
    """How far rCBV of the slowest and the fastest third is from that of the middle one, of true."""
    values, _ = flat(leakage_run(thing, leakage).maps["rcbv"])
    ratio, own = (values / thing.rcbv)[thing.tumour], thing.mtt[thing.tumour]
    low, high = np.quantile(own, [1 / 3, 2 / 3])
    middle = np.median(ratio[(own > low) & (own < high)])
    return np.median(ratio[own > high]) / middle - 1, np.median(ratio[own < low]) / middle - 1


def test_slow_and_fast_tissue_without_leakage_keeps_its_blood_volume(whole):
    slow, fast = off(whole, "auto")
    assert abs(slow) < 0.12 and abs(fast) < 0.12


def test_leakage_alone_takes_slow_tissue_for_leaking(whole):
    """The wrong variants: what the curve of a slow voxel has in its tail is taken out as leaked agent."""
    plain = off(whole, "none")
    assert abs(plain[0]) < 0.08 and abs(plain[1]) < 0.08
    for leakage in ("bsw", "leu"):
        slow, fast = off(whole, leakage)
        assert slow < -0.12 and fast > 0.12


def test_one_echo_keeps_slow_tissue_too_and_leaves_fast_tissue_to_the_models_of_leakage():
    """A fast voxel looks as leakage by T1 does, which one echo cannot rule out."""
    ranges = Ranges(mtt=(FASTEST, SLOWEST), ps=(0.0, 1e-9))
    thing = leakage_object(
        LeakageDesign(te=0.03, flip_angle=np.pi / 6, n_white=400, n_tumour=400, ranges=ranges, seed=3)
    )
    (slow, fast), (slow_by_leakage, fast_by_leakage) = off(thing, "auto"), off(thing, "leu")
    assert abs(slow) < 0.12 and slow_by_leakage < -0.15
    assert fast > 0.12 and fast_by_leakage > 0.12


def test_leakage_beside_another_transit_time_is_found_with_its_error():
    """K1 and K2 of a slow voxel that leaks too, over 400 draws of noise."""
    thing = leakage_object(LeakageDesign(n_white=300, n_tumour=1, seed=4))
    curves = ready(thing)
    curve = curves.curves[thing.white].mean(axis=0).astype(float)
    frames, window = slice(curves.rest.stop, thing.times.size), slice(curves.rest.stop, thing.times.size)
    truth = np.array([2.0, 1.0, -0.02, 9.0])
    made = np.zeros((curves.curves.shape[0], thing.times.size))
    made[:, frames] = LeakageBesideTransit(t=thing.times[frames], reference=curve[frames]).predict(truth)
    noise = curves.noise[:, None] * np.random.default_rng(0).normal(size=made.shape)
    noisy = replace(curves, curves=(made + noise).astype(np.float32))
    values, std, _ = beside_transit(noisy, thing.times, curve, window, np.arange(made.shape[0]))
    weights = trapezoid_weights(thing.times, window)
    leaked = cumulative_trapezoid(thing.times[frames], curve[frames])
    area = made[0] @ weights + truth[2] * (leaked @ weights[frames])
    seen = np.isfinite(values[0])
    assert seen.mean() > 0.95
    for row, true in enumerate((truth[0], truth[2], area)):
        assert np.median(values[row, seen]) == pytest.approx(true, abs=0.3 * np.median(std[row, seen]))
        assert 0.8 <= np.median(std[row, seen]) / values[row, seen].std() <= 1.25


def test_where_no_other_transit_time_is_seen_there_is_no_value():
    """Failure: noise alone, and curves without an end; `correct` keeps what it had there."""
    thing = leakage_object(LeakageDesign(n_white=300, n_tumour=1, seed=4))
    curves = ready(thing)
    curve = curves.curves[thing.white].mean(axis=0).astype(float)
    window = slice(curves.rest.stop, thing.times.size)
    broken = curves.curves.copy()
    broken[0], broken[1] = np.nan, 0.0
    values, std, _ = beside_transit(replace(curves, curves=broken), thing.times, curve, window, np.arange(2))
    assert np.isnan(values).all() and np.isnan(std).all()
    found = correct(curves, thing.times, curve, window, "auto", is_white=True)
    assert np.isnan(found.kep[found.has_own_transit]).all()
    assert not (found.has_own_transit & found.is_bidirectional).any()


def test_against_the_curve_of_the_whole_brain_no_transit_time_is_sought():
    """White matter is slow against it, and too faint to show that; a lesion that is slow and bright would rise beside
    it."""
    thing = leakage_object(LeakageDesign(n_white=300, n_tumour=50, seed=4, ranges=Ranges(mtt=(SLOWEST, SLOWEST + 1))))
    curves = ready(thing)
    curve = curves.curves[thing.white].mean(axis=0).astype(float)
    window = slice(curves.rest.stop, thing.times.size)
    assert not correct(curves, thing.times, curve, window, "auto").has_own_transit.any()
