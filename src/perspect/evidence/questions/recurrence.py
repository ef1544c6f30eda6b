"""Is what enhances in a treated glioma active tumour, or an effect of treatment?"""

from perspect.evidence.question import Question, Use
from perspect.evidence.questions.common import (
    ADULT,
    BARRIER,
    FOLLOW_UP,
    ISLANDS,
    LATE_ENOUGH,
    MIXTURE,
    NO_DRUG,
    RADIOTHERAPY,
    TREATED,
    VESSEL_OR_OLIGO,
)
from perspect.vocabulary import Family

RECURRENCE = Question(
    key="recurrence",
    title="Active tumour or treatment effect, in a treated glioma",
    asks="Is what enhances in this treated glioma active tumour, or an effect of treatment?",
    target="features of active tumour",
    other="features of treatment effect",
    mandatory=(),
    needs=(TREATED, RADIOTHERAPY, NO_DRUG, LATE_ENOUGH, ADULT),
    uses=(
        Use(
            Family.VASCULARITY,
            (
                "rec.dsc.rcbvmean.patel2017", "rec.meancbv.li2017", "rec.dsc.fu2022", "rec.dsc.vandijken2017",
                "rec.dsc.rcbvmax.patel2017", "rec.ftb.iv2019", "rec.ftb.herings2026",
                "rec.rcbv.chuang2016", "rec.perfusion.pseudoprogression.2017",
            ),
        ),
        Use(
            Family.METABOLISM,
            ("rec.mrs.chonaa.zhang2014", "rec.mrs.vandijken2017", "rec.mrs.chocr.zhang2014",
             "rec.mrs_dwi.li2016.chonaa", "rec.mrs_dwi.li2016.chocr", "rec.mrs.schlemmer2001"),
        ),
        Use(Family.CELLULARITY, ("rec.adc.vandijken2017", "rec.mrs_dwi.li2016.adc")),
        Use(Family.PERMEABILITY, ("rec.dce.vandijken2017", "rec.dce.patel2017")),
        Use(Family.CONVENTIONAL, ("rec.anatomical.vandijken2017", "rec.btrads.2024")),
    ),
    limits=(MIXTURE, ISLANDS, FOLLOW_UP, "Six of ten lesions in the largest analysis had progressed (Fu 2022)."),
    settles=("spectroscopy", "amino-acid PET", "biopsy", "imaging after an interval"),
    disagreements=(VESSEL_OR_OLIGO, BARRIER),
)  # fmt: skip
