"""A map of T1 beside one echo: what agent inside vessels hides of ΔR2*, by the T1 of each voxel."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest

from dsc.made import concordance, everything, flat, region, series
from perspect.dsc import Plan, quantify
from perspect.dsc.own_t1 import OwnT1
from perspect.dsc.t1_effect import R1, R2STAR, T1Effect
from perspect.models.spgr import log_enhancement
from perspect.phantom.arterial import ArterialInput
from perspect.phantom.magnetisation import at_pulses_exchanging
from perspect.phantom.physics import two_compartments
from perspect.vocabulary import Problem

TE, TR, FLIP = 0.03, 1.5, np.deg2rad(60)
N_WHITE, N_LESION, N_FRAMES = 250, 300, 100
WHITE = np.arange(N_WHITE + N_LESION) < N_WHITE
TIMES = TR * np.arange(N_FRAMES)


@dataclass(frozen=True, eq=False)
class Made:
    """White matter, and a lesion that does not leak whose T1 is from 1.2 to 2 s: signals, T1 at the time of the bolus
    (s) and true rCBV.
    """

    signal: np.ndarray
    t1: np.ndarray
    rcbv: np.ndarray


@cache
def made(snr=80.0, exchange=3.0, preload=True, flip=FLIP, seed=3, alike=None):
    """Water of two pools, followed from pulse to pulse by the phantom's own equations. All tissue is `alike` in its
    T1 (s), where that is given.
    """
    rng = np.random.default_rng(seed)
    n = WHITE.size
    native = np.where(WHITE, 0.9, rng.uniform(1.2, 2.0, n)) if alike is None else np.full(n, alike)
    vp = np.where(WHITE, rng.uniform(0.02, 0.034, n), rng.uniform(0.015, 0.08, n))
    comes = ArterialInput(onset=45.0, preload=300.0 if preload else None)
    nothing = np.zeros(n)
    cp, _ = two_compartments(comes, TIMES, vp, rng.uniform(4.5, 5.5, n), nothing + 0.2, nothing)
    along = at_pulses_exchanging(1 / native + R1 * cp, np.tile(1 / native, (N_FRAMES, 1)), vp, exchange, flip, TR, 8)
    clean = 1000 * along * np.exp(-TE * R2STAR * vp * cp)
    sigma = clean[:25, WHITE].mean() / snr
    signal = np.hypot(clean + rng.normal(0, sigma, clean.shape), rng.normal(0, sigma, clean.shape))
    at_rest = 1 / (1 / native + R1 * vp * cp[:25].mean(axis=0))
    return Made(signal.T, at_rest, vp / vp[WHITE].mean())


def run(thing, t1=None, preload=True, flip=FLIP, reference=WHITE, tr=TR, n_echoes=1, **choices):
    one = series(thing.signal, TIMES, TE, tr, flip, preload)
    echoes = (one, series(thing.signal**2 / 1000, TIMES, 2 * TE, tr, flip, preload))[:n_echoes]
    plan = Plan(motion=False, deconvolution="none", **choices)
    given = None if t1 is None else np.asarray(t1, np.float32).reshape(-1, 1, 1)
    white = None if reference is None else region(reference, "white")
    return quantify(echoes, plan, mask=everything(WHITE.size), reference=white, t1=given)


def score(thing, *args, **choices):
    found, true = flat(run(thing, *args, **choices).maps["rcbv"])[0][~WHITE], thing.rcbv[~WHITE]
    return concordance(found, true), found.mean() / true.mean() - 1


@pytest.mark.parametrize(("preload", "flip"), [(True, FLIP), (False, np.deg2rad(30))])
def test_with_the_map_a_long_t1_no_longer_lowers_blood_volume(preload, flip):
    thing = made(preload=preload, flip=flip)
    agreement, bias = score(thing, thing.t1, preload, flip)
    assert agreement >= 0.99
    assert abs(bias) <= 0.03
    for wrong in (None, np.full(WHITE.size, 0.9)):  # one T1 for all
        less, low = score(thing, wrong, preload, flip)
        assert less < agreement - 0.005
        assert low < -0.04


def test_water_that_is_mixed_at_once_is_the_wrong_variant_with_a_map():
    thing = made()
    assert score(thing, thing.t1, water_leaves_blood=np.inf)[1] > 0.15
    for near in (1.0, 2.0):
        assert abs(score(thing, thing.t1, water_leaves_blood=near)[1]) < 0.05


def test_where_water_is_mixed_the_map_says_so_too():
    """The same objects with all water mixed at once: now that is the right choice, and 3 /s the wrong one."""
    thing = made(exchange=3000.0, preload=False, flip=np.deg2rad(30))
    right = score(thing, thing.t1, False, np.deg2rad(30), water_leaves_blood=np.inf)
    assert right[0] >= 0.97
    assert abs(right[1]) <= 0.05
    assert score(thing, thing.t1, False, np.deg2rad(30))[0] < right[0]


def test_a_map_of_one_t1_with_mixed_water_is_the_t1_of_white_matter_given_by_a_number():
    thing = made(snr=1e6, exchange=3000.0, preload=False, flip=np.deg2rad(30), alike=1.1)
    setting = {"preload": False, "flip": np.deg2rad(30), "leakage": "none", "t1_effect": "modelled"}
    by_map = flat(run(thing, np.full(WHITE.size, 1.1), **setting, water_leaves_blood=np.inf).maps["rcbv"])[0]
    by_number = flat(run(thing, **setting, white_t1=1.1).maps["rcbv"])[0]
    np.testing.assert_allclose(by_map, by_number, rtol=0.003)
    assert np.abs(flat(run(thing, **setting, white_t1=2.0).maps["rcbv"])[0] / by_number - 1).max() > 0.03


@pytest.mark.parametrize("volume", [0.01, 0.027, 0.1])
def test_with_mixed_water_what_is_hidden_is_the_signal_equation(volume):
    rate = np.linspace(0.0, 20.0, 41)
    own = OwnT1(TE, TR, FLIP, np.array([1.2]), np.ones(1, bool), 1.2, np.inf, 0.0, np.zeros(1))
    hidden = own.effect(rate / (R2STAR * volume), np.array([volume]))[0]
    np.testing.assert_allclose(hidden, rate - T1Effect(TE, TR, FLIP, 1.2).seen(rate), atol=2e-3)


def test_what_is_hidden_grows_with_t1_and_exchange_and_falls_with_what_a_preload_left():
    def hidden(t1=1.5, exchange=3.0, left=0.0):
        own = OwnT1(TE, TR, FLIP, np.array([t1]), np.ones(1, bool), t1, exchange, left, np.zeros(1))
        return own.effect(np.array([4.0]), np.array([0.03]))[0, 0]

    assert 0 < hidden(0.8) < hidden(1.5) < hidden(2.5)
    assert hidden(exchange=0.5) < hidden(exchange=3.0) < hidden(exchange=np.inf)
    assert hidden(left=0.6) < hidden(left=0.0)
    # Without exchange only the blood itself brightens.
    alone = 0.03 * np.expm1(log_enhancement(np.array(R1 * 4.0), 1 / 1.5, TR, FLIP))
    assert hidden(exchange=1e-9) == pytest.approx(np.log1p(alone) / TE, rel=1e-6)


def test_stated_errors_are_those_that_are_observed():
    runs = [run(made(snr=60.0, seed=3), made(seed=3).t1)]
    thing, rng = made(snr=1e6, seed=3), np.random.default_rng(5)
    sigma = thing.signal[WHITE, :25].mean() / 60.0
    values = []
    for _ in range(24):
        noisy = Made(np.hypot(thing.signal + rng.normal(0, sigma, thing.signal.shape), 0), thing.t1, thing.rcbv)
        values.append(flat(run(noisy, thing.t1).maps["rcbv"])[0])
    stated = flat(runs[0].maps["rcbv"])[1]
    for part in (WHITE, ~WHITE):
        assert 0.8 < np.median(stated[part] / np.std(values, axis=0, ddof=1)[part]) < 1.25


@pytest.mark.parametrize("nonsense", [np.nan, np.inf, 0.0, -1.0, 40.0])
def test_what_no_tissue_has_is_not_known_and_taken_as_white_matter(nonsense):
    thing = made()
    few = np.arange(WHITE.size) >= WHITE.size - 40
    holes = np.where(few, nonsense, thing.t1)
    found = run(thing, holes)
    same = run(thing, np.where(few, np.median(np.float32(thing.t1[WHITE])), thing.t1))
    np.testing.assert_array_equal(found.maps["rcbv"].values, same.maps["rcbv"].values)
    flag = next(flag for flag in found.flags if flag.code == "t1-not-known")
    assert flag.fraction == pytest.approx(few.mean())
    assert not [flag for flag in same.flags if flag.code == "t1-not-known"]


def test_the_run_says_what_was_done():
    thing = made()
    found = run(thing, thing.t1, water_leaves_blood=2.5)
    assert found.summary["t1_of_map"] and found.summary["t1_effect_modelled"]
    assert "map gives each voxel" in found.recipe.methods and "2.5 times a second" in found.recipe.methods
    assert "after the preload" in next(flag.sentence for flag in found.flags if flag.code == "t1-of-map")
    assert not run(thing).summary["t1_of_map"]


HALF = np.where(np.arange(WHITE.size) % 3 == 0, 1.0, np.nan)


@pytest.mark.parametrize(
    ("t1", "more", "says"),
    [
        (np.full(3, 0.9), {}, "shape"),
        (np.full(WHITE.size, 900.0), {}, "another unit"),
        (np.full(WHITE.size, np.nan), {}, "knows 0%"),
        (HALF, {}, "knows 34%"),
        (np.full(WHITE.size, 0.9), {"reference": None}, "--reference"),
        (np.full(WHITE.size, 0.9), {"n_echoes": 2}, "two echoes"),
        (np.full(WHITE.size, 0.9), {"tr": None}, "--tr"),
        (np.full(WHITE.size, 0.9), {"white_t1": 1.0}, "white_t1"),
        (np.full(WHITE.size, 0.9), {"t1_effect": "ignored"}, "ignored"),
        (np.full(WHITE.size, 1.6), {}, "cancel"),
    ],
    ids=["shape", "ms", "nothing", "little", "no reference", "two echoes", "no TR", "two T1", "ignored", "cancels"],
)
def test_a_map_that_cannot_be_used_is_refused_in_a_sentence(t1, more, says):
    with pytest.raises(Problem, match=says):
        run(made(), t1, **more)
