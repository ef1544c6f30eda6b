"""Cut-offs of a site's own: from patients whose outcome is known to rows that may be cited for this pipeline."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from statistics import mean, median_low
from typing import Final, Literal

from perspect.evidence.case import FACTS, OF_PIPELINE, OF_QUALITY, Case, Condition, Fact
from perspect.evidence.question import Question
from perspect.evidence.row import Cutoff, Proportion, Row, of_counts
from perspect.evidence.sources import row as row_of
from perspect.vocabulary import Problem, marker

FEWEST: Final = 10
"""Patients of either outcome without which a marker gets no cut-off [our default]."""

N_RESAMPLED: Final = 1000
"""Cohorts drawn again, with replacement within either outcome, for the intervals."""

FOLDS, REPEATS = 5, 20
"""Parts into which a cohort is split for cross-validation, and how often it is split anew."""

SAME_TE: Final = 0.005
"""s by which an echo time may differ from those of the cohort [our default]."""

Direction = Literal["high", "low"]


@dataclass(frozen=True)
class Known:
    """One patient of a cohort: markers by key, what is on record, and whether the outcome was the question's target."""

    name: str
    values: Mapping[str, float]
    is_target: bool
    facts: Mapping[str, Fact]


@dataclass(frozen=True)
class Calibrated:
    """What a cohort says of one marker.

    `cutoff` is where sensitivity + specificity is largest, with the 95 % interval of the bootstrap; sensitivity,
    specificity and `auc` are cross-validated: cut-off and direction come from the other patients. `why_not` says why
    no verdict may rest on it.
    """

    marker: str
    direction: Direction
    cutoff: float
    cutoff_low: float
    cutoff_high: float
    sensitivity: Proportion
    specificity: Proportion
    auc: float
    auc_low: float
    auc_high: float
    n_target: int
    n_other: int
    why_not: str = ""


@dataclass(frozen=True)
class Calibration:
    """A site's cut-offs for one question: by whom (`site`), with which version, under which conditions.

    Conditions on a series or its pipeline hold for the markers of that series.
    """

    question: str
    site: str
    version: str
    markers: tuple[Calibrated, ...]
    conditions: tuple[Condition, ...]

    def rows(self, target: str) -> dict[str, Row]:
        """The rows by marker, of those that a verdict may rest on."""
        return {one.marker: self._row(one, target) for one in self.markers if not one.why_not}

    @property
    def useless(self) -> dict[str, str]:
        """Markers that this cohort gives no cut-off for, each with the reason."""
        return {one.marker: one.why_not for one in self.markers if one.why_not}

    def _row(self, one: Calibrated, target: str) -> Row:
        n = one.n_target + one.n_other
        return Row(
            id=f"site.{self.question}.{one.marker}", question=self.question, target=target, marker=one.marker,
            direction=one.direction, status="verified", citation=f"{self.site}, own cohort of {n} patients",
            cutoff=Cutoff(one.cutoff_low, one.cutoff_high, f"calibrated here: {one.cutoff:.3g}"),
            sensitivity=one.sensitivity, specificity=one.specificity, auc=one.auc, n_patients=n, level="own",
            conditions=self._conditions(one.marker), note="cross-validated",
        )  # fmt: skip

    def _conditions(self, key: str) -> tuple[Condition, ...]:
        """Under which conditions a marker's cut-off may be cited: how its own series was taken and analysed."""
        by = f"{marker(key).measured_by}."
        own = (one for one in self.conditions if "." not in one.fact or one.fact.startswith(by))
        made_by = () if any(one.fact == "software" for one in self.conditions) else (
            Condition("software", equals=self.version),
        )  # fmt: skip
        return (*own, *made_by)


def calibrate(question: Question, cohort: Sequence[Known], site: str, version: str, seed: int = 0) -> Calibration:
    """A site's own cut-offs for a question, from patients whose outcome is known.

    Only markers that the question reads are looked at. Patients whom the question would refuse must not be among them.
    Raises Problem where no marker has `FEWEST` patients of either outcome, or they were measured by several pipelines.
    """
    _demand_one_pipeline(cohort)
    keys = tuple(dict.fromkeys(row_of(name).marker for use in question.uses for name in use.rows))
    found = tuple(one for key in keys if (one := _of_marker(key, cohort, seed)) is not None)
    if not found:
        n = sum(one.is_target for one in cohort)
        raise Problem(
            f"No marker of '{question.key}' is known in {FEWEST} patients of either outcome ({n} with the target, "
            f"{len(cohort) - n} without).",
            "A cut-off from fewer would be chance.",
            f"Give at least {FEWEST} of either, measured as you measure now.",
        )
    return Calibration(question.key, site, version, found, conditions_of(cohort))


def conditions_of(cohort: Sequence[Known]) -> tuple[Condition, ...]:
    """How the cohort was measured, as conditions on a new case: what differs within it cannot be one."""
    out = []
    for fact in sorted(OF_QUALITY | OF_PIPELINE):
        values = [one.facts.get(fact) for one in cohort]
        known = [one for one in values if one is not None]
        if len(known) < len(values) or not known:
            continue
        if all(isinstance(one, float) for one in known):
            times = [float(one) for one in known]
            out.append(Condition(fact, low=min(times) - SAME_TE, high=max(times) + SAME_TE))
        elif len(set(known)) == 1:
            out.append(Condition(fact, equals=known[0]))
    return tuple(out)


def _demand_one_pipeline(cohort: Sequence[Known]) -> None:
    """Raises Problem where what made the numbers differs within the cohort."""
    for fact in sorted(OF_PIPELINE):
        made = {one.facts[fact]: one.name for one in cohort if fact in one.facts}
        if len(made) > 1:
            (first, a), (second, b), *_ = made.items()
            raise Problem(
                f"{FACTS[fact].capitalize()} of {a} and of {b} differ ({first} and {second}).",
                "One cut-off for numbers of several pipelines would be of neither.",
                "Measure the whole cohort with one version and the same choices.",
            )


def refusals(question: Question, cohort: Sequence[Known]) -> tuple[str, ...]:
    """Patients of whom the question must not be asked, by what is on record, with the reason."""
    return tuple(
        f"{one.name}: {need.sentence}"
        for one in cohort
        for need in question.needs
        if need.condition.fact in one.facts and need.condition.failure(Case(one.facts)) is not None
    )


def _of_marker(key: str, cohort: Sequence[Known], seed: int) -> Calibrated | None:
    pairs = [(one.values[key], one.is_target) for one in cohort if isfinite(one.values.get(key, float("nan")))]
    target = sorted(value for value, is_target in pairs if is_target)
    other = sorted(value for value, is_target in pairs if not is_target)
    if min(len(target), len(other)) < FEWEST:
        return None
    direction = _direction(target, other)
    sensitivity, specificity, validated = _cross_validated(target, other, seed)
    cuts, areas = _resampled(target, other, direction, seed)
    low, high = _percentile(areas, 0.025), _percentile(areas, 0.975)
    best = best_cut(target, other, direction)
    return Calibrated(
        key, direction, best, min(_percentile(cuts, 0.025), best), max(_percentile(cuts, 0.975), best),
        of_counts(sensitivity, len(target)), of_counts(specificity, len(other)), validated, min(low, validated),
        max(high, validated), len(target), len(other),
        "" if low > 0.5 and validated > 0.5 else "it does not tell the outcomes of this cohort apart",
    )  # fmt: skip


def area(target: Sequence[float], other: Sequence[float]) -> float:
    """The area under the ROC curve: how often a patient with the target has the higher value; ties count half.

    Mann and Whitney 1947, doi:10.1214/aoms/1177730491

    >>> area([2.0, 3.0], [1.0, 2.0])
    0.875
    """
    ordered = sorted([*((value, True) for value in target), *((value, False) for value in other)])
    total, below, at = 0.0, 0, 0
    while at < len(ordered):
        same = [one for one in ordered[at:] if one[0] == ordered[at][0]]
        n_other = sum(not is_target for _, is_target in same)
        total += (len(same) - n_other) * (below + 0.5 * n_other)
        below += n_other
        at += len(same)
    return total / (len(target) * len(other))


def best_cut(target: Sequence[float], other: Sequence[float], direction: Direction) -> float:
    """Where sensitivity + specificity is largest (Youden 1950, doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>
    3.0.CO;2-3): the middle between the two values that it parts; of several such places the middle one.

    >>> best_cut([3.0, 4.0], [1.0, 2.0], "high")
    2.5
    """
    sign = 1.0 if direction == "high" else -1.0
    ordered = sorted([*((sign * value, True) for value in target), *((sign * value, False) for value in other)])
    caught, spared = len(target), 0
    found: list[float] = []
    most = float("-inf")
    for (value, is_target), (following, _) in pairwise(ordered):
        caught, spared = caught - is_target, spared + (not is_target)
        if value == following:
            continue
        gain = caught / len(target) + spared / len(other)
        if gain > most + 1e-12:
            most, found = gain, []
        if gain >= most - 1e-12:
            found.append(0.5 * (value + following))
    return sign * median_low(found) if found else sign * ordered[0][0]


def _direction(target: Sequence[float], other: Sequence[float]) -> Direction:
    return "high" if area(target, other) >= 0.5 else "low"


def _cross_validated(target: Sequence[float], other: Sequence[float], seed: int) -> tuple[float, float, float]:
    """Sensitivity, specificity and area where cut-off and direction are those of the other patients."""
    rng = random.Random(seed)
    hits: list[float] = []
    spared: list[float] = []
    areas: list[float] = []
    for _ in range(REPEATS):
        for inside, outside in zip(_folds(target, rng), _folds(other, rng), strict=True):
            rest, rest_other = inside[1], outside[1]
            direction = _direction(rest, rest_other)
            sign = 1.0 if direction == "high" else -1.0
            cut = sign * best_cut(rest, rest_other, direction)
            hits += [sign * value > cut for value in inside[0]]
            spared += [sign * value <= cut for value in outside[0]]
            areas.append(area([sign * value for value in inside[0]], [sign * value for value in outside[0]]))
    return mean(hits), mean(spared), mean(areas)


def _folds(values: Sequence[float], rng: random.Random) -> list[tuple[list[float], list[float]]]:
    """The values in `FOLDS` parts, each with the rest."""
    shuffled = rng.sample(list(values), len(values))
    return [
        (shuffled[k::FOLDS], [value for at, value in enumerate(shuffled) if at % FOLDS != k]) for k in range(FOLDS)
    ]  # fmt: skip


def _resampled(
    target: Sequence[float], other: Sequence[float], direction: Direction, seed: int
) -> tuple[list[float], list[float]]:
    """Cut-offs and areas of cohorts drawn again (Efron 1979, doi:10.1214/aos/1176344552)."""
    rng = random.Random(seed)
    cuts, areas = [], []
    for _ in range(N_RESAMPLED):
        one, two = rng.choices(target, k=len(target)), rng.choices(other, k=len(other))
        found = area(one, two)
        areas.append(found if direction == "high" else 1 - found)
        cuts.append(best_cut(one, two, direction))
    return cuts, areas


def _percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[round(share * (len(ordered) - 1))]
