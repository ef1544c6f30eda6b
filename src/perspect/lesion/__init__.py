"""A lesion as something to measure: its parts, and every marker of a part as a number with an error."""

from perspect.lesion.change import change, changes
from perspect.lesion.grow import grown_in_box
from perspect.lesion.labels import Convention, parts_of_labels
from perspect.lesion.measure import Sample, measured
from perspect.lesion.metrics import histogram, metrics
from perspect.lesion.parts import Parts, enhancing, parts
from perspect.lesion.size import size

__all__ = [
    "Convention",
    "Parts",
    "Sample",
    "change",
    "changes",
    "enhancing",
    "grown_in_box",
    "histogram",
    "measured",
    "metrics",
    "parts",
    "parts_of_labels",
    "size",
]
