"""An echo from elsewhere: told from decay and noise, and said of a spectrum."""

import numpy as np

from mrs_made import DWELL, HEALTHY, N, basis, spectra, spectrum
from perspect import mrs
from perspect.mrs.ghost import LATE, late_energy
from perspect.pitfalls import spurious


def test_an_echo_raises_late_energy_and_noise_does_not():
    rng = np.random.default_rng(0)
    t = np.arange(1024) / 2000
    decay = 50 * np.exp(-12 * t)
    noises = [rng.standard_normal((2, 1024)) for _ in range(50)]
    plain = [late_energy(decay + noise[0] + 1j * noise[1]) for noise in noises]
    echoed = [late_energy(decay + 6 * np.exp(-(((t - 0.42) / 0.02) ** 2)) + n[0] + 1j * n[1]) for n in noises]
    assert max(plain) < LATE < min(echoed)


def test_a_signal_that_rises_up_to_its_end_has_no_echo():
    """A scanner's filter had wrapped its beginning round: such a real spectrum was said to have an echo."""
    rng, n = np.random.default_rng(0), 1024
    noise = rng.standard_normal((2, n))
    wrapped = 300.0 / (n + 1.0 - np.arange(n))
    assert late_energy(50 * np.exp(-12 * np.arange(n) / 2000) + wrapped + noise[0] + 1j * noise[1]) < LATE


def test_a_spectrum_with_a_late_echo_says_so():
    """An echo 400 ms after the first point, of signal 1.5 ppm above water."""
    t, plain = np.arange(N) * DWELL, spectrum(HEALTHY).values[0, 0, 0]
    echo = 40.0 * np.exp(-(((t - 0.4) / 0.02) ** 2) - 2j * np.pi * 185.0 * t)
    without, found = (mrs.measure(spectra(one), basis()) for one in (plain, plain + echo))
    assert "late-echo" not in [flag.code for flag in without.flags]
    assert "late-echo" in [flag.code for flag in found.flags]
    assert found.summary["late"] > LATE > without.summary["late"]


def test_a_late_echo_is_a_trap_of_an_examination_from_where_it_is_a_remark_of_the_spectrum():
    assert spurious.LATE == LATE
