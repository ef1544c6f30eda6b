import numpy as np
import pytest

from dsc.made import concordance, flat, leakage_run
from objects import leakage_set
from perspect.dsc.signal import relaxation, rest
from perspect.dsc.t1_effect import T1_WHITE, T1Effect, t1_effect
from perspect.phantom import LeakageDesign, leakage_object
from perspect.vocabulary import Acquisition, Problem

DEGREES = np.pi / 180
EFFECT = T1Effect(0.03, 1.5, 60 * DEGREES, t1=1.1)
"""With the T1 of white matter in the reference objects, which is not the one that is assumed for patients."""


def test_what_is_seen_can_be_undone():
    rate = np.r_[np.linspace(-2, 60, 300), 120.0, 380.0]
    np.testing.assert_allclose(EFFECT.true(EFFECT.seen(rate)), rate, atol=1e-3)


def test_beyond_the_table_the_effect_is_a_constant():
    far = EFFECT.true(np.array([600.0, 700.0]))
    assert far[1] - far[0] == pytest.approx(100.0)
    assert np.isfinite(far).all()


def test_noise_below_zero_keeps_its_sign_and_mean():
    noise = np.random.default_rng(0).normal(0, 0.4, 200_000)
    found = EFFECT.true(noise)
    assert abs(found.mean()) < 0.02
    assert (np.sign(found) == np.sign(noise)).all()


def test_the_signal_equation_is_the_one_of_the_reference_object():
    """An independent route: the object steps the signal of tissue without leakage with its own code."""
    thing = leakage_object(LeakageDesign(flip_angle=60 * DEGREES, has_preload=False, n_tumour=0, snr=1e7, seed=1))
    at_rest = rest(thing.signal.mean(axis=0).astype(float), thing.times, 1.5)
    signal = (np.asfortranarray(thing.signal.astype(np.float32)),)
    with_t1 = relaxation(signal, (0.03,), at_rest, EFFECT).curves
    without = relaxation(signal, (0.03,), at_rest).curves
    peak = thing.delta_r2star.max(axis=1)
    # Relaxivities of the object vary by 6 % between voxels; those of the inversion do not.
    assert np.median(with_t1.max(axis=1) / peak) == pytest.approx(1.0, abs=0.03)
    assert np.median(without.max(axis=1) / peak) < 0.8


def test_the_stated_noise_follows_the_inversion():
    rng = np.random.default_rng(2)
    clean = np.exp(-0.03 * EFFECT.seen(np.r_[np.zeros(20), np.linspace(0, 12, 10), np.linspace(12, 2, 40)]))
    signal = np.asfortranarray(1000 * (clean + rng.normal(0, 0.008, (4000, clean.size))), np.float32)
    at_rest = rest(signal.mean(axis=0).astype(float), 1.5 * np.arange(clean.size), 1.5)
    found = relaxation((signal,), (0.03,), at_rest, EFFECT)
    after = slice(30, None)
    level = (found.noise**2).mean() / found.rest.n_frames
    stated = np.sqrt(found.variance(slice(0, 4000)).mean(axis=0) + level)[after]
    # The level's share is amplified as at rest, which is slightly more than at the samples themselves.
    np.testing.assert_allclose(stated / found.curves.std(axis=0)[after], 1.0, atol=0.06)


def test_it_is_known_only_with_one_echo_and_a_protocol():
    setting = Acquisition(te=0.03, tr=1.5, flip_angle=1.0)
    assert t1_effect(setting, (0.03,)) == T1Effect(0.03, 1.5, 1.0, T1_WHITE)
    assert t1_effect(setting, (0.01, 0.03)) is None
    assert t1_effect(Acquisition(te=0.03, tr=1.5), (0.03,)) is None


def score(thing, **choices):
    values, _ = flat(leakage_run(thing, **choices).maps["rcbv"])
    found, true = values[thing.tumour], thing.rcbv[thing.tumour]
    return concordance(found, true), found.mean() / true.mean() - 1


@pytest.mark.parametrize("te", [0.03, 0.045])
def test_with_preload_the_truth_is_found_at_every_echo_time(te):
    thing = leakage_object(LeakageDesign(te=te, flip_angle=60 * DEGREES, seed=3))
    agreement, bias = score(thing, preload=True)
    assert agreement >= 0.93
    assert abs(bias) <= 0.08


@pytest.mark.parametrize("t10", [(0.85, 1.35, 1.5), (0.85, 1.35, 2.0), (1.1, 1.4, 1.6)])
def test_agreement_survives_other_tissues_than_the_assumed(t10):
    """Ignoring the effect is a little better where white matter has 0.85 s, and much worse where it has 1.1 s."""
    thing = leakage_object(LeakageDesign(te=0.03, flip_angle=60 * DEGREES, seed=3, t10=t10))
    assert score(thing, preload=True)[0] >= 0.92


def test_ignoring_it_is_the_wrong_variant_at_short_echo_time():
    thing = leakage_object(LeakageDesign(te=0.03, flip_angle=60 * DEGREES, seed=3))
    agreement, bias = score(thing, preload=True, t1_effect="ignored")
    assert agreement < 0.93
    assert bias > 0.08


@pytest.mark.parametrize("tr", [1.0, 1.2, 1.5])
def test_with_the_t1_of_white_matter_the_truth_is_found_at_every_repetition_time(tr):
    """Without it (the wrong variant takes 0.85 s where there is 1.1) the volume is a fifth too high at TR 1 s."""
    thing = leakage_object(
        LeakageDesign(tr=tr, n_frames=int(120 / tr), flip_angle=60 * DEGREES, n_white=700, n_tumour=500, seed=11)
    )
    agreement, bias = score(thing, preload=True, white_t1=1.1)
    assert agreement >= 0.93
    assert abs(bias) <= 0.08
    if tr == 1.0:
        assert score(thing, preload=True)[1] > 0.15


def test_where_no_preload_is_recorded_only_the_automatic_correction_models_it():
    thing = leakage_object(LeakageDesign(te=0.03, flip_angle=60 * DEGREES, seed=3))
    assert leakage_run(thing, preload=True).summary["t1_effect_modelled"]
    for preload in (False, None):
        # Only the automatic correction finds the T1 of what leaks.
        assert leakage_run(thing, preload=preload).summary["t1_effect_modelled"]
        for leakage in ("bsw", "leu"):
            assert not leakage_run(thing, leakage, preload=preload).summary["t1_effect_modelled"]
    assert "T1 effect of agent inside vessels" in leakage_run(thing, preload=True).recipe.methods


def test_it_cannot_be_asked_for_where_it_is_not_known():
    thing = leakage_object(LeakageDesign(te=(0.01, 0.03), flip_angle=60 * DEGREES, seed=3, n_tumour=30))
    with pytest.raises(Problem, match="--flip-angle"):
        leakage_run(thing, preload=True, t1_effect="modelled")


def test_the_shared_object_with_preload_agrees(shared_data):
    agreement, bias = score(leakage_set(shared_data, 60, True), preload=True)
    assert agreement >= 0.93
    assert abs(bias) <= 0.08
