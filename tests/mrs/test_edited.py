"""Edited spectra: what the pulse was made for is found, and only where the two signals were registered."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest

from mrs_made import DWELL, FREQUENCY, HEALTHY, TUMOUR, N, spectra
from perspect.models.spins import MOLECULES, MegaPress, Press, simulated
from perspect.mrs import Plan, edited
from perspect.mrs.band import band_of
from perspect.vocabulary import Basis

NAMES = ("NAA", "Cr", "PCr", "GPC", "Ins", "Glu", "Gln", "GABA", "Lac", "2HG")
TE = 0.068
PPM = 4.65 - np.fft.fftfreq(2 * N, DWELL) / (FREQUENCY * 1e-6)
AT_GABA, AT_LACTATE = (1.75, 2.05), (3.95, 4.25)


@lru_cache(maxsize=4)
def basis(band):
    sequence = MegaPress(0.012, TE - 0.012, band)
    values = np.array([simulated(MOLECULES[one], sequence, FREQUENCY, DWELL, N) for one in NAMES])
    return Basis(NAMES, values, DWELL, FREQUENCY, TE, f"simulated, editing {band}")


def pair(truth, band, *, drift=4.0, turn=0.35, noise=0.25):
    """The unedited and the edited signal of a voxel, the second off by some Hz and rad."""
    rng = np.random.default_rng(3)
    t = np.arange(N) * DWELL
    made = []
    for one, move, phase in ((basis((0.0, 0.0)), 0.0, 0.0), (basis(band), drift, turn)):
        lines = np.array([truth.get(name, 0.0) for name in one.names]) @ one.values
        noisy = noise * (rng.normal(size=N) + 1j * rng.normal(size=N))
        made.append(spectra(lines * np.exp(-12 * t - 100 * t**2 + 2j * np.pi * (move + 2) * t + 1j * phase) + noisy))
    return [type(one)(**{**vars(one), "te": TE}) for one in made]


def test_without_a_band_editing_is_a_plain_echo_for_a_singlet():
    for key in ("Cr", "GPC"):
        plain = simulated(MOLECULES[key], Press(0.012, TE - 0.012), FREQUENCY, DWELL, N)
        unedited = simulated(MOLECULES[key], MegaPress(0.012, TE - 0.012), FREQUENCY, DWELL, N)
        np.testing.assert_allclose(unedited, plain, atol=1e-9 * np.abs(plain).max())


def test_editing_turns_lactate_upright_and_removes_what_it_hits():
    """At TE = 1/J lactate stands on its head without editing and upright with it; NAA in the band is dephased."""
    te = 0.1442

    def middle(name, band):
        signal = simulated(MOLECULES[name], MegaPress(0.012, te - 0.012, band), FREQUENCY, DWELL, N)
        t = np.arange(N) * DWELL
        return np.sum(signal * np.exp(-2j * np.pi * (4.65 - (1.3142 if name == "Lac" else 2.008)) * 123.2 * t - 12 * t))

    assert middle("Lac", AT_LACTATE).real > 0 > middle("Lac", (0.0, 0.0)).real
    assert abs(middle("NAA", AT_GABA)) < 0.05 * abs(middle("NAA", (0.0, 0.0)))


@pytest.mark.parametrize(
    ("name", "band", "kind"), [("GABA", AT_GABA, HEALTHY), ("Lac", AT_LACTATE, TUMOUR), ("2HG", AT_GABA, TUMOUR)]
)
def test_what_the_pulse_was_made_for_is_found(name, band, kind):
    truth = {**kind, "2HG": 3.0 if kind is TUMOUR else 0.0}
    found = edited.measure_edited(*pair(truth, band), basis((0.0, 0.0)), basis(band))
    one = found.amounts[name]
    assert abs(one.value - truth[name]) < max(3.5 * one.std, 0.12 * truth[name])
    assert one.is_detected
    assert found.shift == pytest.approx(4.0, abs=0.2) and found.phase == pytest.approx(0.35, abs=0.05)
    step = next(one for one in found.recipe.steps if one.name == "editing")
    assert step.constants["shift"] == -found.shift and f"moved by {-found.shift:.2f} Hz" in step.sentence


def test_a_band_is_turned_bin_by_bin():
    one, _ = pair(HEALTHY, AT_GABA)
    band = band_of(one, (0.5, 4.2))
    cut = band.cut(one.values[0, 0, 0], DWELL)
    slant = 0.1 * (band.axis - 3.0)
    expected = band.spectrum(cut) * np.exp(1j * slant[band.inside])
    found = band.spectrum(band.turned(cut, slant))
    np.testing.assert_allclose(found, expected, atol=0.01 * np.abs(expected).max())


def test_the_difference_has_the_first_order_phase_of_the_unedited_spectrum_taken_out():
    """A delay of 100 µs before the first point turns by 4.4 degrees for each ppm."""
    turn = 2 * np.pi * 100e-6 * FREQUENCY * 1e-6

    def late(one):
        spectrum = np.fft.fft(one.values, 2 * N, axis=3) * np.exp(-1j * turn * (PPM - 3.0))
        return replace(one, values=np.fft.ifft(spectrum, axis=3)[:, :, :, :N])

    found = edited.measure_edited(*(late(one) for one in pair(HEALTHY, AT_GABA)), basis((0.0, 0.0)), basis(AT_GABA))
    assert found.unedited.solution.place.theta[1] == pytest.approx(turn, abs=0.02)
    assert found.difference.solution.place.theta[1] == pytest.approx(0.0, abs=0.02)


def test_the_recipe_tells_what_was_done_to_the_unedited_spectrum():
    off, on = pair(HEALTHY, AT_GABA)
    found = edited.measure_edited(off, on, basis((0.0, 0.0)), basis(AT_GABA), Plan(water="always"))
    assert "water" in [step.name for step in found.recipe.steps]


def test_subtraction_without_registration_leaves_creatine_where_gaba_is(monkeypatch):
    """The wrong variant: a drift of 4 Hz and 20 degrees between the two, not taken out."""
    monkeypatch.setattr(edited, "registered", lambda cut, target, times: (np.zeros(1), np.zeros(1)))
    found = edited.measure_edited(*pair(HEALTHY, AT_GABA), basis((0.0, 0.0)), basis(AT_GABA))
    assert abs(found.amounts["GABA"].value - HEALTHY["GABA"]) > 0.4 * HEALTHY["GABA"]
