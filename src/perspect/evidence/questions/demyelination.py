"""Does a tumour-like lesion have the features of demyelination?"""

from perspect.evidence.question import Question, Use
from perspect.evidence.questions.common import ADULT, UNTREATED
from perspect.vocabulary import Family

DEMYELINATION = Question(
    key="demyelination",
    title="Tumefactive demyelination or tumour",
    asks="Does this tumour-like lesion have the features of demyelination, or of tumour?",
    target="features of demyelination",
    other="features of tumour",
    mandatory=(("rcbv_mean", "Without DSC perfusion no published row answers this question."),),
    needs=(UNTREATED, ADULT),
    uses=(
        Use(Family.VASCULARITY, ("tdl.mri.suh2018",)),
        Use(Family.METABOLISM, ("tdl.mrs.glx.cianfoni2007", "tdl.mrs.saindane2002")),
    ),
    limits=(
        "Choline rises and NAA falls in demyelination as in tumour: the flip does not tell them apart.",
        "The published pair is that of conventional and advanced images read together; one in three has an open ring.",
        "Lesions of low blood volume that are tumours all the same read as demyelination here.",
    ),
    settles=("imaging after an interval", "cerebrospinal fluid", "spinal imaging"),
)  # fmt: skip
