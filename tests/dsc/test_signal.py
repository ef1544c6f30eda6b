import numpy as np
import pytest

from perspect.dsc.signal import delta_r2star, dual_echo_delta_r2star, relaxation, rest
from perspect.vocabulary import Refusal, Status

TIMES = 1.5 * np.arange(80)


def bolus(times=TIMES, onset=30.0, height=8.0):
    x = np.maximum(times - onset, 0)
    return height * (x / 4.5) ** 3 * np.exp(3 - 3 * x / 4.5) + 0.12 * height * (1 - np.exp(-x / 8))


def mean_signal(onset=30.0, first=(0.26, 0.03), noise=2e-4, seed=0, times=TIMES):
    signal = 1000 * np.exp(-0.03 * bolus(times, onset))
    signal[: len(first)] *= 1 + np.array(first)
    return signal * (1 + noise * np.random.default_rng(seed).standard_normal(times.size))


@pytest.mark.parametrize("onset", [15.0, 30.2, 60.9])
def test_the_baseline_follows_the_bolus_wherever_it_arrives(onset):
    found = rest(mean_signal(onset), TIMES)
    assert found.start == 2
    # The rise begins like t³: a threshold would place it later; the parabola places it within a frame and a half.
    assert found.arrival == pytest.approx(onset, abs=2.3)
    assert TIMES[found.stop - 1] <= found.arrival - 1.5
    assert found.stop - found.start >= int(onset / 1.5) - 5


def test_first_frames_in_steady_state_are_kept():
    assert rest(mean_signal(first=(0.0, 0.0)), TIMES).start == 0


def test_frames_that_start_too_dark_are_dropped_as_well():
    assert rest(mean_signal(first=(-0.2, -0.05, -0.02)), TIMES).start == 3


def test_a_drop_by_a_fixed_count_would_be_wrong_for_either_series():
    """The wrong variant: one fixed number of dummy frames keeps a bad frame here or throws away three good ones
    there."""
    assert {rest(mean_signal(first=f), TIMES).start for f in [(0.26,), (0.26, 0.1, 0.05, 0.02)]} == {1, 4}


def test_uneven_times_are_used_as_they_are():
    times = np.cumsum(np.where(np.arange(80) % 2, 1.0, 2.0))
    found = rest(mean_signal(30.0, times=times), times)
    assert found.arrival == pytest.approx(30.0, abs=2.5)


def test_a_series_without_bolus_is_refused():
    rng = np.random.default_rng(1)
    with pytest.raises(Refusal, match="No passage of a bolus"):
        rest(1000 * (1 + 2e-4 * rng.standard_normal(80)), TIMES)


def test_a_bolus_at_the_start_is_refused():
    with pytest.raises(Refusal, match="too early"):
        rest(mean_signal(onset=2.0, first=()), TIMES)


def test_delta_r2star_inverts_the_decay():
    rate = bolus()
    signal = 500 * np.exp(-0.03 * rate)[None]
    np.testing.assert_allclose(delta_r2star(signal, np.array([500.0]), 0.03)[0], rate, atol=1e-12)


def test_without_signal_there_is_no_number():
    signal = np.array([[100.0, 0.0, -3.0, 50.0]])
    found = delta_r2star(signal, np.array([100.0]), 0.03)[0]
    assert np.isnan(found[1:3]).all()
    assert np.isfinite(found[[0, 3]]).all()
    assert np.isnan(delta_r2star(signal, np.array([0.0]), 0.03)).all()


def test_negative_changes_are_kept():
    assert delta_r2star(np.array([[110.0]]), np.array([100.0]), 0.03)[0, 0] < -3


def test_two_echoes_cancel_t1_and_one_does_not():
    rate = bolus()
    enhanced = 1 + 0.3 * (1 - np.exp(-np.maximum(TIMES - 30, 0) / 20))
    first, second = (800 * enhanced * np.exp(-te * rate)[None] for te in (0.0086, 0.0346))
    level = np.array([800.0])
    found = dual_echo_delta_r2star(first, second, (level, level), (0.0086, 0.0346))[0]
    np.testing.assert_allclose(found, rate, atol=1e-10)
    single = delta_r2star(second, level, 0.0346)[0]
    assert np.abs(single - rate).max() > 5


def made(signal, noise_seed=0):
    signal = np.asarray(signal, np.float32)
    at_rest = rest(signal.mean(axis=0).astype(float), TIMES)
    return relaxation((np.asfortranarray(signal),), (0.03,), at_rest)


def test_saturation_is_flagged_and_not_clipped():
    rng = np.random.default_rng(3)
    rate = np.stack([bolus(height=h) for h in [8.0] * 40 + [250.0] * 5])
    clean = 1000 * np.exp(-0.03 * rate)
    noisy = np.hypot(clean + rng.normal(0, 10, clean.shape), rng.normal(0, 10, clean.shape))
    found = made(noisy)
    assert (found.status[:40] == Status.OK).all()
    assert (found.status[40:] == Status.SATURATED).all()
    assert found.curves[40:].max() > 100
    assert (found.curves[:, : found.rest.stop] < 0).any()


def test_a_voxel_with_a_hole_has_no_curve_and_says_so():
    signal = np.tile(mean_signal(noise=1e-3), (30, 1))
    signal[3, 40] = 0.0
    signal[4, 41] = np.nan
    signal[5] = 0.0
    found = made(np.where(np.isnan(signal), np.nan, signal)[[0, 1, 2]])
    assert (found.status == Status.OK).all()
    at_rest = found.rest
    found = relaxation((np.asfortranarray(signal.astype(np.float32)),), (0.03,), at_rest)
    assert found.status[3] == Status.NO_SIGNAL
    assert found.status[4] == Status.NOT_FINITE
    assert found.status[5] == Status.NO_SIGNAL


def test_the_stated_noise_of_a_sample_is_its_scatter_also_at_the_peak():
    rng = np.random.default_rng(4)
    clean = 1000 * np.exp(-0.03 * bolus(height=25.0))
    noisy = clean + rng.normal(0, 10, (4000, TIMES.size))
    found = made(noisy)
    level = (found.noise**2).mean() / found.rest.n_frames
    stated = np.sqrt(found.variance(slice(0, 4000)).mean(axis=0) + level)
    observed = found.curves.std(axis=0)
    # 4000 repeats tell a standard deviation to 1.1 %; the farthest of 60 samples is within three and a half of that.
    after = slice(found.rest.stop, None)
    np.testing.assert_allclose(stated[after] / observed[after], 1.0, atol=0.04)
    assert stated.max() > 1.8 * stated[0]


def test_a_guard_of_our_own_gives_way_to_a_short_baseline_and_is_said_to_be_short():
    t = 0.5 * np.arange(160)
    found = rest(mean_signal(2.5, first=(0.26, 0.1), times=t), t)
    assert found.n_frames == 3 and found.is_guard_short and 0.5 <= found.guard < 1.5
    assert not rest(mean_signal(20.0, first=(), times=t), t).is_guard_short


def test_a_series_without_noise_has_an_arrival_with_an_error():
    """The wrong variant squared the smallest number to nothing: an error of NaN took every time to peak with it."""
    t = 1.5 * np.arange(80)
    since = np.maximum(t - 30.0, 0.0) / 6
    found = rest(1000 * np.exp(-0.3 * since**3 * np.exp(3 - 3 * since)), t)
    assert abs(found.arrival - 30.0) < 1.5
    # Nothing but the grid on which the break is searched is uncertain.
    assert 0.0 < found.arrival_std < 0.1
