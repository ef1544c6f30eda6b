"""What several questions need, refuse and cannot say."""

from typing import Final

from perspect.evidence.case import Condition
from perspect.evidence.question import Need
from perspect.vocabulary import Family, Severity

UNTREATED: Final = Need(
    Condition("treated", equals=False),
    "This question is about lesions that were never treated; it must be on record that this one was not.",
)
TREATED: Final = Need(
    Condition("treated", equals=True),
    "This question is about treated lesions; it must be on record that this one was.",
)
RADIOTHERAPY: Final = Need(
    Condition("radiotherapy_days", low=0.0),
    "When radiotherapy ended is not on record, and what perfusion means depends on it.",
)
LATE_ENOUGH: Final = Need(
    Condition("radiotherapy_days", low=90.0),
    "Radiotherapy ended less than 90 days ago: pseudoprogression is common then, so nothing is called concordant.",
    Severity.CAUTION,
)
NO_DRUG: Final = Need(
    Condition("antiangiogenic", equals=False),
    "Whether a drug against vessel growth was given must be on record: it lowers blood volume in any lesion.",
)
NO_STEROIDS: Final = Need(
    Condition("steroids", equals=False),
    "Steroids were given, or it is not on record that they were not: lymphoma may have shrunk or changed.",
    Severity.CAUTION,
)
ADULT: Final = Need(
    Condition("adult", equals=True), "The published rows are about adults.", Severity.CAUTION,
)  # fmt: skip

ENHANCES: Final = Need(
    Condition("enhancing", equals=True),
    "This question is about lesions that enhance, and no part of this one does (or it is not known).",
)
ENHANCES_OR_DOUBT: Final = Need(
    Condition("enhancing", equals=True),
    "The lesion does not enhance: there blood volume tells grades apart much worse (Abrigo et al. 2018, Cochrane).",
    Severity.CAUTION,
)

ERA: Final = (
    "The studies graded tissue before 2016; grade is molecular today. Only features of vessels and metabolism are "
    "named here, never a grade."
)
OLIGODENDROGLIOMA: Final = "Oligodendroglioma has a high blood volume whatever its grade."
MIXTURE: Final = (
    "Progression is usually a mixture with treatment effect: read the fractions of the lesion, not only the side."
)
ISLANDS: Final = (
    "Small islands of tumour within treated tissue tower above it as vessels do: where a vessel is said in the solid "
    "part, read the values with trapped voxels, too."
)
FOLLOW_UP: Final = "The studies mix biopsy and follow-up as proof."

VESSEL_OR_OLIGO: Final = (
    frozenset({Family.VASCULARITY, Family.METABOLISM}),
    "Harmless causes of high blood volume without a matching spectrum: a vessel or cortex in the region, "
    "oligodendroglioma, a spectroscopy voxel that samples something else.",
)
BARRIER: Final = (
    frozenset({Family.VASCULARITY, Family.PERMEABILITY}),
    "Vessels and barrier need not go together: treated tissue leaks without new vessels, and some tumours have "
    "vessels that hold.",
)
