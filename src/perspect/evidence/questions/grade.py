"""Does an untreated glioma have features of high grade?"""

from perspect.evidence.question import Question, Use
from perspect.evidence.questions.common import (
    ADULT,
    BARRIER,
    ENHANCES_OR_DOUBT,
    ERA,
    OLIGODENDROGLIOMA,
    UNTREATED,
    VESSEL_OR_OLIGO,
)
from perspect.vocabulary import Family

GRADE = Question(
    key="grade",
    title="Vascular and metabolic features of high grade",
    asks="Does this untreated glioma have the vascular and metabolic features of high grade?",
    target="features of high grade",
    other="features of low grade",
    mandatory=(),
    needs=(UNTREATED, ADULT, ENHANCES_OR_DOUBT),
    uses=(
        Use(
            Family.VASCULARITY,
            (
                "grade.dsc.nrcbv.schmainda2018", "grade.dsc.rcbvmax.law2003", "grade.dsc.rcbv.luan2020",
                "grade.asl.rcbf.luan2020", "grade.dsc.ncbv.lev2004", "grade.dsc.rcbvmax.delgado2017",
                "grade.perfusion.cochrane2018", "grade.asl.cbf.delgado2018", "grade.asl.rtbf.smd2019",
                "grade.dsc.ncbf.schmainda2018", "grade.asl.paediatric.delgado2018",
            ),
        ),
        Use(Family.PERMEABILITY, ("grade.dce.ktrans.liang2018", "grade.dce.ve.liang2018", "grade.dce.kep.liang2018")),
        Use(
            Family.METABOLISM,
            ("grade.mrs.chocr_156.law2003", "grade.mrs.chocr_108.law2003", "grade.mrs.chonaa.law2003",
             "grade.mrs.wang2016"),
        ),
        Use(Family.CELLULARITY, ("grade.dki.mk.luan2020",)),
        Use(Family.CONVENTIONAL, ("grade.conventional.law2003",)),
    ),
    limits=(ERA, OLIGODENDROGLIOMA, "Three of four patients in the largest study had a high-grade tumour (Law 2003)."),
    settles=("biopsy of the spot with the highest blood volume", "spectroscopy at two echo times", "follow-up"),
    disagreements=(VESSEL_OR_OLIGO, BARRIER),
)  # fmt: skip
