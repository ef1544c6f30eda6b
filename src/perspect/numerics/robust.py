"""Spread that outliers do not move, and noise that slopes do not."""

from typing import Any, Final

import numpy as np
from jaxtyping import Float

NORMAL: Final = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""

DOUBTFUL: Final = 3.0
"""Robust standard deviations from the median from which a value begins to be an outlier [our default]."""

OUTLYING: Final = 5.0
"""The same, from which it is one [our default]."""


def second_differences(values: Any, axis: int = 0) -> Any:
    """How far values lie from their two neighbours along an axis, scaled so that white noise keeps its spread: slopes
    are gone, edges are not. NaN where one of the three is.

    >>> second_differences(np.array([1.0, 2.0, 3.0, 4.0])).tolist()
    [0.0, 0.0]
    """
    along = np.moveaxis(values, axis, 0)
    return np.moveaxis((along[2:] - 2.0 * along[1:-1] + along[:-2]) / np.sqrt(6.0), 0, axis)


def spread(deviations: Any, axis: int | None = None) -> Any:
    """The standard deviation of normally distributed deviations (around their middle, or differences around zero), by
    their median size.

    Rousseeuw & Croux 1993, doi:10.1080/01621459.1993.10476408

    >>> float(round(spread(np.random.default_rng(0).standard_normal(100001)), 2))
    1.0
    """
    return NORMAL * np.median(np.abs(deviations), axis=axis)


def belonging(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """How far each value belongs to the rest: 1 to `DOUBTFUL` robust standard deviations from the median, 0 from
    `OUTLYING` on, a straight line between, so that no value jumps in or out with noise. 1 where most values are equal.

    Hampel et al. 1986, Robust Statistics, ISBN 0-471-82921-8 (a redescending estimator of three parts)

    >>> belonging(np.array([1.0, 1.1, 0.9, 1.05, 7.0])).tolist()
    [1.0, 1.0, 1.0, 1.0, 0.0]
    """
    away = np.abs(values - np.median(values))
    width = spread(away)
    if width == 0:
        return np.ones_like(values)
    out: Float[np.ndarray, " n"] = np.clip((OUTLYING - away / width) / (OUTLYING - DOUBTFUL), 0.0, 1.0)
    return out
