"""ASL in an examination: blood flow of the lesion relative to normal-appearing white matter."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect import io, pitfalls
from perspect.app.anatomy import Seen
from perspect.app.asl import AslExamined, examine_asl
from perspect.app.asl_inputs import AslInputs
from perspect.app.contribute.charts import drawn_of, of_labelling
from perspect.app.contribute.contribution import (
    Contribution,
    Patient,
    Told,
    drawn,
    everything,
    middle,
    read,
    told,
    unused,
)
from perspect.app.contribute.scenes import of_other
from perspect.pitfalls import Scene
from perspect.report.dossier import Plate, Used
from perspect.vocabulary import Flag, Map, Problem, Region, Severity
from perspect.vocabulary.progress import Progress

MARKERS: Final = ("rcbf_asl",)

FLOWS: Final = ("cbf", "relcbf")
"""Maps of flow, absolute or relative: the first that was made."""

WINDOW: Final = (0.0, 6.0)
"""Flow over that of white matter over which its histogram is told."""

FEWEST: Final = 50
"""Voxels of white matter without which flow has nothing to be divided by [our default]."""


def of_asl(paths: tuple[Path, ...], patient: Patient, tell: Progress) -> Contribution:
    """What a labelled series adds; its own maps and page are written."""
    if len(paths) != 1:
        return unused("asl", paths, "several series")
    scan = examine_asl(
        AslInputs(paths[0], lesion=patient.mask, anatomy=patient.anatomy), patient.out, patient.plans.get("asl"),
        overwrite=patient.overwrite, threads=patient.threads, is_part=True, known=patient.head, progress=tell,
    )  # fmt: skip
    flow, seen, white = _compared(scan)
    scene = _scene(scan, flow, seen, patient, io.positions_apart(paths[0]))
    traps, place = pitfalls.look(scene), seen.series_to_anatomy
    normal = level_of_white(flow.shown[white.mask], scan.measured.summary)
    raised = (*(one for one in scan.measured.flags if one.severity >= Severity.LIMITED), *normal.flags)
    known = told(patient, traps, "asl", flow.grid, place.matrix, raised, normal.common, place.error)
    ratio, error = (one / np.float32(normal.level) for one in (flow.shown, flow.shown_std))
    numbers, shapes = everything("rcbf", "ratio", WINDOW, ratio, error, scene.parts, known)
    return Contribution(
        findings=tuple(read(MARKERS, ratio, error, scene.parts, known)),
        flags=raised,
        traps=tuple(one.flag for one in traps),
        used=(Used("asl", paths[0].name),),
        recipes={"ASL": scan.measured.recipe},
        plates=(_plate(scan, flow, white, scene, known),),
        pages={"ASL page": scan.written.page},
        metrics=tuple(numbers),
        histograms=tuple(shapes),
        record=scan.written.summary,
        charts=of_labelling(scan.measured, drawn_of(scene.parts, known.spoilt, white, traps)),
    )


def _compared(scan: AslExamined) -> tuple[Map, Seen, Region]:
    """Flow, where the series lies in the anatomy, and the white matter whose flow that of the lesion is divided by.

    Raises `Problem` where one of them is not known.
    """
    flow = next((scan.measured.maps[key] for key in FLOWS if key in scan.measured.maps), None)
    seen, white = scan.seen, None if scan.seen is None else scan.seen.white
    if flow is None or seen is None or white is None or white.n_voxels < FEWEST:
        raise Problem(
            "Flow of normal white matter is not known.",
            "Flow of the lesion has nothing to be compared with.",
            "Look at the page of the series.",
        )
    return flow, seen, white


def _scene(scan: AslExamined, flow: Map, seen: Seen, patient: Patient, positions_apart: float) -> Scene:
    """What traps are looked for in; without a mask of the brain, where there is flow."""
    brain = scan.measured.regions["brain"].mask if "brain" in scan.measured.regions else np.isfinite(flow.values)
    scene = of_other("asl", scan.measured, scan.at_rest, seen, patient, (flow.quantity.key,), brain)
    return replace(scene, positions_apart=positions_apart)


def _plate(scan: AslExamined, flow: Map, white: Region, scene: Scene, known: Told) -> Plate:
    outlines = {**drawn(scene.parts), "reference": white.mask}
    outlines |= {"trap": known.spoilt} if known.spoilt.any() else {}
    assert scan.seen is not None
    return Plate(
        "Blood flow (ASL)", scan.at_rest, flow, outlines, "", middle(scene.parts, white.mask), flow.grid.affine,
        scan.seen.series_to_anatomy.matrix,
    )  # fmt: skip


@dataclass(frozen=True)
class Level:
    """What flow of a lesion is divided by (in the unit of the map, with decay by the T1 of each tissue), what relative
    error all voxels share by it, and what is to be said of it.
    """

    level: float
    common: float
    flags: tuple[Flag, ...]


def level_of_white(white: Float[np.ndarray, " voxels"], summary: Mapping[str, Any]) -> Level:
    """From the flow of voxels of normal white matter and the numbers of the run."""
    known = white[np.isfinite(white)]
    level = float(known.mean())
    # White matter is noisy in ASL: the error of its mean is shared by every voxel of the ratio.
    common = float(known.std(ddof=1) / np.sqrt(known.size) / abs(level))
    if "lesion_decay" not in summary:
        return Level(level, common, ())
    factor, doubt = (float(summary["lesion_decay"][name]) for name in ("factor", "doubt"))
    sentence = (
        f"Flow of the lesion over that of white matter is {factor:.2f} times that of the map, for label decays by the "
        f"T1 of each tissue: {doubt:.0%} of it hang on T1 and transit times that were not measured."
    )
    flags = (Flag("decay-by-tissue", Severity.NOTE, sentence, "asl", factor, "asl"),)
    return Level(level / factor, float(np.hypot(common, doubt)), flags)
