import numpy as np
import pytest

import objects
from perspect.phantom import LeakageDesign, Ranges, leakage_object

AS_SHARED = Ranges(kp=(85.0, 85.0), ke=(20.0, 20.0))


def test_without_permeability_every_curve_is_that_of_its_vessels():
    tight = Ranges(ps=(0.0, 0.0), mtt=(4.0, 4.0), kp=(80.0, 80.0))
    made = leakage_object(LeakageDesign(ranges=tight, has_preload=False, n_white=3, n_tumour=5))
    per_vessel = made.delta_r2star / made.vp[:, None]
    np.testing.assert_allclose(per_vessel, np.broadcast_to(per_vessel[0], per_vessel.shape), rtol=1e-9, atol=1e-9)


def test_leakage_leaves_agent_behind_and_the_preload_fills_part_of_it():
    settings = {"snr": np.inf, "n_white": 50, "n_tumour": 200, "flip_angle": np.pi / 2}
    bare = leakage_object(LeakageDesign(has_preload=False, **settings))
    loaded = leakage_object(LeakageDesign(has_preload=True, **settings))
    # T1 effect: at 90 degrees the tail of a leaking voxel is brighter than rest, less so when agent was there before.
    tails = [one.signal[one.tumour, -5:].mean() / one.signal[one.tumour][:, one.rest].mean() for one in (bare, loaded)]
    assert tails[0] > 1.1
    assert tails[0] - 1.0 > 2.0 * (tails[1] - 1.0)


def test_normal_tissue_does_not_leak_and_white_matter_is_the_unit_of_rcbv():
    made = leakage_object(LeakageDesign(n_grey=40))
    assert not made.ps[made.normal].any() and (made.ps[made.tumour] > 0).all()
    np.testing.assert_allclose(made.rcbv[made.white].mean(), 1.0)
    assert 1.5 < made.rcbv[made.grey].mean() < 2.5


def test_true_change_is_counted_from_rest():
    made = leakage_object()
    np.testing.assert_allclose(made.delta_r2star[:, made.rest].mean(axis=1), 0.0, atol=1e-9)


def test_two_echoes_without_noise_give_the_true_change_whatever_t1_does():
    made = leakage_object(LeakageDesign(te=(0.0086, 0.0346), flip_angle=np.deg2rad(70), has_preload=False, snr=np.inf))
    logs = [np.log(one.astype(float) / one[:, :1].astype(float)) for one in made.signals]
    change = (logs[0] - logs[1]) / (0.0346 - 0.0086)
    # float32 signals: 6e-8 relative, times sqrt(2)/0.026 s.
    np.testing.assert_allclose(change, made.delta_r2star, atol=2e-5)


def test_all_echoes_have_the_same_noise_and_the_first_the_stated_snr():
    made = leakage_object(LeakageDesign(te=(0.01, 0.04), snr=50.0, n_white=400, n_tumour=0, has_preload=False))
    scatter = [one[:, made.rest].std(axis=1, ddof=1).mean() for one in made.signals]
    # 400 voxels of 30 samples: 0.6 % of scatter, and 1 % of bias of a standard deviation.
    np.testing.assert_allclose(scatter, made.sigma, rtol=0.03)
    np.testing.assert_allclose(made.signal[:, made.rest].mean() / made.sigma, 50.0, rtol=0.01)


def test_the_same_seed_gives_the_same_bytes_and_time_is_slowest_in_memory():
    first, again, other = (leakage_object(LeakageDesign(seed=seed, n_white=5, n_tumour=5)) for seed in (5, 5, 6))
    assert first.signal.tobytes() == again.signal.tobytes() != other.signal.tobytes()
    assert first.signal.flags.f_contiguous


@pytest.mark.parametrize("has_preload", [False, True])
@pytest.mark.parametrize("degrees", [30, 60, 90])
def test_the_mean_curves_of_the_shared_object_are_ours(shared_data, degrees, has_preload):
    shared = objects.leakage_set(shared_data, degrees, has_preload)
    # Its constants, found from its dual-echo truth: kp 85, ke 20, r1 4.0. Its preload came 300 s before frame 0.
    ours = leakage_object(LeakageDesign(
        flip_angle=shared.flip_angle, has_preload=has_preload, preload_before=345.0, ranges=AS_SHARED, r1=4.0,
        n_white=1000, n_tumour=1500, snr=np.inf, seed=degrees,
    ))  # fmt: skip
    for mine, theirs in ((ours.white, shared.normal), (ours.tumour, shared.tumour)):
        sample = shared.signals[0][theirs].astype(float)
        a, b = ours.signal[mine].astype(float), sample
        error = np.sqrt(a.var(axis=0, ddof=1) / len(a) + b.var(axis=0, ddof=1) / len(b))
        away = np.abs(a.mean(axis=0) - b.mean(axis=0)) / error
        # 80 strongly dependent frames of 200 or 300 voxels: 4 standard errors are passed about once in 1,000 runs.
        assert away.max() < 4.0
        # The same voxels dominate all frames, so the mean curve is much better known than its level.
        assert np.abs(a.mean(axis=0) - b.mean(axis=0)).max() < 0.015 * b.mean()


def test_the_shared_dual_echo_signals_are_ours(shared_data):
    shared = objects.dual_echo_set(shared_data)
    ours = leakage_object(LeakageDesign(
        te=shared.te, flip_angle=shared.flip_angle, has_preload=False, ranges=AS_SHARED, r1=4.0, n_white=1000,
        n_tumour=1500, snr=np.inf,
    ))  # fmt: skip
    # Vessels of 1 to 2 % in its normal tissue; the level at rest and the ratio of the echoes hold whatever vp is.
    for echo in (0, 1):
        for mine, theirs in ((ours.white, shared.normal), (ours.tumour, shared.tumour)):
            level = shared.signals[echo][theirs][:, ours.rest].mean()
            # Noise of 6.4 over 250 voxels and 30 frames: 0.07 of 384 to 645; Rice lifts the lower echo by 0.06.
            np.testing.assert_allclose(ours.signals[echo][mine][:, ours.rest].mean(), level, rtol=1e-3)
