"""Answers in sentences: what is said, what it rests on, what disagrees."""

from dataclasses import replace
from typing import Final

from perspect.evidence.question import Question
from perspect.evidence.side import Side
from perspect.evidence.verdict import Answer, Word
from perspect.vocabulary import Family

CONTEXT_ONLY: Final = "no published row of it may weigh here"
"""Why a family is silent of which no row may feed a verdict: that needs no word in the sentence."""


def sentence(question: Question, answer: Answer, held_back: tuple[str, ...]) -> Answer:
    """The answer with its sentence; `held_back` says why two families that agree only lean."""
    return replace(answer, sentence=_sentence(question, answer, held_back))


def _sentence(question: Question, answer: Answer, held_back: tuple[str, ...]) -> str:
    if answer.word is Word.INSUFFICIENT:
        return f"Nothing that was measured takes a side. {_missing(answer)}".strip()
    if answer.word is Word.DISCORDANT:
        return " ".join(["The families of evidence disagree, so no side is taken.", *disagreement(question, answer)])
    backing = _list(answer.families_for)
    if answer.word is Word.CONCORDANT:
        return f"{backing.capitalize()} agree on {answer.side_name}, and nothing measured speaks against it."
    said = f"The measurements lean towards {answer.side_name} ({backing})."
    if len(answer.families_for) == 1:
        said = f"The measurements lean towards {answer.side_name}. That rests on one family: {backing}."
    if answer.families_against:
        said += f" {_said(answer.families_against, 'disagrees', 'disagree')}."
    elif len(answer.families_for) > 1:
        said += f" {' '.join(held_back)}"
    backers = [one for one in answer.families if one.side is answer.side]
    if len(backers) > 1 and len({one.measured_by for one in backers}) == 1:
        said += f" All of that was measured in one series ({backers[0].measured_by.upper()})."
    near = [one.family for one in backers if not one.is_clear]
    if near:
        said += f" {_said(near, 'is not clear of its cut-off', 'are not clear of their cut-offs')}."
    return said.replace("  ", " ").strip()


def disagreement(question: Question, answer: Answer) -> list[str]:
    """Which families disagree, known harmless causes of that, and what would settle it."""
    pro = {one.family for one in answer.families if Side.FOR in one.objects | one.doubts}
    contra = {one.family for one in answer.families if Side.AGAINST in one.objects | one.doubts}
    said = [
        f"For {question.target}: {_list(sorted(pro)) or 'none'}.",
        f"For {question.other}: {_list(sorted(contra)) or 'none'}.",
    ]
    said += [cause for families, cause in question.disagreements if families <= pro | contra]
    if question.settles:
        said.append(f"What could settle it: {', '.join(question.settles)}.")
    return said


def _missing(answer: Answer) -> str:
    """Why no family took a side."""
    reasons = [
        f"{one.family}: {one.reason or 'within the grey zone'}" for one in answer.families if one.reason != CONTEXT_ONLY
    ]
    return f"({'; '.join(reasons)})" if reasons else ""


def _list(families: tuple[Family, ...] | list[Family]) -> str:
    names = [str(one) for one in families]
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)


def _said(families: tuple[Family, ...] | list[Family], one: str, several: str) -> str:
    """What is said of one family, or of several."""
    return f"{_list(families).capitalize()} {one if len(families) == 1 else several}"
