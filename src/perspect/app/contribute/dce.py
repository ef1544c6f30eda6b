"""DCE in an examination: how fast agent leaves the vessels of the lesion, and the room that it finds."""

from dataclasses import replace
from pathlib import Path
from typing import Final

from perspect import dce, io, pitfalls
from perspect.app.contribute.charts import drawn_of, of_leakage
from perspect.app.contribute.contribution import Contribution, Patient, drawn, everything, middle, read, told, unused
from perspect.app.contribute.scenes import of_other
from perspect.app.dce import DceHead, DceInputs, examine_dce
from perspect.report.dossier import Plate, Used
from perspect.vocabulary import Finding, Histogram, Metric, Severity
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
    haematocrit = patient.record.says("haematocrit")
    chosen = patient.plans.get("dce", dce.Plan())
    plan = chosen if haematocrit is None else replace(chosen, hct=float(haematocrit))
    scan = examine_dce(
        DceInputs(patient.study), patient.out, plan, overwrite=patient.overwrite, threads=patient.threads, is_part=True,
        known=DceHead(patient.head, patient.lesion), progress=tell,
    )  # fmt: skip
    grid, seen = next(iter(scan.measured.maps.values())).grid, scan.seen
    assert seen is not None
    keys = tuple(key for key in MARKERS if key in scan.measured.maps)
    brain = scan.measured.regions["brain"].mask
    scene = replace(
        of_other("dce", scan.measured, scan.at_rest, seen, patient, keys, brain),
        positions_apart=io.positions_apart(paths[0]),
    )
    traps, parts, place = pitfalls.look(scene), scene.parts, seen.series_to_anatomy
    raised = tuple(one for one in scan.measured.flags if one.severity >= Severity.LIMITED)
    known = told(patient, traps, "dce", grid, place.matrix, raised, SHARED, place.error)
    findings: list[Finding] = []
    numbers: list[Metric] = []
    shapes: list[Histogram] = []
    for key in keys:
        one = scan.measured.maps[key]
        findings += read(MARKERS[key], one.shown, one.shown_std, parts, known)
        unit, window = one.quantity.shown_unit, one.quantity.display
        more, bins = everything(key, unit, window, one.shown, one.shown_std, parts, known)
        numbers, shapes = numbers + more, shapes + bins
    ktrans = scan.measured.maps.get("ktrans")
    plates: tuple[Plate, ...] = ()
    if ktrans is not None:
        outlines = {**drawn(parts), **({"trap": known.spoilt} if known.spoilt.any() else {})}
        centre = middle(parts, brain)
        plates = (Plate("Leakage (DCE)", scan.at_rest, ktrans, outlines, "", centre, grid.affine, place.matrix),)
    return Contribution(
        findings=tuple(findings),
        flags=raised,
        traps=tuple(one.flag for one in traps),
        used=(Used("dce", paths[0].name),),
        recipes={"DCE": scan.measured.recipe},
        plates=plates,
        pages={"DCE page": scan.written.page},
        metrics=tuple(numbers),
        histograms=tuple(shapes),
        record=scan.written.summary,
        charts=of_leakage(scan.measured, drawn_of(parts, known.spoilt, seen.white, traps)),
    )
