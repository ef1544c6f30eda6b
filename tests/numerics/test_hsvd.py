import numpy as np

from perspect.numerics.hsvd import exponentials, summed


def test_no_component_sums_to_a_signal_of_nothing():
    """Of a spectrum without water none is taken out: that crashed."""
    nothing = np.zeros(0, complex)
    np.testing.assert_array_equal(summed(nothing, nothing, 100), np.zeros(100))


def test_two_damped_lines_are_found_and_sum_to_the_signal():
    factors = np.exp(np.array([-0.01 + 0.3j, -0.02 - 1.1j]))
    signal = summed(factors, np.array([2.0, 1.0j]), 200)
    found, amplitudes = exponentials(signal, 2)
    np.testing.assert_allclose(np.sort_complex(found), np.sort_complex(factors), atol=1e-9)
    np.testing.assert_allclose(summed(found, amplitudes, 200), signal, atol=1e-8)
