"""ASL in an examination: blood flow of the lesion relative to normal-appearing white matter."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from perspect import io, pitfalls
from perspect.app.asl import AslInputs, examine_asl
from perspect.app.contribute.contribution import Contribution, Patient, drawn, everything, middle, read, told, unused
from perspect.app.contribute.scenes import of_other
from perspect.report.dossier import Plate, Used
from perspect.vocabulary import Flag, Problem, Severity
from perspect.vocabulary.progress import Progress

MARKERS: Final = ("rcbf_asl",)

FLOWS: Final = ("cbf", "relcbf")
"""Maps of flow, absolute or relative: the first that was made."""

WINDOW: Final = (0.0, 6.0)
"""Flow over that of white matter over which its histogram is told."""

DEPENDS: Final = 1.25
"""Factor by which flow over that of white matter may hang on the model of decay and still be compared [our default]:
on two virtual patients with one delay it read 1.8 and 1.5 times the truth by blood, 0.8 and 0.6 times by tissue."""

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
    brain = scan.measured.regions["brain"].mask if "brain" in scan.measured.regions else np.isfinite(flow.values)
    scene = replace(
        of_other("asl", scan.measured, scan.at_rest, seen, patient, (flow.quantity.key,), brain),
        positions_apart=io.positions_apart(paths[0]),
    )
    traps, parts, place = pitfalls.look(scene), scene.parts, seen.series_to_anatomy
    normal = flow.shown[white.mask]
    normal = normal[np.isfinite(normal)]
    level = float(normal.mean())
    # White matter is noisy in ASL: the error of its mean is shared by every voxel of the ratio.
    common = float(normal.std(ddof=1) / np.sqrt(normal.size) / abs(level))
    raised = tuple(one for one in scan.measured.flags if one.severity >= Severity.LIMITED)
    raised = (*raised, *hanging_on_decay(scan.measured.summary.get("kinetics_switch", {})))
    known = told(patient, traps, "asl", flow.grid, place.matrix, raised, common, place.error)
    ratio, error = flow.shown / np.float32(level), flow.shown_std / np.float32(level)
    findings = read(MARKERS, ratio, error, parts, known)
    numbers, shapes = everything("rcbf", "ratio", WINDOW, ratio, error, parts, known)
    outlines = {**drawn(parts), "reference": white.mask, **({"trap": known.spoilt} if known.spoilt.any() else {})}
    plate = Plate(
        "Blood flow (ASL)", scan.at_rest, flow, outlines, "", middle(parts, white.mask), flow.grid.affine,
        place.matrix,
    )  # fmt: skip
    return Contribution(
        findings=tuple(findings),
        flags=raised,
        traps=tuple(one.flag for one in traps),
        used=(Used("asl", paths[0].name),),
        recipes={"ASL": scan.measured.recipe},
        plates=(plate,),
        pages={"ASL page": scan.written.page},
        metrics=tuple(numbers),
        histograms=tuple(shapes),
        record=scan.written.summary,
    )


def hanging_on_decay(switch: Mapping[str, Mapping[str, float]]) -> tuple[Flag, ...]:
    """Whether flow over that of white matter hangs on the model of decay, of which nothing here says which is right.

    `switch` is by what factor flow of grey and of white matter would change with another model. Label reaches white
    matter late, so that decay in blood or in tissue is a large part of what is read there.
    """
    grey, white = switch.get("grey", {}), switch.get("white", {})
    factors = [white[name] / grey[name] for name in white if grey.get(name, 0.0) > 0 and white[name] > 0]
    most = max((max(one, 1 / one) for one in factors), default=1.0)
    if most < DEPENDS:
        return ()
    sentence = (
        "Flow of white matter, to which the lesion's is compared, hangs on the model of decay: with another one the "
        f"ratio of grey to white matter changes by a factor of {most:.1f}. Read the lesion beside grey matter and the "
        "other side on the page of the series; several delays would settle it."
    )
    return (Flag("reference-hangs-on-decay", Severity.LIMITED, sentence, "asl", most, "asl"),)
