import numpy as np
import pytest

from perspect.models import BidirectionalLeakage, ExtendedTofts, Leakage, Patlak, Tofts, VariableFlipAngle

T = np.cumsum(np.r_[0.0, np.random.default_rng(0).uniform(1.0, 8.0, 60)])
CP = 5.0 * np.exp(-T / 60.0) * (T > 10.0)


def test_without_leakage_the_extended_model_is_the_vascular_one():
    for ve in (0.0, 0.2):
        p = np.array([0.0, ve, 0.05])
        np.testing.assert_allclose(ExtendedTofts(T, CP).predict(p), 0.05 * CP)


def test_without_plasma_the_extended_model_is_the_plain_one():
    np.testing.assert_allclose(
        ExtendedTofts(T, CP).predict(np.array([2e-3, 0.2, 0.0])), Tofts(T, CP).predict(np.array([2e-3, 0.2]))
    )


def test_an_endless_space_to_leak_into_is_the_patlak_model():
    extended = ExtendedTofts(T, CP).predict(np.array([1e-3, 1e9, 0.05]))
    np.testing.assert_allclose(extended, Patlak(T, CP).predict(np.array([1e-3, 0.05])), rtol=1e-9)


def test_no_space_to_leak_into_is_no_leakage():
    np.testing.assert_allclose(ExtendedTofts(T, CP).predict(np.array([1e-3, 0.0, 0.05])), 0.05 * CP)


def test_very_fast_exchange_fills_the_space_with_plasma():
    t = np.linspace(0.0, 100.0, 2001)
    smooth = np.sin(t / 30.0) ** 2
    np.testing.assert_allclose(Tofts(t, smooth).predict(np.array([20.0, 0.2])), 0.2 * smooth, atol=2e-4)


def test_a_kep_of_zero_is_one_way_leakage_exactly():
    one_way = Leakage(T, CP).predict(np.array([1.2, 0.03]))
    np.testing.assert_array_equal(BidirectionalLeakage(T, CP).predict(np.array([1.2, 0.03, 0.0])), one_way)


def test_leakage_raises_or_lowers_the_curve_by_its_sign():
    curves = Leakage(T, CP).predict(np.array([[1.0, 0.02], [1.0, -0.02]]))
    assert (curves[0, 10:] < CP[10:]).all()
    assert (curves[1, 10:] > CP[10:]).all()


def test_a_flip_of_ninety_degrees_recovers_by_saturation():
    model = VariableFlipAngle(np.array([np.pi / 2]), 0.5)
    assert model.predict(np.array([100.0, 1.0]))[0] == pytest.approx(100.0 * (1.0 - np.exp(-0.5)))


def test_the_signal_peaks_at_the_ernst_angle():
    angles = np.linspace(0.01, 1.0, 20000)
    signal = VariableFlipAngle(angles, 0.01).predict(np.array([1.0, 1.2]))
    assert angles[signal.argmax()] == pytest.approx(np.arccos(np.exp(-0.01 / 1.2)), abs=1e-4)
