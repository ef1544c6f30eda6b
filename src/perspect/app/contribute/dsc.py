"""DSC in an examination: blood volume of the lesion and its rim, recovery, and the traps of a perfusion image."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect import pitfalls
from perspect.anatomy import resample
from perspect.app.contribute.contribution import Contribution, Patient, drawn, middle, read
from perspect.app.dsc import Examined, Inputs, examine_dsc
from perspect.pitfalls import Scene, Trap
from perspect.report.dossier import Plate, Used
from perspect.vocabulary import Finding, Problem, Severity
from perspect.vocabulary.progress import Progress

MARKERS: Final[Mapping[str, tuple[str, ...]]] = {
    "rcbv": ("rcbv_mean", "rcbv_hot", "ftb_high", "rcbv_rim"),
    "psr": ("psr_mean",),
}
"""Which markers are read from which map."""

UNKNOWN_REFERENCE: Final = 0.1
"""Relative error of a reference that has no other candidate to be compared with: half of what would be doubted
[our default]."""

GOOD: Final = ("recommended", "acceptable")
"""Protocol classes in which published rows may be cited."""


def of_dsc(paths: tuple[Path, ...], patient: Patient, tell: Progress) -> Contribution:
    """Everything that a DSC series adds; its own maps and page are written."""
    inputs = Inputs(paths, anatomy=patient.anatomy, lesion=patient.mask)
    scan = examine_dsc(
        inputs,
        patient.out,
        overwrite=patient.overwrite,
        threads=patient.threads,
        is_part=True,
        head=patient.head,
        progress=tell,
    )
    tell("traps", 0.0)
    scene = _scene(scan, patient)
    traps = pitfalls.look(scene)
    how = f"protocol {scan.measured.summary.get('reliability', 'not assessed')}, {', '.join(_protocol(scan))}"
    return Contribution(
        findings=tuple(_findings(scan, scene, traps)),
        facts=_facts(scan),
        # What else is to be known of the series stands on its own page.
        flags=tuple(flag for flag in scan.measured.flags if flag.severity >= Severity.CAUTION),
        traps=tuple(one.flag for one in traps),
        used=tuple(Used("dsc", one.name, how) for one in paths),
        recipes={"DSC": scan.measured.recipe},
        plates=_plates(scan, scene, traps),
        pages={"DSC page": scan.written.page},
        record=scan.written.summary,
        maps=scan.measured.maps,
    )


def _scene(scan: Examined, patient: Patient) -> Scene:
    """What traps are looked for in."""
    seen = scan.seen
    if seen is None:
        raise Problem("The series was not laid beside the images.", "No part has a place on it.", "See its own page.")
    grid = next(iter(scan.measured.maps.values())).grid
    to_anatomy = seen.series_to_anatomy.matrix
    maps = {key: one.values for key, one in scan.measured.maps.items()}
    if "k2" in scan.measured.maps:
        maps["k2_std"] = scan.measured.maps["k2"].std
    told = scan.measured.summary.get("white_matter", {})
    in_use = next((one["rCBV"] for one in told.values() if "rCBV" in one), None)

    def share(one: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "x2 y2 z2"]:
        out: np.ndarray = resample.onto(one, seen.grid, grid, matrix=to_anatomy)
        return out

    return Scene(
        grid=grid,
        at_rest=scan.at_rest,
        maps=maps,
        brain=scan.measured.regions["brain"].mask,
        white=scan.measured.regions["reference"].mask,
        parts=patient.lesion.on(grid, to_anatomy),
        grey=share(seen.tissues.grey),
        fluid=share(seen.tissues.csf),
        references={name: one["rCBV"] / in_use for name, one in told.items() if in_use and "rCBV" in one},
        is_corrected="k2" in scan.measured.maps,
    )


def _findings(scan: Examined, scene: Scene, traps: tuple[Trap, ...]) -> list[Finding]:
    """The markers of the maps, without what traps hold."""
    spoilt = pitfalls.trapped(traps, "dsc", scene.grid)
    told = tuple(one for one in pitfalls.flags_of(traps, "dsc") if one.severity >= Severity.LIMITED)
    told += tuple(one for one in scan.measured.flags if one.severity >= Severity.LIMITED)
    # Half of how far candidates for the reference differ stands for what is not known of it.
    difference = scan.measured.summary.get("white_matter_difference")
    common = UNKNOWN_REFERENCE if difference is None or not np.isfinite(difference) else 0.5 * float(difference)
    found: list[Finding] = []
    for key, names in MARKERS.items():
        if key in scan.measured.maps:
            one = scan.measured.maps[key]
            shared = common if key == "rcbv" else 0.0
            found += read(names, one.shown, one.shown_std, scene.parts, spoilt, shared, told)
    return found


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


def _plates(scan: Examined, scene: Scene, traps: tuple[Trap, ...]) -> tuple[Plate, ...]:
    if "rcbv" not in scan.measured.maps:
        return ()
    spoilt = pitfalls.trapped(traps, "dsc", scene.grid)
    outlines = {**drawn(scene.parts), "reference": scene.white, **({"trap": spoilt} if spoilt.any() else {})}
    caption = "corrected for leakage" if scene.is_corrected else "leakage left in"
    rcbv = scan.measured.maps["rcbv"]
    centre = middle(scene.parts, scene.brain)
    to_anatomy = None if scan.seen is None else scan.seen.series_to_anatomy.matrix
    return (Plate("Relative CBV", scan.at_rest, rcbv, outlines, caption, centre, scene.grid.affine, to_anatomy),)
