"""What holds of every question and of every published row."""

import pytest

from perspect.evidence import QUESTIONS, ROWS, Case, Word, question, row, weigh
from perspect.vocabulary import MARKERS, Finding, Problem, Severity, marker

FORBIDDEN = ("WHO", "grade IV", "grade III", "glioblastoma multiforme", "treat with", "recommend")


@pytest.mark.parametrize("one", QUESTIONS, ids=lambda one: one.key)
def test_a_question_names_rows_of_its_own_and_of_the_right_family(one):
    for use in one.uses:
        for name in use.rows:
            assert row(name).question == one.key
            assert marker(row(name).marker).family is use.family


@pytest.mark.parametrize("one", QUESTIONS, ids=lambda one: one.key)
def test_a_question_has_a_row_that_may_feed_a_verdict_first_in_a_family(one):
    assert any(row(use.rows[0]).may_feed for use in one.uses)


@pytest.mark.parametrize("one", QUESTIONS, ids=lambda one: one.key)
def test_a_family_is_asked_once(one):
    families = [use.family for use in one.uses]
    assert len(set(families)) == len(families)


@pytest.mark.parametrize("one", QUESTIONS, ids=lambda one: one.key)
def test_nothing_measured_is_never_an_answer(one):
    answer = weigh(one, [], Case())
    assert answer.word in (Word.INSUFFICIENT, Word.REFUSED)
    assert answer.sentence.endswith((".", ")"))


def on_record(one):
    """A case in which everything that a question needs holds."""
    facts = {
        need.condition.fact: need.condition.equals if need.condition.equals is not None else 200.0 for need in one.needs
    }
    return {
        **facts,
        "dsc.class": "good",
        "dsc.leakage_corrected": True,
        "dsc.has_preload": True,
        "mrs.te": 0.144,
        "mrs.te_2hg": 0.097,
        "mrs.te_longest": 0.144,
    }


NEEDS = [(one, need) for one in QUESTIONS for need in one.needs if need.severity >= Severity.REFUSED]


@pytest.mark.parametrize(("one", "need"), NEEDS, ids=lambda one: getattr(one, "key", ""))
def test_what_a_question_must_have_on_record_is_asked_for_by_name_and_refused_without(one, need):
    everything = [Finding(one, "lesion", 1.0, 0.01, 100) for one in MARKERS]
    known = on_record(one)
    assert weigh(one, everything, Case(known)).word is not Word.REFUSED
    unknown = {name: fact for name, fact in known.items() if name != need.condition.fact}
    wrong = {**known, need.condition.fact: not need.condition.equals if need.condition.equals is not None else -1.0}
    for facts in (unknown, wrong):
        answer = weigh(one, everything, Case(facts))
        assert answer.word is Word.REFUSED
        assert answer.sentence.startswith(need.sentence)


MANDATORY = [(one, key, why) for one in QUESTIONS for key, why in one.mandatory]


@pytest.mark.parametrize(("one", "key", "why"), MANDATORY, ids=lambda one: getattr(one, "key", ""))
def test_without_what_a_question_cannot_do_without_it_is_not_answered_and_says_why(one, key, why):
    rest = [Finding(other, "lesion", 1.0, 0.01, 100) for other in MARKERS if other.key != key]
    answer = weigh(one, rest, Case(on_record(one)))
    assert (answer.word, answer.sentence) == (Word.INSUFFICIENT, why)


@pytest.mark.parametrize("one", QUESTIONS, ids=lambda one: one.key)
def test_no_sentence_names_a_grade_or_a_treatment(one):
    said = " ".join((one.title, one.asks, one.target, one.other, *one.limits, *one.settles))
    assert not [word for word in FORBIDDEN if word.lower() in said.lower()]


def test_every_row_is_asked_by_its_question():
    asked = {name for one in QUESTIONS for use in one.uses for name in use.rows}
    assert asked == {one.id for one in ROWS}


@pytest.mark.parametrize("one", ROWS, ids=lambda one: one.id)
def test_a_row_that_may_feed_says_where_it_is_from(one):
    assert one.citation
    if one.may_feed:
        assert one.status == "verified"
        assert one.cutoff.origin
        assert one.cutoff.low >= 0


def test_markers_have_names_of_their_own():
    assert len({one.key for one in MARKERS}) == len(MARKERS)


def test_an_unknown_question_is_refused_with_those_that_there_are():
    with pytest.raises(Problem, match="recurrence-metastasis"):
        question("screening")
