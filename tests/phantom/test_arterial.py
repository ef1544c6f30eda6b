from dataclasses import replace

import numpy as np

import objects
from perspect.phantom import ArterialInput, single_pass

T = np.arange(0.0, 120.0, 0.01)


def test_nothing_arrives_before_the_onset_and_the_first_pass_peaks_three_widths_later():
    comes = single_pass(onset=20.0, peak=6.0)
    assert not comes(T[T <= 20.0]).any()
    assert abs(T[comes(T).argmax()] - 24.5) < 0.02
    assert abs(comes(T).max() - 6.0) < 1e-4  # the sampling of the peak: 0.01 s of a curvature of 1.3 mM/s²


def test_the_area_of_the_first_pass_is_that_of_the_gamma_function():
    # ∫ (u/3)³ e^(3-u) du = 6 e³ / 27, times peak and width
    area = np.trapezoid(single_pass()(T), T)
    np.testing.assert_allclose(area, 6.0 * 1.5 * 6.0 * np.exp(3.0) / 27.0, rtol=1e-6)


def test_a_preload_adds_what_the_earlier_injection_left():
    alone = ArterialInput(onset=45.0)
    twice = replace(alone, preload=300.0)
    np.testing.assert_allclose(twice(T) - alone(T), alone(T + 300.0))
    assert twice.injections == (-255.0, 45.0)


def test_the_input_of_the_shared_leakage_object_is_this_function(shared_data):
    shared = objects.leakage_set(shared_data)
    np.testing.assert_allclose(ArterialInput(onset=45.0)(shared.times), shared.arterial, atol=1e-12)
