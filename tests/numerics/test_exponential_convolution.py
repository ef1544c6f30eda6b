import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from perspect.numerics.convolve import cumulative_trapezoid, exponential_convolution

UNEVEN = np.cumsum(np.r_[0.0, np.random.default_rng(0).uniform(0.2, 9.0, 40)])


def test_a_constant_input_fills_as_the_textbook_says_on_uneven_times():
    rates = np.array([1e-5, 0.003, 0.2, 4.0])
    filled = exponential_convolution(UNEVEN, np.ones_like(UNEVEN), rates)
    np.testing.assert_allclose(filled, -np.expm1(-rates[:, None] * UNEVEN) / rates[:, None], rtol=1e-12)


def test_a_ramp_fills_as_the_textbook_says_on_uneven_times():
    rates = np.array([1e-4, 0.01, 1.0])[:, None]
    filled = exponential_convolution(UNEVEN, UNEVEN, rates[:, 0])
    x = rates * UNEVEN
    # The closed form cancels for small x; that is what the tolerance is for, not the recursion.
    np.testing.assert_allclose(filled, (x + np.expm1(-x)) / rates**2, rtol=1e-7)


def test_any_piecewise_linear_input_agrees_with_numerical_integration():
    a = np.random.default_rng(1).normal(size=UNEVEN.size)
    expected, _ = quad(
        lambda u: np.interp(u, UNEVEN, a) * np.exp(-0.05 * (UNEVEN[-1] - u)), 0.0, UNEVEN[-1],
        points=UNEVEN[1:-1], limit=200,
    )  # fmt: skip
    found = exponential_convolution(UNEVEN, a, np.array([0.05]))[0, -1]
    assert found == pytest.approx(expected, abs=1e-10)


def test_at_rate_zero_it_is_exactly_the_running_integral():
    a = np.random.default_rng(2).normal(size=UNEVEN.size)
    np.testing.assert_array_equal(exponential_convolution(UNEVEN, a, np.zeros(1))[0], cumulative_trapezoid(UNEVEN, a))


def test_at_an_infinite_rate_nothing_stays():
    assert (exponential_convolution(UNEVEN, np.ones_like(UNEVEN), np.array([np.inf])) == 0).all()


def test_nothing_jumps_where_the_series_takes_over():
    step = np.array([0.0, 1.0])
    for a in (np.array([1.0, 0.0]), np.array([0.0, 1.0])):
        below, above = exponential_convolution(step, a, np.array([0.02 * (1 - 1e-13), 0.02 * (1 + 1e-13)]))[:, 1]
        assert below == pytest.approx(above, rel=2e-13)


@settings(deadline=None, max_examples=50)
@given(k=st.floats(0.0, 5.0), split=st.integers(1, 39))
def test_stopping_and_going_on_changes_nothing(k, split):
    a = np.sin(UNEVEN)
    whole = exponential_convolution(UNEVEN, a, np.array([k]))[0]
    rest = exponential_convolution(UNEVEN[split:], a[split:], np.array([k]))[0]
    carried = whole[split] * np.exp(-k * (UNEVEN[split:] - UNEVEN[split]))
    np.testing.assert_allclose(whole[split:], carried + rest, rtol=1e-9, atol=1e-12)


def test_a_clock_written_in_decimals_gives_what_an_exact_one_gives():
    exact, decimal = np.arange(100) * 1.5, np.linspace(0.0, 148.5, 100)
    a = np.exp(-exact / 20.0)
    rates = np.array([0.001, 0.5])
    np.testing.assert_allclose(
        exponential_convolution(decimal, a, rates), exponential_convolution(exact, a, rates), rtol=1e-10
    )


def test_every_rate_of_a_batch_is_as_if_alone():
    rates = np.random.default_rng(3).uniform(0.0, 1.0, (2, 3))
    a = np.cos(UNEVEN)
    together = exponential_convolution(UNEVEN, a, rates)
    assert together.shape == (2, 3, UNEVEN.size)
    np.testing.assert_array_equal(together[1, 2], exponential_convolution(UNEVEN, a, rates[1, 2:])[0])
