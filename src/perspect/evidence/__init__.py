"""From findings to an answer: published rows whose conditions hold, families of biology, five verdicts, and no more.

Nothing here knows a voxel: it receives findings and what is on record of the case, and weighs them against studies.
"""

from perspect.evidence.calibrate import Calibrated, Calibration, Known, calibrate, refusals
from perspect.evidence.case import Case, Condition
from perspect.evidence.question import Question
from perspect.evidence.questions import QUESTIONS, question
from perspect.evidence.row import Cutoff, Row
from perspect.evidence.side import Side
from perspect.evidence.sources import ROWS, marker_of, row, table_version
from perspect.evidence.verdict import Answer, Reading, Word
from perspect.evidence.weigh import weigh

__all__ = [
    "QUESTIONS",
    "ROWS",
    "Answer",
    "Calibrated",
    "Calibration",
    "Case",
    "Condition",
    "Cutoff",
    "Known",
    "Question",
    "Reading",
    "Row",
    "Side",
    "Word",
    "calibrate",
    "marker_of",
    "question",
    "refusals",
    "row",
    "table_version",
    "weigh",
]
