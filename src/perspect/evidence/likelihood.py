"""What a measured value says for one side: how surely it lies beyond a cut-off, and the likelihood ratio of that."""

from dataclasses import dataclass, replace
from math import exp, isfinite, pi, sqrt
from statistics import NormalDist
from typing import Final

from perspect.evidence.row import Cutoff, Row
from perspect.evidence.side import Side
from perspect.vocabulary import Finding

NORMAL: Final = NormalDist()

SURE: Final = 0.9
"""Probability of lying beyond a cut-off from which a value stands clear of it: its 80 % interval then lies beyond."""

INFORMATIVE: Final = 2.0
"""Likelihood ratio (or its inverse) from which a value takes a side, and that a row must reach in the direction it is
read in to support a verdict or to object to one: less hardly moves an opinion [our default]."""

PROBABILITY, READER = "probability", "reader"
"""The unit of markers that are a probability, and by whom signs are measured that are seen or not."""

EIGHTY: Final = NORMAL.inv_cdf(SURE)
"""Standard deviations to either side that hold 80 %."""

LEAST_MISS: Final = 0.02
"""Share by which a published sensitivity or specificity falls short of 1 at least: nobody is never wrong, and a study
of 24 patients cannot say so [our default]."""


def spread(finding: Finding) -> float:
    """The standard deviation with which a value stands: its own, or how far it would differ if measured again."""
    return _spread(finding, finding.value)


def _spread(finding: Finding, value: float) -> float:
    again = finding.marker.repeatability * abs(value)
    return max((one for one in (finding.std, again) if isfinite(one)), default=0.0)


def beyond(finding: Finding, row: Row, value: float | None = None) -> float:
    """The probability that the true value lies beyond the row's cut-off, on the side to which the marker points.

    A cut-off that is a range counts as lying anywhere in it. A bound says 1 where it has passed the whole range, and
    leaves even chances where it has not. `value` stands in for the finding's own. NaN where nothing is known. A marker
    that is itself a probability is the answer, however small its error: beyond "even chances" it lies as probably as it
    says.
    """
    at = finding.value if value is None else value
    if row.cutoff is None or not isfinite(at):
        return float("nan")
    if finding.marker.unit == PROBABILITY:
        return min(max(at, 0.0), 1.0) if row.direction == "high" else 1.0 - min(max(at, 0.0), 1.0)
    low, high = row.cutoff.low, row.cutoff.high
    if finding.above:
        passed = at >= high
        return (1.0 if row.direction == "high" else 0.0) if passed else 0.5
    over = _over(at, low, high, _spread(finding, at))
    return over if row.direction == "high" else 1.0 - over


def _over(value: float, low: float, high: float, std: float) -> float:
    """The mean over t in [low, high] of P(true value > t), the value being normally distributed."""
    if std <= 1e-12 * max(abs(value), high):
        if high == low:
            return 1.0 if value > low else 0.0
        return min(max((value - low) / (high - low), 0.0), 1.0)
    if high - low < 1e-9 * std:
        return NORMAL.cdf((value - low) / std)
    # The integral of the normal distribution function is z Phi(z) + phi(z).
    ends = [(value - t) / std for t in (low, high)]
    first, second = (z * NORMAL.cdf(z) + exp(-0.5 * z * z) / sqrt(2 * pi) for z in ends)
    return min(max((first - second) * std / (high - low), 0.0), 1.0)


@dataclass(frozen=True)
class Rates:
    """How often a marker is positive in either group: what a study found, or one end of its interval."""

    sensitivity: float
    false_positives: float

    @property
    def positive(self) -> float:
        """The likelihood ratio of a positive result."""
        return self.sensitivity / self.false_positives

    @property
    def negative(self) -> float:
        """The likelihood ratio of a negative result."""
        return (1 - self.sensitivity) / (1 - self.false_positives)


def clear_side(finding: Finding, row: Row, value: float | None = None) -> Side:
    """The side on which a value stands clear: its 80 % interval lies beyond the cut-off, the whole range of it.

    A sign that a reader saw has no error of measurement: it takes a side, and is never clear. Nor is what is absent,
    where a row is about presence only.
    """
    if row.cutoff is None or finding.marker.measured_by == READER:
        return Side.NEITHER
    ends = (Cutoff(edge, edge, "") for edge in (row.cutoff.low, row.cutoff.high))
    chances = [beyond(finding, replace(row, cutoff=end), value) for end in ends]
    if not all(isfinite(one) for one in chances):
        return Side.NEITHER
    if min(chances) >= SURE:
        return Side.FOR if _is_seen(finding, row, value) else Side.NEITHER
    return Side.AGAINST if max(chances) <= 1 - SURE and row.speaks == "both" else Side.NEITHER


def side_of(finding: Finding, row: Row, value: float | None = None) -> Side:
    """Which side a value takes: that on which it stands clear, or to which its likelihood ratio moves an opinion.

    The ratio holds how surely the value lies beyond the cut-off, which may lie anywhere in its range. A side that is
    taken so, and not clear, can be leaned to and makes nothing concordant.
    """
    clear = clear_side(finding, row, value)
    chance = beyond(finding, row, value)
    if clear is not Side.NEITHER or not isfinite(chance):
        return clear
    ratio = effective(chance, rates(row)[1])
    if ratio >= INFORMATIVE:
        return Side.FOR if _is_seen(finding, row, value) else Side.NEITHER
    return Side.AGAINST if ratio <= 1 / INFORMATIVE and row.speaks == "both" else Side.NEITHER


def _is_seen(finding: Finding, row: Row, value: float | None) -> bool:
    """Whether a value is far enough above zero to be called seen, where the row asks for that."""
    at = finding.value if value is None else value
    return finding.above or not finding.std * row.seen_from > at


def rates(row: Row) -> tuple[Rates, Rates, Rates]:
    """What the row found, between the weaker and the stronger end of its 95 % interval: (weak, found, strong).

    Raises ValueError for a row without proportions.
    """
    if row.sensitivity is None or row.specificity is None:
        raise ValueError(f"{row.id} has no sensitivity and specificity.")
    weak, found, strong = (
        _rates(getattr(row.sensitivity, end), getattr(row.specificity, end), cap)
        for end, cap in zip(("low", "value", "high"), row.lr_caps, strict=True)
    )
    return weak, found, strong


def _rates(sensitivity: float, specificity: float, cap: float) -> Rates:
    """Rates within what a finite study can say; an interval that dips below chance says nothing, not the opposite."""
    hit = min(max(sensitivity, LEAST_MISS), 1 - LEAST_MISS)
    false = min(max(1 - specificity, LEAST_MISS), 1 - LEAST_MISS)
    false = max(false, hit / cap)
    return Rates(hit, false) if hit > false else Rates(hit, hit)


def effective(chance: float, found: Rates) -> float:
    """The likelihood ratio of a value that is positive with some chance: that of observing it with so much doubt.

    Probabilities are mixed, not ratios, so that even chances say nothing and that swapping the sides inverts the ratio.

    >>> [round(effective(chance, Rates(0.95, 0.425)), 2) for chance in (1.0, 0.65, 0.5)]
    [2.24, 1.34, 1.0]
    """
    return mixed(chance, found.sensitivity) / mixed(chance, found.false_positives)


def mixed(chance: float, share: float) -> float:
    """How often a result is seen that is positive with some chance, where `share` of all are positive."""
    return chance * share + (1 - chance) * (1 - share)
