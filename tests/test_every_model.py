"""What every model in `models.ALL` must keep: one example each (acquisition, plausible truths, noise), one contract."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from perspect.fit import Fit, Posterior, cramer_rao, fit, posterior
from perspect.fit.error import jacobian
from perspect.models import (
    ALL,
    Model,
    Separable,
    Tissue,
    aath,
    exchange,
    hifi,
    leakage,
    page,
    pasl,
    patlak,
    pcasl,
    read_often,
    recovery,
    reference_region,
    spgr,
    tofts,
    uptake,
    vascular,
    water,
)  # fmt: skip
from perspect.models.gamma_variate import GammaVariate
from perspect.vocabulary import FAILED_FROM, Problem, Status

UNEVEN = np.concatenate([np.arange(0.0, 100.0, 2.5), np.arange(100.0, 400.0, 8.0)])
EVEN = np.arange(0.0, 150.0, 1.5)
DELAYS = np.arange(-1.3, 3.0, 0.05)
"""The signal bends where blood arrives; samples this close keep estimates regular there. Look-Locker readout (negative
delays: during labelling) is the only way to have them in one scan."""
EARLY = np.arange(-1.3, 3.0, 0.1)
TISSUE = Tissue(blood_t1=1.65, t1=1.33)
INVERSIONS = np.array([0.05, 0.15, 0.3, 0.6, 1.0, 1.6, 2.5, 4.0])
COARSE = (exchange.TwoCompartmentExchange, uptake.DelayedTwoCompartmentUptake, reference_region.ReferenceRegion)
"""Models whose tables of slopes are coarser: their stated errors are good to a hundredth, not to a thousandth."""
QUICK = np.arange(0.0, 300.0, 1.5)


def bolus(t):
    x = np.clip(t - 20.0, 0.0, None) / 6.0
    return 5.0 * x**2 * np.exp(2.0 - 2.0 * x) + 1.0 * (1.0 - np.exp(-x)) * np.exp(-x / 70.0)


FEW = (1, 120)
"""Truths and repeats of models with three non-linear parameters, which are slow."""


def tissue(t):
    return tofts.Tofts(t, bolus(t)).predict(np.array([1.5e-3, 0.3]))


@dataclass(frozen=True)
class Example:
    """`truths` lie well inside the bounds, where the errors are those of a regular estimate."""

    model: Model
    low: tuple[float, ...]
    high: tuple[float, ...]
    noise: float
    n_truths: int = 6
    n_repeats: int = 400

    def truths(self, n, seed=0):
        return np.random.default_rng(seed).uniform(self.low, self.high, (n, len(self.low)))


EXAMPLES = (
    Example(leakage.Leakage(EVEN, 6.0 * bolus(EVEN)), (0.5, -0.03), (3.0, 0.06), 1.0),
    Example(leakage.BidirectionalLeakage(EVEN, 6.0 * bolus(EVEN)), (0.5, 0.04, 0.01), (3.0, 0.09, 0.02), 0.3),
    Example(leakage.LeakageBesideTransit(EVEN, 6.0 * bolus(EVEN)), (0.5, 0.1, -0.03, 4.0), (3.0, 0.3, 0.03, 9.0), 0.1),
    Example(
        leakage.SaturatingLeakage(EVEN, 6.0 * bolus(EVEN), 0.03, 1.5, np.pi / 3, 4.2 / 80.0),
        (0.5, 0.01, 1.3, 0.008),
        (3.0, 0.03, 2.0, 0.02),
        0.03,
    ),
    Example(GammaVariate(EVEN[:50]), (10.0, 12.0, 5.0, 2.0), (40.0, 20.0, 10.0, 5.0), 0.3),
    Example(spgr.VariableFlipAngle(np.deg2rad([2.0, 5.0, 10.0, 15.0, 20.0]), 0.006), (500.0, 0.4), (2000.0, 2.5), 0.5),
    Example(recovery.InversionRecovery(INVERSIONS), (500.0, 900.0, 0.5), (2000.0, 3000.0, 1.6), 2.0),
    Example(recovery.LookLocker(INVERSIONS), (500.0, 1100.0, 0.6), (1000.0, 1900.0, 1.5), 1.0),
    Example(
        hifi.Hifi(
            np.deg2rad([5.0, 5.0, 2.0, 5.0, 12.0]), 0.0054, np.array([0.168, 1.068, np.nan, np.nan, np.nan]), 160
        ),
        (2000.0, 0.6, 0.85),
        (9000.0, 1.8, 1.15),
        0.5,
    ),
    Example(vascular.Vascular(UNEVEN, bolus(UNEVEN)), (0.01,), (0.1,), 0.02),
    Example(patlak.Patlak(UNEVEN, bolus(UNEVEN)), (2e-4, 0.01), (2e-3, 0.1), 0.02),
    Example(tofts.Tofts(UNEVEN, bolus(UNEVEN)), (1e-3, 0.1), (4e-3, 0.5), 0.01),
    Example(tofts.ExtendedTofts(UNEVEN, bolus(UNEVEN)), (1e-3, 0.1, 0.02), (4e-3, 0.5, 0.1), 0.01),
    Example(pcasl.Pcasl(DELAYS, np.full(DELAYS.size, 1.4), 0.85, TISSUE), (5e-3, 0.8), (1.5e-2, 1.6), 2e-5),
    Example(pasl.Pasl(0.5 + DELAYS, np.full(DELAYS.size, 0.8), 0.98, TISSUE), (5e-3, 0.8), (1.5e-2, 1.2), 2e-5),
    Example(
        pcasl.ArterialPcasl(EARLY, np.full(EARLY.size, 1.4), 0.85, TISSUE),
        (5e-3, 0.01, 1.0, 0.4),
        (1.5e-2, 0.02, 1.5, 0.7),
        1e-3,
        3,
        400,
    ),
    Example(
        pasl.ArterialPasl(0.5 + EARLY, np.full(EARLY.size, 0.8), 0.98, TISSUE),
        (5e-3, 0.01, 1.0, 0.4),
        (1.5e-2, 0.02, 1.5, 0.7),
        1e-3,
        3,
        400,
    ),
    Example(
        read_often.ReadOftenPcasl(DELAYS, np.full(DELAYS.size, 1.4), 0.85, TISSUE, DELAYS, np.full(DELAYS.size, 0.3)),
        (5e-3, 0.8),
        (1.5e-2, 1.6),
        5e-6,
    ),
    Example(
        read_often.ReadOftenPasl(
            0.5 + DELAYS, np.full(DELAYS.size, 0.8), 0.98, TISSUE, 0.5 + DELAYS, np.full(DELAYS.size, 0.3)
        ),
        (5e-3, 0.8),
        (1.5e-2, 1.2),
        5e-6,
    ),
    Example(
        read_often.ArterialReadOftenPcasl(
            EARLY, np.full(EARLY.size, 1.4), 0.85, TISSUE, EARLY, np.full(EARLY.size, 0.3)
        ),
        (5e-3, 0.01, 1.0, 0.4),
        (1.5e-2, 0.02, 1.5, 0.7),
        3e-4,
        3,
        400,
    ),
    Example(
        read_often.ArterialReadOftenPasl(
            0.5 + EARLY, np.full(EARLY.size, 0.8), 0.98, TISSUE, 0.5 + EARLY, np.full(EARLY.size, 0.3)
        ),
        (5e-3, 0.01, 1.0, 0.4),
        (1.5e-2, 0.02, 1.5, 0.7),
        3e-4,
        3,
        400,
    ),
    Example(uptake.TwoCompartmentUptake(QUICK, bolus(QUICK)), (4e-3, 3e-4, 0.03), (0.012, 1e-3, 0.1), 0.01),
    Example(
        exchange.TwoCompartmentExchange(QUICK, bolus(QUICK)), (4e-3, 8e-4, 0.1, 0.04), (0.01, 2e-3, 0.3, 0.1), 0.002
    ),
    Example(
        aath.AdiabaticTissueHomogeneity(QUICK, bolus(QUICK)), (4e-3, 8e-4, 0.1, 0.04), (0.01, 2e-3, 0.3, 0.1), 0.002
    ),
    Example(vascular.DelayedVascular(QUICK, bolus(QUICK)), (0.02, 0.1), (0.1, 1.4), 0.005),
    Example(patlak.DelayedPatlak(QUICK, bolus(QUICK)), (2e-4, 0.02, 0.1), (2e-3, 0.1, 1.4), 0.005),
    Example(tofts.DelayedTofts(QUICK, bolus(QUICK)), (1e-3, 0.1, 0.1), (4e-3, 0.5, 1.4), 0.005),
    Example(tofts.DelayedExtendedTofts(QUICK, bolus(QUICK)), (1e-3, 0.1, 0.02, 0.1), (4e-3, 0.5, 0.1, 1.4), 0.005),
    Example(
        uptake.DelayedTwoCompartmentUptake(QUICK, bolus(QUICK)), (4e-3, 3e-4, 0.03, 0.1), (0.012, 1e-3, 0.1, 1.4), 0.002
    ),
    Example(
        exchange.DelayedTwoCompartmentExchange(QUICK, bolus(QUICK)),
        (4e-3, 8e-4, 0.1, 0.04, 0.1),
        (0.01, 2e-3, 0.3, 0.1, 1.4),
        0.001,
        *FEW,
    ),
    Example(
        aath.DelayedAdiabaticTissueHomogeneity(QUICK, bolus(QUICK)),
        (4e-3, 8e-4, 0.1, 0.04, 0.1),
        (0.01, 2e-3, 0.3, 0.1, 1.4),
        0.001,
        *FEW,
    ),
    Example(reference_region.ReferenceRegion(UNEVEN, tissue(UNEVEN)), (0.5, 3e-3, 8e-3), (3.0, 5e-3, 0.015), 0.002),
    Example(
        reference_region.ConstrainedReferenceRegion(UNEVEN, tissue(UNEVEN), 5e-3), (0.5, 4e-3), (3.0, 0.012), 0.005
    ),
    Example(
        reference_region.DelayedReferenceRegion(QUICK, tissue(QUICK)),
        (0.5, 3e-3, 8e-3, 0.1),
        (3.0, 5e-3, 0.015, 1.4),
        0.001,
    ),
    Example(
        reference_region.DelayedConstrainedReferenceRegion(QUICK, tissue(QUICK), 5e-3),
        (0.5, 4e-3, 0.1),
        (3.0, 0.012, 1.4),
        0.002,
    ),
    Example(
        water.ExchangingWater(QUICK[::2], bolus(QUICK[::2]), 0.005, np.deg2rad(15.0), 4.5),
        (1e-3, 0.15, 0.02, 0.9, 0.8),
        (3e-3, 0.4, 0.08, 1.8, 1.2),
        0.01,
        2,
        200,
    ),
    Example(
        water.DelayedExchangingWater(QUICK[::2], bolus(QUICK[::2]), 0.005, np.deg2rad(15.0), 4.5),
        (1e-3, 0.15, 0.04, 0.9, 0.8, 0.1),
        (3e-3, 0.4, 0.08, 1.8, 1.2, 1.4),
        0.003,
        2,
        200,
    ),
)


def named(example: Example) -> str:
    return type(example.model).__name__


@pytest.fixture(params=EXAMPLES, ids=named)
def any_example(request) -> Example:
    return request.param


@pytest.fixture(params=[one for one in EXAMPLES if one.model.has_one_best], ids=named)
def example(request) -> Example:
    return request.param


@pytest.fixture(params=[one for one in EXAMPLES if not one.model.has_one_best], ids=named)
def weighed(request) -> Example:
    """Models without one best value: `fit.posterior` weighs all of them."""
    return request.param


def stacked(result: Fit, what: str = "values") -> np.ndarray:
    return np.stack([getattr(result, what)[quantity.key] for quantity in result.model.parameters], axis=-1)


def test_every_model_in_the_list_has_an_example():
    assert sorted(map(named, EXAMPLES)) == sorted(model.__name__ for model in ALL)


def test_joining_undoes_splitting(any_example):
    if not isinstance(any_example.model, Separable):
        pytest.skip("a model without amplitudes is not split")
    p = any_example.truths(20)
    np.testing.assert_allclose(any_example.model.join(*any_example.model.split(p)), p, rtol=1e-12)


def test_one_voxel_alone_is_predicted_as_among_others(any_example):
    p = any_example.truths(6).reshape(2, 3, -1)
    together = any_example.model.predict(p)
    assert together.shape[:2] == (2, 3)
    np.testing.assert_array_equal(together[1, 2], any_example.model.predict(p[1, 2]))


def test_without_noise_the_truth_is_found(example):
    p = example.truths(50 * example.n_truths)
    found = fit(example.model, example.model.predict(p))
    assert (found.status == Status.OK).all()
    # The tables between nodes are good to 1e-6 of a column; conditioning makes that 1e-4 of a parameter at worst.
    error = np.abs(stacked(found) - p) / np.array(example.high)
    assert np.median(error) < 1e-5
    assert error.max() < 3e-4


def test_the_stated_error_is_the_scatter_over_repeats(example):
    n_truths, n_repeats = example.n_truths, example.n_repeats
    p = np.repeat(example.truths(n_truths, seed=1), n_repeats, axis=0)
    curves = example.model.predict(p)
    curves += np.random.default_rng(2).normal(0.0, example.noise, curves.shape)
    for noise in (None, np.full(len(p), example.noise)):
        found = fit(example.model, curves, noise=noise)
        scatter = stacked(found).reshape(n_truths, n_repeats, -1).std(axis=1)
        stated = np.sqrt((stacked(found, "std").reshape(n_truths, n_repeats, -1) ** 2).mean(axis=1))
        ratio = stated / scatter
        # 400 repeats tell a standard deviation to 3.5 %; the rest is curvature.
        assert (ratio > 0.8).all() and (ratio < 1.25).all(), ratio


def test_the_covariance_of_a_fit_is_the_cramer_rao_bound_at_its_values(example):
    p = example.truths(50, seed=3)
    sigma = np.full(50, example.noise)
    found = fit(example.model, example.model.predict(p), noise=sigma)
    expected = cramer_rao(example.model, p, sigma)
    scale = np.sqrt(np.einsum("vk,vl->vkl", *2 * [np.einsum("vkk->vk", expected)]))
    # Their slopes between nodes are quartics, good to a part in a thousand.
    atol = 2e-2 if type(example.model) in COARSE else 2e-3
    np.testing.assert_allclose(found.covariance / scale, expected / scale, atol=atol)


def test_noise_that_differs_between_samples_is_in_the_error_and_not_in_the_value(example):
    n, repeats = min(3, example.n_truths), example.n_repeats
    p = np.repeat(example.truths(n, seed=4), repeats, axis=0)
    clean = example.model.predict(p)
    sigma = np.broadcast_to(example.noise * np.linspace(0.2, 2.0, clean.shape[1]), clean.shape)
    curves = clean + np.random.default_rng(5).normal(0.0, 1.0, clean.shape) * sigma
    found = fit(example.model, curves, noise=sigma)
    even = np.sqrt((sigma**2).mean(axis=1))
    np.testing.assert_array_equal(stacked(found), stacked(fit(example.model, curves, noise=even)))
    stated, values = (stacked(found, what).reshape(n, repeats, -1) for what in ("std", "values"))
    ratio = stated.mean(axis=1) / values.std(axis=1)
    assert (ratio > 0.8).all() and (ratio < 1.25).all(), ratio


def test_the_slopes_that_a_model_gives_are_its_derivatives(example):
    p = example.truths(20, seed=8)
    given = example.model.slopes(p)
    if given is None:
        pytest.skip("this model leaves its derivatives to differences")
    expected = jacobian(example.model, p)
    size = np.abs(expected).max(axis=1, keepdims=True)
    # One of them is read from a table.
    np.testing.assert_allclose(given / size, expected / size, atol=2e-3)


def test_even_noise_per_sample_states_what_noise_per_voxel_does(example):
    p = example.truths(20, seed=11)
    curves = example.model.predict(p) + np.random.default_rng(12).normal(0.0, example.noise, (20, 1))
    sigma = np.full(curves.shape, 20.0 * example.noise)
    per_voxel, per_sample = (fit(example.model, curves, noise=one) for one in (sigma[:, 0], sigma))
    rtol = 1e-2 if type(example.model) in COARSE else 5e-3
    np.testing.assert_allclose(stacked(per_sample, "std"), stacked(per_voxel, "std"), rtol=rtol)


def test_what_is_known_beforehand_draws_a_value_that_the_data_leave_open(example):
    p = example.truths(50, seed=9)
    if example.model.surprise(p) is None:
        pytest.skip("of this model nothing is known beforehand")
    curves = example.model.predict(p) + np.random.default_rng(10).normal(0.0, 1.0, (50, 1))
    surprise = [
        np.nanmedian(np.abs(example.model.surprise(stacked(fit(example.model, curves, noise=np.full(50, noise))))), 0)
        for noise in (1e6, 1e-9)
    ]
    assert (surprise[0] < 0.01).all()
    assert (surprise[1] > 0.05).all()


def assert_nothing_looks_like_success(result: Fit) -> None:
    assert (result.status >= FAILED_FROM).all()
    for key in result.values:
        assert np.isnan(result.values[key]).all()
        assert np.isnan(result.std[key]).all()
        assert (result.status_of(key) >= FAILED_FROM).all()
        # What a quality criterion would ask: none of these may be true.
        assert not (result.std[key] <= np.abs(result.values[key])).any()
        assert not (result.std[key] == 0).any()
    assert np.isnan(result.sse).all()
    assert np.isnan(result.covariance).all()


HOPELESS: dict[str, tuple[Callable[[int], np.ndarray], Status]] = {
    "not a number": (lambda n: np.r_[np.nan, np.arange(1.0, n)], Status.NOT_FINITE),
    "infinite": (lambda n: np.r_[np.arange(1.0, n), np.inf], Status.NOT_FINITE),
    "zero": (np.zeros, Status.NOT_DETERMINED),
    "constant": (lambda n: np.full(n, 3.7), Status.NOT_DETERMINED),
}


@pytest.mark.parametrize("what", HOPELESS)
@pytest.mark.parametrize("has_noise", [False, True])
def test_a_hopeless_curve_fails_and_never_looks_like_success(example, what, has_noise):
    make, status = HOPELESS[what]
    n = example.model.predict(example.truths(1)).shape[-1]
    curve = make(n)[None]
    result = fit(example.model, curve, noise=np.ones(1) if has_noise else None)
    assert_nothing_looks_like_success(result)
    assert (result.status == status).all()


def test_a_hopeless_curve_leaves_its_neighbours_alone(example):
    p = example.truths(9, seed=6)
    curves = example.model.predict(p) + np.random.default_rng(7).normal(0.0, example.noise, (9, 1))
    alone = stacked(fit(example.model, curves[1:]))
    curves[0] = np.nan
    np.testing.assert_allclose(stacked(fit(example.model, curves))[1:], alone, rtol=1e-6)


def test_fewer_samples_than_parameters_fail():
    t = np.arange(2.0)
    result = fit(tofts.ExtendedTofts(t, t), np.random.default_rng(0).normal(size=(5, 2)))
    assert_nothing_looks_like_success(result)


@pytest.mark.parametrize(
    "model",
    [
        leakage.Leakage(EVEN, np.zeros_like(EVEN)),
        leakage.BidirectionalLeakage(EVEN, np.zeros_like(EVEN)),
        leakage.LeakageBesideTransit(EVEN, np.zeros_like(EVEN)),
        leakage.SaturatingLeakage(EVEN, np.zeros_like(EVEN), 0.03, 1.5, np.pi / 3, 4.2 / 80.0),
        patlak.Patlak(EVEN, np.zeros_like(EVEN)),
        tofts.Tofts(EVEN, np.zeros_like(EVEN)),
        tofts.ExtendedTofts(EVEN, np.zeros_like(EVEN)),
        spgr.VariableFlipAngle(np.zeros(4), 0.006),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_singular_design_fails(model):
    n = model.predict(np.ones(len(model.parameters))).shape[-1]
    assert_nothing_looks_like_success(fit(model, np.random.default_rng(0).normal(size=(5, n))))


def test_curves_of_another_length_are_refused_at_the_door(example):
    n = example.model.predict(example.truths(1)).shape[-1]
    with pytest.raises(Problem, match="samples"):
        fit(example.model, np.zeros((3, n + 1)))


def test_the_page_names_every_symbol_unit_and_code(any_example):
    text = page(type(any_example.model))
    assert "$$" in text
    for quantity in any_example.model.parameters:
        row = next(line for line in text.splitlines() if line.startswith(f"| {quantity.symbol} |"))
        assert f"| {quantity.unit} |" in row
        assert quantity.name in row
        assert quantity.caplex in row


def weighed_over(example: Example, curves: np.ndarray, noise: float) -> Posterior:
    """What all nodes within the box of truths and a fifth around it say, none of them preferred."""
    axes = [
        np.arange(max(0.8 * low, 0.1), 1.2 * high, step)
        for low, high, step in zip(example.low[2:], example.high[2:], (0.02, 0.02), strict=True)
    ]
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    flat = np.zeros((1, len(nodes)))
    return posterior(example.model, curves, np.full(len(curves), noise), nodes, lambda piece: flat)


def test_a_model_without_one_best_value_is_not_descended(weighed):
    n = weighed.model.predict(weighed.truths(1)).shape[-1]
    with pytest.raises(Problem, match="no single best"):
        fit(weighed.model, np.ones((3, n)))


def test_where_all_values_are_weighed_the_truth_is_found_and_its_error_is_the_scatter(weighed):
    p = np.repeat(weighed.truths(weighed.n_truths, seed=1), weighed.n_repeats, axis=0)
    curves = weighed.model.predict(p)
    curves += np.random.default_rng(2).normal(0.0, weighed.noise, curves.shape)
    found = weighed_over(weighed, curves, weighed.noise)
    for quantity, truth in zip(weighed.model.parameters, p.T, strict=True):
        values, std = (one[quantity.key].reshape(weighed.n_truths, -1) for one in (found.values, found.std))
        stated = np.sqrt((std**2).mean(axis=1))
        # 400 repeats tell a mean to a twentieth of its scatter; nodes are 0.02 s apart.
        off = np.abs(values.mean(axis=1) - truth.reshape(weighed.n_truths, -1)[:, 0])
        assert (off < 0.5 * stated + 0.01 * np.abs(truth[0])).all(), (quantity.key, off, stated)
        ratio = stated / values.std(axis=1)
        assert (ratio > 0.7).all() and (ratio < 1.5).all(), (quantity.key, ratio)


@pytest.mark.parametrize("what", ["not a number", "infinite"])
def test_a_hopeless_curve_that_is_weighed_fails_and_leaves_its_neighbours_alone(weighed, what):
    curves = weighed.model.predict(weighed.truths(5))
    alone = weighed_over(weighed, curves[1:], weighed.noise)
    curves[0] = HOPELESS[what][0](curves.shape[1])
    found = weighed_over(weighed, curves, weighed.noise)
    assert found.status[0] >= FAILED_FROM
    for key, values in found.values.items():
        assert np.isnan(values[0]) and np.isnan(found.std[key][0])
        np.testing.assert_allclose(values[1:], alone.values[key], rtol=1e-5)
