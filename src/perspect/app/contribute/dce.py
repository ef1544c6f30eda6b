"""DCE in an examination: how fast agent leaves the vessels of the lesion, and the room that it finds."""

from pathlib import Path
from typing import Final

from perspect.app.anatomy import seen_in
from perspect.app.contribute.contribution import Contribution, Patient, drawn, middle, read, unused
from perspect.app.dce import DceInputs, examine_dce
from perspect.report.dossier import Plate, Used
from perspect.vocabulary import Severity
from perspect.vocabulary.progress import Progress

MARKERS: Final = {"ktrans": ("ktrans_p95",), "ve": ("ve_mean",)}
"""Which markers are read from which map."""

SHARED: Final = 0.2
"""Relative error of the arterial input that all voxels share [our default; chosen inputs differ by more between
readers: Shalom et al. 2024, doi:10.1002/mrm.29909]."""


def of_dce(paths: tuple[Path, ...], patient: Patient, tell: Progress) -> Contribution:
    """What a DCE series adds, with T1 from the images beside it; its own maps and page are written."""
    if len(paths) != 1:
        return unused("dce", paths, "several series")
    scan = examine_dce(
        DceInputs(patient.study), patient.out, overwrite=patient.overwrite, threads=patient.threads, is_part=True,
        progress=tell,
    )  # fmt: skip
    grid = next(iter(scan.measured.maps.values())).grid
    seen = seen_in(patient.head, scan.at_rest, grid)
    parts = patient.lesion.on(grid, seen.series_to_anatomy.matrix)
    told = tuple(one for one in scan.measured.flags if one.severity >= Severity.LIMITED)
    findings = []
    for key, names in MARKERS.items():
        if key in scan.measured.maps:
            one = scan.measured.maps[key]
            findings += read(names, one.shown, one.shown_std, parts, None, SHARED, told)
    ktrans = scan.measured.maps.get("ktrans")
    plates: tuple[Plate, ...] = ()
    if ktrans is not None:
        centre = middle(
            parts, scan.measured.regions["brain"].mask if "brain" in scan.measured.regions else ktrans.values > 0
        )
        plates = (
            Plate(
                "Leakage (DCE)",
                scan.at_rest,
                ktrans,
                drawn(parts),
                "",
                centre,
                grid.affine,
                seen.series_to_anatomy.matrix,
            ),
        )
    return Contribution(
        findings=tuple(findings),
        flags=told,
        used=(Used("dce", paths[0].name),),
        recipes={"DCE": scan.measured.recipe},
        plates=plates,
        pages={"DCE page": scan.written.page},
        record=scan.written.summary,
    )
