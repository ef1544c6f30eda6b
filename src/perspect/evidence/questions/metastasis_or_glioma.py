"""Does what surrounds an enhancing mass look infiltrated, as around glioma, or only swollen, as around metastasis?"""

from perspect.evidence.question import Question, Use
from perspect.evidence.questions.common import ADULT, ENHANCES, UNTREATED
from perspect.vocabulary import Family

METASTASIS_OR_GLIOMA = Question(
    key="metastasis-or-glioma",
    title="Metastasis or high-grade glioma",
    asks="Does the tissue around this enhancing mass look infiltrated, as around glioma, or only swollen?",
    target="features of glioma",
    other="features of metastasis",
    mandatory=(),
    needs=(UNTREATED, ENHANCES, ADULT),
    uses=(
        Use(Family.VASCULARITY, (
            "met.dsc.peri.2014", "met.perfusion.suh2018", "met.combined.romano2022", "met.asl.gradient.lin2016",
        )),
        Use(Family.PERMEABILITY, ("met.dsc.psr.preload.39",)),
        Use(Family.METABOLISM, ("met.mrs.chonaa.peri.wang2017", "met.mrs.chocr.peri.wang2017")),
    ),
    limits=(
        "Blood volume within the mass is alike in both; that of the 5 mm around it is read.",
        "Recovery of the signal (PSR) within it depends on preload, flip angle and TE; no cut-off travels (Lee 2019).",
    ),
    settles=("spectroscopy around the lesion", "a search for a primary tumour", "biopsy"),
)  # fmt: skip
