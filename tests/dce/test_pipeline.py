"""The whole room on small series with a known truth, and what it must not do."""

from dataclasses import replace

import numpy as np
import pytest

import made_dce as made
from perspect import dce
from perspect.dce import kinetics as kinetics_module
from perspect.dce.blood import mean_above_floor
from perspect.dce.bolus import AtRest
from perspect.dce.enhancement import area_weights
from perspect.dce.kinetics import MODELS, Seen, candidates, kinetics, of_choice
from perspect.fit import fit
from perspect.models import (
    DelayedTwoCompartmentExchange,
    ExchangingWater,
    ExtendedTofts,
    TwoCompartmentUptake,
    Vascular,
)  # fmt: skip
from perspect.vocabulary import FAILED_FROM, Acquisition, Curve, Map, Problem, Refusal, Region, Status, lexicon

N = 300
PLAIN = dce.Plan(motion=False, r1=made.R1, r2star_tissue=0.0, r2star=0.0)


@pytest.fixture(scope="module")
def truth():
    return made.tissue(N)


def volume(values):
    return np.asarray(values).reshape(-1, 1, 1)


def t1_map(t1, one):
    values = volume(t1).astype(np.float32)
    return Map(lexicon.T1, values, np.zeros_like(values), np.zeros(values.shape, np.int16), one.grid)


def measured(truth, plan=PLAIN, noise=0.0, aif=None, b1="true", series=None):
    _, t1, own, c = truth
    one = series or made.series(made.signal(c, t1, own), noise)
    field = None if b1 is None else volume(own)
    given = aif or made.given(made.plasma())
    return dce.quantify(one, plan, t1=t1_map(t1, one), b1=field, mask=made.everything(one), aif=given)


def errors(found, p):
    said = np.stack([found.maps[key].values[:, 0, 0] for key in ("ktrans", "ve", "vp")], axis=-1)
    return np.median(np.abs(said / p - 1.0), axis=0)


@pytest.mark.parametrize("model", ["extended-tofts", "auto"])
def test_without_noise_the_truth_is_found(truth, model):
    found = measured(truth, replace(PLAIN, model=model, delay=False))
    assert errors(found, truth[0]).max() < 1e-4  # float32 of the maps and of the signal


def test_with_a_delay_that_is_none_the_truth_is_found_and_the_delay_is_none(truth):
    found = measured(truth, replace(PLAIN, model="extended-tofts"))
    assert errors(found, truth[0]).max() < 1e-3
    assert np.nanmedian(np.abs(found.maps["delay"].values)) < 1e-2


def test_whole_blood_taken_for_plasma_makes_ktrans_too_large_by_the_haematocrit(truth):
    blood = made.plasma() * (1 - 0.42)
    right = measured(truth, replace(PLAIN, model="extended-tofts", delay=False), aif=made.given(blood, "cb"))
    assert errors(right, truth[0]).max() < 1e-4
    wrong = measured(truth, replace(PLAIN, model="extended-tofts", delay=False), aif=made.given(blood, "cp"))
    ratio = np.nanmedian(wrong.maps["ktrans"].values[:, 0, 0] / truth[0][:, 0])
    assert ratio == pytest.approx(1 / 0.58, rel=1e-3)


def test_a_curve_that_does_not_say_blood_or_plasma_is_refused(truth):
    with pytest.raises(Problem, match="whole blood"):
        measured(truth, aif=made.given(made.plasma(), "delta_r2star"))


def test_a_flip_angle_that_is_ignored_is_felt_and_said(truth):
    found = measured(truth, replace(PLAIN, model="extended-tofts", delay=False), b1=None)
    assert errors(found, truth[0])[0] > 0.03
    assert "no-b1-map" in {flag.code for flag in found.flags}


def test_the_stated_error_is_the_observed_one(truth):
    found = measured(truth, replace(PLAIN, model="extended-tofts", delay=False), noise=0.005)
    for key, true in zip(("ktrans", "ve", "vp"), truth[0].T, strict=True):
        one = found.maps[key]
        z = ((one.values - volume(true)) / one.std)[one.status == Status.OK]
        assert 0.8 < 1.4826 * np.median(np.abs(z)) < 1.25, key


def test_an_error_of_t1_is_in_the_error_of_ktrans(truth):
    p, t1, own, c = truth
    one = made.series(made.signal(c, t1, own))
    values = volume(t1).astype(np.float32)
    unsure = Map(lexicon.T1, values, 0.1 * values, np.zeros(values.shape, np.int16), one.grid)
    plan = replace(PLAIN, model="extended-tofts", delay=False)
    said = dce.quantify(one, plan, t1=unsure, b1=volume(own), mask=made.everything(one), aif=made.given(made.plasma()))
    other = measured((p, 1.1 * t1, own, c), plan, series=one)
    change = np.abs(other.maps["ktrans"].values - said.maps["ktrans"].values)
    ratio = said.maps["ktrans"].std / change
    assert 0.7 < np.nanmedian(ratio) < 1.4
    np.testing.assert_array_equal(said.maps["T1map"].std, 0.1 * values)


def test_every_map_holds_numbers_with_errors_or_a_reason(truth):
    found = measured(truth, noise=0.01)
    wanted = "ktrans ve vp kep delay iaugc60 iaugc90 iaugc180 iaugcbn60 iaugcbn90 iaugcbn180 washin washout ttp"
    more = "enhancement maxenhancement deltar1 deltat1 T1map model"
    assert {*wanted.split(), *more.split()} <= set(found.maps)
    for one in found.maps.values():
        failed = one.status >= FAILED_FROM
        assert (np.isnan(one.values) == failed).all() and (np.isnan(one.std) == failed).all()


def test_tissue_that_does_not_leak_has_no_ve_rather_than_zero():
    _, t1, own, _ = made.tissue(200)
    c = ExtendedTofts(made.TIMES, made.plasma()).predict(np.tile([0.0, 0.2, 0.03], (200, 1)))
    found = measured((None, t1, own, c), noise=0.01)
    ve = found.maps["ve"]
    assert (ve.status[:, 0, 0] == Status.NOT_DETERMINED).mean() > 0.8
    ktrans = found.maps["ktrans"].values[:, 0, 0] * 60.0
    assert np.nanmedian(ktrans) < 2e-3  # 1/min
    assert found.summary["model_shares"]["vascular"] > 0.6


def test_ktrans_of_a_voxel_that_is_vessels_alone_is_that_of_patlak_with_its_error():
    _, t1, own, _ = made.tissue(100)
    c = ExtendedTofts(made.TIMES, made.plasma()).predict(np.tile([0.0, 0.2, 0.03], (100, 1)))
    plan = replace(PLAIN, delay=False)
    auto, alone = (measured((None, t1, own, c), replace(plan, model=one), noise=0.01) for one in ("auto", "patlak"))
    is_vascular = auto.maps["model"].values == auto.summary["model_numbers"]["vascular"]
    assert is_vascular.sum() > 50
    for part in ("values", "std"):
        mine, other = (getattr(one.maps["ktrans"], part)[is_vascular] for one in (auto, alone))
        np.testing.assert_allclose(mine, other, rtol=1e-5)
    assert (auto.maps["ktrans"].status[is_vascular] < FAILED_FROM).all()
    assert (auto.maps["vp"].values[is_vascular] > 0).all() and np.isnan(auto.maps["ve"].values[is_vascular]).all()


def test_a_voxel_that_is_lost_says_the_same_reason_in_every_map(truth):
    signal = made.signal(truth[3], truth[1], truth[2])
    signal[0, 40], signal[1] = 1e5, 0.0
    t1 = truth[1].copy()
    t1[2] = np.nan
    one, values = made.series(signal), volume(t1).astype(np.float32)
    given = Map(lexicon.T1, values, values, np.where(np.isnan(values), 19, 0).astype(np.int16), one.grid)
    found = dce.quantify(
        one, PLAIN, t1=given, b1=volume(truth[2]), mask=made.everything(one), aif=made.given(made.plasma()),
        keep=Region(volume(np.arange(N)) < 4, one.grid, "some"),
    )  # fmt: skip
    wanted = [Status.OUT_OF_RANGE, Status.NO_SIGNAL, Status.NOT_DETERMINED]
    for key in set(found.maps) - {lexicon.T1.key}:
        assert found.maps[key].status[:3, 0, 0].tolist() == wanted, key
        assert np.isnan(found.maps[key].values[:3]).all()
    assert np.isnan(found.kept.curves["curve"][:3]).all() and np.isfinite(found.kept.curves["curve"][3]).all()


@pytest.mark.parametrize("b1", [np.nan, 0.0])
def test_a_voxel_without_a_flip_angle_has_no_number(truth, b1):
    own = truth[2].copy()
    own[5] = b1
    one = made.series(made.signal(truth[3], truth[1], truth[2]))
    found = dce.quantify(
        one, PLAIN, t1=t1_map(truth[1], one), b1=volume(own), mask=made.everything(one), aif=made.given(made.plasma())
    )
    assert found.maps["ktrans"].status[5, 0, 0] == Status.NOT_FINITE
    assert (found.maps["ktrans"].status < FAILED_FROM).sum() == N - 1


@pytest.mark.parametrize("ktrans_per_minute", [1e-3, 1e-2])
def test_slow_leakage_of_the_brain_is_found_on_average(ktrans_per_minute):
    _, t1, own, _ = made.tissue(400)
    p = np.tile([ktrans_per_minute / 60.0, 0.2, 0.02], (400, 1))
    found = measured((p, t1, own, ExtendedTofts(made.TIMES, made.plasma()).predict(p)), noise=0.004)
    one = found.maps["ktrans"]
    assert 60.0 * np.nanmean(one.values) == pytest.approx(ktrans_per_minute, rel=0.4)
    assert 60.0 * np.nanmedian(one.std) < 2e-3


def test_areas_and_slopes_are_those_of_the_curve(truth):
    found = measured(truth)
    c = truth[3]
    fine = np.linspace(0.0, 360.0, 36001)
    arrival = found.summary["arrival"]
    inside = (fine >= arrival) & (fine <= arrival + 60.0)
    area = np.array([np.trapezoid(np.interp(fine[inside], made.TIMES, one), fine[inside]) for one in c[:20]])
    np.testing.assert_allclose(found.maps["iaugc60"].values[:20, 0, 0], area, rtol=2e-3)
    slopes = (np.diff(c, axis=1) / 3.0).max(axis=1)
    np.testing.assert_allclose(found.maps["washin"].values[:, 0, 0], slopes, rtol=1e-3)
    assert (found.maps["washout"].values[c[:, -1] < c[:, -40], 0, 0] < 0).all()
    signal = made.signal(c, truth[1], truth[2])
    end = 100.0 * (signal[:, -12:].mean(axis=1) / signal[:, 0] - 1.0)
    np.testing.assert_allclose(100.0 * found.maps["enhancement"].values[:, 0, 0], end, rtol=1e-3)
    np.testing.assert_allclose(found.maps["ttp"].values[:, 0, 0], made.TIMES[c.argmax(axis=1)] - arrival, atol=1e-3)
    after = 1.0 / (1.0 / truth[1] + made.R1 * c[:, -12:].mean(axis=1))
    np.testing.assert_allclose(found.maps["deltat1"].values[:, 0, 0], truth[1] - after, rtol=1e-3)


def test_the_blood_normalised_area_is_that_of_tissue_over_that_of_plasma(truth):
    found = measured(truth, replace(PLAIN, model="patlak", delay=False))
    arrival, fine = found.summary["arrival"], np.linspace(0.0, 360.0, 360_001)
    inside = (fine >= arrival) & (fine <= arrival + 60.0)
    area = np.trapezoid(np.interp(fine[inside], made.TIMES, made.plasma()), fine[inside])
    ratio = found.maps["iaugc60"].values / found.maps["iaugcbn60"].values
    np.testing.assert_allclose(ratio, area, rtol=1e-3)


def test_an_area_holds_nothing_from_before_arrival():
    """A level of one before arrival would be noise in the area; after it, the area of one is the time."""
    weights = area_weights(made.TIMES, 40.0, 60.0)
    assert weights.sum() == pytest.approx(60.0)
    assert not weights[made.TIMES < 37.0].any() and not weights[made.TIMES > 103.0].any()
    assert area_weights(made.TIMES, 320.0, 60.0) is None


def with_vessels(blood_level=1000.0, noise=0.01, mixed=1.0):
    """Tissue with a row of arteries and one of veins: blood of T1 1.65 s, a share `mixed` of each artery's voxel."""
    _, t1, own, c = made.tissue(400)
    cb = made.plasma() * 0.58
    later = np.interp(made.TIMES - 4.0, made.TIMES, cb)
    blood, vein = (made.signal(np.tile(one, (40, 1)), np.full(40, 1.65), m0=blood_level) for one in (cb, later))
    tissue = made.signal(c, t1, own)
    arteries = mixed * blood + (1 - mixed) * tissue[:40]
    t1 = np.r_[t1, np.full(80, 1.65)]
    own = np.r_[own, np.ones(80)]
    one = made.series(np.concatenate([tissue, arteries, vein]), noise)
    return one, t1, own


def test_the_arterial_input_is_found_in_the_arteries():
    one, t1, own = with_vessels()
    found = dce.quantify(one, PLAIN, t1=t1_map(t1, one), b1=volume(own), mask=made.everything(one))
    assert found.regions["aif"].mask[400:440].sum() >= 0.8 * found.regions["aif"].n_voxels
    cp = found.curves["aif"].values
    assert np.trapezoid(cp, made.TIMES) == pytest.approx(np.trapezoid(made.plasma(), made.TIMES), rel=0.1)


@pytest.mark.parametrize("ignored", ["nothing", "b1", "t2star"])
def test_blood_is_turned_into_concentration_with_its_own_flip_angle_and_t2star(ignored):
    """Arteries excited by 0.8 of the nominal angle, whose agent takes signal at the echo."""
    _, t1, own, c = made.tissue(100)
    cb = 0.58 * made.plasma()
    lost = np.exp(-0.002 * 8.0 * cb)
    blood = made.signal(np.tile(cb, (40, 1)), np.full(40, 1.65), np.full(40, 0.8)) * lost
    one = made.series(np.concatenate([made.signal(c, t1, own), blood]))
    places = np.arange(140).reshape(-1, 1, 1)
    field = np.r_[own, np.full(40, 0.8)]
    found = dce.quantify(
        one, replace(PLAIN, model="vascular", delay=False, r2star=0.0 if ignored == "t2star" else 8.0),
        t1=t1_map(np.r_[t1, np.full(40, 1.65)], one), b1=None if ignored == "b1" else volume(field),
        mask=made.everything(one), aif=Region(places >= 100, one.grid, "arteries"),
    )  # fmt: skip
    some = made.plasma() > 1.0
    error = np.abs(found.curves["aif"].values[some] / made.plasma()[some] - 1.0).max()
    assert error < 2e-3 if ignored == "nothing" else error > 0.05


def test_arteries_mixed_with_tissue_take_the_shape_of_veins_at_their_own_time():
    one, t1, own = with_vessels(mixed=0.6)
    arteries = volume(np.arange(480))
    region = Region((arteries >= 400) & (arteries < 440), one.grid, "arteries")
    vein = Region(arteries >= 440, one.grid, "vein")
    wanted = np.trapezoid(made.plasma(), made.TIMES)
    areas = {}
    for name, plan in (("mixed", replace(PLAIN, blood="artery")), ("veins", PLAIN)):
        found = dce.quantify(
            one, plan, t1=t1_map(t1, one), b1=volume(own), mask=made.everything(one), aif=region,
            vein=vein if name == "veins" else None,
        )  # fmt: skip
        areas[name] = np.trapezoid(found.curves["aif"].values, made.TIMES) / wanted
    assert areas["mixed"] < 0.8
    assert areas["veins"] == pytest.approx(1.0, abs=0.1)
    assert "venous-input" in {flag.code for flag in found.flags}


def test_the_shape_of_veins_begins_when_the_arteries_do():
    one, t1, own = with_vessels(mixed=0.6, noise=0.003)
    places = volume(np.arange(480))
    arteries = Region((places >= 400) & (places < 440), one.grid, "arteries")
    vein = Region(places >= 440, one.grid, "vein")
    found = dce.quantify(
        one, PLAIN, t1=t1_map(t1, one), b1=volume(own), mask=made.everything(one), aif=arteries, vein=vein
    )
    half = [
        np.interp(0.5, curve[:20] / curve.max(), made.TIMES[:20])
        for curve in (found.curves["aif"].values, made.plasma())
    ]
    assert half[0] == pytest.approx(half[1], abs=1.0)  # the vein comes 4 s later
    assert "earlier" in found.summary["arterial_origin"]


def test_veins_are_never_moved_to_a_later_time():
    """What was given for arteries comes after the veins: nothing is known that would delay them."""
    one, t1, own = with_vessels(mixed=0.6, noise=0.003)
    late = np.roll(one.values[400:440], 3, axis=-1)
    late[..., :3] = one.values[400:440, ..., :3]
    one = replace(one, values=np.concatenate([one.values[:400], late, one.values[440:]]))
    places = volume(np.arange(480))
    arteries, vein = Region((places >= 400) & (places < 440), one.grid, "a"), Region(places >= 440, one.grid, "v")
    found = dce.quantify(
        one, PLAIN, t1=t1_map(t1, one), b1=volume(own), mask=made.everything(one), aif=arteries, vein=vein
    )
    assert "0.0 s earlier" in found.summary["arterial_origin"]


def test_arteries_that_are_pure_blood_keep_their_own_shape_beside_veins():
    one, t1, own = with_vessels(noise=0.003)
    places = volume(np.arange(480))
    arteries, vein = Region((places >= 400) & (places < 440), one.grid, "a"), Region(places >= 440, one.grid, "v")
    found = dce.quantify(
        one, PLAIN, t1=t1_map(t1, one), b1=volume(own), mask=made.everything(one), aif=arteries, vein=vein
    )
    assert "veins" not in found.summary["arterial_origin"]


def test_an_angle_is_the_same_whether_it_is_nominal_or_told_by_b1():
    """A nominal 15° of which 0.8 are true, and 12°: tissue, arteries, veins, values and errors are all alike."""
    one, t1, _ = with_vessels(mixed=0.6, noise=0.003)
    found = [
        dce.quantify(
            replace(one, acquisition=replace(one.acquisition, flip_angle=angle)), PLAIN, t1=t1_map(t1, one),
            b1=np.full(one.grid.shape, b1), mask=made.everything(one),
        )
        for angle, b1 in ((made.ANGLE, 0.8), (0.8 * made.ANGLE, 1.0))
    ]  # fmt: skip
    assert "venous-input" in {flag.code for flag in found[0].flags}
    for key, mine in found[0].maps.items():
        for part in ("values", "std", "status"):
            np.testing.assert_allclose(getattr(mine, part), getattr(found[1].maps[key], part), rtol=1e-4, atol=1e-9)
    assert found[0].summary["arterial_relative_error"] == pytest.approx(found[1].summary["arterial_relative_error"])


def test_veins_are_looked_for_with_the_flip_angle_of_each_voxel():
    """Veins of 0.8 of the angle, and vessels of 1.2 that hold three quarters of their agent and seem to hold more."""
    _, t1, _, c = made.tissue(200)
    cb = 0.58 * made.plasma()
    later = np.interp(made.TIMES - 4.0, made.TIMES, cb)
    b1 = np.r_[np.ones(200), np.full(30, 0.8), np.full(30, 1.2)]
    levels = np.r_[np.full(30, 1.0), np.full(30, 0.75)]
    blood = made.signal(levels[:, None] * later, np.full(60, 1.65), b1[200:])
    arteries = made.signal(np.tile(0.4 * cb, (20, 1)), np.full(20, 1.65))
    one = made.series(np.concatenate([made.signal(c, t1), blood, arteries]), 0.003)
    region = Region(volume(np.arange(280)) >= 260, one.grid, "arteries")
    found = dce.quantify(
        one, replace(PLAIN, blood="vein", model="vascular", delay=False), t1=1.5, mask=made.everything(one),
        b1=volume(np.r_[b1, np.ones(20)]), aif=region,
    )  # fmt: skip
    area = np.trapezoid(found.curves["aif"].values, made.TIMES) / np.trapezoid(made.plasma(), made.TIMES)
    assert area == pytest.approx(1.0, abs=0.05)


def test_blood_at_1_5_tesla_relaxes_as_it_does_there():
    _, t1, _, c = made.tissue(40)
    blood = made.signal(0.58 * made.plasma()[None], np.array([1.48]))[0]
    one = made.series(made.signal(c, t1))
    found = dce.quantify(
        replace(one, acquisition=replace(one.acquisition, field=1.5)), PLAIN, t1=t1_map(t1, one),
        mask=made.everything(one), aif=Curve(made.TIMES, blood, "", "signal"),
    )  # fmt: skip
    np.testing.assert_allclose(found.curves["aif"].values, made.plasma(), atol=1e-6)


def test_blood_at_the_noise_floor_is_refused_and_gives_no_numbers():
    one, t1, _ = with_vessels(blood_level=30.0, noise=0.05)
    region = Region((volume(np.arange(480)) >= 400) & (volume(np.arange(480)) < 440), one.grid, "arteries")
    with pytest.raises(Refusal, match="times its noise"):
        dce.quantify(one, PLAIN, t1=t1_map(t1, one), mask=made.everything(one), aif=region)


def test_above_the_noise_floor_blood_is_freed_from_what_noise_adds_to_it():
    """400 voxels whose signal is four times the noise of each channel: the mean magnitude is 3 % too high."""
    rng, rest = np.random.default_rng(0), AtRest(slice(0, 30), 90.0, 31, False)
    magnitudes = np.hypot(4.0 + rng.standard_normal((400, 40)), rng.standard_normal((400, 40)))
    assert magnitudes.mean() / 4.0 > 1.03
    assert mean_above_floor(magnitudes, rest).mean() / 4.0 == pytest.approx(1.0, abs=5e-3)


def test_tissue_near_its_noise_is_said(truth):
    noisy = measured(truth, replace(PLAIN, model="extended-tofts", delay=False), noise=0.4)
    assert "noise-floor" in {flag.code for flag in noisy.flags}
    quiet = measured(truth, replace(PLAIN, model="extended-tofts", delay=False), noise=0.01)
    assert "noise-floor" not in {flag.code for flag in quiet.flags}


def test_a_population_says_that_it_is_one(truth):
    _, t1, own, c = truth
    one = made.series(made.signal(c, t1, own))
    plan = replace(PLAIN, arterial="parker", model="extended-tofts")
    found = dce.quantify(one, plan, t1=t1_map(t1, one), b1=volume(own), mask=made.everything(one))
    assert errors(found, truth[0])[0] < 0.1  # the arrival is only found to a part of a step
    assert "population-input" in {flag.code for flag in found.flags}


@pytest.mark.parametrize("model", [name for name in MODELS if name not in ("2cxm", "aath")])
def test_every_model_of_the_plan_runs(truth, model):
    found = measured(truth, replace(PLAIN, model=model, delay=False))
    assert np.isfinite(found.maps["vp" if model != "tofts" else "ve"].values).any()


def test_models_with_a_flow_are_candidates_only_where_it_can_be_seen():
    quick, slow = np.arange(0.0, 300.0, 1.5), np.arange(0.0, 300.0, 5.0)
    assert "2cxm" in candidates(dce.Plan(), quick, 20)
    assert "2cxm" not in candidates(dce.Plan(), slow, 8)


def test_slow_short_and_badly_angled_protocols_are_said(truth):
    _, t1, own, c = truth
    few = slice(0, 45, 5)
    one = made.series(made.signal(c, t1, own)[:, few], times=made.TIMES[few])
    one = replace(one, acquisition=replace(one.acquisition, flip_angle=np.deg2rad(5.0)))
    cp = made.plasma()[few]
    given = Curve(made.TIMES[few], cp, "mM", "cp")
    found = dce.quantify(one, PLAIN, t1=1.4, mask=made.everything(one), aif=given)
    assert {"slow-sampling", "short-series", "short-baseline", "flip-angle"} <= {flag.code for flag in found.flags}


def test_a_first_volume_before_the_steady_state_is_left_out_of_the_baseline_and_said(truth):
    _, t1, own, c = truth
    signal = made.signal(c, t1, own)
    signal[:, 0] *= 1.6
    found = measured(truth, replace(PLAIN, model="extended-tofts", delay=False), series=made.series(signal))
    assert errors(found, truth[0])[[0, 2]].max() < 0.02  # the baseline holds it not, if the residuals do
    assert "first-volume-left-out" in {flag.code for flag in found.flags}
    assert found.summary["baseline_frames"][0] == 1


def test_the_guard_keeps_the_first_agent_out_of_the_baseline(truth):
    kept = [measured(truth, replace(PLAIN, guard=guard)).summary["baseline_frames"][1] for guard in (0.0, 3.0, 12.0)]
    assert kept == [kept[0], kept[0] - 1, kept[0] - 4]


def test_without_tr_flip_angle_or_agent_it_does_not_begin(truth):
    _, t1, own, c = truth
    one = made.series(made.signal(c, t1, own))
    with pytest.raises(Problem, match="RepetitionTime"):
        dce.quantify(replace(one, acquisition=Acquisition(flip_angle=0.2)), PLAIN, t1=1.4, mask=made.everything(one))
    with pytest.raises(Problem, match="Between the pulses"):
        dce.quantify(replace(one, acquisition=Acquisition(tr=5.0, flip_angle=0.2)), PLAIN, t1=1.4)
    empty = made.series(made.signal(np.zeros_like(c), t1, own), 0.01)
    with pytest.raises(Problem, match="brightens"):
        dce.quantify(empty, PLAIN, t1=1.4, mask=made.everything(empty))


def test_one_model_for_a_lesion_is_chosen_with_its_weight(truth):
    _, t1, own, c = truth
    one = made.series(made.signal(c, t1, own), 0.01)
    lesion = Region(volume(np.arange(N)) < 50, one.grid, "lesion")
    found = dce.quantify(
        one, PLAIN, t1=t1_map(t1, one), b1=volume(own), mask=made.everything(one), aif=made.given(made.plasma()),
        lesion=lesion, keep=lesion,
    )  # fmt: skip
    assert found.summary["lesion_model"] == "extended-tofts"
    weights = found.summary["lesion_model_weights"]
    assert sum(weights.values()) == pytest.approx(1.0) and weights["extended-tofts"] > 0.99
    assert sum(found.summary["lesion_voxel_models"].values()) == pytest.approx(1.0)
    own = found.maps["model"].values[lesion.mask] == found.summary["model_numbers"]["extended-tofts"]
    of_map = np.nanmedian(found.maps["ktrans"].values[lesion.mask][own])
    assert found.summary["lesion_model_medians"]["ktrans"] == pytest.approx(of_map, rel=0.02)
    mean = found.kept.mean("curve", lesion.mask, "lesion", "fit")
    np.testing.assert_allclose(mean.fit, mean.values, atol=0.02 * mean.values.max())


def test_a_lesion_outside_what_is_measured_is_said(truth):
    _, t1, own, c = truth
    one = made.series(made.signal(c, t1, own), 0.01)
    inside = Region(volume(np.arange(N)) < 50, one.grid, "some")
    lesion = Region(volume(np.arange(N)) >= 50, one.grid, "lesion")
    found = dce.quantify(one, PLAIN, t1=1.4, mask=inside, aif=made.given(made.plasma()), lesion=lesion)
    assert "lesion-not-measured" in {flag.code for flag in found.flags}
    assert "lesion_model" not in found.summary


def test_the_error_of_an_input_that_is_given_is_not_known_but_where_its_noise_is_seen(truth):
    assert np.isnan(measured(truth).summary["arterial_relative_error"])
    rng = np.random.default_rng(0)
    blood = made.signal(0.58 * made.plasma()[None], np.array([1.65]))[0]
    areas, stated = [], []
    for _ in range(40):
        noisy = blood + rng.normal(0.0, 0.02 * blood[0], blood.size)
        found = measured(
            truth, replace(PLAIN, model="vascular", delay=False), aif=Curve(made.TIMES, noisy, "", "signal")
        )
        areas.append(np.trapezoid(found.curves["aif"].values, made.TIMES))
        stated.append(found.summary["arterial_relative_error"])
    assert 0.7 < np.median(stated) / (np.std(areas, ddof=1) / np.mean(areas)) < 1.4


def test_the_error_of_the_input_is_in_the_errors_of_what_scales_with_it_and_in_no_other(truth):
    """The same plasma, once told by noisy blood and once by a table, whose error is not known."""
    blood = made.signal(0.58 * made.plasma()[None], np.array([1.65]))[0]
    noisy = blood + np.random.default_rng(0).normal(0.0, 0.05 * blood[0], blood.size)
    plan = replace(PLAIN, model="extended-tofts", delay=False)
    with_error = measured(truth, plan, noise=0.005, aif=Curve(made.TIMES, noisy, "", "signal"))
    without = measured(truth, plan, noise=0.005, aif=made.given(with_error.curves["aif"].values))
    relative = with_error.summary["arterial_relative_error"]
    assert relative > 0.02
    for key, share in (("ktrans", relative), ("ve", relative), ("vp", relative), ("kep", 0.0)):
        one, other = with_error.maps[key], without.maps[key]
        np.testing.assert_allclose(one.std, np.hypot(other.std, share * one.values), rtol=1e-3)


def test_a_plasma_flow_scales_with_the_input_too():
    t1 = made.tissue(20)[1]
    times = np.arange(0.0, 240.0, 1.5)
    c = TwoCompartmentUptake(times, made.plasma(times=times)).predict(np.tile([0.01, 1e-3, 0.05], (20, 1)))
    one = made.series(made.signal(c, t1), 0.003, times=times)
    blood = made.signal(0.58 * made.plasma(times=times)[None], np.array([1.65]))[0]
    blood += np.random.default_rng(0).normal(0.0, 0.05 * blood[0], blood.size)
    plan = replace(PLAIN, model="2cum", delay=False)
    common = {"t1": t1_map(t1, one), "mask": made.everything(one)}
    told = dce.quantify(one, plan, aif=Curve(times, blood, "", "signal"), **common)
    given = dce.quantify(one, plan, aif=Curve(times, told.curves["aif"].values, "mM", "cp"), **common)
    share = told.summary["arterial_relative_error"]
    for key in ("fp", "ps", "ktrans", "vp"):
        expected = np.hypot(given.maps[key].std, share * told.maps[key].values)
        np.testing.assert_allclose(told.maps[key].std, expected, rtol=1e-3)


def test_the_fit_of_the_room_is_the_fit_of_the_fitter(truth):
    found = measured(truth, replace(PLAIN, model="extended-tofts", delay=False))
    alone = fit(ExtendedTofts(made.TIMES, made.plasma()), truth[3])
    np.testing.assert_allclose(found.maps["ktrans"].values[:, 0, 0], alone.values["ktrans"], rtol=2e-3)


def exchanging(leaves_blood, leaves_cells, n=60):
    """The signal of tissue whose water exchanges at these rates, over its level at rest."""
    p, t1, own, _ = made.tissue(n)
    model = ExchangingWater(made.TIMES, made.plasma(), made.TR, made.ANGLE, made.R1, 0.42, leaves_blood, leaves_cells)
    return (p, t1, own, None), 1000.0 * model.predict(np.column_stack([p, t1, own]))[:, :-2]


@pytest.mark.parametrize(("water", "rates"), [("none", (0.0, 0.0)), ("shutter-speed", (3.0, 2.0))])
def test_water_that_does_not_mix_is_felt_by_what_ignores_it_and_not_by_what_knows_it(water, rates):
    truth, signal = exchanging(*rates)
    one = made.series(signal)
    plan = replace(PLAIN, model="extended-tofts", delay=False)
    knows = measured(truth, replace(plan, water=water), series=one)
    assert errors(knows, truth[0]).max() < 1e-3
    ignores = errors(measured(truth, plan, series=one), truth[0])
    assert ignores[1] > 0.1 and ignores[2] > 0.2  # ve and vp
    assert "stays in" in str(knows.recipe) if water == "none" else "leaves blood 3" in str(knows.recipe)


def test_water_that_mixes_at_once_is_what_fast_means():
    truth, _ = exchanging(np.inf, np.inf)
    _, t1, own, _ = truth
    one = made.series(made.signal(made.tissue(60)[3], t1, own))
    plan = replace(PLAIN, model="extended-tofts", delay=False)
    mixed = replace(plan, water="shutter-speed", water_leaves_blood=np.inf, water_leaves_cells=np.inf)
    assert errors(measured(truth, mixed, series=one), truth[0]).max() < 2e-3


def test_the_stated_error_holds_in_the_signal_as_well():
    truth, signal = exchanging(3.0, 2.0, 300)
    one = made.series(signal, 0.005)
    plan = replace(PLAIN, model="extended-tofts", delay=False, water="shutter-speed")
    found = measured(truth, plan, series=one)
    for key, true in zip(("ktrans", "ve", "vp"), truth[0].T, strict=True):
        one = found.maps[key]
        z = ((one.values - volume(true)) / one.std)[one.status == Status.OK]
        assert 0.8 < 1.4826 * np.median(np.abs(z)) < 1.25, key


@pytest.mark.parametrize(("ktrans", "few"), [(1e-4, 1), (4e-4, 0)])
def test_ve_is_left_open_where_water_exchanges_and_too_little_returns_to_tell_it(ktrans, few):
    """kep T is 0.1, and 0.4: an error as large as ve itself is no ve."""
    _, t1, own, _ = made.tissue(12)
    p = np.tile([ktrans, 0.3, 0.04], (12, 1))
    model = ExchangingWater(made.TIMES, made.plasma(), made.TR, made.ANGLE, made.R1, 0.42, 0.0, 0.0)
    signal = 1000.0 * model.predict(np.column_stack([p, t1, own]))[:, :-2]
    plan = replace(PLAIN, model="extended-tofts", delay=False, water="none")
    found = measured((p, t1, own, None), plan, series=made.series(signal, 0.02))
    ve, fitted = found.maps["ve"], found.maps["ktrans"].status < FAILED_FROM
    is_open = fitted & (ve.status == Status.NOT_DETERMINED)
    assert few <= is_open.sum() <= 8 * few
    assert (ve.std[fitted & ~is_open] <= ve.values[fitted & ~is_open]).all()


def test_ve_is_held_against_the_error_that_is_stated_in_the_end(monkeypatch):
    """Errors of the signal are worked out after the fit, and may be larger than those by which it left ve open."""
    of_signal = kinetics_module.of_signal

    def doubtful(found, *rest):
        one = of_signal(found, *rest)
        return replace(one, std={key: 1e3 * values for key, values in one.std.items()})

    truth, signal = exchanging(0.0, 0.0, 12)
    plan = replace(PLAIN, model="extended-tofts", delay=False, water="none")
    assert np.isfinite(measured(truth, plan, series=made.series(signal, 0.005)).maps["ve"].values).all()
    monkeypatch.setattr(kinetics_module, "of_signal", doubtful)
    assert np.isnan(measured(truth, plan, series=made.series(signal, 0.005)).maps["ve"].values).all()


def test_vessels_whose_water_does_not_exchange_are_not_read_as_the_fastest_leakage():
    _, t1, own, _ = made.tissue(12)
    p = np.tile([3e-5, 0.3, 0.04], (12, 1))
    model = ExchangingWater(made.TIMES, made.plasma(), made.TR, made.ANGLE, made.R1, 0.42, 0.0, 0.0)
    signal = 1000.0 * model.predict(np.column_stack([p, t1, own]))[:, :-2]
    plan = replace(PLAIN, model="extended-tofts", delay=False, water="none")
    found = measured((p, t1, own, None), plan, series=made.series(signal, 0.01))
    is_open = found.maps["ve"].status == Status.NOT_DETERMINED
    assert not (found.maps["ktrans"].values[is_open] > 0.01).any()
    assert (found.maps["ktrans"].status[is_open] == Status.NOT_DETERMINED).any()


@pytest.mark.parametrize(("water", "rates"), [("none", (0.0, 0.0)), ("shutter-speed", (1.0, 6.0))])
def test_blood_cells_echoes_and_both_rates_are_heeded_where_water_exchanges(water, rates):
    """A haematocrit of 0.3, agent that shortens T2*, and rates that are not the usual ones nor each other's."""
    p, t1, own, _ = made.tissue(40)
    model = ExchangingWater(made.TIMES, made.plasma(), made.TR, made.ANGLE, made.R1, 0.3, *rates, te=0.002, r2star=20.0)
    signal = 1000.0 * model.predict(np.column_stack([p, t1, own]))[:, :-2]
    plan = replace(PLAIN, model="extended-tofts", delay=False, water=water, hct=0.3, r2star_tissue=20.0)
    if water == "shutter-speed":
        plan = replace(plan, water_leaves_blood=rates[0], water_leaves_cells=rates[1])
    assert errors(measured((p, t1, own, None), plan, series=made.series(signal)), p).max() < 1e-3


def test_water_other_than_fast_asks_for_the_model_that_knows_it():
    truth, signal = exchanging(0.0, 0.0)
    with pytest.raises(Problem, match="extended-tofts"):
        measured(truth, replace(PLAIN, water="none", model="patlak"), series=made.series(signal))


def coarse(step=12.0):
    """A series sampled every `step` seconds of tissue whose input is known to the second: truth, series, fine times."""
    fine = np.arange(0.0, 361.0)
    times = np.arange(3.0, 360.0, step)
    p = np.tile([1.5e-3, 0.3, 0.06], (20, 1))
    c = ExtendedTofts(times, made.plasma(times=fine), fine).predict(p)
    return p, made.series(made.signal(c, np.full(20, 1.4)), times=times), fine


def ktrans_error(plan, aif):
    p, one, _ = coarse()
    found = dce.quantify(one, plan, t1=1.4, mask=made.everything(one), aif=aif)
    return abs(np.median(found.maps["ktrans"].values) / p[0, 0] - 1.0), found


def test_an_input_that_is_known_more_finely_than_the_series_is_used_so():
    plan, fine = replace(PLAIN, model="extended-tofts"), coarse()[2]
    error, found = ktrans_error(plan, Curve(fine, made.plasma(times=fine), "mM", "cp"))
    assert error < 1e-3
    assert found.curves["aif"].times.size > found.curves["tissue"].times.size
    times = coarse()[1].times
    assert ktrans_error(plan, Curve(times, made.plasma(times=times), "mM", "cp"))[0] > 0.05


def test_a_populations_input_is_not_joined_by_lines_between_the_volumes():
    error, _ = ktrans_error(replace(PLAIN, model="extended-tofts", arterial="parker"), None)
    assert error < 0.03  # its arrival is not known better than the volumes tell: the delay makes up for it


def test_dispersion_widens_the_fine_input_too():
    plan, fine = replace(PLAIN, model="extended-tofts", dispersion=4.0), coarse()[2]
    curve = Curve(fine, made.plasma(times=fine), "mM", "cp")
    wide, narrow = (ktrans_error(one, curve)[1].curves["aif"].values for one in (plan, replace(plan, dispersion=0.0)))
    assert wide.max() < 0.9 * narrow.max()


def test_the_weight_of_the_chosen_model_is_that_of_all_criteria_and_bounded_where_a_model_was_not_followed(truth):
    """Against weights worked out anew from fits that were all followed to their end, in a region of all voxels."""
    p, t1, own, _ = truth
    p = np.where(np.arange(N)[:, None] < N // 2, p * [0.0, 1.0, 1.0], p)
    c = ExtendedTofts(made.TIMES, made.plasma()).predict(p)
    one = made.series(made.signal(c, t1, own), 0.01)
    lesion = made.everything(one)
    given = {"t1": t1_map(t1, one), "b1": volume(own), "mask": lesion, "aif": made.given(made.plasma())}
    whole, early = (dce.quantify(one, PLAIN, **given, lesion=part) for part in (lesion, None))
    names = ("Vascular", "Patlak", "ExtendedTofts")
    criteria = np.stack([whole.maps[f"aicc{name}"].values[:, 0, 0].astype(np.float64) for name in names])
    relative = np.exp(-0.5 * (criteria - criteria.min(axis=0)))
    true = 1.0 / relative.sum(axis=0)
    weight = whole.maps["modelweight"]
    np.testing.assert_allclose(weight.values[:, 0, 0], true, rtol=1e-3)
    assert (weight.status == Status.OK).all()
    numbers = np.array([whole.summary["model_numbers"][name] for name in ("vascular", "patlak", "extended-tofts")])
    np.testing.assert_array_equal(whole.maps["model"].values[:, 0, 0], numbers[criteria.argmin(axis=0)])
    bound, ended = early.maps["modelweight"], early.maps["aiccExtendedTofts"]
    is_open = ended.status[:, 0, 0] == Status.NOT_FOLLOWED
    assert is_open[: N // 2].mean() > 0.4 and is_open[N // 2 :].mean() < 0.1
    np.testing.assert_array_equal(bound.status[:, 0, 0] == Status.AT_MOST, is_open)
    assert np.isnan(ended.values[is_open]).all()
    same = early.maps["model"].values == whole.maps["model"].values
    assert same.mean() > 0.98
    assert (bound.values[same] >= weight.values[same] - 1e-3).all()
    assert np.quantile((bound.values - weight.values)[same], 0.95) < 0.1


def test_a_model_that_could_not_be_fitted_is_not_called_one_that_was_not_followed():
    """With fewer samples than parameters exchange has no sum of squares that could be compared with what is asked."""
    times = np.array([0.0, 30.0, 60.0, 90.0])
    cp = np.array([0.0, 4.0, 2.0, 1.5])
    curves = 0.05 * cp + np.array([[0.0, 1e-3, -1e-3, 0.0], [1e-3, 0.0, 0.0, -1e-3]])
    seen = Seen(curves, lambda rows: (np.ones((len(rows), 4)), np.zeros((len(rows), 4))))
    models = {"vascular": Vascular(times, cp), "2cxm": DelayedTwoCompartmentExchange(times, cp)}
    found = kinetics(seen, models, 1, lambda *_: None)
    told = of_choice(found)
    assert (told[lexicon.AICC["2cxm"]][2] == Status.SINGULAR).all()
    weight, _, status = told[lexicon.MODEL_WEIGHT]
    assert (weight == 1.0).all() and (status == Status.OK).all()
