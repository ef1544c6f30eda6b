"""Blood that the bolus does not show because agent leaves on its way through, told by T1 from two echoes."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from dsc.made import concordance, everything, flat, leakage_run, region, series
from perspect.dsc import Plan, quantify
from perspect.dsc.extraction import (
    TRANSIT,
    Extraction,
    SteadyState,
    extraction,
    extraction_by_map,
    extraction_flags,
)
from perspect.dsc.reference import mean_reference
from perspect.dsc.signal import relaxation, rest
from perspect.models.spgr import log_enhancement
from perspect.phantom import LeakageDesign, leakage_object
from perspect.phantom.leakage import Ranges
from perspect.vocabulary import Acquisition, Problem, Severity

TE, FLIP, FINE = (0.0086, 0.0346), np.deg2rad(70), 0.05
SLOW = 0.08
"""Ktrans over blood volume, in 1/s, below which the signal does not saturate in two minutes."""


@cache
def made(**more):
    design = {"n_white": 300, "n_tumour": 300, "seed": 3} | more
    return leakage_object(LeakageDesign(te=TE, flip_angle=FLIP, has_preload=False, **design))


def curves_of(thing):
    at_rest = rest(thing.signals[1][thing.white].mean(axis=0).astype(float), thing.times, 1.5)
    return relaxation(tuple(np.asfortranarray(one, np.float32) for one in thing.signals), thing.te, at_rest)


def read(thing):
    """How fast agent leaves, against the true white matter."""
    curves = curves_of(thing)
    first = slice(curves.rest.stop, curves.rest.stop + 20)
    normal = mean_reference(curves, thing.times, first, np.flatnonzero(thing.white))
    return extraction(curves, thing.times, normal, Acquisition(thing.te[0], thing.tr, thing.flip_angle, 3.0, False))


def score(thing, **choices):
    values, _ = flat(leakage_run(thing, preload=False, **choices).maps["rcbv"])
    found, true = values[thing.tumour], thing.rcbv[thing.tumour]
    return concordance(found, true), found.mean() / true.mean() - 1


def in_a_row(thing, n, snr=100.0):
    """The same voxels with capillaries of `n` well-mixed pieces in a row: many are plug flow. Fast water exchange."""
    fine = np.arange(0.0, thing.times[-1] + 2 * FINE, FINE)
    artery = np.interp(fine, thing.times, thing.arterial)
    pieces, outside = np.zeros((n, thing.vp.size)), np.zeros(thing.vp.size)
    inside, around = np.zeros((2, fine.size, thing.vp.size))
    rate, leaves = n / thing.mtt, thing.ps / thing.vp
    for i, comes in enumerate(artery):
        before = np.concatenate([np.full((1, thing.vp.size), comes), pieces[:-1]])
        outside = outside + FINE * thing.ps * (pieces.mean(axis=0) - outside) / thing.ve
        # implicit, so that short pieces stay stable
        pieces = (pieces + FINE * (rate * before + leaves * outside)) / (1 + FINE * (rate + leaves))
        inside[i], around[i] = pieces.mean(axis=0), outside
    at = np.round(thing.times / FINE).astype(int)
    cp, ce = inside[at].T, around[at].T
    vp, ve = thing.vp[:, None], thing.ve[:, None]
    r2star = thing.kp[:, None] * vp * np.abs(cp - ce) + thing.ke[:, None] * ve * ce
    t1 = np.where(thing.white, 1.1, 1.6)[:, None]
    gain = log_enhancement(4.2 * (vp * cp + ve * ce), 1 / t1, thing.tr, thing.flip_angle)
    rng = np.random.default_rng(0)
    signals = [np.exp(gain - te * r2star) for te in thing.te]
    noisy = [
        np.hypot(one + rng.standard_normal(one.shape) / snr, rng.standard_normal(one.shape) / snr) for one in signals
    ]
    return replace(thing, signals=tuple(noisy))


def test_r1_is_read_back_from_the_signal_as_far_as_it_shows():
    state = SteadyState(1.5, FLIP, 1.6)
    true = np.array([-0.1, 0.0, 0.05, 0.4])
    seen = log_enhancement(true, 1 / 1.6, 1.5, FLIP)
    added, noise = state.added_r1(seen, np.full(4, 1e-3))
    np.testing.assert_allclose(added, true, atol=1e-4)
    assert np.all(np.diff(noise) > 0)
    beyond, _ = state.added_r1(np.array([5.0]), np.array([1e-3]))
    assert 0.5 < beyond[0] < 2.0


def test_blood_that_agent_leaves_is_put_back():
    found, bias = score(made())
    without, below = score(made(), extraction="ignored")
    assert found > 0.97 and abs(bias) < 0.05
    assert without < 0.95 and below < -0.10


@pytest.mark.parametrize(("n", "most"), [(1, 0.06), (8, 0.11)])
def test_neither_well_mixed_blood_nor_plug_flow_is_read_worse_for_it(n, most):
    thing = in_a_row(made(), n)
    (found, bias), (without, below) = score(thing), score(thing, extraction="ignored")
    assert found > without and abs(bias) < most and below < -0.07


def test_the_rate_is_ktrans_over_the_blood_volume_of_white_matter():
    thing = made()
    leaves = read(thing)
    flow = thing.vp / thing.mtt
    ktrans = (flow * thing.ps / (flow + thing.ps) / thing.vp[thing.white].mean())[leaves.voxels]
    assert np.sum(leaves.rate * ktrans) / np.sum(ktrans**2) == pytest.approx(1.0, abs=0.15)
    assert np.corrcoef(leaves.rate, ktrans)[0, 1] > 0.9


def test_nothing_is_added_where_nothing_leaks():
    leaves = read(made(ranges=Ranges(ps=(0.0, 1e-9)), n_grey=300))
    assert leaves.voxels.size < 0.005 * 900


def test_the_stated_error_is_the_scatter_of_the_rate():
    """Where agent leaves so fast that the signal saturates, it is larger: the samples that are not read have noise."""
    clean = made(snr=1e7)
    sigma = float(clean.signals[0][clean.white][:, :10].mean()) / 100.0
    rates, stated = np.full((2, 12, clean.vp.size), np.nan)
    for i in range(12):
        rng = np.random.default_rng(i)
        noisy = tuple(
            np.hypot(one + sigma * rng.standard_normal(one.shape), sigma * rng.standard_normal(one.shape))
            for one in clean.signals
        )
        leaves = read(replace(clean, signals=noisy))
        rates[i, leaves.voxels], stated[i, leaves.voxels] = leaves.rate, leaves.std
    known = np.isfinite(rates).all(axis=0)
    assert known.sum() > 250
    ratio = np.sqrt((stated[:, known] ** 2).mean(axis=0)) / rates[:, known].std(axis=0, ddof=1)
    is_slow = rates[:, known].mean(axis=0) < SLOW
    assert is_slow.sum() > 100
    assert 0.8 < np.median(ratio[is_slow]) < 1.25
    assert np.median(ratio[~is_slow]) > 0.8


def test_one_odd_nodule_is_read_as_among_many():
    """Nothing is taken from other voxels that leak: five of them alone have the same rates."""
    whole = made()
    few = np.flatnonzero(whole.tumour)[:5]
    chosen = np.sort(np.concatenate([np.flatnonzero(whole.white), few]))
    n = whole.vp.size
    parts = {key: one[chosen] for key, one in vars(whole).items() if np.ndim(one) > 0 and np.shape(one)[0] == n}
    alone = replace(whole, **parts, signals=tuple(one[chosen] for one in whole.signals))
    all_of, some = read(whole), read(alone)
    np.testing.assert_allclose(
        some.rate[np.isin(chosen[some.voxels], few)], all_of.rate[np.isin(all_of.voxels, few)], rtol=0.02
    )


def test_one_echo_has_none_of_it_and_two_say_where():
    two = leakage_run(made(), preload=False)
    assert two.summary["extraction_voxels"] > 250
    assert any(flag.code == "extraction-added" for flag in two.flags)
    assert "extraction" in [step.name for step in two.recipe.steps]
    one = leakage_run(leakage_object(LeakageDesign(n_white=300, n_tumour=100, seed=3)), preload=True)
    assert "extraction_voxels" not in one.summary


@cache
def one_echo():
    """FA 30° without preload, and its true Ktrans."""
    design = {"te": 0.025, "flip_angle": np.deg2rad(30), "has_preload": False, "n_white": 300, "n_tumour": 300}
    thing = leakage_object(LeakageDesign(**design, seed=3))
    flow = thing.vp / thing.mtt
    return thing, flow * thing.ps / (flow + thing.ps)


def with_map(thing, ktrans, **choices):
    echo = series(thing.signal, thing.times, thing.te[0], thing.tr, thing.flip_angle, False)
    plan = Plan(**({"motion": False, "deconvolution": "none"} | choices))
    given = {} if ktrans is None else {"ktrans": ktrans.reshape(-1, 1, 1)}
    normal = region(thing.white, "normal")
    return quantify(echo, plan, mask=everything(thing.white.size), reference=normal, **given)


def test_a_map_of_ktrans_puts_it_back_where_one_echo_cannot_tell():
    thing, ktrans = one_echo()
    off = []
    for given in (None, ktrans):
        values, _ = flat(with_map(thing, given).maps["rcbv"])
        found, true = values[thing.tumour], thing.rcbv[thing.tumour]
        off.append((concordance(found, true), found.mean() / true.mean() - 1))
    (without, below), (found, bias) = off
    assert below < -0.08 and abs(bias) < 0.05
    assert found > without + 0.03
    assert "map of Ktrans" in with_map(thing, ktrans).summary["extraction_origin"]


@pytest.mark.parametrize(
    ("choices", "factor", "said"),
    [
        ({"extraction": "ignored"}, 1.0, "read by nobody"),
        ({"leakage": "leu"}, 1.0, "read by nobody"),
        ({"leakage_reference": "brain"}, 1.0, "white matter"),
        ({}, 3600.0, "another unit"),
    ],
)
def test_a_map_of_ktrans_that_cannot_be_used_is_refused(choices, factor, said):
    thing, ktrans = one_echo()
    with pytest.raises(Problem, match=said):
        with_map(thing, factor * ktrans, **choices)


@pytest.mark.parametrize("wild", [50.0, np.inf, np.nan])
def test_a_voxel_of_the_map_that_no_tissue_can_have_is_left_as_it_is(wild):
    """One of 50 /s made a blood volume of ten thousand times that of white matter, measured."""
    thing = made()
    ktrans = np.where(thing.tumour, 0.002, 0.0)
    odd = np.flatnonzero(thing.tumour)[0]
    ktrans[odd] = wild
    leaves = extraction_by_map(ktrans, curves_of(thing), 0.02, 0.1)
    assert odd not in leaves.voxels
    assert set(leaves.voxels) <= set(np.flatnonzero(thing.tumour))
    assert leaves.voxels.size > 250
    np.testing.assert_allclose(leaves.rate, 0.1)


def test_only_voxels_whose_added_blood_is_worth_a_word_are_counted():
    """A map of Ktrans has a little everywhere: of 2000 voxels 5 % of the blood of 40 is added, and less of the rest."""
    added = np.r_[np.full(40, 0.2), np.full(1900, 0.01), np.full(60, 0.04)]
    area = np.r_[np.ones(1940), np.full(60, 1e-3)]  # of fluid 0.04 of what white matter has is no blood at all
    leaves = Extraction(np.arange(2000), added / TRANSIT[0], np.zeros(2000), "the map that was given", 0.1)
    (flag,) = extraction_flags(leaves, area, 1.0)
    assert "In 40 voxels" in flag.sentence and "a median of 20%" in flag.sentence
    assert (flag.fraction, flag.severity) == (pytest.approx(0.2), Severity.NOTE)
    many = Extraction(np.arange(2000), np.full(2000, 0.2) / TRANSIT[0], np.zeros(2000), "the map that was given", 0.1)
    assert extraction_flags(many, np.ones(2000), 1.0)[0].severity == Severity.CAUTION
    little = Extraction(np.arange(2000), np.full(2000, 0.04) / TRANSIT[0], np.zeros(2000), "the map", 0.1)
    assert extraction_flags(little, np.ones(2000), 1.0) == () == extraction_flags(None, np.ones(2000), 1.0)


def test_a_map_of_ktrans_on_another_grid_is_refused():
    thing, ktrans = one_echo()
    with pytest.raises(Problem, match="shape"):
        with_map(thing, ktrans[:-1])
