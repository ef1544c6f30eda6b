import numpy as np
import pytest

from perspect.io.plausible import plausible_signal
from perspect.vocabulary import Problem


def problem(values, slope=1.0, intercept=0.0):
    with pytest.raises(Problem) as caught:
        plausible_signal(values, slope, intercept, "s.nii")
    assert caught.value.exit_code == 2
    assert caught.value.remedy
    return str(caught.value)


def test_a_sound_series_raises_no_flag(stored):
    assert plausible_signal(stored, 1.0, 0.0, "s.nii") == ()


def test_a_series_of_zeros_is_refused():
    said = problem(np.zeros((4, 4, 2, 12), np.int16))
    assert "Every volume of s.nii is constant." in said
    assert "Take" not in said


def test_an_empty_volume_is_named_by_its_index(stored):
    stored[..., 7] = 0
    assert "Volume 7 of s.nii is constant (counted from 0)" in problem(stored)


@pytest.mark.parametrize("kind", [np.int16, np.float32])
def test_one_volume_again_and_again_is_refused(stored, kind):
    again = np.repeat(stored[..., :1], 12, axis=3).astype(kind)
    assert "All 12 volumes of s.nii are the same" in problem(again)
    if kind is np.float32:
        again[0, 0, 0] = np.nan
        assert "are the same" in problem(again)
    again[1, 1, 1, 7] += 1
    plausible_signal(again, 1.0, 0.0, "s.nii")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_volumes_without_a_finite_number_are_named_by_index(stored, bad):
    values = stored.astype(np.float32)
    values[..., [3, 9]] = bad
    said = problem(values)
    assert "volumes 3, 9 of s.nii holds no finite number" in said
    assert "Take them out of the series" in said
    values[:] = bad
    assert "Every volume of s.nii holds no finite number." in problem(values)


def test_single_voxels_that_are_not_finite_are_a_note_with_their_volumes(stored):
    values = stored.astype(np.float32)
    values[0, 0, 0, 4] = np.nan
    (flag,) = plausible_signal(values, 1.0, 0.0, "s.nii")
    assert flag.where == "volumes 4"
    assert flag.fraction == pytest.approx(1 / 60)


def test_signal_below_zero_throughout_is_refused(stored):
    assert "no positive signal" in problem(-stored)


def test_a_negative_slope_is_seen_through(stored):
    assert "no positive signal" in problem(stored, slope=-1.0)
    assert plausible_signal(-stored, -1.0, 0.0, "s.nii") == ()


def test_an_intercept_that_makes_the_signal_positive_is_seen(stored):
    assert plausible_signal((stored - 4096).astype(np.int16), 1.0, 4096.0, "s.nii") == ()


def test_z_scores_are_refused(stored):
    scores = ((stored - stored.mean()) / stored.std()).astype(np.float32)
    assert "looks normalised" in problem(scores)


def test_ringing_below_zero_in_the_background_is_tolerated(stored):
    values = stored.astype(np.float32)
    values[:2] = np.random.default_rng(0).normal(0, 20, values[:2].shape)
    assert plausible_signal(values, 1.0, 0.0, "s.nii") == ()


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_numbers_whose_squares_are_no_numbers_are_refused_and_large_and_small_ones_are_not(stored, scale):
    assert "largest value" in problem(stored.astype(np.float32) * np.float32(scale))
    for factor in (1e-12, 1e9):
        assert plausible_signal(stored.astype(np.float32) * np.float32(factor), 1.0, 0.0, "s.nii") == ()
