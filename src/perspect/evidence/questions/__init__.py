"""The questions, one file each; a name is looked up only here."""

from typing import Final

from perspect.evidence.question import Question
from perspect.evidence.questions.abscess import ABSCESS
from perspect.evidence.questions.demyelination import DEMYELINATION
from perspect.evidence.questions.grade import GRADE
from perspect.evidence.questions.idh import IDH
from perspect.evidence.questions.lymphoma import LYMPHOMA
from perspect.evidence.questions.metastasis_or_glioma import METASTASIS_OR_GLIOMA
from perspect.evidence.questions.recurrence import RECURRENCE
from perspect.evidence.questions.recurrence_metastasis import RECURRENCE_METASTASIS
from perspect.vocabulary import Problem

QUESTIONS: Final[tuple[Question, ...]] = (
    GRADE, RECURRENCE, RECURRENCE_METASTASIS, ABSCESS, LYMPHOMA, METASTASIS_OR_GLIOMA, DEMYELINATION, IDH,
)  # fmt: skip


def question(key: str) -> Question:
    """The question of this name. Raises Problem where there is none."""
    for one in QUESTIONS:
        if one.key == key:
            return one
    raise Problem(
        f"'{key}' is no question.", "Evidence is weighed for a question only.",
        f"Ask one of {', '.join(one.key for one in QUESTIONS)}.",
    )  # fmt: skip
