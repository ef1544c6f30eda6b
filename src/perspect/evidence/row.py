"""One published result: whom it was found in, what it says, and when it may be cited."""

from dataclasses import dataclass
from math import isfinite, sqrt
from statistics import NormalDist
from typing import Final, Literal

from perspect.evidence.case import OF_QUALITY, Case, Condition

Z95: Final = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Proportion:
    """A sensitivity or specificity with its 95 % interval."""

    value: float
    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 <= self.low <= self.value <= self.high <= 1:
            raise ValueError(f"A proportion of {self.value} cannot have the interval {self.low} to {self.high}.")


def of_counts(share: float, n: float) -> Proportion:
    """A proportion of `n` cases with Wilson's interval.

    Wilson 1927, doi:10.1080/01621459.1927.10502953

    >>> of_counts(0.9, 49)
    Proportion(value=0.9, low=0.784..., high=0.956...)
    """
    centre = (share + Z95**2 / (2 * n)) / (1 + Z95**2 / n)
    half = Z95 / (1 + Z95**2 / n) * sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    return Proportion(share, max(min(centre - half, share), 0.0), min(max(centre + half, share), 1.0))


@dataclass(frozen=True)
class Cutoff:
    """Where a marker's values part, as a range: one number where a study gives one, or the span of pooled studies.

    `origin` says where it comes from; a cut-off of ours says so there.
    """

    low: float
    high: float
    origin: str

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"A cut-off from {self.low} to {self.high} runs backwards.")

    def __str__(self) -> str:
        return f"{self.low:g}" if self.low == self.high else f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True)
class Row:
    """A row of `sources.toml`.

    `target` is what counts as positive, and `direction` how the marker points there. `status` is `verified` where the
    numbers were read in the source itself; only such rows may feed a verdict. `sensitivity` and `specificity` are
    `None` where the source has none. `roi` says over what its regions were summed up: mean, maximum, or mixed.
    `speaks` is "present" where a sign speaks only if it is there: its absence is no evidence against.
    `seen_from` is how many standard errors above zero a value must lie to speak for presence.
    `lr_caps` are a printed likelihood ratio and the ends of its interval (low, estimate, high) that are lower than the
    printed pair implies: then the lower holds.
    """

    id: str
    question: str
    target: str
    marker: str
    direction: Literal["high", "low"]
    status: Literal["verified", "partial", "secondary"]
    citation: str
    cutoff: Cutoff | None = None
    sensitivity: Proportion | None = None
    specificity: Proportion | None = None
    derived: str = ""
    auc: float | None = None
    n_patients: int | None = None
    n_studies: int = 1
    level: str = "single"
    roi: str = ""
    speaks: Literal["both", "present"] = "both"
    seen_from: float = 0.0
    population: str = ""
    conditions: tuple[Condition, ...] = ()
    lr_caps: tuple[float, float, float] = (float("inf"),) * 3
    doi: str = ""
    pmid: str = ""
    note: str = ""

    @property
    def may_feed(self) -> bool:
        """Whether a verdict may rest on it: verified, with a cut-off and both proportions."""
        return self.status == "verified" and None not in (self.cutoff, self.sensitivity, self.specificity)

    def failed(self, case: Case) -> tuple[str, ...]:
        """The conditions that do not hold in this case, in words."""
        return tuple(why for one in self.conditions if (why := one.failure(case)) is not None)

    def is_about(self, case: Case) -> bool:
        """Whether the case is of the kind that the row is about, however well its series were taken."""
        return all(one.failure(case) is None for one in self.conditions if one.fact not in OF_QUALITY)

    @property
    def reference(self) -> str:
        """The citation with its identifier."""
        identifier = f", doi:{self.doi}" if self.doi else f", PMID {self.pmid}" if self.pmid else ""
        return f"{self.citation}{identifier}"


def pair_of_auc(auc: float, n: float) -> tuple[Proportion, Proportion]:
    """Sensitivity and specificity where they are equal, of two normal distributions of one width with this AUC.

    Marzban 2004, doi:10.1175/825.1 (the ROC curve of Gaussian distributions)

    >>> round(pair_of_auc(0.9, 100)[0].value, 3)
    0.818
    """
    if not (isfinite(auc) and 0.5 <= auc < 1):
        raise ValueError(f"No two distributions have an AUC of {auc}.")
    normal = NormalDist()
    both = of_counts(normal.cdf(normal.inv_cdf(auc) / sqrt(2)), n / 2)
    return both, both
