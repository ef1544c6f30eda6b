"""ASL in an examination: blood flow of the lesion relative to normal-appearing white matter."""

from pathlib import Path
from typing import Final

import numpy as np

from perspect.app.asl import AslInputs, examine_asl
from perspect.app.contribute.contribution import Contribution, Patient, drawn, middle, read, unused
from perspect.report.dossier import Plate, Used
from perspect.vocabulary import Problem, Severity
from perspect.vocabulary.progress import Progress

MARKERS: Final = ("rcbf_asl",)

FLOWS: Final = ("cbf", "relcbf")
"""Maps of flow, absolute or relative: the first that was made."""

FEWEST: Final = 50
"""Voxels of white matter without which flow has nothing to be divided by [our default]."""


def of_asl(paths: tuple[Path, ...], patient: Patient, tell: Progress) -> Contribution:
    """What a labelled series adds; its own maps and page are written."""
    if len(paths) != 1:
        return unused("asl", paths, "several series")
    inputs = AslInputs(paths[0], lesion=patient.mask, anatomy=patient.anatomy)
    scan = examine_asl(
        inputs,
        patient.out,
        overwrite=patient.overwrite,
        threads=patient.threads,
        is_part=True,
        known=patient.head,
        progress=tell,
    )
    flow = next((scan.measured.maps[key] for key in FLOWS if key in scan.measured.maps), None)
    seen = scan.seen
    white = None if seen is None else seen.white
    if flow is None or seen is None or white is None or white.n_voxels < FEWEST:
        raise Problem(
            "Flow of normal white matter is not known.",
            "Flow of the lesion has nothing to be compared with.",
            "Look at the page of the series.",
        )
    parts = patient.lesion.on(flow.grid, seen.series_to_anatomy.matrix)
    normal = flow.shown[white.mask]
    normal = normal[np.isfinite(normal)]
    level = float(normal.mean())
    # White matter is noisy in ASL: the error of its mean is shared by every voxel of the ratio.
    common = float(normal.std(ddof=1) / np.sqrt(normal.size) / abs(level))
    refusals = tuple(one for one in scan.measured.flags if one.severity >= Severity.LIMITED)
    findings = read(MARKERS, flow.shown / level, flow.shown_std / level, parts, None, common, refusals)
    outlines = {**drawn(parts), "reference": white.mask}
    plate = Plate(
        "Blood flow (ASL)", scan.at_rest, flow, outlines, "", middle(parts, white.mask), flow.grid.affine,
        seen.series_to_anatomy.matrix,
    )  # fmt: skip
    return Contribution(
        findings=tuple(findings),
        flags=tuple(flag for flag in scan.measured.flags if flag.severity >= Severity.LIMITED),
        used=(Used("asl", paths[0].name),),
        recipes={"ASL": scan.measured.recipe},
        plates=(plate,),
        pages={"ASL page": scan.written.page},
        record=scan.written.summary,
    )
