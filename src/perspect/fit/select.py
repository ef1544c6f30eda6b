"""Which of several models the data ask for."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from perspect.fit.fit import Fit
from perspect.vocabulary.problem import Problem


def aicc(fit: Fit) -> Float[np.ndarray, "*voxels"]:
    r"""Akaike's criterion for small samples, the variance of the noise profiled out; less is better, +inf is no fit.

    $n \ln(SSE/n) + 2k + 2k(k+1)/(n-k-1)$, where k counts the parameters and the variance.

    Hurvich and Tsai 1989, doi:10.1093/biomet/76.2.297
    """
    n, k = fit.n_samples, fit.n_parameters + 1
    if n - k - 1 <= 0:
        return np.full(fit.sse.shape, np.inf)
    is_fit = fit.sse > 0
    deviance = n * np.log(np.where(is_fit, fit.sse, 1.0) / n)
    return np.where(is_fit, deviance + _penalty(n, k), np.inf)


def _penalty(n: int, k: int) -> float:
    return 2.0 * k + 2.0 * k * (k + 1.0) / (n - k - 1.0)


def to_beat(fits: Sequence[Fit], n_parameters: int) -> Float[np.ndarray, "*voxels"]:
    """The sum of squares below which one more model, with so many parameters, has less AICc than all these; +inf where
    none of them fits.
    """
    n, k = fits[0].n_samples, n_parameters + 1
    if n - k - 1 <= 0:
        return np.zeros(fits[0].sse.shape)
    with np.errstate(over="ignore"):
        return np.asarray(n * np.exp((_criteria(fits).min(axis=0) - _penalty(n, k)) / n))


def weights(fits: Sequence[Fit]) -> Float[np.ndarray, "models *voxels"]:
    """Akaike weights: the share of belief that each model earns; they sum to 1, and are NaN where no model fits.

    Burnham and Anderson 2004, doi:10.1177/0049124104268644
    """
    criteria = _criteria(fits)
    least = criteria.min(axis=0)
    is_fit = np.isfinite(least)
    relative = np.exp(-0.5 * (criteria - np.where(is_fit, least, 0.0)))
    total = np.where(is_fit, relative.sum(axis=0), np.nan)
    return relative / total


def choice(fits: Sequence[Fit]) -> Int[np.ndarray, "*voxels"]:
    """Which fit to believe: the index of the least AICc, the first of equals; -1 where no model fits."""
    criteria = _criteria(fits)
    return np.where(np.isfinite(criteria).any(axis=0), criteria.argmin(axis=0), -1)


def _criteria(fits: Sequence[Fit]) -> Float[np.ndarray, "models *voxels"]:
    if len({fit.n_samples for fit in fits}) != 1:
        raise Problem(
            "The fits are of curves of different length.",
            "Information criteria compare models of the same data only.",
            "Fit every model to the same samples.",
        )
    return np.stack([aicc(fit) for fit in fits])
