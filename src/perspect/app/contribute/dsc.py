"""DSC in an examination: blood volume of the lesion and its rim, recovery, and the traps of a perfusion image."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Bool

from perspect import io, pitfalls
from perspect.app.anatomy import Seen
from perspect.app.contribute.charts import drawn_of, of_bolus
from perspect.app.contribute.contribution import (
    Contribution,
    Patient,
    Told,
    drawn,
    everything,
    middle,
    read,
    told,
)
from perspect.app.contribute.scenes import of_perfusion
from perspect.app.dsc import Examined, examine_dsc
from perspect.app.dsc_inputs import Inputs
from perspect.pitfalls import Scene
from perspect.report.dossier import Plate, Used
from perspect.vocabulary import Acquisition, Finding, Flag, Histogram, Metric, Problem, Severity
from perspect.vocabulary.progress import Progress

MARKERS: Final[Mapping[str, tuple[str, ...]]] = {
    "rcbv": ("rcbv_mean", "rcbv_hot", "ftb_high", "rcbv_rim"),
    "psr": ("psr_mean",),
}
"""Which markers are read from which map."""

ABSOLUTE: Final = frozenset({"cbv", "cbf", "mtt", "tmax", "delay", "ttp"})
"""Maps of which no marker is read: what spoils them alone leaves ratios as they are."""

UNKNOWN_REFERENCE: Final = 0.1
"""Relative error of a reference that has no other candidate to be compared with: half of what would be doubted
[our default]."""

GOOD: Final = ("recommended", "acceptable")
"""Protocol classes in which published rows may be cited."""


def of_dsc(paths: tuple[Path, ...], patient: Patient, tell: Progress) -> Contribution:
    """Everything that a DSC series adds; its own maps and page are written."""
    said = patient.record.says("dsc.has_preload")
    given = Acquisition(has_preload=None if said is None else bool(said))
    inputs = Inputs(paths, given, anatomy=patient.anatomy, lesion=patient.mask)
    scan = examine_dsc(
        inputs,
        patient.out,
        patient.plans.get("dsc"),
        overwrite=patient.overwrite,
        threads=patient.threads,
        is_part=True,
        head=patient.head,
        progress=tell,
    )
    tell("traps", 0.0)
    seen = _seen(scan)
    scene = replace(of_perfusion(scan, seen, patient), positions_apart=max(io.positions_apart(one) for one in paths))
    traps = pitfalls.look(scene)
    place = seen.series_to_anatomy
    raised = tuple(one for one in scan.measured.flags if one.severity >= Severity.LIMITED and bears_on_markers(one))
    known = told(patient, traps, "dsc", scene.grid, place.matrix, raised, _common(scan), place.error)
    found, numbers, shapes = _read(scan, scene, known)
    how = f"protocol {scan.measured.summary.get('reliability', 'not assessed')}, {', '.join(_protocol(scan))}"
    return Contribution(
        findings=tuple(found),
        facts=_facts(scan),
        # What else is to be known of the series stands on its own page.
        flags=tuple(flag for flag in scan.measured.flags if flag.severity >= Severity.CAUTION),
        traps=tuple(one.flag for one in traps),
        used=tuple(Used("dsc", one.name, how) for one in paths),
        recipes={"DSC": scan.measured.recipe},
        plates=_plates(scan, scene, known.spoilt),
        pages={"DSC page": scan.written.page},
        record=scan.written.summary,
        maps=scan.measured.maps,
        metrics=tuple(numbers),
        histograms=tuple(shapes),
        charts=of_bolus(scan.measured, drawn_of(scene.parts, known.spoilt, scan.measured.regions["reference"], traps)),
    )


def _seen(scan: Examined) -> Seen:
    if scan.seen is None:
        raise Problem("The series was not laid beside the images.", "No part has a place on it.", "See its own page.")
    return scan.seen


def bears_on_markers(flag: Flag) -> bool:
    """Whether a flag speaks of more than absolute maps."""
    spoken_of = {one.strip() for one in flag.where.split(",")}
    return not spoken_of <= ABSOLUTE


def _common(scan: Examined) -> float:
    """The relative error of the reference, which every voxel shares: half of how far candidates for it differ."""
    difference = scan.measured.summary.get("white_matter_difference")
    return UNKNOWN_REFERENCE if difference is None or not np.isfinite(difference) else 0.5 * float(difference)


def _read(scan: Examined, scene: Scene, known: Told) -> tuple[list[Finding], list[Metric], list[Histogram]]:
    """The markers of the maps and all that is told of them, without what traps hold."""
    found: list[Finding] = []
    numbers: list[Metric] = []
    shapes: list[Histogram] = []
    for key, names in MARKERS.items():
        if key in scan.measured.maps:
            one = scan.measured.maps[key]
            of_map = known if key == "rcbv" else replace(known, common=0.0)
            found += read(names, one.shown, one.shown_std, scene.parts, of_map)
            unit, window = one.quantity.shown_unit, one.quantity.display
            more, bins = everything(key, unit, window, one.shown, one.shown_std, scene.parts, of_map)
            numbers, shapes = numbers + more, shapes + bins
    return found, numbers, shapes


def _facts(scan: Examined) -> dict[str, Any]:
    """What the series puts on record."""
    summary, taken = scan.measured.summary, scan.acquisition
    facts: dict[str, Any] = {
        "dsc.class": "good" if str(summary.get("reliability")) in GOOD else "poor",
        "dsc.leakage_corrected": "k2" in scan.measured.maps,
    }
    for name, value in (("dsc.has_preload", taken.has_preload), ("dsc.te", taken.te), ("field", taken.field)):
        if value is not None:
            facts[name] = value
    return facts


def _protocol(scan: Examined) -> list[str]:
    taken = scan.acquisition
    numbers = (
        ("TE {:g} ms", taken.te, 1e3), ("TR {:g} s", taken.tr, 1.0), ("FA {:.0f}°", taken.flip_angle, 180 / np.pi),
        ("{:g} T", taken.field, 1.0),
    )  # fmt: skip
    said = [words.format(round(value * factor, 4)) for words, value, factor in numbers if value is not None]
    if taken.has_preload is not None:
        said.append("with preload" if taken.has_preload else "without preload")
    return said


def _plates(scan: Examined, scene: Scene, spoilt: Bool[np.ndarray, "x y z"]) -> tuple[Plate, ...]:
    if "rcbv" not in scan.measured.maps:
        return ()
    outlines = {**drawn(scene.parts), "reference": scene.white, **({"trap": spoilt} if spoilt.any() else {})}
    caption = "corrected for leakage" if scene.is_corrected else "leakage left in"
    rcbv = scan.measured.maps["rcbv"]
    centre = middle(scene.parts, scene.brain)
    to_anatomy = None if scan.seen is None else scan.seen.series_to_anatomy.matrix
    return (Plate("Relative CBV", scan.at_rest, rcbv, outlines, caption, centre, scene.grid.affine, to_anatomy),)
