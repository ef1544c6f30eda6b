"""Standard errors checked by samples of the posterior density."""

import numpy as np
import pytest

from mrs_made import HEALTHY, basis, spectrum
from perspect import mrs
from perspect.mrs.combine import N_COMMON, shadow_of
from perspect.mrs.pipeline import taken_apart
from perspect.mrs.prepare import prepared
from perspect.mrs.sampled import effective, energy
from perspect.vocabulary import Problem


@pytest.fixture(scope="module")
def measured():
    return mrs.measure(spectrum(HEALTHY, seed=1, snr=40.0), basis(), mrs.Plan(samples=2500))


def test_where_the_model_is_linear_over_the_error_samples_and_bound_agree(measured):
    """Sums far from zero. Some 80 independent samples know a standard deviation to 8 %; twice that is allowed."""
    for key in ("tNAA", "tCr", "tCho", "Glx"):
        bound, found = measured.amounts[key], measured.posterior[key]
        assert found.std == pytest.approx(bound.std, rel=0.16), key
        assert abs(found.value - bound.value) < 0.5 * bound.std


def test_beside_zero_the_samples_lean_away_from_it_and_the_bound_cannot(measured):
    """Lactate of normal brain is about one standard error: its lower limit is nearer than its upper one."""
    found, bound = measured.posterior["Lac"], measured.amounts["Lac"]
    assert bound.value < 2 * bound.std
    assert 0 <= found.lower < found.value
    assert found.upper - found.value > 1.2 * (found.value - found.lower)
    assert found.std < bound.std


def test_samples_are_drawn_only_on_request_and_change_no_amount(measured):
    plain = mrs.measure(spectrum(HEALTHY, seed=1, snr=40.0), basis())
    assert not plain.posterior and {k: v.value for k, v in plain.amounts.items()} == {
        k: v.value for k, v in measured.amounts.items()
    }
    assert "samples" in [step.name for step in measured.recipe.steps]


def test_too_few_samples_are_refused():
    with pytest.raises(Problem, match="samples"):
        mrs.Plan(samples=10)


def test_a_chain_that_remembers_is_worth_less():
    """Autoregressive with memory 0.9: worth (1 - 0.9) / (1 + 0.9) of its length, known to a third here."""
    rng, x, out = np.random.default_rng(0), 0.0, []
    for kick in rng.normal(size=20000):
        x = 0.9 * x + kick
        out.append(x)
    assert effective(np.array(out)) == pytest.approx(20000 / 19, rel=0.33)
    assert effective(rng.normal(size=2000)) > 1000


def test_beyond_the_limits_of_the_fit_there_is_no_density():
    one = spectrum(HEALTHY, seed=1, snr=40.0)
    found = taken_apart(prepared(one, None, mrs.Plan()), one, basis(), mrs.Plan())
    task, place, n = found.task, found.solution.place, found.task.n_signals
    shadow = shadow_of(task, found.solution.dimensions)

    def at(k, value):
        theta = place.theta.copy()
        theta[k] = value
        return energy(task, np.concatenate([place.amplitudes, theta]), shadow, found.solution.noise)

    assert np.isfinite(at(0, place.theta[0]))
    far = task.far[1]
    assert np.isfinite(at(N_COMMON, 0.99 * far[0])) and at(N_COMMON, 1.01 * far[0]) == np.inf
    assert at(N_COMMON + n, 1.01 * far[n]) == np.inf
    assert at(4, -1.0) == np.inf
