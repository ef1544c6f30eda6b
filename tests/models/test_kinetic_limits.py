"""What kinetic models become where one of their parameters has no effect, and that they convolve exactly."""

import numpy as np
import pytest

from perspect.models import (
    AdiabaticTissueHomogeneity,
    ConstrainedReferenceRegion,
    DelayedExtendedTofts,
    ExtendedTofts,
    Patlak,
    ReferenceRegion,
    Tofts,
    TwoCompartmentExchange,
    TwoCompartmentUptake,
    Vascular,
)  # fmt: skip
from perspect.numerics.convolve import exponential_convolution, exponential_convolution_at, running_integral_at

T = np.cumsum(np.r_[0.0, np.random.default_rng(0).uniform(0.5, 6.0, 60)])
CP = 5.0 * np.exp(-((T - 20.0) ** 2) / 50.0) + np.clip(T - 18.0, 0.0, None) / 100.0 * np.exp(-T / 200.0)
FINE = np.linspace(0.0, T[-1], 200_001)


def fine(impulse):
    """The plasma curve convolved with an impulse response by brute force on a grid a thousand times finer."""
    step = FINE[1]
    n = 2 ** int(np.ceil(np.log2(2 * FINE.size)))
    cp = np.interp(FINE, T, CP)
    weights = np.full(FINE.size, step)
    weights[0] = 0.5 * step
    product = np.fft.irfft(np.fft.rfft(cp, n) * np.fft.rfft(impulse(FINE) * weights, n), n)[: FINE.size]
    return np.interp(T, FINE, product)


def test_a_convolution_at_any_time_is_the_one_on_the_knots_there_and_exact_between():
    rate = np.array([0.003, 0.05, 0.0])
    np.testing.assert_allclose(
        exponential_convolution_at(T, CP, rate, T), exponential_convolution(T, CP, rate), atol=1e-12
    )
    between = 0.3 * T[:-1] + 0.7 * T[1:]
    expected = np.interp(between, FINE, np.interp(FINE, T, fine(lambda t: np.exp(-0.05 * t))))
    exact = exponential_convolution_at(T, CP, rate[1:2], between)[0]
    both = np.sort(np.r_[T, between])
    np.testing.assert_allclose(
        exact, exponential_convolution(both, np.interp(both, T, CP), rate[1:2])[0][1::2], rtol=1e-9
    )
    assert np.abs(exact - expected).max() < 0.05 * exact.max()  # interpolated by lines: only a sanity check


def test_before_the_first_knot_the_tissue_is_empty():
    early = np.array([-5.0, -1.0])
    assert (exponential_convolution_at(T, CP, np.array([0.01]), early) == 0).all()
    assert (running_integral_at(T, CP, early) == 0).all()


@pytest.mark.parametrize(
    "fp, ps, ve, vp", [(0.01, 0.002, 0.2, 0.05), (0.003, 0.0005, 0.4, 0.02), (0.02, 0.01, 0.1, 0.1)]
)
def test_the_exchange_model_is_the_solution_of_its_two_equations(fp, ps, ve, vp):
    """The roots against a matrix exponential of the compartments, convolved by brute force."""
    matrix = np.array([[-(fp + ps) / vp, ps / vp], [ps / ve, -ps / ve]])
    values, vectors = np.linalg.eig(matrix)
    start = np.linalg.solve(vectors, np.array([fp / vp, 0.0]))
    held = np.array([vp, ve]) @ vectors
    expected = fine(lambda t: (held * start) @ np.exp(np.outer(values, t)))
    got = TwoCompartmentExchange(T, CP).predict(np.array([fp, ps, ve, vp]))
    np.testing.assert_allclose(got, expected, atol=2e-4 * expected.max())  # of the brute force


def test_without_permeability_exchange_and_uptake_are_the_same_flow_through_plasma():
    exchange = TwoCompartmentExchange(T, CP).predict(np.array([0.01, 0.0, 0.3, 0.05]))
    uptake = TwoCompartmentUptake(T, CP).predict(np.array([0.01, 0.0, 0.05]))
    np.testing.assert_allclose(exchange, uptake, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(exchange, 0.01 * exponential_convolution(T, CP, np.array([0.2]))[0], rtol=1e-10)


def test_exchange_into_an_endless_space_is_uptake():
    exchange = TwoCompartmentExchange(T, CP).predict(np.array([0.01, 0.002, 1e7, 0.05]))
    uptake = TwoCompartmentUptake(T, CP).predict(np.array([0.01, 0.002, 0.05]))
    np.testing.assert_allclose(exchange, uptake, rtol=1e-6)


def test_an_endless_flow_makes_uptake_the_patlak_model_and_exchange_the_extended_one():
    uptake = TwoCompartmentUptake(T, CP).predict(np.array([50.0, 0.002, 0.05]))
    np.testing.assert_allclose(uptake, Patlak(T, CP).predict(np.array([0.002, 0.05])), rtol=2e-2, atol=2e-3)
    exchange = TwoCompartmentExchange(T, CP).predict(np.array([50.0, 0.002, 0.2, 0.05]))
    np.testing.assert_allclose(
        exchange, ExtendedTofts(T, CP).predict(np.array([0.002, 0.2, 0.05])), rtol=2e-2, atol=2e-3
    )


def test_the_slow_root_of_exchange_does_not_cancel():
    """K- = a/K+ beside the difference of two nearly equal numbers, which keeps none of its digits here."""
    fp, ps, ve, vp = 0.02, 1e-14, 0.3, 0.02
    _, (fast, slow) = TwoCompartmentExchange(T, CP).split(np.array([fp, ps, ve, vp]))
    np.testing.assert_allclose([slow, fast], [ps / ve, fp / vp], rtol=1e-9)


def test_equal_roots_do_not_divide_by_zero():
    # (Fp + PS)/vp = PS/ve and PS small: both rates meet as PS -> 0.
    got = TwoCompartmentExchange(T, CP).predict(np.array([0.01, 1e-14, 1e-14 / 0.2, 0.05]))
    np.testing.assert_allclose(got, 0.01 * exponential_convolution(T, CP, np.array([0.2]))[0], rtol=1e-5)


def test_a_plug_that_does_not_leak_holds_agent_for_its_transit_time():
    fp, vp = 0.01, 0.06
    got = AdiabaticTissueHomogeneity(T, CP).predict(np.array([fp, 0.0, 0.2, vp]))
    integral = running_integral_at(T, CP, np.stack([T, T - vp / fp]))
    np.testing.assert_allclose(got, fp * (integral[0] - integral[1]), rtol=1e-10, atol=1e-12)


def test_the_plug_and_what_leaks_from_it_by_brute_force():
    fp, ps, ve, vp = 0.01, 0.004, 0.2, 0.06
    extracted = 1 - np.exp(-ps / fp)
    expected = fine(lambda t: np.where(t < vp / fp, fp, extracted * fp * np.exp(-extracted * fp / ve * (t - vp / fp))))
    got = AdiabaticTissueHomogeneity(T, CP).predict(np.array([fp, ps, ve, vp]))
    np.testing.assert_allclose(got, expected, atol=2e-3 * expected.max())


def test_a_delay_moves_the_curve_and_nothing_else():
    model = DelayedExtendedTofts(T, CP)
    p = np.array([0.002, 0.2, 0.05])
    np.testing.assert_allclose(model.predict(np.r_[p, 0.0]), ExtendedTofts(T, CP).predict(p), atol=1e-12)
    even = np.arange(0.0, 200.0, 2.0)
    cp = np.interp(even, T, CP)
    moved = DelayedExtendedTofts(even, cp).predict(np.r_[p, 6.0])
    np.testing.assert_allclose(moved[3:], ExtendedTofts(even, cp).predict(p)[:-3], atol=1e-12)


def test_a_plasma_curve_on_its_own_clock_is_not_thinned_to_that_of_the_tissue():
    sparse = T[::4]
    got = ExtendedTofts(sparse, CP, T).predict(np.array([0.002, 0.2, 0.05]))
    np.testing.assert_allclose(got, ExtendedTofts(T, CP).predict(np.array([0.002, 0.2, 0.05]))[::4], atol=1e-12)


def test_a_step_that_is_taken_from_the_first_two_samples_is_wrong_on_an_uneven_clock():
    """dt = t[1] - t[0], as a peer has it, against the exact convolution: the test would catch such a change."""
    t = np.concatenate([np.arange(0.0, 60.0, 2.5), np.arange(60.0, 300.0, 8.0)])
    cp = np.interp(t, T, CP)
    exact = Tofts(t, cp).predict(np.array([0.002, 0.2]))
    wrong = 0.002 * exponential_convolution(np.arange(t.size) * 2.5, cp, np.array([0.01]))[0]
    assert np.abs(wrong - exact).max() > 0.1 * exact.max()


def test_the_rectangle_rule_misses_what_the_exact_convolution_has():
    t = np.arange(0.0, 300.0, 5.0)
    cp = np.interp(t, T, CP)
    exact = Tofts(t, cp).predict(np.array([0.002, 0.2]))
    rectangle = (
        0.002 * 5.0 * np.array([(cp[: i + 1] * np.exp(-0.01 * (t[i] - t[: i + 1]))).sum() for i in range(t.size)])
    )
    assert np.abs(rectangle - exact).max() > 0.02 * exact.max()


def test_tissue_against_itself_is_itself_and_constraint_and_free_form_agree():
    reference = Tofts(T, CP).predict(np.array([0.001, 0.2]))
    np.testing.assert_allclose(ReferenceRegion(T, reference).predict(np.array([1.0, 0.005, 0.005])), reference)
    # The identity behind the model holds for the continuous curve: fine sampling is needed to see it.
    t = np.linspace(0.0, 200.0, 4001)
    cp = np.interp(t, T, CP)
    region, tissue = (Tofts(t, cp).predict(np.array(p)) for p in ((0.001, 0.2), (0.003, 0.3)))
    np.testing.assert_allclose(ReferenceRegion(t, region).predict(np.array([3.0, 0.005, 0.01])), tissue, atol=1e-5)
    np.testing.assert_allclose(
        ConstrainedReferenceRegion(t, region, 0.005).predict(np.array([3.0, 0.01])), tissue, atol=1e-5
    )


def test_vessels_alone_are_the_extended_model_without_leakage():
    np.testing.assert_allclose(
        Vascular(T, CP).predict(np.array([0.05])), ExtendedTofts(T, CP).predict(np.array([0.0, 0.2, 0.05]))
    )
