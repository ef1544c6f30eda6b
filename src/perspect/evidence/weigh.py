"""Weighing: families vote, objections stand, and the answer is one of five words with what it hinges on."""

from collections.abc import Sequence
from math import isfinite
from typing import Final

from perspect.evidence.case import Case
from perspect.evidence.dependence import band, post_test
from perspect.evidence.likelihood import beyond, effective, rates, side_of
from perspect.evidence.question import Question, Use
from perspect.evidence.row import Row
from perspect.evidence.side import Side
from perspect.evidence.sources import row as row_of
from perspect.evidence.verdict import Answer, FamilyVote, Reading, Word
from perspect.evidence.words import sentence
from perspect.vocabulary import Finding, Flag, Severity

INFORMATIVE: Final = 2.0
"""Likelihood ratio (or its inverse) that a row must reach in the direction it is read in, to support a verdict or to
object to one: less hardly moves an opinion [our default]."""

TRAP_DEPENDENT: Final = 0.25
"""Relative change of a value without trapped voxels beyond which it rests on them [our default]."""

ENOUGH: Final = 2
"""Families that agree, without which nothing is concordant."""

OUTVOTED: Final = 3
"""Families that agree, from which on a single family against them leaves the side leaning [our default]."""

PRIORS: Final = tuple(i / 10 for i in range(1, 10))
"""Pre-test probabilities of the curve; none is assumed."""

NOT_VALIDATED: Final = "Published cut-offs are not validated for this pipeline: read the verdict as exploratory."

UNKNOWN: Final = float("nan")


def weigh(
    question: Question, findings: Sequence[Finding], case: Case, flags: Sequence[Flag] = (), *, validated: bool = False
) -> Answer:
    """The answer to a question from findings and what is on record.

    `flags` speak of the whole case: one that says REFUSED refuses it. What is wrong with one series stands in the flags
    of its findings. Neither the order nor the repetition of findings matters. What is missing is part of the answer.
    """
    held_back = tuple(
        need.sentence for need in question.needs if need.severity < Severity.REFUSED and need.condition.failure(case)
    )
    limits = (*held_back, *question.limits, *(() if validated else (NOT_VALIDATED,)))
    stop = _stopped(question, findings, case, flags)
    if stop is not None:
        word, why = stop
        silent = tuple(
            FamilyVote(use.family, None, (), Side.NEITHER, frozenset(), "not weighed") for use in question.uses
        )
        unusable = tuple(use.family for use in question.uses)
        return Answer(question.key, word, Side.NEITHER, "", why, silent, families_unusable=unusable, limits=limits)
    votes = tuple(_vote(use, findings, case) for use in question.uses)
    word, side = _verdict(votes)
    if word is Word.CONCORDANT and held_back:
        word = Word.LEANS
    low, high = _band(votes) if word.strength >= Word.LEANS.strength else (1.0, 1.0)
    supported = Side.FOR if side is Side.NEITHER else side
    answer = Answer(
        question=question.key,
        word=word,
        side=side,
        side_name={Side.FOR: question.target, Side.AGAINST: question.other}.get(side, ""),
        sentence="",
        families=votes,
        families_for=tuple(one.family for one in votes if one.side is supported),
        families_against=tuple(
            one.family
            for one in votes
            if one.side is supported.other or (side is not Side.NEITHER and _objects_to(one, side))
        ),
        families_unusable=tuple(one.family for one in votes if one.primary is None or not one.primary.is_valid),
        hinges_on=_hinges(votes, side),
        ratio_low=low,
        ratio_high=high,
        curve=tuple((p, post_test(p, low), post_test(p, high)) for p in PRIORS) if (low, high) != (1.0, 1.0) else (),
        limits=limits,
    )
    return sentence(question, answer, held_back)


def _stopped(
    question: Question, findings: Sequence[Finding], case: Case, flags: Sequence[Flag]
) -> tuple[Word, str] | None:
    """Why nothing is weighed at all, if so."""
    for need in question.needs:
        if need.severity >= Severity.REFUSED and (why := need.condition.failure(case)):
            return Word.REFUSED, f"{need.sentence} ({why})"
    for flag in flags:
        if flag.severity == Severity.REFUSED:
            return Word.REFUSED, flag.sentence
    measured = {one.marker.key for one in findings if one.is_measured}
    for key, why in question.mandatory:
        if key not in measured:
            return Word.INSUFFICIENT, why
    return None


def _band(votes: Sequence[FamilyVote]) -> tuple[float, float]:
    """The range of the likelihood ratio of all families that may be weighed."""
    usable = [one.primary for one in votes if one.primary is not None and one.primary.is_valid]
    return band([rates(one.row) for one in usable], [one.probability for one in usable])


def _vote(use: Use, findings: Sequence[Finding], case: Case) -> FamilyVote:
    """How a family reads: by its primary marker, unless another marker contradicts it.

    The primary is the first row that is about such cases and has a value. Where a trap or the protocol spoils that
    value no other takes its place: otherwise a worse series could make an answer stronger.
    """
    readings = [
        reading(finding, row, case)
        for row in map(row_of, use.rows)
        for finding in sorted(set(findings), key=repr)
        if finding.marker.key == row.marker
    ]
    citable = [one for one in readings if one.row.may_feed and one.finding.is_measured and one.row.is_about(case)]
    valid_rows = [one for one in citable if not one.row.failed(case)] or citable
    primaries = [one for one in valid_rows if one.row is valid_rows[0].row]
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
        return Reading(finding, row, UNKNOWN, Side.NEITHER, (*failed, nothing), frozenset(), UNKNOWN, UNKNOWN, UNKNOWN)
    weak, found, strong = rates(row)
    says_little = {Side.FOR: found.positive < INFORMATIVE, Side.AGAINST: found.negative > 1 / INFORMATIVE}
    chance, side = beyond(finding, row), side_of(finding, row)
    if says_little.get(side, False):
        failed.append(f"its likelihood ratio of {effective(chance, found):.2g} hardly says anything")
    versions = (side, *(side_of(finding, row, one) for one in (finding.with_traps, finding.without_traps)))
    spoken = frozenset(one for one in versions if one is not Side.NEITHER and not says_little[one])
    ratios = (effective(chance, one) if isfinite(chance) else UNKNOWN for one in (found, weak, strong))
    return Reading(
        finding, row, chance, side, tuple(failed), spoken if row.is_about(case) else frozenset(), *ratios
    )  # fmt: skip


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
    against = sum(_objects_to(one, side) for one in votes)
    if against == 0:
        return (Word.CONCORDANT if counts[side] >= ENOUGH else Word.LEANS), side
    if against == 1 and counts[side] >= OUTVOTED:
        return Word.LEANS, side
    return Word.DISCORDANT, Side.NEITHER


def _objects_to(vote: FamilyVote, side: Side) -> bool:
    """Whether a family speaks against a side."""
    return side.other in vote.objects


def _hinges(votes: Sequence[FamilyVote], side: Side) -> tuple[str, ...]:
    """The families without any one of which the side would be another."""
    return tuple(
        str(one.family)
        for at, one in enumerate(votes)
        if one.primary is not None and _verdict([*votes[:at], *votes[at + 1 :]])[1] is not side
    )
