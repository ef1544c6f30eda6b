"""Is what enhances in an irradiated metastasis active tumour, or an effect of treatment?"""

from perspect.evidence.question import Question, Use
from perspect.evidence.questions.common import ADULT, FOLLOW_UP, LATE_ENOUGH, NO_DRUG, RADIOTHERAPY, TREATED
from perspect.vocabulary import Family

RECURRENCE_METASTASIS = Question(
    key="recurrence-metastasis",
    title="Active tumour or treatment effect, in an irradiated metastasis",
    asks="Is what enhances in this irradiated metastasis active tumour, or an effect of treatment?",
    target="features of active tumour",
    other="features of treatment effect",
    mandatory=(("rcbv_mean", "Without DSC perfusion no published row answers this question."),),
    needs=(TREATED, RADIOTHERAPY, NO_DRUG, LATE_ENOUGH, ADULT),
    uses=(
        Use(
            Family.VASCULARITY,
            (
                "recmet.dsc.2020", "recmet.dsc.rcbv.barajas2009", "recmet.dsc.rcbv.mitsuya2010",
                "recmet.dsc.rcbv.huang2011", "recmet.dsc.rcbvmax.hoefnagels2009",
            ),
        ),
        Use(Family.PERMEABILITY, ("recmet.dsc.psr.barajas2009",)),
    ),
    limits=(
        FOLLOW_UP,
        "One cut-off near 2 gave a sensitivity of 0.56 in one series and of 1.00 in another.",
        "Of 168 perfusion studies of such lesions 15 % could not be evaluated, 31 % were too small (Kerkhof 2018).",
    ),
    settles=("spectroscopy", "amino-acid PET", "imaging after an interval"),
)  # fmt: skip
