"""Several families together: no study prints how they depend on each other, so a range is given, never a number."""

from collections.abc import Sequence
from functools import lru_cache
from itertools import product
from math import exp, pi, sqrt
from statistics import NormalDist
from typing import Final

from perspect.evidence.likelihood import Rates

NORMAL: Final = NormalDist()

LEAST_DEPENDENCE: Final = 0.2
"""Correlation within either group at the independent end of the range: families of one lesion are never independent
[our default]."""

DEPENDENCES: Final = (LEAST_DEPENDENCE, 0.4, 0.6, 0.8, 0.95, None)
"""Correlations over which the range is sought: where families disagree it is not between the two ends. `None` is full
dependence."""

NODES: Final = tuple(-6.0 + 12.0 * (i + 0.5) / 120 for i in range(120))
"""Midpoints over which the common factor is integrated: exact to 1e-9 for any correlation used here."""


@lru_cache(maxsize=4096)
def joint(shares: tuple[float, ...], signs: tuple[bool, ...], correlation: float) -> float:
    """The probability of a pattern of positive and negative results, for marginal shares under a Gaussian copula.

    One common factor with equal correlations, integrated over it.

    >>> round(joint((0.84, 0.88), (True, True), 0.0), 4)
    0.7392
    """
    marks = [NORMAL.inv_cdf(share) for share in shares]
    loading, rest = sqrt(correlation), sqrt(1 - correlation)
    total = 0.0
    for z in NODES:
        chance = exp(-0.5 * z * z)
        for mark, sign in zip(marks, signs, strict=True):
            below = NORMAL.cdf((mark + loading * z) / rest)
            chance *= below if sign else 1 - below
        total += chance
    return total * (NODES[1] - NODES[0]) / sqrt(2 * pi)


def together(shares: Sequence[float], signs: Sequence[bool]) -> float:
    """The same under full dependence, where who is positive to the rarer is positive to the commoner too."""
    positive = min((share for share, sign in zip(shares, signs, strict=True) if sign), default=1.0)
    negative = max((share for share, sign in zip(shares, signs, strict=True) if not sign), default=0.0)
    return max(positive - negative, 0.0)


def ratio(families: Sequence[Rates], chances: Sequence[float], correlation: float | None) -> float:
    """The likelihood ratio of several families, each positive with some chance; `None` is full dependence.

    What is seen under either hypothesis is mixed over the patterns of positive and negative results that the chances
    leave open. Where full dependence rules all of them out, nothing is said (ratio 1).

    >>> both = [Rates(0.84, 0.22), Rates(0.88, 0.14)]
    >>> [round(ratio(both, [1.0, 1.0], rho), 1) for rho in (0.0, 0.4, 0.8, None)]
    [24.0, 12.4, 7.5, 6.0]
    """
    hits = tuple(one.sensitivity for one in families)
    falses = tuple(one.false_positives for one in families)
    with_target = without = 0.0
    for signs in product((True, False), repeat=len(families)):
        weight = 1.0
        for sign, chance in zip(signs, chances, strict=True):
            weight *= chance if sign else 1 - chance
        if weight > 0.0:
            with_target += weight * _pattern(hits, signs, correlation)
            without += weight * _pattern(falses, signs, correlation)
    return with_target / without if with_target > 0 and without > 0 else 1.0


def _pattern(shares: tuple[float, ...], signs: tuple[bool, ...], correlation: float | None) -> float:
    return together(shares, signs) if correlation is None else joint(shares, signs, correlation)


def band(families: Sequence[tuple[Rates, Rates, Rates]], chances: Sequence[float]) -> tuple[float, float]:
    """The lowest and highest likelihood ratio over the dependence and over the intervals of the studies.

    Every study may stand at either end of its interval, whatever the others do. With no family it is 1.
    """
    if not families:
        return 1.0, 1.0
    found = [
        ratio([one[end] for one, end in zip(families, ends, strict=True)], chances, correlation)
        for ends in [*product((0, 2), repeat=len(families)), (1,) * len(families)]
        for correlation in DEPENDENCES
    ]
    return min(found), max(found)


def post_test(prior: float, odds_ratio: float) -> float:
    """The probability after a result, from that before it.

    >>> round(post_test(0.5, 24.0), 2)
    0.96
    """
    odds = prior / (1 - prior) * odds_ratio
    return odds / (1 + odds)
