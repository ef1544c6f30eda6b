import numpy as np
import pytest

from dsc.made import everything, series
from perspect import dsc
from perspect.dsc.drift import LARGE, drift_flags, drift_share
from perspect.dsc.signal import Rest
from perspect.phantom import HeadDesign, LeakageDesign, head_object, leakage_object
from perspect.vocabulary import Series, Severity

TIMES = 1.5 * np.arange(100)
REST = Rest(0, 26, 42.0, 32, 300.0)
WINDOW = slice(26, 100)


def brain(seed=0, noise=0.02):
    """Mean ΔR2* of a brain in 1/s: a first pass of 6 /s and a tail of 1 /s."""
    after = np.maximum(TIMES - 42, 0)
    curve = 6 * (after / 6) ** 2 * np.exp(2 - 2 * after / 6) * (after > 0) + 1 - np.exp(-after / 10)
    return curve + np.random.default_rng(seed).normal(0, noise, TIMES.size)


def drifted(one, drift):
    values = np.asarray(one.values, np.float32) * np.linspace(1, 1 + drift, one.n_times, dtype=np.float32)
    return Series(np.asfortranarray(values), one.grid, one.times, one.acquisition)


@pytest.mark.parametrize("slope", [0.01, -0.01, 0.004])
def test_the_share_of_a_line_is_its_area_over_that_of_the_brain(slope):
    after = TIMES - TIMES[REST.frames].mean()
    curve = brain() + slope * after
    added = np.trapezoid(slope * after[WINDOW], TIMES[WINDOW]) / np.trapezoid(curve[WINDOW], TIMES[WINDOW])
    assert drift_share(curve, TIMES, REST, WINDOW) == pytest.approx(added, rel=0.25)


def test_noise_and_an_approach_to_the_steady_state_are_no_drift():
    """The wrong variant, a line alone, takes the last of the approach for one."""
    approach = 0.3 * np.exp(-TIMES / 5.0)
    shares = [drift_share(brain(seed) + level, TIMES, REST, WINDOW) for seed in range(60) for level in (0.0, approach)]
    assert np.mean([abs(share) > 0 for share in shares]) < 0.02
    slope = np.polyfit(TIMES[REST.frames], (brain() + approach)[REST.frames], 1)[0]
    assert abs(slope) * np.trapezoid(TIMES[WINDOW] - 18.0, TIMES[WINDOW]) > 0.1 * np.trapezoid(
        brain()[WINDOW], TIMES[WINDOW]
    )


def test_a_baseline_of_five_frames_tells_no_drift():
    assert drift_share(brain() + 0.05 * TIMES, TIMES, Rest(0, 5, 42.0, 32, 300.0), WINDOW) == 0.0


def test_a_large_drift_limits_and_a_small_one_is_not_told():
    assert [flag.severity for flag in drift_flags(0.15)] == [Severity.CAUTION]
    assert [flag.severity for flag in drift_flags(-LARGE - 0.1)] == [Severity.LIMITED]
    assert drift_flags(0.05) == () and drift_flags(0.0) == ()
    assert "rises" in drift_flags(-0.2)[0].sentence and "falls" in drift_flags(0.2)[0].sentence


@pytest.mark.parametrize("drift", [-0.06, -0.03, 0.03, 0.0])
def test_a_drift_of_the_scanner_by_some_per_cent_is_told(drift):
    (one,) = head_object(HeadDesign((48, 48, 6), n_frames=100, snr=80.0, seed=1)).series
    found = dsc.quantify(drifted(one, drift), dsc.Plan(motion=False, deconvolution="none"))
    flags = [flag for flag in found.flags if flag.code == "drift"]
    assert len(flags) == (drift != 0.0)
    assert np.sign(found.summary["drift_share"]) == -np.sign(drift)
    if flags:
        assert ("falls" in flags[0].sentence) is (drift < 0)


def test_two_echoes_see_no_drift():
    thing = leakage_object(LeakageDesign(te=(0.0086, 0.0346), n_white=250, n_tumour=50, snr=80.0, seed=3))
    line = 1 - 0.06 * thing.times / thing.times[-1]
    echoes = tuple(
        series(signal * line, thing.times, te, thing.tr, thing.flip_angle, True)
        for signal, te in zip(thing.signals, thing.te, strict=True)
    )
    found = dsc.quantify(echoes, dsc.Plan(motion=False, deconvolution="none"), mask=everything(thing.white.size))
    assert "drift" not in {flag.code for flag in found.flags}
