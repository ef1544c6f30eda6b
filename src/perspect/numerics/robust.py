"""Spread that outliers do not move."""

from typing import Any, Final

import numpy as np

NORMAL: Final = 1.4826
"""Standard deviation over median absolute deviation of a normal distribution."""


def spread(deviations: Any, axis: int | None = None) -> Any:
    """The standard deviation of normally distributed deviations (around their middle, or differences around zero), by
    their median size.

    Rousseeuw & Croux 1993, doi:10.1080/01621459.1993.10476408

    >>> float(round(spread(np.random.default_rng(0).standard_normal(100001)), 2))
    1.0
    """
    return NORMAL * np.median(np.abs(deviations), axis=axis)
