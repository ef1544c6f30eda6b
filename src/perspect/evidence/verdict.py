"""The answer as values: how each family reads, and one of five words."""

from dataclasses import dataclass
from enum import StrEnum

from perspect.evidence.row import Row
from perspect.evidence.side import Side
from perspect.vocabulary import Family, Finding


class Word(StrEnum):
    """The only five verdicts."""

    CONCORDANT = "concordant"
    LEANS = "leans"
    DISCORDANT = "discordant"
    INSUFFICIENT = "insufficient"
    REFUSED = "refused"

    @property
    def strength(self) -> int:
        """How much is claimed: what a trap can only lower."""
        return {Word.CONCORDANT: 3, Word.LEANS: 2, Word.DISCORDANT: 1}.get(self, 0)


@dataclass(frozen=True)
class Reading:
    """One finding beside one published row.

    `probability` is that of lying beyond the cut-off, `side` where that points. `failed` are the reasons why it may not
    support a verdict; `objects` are the sides on which it stands clear all the same, `doubts` those it leans to: a trap
    takes a vote away, not an objection. `is_clear` says whether the 80 % interval of the value lies beyond the cut-off,
    on that side. `ratio` is the effective likelihood ratio, `ratio_low` and `ratio_high` those of the row's interval.
    """

    finding: Finding
    row: Row
    probability: float
    side: Side
    failed: tuple[str, ...]
    objects: frozenset[Side]
    ratio: float
    ratio_low: float
    ratio_high: float
    doubts: frozenset[Side] = frozenset()
    is_clear: bool = False

    @property
    def is_valid(self) -> bool:
        """Whether it may support a verdict."""
        return not self.failed


@dataclass(frozen=True)
class FamilyVote:
    """How one family of markers reads: by its first usable reading; the others only corroborate or contradict."""

    family: Family
    primary: Reading | None
    others: tuple[Reading, ...]
    side: Side
    objects: frozenset[Side]
    doubts: frozenset[Side] = frozenset()
    reason: str = ""

    @property
    def is_clear(self) -> bool:
        """Whether the value that it reads by stands clear of its cut-off."""
        return self.primary is not None and self.primary.is_clear

    @property
    def measured_by(self) -> str:
        """The series that the value was measured in."""
        return "" if self.primary is None else self.primary.finding.marker.measured_by


@dataclass(frozen=True)
class Answer:
    """What can be said to a question: one word, a side in words, who is for and against, and what it hinges on.

    `ratio_low` and `ratio_high` span the dependence between families and the intervals of the studies. `curve` holds
    (pre-test, lowest, highest post-test) probabilities. No prior is assumed.
    """

    question: str
    word: Word
    side: Side
    side_name: str
    sentence: str
    families: tuple[FamilyVote, ...]
    families_for: tuple[Family, ...] = ()
    families_against: tuple[Family, ...] = ()
    families_unusable: tuple[Family, ...] = ()
    hinges_on: tuple[str, ...] = ()
    ratio_low: float = 1.0
    ratio_high: float = 1.0
    curve: tuple[tuple[float, float, float], ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def readings(self) -> tuple[Reading, ...]:
        """Every reading that was made."""
        return tuple(
            one for family in self.families for one in (family.primary, *family.others) if one is not None
        )  # fmt: skip
