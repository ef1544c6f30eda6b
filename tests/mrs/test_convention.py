"""Two conventions that a file may break without saying so."""

import tarfile

import numpy as np
import pytest

from mrs_made import HEALTHY, TUMOUR, basis, spectrum
from perspect import mrs
from perspect.mrs.convention import is_first_halved, turned_round


def first_point(signal, factor):
    values = signal.values[0, 0, 0].copy()
    values[0] *= factor
    return values


@pytest.mark.parametrize("truth", [HEALTHY, TUMOUR])
@pytest.mark.parametrize("snr", [15.0, 60.0])
def test_a_halved_first_point_is_seen_and_a_whole_or_filtered_one_is_not(truth, snr):
    """0.75 is what the filter of a receiver leaves in real files."""
    signal = spectrum(truth, seed=3, snr=snr)
    assert [is_first_halved(first_point(signal, factor)) for factor in (0.5, 1.0, 0.75)] == [True, False, False]


def test_a_halved_first_point_moves_no_amount():
    """Halved twice, the spectrum would stand on a pedestal."""
    from dataclasses import replace

    whole = spectrum(TUMOUR, seed=1)
    halved = replace(whole, values=first_point(whole, 0.5)[None, None, None])
    a, b = (mrs.measure(one, basis()) for one in (whole, halved))
    assert "first point" in [step.name for step in b.recipe.steps] and b.signal.is_halved
    for key in ("tCho", "Lac", "Lip13"):
        assert b.amounts[key].value == pytest.approx(a.amounts[key].value, rel=1e-3)


def test_a_signal_that_turns_the_wrong_way_is_remarked_on():
    from dataclasses import replace

    right = spectrum(HEALTHY)
    wrong = replace(right, values=right.values.conj())
    assert turned_round(right, right.values[0, 0, 0]) == ()
    assert [flag.code for flag in turned_round(wrong, wrong.values[0, 0, 0])] == ["turned-round"]
    found = mrs.measure(wrong, basis())
    assert "turned-round" in [flag.code for flag in found.flags]


def test_noise_turns_no_way():
    from dataclasses import replace

    signal = spectrum(HEALTHY)
    noise = np.random.default_rng(0).normal(size=(2, signal.n_points)) @ np.eye(signal.n_points)
    noisy = replace(signal, values=(noise[0] + 1j * noise[1])[None, None, None])
    assert turned_round(noisy, noisy.values[0, 0, 0]) == ()


def test_the_first_points_of_the_challenge_are_seen_to_be_halved(shared_data):
    """Its authors halved those of the metabolites and not those of water."""
    with tarfile.open(shared_data / "mrs" / "fitting_challenge.tar.xz") as archive:
        for k in (1, 13, 15, 21, 25, 27):
            rows = archive.extractfile(f"fitting_challenge/datasets_text/dataset{k}.txt").read().decode().splitlines()
            table = np.loadtxt(rows)
            assert is_first_halved(table[:, 0] + 1j * table[:, 1]), k
            assert not is_first_halved(table[:, 2] + 1j * table[:, 3]), k
