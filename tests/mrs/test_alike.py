"""Spectra fitted together: what each would be alone, errors that know a misfit, lipid of any phase."""

from dataclasses import replace

import numpy as np
import pytest

from mrs_made import DWELL, HEALTHY, TUMOUR, N, basis, spectrum
from perspect import mrs
from perspect.models.spins.broad import BROAD, broad_signal
from perspect.mrs import combine
from perspect.mrs.alike import all_decomposed, is_leaking
from perspect.mrs.amounts import weights
from perspect.mrs.band import band_of, noise_of
from perspect.mrs.combine import again, baseline_and_noise, shadow_of, stand
from perspect.mrs.decompose import decomposed
from perspect.mrs.equations import N_COMMON
from perspect.mrs.profile import LIPIDS, TURNED
from perspect.mrs.signals import with_broad, with_turned

ONE = spectrum(HEALTHY)
BAND = band_of(ONE, (0.2, 4.2), 0.3)
FULL = with_broad(basis(), lipids=True, macromolecules=True)


def together(signals, names=FULL, plan=None):
    """Fits of signals that begin with that of their mean."""
    values = np.array(signals)
    sigmas = BAND.noise(1.0, DWELL) * noise_of(values, ONE.ppm)
    cut = BAND.cut(values, DWELL)
    plan = plan or mrs.Plan()
    like = decomposed(BAND, cut.mean(axis=0), FULL, float(np.sqrt(np.mean(sigmas**2)) / 2), plan, is_referenced=True)
    return all_decomposed(BAND, cut, names, sigmas, plan, like, is_referenced=True)


@pytest.fixture(scope="module")
def mixed():
    """Normal brain and tumour of different seeds, in one call."""
    healthy = [spectrum(HEALTHY, k, shift=0.0, phase=0.0).values[0, 0, 0] for k in range(6)]
    tumour = [spectrum(TUMOUR, k, shift=0.0, phase=0.0).values[0, 0, 0] for k in range(3)]
    return together([*healthy, *tumour])


def test_a_fit_among_others_has_the_amplitudes_of_a_fit_alone_at_its_place(mixed):
    """The arrays of many are those of one: columns, data, amplitudes and noise at the place that was found."""
    for found in mixed:
        place, size = found.solution.place, found.solution.dimensions
        noise = baseline_and_noise(found.task, place, size)[1]
        assert found.solution.noise == pytest.approx(noise)
        alone = stand(found.task, place.theta, shadow_of(found.task, size), None)
        np.testing.assert_allclose(alone.columns, place.columns, atol=1e-6 * np.abs(place.columns).max())
        np.testing.assert_allclose(alone.data, place.data, atol=1e-9 * np.abs(place.data).max())


def test_a_fit_among_others_is_a_minimum(mixed):
    """A step of any shared parameter, by a tenth of its error, lowers the cost by no more than the stop allows."""
    for found in mixed[::4]:
        s, n = found.solution, found.task.n_signals
        task = replace(found.task, sigma=s.noise)
        shadow = shadow_of(task, s.dimensions)
        here = again(task, s.place, shadow)
        errors = np.sqrt(np.diagonal(s.covariance))[n : n + N_COMMON]
        for k in range(N_COMMON):
            for sign in (1, -1):
                theta = s.place.theta.copy()
                theta[k] = max(theta[k] + 0.1 * sign * errors[k], 0.0 if k > 2 else -np.inf)
                moved = stand(task, theta, shadow, s.place.amplitudes > 0)
                assert moved.cost > here.cost * (1 - 2e-3)


def test_the_order_and_the_company_of_spectra_do_not_change_them(mixed):
    signals = [spectrum(HEALTHY, k, shift=0.0, phase=0.0).values[0, 0, 0] for k in range(6)]
    signals += [spectrum(TUMOUR, k, shift=0.0, phase=0.0).values[0, 0, 0] for k in range(3)]
    turned = together(signals[::-1])[::-1]
    for one, other in zip(mixed, turned, strict=True):
        assert one.names == other.names and one.profile == other.profile
        np.testing.assert_allclose(one.amplitudes, other.amplitudes, atol=1e-3 * one.amplitudes.max())


def test_what_was_found_at_zero_has_the_error_that_it_has_when_all_are_free():
    """By elimination of the others, as by the inverse of everything."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(9, 40))
    information, amplitudes = rows @ rows.T, np.array([1.0, 0.0, 2.0, 0.0])
    found = combine._constrained(information, amplitudes)
    whole, used = np.linalg.inv(information), np.array([0, 2, 4, 5, 6, 7, 8])
    np.testing.assert_allclose(np.diagonal(found)[[1, 3]], np.diagonal(whole)[[1, 3]])
    np.testing.assert_allclose(found[np.ix_(used, used)], np.linalg.inv(information[np.ix_(used, used)]))


def misfitting(n=80):
    """Normal brain on hills that neither signals nor a straight baseline explain: each elsewhere, as wide as lines."""
    rng, t = np.random.default_rng(1), np.arange(N) * DWELL
    one = spectrum(HEALTHY, 0, shift=0.0, phase=0.0).values[0, 0, 0]
    for _ in range(n):
        turns = 2j * np.pi * (4.65 - rng.uniform(0.5, 4.1, (12, 1))) * 123.2 * t
        hills = rng.normal(0, 25.0, 12) @ np.exp(turns - (np.pi * 12 * t) ** 2 / (4 * np.log(2)))
        noise = rng.normal(size=(2, N)) * noise_of(one, ONE.ppm)
        yield one + hills + noise[0] + 1j * noise[1]


def test_errors_of_spectra_that_the_model_does_not_fit_know_that_a_misfit_is_smooth(monkeypatch):
    """Stated over observed error; with the residual taken for white noise (the wrong variant) much is missing."""
    fits = together(list(misfitting()), plan=mrs.Plan(profile="normal", baseline="stiff"))
    sums = (("Cr", "PCr"), ("GPC", "PCho"), ("Glu", "Gln"))

    def stated(solve):
        out = []
        for one in fits:
            solved = replace(one, solution=solve(one))
            out.append([w @ solved.covariance @ w for w in (weights(one, parts) for parts in sums)])
        return np.sqrt(np.mean(out, axis=0))

    values = [[weights(one, parts) @ one.amplitudes for parts in sums] for one in fits]
    coloured = stated(lambda one: one.solution) / np.std(values, axis=0)
    monkeypatch.setattr(combine, "_coloured", lambda moves, shadow, excess: 0.0)
    white = stated(lambda one: combine.solution(one.task, one.solution.place, 2.01, 0, True)) / np.std(values, axis=0)
    assert (white < coloured).all(), (coloured, white)
    assert np.abs(np.log(coloured)).max() < 0.5 * np.abs(np.log(white)).max()
    assert coloured.min() > 0.6, (coloured, white)


def test_a_residual_that_is_white_changes_no_error():
    rng = np.random.default_rng(2)
    left = 2.0 * rng.normal(size=4096)
    excess = combine._excess(left, 1.0, 2.0)
    moves = rng.normal(size=(3, 4096))
    added = combine._coloured(moves, np.zeros((0, 4096)), excess)
    assert np.abs(added).max() < 0.1 * 3.0 * 4096  # of (noise² - sigma²) times the products of the moves


def leaked(angle, size=40.0):
    """Normal brain, and lipid of the scalp that arrives turned."""
    one = spectrum(HEALTHY, 3, shift=0.0, phase=0.0).values[0, 0, 0]
    fat = {"Lip13a": 1.0, "Lip09": 0.3, "Lip20": 0.15}
    return one + size * np.exp(1j * angle) * sum(
        part * broad_signal(BROAD[name], ONE.frequency, DWELL, N) for name, part in fat.items()
    )


@pytest.mark.parametrize(("angle", "takes_naa_along"), [(np.pi, False), (-2.0, True)])
def test_lipid_that_leaked_in_with_any_phase_leaves_naa_alone(angle, takes_naa_along):
    """Lipid that may not be turned (the wrong variant) takes NAA along; where it is negative the baseline takes it."""
    signals, expected = [leaked(0.0, 0.0)] * 3 + [leaked(angle)], 12.5
    found, plain = (together(signals, names)[-1] for names in (with_turned(FULL), FULL))
    assert any(name.endswith(TURNED) for name in found.names)
    off, wrong = (abs(weights(one, ("NAA", "NAAG")) @ one.amplitudes / expected - 1) for one in (found, plain))
    assert off < 0.12, (off, wrong)
    assert bool(wrong > 1.5 * off) is takes_naa_along, (off, wrong)


def test_lipid_of_a_lesion_is_upright_and_does_not_leak(mixed):
    names = (*LIPIDS, *(name + TURNED for name in LIPIDS), "Cr")
    upright = np.array([4.0, 12.0, 6.0, 3.0, 0.5, 2.0, 1.0, 0.4, 3.0])
    assert not is_leaking(names, upright)
    assert is_leaking(names, -upright * np.where(np.arange(9) < 8, 1, -1))
    for one in mixed[6:]:
        assert not any(name.endswith(TURNED) for name in one.names)
