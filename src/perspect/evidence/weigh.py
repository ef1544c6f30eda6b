"""Weighing: families vote, objections stand, and the answer is one of five words with what it hinges on."""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from typing import Final

from perspect.evidence.calibrate import Calibration
from perspect.evidence.case import OF_PIPELINE, Case
from perspect.evidence.dependence import band, post_test
from perspect.evidence.likelihood import INFORMATIVE, beyond, clear_side, effective, rates, side_of
from perspect.evidence.question import Question, Use
from perspect.evidence.row import Row
from perspect.evidence.side import Side
from perspect.evidence.sources import row as row_of
from perspect.evidence.verdict import Answer, FamilyVote, Reading, Word
from perspect.evidence.words import CONTEXT_ONLY, sentence
from perspect.vocabulary import Finding, Flag, Severity, marker

TRAP_DEPENDENT: Final = 0.25
"""Relative change of a value without trapped voxels beyond which it rests on them [our default]."""

ENOUGH: Final = 2
"""Families that agree and stand clear of their cut-offs, and series that they were measured in, without which nothing
is concordant: what spoils a series without being seen spoils all that is read of it."""

OUTVOTED: Final = 3
"""Families that agree and stand clear, from which on one family against them leaves the side leaning [our default]."""

PRIORS: Final = tuple(i / 10 for i in range(1, 10))
"""Pre-test probabilities of the curve; none is assumed."""

NOT_VALIDATED: Final = "Published cut-offs are not validated for this pipeline: read the verdict as exploratory."

CONTRADICT: Final = "its readings contradict each other"

UNKNOWN: Final = float("nan")


NOT_COMPARABLE: Final = "This site's cut-off for {} is not used: {}. The published one stands in."

USELESS: Final = "This site's cohort gives no cut-off for {} ({}). The published one stands in."

ABSENT: Final = "its absence is no evidence against"

NOTHING: Final[Mapping[str, Row]] = {}

NONE_REFUSED: Final[Mapping[str, str]] = {}


def weigh(
    question: Question,
    findings: Sequence[Finding],
    case: Case,
    flags: Sequence[Flag] = (),
    *,
    site: Calibration | None = None,
    version: str = "",
    refused: Mapping[str, str] = NONE_REFUSED,
) -> Answer:
    """The answer to a question from findings and what is on record.

    `flags` speak of the whole case: one that says REFUSED refuses it. What is wrong with one series stands in the flags
    of its findings. `refused` are series that are there and must not be interpreted, by what measures (`Marker`), each
    with the reason: where nothing else can answer, the answer is refused and not only insufficient. Neither the order
    nor the repetition of findings matters. What is missing is part of the answer.

    `site` holds cut-offs of a site's own: for their markers they stand in for published ones, as long as they were
    found with this pipeline (`version`, and what is on record of the choices); otherwise they are greyed, with the
    reason. An answer is exploratory unless all that supports it rests on them.
    """
    case = Case({**case.facts, "software": version}) if version else case
    held_back = tuple(
        need.sentence for need in question.needs if need.severity < Severity.REFUSED and need.condition.failure(case)
    )
    said = (*held_back, *question.limits)
    stop = _stopped(question, findings, case, flags, refused)
    if stop is not None:
        return _unweighed(question, *stop, (*said, NOT_VALIDATED))
    own = NOTHING if site is None else site.rows(question.target)
    votes = tuple(_vote(use, findings, case, own) for use in question.uses)
    word, side = _verdict(votes)
    if word is Word.CONCORDANT and held_back:
        word = Word.LEANS
    limits = (*said, *_not_validated(votes), *_of_site(question, site, own, case))
    return sentence(question, _answer(question, votes, word, side, limits), held_back)


def _unweighed(question: Question, word: Word, why: str, limits: tuple[str, ...]) -> Answer:
    """An answer of which no family was weighed."""
    silent = tuple(
        FamilyVote(use.family, None, (), Side.NEITHER, frozenset(), frozenset(), "not weighed")
        for use in question.uses
    )  # fmt: skip
    unusable = tuple(use.family for use in question.uses)
    return Answer(question.key, word, Side.NEITHER, "", why, silent, families_unusable=unusable, limits=limits)


def _answer(
    question: Question, votes: tuple[FamilyVote, ...], word: Word, side: Side, limits: tuple[str, ...]
) -> Answer:
    """The answer that votes make, without its sentence: who is for and against its side, and what it hinges on."""
    low, high = _band(votes) if word.strength >= Word.LEANS.strength else (1.0, 1.0)
    supported = Side.FOR if side is Side.NEITHER else side
    against = (one for one in votes if _is_against(one, side, supported))
    return Answer(
        question=question.key,
        word=word,
        side=side,
        side_name={Side.FOR: question.target, Side.AGAINST: question.other}.get(side, ""),
        sentence="",
        families=votes,
        families_for=tuple(one.family for one in votes if one.side is supported),
        families_against=tuple(one.family for one in against),
        families_unusable=tuple(one.family for one in votes if one.primary is None or not one.primary.is_valid),
        hinges_on=_hinges(votes, side),
        ratio_low=low,
        ratio_high=high,
        curve=tuple((p, post_test(p, low), post_test(p, high)) for p in PRIORS) if (low, high) != (1.0, 1.0) else (),
        limits=limits,
    )


def _is_against(vote: FamilyVote, side: Side, supported: Side) -> bool:
    """Whether a family takes the side opposite the one `supported`, or objects to the side of the answer."""
    return vote.side is supported.other or (side is not Side.NEITHER and _objects_to(vote, side))


def _stopped(
    question: Question, findings: Sequence[Finding], case: Case, flags: Sequence[Flag], refused: Mapping[str, str]
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
            spoilt = refused.get(marker(key).measured_by)
            return (Word.INSUFFICIENT, why) if spoilt is None else (Word.REFUSED, f"{why} {spoilt}")
    may_speak = {one.marker for use in question.uses for one in map(row_of, use.rows) if one.may_feed}
    spoilt = next((refused[by] for by in sorted({marker(key).measured_by for key in may_speak} & set(refused))), None)
    if spoilt is not None and not may_speak & measured:
        return Word.REFUSED, f"Nothing that could answer may be interpreted. {spoilt}"
    return None


def _band(votes: Sequence[FamilyVote]) -> tuple[float, float]:
    """The range of the likelihood ratio of all families that may be weighed."""
    usable = [one.primary for one in votes if one.primary is not None and one.primary.is_valid]
    return band([rates(one.row) for one in usable], [one.probability for one in usable])


def _not_validated(votes: Sequence[FamilyVote]) -> tuple[str, ...]:
    """What keeps the answer exploratory; nothing where all families that take a side rest on the site's own rows."""
    taking = [one.primary.row for one in votes if one.side is not Side.NEITHER and one.primary is not None]
    return () if taking and all(one.level == "own" for one in taking) else (NOT_VALIDATED,)


def _of_site(
    question: Question, site: Calibration | None, own: Mapping[str, Row], case: Case
) -> tuple[str, ...]:  # fmt: skip
    """Where published cut-offs stand in for those that the site has looked for, with the reason."""
    if site is None:
        return ()
    asked = dict.fromkeys(row_of(name).marker for use in question.uses for name in use.rows)
    barred = {key: why[0] for key in asked if key in own and (why := _other_pipeline(own[key], case))}
    return (
        *(NOT_COMPARABLE.format(marker(key).name, why) for key, why in barred.items()),
        *(USELESS.format(marker(key).name, site.useless[key]) for key in asked if key in site.useless),
    )


def _other_pipeline(row: Row, case: Case) -> tuple[str, ...]:
    """Why a cut-off of the site is of another pipeline, if it is."""
    some = (one.failure(case) for one in row.conditions if one.fact in OF_PIPELINE)
    return tuple(why for why in some if why is not None)


def _rows(use: Use, own: Mapping[str, Row], case: Case) -> list[Row]:
    """The rows of a family: the site's own first, published ones for markers that it has not calibrated with this
    pipeline, and last what it has calibrated with another, which is shown and says nothing.
    """
    published = [row_of(name) for name in use.rows]
    calibrated = dict.fromkeys(one.marker for one in published if one.marker in own)
    valid = [key for key in calibrated if not _other_pipeline(own[key], case)]
    return [
        *(own[key] for key in valid),
        *(one for one in published if one.marker not in valid),
        *(own[key] for key in calibrated if key not in valid),
    ]


def _vote(use: Use, findings: Sequence[Finding], case: Case, own: Mapping[str, Row] = NOTHING) -> FamilyVote:
    """How a family reads: by its primary marker, unless another marker contradicts it.

    The primary is the first row that is about such cases and has a value. Where a trap or the protocol spoils that
    value no other takes its place: otherwise a worse series could make an answer stronger.
    """
    readings = [
        reading(finding, row, case)
        for row in _rows(use, own, case)
        for finding in sorted(set(findings), key=repr)
        if finding.marker.key == row.marker
    ]
    citable = [one for one in readings if one.row.may_feed and one.finding.is_measured and one.row.is_about(case)]
    valid_rows = [one for one in citable if not one.row.failed(case)] or citable
    primaries = [one for one in valid_rows if one.row is valid_rows[0].row]
    primary = next((one for one in primaries if not one.is_valid), primaries[0] if primaries else None)
    primary = primary or (readings[0] if readings else None)
    if primary is None:
        return FamilyVote(use.family, None, (), Side.NEITHER, frozenset(), frozenset(), _lacking(use, own, case))
    others = tuple(one for one in readings if one is not primary)
    objects = frozenset().union(*(one.objects for one in readings))
    doubts: frozenset[Side] = objects.union(*(one.doubts for one in readings))
    if not primary.is_valid:
        return FamilyVote(use.family, primary, others, Side.NEITHER, objects, doubts, primary.failed[0])
    if len({one.side for one in primaries}) > 1 or primary.side.other in objects:
        return FamilyVote(use.family, primary, others, Side.NEITHER, objects, doubts, CONTRADICT)
    return FamilyVote(use.family, primary, others, primary.side, objects, doubts)


def _lacking(use: Use, own: Mapping[str, Row], case: Case) -> str:
    """What was not measured, and what would measure it."""
    feeding = (one for one in _rows(use, own, case) if one.may_feed)
    needed = sorted({marker(one.marker).measured_by.upper() for one in feeding} - {"READER"})
    return f"not measured, it would need {' or '.join(needed)}" if needed else CONTEXT_ONLY


def reading(finding: Finding, row: Row, case: Case) -> Reading:
    """A finding read by a row: which side, and why it may not count."""
    failed = [*_unfit(finding), *row.failed(case)]
    if not row.may_feed:
        nothing = (row.status != "verified" and f"the row is {row.status}") or "the row has no cut-off or no rates"
        return Reading(
            finding, row, UNKNOWN, Side.NEITHER, (*failed, nothing), frozenset(), UNKNOWN, UNKNOWN, UNKNOWN
        )  # fmt: skip
    weak, found, strong = rates(row)
    says_little = {Side.FOR: found.positive < INFORMATIVE, Side.AGAINST: found.negative > 1 / INFORMATIVE}
    chance, side = beyond(finding, row), side_of(finding, row)
    values = tuple(one for one in (finding.value, finding.with_traps, finding.without_traps) if isfinite(one))
    # A value that takes its side only once a trap is allowed for, or only as long as it is not, takes none.
    if any(side_of(finding, row, one) is not side for one in values):
        side = Side.NEITHER
    if says_little.get(side, False):
        failed.append(f"its likelihood ratio of {effective(chance, found):.2g} hardly says anything")
    if row.speaks == "present" and isfinite(chance) and effective(chance, found) < 1:
        failed.append(ABSENT)
    is_about = row.is_about(case)

    def spoken(sides: Callable[[Finding, Row, float], Side]) -> frozenset[Side]:
        there = {sides(finding, row, one) for one in values} - {Side.NEITHER} if is_about else set()
        return frozenset(one for one in there if not says_little[one])

    ratio, low, high = (effective(chance, one) if isfinite(chance) else UNKNOWN for one in (found, weak, strong))
    is_clear = side is not Side.NEITHER and all(clear_side(finding, row, one) is side for one in values)
    return Reading(
        finding, row, chance, side, tuple(failed), spoken(clear_side), ratio, low, high, spoken(side_of), is_clear
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
    """The word and the side of some votes. Those that stand clear of their cut-offs go before those that do not."""
    counts = {side: [one for one in votes if one.side is side] for side in (Side.FOR, Side.AGAINST)}
    clear = {side: sum(one.is_clear for one in some) for side, some in counts.items()}
    series = {side: len({one.measured_by for one in some if one.is_clear}) for side, some in counts.items()}
    side = max(counts, key=lambda one: (clear[one], len(counts[one])))
    if not counts[side]:
        return Word.INSUFFICIENT, Side.NEITHER
    against = sum(_objects_to(one, side) for one in votes)
    is_doubted = any(side.other in one.doubts for one in votes)
    if against == 0 and not is_doubted:
        return (Word.CONCORDANT if min(clear[side], series[side]) >= ENOUGH else Word.LEANS), side
    if (against == 0 and clear[side]) or (against == 1 and clear[side] >= OUTVOTED):
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
