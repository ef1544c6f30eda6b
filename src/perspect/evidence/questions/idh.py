"""Is 2-hydroxyglutarate seen in an untreated glioma?"""

from perspect.evidence.question import Question, Use
from perspect.evidence.questions.common import ADULT, UNTREATED
from perspect.vocabulary import Family

IDH = Question(
    key="idh",
    title="2-hydroxyglutarate",
    asks="Is 2-hydroxyglutarate seen in this untreated glioma, as where IDH is mutated?",
    target="2-hydroxyglutarate, as where IDH is mutated",
    other="no 2-hydroxyglutarate",
    mandatory=(("two_hg", "Without spectroscopy 2-hydroxyglutarate cannot be seen."),),
    needs=(UNTREATED, ADULT),
    uses=(
        Use(
            Family.GENOTYPE,
            ("idh.2hg.svs.zhou2018", "idh.2hg.csi.zhou2018", "idh.2hg.lgg.bhandari2021", "idh.2hg.gbm.bhandari2021"),
        ),
    ),
    limits=(
        "At other echo times than 97 ms 2-hydroxyglutarate hides under glutamate, glutamine and GABA.",
        "After treatment it was found in four of ten only.",
    ),
    settles=("spectroscopy at TE 97 ms", "tissue"),
)
