"""What a curve shows without a model: its stated errors are its scatter, level at rest and all."""

import numpy as np
import pytest

import made_dce as made
from perspect.dce.bolus import AtRest
from perspect.dce.concentration import concentration, gains
from perspect.dce.enhancement import delta_r1, semiquantitative
from perspect.vocabulary import lexicon

N = 4000
REST = AtRest(slice(0, 12), 40.0, 15, False)
BEFORE = np.full(N, 1.3)


@pytest.fixture(scope="module")
def seen():
    """One curve with new noise in every voxel, in signal and in mM, and what it shows without any."""
    c = np.tile(made.tissue(1)[3], (N, 1))
    clean = made.signal(c, BEFORE)
    noisy = clean + np.random.default_rng(0).normal(0.0, 0.01 * clean[0, 0], clean.shape)
    return c, clean, noisy


def columns(c, noise, signal):
    return semiquantitative(c, noise, signal, made.TIMES, REST, made.plasma())


@pytest.mark.parametrize(
    "quantity",
    [lexicon.IAUGC60, lexicon.IAUGC180, lexicon.IAUGC60_BLOOD, lexicon.WASH_OUT, lexicon.DELTA_R1, lexicon.DELTA_T1],
)
def test_the_error_of_what_is_linear_in_concentrations_is_its_scatter(seen, quantity):
    rng, c = np.random.default_rng(1), seen[0]
    noise = np.full(N, 0.01)
    found = columns(c + rng.normal(0.0, 0.01, c.shape), noise, seen[1])
    found |= delta_r1(c + rng.normal(0.0, 0.01, c.shape), noise, BEFORE, made.R1)
    values, std = found[quantity]
    assert np.median(std) / values.std() == pytest.approx(1.0, abs=0.05)  # N tells a scatter to 1.1 %


@pytest.mark.parametrize("quantity", [lexicon.ENHANCEMENT])
def test_the_error_of_enhancement_holds_that_of_the_level_at_rest(seen, quantity):
    values, std = columns(seen[0], np.full(N, 0.01), seen[2])[quantity]
    assert np.sqrt(np.mean(std**2)) / values.std() == pytest.approx(1.0, abs=0.05)


def test_the_error_of_a_rise_is_that_of_two_samples():
    """A rise between two samples that nothing else can exceed, of steps that are not alike."""
    times = np.r_[made.TIMES[:14], made.TIMES[14:] + 2.0]
    c = np.zeros((N, times.size))
    c[:, 14:] = 1.0
    noisy = c + np.random.default_rng(2).normal(0.0, 0.01, c.shape)
    rest = AtRest(slice(0, 12), 40.0, 14, False)
    values, std = semiquantitative(noisy, np.full(N, 0.01), made.signal(c, BEFORE), times, rest, None)[lexicon.WASH_IN]
    assert np.median(values) == pytest.approx(1.0 / 5.0, rel=0.01)
    assert np.median(std) / values.std() == pytest.approx(1.0, abs=0.05)


def test_the_blood_normalised_area_is_over_plasma(seen):
    found = columns(seen[0], np.full(N, 0.01), seen[1])
    inside = np.linspace(0, 100, 100_001) >= 40.0
    fine = np.linspace(0, 100, 100_001)[inside]
    area = np.trapezoid(np.interp(fine, made.TIMES, made.plasma()), fine)
    ratio = found[lexicon.IAUGC60][0] / found[lexicon.IAUGC60_BLOOD][0]
    assert np.median(ratio) == pytest.approx(area, rel=1e-4)


def test_what_an_error_of_the_signal_is_in_concentration_is_what_it_does():
    """Of a sample, and of the level at rest, against the concentration worked out again; with B1 and a T1 of each."""
    _, t1, b1, c = made.tissue(20)
    signal, angle = made.signal(c, t1, b1), made.ANGLE * b1
    own, common = gains(c, t1, made.TR, angle, made.R1)
    small = 1e-5 * signal[:, :1]

    def turned(one, level):
        whole = np.concatenate([np.broadcast_to(level, (20, 2)), one], axis=1)
        return concentration(whole, slice(0, 2), t1, made.TR, made.ANGLE, made.R1, b1).curves[:, 2:]

    at_rest = made.signal(np.zeros((20, 1)), t1, b1)
    by_sample = (turned(signal + small, at_rest) - turned(signal, at_rest)) / 1e-5
    by_level = (turned(signal, at_rest + small) - turned(signal, at_rest)) / -1e-5
    np.testing.assert_allclose(by_sample, own, rtol=1e-3)
    np.testing.assert_allclose(by_level, common, rtol=1e-3)
