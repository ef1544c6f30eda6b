"""A lesion as something to measure: its parts, and every marker of a part as a number with an error."""

from perspect.lesion.labels import Convention, parts_of_labels
from perspect.lesion.measure import measured
from perspect.lesion.parts import Parts, enhancing, parts

__all__ = ["Convention", "Parts", "enhancing", "measured", "parts", "parts_of_labels"]
