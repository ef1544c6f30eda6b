"""A small dossier: one patient with values that lean, a trap, and a picture."""

import numpy as np

from cases import UNTREATED, found
from perspect.evidence import question, weigh
from perspect.report.dossier import Dossier, Extent, Plate, Quality, Scenery, Used
from perspect.vocabulary import Flag, Map, Recipe, Severity, Status, Step, lexicon
from perspect.vocabulary.data import Grid

GRID = Grid((12, 14, 5), np.diag([4.0, 4.0, 6.0, 1.0]))


def small_dossier(key="grade", findings=None, case=UNTREATED):
    """What `perspect ask` would hand to the report."""
    findings = (
        (found("rcbv_mean", 4.0, 0.3, held=4.4, free=4.0), found("adc_solid", 1.1)) if findings is None else findings
    )
    asked = None if key is None else question(key)
    ramp = np.linspace(1, 100, np.prod(GRID.shape)).reshape(GRID.shape)
    values = (ramp / 25).astype(np.float32)
    rcbv = Map(lexicon.RCBV, values, 0.1 * values, np.full(GRID.shape, Status.OK, np.int16), GRID)
    solid = np.zeros(GRID.shape, bool)
    solid[4:8, 5:9, 2] = True
    return Dossier(
        name="sub-01",
        version="0.0",
        question=asked,
        case=case,
        series=(Used("dsc", "sub-01_dsc.nii.gz", "TE 30 ms"), Used("asl", "sub-01_asl.nii.gz", "", False, "why <not>")),
        flags=(Flag("late", Severity.NOTE, "The bolus came late."),),
        traps=(Flag("large-vessel", Severity.CAUTION, "A vessel runs through the lesion."),),
        regions=(Extent("solid part", 16, 1.5),),
        findings=tuple(findings),
        answer=None if asked is None else weigh(asked, findings, case),
        recipes={"DSC": Recipe((Step("reading", "The series was read."),))},
        plates=(Plate("Relative CBV", ramp, rcbv, {"solid": solid}, "corrected", solid, GRID.affine),),
        scenery=small_scenery(ramp, solid),
        plan={"dsc": {"leakage": "auto"}},
        quality={"dsc": Quality("recommended", "", ("late",), {"arrival": 27.0, "is_corrected": True})},
    )


def small_scenery(ramp, solid):
    """Two images and the outline of the solid part."""
    images = {"T1 after agent": ramp.astype(np.float32), "FLAIR": ramp[::-1].astype(np.float32)}
    return Scenery(images, {"solid": solid}, GRID.affine, (20.0, 24.0, 12.0))
