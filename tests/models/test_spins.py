"""Coupled spins: exact limits, another simulator, and what lactate does with the echo time."""

import lzma
import tarfile

import numpy as np
import pytest

from perspect.models.spins import (
    MOLECULES,
    Press,
    PulseAcquire,
    SemiLaser,
    SpinSystem,
    Steam,
    simulated,
    sinc,
)
from perspect.models.spins.broad import BROAD, broad_signal
from perspect.models.spins.dynamics import irreducible, states
from perspect.models.spins.sequence import evolved, shaped
from perspect.vocabulary import Problem

FREQUENCY, DWELL, N = 123.2e6, 1 / 2000, 1024
T = np.arange(N) * DWELL


def spectrum(signal, width=4.0):
    return np.fft.fft(signal * np.exp(-np.pi * width * T))


@pytest.mark.parametrize("key", list(MOLECULES))
def test_every_molecule_begins_with_the_number_of_its_protons(key):
    first = simulated(MOLECULES[key], PulseAcquire(), FREQUENCY, DWELL, 1)[0]
    assert first == pytest.approx(MOLECULES[key].n_protons, abs=1e-9)
    assert MOLECULES[key].source


def test_composite_spins_count_every_state_once():
    for n in range(1, 7):
        assert sum(often * (2 * spin + 1) for spin, often in irreducible(n)) == 2**n


def test_a_methyl_group_as_a_composite_spin_is_three_protons():
    together = SpinSystem(((4.0974, 1), (1.3142, 3)), ((0, 1, 6.933),))
    apart = SpinSystem(((4.0974, 1), *[(1.3142, 1)] * 3), tuple((0, k, 6.933) for k in (1, 2, 3)))
    made = [
        sum(evolved(one, Press(0.011, 0.019), FREQUENCY).trace() for one in states(system, FREQUENCY))
        for system in (together, apart)
    ]
    np.testing.assert_allclose(made[0], made[1], atol=1e-12)


def test_an_uncoupled_line_does_not_know_the_sequence():
    expected = simulated(MOLECULES["Ace"], PulseAcquire(), FREQUENCY, DWELL, N)
    for sequence in (Press(0.011, 0.019), Steam(0.02, 0.01), SemiLaser(0.008, 0.011, 0.009), Press(0.07, 0.074)):
        np.testing.assert_allclose(simulated(MOLECULES["Ace"], sequence, FREQUENCY, DWELL, N), expected, atol=1e-9)


def test_a_delay_before_the_first_point_leaves_out_the_points_that_passed():
    whole = simulated(MOLECULES["Lac"], PulseAcquire(), FREQUENCY, DWELL, N)
    late = simulated(MOLECULES["Lac"], PulseAcquire(3 * DWELL), FREQUENCY, DWELL, N - 3)
    np.testing.assert_allclose(late, whole[3:], atol=1e-9)


def test_lactate_is_inverted_at_144_ms_and_upright_at_288_ms():
    """1/J is 144.2 ms: the methyl doublet is on its head there, whole again at twice that."""
    ppm = 4.65 - np.fft.fftfreq(N, DWELL) / FREQUENCY * 1e6
    doublet = (ppm > 1.2) & (ppm < 1.45)

    def area(te):
        signal = simulated(MOLECULES["Lac"], Press(0.012, te - 0.012), FREQUENCY, DWELL, N)
        return spectrum(signal)[doublet].real.sum() / spectrum(np.exp(2j * np.pi * 411 * T) * 3)[doublet].real.sum()

    assert area(0.144) == pytest.approx(-1.0, abs=0.05)
    assert area(0.288) == pytest.approx(1.0, abs=0.05)
    assert 0.6 < area(0.030) < 0.9


@pytest.fixture(scope="module")
def reference(shared_data):
    """Another simulator's signals: ideal pulses, first point halved, lines 2 Hz wide."""
    folder = shared_data / "mrs"
    found = {}
    with lzma.open(folder / "sim_basis_reference.tar.xz") as packed, tarfile.open(fileobj=packed) as archive:
        for member in archive.getmembers():
            if member.name.endswith(".csv"):
                lines = archive.extractfile(member).read().decode().splitlines()
                numbers = np.loadtxt(lines[1:], delimiter=",")
                names = [name[:-3] for name in lines[0].split(",")[::2]]
                signals = numbers[:, ::2] + 1j * numbers[:, 1::2]
                found[member.name.split("/")[-1]] = dict(zip(names, signals.T, strict=True))
    return found


SEQUENCES = {
    "press_3T_te30_11_19.csv": (Press(0.011, 0.019), 123.2e6),
    "press_3T_te135_17_118.csv": (Press(0.017, 0.118), 123.2e6),
    "press_1p5T_te30_126_174.csv": (Press(0.0126, 0.0174), 63.68e6),
    "steam_3T_te20_tm10.csv": (Steam(0.02, 0.01), 123.2e6),
    "slaser_3T_te28.csv": (SemiLaser(0.008, 0.011, 0.009), 123.2e6),
}
SAME_TABLE = ("Ala", "Asp", "GABA", "Glc", "Glu", "Gly", "Lac", "PEth", "sIns", "Tau", "Suc", "Val", "Ser")
"""Molecules whose shifts and couplings are the same in both tables, and whose lines have the same width."""


@pytest.mark.parametrize("name", list(SEQUENCES))
def test_another_simulator_gives_the_same_spectra(reference, name):
    sequence, frequency = SEQUENCES[name]
    for key in SAME_TABLE:
        signal = simulated(MOLECULES[{"PEth": "PE"}.get(key, key)], sequence, frequency, DWELL, N) / 2
        signal = signal * np.exp(-2 * np.pi * T)
        signal[0] /= 2
        ours, theirs = np.fft.fft(signal), np.fft.fft(reference[name][key])
        assert np.abs(ours - theirs).max() < 1e-4 * np.abs(theirs).max(), key


def test_averaging_after_each_direction_is_the_whole_plane():
    """The density matrix averaged over x, then over y, against all pairs of positions (a small grid is enough)."""
    (spins,) = states(SpinSystem(((3.0, 1), (2.9, 1)), ((0, 1, 8.0),)), FREQUENCY)
    pulse, positions = sinc(0.004), np.linspace(-500.0, 500.0, 7)
    rotations = shaped(spins, pulse, positions, np.pi / 2)
    excite = spins.rotation(np.pi / 2, np.pi / 2)
    start = np.where(np.abs(spins.order + 1) < 0.25, (excite * spins.fz) @ excite.conj().T, 0)
    delay = spins.propagator(0.005)

    def through(density, rotation, keep):
        turned = rotation @ delay @ density @ delay.conj().T @ rotation.conj().T
        return np.where(np.abs(spins.order - keep) < 0.25, turned, 0)

    whole = np.mean([through(through(start, x, 1), y, -1) for x in rotations for y in rotations], axis=0)
    first = np.mean([through(start, x, 1) for x in rotations], axis=0)
    by_direction = np.mean([through(first, y, -1) for y in rotations], axis=0)
    np.testing.assert_allclose(by_direction, whole, atol=1e-6)


def test_a_shaped_pulse_refocuses_the_middle_of_its_slice_and_nothing_far_outside():
    pulse = sinc(0.005)
    a, b = pulse.rotations(2 * np.pi * np.array([[0.0], [20 / 0.005]]))
    assert abs(b[0, 0]) ** 2 == pytest.approx(1.0, abs=1e-6)
    assert abs(b[1, 0]) ** 2 < 0.01
    np.testing.assert_allclose(np.abs(a) ** 2 + np.abs(b) ** 2, 1.0, atol=1e-9)


def test_displaced_slices_cost_lactate_some_of_its_inversion():
    """At 144 ms a methyl whose partner lies outside the slice is not inverted: the known loss of lactate in PRESS."""
    ideal, real = (
        simulated(MOLECULES["Lac"], Press(0.012, 0.132, pulse), FREQUENCY, DWELL, N) for pulse in (None, sinc(0.0052))
    )
    ppm = 4.65 - np.fft.fftfreq(N, DWELL) / FREQUENCY * 1e6
    doublet = (ppm > 1.2) & (ppm < 1.45)
    areas = [spectrum(one)[doublet].real.sum() for one in (ideal, real)]
    assert areas[0] < areas[1] < 0.2 * abs(areas[0])


def test_an_echo_too_short_for_its_pulses_is_refused():
    with pytest.raises(Problem, match="does not hold"):
        simulated(MOLECULES["Lac"], Press(0.004, 0.010, sinc(0.006)), FREQUENCY, DWELL, 16)


def test_a_broad_signal_has_its_width_in_ppm_at_any_field():
    for frequency in (63.7e6, 123.2e6):
        signal = broad_signal(BROAD["MM09"], frequency, 1 / 4000, 8192)
        signal[0] /= 2
        line = np.fft.fft(signal, 65536).real
        ppm = 4.65 - np.fft.fftfreq(65536, 1 / 4000) / frequency * 1e6
        above = ppm[line > line.max() / 2]
        assert np.ptp(above) == pytest.approx(0.14, abs=0.003)
        assert ppm[np.argmax(line)] == pytest.approx(0.91, abs=0.002)
