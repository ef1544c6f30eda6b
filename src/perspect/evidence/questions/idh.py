"""Does an untreated glioma have the features of mutated IDH: 2-hydroxyglutarate, and few vessels?"""

from perspect.evidence.question import Question, Use
from perspect.evidence.questions.common import ADULT, UNTREATED
from perspect.vocabulary import Family

IDH = Question(
    key="idh",
    title="Features of mutated IDH",
    asks="Does this untreated glioma have the features of mutated IDH: 2-hydroxyglutarate, and few vessels?",
    target="features of mutated IDH",
    other="features of IDH that is not mutated",
    mandatory=(("two_hg", "Without spectroscopy 2-hydroxyglutarate cannot be seen."),),
    needs=(UNTREATED, ADULT),
    uses=(
        Use(
            Family.GENOTYPE,
            ("idh.2hg.svs.zhou2018", "idh.2hg.csi.zhou2018", "idh.2hg.lgg.bhandari2021", "idh.2hg.gbm.bhandari2021"),
        ),
        Use(Family.VASCULARITY, ("idh.dsc.rcbvmax.xing2017", "idh.dsc.cbv.vansantwijk2022")),
        Use(Family.PERMEABILITY, ("idh.dce.ktrans.vansantwijk2022",)),
        Use(Family.CONVENTIONAL, ("idh.sign.mismatch.2022",)),
    ),
    limits=(
        "At other echo times than 97 ms 2-hydroxyglutarate hides under glutamate, glutamine and GABA.",
        "After treatment it was found in four of ten only.",
        "The cut-off of blood volume is that of astrocytomas of lower grade. Oligodendroglioma has mutated IDH and a "
        "high blood volume.",
    ),
    settles=("spectroscopy at TE 97 ms", "tissue"),
    disagreements=(
        (
            frozenset({Family.GENOTYPE, Family.VASCULARITY}),
            "Oligodendroglioma, and a tumour with mutated IDH that has become malignant, have 2-hydroxyglutarate and "
            "many vessels; a spectroscopy voxel that samples something else has neither.",
        ),
    ),
)
