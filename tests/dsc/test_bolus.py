"""No series without a bolus is accepted, and none with one is refused."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.io import loadmat

from dsc.made import everything, series
from perspect import dsc
from perspect.dsc.signal import rest
from perspect.phantom import HeadDesign, LeakageDesign, Tissue, head_object, leakage_object
from perspect.vocabulary import Refusal

NONE = "No passage of a bolus|no signal at rest"
SAMPLINGS = [(1.0, 120), (1.5, 80), (2.0, 50), (3.0, 40)]
"""Seconds between volumes, and how many there are."""


def wave(t, onset, rise):
    x = np.maximum(t - onset, 0) / rise
    return (x * np.exp(1 - x)) ** 3


def passing(t, onset=35.0, height=0.2, width=10.0, tail=0.2):
    """-ln S/S0 of a brain: a first pass `width` s wide, a second one, and what stays."""
    rise = width / 1.42
    stays = tail * (1 - np.exp(-np.maximum(t - onset, 0) / 12)) + 0.12 * wave(t, onset + 1.6 * rise + 6, 1.6 * rise)
    return height * (wave(t, onset, rise) + stays)


def found(loss, t, noise, rng, first=(0.26, 0.03)):
    loss = loss + noise * rng.standard_normal(t.size)
    loss[: len(first)] -= np.array(first)
    return rest(1000 * np.exp(-loss), t)


SLOW = {
    "sag": lambda u: np.sin(np.pi * u),
    "hollow": lambda u: np.exp(-0.5 * ((u - 0.45) / 0.2) ** 2),
    "warming": lambda u: u,
    "cooling": lambda u: -u,
    "settling": lambda u: 1 - np.exp(-6 * u),
    "tent": lambda u: 1 - np.abs(2 * u - 1),
    "step": lambda u: (u > 0.4).astype(float),
    "breath": lambda u: np.sin(14 * np.pi * u),
    "swaying": lambda u: np.sin(5 * np.pi * u),
}


@pytest.mark.parametrize("kind", SLOW)
@pytest.mark.parametrize(("step", "n"), SAMPLINGS)
def test_drift_sag_steps_and_breath_are_no_bolus(kind, step, n):
    rng, t = np.random.default_rng(0), step * np.arange(n)
    for size in (0.01, 0.03, 0.1):
        for noise in (1e-6, 1e-4, 1e-3):
            with pytest.raises(Refusal, match=NONE):
                found(size * SLOW[kind](t / t[-1]), t, noise, rng)


def test_one_or_two_bad_volumes_are_no_bolus():
    rng, t = np.random.default_rng(1), 1.5 * np.arange(80)
    for bad in (slice(40, 41), slice(40, 42)):
        loss = np.zeros(80)
        loss[bad] = 0.2
        with pytest.raises(Refusal, match=NONE):
            found(loss, t, 1e-4, rng)


def test_noise_is_no_bolus_however_often_one_looks():
    rng, t = np.random.default_rng(2), 1.5 * np.arange(80)
    for _ in range(300):
        with pytest.raises(Refusal, match=NONE):
            found(np.zeros(80), t, 0.01, rng)


@pytest.mark.parametrize(("step", "n"), SAMPLINGS)
@pytest.mark.parametrize(
    ("height", "noise"), [(0.2, 0.001), (0.2, 0.01), (0.05, 0.002), (0.03, 0.001)], ids=lambda x: str(x)
)
def test_a_bolus_is_found_be_it_narrow_or_broad_strong_or_weak(step, n, height, noise):
    rng, t = np.random.default_rng(3), step * np.arange(n)
    for width in (6.5, 10.0, 16.0, 20.0):
        for onset in (20.0, 35.3, 55.0):
            at = found(passing(t, onset, height, width), t, noise, rng)
            # The top of a broad bolus is flat: noise may move its highest frame by a fifth of its width.
            assert abs(t[at.peak] - (onset + width / 1.42)) <= 0.2 * width + step


@pytest.mark.parametrize(
    "more",
    [{"tail": 0.45}, {"tail": -0.3}, {"onset": 96.0}, {"onset": 13.0}],
    ids=["leaks", "brightens", "late", "early"],
)
def test_a_bolus_is_found_in_spite_of_leakage_and_wherever_it_is(more):
    rng, t = np.random.default_rng(4), 1.5 * np.arange(80)
    for height in (0.04, 0.3):
        found(passing(t, height=height, **more), t, 0.001, rng)


@pytest.mark.parametrize("drift", [0.03, -0.03])
def test_a_weak_bolus_is_found_on_a_drift_of_its_own_size(drift):
    rng, t = np.random.default_rng(5), 1.5 * np.arange(80)
    at = found(passing(t, height=0.04) + drift * t / t[-1], t, 0.0005, rng)
    assert abs(t[at.peak] - 42.0) <= 3.0


@pytest.fixture(scope="module")
def still():
    """A head at rest, and how it comes to lie: pictures without agent and noise."""
    (echo,) = head_object(
        HeadDesign((48, 48, 6), n_frames=30, onset=44.0, snr=np.inf, rounded=False, dummies=30, seed=2)
    ).series
    return echo


@pytest.mark.parametrize("shape", ["sag", "hollow", "warming"])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_head_without_agent_gets_no_maps(still, shape, seed):
    """The series that was measured before: a slow loss of 3 % at a signal-to-noise ratio of 80."""
    rng, n = np.random.default_rng(seed), 80
    picture = still.values[..., 5:10].mean(axis=3)
    sigma = float(picture[picture > np.median(picture)].mean()) / 80
    level = np.exp(-0.03 * SLOW[shape](np.linspace(0, 1, n)))
    noise = sigma * rng.standard_normal((2, *picture.shape, n))
    values = np.asfortranarray(np.hypot(picture[..., None] * level + noise[0], noise[1]), np.float32)
    sagging = replace(still, values=values, times=1.5 * np.arange(n))
    for motion in (False, True):
        with pytest.raises(Refusal, match=NONE):
            dsc.quantify(sagging, dsc.Plan(motion=motion))


def test_a_nod_of_the_head_is_no_bolus():
    """A few voxels at an edge lose much, the others nothing: their mean looks like a bolus."""
    rng, t = np.random.default_rng(6), 1.5 * np.arange(80)
    loss = np.zeros((400, 80))
    loss[:40] = passing(t, height=1.0, tail=0.0)
    nodding = 1000 * np.exp(-loss) + 5 * rng.standard_normal(loss.shape)
    rest(nodding.mean(axis=0), t)
    with pytest.raises(Refusal, match="a few of its voxels"):
        dsc.quantify(series(nodding, t, 0.03), dsc.Plan(motion=False), mask=everything(400))


def test_half_a_brain_without_blood_is_still_a_brain():
    rng, t = np.random.default_rng(7), 1.5 * np.arange(80)
    loss = np.zeros((600, 80))
    loss[:300] = passing(t) * rng.uniform(0.7, 1.5, (300, 1))
    signal = 1000 * np.exp(-loss) + 10 * rng.standard_normal(loss.shape)
    plan = dsc.Plan(motion=False, leakage="none", deconvolution="none")
    assert "ph" in dsc.quantify(series(signal, t, 0.03), plan, mask=everything(600)).maps


@pytest.mark.parametrize(
    "protocol",
    [
        {"te": 0.09, "flip_angle": np.pi / 2, "tr": 1.5},
        {"te": (0.0086, 0.0346), "has_preload": False},
        {"tr": 3.0, "n_frames": 40},
        {"te": 0.015, "flip_angle": np.pi / 6, "snr": 30.0},
        {"onset": 85.0},
    ],
    ids=["long-te", "two-echoes", "long-tr", "weak-and-noisy", "late"],
)
def test_heads_of_other_protocols_have_a_bolus(protocol):
    head = head_object(HeadDesign((48, 48, 6), **{"n_frames": 80, "seed": 3, **protocol}))
    brain = np.isin(head.labels, [Tissue.GREY, Tissue.WHITE])
    at = rest(head.series[-1].mean_curve(brain), head.series[-1].times)
    assert at.arrival == pytest.approx(protocol.get("onset", 45.0), abs=8.0)


def test_the_real_series_has_a_bolus_and_without_it_none(shared_data):
    """A moyamoya patient. What lies before the bolus and after it is refused."""
    values = loadmat(shared_data / "dsc_real_convexity" / "convexity.mat")["VOL15"].astype(float)
    mean = values[values[..., 1:8].mean(axis=2) > 0.3 * np.quantile(values, 0.98)].mean(axis=0)
    at = rest(mean, 2.0 * np.arange(50))
    assert 9 <= at.arrival / 2.0 <= 12
    for left in (mean[:9], mean[24:]):
        with pytest.raises(Refusal):
            rest(left, 2.0 * np.arange(left.size))


@pytest.mark.parametrize("seed", range(20))
def test_a_slow_random_walk_of_the_brain_mean_is_no_bolus(seed):
    """Steps that add up to 3 % over the series, as drift of a scanner and of a head do."""
    t = 1.5 * np.arange(80)
    walk = np.cumsum(np.random.default_rng(seed).normal(0.0, 0.03 / np.sqrt(t.size), t.size))
    with pytest.raises(Refusal):
        rest(1000 * (1 + walk), t)


def test_a_straight_drift_over_a_series_with_a_bolus_is_named_as_the_cause():
    """The wrong variant blamed T1, which neither another flip angle nor a second echo would have mended."""
    thing = leakage_object(LeakageDesign(n_white=250, n_tumour=50, snr=80.0, seed=3))
    drifting = thing.signal * (1 + 0.06 * thing.times / thing.times[-1])
    one = series(drifting, thing.times, 0.03, thing.tr, thing.flip_angle, True)
    with pytest.raises(Refusal, match="straight line"):
        dsc.quantify(one, dsc.Plan(motion=False, deconvolution="none"), mask=everything(thing.white.size))
