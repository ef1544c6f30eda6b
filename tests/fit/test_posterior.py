import numpy as np
import pytest

from perspect.fit import normal, posterior
from perspect.models import ArterialPcasl, Pcasl, Tissue
from perspect.numerics.parallel import on_threads
from perspect.vocabulary import Problem, Status

DELAYS = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
MODEL = Pcasl(DELAYS, np.full(6, 1.8), 0.85, Tissue(1.65, 1.33))
NODES = np.arange(0.0, 4.6, 0.04)
WIDE = normal(NODES, 1.3, 1.0)
SIGMA = 9e-4


def found(curves, noise=SIGMA, model=MODEL, prior=WIDE):
    sigma = np.full(len(curves), noise) if np.isscalar(noise) else noise
    return posterior(model, curves, sigma, NODES[:, None], prior)


def truths(n, seed=0):
    rng = np.random.default_rng(seed)
    return np.stack([rng.uniform(20, 90, n) / 6000, rng.uniform(0.6, 1.8, n)], axis=1)


def noisy(p, seed=1):
    return MODEL.predict(p) + np.random.default_rng(seed).normal(0.0, SIGMA, (len(p), 6))


def test_without_noise_the_truth_is_found():
    p = truths(300)
    out = found(MODEL.predict(p), 1e-6)
    np.testing.assert_allclose(out.values["cbf"], p[:, 0], rtol=1e-3)
    # Between two nodes a closer look is taken, twice.
    np.testing.assert_allclose(out.values["att"], p[:, 1], atol=1e-3)


@pytest.mark.parametrize("truth", [(20 / 6000, 1.2), (60 / 6000, 0.9), (90 / 6000, 1.6)])
def test_the_stated_error_is_the_scatter_over_repeats(truth):
    out = found(noisy(np.tile(truth, (3000, 1))))
    for key in ("cbf", "att"):
        ratio = np.sqrt((out.std[key] ** 2).mean()) / out.values[key].std()
        # A prior as wide as this draws the estimate a little, so that it scatters less than it may be off.
        assert 0.9 < ratio < 1.35, (key, ratio)


def test_flow_that_is_not_there_is_zero_on_average():
    out = found(noisy(np.tile([0.0, 1.3], (4000, 1))))
    # 4000 voxels tell their mean to 0.1 mL/100 g/min.
    assert abs(out.values["cbf"].mean() * 6000) < 0.4
    assert np.mean(out.is_expected["att"]) > 0.5


def test_no_curve_is_left_in_a_wrong_minimum():
    """Whatever node explains a curve best is found; a descent, which cannot see across a bend, stops short of it."""
    p = truths(2000, seed=2)
    curves = noisy(p, seed=3)
    columns = MODEL.atoms(NODES[:, None])[:, 0]
    best = ((curves @ columns.T) ** 2 / np.maximum((columns**2).sum(axis=1), 1e-12)).max(axis=1) / SIGMA**2
    explained = found(curves).explained
    assert (explained >= best * (1 - 1e-4)).mean() > 0.999


def test_a_sample_of_infinite_noise_is_not_there():
    p = truths(200, seed=4)
    curves = noisy(p, seed=5)
    noise = np.full(curves.shape, SIGMA)
    noise[:, 2] = np.inf
    ruined = curves.copy()
    ruined[:, 2] = 1e6
    np.testing.assert_allclose(found(ruined, noise).values["cbf"], found(curves, noise).values["cbf"], rtol=1e-6)
    shorter = Pcasl(np.delete(DELAYS, 2), np.full(5, 1.8), 0.85, MODEL.tissue)
    expected = found(np.delete(curves, 2, axis=1), SIGMA, shorter)
    np.testing.assert_allclose(found(ruined, noise).values["att"], expected.values["att"], rtol=1e-3)


def test_what_cannot_be_used_fails_and_leaves_its_neighbours_alone():
    curves = noisy(truths(50, seed=6))
    alone = found(curves[1:]).values["cbf"]
    curves[0, 3] = np.nan
    out = found(curves)
    assert out.status[0] == Status.NOT_FINITE
    assert np.isnan(out.values["cbf"][0]) and np.isnan(out.std["att"][0]) and np.isnan(out.explained[0])
    np.testing.assert_array_equal(out.values["cbf"][1:], alone)


def test_threads_change_nothing():
    curves = noisy(truths(3000, seed=7))
    one = found(curves)
    with on_threads(2):
        two = found(curves)
    np.testing.assert_array_equal(one.values["cbf"], two.values["cbf"])


def test_a_narrow_prior_is_kept_by_a_curve_that_says_nothing_and_overruled_by_one_that_does():
    prior = normal(NODES, 2.0, 0.2)
    nothing = found(np.full((1, 6), 1e-9), 1.0, prior=prior)
    np.testing.assert_allclose(nothing.values["att"], 2.0, atol=0.02)
    assert nothing.is_expected["att"][0]
    clear = found(MODEL.predict(np.array([[0.01, 1.2]])), 1e-5, prior=prior)
    np.testing.assert_allclose(clear.values["att"], 1.2, atol=0.01)
    assert not clear.is_expected["att"][0]


def test_arterial_volume_is_found_where_it_is_and_zero_on_average_where_it_is_not():
    delays = np.array([-0.4, 0.0, 0.25, 0.6, 1.0, 1.5, 2.0, 2.6])
    model = ArterialPcasl(delays, np.full(8, 1.8), 0.85, Tissue(1.65))
    nodes = np.array([(att, abat) for att in np.arange(0.3, 3.0, 0.1) for abat in np.arange(0.2, att, 0.1)])
    p = np.tile([[0.01, 0.0, 1.2, 0.7], [0.01, 0.02, 1.2, 0.7]], (400, 1))
    curves = model.predict(p) + np.random.default_rng(8).normal(0.0, 4e-4, (800, 8))
    flat = np.zeros((1, len(nodes)))
    out = posterior(model, curves, np.full(800, 4e-4), nodes, lambda piece: flat)
    volume = out.values["abv"].reshape(400, 2).mean(axis=0)
    # 400 voxels tell their mean to a hundredth of it; the grid of arrivals is coarse. A volume that may not be negative
    # would be 0.001 where there is none, and take its label from the flow.
    np.testing.assert_allclose(volume, [0.0, 0.02], atol=1e-3)
    np.testing.assert_allclose(out.values["cbf"].mean(), 0.01, rtol=0.02)


def test_a_model_with_three_amplitudes_is_refused():
    class Three(Pcasl):
        linear = MODEL.linear * 3

    with pytest.raises(Problem, match="3 amplitudes"):
        posterior(Three(DELAYS, np.full(6, 1.8), 0.85, MODEL.tissue), np.ones((4, 6)), np.ones(4), NODES[:, None], WIDE)
