"""Is a ring that enhances around a cavity an abscess, or a necrotic tumour?"""

from perspect.evidence.question import Question, Use
from perspect.evidence.questions.common import ADULT, ENHANCES
from perspect.vocabulary import Family

ABSCESS = Question(
    key="abscess",
    title="Abscess or necrotic tumour",
    asks="Does the cavity of this ring-enhancing lesion have the features of an abscess, or of a necrotic tumour?",
    target="features of an abscess",
    other="features of a necrotic tumour",
    mandatory=(
        ("adc_cavity", "There is no diffusion image (DWI or ADC), the best marker: nothing is said."),
    ),
    needs=(ENHANCES, ADULT),
    uses=(
        Use(Family.CELLULARITY, ("abs.dwi.meta2014", "abs.adc.reddy2006", "abs.adcratio.fertikh2007")),
        Use(Family.INFECTION, ("abs.mrs.lai2002", "abs.mrs.aa.mishra2004", "abs.mrs.aa.pal2010")),
        Use(Family.CONVENTIONAL, ("abs.swi.dualrim.toh2012",)),
    ),
    limits=(
        "Amino acids are seen in four of five abscesses, and in parasitic cysts too; their absence excludes nothing.",
        "Lactate alone does not tell the two apart.",
        "The printed likelihood ratio of diffusion (4.1) is below what the printed pair implies; the lower is used.",
    ),
    settles=("spectroscopy at two echo times", "susceptibility-weighted images"),
    disagreements=(
        (
            frozenset({Family.CELLULARITY, Family.INFECTION}),
            "Blood products and mucin restrict diffusion too; a treated abscess loses its amino acids first.",
        ),
    ),
)  # fmt: skip
