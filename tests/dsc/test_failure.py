"""What failed never looks like success: one failure for every stage whose result a reader would take for sound."""

from dataclasses import replace

import numpy as np
import pytest

from dsc.made import blood, everything, leakage_run, region, series
from perspect import dsc
from perspect.dsc.blood import has_bolus, volume_of
from perspect.dsc.leakage import uncorrected
from perspect.dsc.normalise import ratio, reference_level, standardised
from perspect.dsc.passage import passage
from perspect.dsc.quality import Reliability, protocol, refuse_reference
from perspect.dsc.reference import Reference, reference_curve
from perspect.dsc.scale import Scale
from perspect.dsc.signal import Rest, relaxation, rest
from perspect.phantom import LeakageDesign, leakage_object
from perspect.vocabulary import Acquisition, Refusal, Severity, Status

TIMES = 1.5 * np.arange(120)
BROKEN = {"still": 0, "empty": 1, "hole": 2, "dark": 3}
"""Voxels without a bolus, without signal, with one sample that is not finite, and at the noise floor."""


@pytest.fixture(scope="module")
def thing():
    return leakage_object(LeakageDesign(n_white=300, n_grey=80, n_tumour=40, snr=80.0, seed=3))


@pytest.fixture(scope="module")
def measured(thing):
    signal, rng = np.array(thing.signal), np.random.default_rng(0)
    signal[BROKEN["still"]] = signal[:, :10].mean() * (1 + 0.01 * rng.standard_normal(signal.shape[1]))
    signal[BROKEN["empty"]] = 0.0
    signal[BROKEN["hole"], 50] = np.nan
    signal[BROKEN["dark"]] *= 0.02
    one = series(signal, thing.times, 0.03, thing.tr, thing.flip_angle, True)
    white = thing.white & (np.arange(thing.white.size) > 9)
    return dsc.quantify(
        one, dsc.Plan(motion=False), mask=everything(white.size), reference=region(white),
        aif=blood(thing.times, thing.arterial),
    )  # fmt: skip


@pytest.mark.parametrize("key", ["psr", "lpsr", "ph", "ttp", "cbf", "mtt", "tmax", "delay"])
@pytest.mark.parametrize("what", ["still", "empty", "hole"])
def test_a_voxel_without_a_bolus_has_neither_number_nor_error_nor_a_good_status(measured, key, what):
    a_map = measured.maps[key]
    values, std, status = (one.ravel()[BROKEN[what]] for one in (a_map.values, a_map.std, a_map.status))
    assert np.isnan(values) and np.isnan(std)
    assert status >= Status.OUTSIDE


@pytest.mark.parametrize("key", ["cbv", "rcbv", "srcbv", "k1", "k2"])
@pytest.mark.parametrize("what", ["empty", "hole"])
def test_a_voxel_without_a_curve_has_no_volume_on_any_scale(measured, key, what):
    a_map = measured.maps[key]
    values, std, status = (one.ravel()[BROKEN[what]] for one in (a_map.values, a_map.std, a_map.status))
    assert np.isnan(values) and np.isnan(std)
    assert status >= Status.OUTSIDE


def test_voxels_that_failed_are_told(measured):
    assert {"no-signal", "not-finite"} <= {flag.code for flag in measured.flags}


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_an_infinite_sample_is_a_hole_as_one_that_is_not_a_number_is(thing, value):
    """It was taken into the mean of the brain, and the whole series refused for want of a bolus."""
    signal = np.array(thing.signal)
    signal[BROKEN["hole"], 50] = value
    run = leakage_run(replace(thing, signals=(signal,)), preload=True)
    assert run.maps["rcbv"].status.ravel()[BROKEN["hole"]] == Status.NOT_FINITE
    others = np.arange(signal.shape[0]) != BROKEN["hole"]
    assert np.isfinite(run.maps["rcbv"].values.ravel()[others]).all()


def test_a_recovery_that_is_not_positive_has_no_logarithm(thing, measured):
    """Signal that goes on falling after the bolus: the recovery is negative, which a logarithm cannot say."""
    signal = np.array(thing.signal)
    late = thing.times > measured.summary["first_pass_end"]
    signal[0, late] = signal[0].min() * 0.9
    run = leakage_run(replace(thing, signals=(signal,)), preload=True)
    assert run.maps["psr"].values.ravel()[0] < 0
    assert np.isnan(run.maps["lpsr"].values.ravel()[0]) and np.isnan(run.maps["lpsr"].std.ravel()[0])
    assert run.maps["lpsr"].status.ravel()[0] == Status.NOT_DETERMINED


def test_where_white_matter_does_not_recover_there_is_no_map_of_the_logarithm(thing, measured):
    signal = np.array(thing.signal)
    white, late = np.flatnonzero(thing.white), thing.times > measured.summary["first_pass_end"]
    signal[np.ix_(white, np.flatnonzero(late))] = 0.9 * signal[white].min(axis=1, keepdims=True)
    assert "lpsr" not in leakage_run(replace(thing, signals=(signal,)), "none", preload=True).maps


def test_a_series_that_ends_with_the_first_pass_has_no_recovery():
    signal = 1000 * np.exp(-0.03 * 15 * np.exp(-0.5 * ((TIMES[:36] - 48) / 3) ** 2)) * np.ones((40, 1))
    at_rest = rest(signal.mean(axis=0), TIMES[:36])
    found = relaxation((np.asfortranarray(signal, np.float32),), (0.03,), at_rest)
    peak = passage(found, TIMES[:36], slice(at_rest.stop, 36), at_rest.arrival, 7.0)
    assert np.isnan(peak.recovery).all() and np.isnan(peak.recovery_std).all()


def test_the_standard_scale_gives_nothing_for_nothing():
    area = np.linspace(1.0, 3.0, 400)
    area[0] = np.nan
    value, std = standardised(area, np.full(400, 0.1), np.ones(400, bool))
    assert np.isnan(value[0]) and np.isfinite(value[1:]).all() and np.isfinite(std[1:]).all()
    assert standardised(np.full(400, np.nan), np.full(400, 0.1), np.ones(400, bool)) is None
    assert standardised(np.full(400, 2.0), np.full(400, 0.1), np.ones(400, bool)) is None


def test_a_reference_without_numbers_makes_no_ratio():
    nothing = reference_level(np.full(9, np.nan), np.full(9, np.nan), np.ones(9, bool))
    assert nothing.n_voxels == 0 and np.isnan(nothing.mean) and np.isnan(nothing.std)
    value, std = ratio(np.ones(9), np.full(9, 0.1), nothing)
    assert np.isnan(value).all() and np.isnan(std).all()


def test_a_leakage_reference_that_is_no_number_or_of_nobody_is_refused():
    curve = np.r_[np.zeros(10), np.linspace(0, 5, 5), np.linspace(5, 0.5, 15)]
    for broken in (
        Reference(np.full(30, np.nan), np.full(30, 0.01), np.arange(50), 0.1, 0.01),
        Reference(curve, np.full(30, 0.01), np.arange(50), float("nan"), 0.01),
        Reference(curve, np.full(30, np.nan), np.arange(50), 0.1, 0.01),
    ):
        with pytest.raises(Refusal):
            refuse_reference(broken, slice(10, 30))


def test_noise_alone_is_no_leakage_reference():
    rng = np.random.default_rng(2)
    signal = 1000 + 10 * rng.standard_normal((60, 120))
    found = relaxation((np.asfortranarray(signal, np.float32),), (0.03,), Rest(0, 30, 46.0, 36, 5.0))
    with pytest.raises(Refusal, match="clearly enough"):
        reference_curve(found, TIMES, slice(30, 50), found.is_usable)


@pytest.mark.parametrize(
    ("lost", "value"),
    [*((one, None) for one in ("tr", "flip_angle", "field", "has_preload")),
     *((one, float("nan")) for one in ("tr", "flip_angle", "field"))],
)  # fmt: skip
def test_a_protocol_of_which_something_is_not_known_is_never_recommended(lost, value):
    sound = Acquisition(te=0.03, tr=1.5, flip_angle=np.pi / 3, field=3.0, has_preload=True)
    at_rest = Rest(1, 30, 46.0, 36, 300.0)
    assert protocol(sound, (0.03,), TIMES, at_rest, True).reliability == Reliability.RECOMMENDED
    found = protocol(replace(sound, **{lost: value}), (0.03,), TIMES, at_rest, True)
    assert found.reliability >= Reliability.LIMITED
    assert any(flag.code == "protocol-unknown" and flag.severity >= Severity.LIMITED for flag in found.flags)


def test_blood_volume_of_what_has_no_curve_or_no_scale_is_no_number(thing):
    signal = np.array(thing.signal)
    signal[0] = 0.0
    at_rest = rest(signal[1:].mean(axis=0).astype(float), thing.times)
    found = relaxation((np.asfortranarray(signal, np.float32),), (0.03,), at_rest)
    area = uncorrected(found, thing.times, slice(at_rest.stop, thing.times.size))
    volume = volume_of(area, Scale(100.0, 0.733, 0.05, False, 0.02))
    assert np.isnan(volume.cbv[0]) and np.isnan(volume.std[0]) and np.isfinite(volume.cbv[1:]).all()
    assert volume_of(area, Scale(100.0, float("nan"), float("nan"), True, float("nan"))) is None
    assert volume_of(area, None) is None
    peak = passage(found, thing.times, slice(at_rest.stop, 60), at_rest.arrival, 7.0)
    assert not has_bolus(peak, found)[0]
