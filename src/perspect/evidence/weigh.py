"""Weighing: families vote, objections stand, and the answer is one of five words with what it hinges on."""

from collections.abc import Sequence
from math import isfinite
from typing import Final

from perspect.evidence.case import Case
from perspect.evidence.dependence import band, post_test
from perspect.evidence.likelihood import beyond, effective, rates
from perspect.evidence.question import Question, Use
from perspect.evidence.row import Row
from perspect.evidence.sources import row as row_of
from perspect.evidence.verdict import Answer, FamilyVote, Reading, Side, Word
from perspect.evidence.words import sentence
from perspect.vocabulary import Finding, Flag, Severity

SURE: Final = 0.9
"""Probability of lying beyond a cut-off from which a value takes a side: its 80 % interval then lies beyond it."""

INFORMATIVE: Final = 2.0
"""Likelihood ratio (or its inverse) that a row must reach in the direction it is read in, to support a verdict: less
hardly moves an opinion [our default]."""

TRAP_DEPENDENT: Final = 0.25
"""Relative change of a value without trapped voxels beyond which it rests on them [our default]."""

ENOUGH: Final = 2
"""Families that agree, without which nothing is concordant."""

OUTVOTED: Final = 3
"""Families that agree, from which on a single family against them leaves the side leaning [our default]."""

PRIORS: Final = tuple(i / 10 for i in range(1, 10))
"""Pre-test probabilities of the curve; none is assumed."""

NOT_VALIDATED: Final = "Published cut-offs are not validated for this pipeline: read the verdict as exploratory."


def weigh(
    question: Question, findings: Sequence[Finding], case: Case, flags: Sequence[Flag] = (), *, validated: bool = False
) -> Answer:
    """The answer to a question from findings and what is on record; `flags` speak of the whole case.

    Neither the order nor the repetition of findings matters. Raises nothing: what is missing is part of the answer.
    """
    votes = tuple(_vote(use, findings, case) for use in question.uses)
    limits = (*question.limits, *(() if validated else (NOT_VALIDATED,)))
    stop = _refusal(question, findings, case, flags)
    word, side = _verdict(votes)
    hinges = _hinges(votes, side) if stop is None else ()
    held_back = [
        need.sentence for need in question.needs if need.severity < Severity.REFUSED and need.condition.failure(case)
    ]
    if stop is not None:
        word, side = stop[0], Side.NEITHER
    elif word is Word.CONCORDANT and (hinges or held_back):
        word = Word.LEANS
    usable = [one for one in votes if one.primary is not None and one.primary.is_valid and one.side is not None]
    low, high = band(
        [rates(one.primary.row) for one in usable if one.primary is not None],
        [one.primary.probability for one in usable if one.primary is not None],
    )
    answer = Answer(
        question.key, word, side, {Side.FOR: question.target, Side.AGAINST: question.other}.get(side, ""), "", votes,
        tuple(one.family for one in votes if one.side is side and side is not Side.NEITHER),
        tuple(one.family for one in votes if _is_against(one, side)),
        tuple(one.family for one in votes if one.primary is None or not one.primary.is_valid),
        hinges, low, high, tuple((p, post_test(p, low), post_test(p, high)) for p in PRIORS),
        (*held_back, *limits),
    )  # fmt: skip
    return sentence(question, answer, None if stop is None else stop[1])


def _refusal(
    question: Question, findings: Sequence[Finding], case: Case, flags: Sequence[Flag]
) -> tuple[Word, str] | None:
    """Why nothing is said at all, if so."""
    for need in question.needs:
        if need.severity >= Severity.REFUSED and (why := need.condition.failure(case)):
            return Word.REFUSED, f"{need.sentence} ({why})"
    for flag in flags:
        if flag.severity == Severity.REFUSED:
            return Word.REFUSED, flag.sentence
    measured = {one.marker.measured_by for one in findings if one.is_known}
    for modality, why in question.mandatory:
        if modality not in measured:
            return Word.INSUFFICIENT, why
    return None


def _vote(use: Use, findings: Sequence[Finding], case: Case) -> FamilyVote:
    """How a family reads: by its primary marker, unless another marker contradicts it.

    The primary is the first row that may be cited and has a value. Where a trap spoils that value no other takes its
    place: otherwise a trap could make an answer stronger.
    """
    readings = [
        reading(finding, row, case)
        for row in map(row_of, use.rows)
        for finding in sorted(set(findings), key=repr)
        if finding.marker.key == row.marker
    ]
    citable = [one for one in readings if one.row.may_feed and one.finding.is_measured and not one.row.failed(case)]
    primaries = [one for one in citable if one.row is citable[0].row]
    primary = next((one for one in primaries if not one.is_valid), primaries[0] if primaries else None)
    primary = primary or (readings[0] if readings else None)
    if primary is None:
        return FamilyVote(use.family, None, (), Side.NEITHER, frozenset(), "not measured")
    others = tuple(one for one in readings if one is not primary)
    objects = frozenset().union(*(one.objects for one in readings))
    if not primary.is_valid:
        return FamilyVote(use.family, primary, others, Side.NEITHER, objects, primary.failed[0])
    if len({one.side for one in primaries}) > 1 or primary.side.other in objects:
        return FamilyVote(use.family, primary, others, Side.NEITHER, objects, "its readings contradict each other")
    return FamilyVote(use.family, primary, others, primary.side, objects, "")


def reading(finding: Finding, row: Row, case: Case) -> Reading:
    """A finding read by a row: which side, and why it may not count."""
    failed = [*_unfit(finding), *row.failed(case)]
    if not row.may_feed:
        nothing = (row.status != "verified" and f"the row is {row.status}") or "the row has no cut-off or no rates"
        return Reading(
            finding, row, float("nan"), Side.NEITHER, (*failed, nothing), frozenset(), *(float("nan"),) * 3
        )  # fmt: skip
    chance = beyond(finding, row)
    weak, found, strong = rates(row)
    side = _side(chance)
    says_little = {Side.FOR: found.positive < INFORMATIVE, Side.AGAINST: found.negative > 1 / INFORMATIVE}
    if says_little.get(side, False):
        failed.append(f"its likelihood ratio of {effective(chance, found):.2g} hardly says anything")
    versions = [chance, *(beyond(finding, row, one) for one in (finding.with_traps, finding.without_traps))]
    objects = frozenset() if row.failed(case) else frozenset(_side(one) for one in versions)
    return Reading(
        finding, row, chance, side, tuple(failed), objects - {Side.NEITHER},
        *((effective(chance, one) if isfinite(chance) else float("nan")) for one in (found, weak, strong)),
    )  # fmt: skip


def _side(chance: float) -> Side:
    if chance >= SURE:
        return Side.FOR
    return Side.AGAINST if chance <= 1 - SURE else Side.NEITHER


def _unfit(finding: Finding) -> list[str]:
    """Why a finding may support nothing, whatever it reads."""
    if not finding.is_known:
        return ["no value"]
    why = [flag.sentence for flag in finding.flags if flag.severity >= Severity.LIMITED]
    if is_trap_dependent(finding):
        why.append("it rests on trapped voxels")
    return why


def is_trap_dependent(finding: Finding) -> bool:
    """Whether the value changes by more than a quarter when trapped voxels are left out, or nothing is left."""
    held, free = finding.with_traps, finding.without_traps
    if not isfinite(held):
        return False
    return not isfinite(free) or abs(held - free) > TRAP_DEPENDENT * max(abs(free), 1e-9)


def _verdict(votes: Sequence[FamilyVote]) -> tuple[Word, Side]:
    """The word and the side of some votes."""
    counts = {side: sum(one.side is side for one in votes) for side in (Side.FOR, Side.AGAINST)}
    side = max(counts, key=lambda one: counts[one])
    if counts[side] == 0:
        return Word.INSUFFICIENT, Side.NEITHER
    against = sum(_is_against(one, side) for one in votes)
    if against == 0:
        return (Word.CONCORDANT if counts[side] >= ENOUGH else Word.LEANS), side
    if against == 1 and counts[side] >= OUTVOTED:
        return Word.LEANS, side
    return Word.DISCORDANT, Side.NEITHER


def _is_against(vote: FamilyVote, side: Side) -> bool:
    """Whether a family speaks against a side (on no side: whether it speaks at all)."""
    if side is Side.NEITHER:
        return vote.side is Side.AGAINST
    return side.other in vote.objects


def _hinges(votes: Sequence[FamilyVote], side: Side) -> tuple[str, ...]:
    """The families without any one of which the side would be another."""
    return tuple(
        str(one.family)
        for at, one in enumerate(votes)
        if one.primary is not None and _verdict([*votes[:at], *votes[at + 1 :]])[1] is not side
    )
