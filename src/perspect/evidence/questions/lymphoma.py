"""Does an untreated enhancing mass have features of lymphoma, or of high-grade glioma?"""

from perspect.evidence.question import Question, Use
from perspect.evidence.questions.common import ADULT, ENHANCES, NO_STEROIDS, UNTREATED
from perspect.vocabulary import Family

LYMPHOMA = Question(
    key="lymphoma",
    title="Lymphoma or high-grade glioma",
    asks="Does this untreated enhancing mass have the features of lymphoma, or of high-grade glioma?",
    target="features of lymphoma",
    other="features of high-grade glioma",
    mandatory=(),
    needs=(UNTREATED, ENHANCES, NO_STEROIDS, ADULT),
    uses=(
        Use(Family.VASCULARITY, ("mimic.dsc.preload.39", "pcnsl.dsc.xu2017")),
        Use(Family.CELLULARITY, ("pcnsl.adc.du2022",)),
        Use(Family.PERMEABILITY, ("mimic.psr.preload.lee2019", "mimic.psr.nopreload.2020")),
        Use(Family.CONVENTIONAL, ("pcnsl.mri.suh2019",)),
    ),
    limits=("Recovery of the signal (PSR) depends on preload, flip angle and TE; no cut-off travels (Lee 2019).",),
    settles=("spectroscopy", "biopsy"),
)  # fmt: skip
