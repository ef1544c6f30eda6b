"""A question that conventional images leave open: its sides, what it needs, and what it refuses."""

from dataclasses import dataclass

from perspect.evidence.case import Condition
from perspect.vocabulary import Family, Severity


@dataclass(frozen=True)
class Need:
    """A demand on the case. Where it does not hold, the question is answered with `sentence`: refused, or (below
    `REFUSED`) not above `leans`.
    """

    condition: Condition
    sentence: str
    severity: Severity = Severity.REFUSED


@dataclass(frozen=True)
class Use:
    """The markers of one family in the order in which they are asked, each with the rows it may be read by."""

    family: Family
    rows: tuple[str, ...]


@dataclass(frozen=True)
class Question:
    """One question. `target` and `other` are its sides as features, never as a diagnosis or a grade.

    `mandatory` are markers without which nothing is said, with the sentence that says so. `uses` name the rows by
    family, the primary marker's first. `disagreements` are known causes of disagreement, by pair of families;
    `settles` is what else could tell. `limits` go with every answer.
    """

    key: str
    title: str
    asks: str
    target: str
    other: str
    mandatory: tuple[tuple[str, str], ...]
    needs: tuple[Need, ...]
    uses: tuple[Use, ...]
    limits: tuple[str, ...]
    settles: tuple[str, ...] = ()
    disagreements: tuple[tuple[frozenset[Family], str], ...] = ()
