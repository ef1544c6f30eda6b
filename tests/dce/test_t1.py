import numpy as np
import pytest

import made_dce as made
from perspect.dce import Images, of_both, of_flip_angles, of_inversions
from perspect.dce import t1 as t1_module
from perspect.dce.t1 import variable_flip_angle
from perspect.models import Hifi, InversionRecovery, LookLocker
from perspect.vocabulary import Grid, Problem, Region, Severity, Status

ANGLES = np.deg2rad([2.0, 5.0, 10.0, 15.0, 20.0])


def spgr(t1, b1, tr=0.005, m0=1000.0):
    angle, e = ANGLES * b1[:, None], np.exp(-tr / t1)[:, None]
    return m0 * np.sin(angle) * (1 - e) / (1 - e * np.cos(angle))


@pytest.fixture(scope="module")
def voxels():
    rng = np.random.default_rng(0)
    t1, b1 = rng.uniform(0.5, 2.5, 4000), rng.uniform(0.75, 1.25, 4000)
    return t1, b1, spgr(t1, b1)


@pytest.mark.parametrize("method", ["linear", "weighted", "nonlinear"])
def test_without_noise_every_method_finds_t1(voxels, method):
    t1, b1, signals = voxels
    found = variable_flip_angle(signals, ANGLES, 0.005, b1, method)
    np.testing.assert_allclose(found.t1, t1, rtol=1e-5)
    np.testing.assert_allclose(found.s0, 1000.0, rtol=1e-5)


def test_a_flip_angle_taken_for_the_nominal_one_makes_t1_wrong_by_its_square(voxels):
    t1, b1, signals = voxels
    found = variable_flip_angle(signals, ANGLES, 0.005)
    np.testing.assert_allclose(found.t1 / t1, b1**2, rtol=0.03)  # exact for small angles only
    assert np.median(np.abs(found.t1 / t1 - 1.0)) > 0.15


def test_the_stated_error_is_the_scatter_and_linear_fits_are_biased_by_noise(voxels):
    t1, b1, signals = voxels
    noise = signals.max(axis=1).mean() / 60.0
    noisy = signals + np.random.default_rng(1).normal(0.0, noise, signals.shape)
    for sigma in (None, np.full(t1.size, noise)):
        found = variable_flip_angle(noisy, ANGLES, 0.005, b1, "nonlinear", sigma)
        good = found.status == Status.OK
        assert good.mean() > 0.99
        ratio = np.sqrt(np.mean(found.t1_std[good] ** 2)) / np.sqrt(np.mean((found.t1 - t1)[good] ** 2))
        assert 0.8 < ratio < 1.25
    linear = variable_flip_angle(noisy, ANGLES, 0.005, b1, "linear")
    spread = [np.nanmedian(np.abs(one.t1 / t1 - 1.0)) for one in (found, linear)]
    assert spread[0] < spread[1]


def test_b1_and_noise_of_the_shared_object_leave_three_per_cent(shared_data):
    z = np.load(shared_data / "dsc-dce" / "synthetic" / "vfa_b1.npz")
    found = variable_flip_angle(z["S"], np.deg2rad(z["fa_deg"]), float(z["tr"]), z["b1"])
    assert np.nanmedian(np.abs(found.t1 / z["T1"] - 1.0)) < 0.03
    without = variable_flip_angle(z["S"], np.deg2rad(z["fa_deg"]), float(z["tr"]))
    assert np.nanmedian(np.abs(without.t1 / z["T1"] - 1.0)) > 0.2


def test_a_hopeless_voxel_is_nan_with_its_reason(voxels):
    signals = voxels[2][:4].copy()
    signals[0, 2], signals[1], signals[2] = np.nan, 0.0, 1000.0 * np.tan(2 * ANGLES)
    found = variable_flip_angle(signals, ANGLES, 0.005)
    assert found.status[0] == Status.NOT_FINITE and found.status[1] == Status.NO_SIGNAL
    assert np.isnan(found.t1[:2]).all() and np.isnan(found.t1_std[:2]).all()
    assert found.status[2] == Status.NOT_DETERMINED and np.isnan(found.t1[2])
    assert found.status[3] == Status.OK


def test_one_angle_is_not_enough():
    with pytest.raises(Problem, match="flip angle"):
        variable_flip_angle(np.ones((3, 1)), np.array([0.2]), 0.005)


def images(values):
    return Images(values.reshape(-1, 1, 1, values.shape[-1]), Grid((values.shape[0], 1, 1), np.eye(4)))


def all_of(values):
    return Region(np.ones((values.shape[0], 1, 1), bool), Grid((values.shape[0], 1, 1), np.eye(4)), "all")


def test_magnitudes_after_inversions_get_their_sign_back():
    ti = np.array([0.05, 0.2, 0.5, 0.9, 1.5, 2.5, 4.0])
    t1 = np.linspace(0.4, 1.8, 50)
    truth = InversionRecovery(ti).predict(np.stack([np.full(50, 900.0), np.full(50, 1700.0), t1], axis=-1))
    seen = np.abs(truth + np.random.default_rng(0).normal(0.0, 3.0, truth.shape))
    found = of_inversions(images(seen), ti, mask=all_of(seen)).maps["T1map"]
    np.testing.assert_allclose(found.values[:, 0, 0], t1, rtol=0.05)
    naive = of_inversions(images(seen), ti, mask=all_of(seen), is_magnitude=False).maps["T1map"]
    assert np.isclose(naive.values[:, 0, 0], t1, rtol=0.1).mean() < 0.2


def test_look_locker_undoes_the_haste_of_its_pulses():
    t = np.linspace(0.03, 4.0, 24)
    t1, angle, step = np.linspace(0.6, 1.6, 30), np.deg2rad(8.0), 0.166
    m, seen = -np.ones(30), []
    now = 0.0
    for when in t:  # pulse by pulse, without the formula
        m = 1.0 - (1.0 - m) * np.exp(-(when - now) / t1)
        seen.append(1000.0 * m * np.sin(angle))
        m, now = m * np.cos(angle), when
    assert np.allclose(np.diff(t), step, atol=0.01)
    values = np.abs(np.stack(seen, axis=1))
    found = of_inversions(images(values), t, is_look_locker=True, mask=all_of(values)).maps["T1map"].values[:, 0, 0]
    np.testing.assert_allclose(found, t1, rtol=0.06)
    apparent = of_inversions(images(values), t, mask=all_of(values)).maps["T1map"].values[:, 0, 0]
    assert (apparent < 0.98 * t1).all()


def test_the_reference_voxel_of_despot1_hifi_has_the_t1_and_flip_angle_of_its_authors():
    """Signals of the SEPAL test voxel (TI 168 and 1068 ms; FA 2, 5 and 12°): T1 1.0218 s, B1 1.138."""
    model = Hifi(np.deg2rad([5.0, 5.0, 2.0, 5.0, 12.0]), 0.0054, np.array([0.168, 1.068, np.nan, np.nan, np.nan]), 160)
    seen = np.array([[249.0, 585.0, 413.0, 604.0, 445.0]])
    maps = of_both(images(seen), model, mask=all_of(seen)).maps
    assert maps["T1map"].values[0, 0, 0] == pytest.approx(1.0218, abs=2e-3)
    assert maps["TB1map"].values[0, 0, 0] == pytest.approx(1.138, abs=2e-3)
    without = variable_flip_angle(seen[:, 2:], np.deg2rad([2.0, 5.0, 12.0]), 0.0054)
    assert without.t1[0] / 1.0218 == pytest.approx(1.138**2, rel=0.05)


def pulse_by_pulse(t1, angle, tr, delay, n, pause, centre, rounds=400):
    """The signal at one pulse of a train, after so many inversions that nothing of the first is left."""
    m = 1.0
    for _ in range(rounds):
        m = 1.0 - (1.0 + m) * np.exp(-delay / t1)
        for at in range(n):
            if at == centre:
                seen = abs(m) * np.sin(angle)
            m = 1.0 - (1.0 - m * np.cos(angle)) * np.exp(-tr / t1)
        m = 1.0 - (1.0 - m) * np.exp(-pause / t1)
    return seen


@pytest.mark.parametrize(("n", "pause", "centre"), [(1, 0.0, 0), (32, 0.0, 16), (32, 0.3, 16), (64, 0.5, 16)])
def test_a_train_after_an_inversion_is_what_its_pulses_make_one_by_one(n, pause, centre):
    t1, b1, tr, delay = 1.2, 0.9, 0.0054, np.array([0.15, 0.6])
    model = Hifi(np.deg2rad([5.0, 5.0]), tr, delay, n, pause, centre / n)
    one_by_one = [pulse_by_pulse(t1, b1 * np.deg2rad(5.0), tr, one, n, pause, centre) for one in delay]
    np.testing.assert_allclose(model.predict(np.array([1.0, t1, b1])), one_by_one, rtol=1e-9)


def test_the_order_in_which_inversion_times_are_given_changes_nothing():
    ti = np.array([0.05, 0.2, 0.5, 0.9, 1.5, 2.5])
    seen = np.abs(InversionRecovery(ti).predict(np.stack([[900.0, 1700.0, one] for one in np.linspace(0.5, 1.6, 20)])))
    mixed = np.array([3, 0, 5, 1, 4, 2])
    found, other = (
        of_inversions(images(one), when, mask=all_of(seen)).maps["T1map"]
        for one, when in ((seen, ti), (seen[:, mixed], ti[mixed]))
    )
    np.testing.assert_allclose(found.values[:, 0, 0], np.linspace(0.5, 1.6, 20), rtol=1e-3)
    np.testing.assert_array_equal(found.values, other.values)


def test_a_t1_at_the_end_of_what_is_looked_for_says_so_and_has_no_error():
    """T1 of 14 s, beyond the 10 s of the search, in signal without noise."""
    found = variable_flip_angle(spgr(np.full(1, 14.0), np.ones(1)), ANGLES, 0.005, noise=np.full(1, 0.01))
    assert found.status[0] == Status.AT_BOUND and found.t1[0] == pytest.approx(10.0)
    assert np.isnan(found.t1_std[0])


def test_a_fit_that_does_not_come_to_rest_is_no_t1(voxels, monkeypatch):
    monkeypatch.setattr(t1_module, "STEPS", 1)
    noisy = voxels[2][:200] + np.random.default_rng(3).normal(0.0, 3.0, (200, ANGLES.size))
    found = variable_flip_angle(np.abs(noisy), ANGLES, 0.005, voxels[1][:200])
    lost = found.status == Status.NOT_CONVERGED
    assert lost.mean() > 0.5 and np.isnan(found.t1[lost]).all() and np.isnan(found.t1_std[lost]).all()


def test_coarse_whole_numbers_and_a_dark_image_are_said():
    rng = np.random.default_rng(0)
    clean = spgr(np.full(500, 1.4), np.ones(500), m0=200.0)
    noisy = np.round(np.abs(clean + rng.normal(0.0, 1.5, clean.shape)))
    found = of_flip_angles(Images(noisy.reshape(-1, 1, 1, 5), Grid((500, 1, 1), np.eye(4)), True), ANGLES, 0.005)
    codes = {flag.code: flag.severity for flag in found.flags}
    assert {"coarse-rounding", "noise-floor", "no-b1-map"} <= set(codes)
    assert codes["noise-floor"] == Severity.LIMITED


TI = np.array([0.05, 0.2, 0.5, 0.9, 1.5, 2.5, 4.0])
PLATEAU = np.stack([[1.0, 1.9, one] for one in np.linspace(0.6, 1.6, 100)])
SLOW_LOOK = LookLocker(np.linspace(0.03, 4.0, 16))
BOTH = Hifi(np.deg2rad([5.0, 5.0, 2.0, 5.0, 12.0]), 0.0054, np.array([0.2, 0.7, np.nan, np.nan, np.nan]), 160)


def recovered(kind, level, noise, is_integer, is_magnitude=True):
    """Codes of the remarks on T1 of 100 voxels of a recovery with so high a plateau, or of trains with so much S0."""
    model = {"inversions": InversionRecovery(TI), "look-locker": SLOW_LOOK, "both": BOTH}[kind]
    p = PLATEAU * [level, level, 1.0] if kind != "both" else np.stack([[level, one, 1.0] for one in PLATEAU[:, 2]])
    clean, rng = model.predict(p), np.random.default_rng(0)
    seen = clean + rng.normal(0.0, noise, clean.shape)
    if is_magnitude:
        seen = np.hypot(seen, rng.normal(0.0, noise, clean.shape))
    values = (np.round(seen) if is_integer else seen).reshape(10, 10, 1, -1)
    grid = Grid((10, 10, 1), np.eye(4))
    one, mask = Images(values, grid, is_integer), Region(np.ones((10, 10, 1), bool), grid, "all")
    if kind == "both":
        return {flag.code for flag in of_both(one, model, mask=mask).flags}
    how = {"is_look_locker": kind == "look-locker", "is_magnitude": is_magnitude, "mask": mask}
    return {flag.code for flag in of_inversions(one, model.inversion_times, **how).flags}


@pytest.mark.parametrize("kind", ["inversions", "look-locker"])
def test_of_a_recovery_coarse_numbers_and_noise_are_told_by_its_brightest_image(kind):
    """Its darkest image is near zero in some voxels whatever the noise."""
    assert recovered(kind, 1000.0, 20.0, True) == set()
    assert recovered(kind, 1000.0, 200.0, True) == {"noise-floor"}
    assert recovered(kind, 15.0, 0.1, True) == {"coarse-rounding"}
    assert recovered(kind, 15.0, 0.1, False) == set()


def test_signs_that_were_kept_are_not_lifted_by_noise():
    assert recovered("inversions", 1000.0, 200.0, False, is_magnitude=False) == set()
    assert recovered("inversions", 15.0, 0.1, True, is_magnitude=False) == {"coarse-rounding"}


def test_of_t1_and_flip_angle_together_they_are_told_by_images_without_inversion():
    """Of S0 some 3 % are seen without an inversion, and hardly anything after 0.7 s in voxels with a T1 of 1 s."""
    assert recovered("both", 2e4, 5.0, True) == set()
    assert recovered("both", 2e4, 200.0, False) == {"noise-floor"}
    assert recovered("both", 2e4, 120.0, False) == set()  # 6.5 times the noise; after an inversion 3.8
    assert recovered("both", 400.0, 0.05, True) == {"coarse-rounding"}


def test_the_synthetic_signal_here_is_that_of_the_room():
    t1 = np.array([1.2])
    np.testing.assert_allclose(
        made.signal(np.zeros((1, 1)), t1)[:, 0],
        1000 * np.sin(made.ANGLE) * (1 - np.exp(-0.005 / 1.2)) / (1 - np.exp(-0.005 / 1.2) * np.cos(made.ANGLE)),
    )


def test_with_two_angles_the_error_comes_from_neighbours_and_is_the_scatter():
    rng, angles, tr, noise = np.random.default_rng(4), np.deg2rad([3.0, 15.0]), 0.005, 4.0
    t1 = np.where(np.arange(40)[:, None, None] < 20, 0.95, 1.45) * np.ones((40, 40, 2))
    e = np.exp(-tr / t1)[..., None]
    clean = 2e4 * np.sin(angles) * (1 - e) / (1 - e * np.cos(angles))
    images = Images(clean + rng.normal(0, noise, clean.shape), Grid((40, 40, 2), np.eye(4)))
    measured = of_flip_angles(images, angles, tr)
    for own in (slice(2, 18), slice(22, 38)):
        values, std = (getattr(measured.maps["T1map"], one)[own] for one in ("values", "std"))
        assert 0.9 < np.median(std) / np.std(values) < 1.15  # 640 voxels tell a scatter to 3 %
    assert [flag.severity.name for flag in measured.flags if flag.code == "noise-of-neighbours"] == ["CAUTION"]
