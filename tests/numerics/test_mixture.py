import numpy as np
import pytest
from scipy.stats import multivariate_normal

from perspect.numerics.mixture import Materials, log_densities, mixtures, renewed

KINDS = mixtures(2, 2)
TRUE = Materials(
    np.array([[1.0, 5.0], [3.0, 2.0]]), np.array([[[0.04, 0.01], [0.01, 0.09]], [[0.09, 0.0], [0.0, 0.04]]])
)


def drawn(n=60_000, seed=3):
    """Samples, and which kind each is."""
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, len(KINDS), n)
    out = np.empty((n, 2))
    for k, share in enumerate(KINDS):
        mean, covariance = share @ TRUE.means, np.tensordot(share, TRUE.covariances, 1)
        out[kind == k] = rng.multivariate_normal(mean, covariance, (kind == k).sum())
    return out.astype(np.float32), kind


def probabilities(samples, materials):
    density = np.exp(log_densities(samples, materials, KINDS))
    return density / density.sum(axis=0)


def test_every_mixture_is_whole_and_of_two_at_most():
    kinds = mixtures(3, 4)
    np.testing.assert_allclose(kinds.sum(axis=1), 1)
    assert ((kinds > 0).sum(axis=1) <= 2).all()
    assert len(np.unique(kinds, axis=0)) == len(kinds) == 3 + 3 * 3


def test_densities_are_those_of_normal_classes():
    samples, _ = drawn(50)
    expected = [
        multivariate_normal(share @ TRUE.means, np.tensordot(share, TRUE.covariances, 1)).logpdf(samples)
        for share in KINDS
    ]
    np.testing.assert_allclose(log_densities(samples, TRUE, KINDS), expected, rtol=1e-4, atol=1e-4)


def test_materials_are_recovered_from_samples_whose_parts_nobody_saw():
    samples, _ = drawn()
    found = Materials(np.array([[1.4, 4.5], [2.7, 2.6]]), np.array([np.eye(2), np.eye(2)]) * 0.2)
    for _ in range(60):
        found = renewed(samples, probabilities(samples, found).astype(np.float32), found, KINDS)
    # 20,000 samples of each kind: means to 0.3 / sqrt(20,000) = 0.002, variances to a hundredth.
    np.testing.assert_allclose(found.means, TRUE.means, atol=0.01)
    np.testing.assert_allclose(found.covariances, TRUE.covariances, atol=0.005)


def test_a_step_never_makes_the_samples_less_likely():
    samples, _ = drawn(5_000)
    found = Materials(np.array([[0.5, 4.0], [2.0, 3.5]]), np.array([np.eye(2), np.eye(2)]) * 0.5)
    last = -np.inf
    for _ in range(15):
        now = np.log(np.exp(log_densities(samples, found, KINDS)).mean(axis=0)).mean()
        assert now >= last - 1e-5
        last = now
        found = renewed(samples, probabilities(samples, found).astype(np.float32), found, KINDS)


@pytest.mark.parametrize("ratio", [1.0, 1.5])
def test_classes_that_are_kept_alike_differ_no_more_than_allowed(ratio):
    wide = Materials(TRUE.means, np.array([np.eye(2) * 100.0, np.eye(2) * 0.01]))
    kept = wide.kept_alike(np.array([1.0, 1.0]), ratio).covariances
    spread = np.sqrt(kept[:, 0, 0])
    assert spread.max() / spread.min() <= ratio**2 * (1 + 1e-9)
