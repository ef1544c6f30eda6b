"""DCE in an examination: how fast agent leaves the vessels of the lesion, and the room that it finds."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from perspect import dce, io, pitfalls
from perspect.app.anatomy import Seen
from perspect.app.contribute.charts import drawn_of, of_leakage
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
from perspect.app.dce import DceExamined, DceHead, DceInputs, examine_dce
from perspect.pitfalls import Scene
from perspect.report.dossier import Plate, Used
from perspect.vocabulary import Finding, Histogram, Measured, Metric, Severity
from perspect.vocabulary.progress import Progress

MARKERS: Final = {"ktrans": ("ktrans_median",), "ve": ("ve_mean",)}
"""Which markers are read from which map."""

SHARED: Final = 0.2
"""Relative error of the arterial input that all voxels share [our default; chosen inputs differ by more between
readers: Shalom et al. 2024, doi:10.1002/mrm.29909]."""


def of_dce(paths: tuple[Path, ...], patient: Patient, tell: Progress) -> Contribution:
    """What a DCE series adds, with T1 from the images beside it; its own maps and page are written."""
    if len(paths) != 1:
        return unused("dce", paths, "several series")
    scan = examine_dce(
        DceInputs(patient.study), patient.out, _plan(patient), overwrite=patient.overwrite, threads=patient.threads,
        is_part=True, known=DceHead(patient.head, patient.lesion), progress=tell,
    )  # fmt: skip
    grid, seen = next(iter(scan.measured.maps.values())).grid, scan.seen
    assert seen is not None
    keys = tuple(key for key in MARKERS if key in scan.measured.maps)
    scene = replace(
        of_other("dce", scan.measured, scan.at_rest, seen, patient, keys, scan.measured.regions["brain"].mask),
        positions_apart=io.positions_apart(paths[0]),
    )
    traps, place = pitfalls.look(scene), seen.series_to_anatomy
    raised = tuple(one for one in scan.measured.flags if one.severity >= Severity.LIMITED)
    known = told(patient, traps, "dce", grid, place.matrix, raised, SHARED, place.error)
    findings, numbers, shapes = _read(scan.measured, keys, scene, known)
    return Contribution(
        findings=tuple(findings),
        flags=raised,
        traps=tuple(one.flag for one in traps),
        used=(Used("dce", paths[0].name),),
        recipes={"DCE": scan.measured.recipe},
        plates=_plates(scan, seen, scene, known),
        pages={"DCE page": scan.written.page},
        metrics=tuple(numbers),
        histograms=tuple(shapes),
        record=scan.written.summary,
        charts=of_leakage(scan.measured, drawn_of(scene.parts, known.spoilt, seen.white, traps)),
    )


def _plan(patient: Patient) -> dce.Plan:
    """What was chosen, with the haematocrit on record."""
    haematocrit, chosen = patient.record.says("haematocrit"), patient.plans.get("dce", dce.Plan())
    plan: dce.Plan = chosen if haematocrit is None else replace(chosen, hct=float(haematocrit))
    return plan


def _read(
    measured: Measured, keys: tuple[str, ...], scene: Scene, known: Told
) -> tuple[list[Finding], list[Metric], list[Histogram]]:
    """The markers of the maps and all that is told of them, without what traps hold."""
    findings: list[Finding] = []
    numbers: list[Metric] = []
    shapes: list[Histogram] = []
    for key in keys:
        one = measured.maps[key]
        findings += read(MARKERS[key], one.shown, one.shown_std, scene.parts, known)
        unit, window = one.quantity.shown_unit, one.quantity.display
        more, bins = everything(key, unit, window, one.shown, one.shown_std, scene.parts, known)
        numbers, shapes = numbers + more, shapes + bins
    return findings, numbers, shapes


def _plates(scan: DceExamined, seen: Seen, scene: Scene, known: Told) -> tuple[Plate, ...]:
    ktrans = scan.measured.maps.get("ktrans")
    if ktrans is None:
        return ()
    outlines = {**drawn(scene.parts), **({"trap": known.spoilt} if known.spoilt.any() else {})}
    centre = middle(scene.parts, scan.measured.regions["brain"].mask)
    matrix = seen.series_to_anatomy.matrix
    return (Plate("Leakage (DCE)", scan.at_rest, ktrans, outlines, "", centre, ktrans.grid.affine, matrix),)
