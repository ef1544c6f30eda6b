"""Water between blood, interstitium and cells: its limits, and the equations solved without the short cut."""

import numpy as np
import pytest
from scipy.linalg import expm

from perspect.models import DelayedExchangingWater, ExchangingWater, ExtendedTofts
from perspect.models.arterial import Parker
from perspect.models.water import exchanging_signal, signal_of_two_pools

T = np.arange(0.0, 300.0, 4.0)
CP = Parker().plasma(T - 30.0, 0.42)
TR, ANGLE, R1 = 0.005, np.deg2rad(15.0), 4.5
P = np.array([2e-3, 0.25, 0.05, 1.4, 0.9])


def model(leaves_blood, leaves_cells, **more):
    return ExchangingWater(T, CP, TR, ANGLE, R1, 0.42, leaves_blood, leaves_cells, **more)


def spgr(rate, angle=0.9 * ANGLE):
    e = np.exp(-TR * rate)
    return (1 - e) / (1 - e * np.cos(angle))


def solved(rates, shares, leaves, tr, angle):
    """The steady state of three pools by the matrix exponential of their equations as they stand."""
    blood, cells = leaves
    into_blood, into_cells = blood * shares[0] / shares[1], cells * shares[2] / shares[1]
    flow = np.array([[blood, -into_blood, 0], [-blood, into_blood + into_cells, -cells], [0, -into_cells, cells]])
    kept = expm(-tr * (np.diag(rates) + flow))
    return np.linalg.solve(np.eye(3) - np.cos(angle) * kept, (np.eye(3) - kept) @ shares).sum()


@pytest.mark.parametrize("leaves", [(0.0, 0.0), (3.0, 2.0), (0.0, 5.0), (300.0, 0.5), (9000.0, 9000.0), (9e4, 0.2)])
def test_the_signal_is_the_solution_of_the_equations_of_three_pools(leaves):
    rng = np.random.default_rng(0)
    for _ in range(40):
        shares, rates = rng.dirichlet([1.0, 2.0, 4.0]), rng.uniform(0.5, 30.0, 3)
        tr, angle = rng.uniform(0.002, 0.01), rng.uniform(0.1, 0.7)
        ours = exchanging_signal(tuple(rates[:, None]), tuple(shares[:, None]), leaves, tr, angle)[0]
        assert ours == pytest.approx(solved(rates, shares, leaves, tr, angle), rel=1e-6)


@pytest.mark.parametrize("leaves", [1e-6, 1.0, 3.0, 300.0, np.inf])
def test_the_signal_of_two_pools_is_that_of_three_without_cells(leaves):
    rng = np.random.default_rng(1)
    for _ in range(40):
        share, rates = rng.uniform(0.001, 0.5), rng.uniform(0.5, 30.0, 2)
        tr, angle = rng.uniform(0.002, 2.0), rng.uniform(0.1, 1.5)
        ours = signal_of_two_pools((rates[:1], rates[1:]), np.array([share]), leaves, tr, angle)[0]
        whole = solved(np.r_[rates, 1.0], np.r_[share, 1 - share, 1e-12], (min(leaves, 1e5), 0.0), tr, angle)
        assert ours == pytest.approx(whole, rel=1e-6)


def test_with_fast_exchange_the_signal_is_that_of_the_concentration():
    c = ExtendedTofts(T, CP).predict(P[:3])
    expected = spgr(1 / 1.4 + R1 * c) / spgr(1 / 1.4)
    np.testing.assert_allclose(model(np.inf, np.inf).predict(P)[:-2], expected, rtol=2e-4)


def test_without_exchange_the_signal_is_the_mean_of_three():
    held = ExtendedTofts(T, CP).predict(P[:3] * [1, 1, 0])
    shares = np.array([0.05 / 0.58, 0.25, 1 - 0.05 / 0.58 - 0.25])
    parts = np.stack([spgr(1 / 1.4 + R1 * c) for c in (0.58 * CP, held / 0.25, 0 * CP)])
    np.testing.assert_allclose(model(0.0, 0.0).predict(P)[:-2], shares @ parts / spgr(1 / 1.4), rtol=1e-9)


def test_the_faster_water_moves_the_brighter_is_the_tissue():
    peaks = [model(rate, rate).predict(P)[:-2].max() for rate in (0.0, 1.0, 10.0, 100.0, np.inf)]
    assert (np.diff(peaks) > 0).all() and peaks[-1] > 1.05 * peaks[0]


def test_the_loss_by_t2star_is_that_of_the_whole_tissue():
    c = ExtendedTofts(T, CP).predict(P[:3])
    with_loss, without = (model(3.0, 2.0, te=one, r2star=10.0).predict(P)[:-2] for one in (0.003, 0.0))
    np.testing.assert_allclose(with_loss / without, np.exp(-0.03 * c), rtol=1e-12)


def test_a_delay_of_one_sample_is_the_curve_one_sample_later():
    later = DelayedExchangingWater(T, CP, TR, ANGLE, R1).predict(np.r_[P, 4.0])
    np.testing.assert_allclose(later[1:-2], ExchangingWater(T, CP, TR, ANGLE, R1).predict(P)[:-3], rtol=1e-9)
