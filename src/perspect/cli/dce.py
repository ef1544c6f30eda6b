"""`perspect dce`: maps from a DCE series."""

import sys
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from math import radians
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Group, Parameter

from perspect.cli.common import NO_CHOICES, Common, wholes
from perspect.cli.progress import watched
from perspect.cli.said import headline, line, refusals
from perspect.vocabulary import Acquisition, Problem, Refusal

if TYPE_CHECKING:
    from perspect.app.dce import DceExamined
    from perspect.dce import Plan

OWN_INPUT: Final = "auto"
"""The arterial input that is found in the series."""


@Parameter(name="*", group=Group("The scan"))
@dataclass(frozen=True)
class Scan:
    """What the sidecar does not say, or says wrongly."""

    tr: Annotated[float | None, Parameter(help="Time between excitations in s; else from the sidecar")] = None
    te: Annotated[float | None, Parameter(help="Echo time in s; else from the sidecar")] = None
    flip_angle: Annotated[float | None, Parameter(help="Flip angle in degrees; else from the sidecar")] = None
    field: Annotated[float | None, Parameter(help="Field strength in T; else from the sidecar")] = None
    times: Annotated[Path | None, Parameter(help="Table with the time of every volume in s")] = None
    drop: Annotated[tuple[int, ...], Parameter(help="Volumes that are left out, counted from 0", converter=wholes)] = ()
    no_motion: Annotated[bool, Parameter(help="Do not align the volumes")] = False


@Parameter(name="*", group=Group("T1 before agent"))
@dataclass(frozen=True)
class Before:
    """A map, a value, or images from which it is measured."""

    t1: Annotated[str | None, Parameter(help="T1 before agent: a map in s, or one value in s")] = None
    vfa: Annotated[
        tuple[Path, ...],
        Parameter(
            help="Images at several flip angles, or folders of DICOM, for T1; else of the folder", consume_multiple=True
        ),
    ] = ()
    b1: Annotated[Path | None, Parameter(help="True over nominal flip angle (or per cent)")] = None


@Parameter(name="*", group=Group("Input and model"))
@dataclass(frozen=True)
class Tissue:
    """What drives the tissue, and how it answers."""

    aif: Annotated[
        str,
        Parameter(
            help="Arterial input: auto, a mask, a table, or parker, georgiou, weinmann, fritz-hansen, orton, mcgrath"
        ),
    ] = OWN_INPUT
    vein: Annotated[Path | None, Parameter(help="Mask in a large vein, to scale the arterial input to")] = None
    model: Annotated[
        str | None,
        Parameter(help="auto, vascular, patlak, tofts, extended-tofts, 2cum, 2cxm, aath or reference-region"),
    ] = None
    reference: Annotated[
        Path | None, Parameter(help="Mask of tissue that leaks (muscle), for reference-region: no arterial input")
    ] = None
    water: Annotated[
        Literal["fast", "none", "shutter-speed"] | None,
        Parameter(help="Exchange of water; other than fast with extended-tofts and a mask"),
    ] = None
    delay: Annotated[bool | None, Parameter(help="Fit an arterial delay", negative="--no-delay")] = None
    r1: Annotated[float | None, Parameter(help="Relaxivity of the agent in 1/s/mM")] = None
    hct: Annotated[float | None, Parameter(help="Haematocrit of arterial blood (0 to 1)")] = None


SIDECAR, FOLDER, USUAL = Scan(), Before(), Tissue()
"""What stands where nothing is said by hand."""


def dce(
    series: Annotated[Path, Parameter(help="4-D NIfTI file, a folder with one *_dce.nii.gz, or a folder of DICOM")],
    /,
    *,
    out: Annotated[Path, Parameter(help="Folder of the results")],
    mask: Annotated[
        Path | None,
        Parameter(name=["--mask", "--brain-mask"], help="Mask of what is measured; else the brain, which is found"),
    ] = None,
    lesion: Annotated[Path | None, Parameter(help="Mask of a lesion, for which one model is chosen")] = None,
    before: Before = FOLDER,
    tissue: Tissue = USUAL,
    scan: Scan = SIDECAR,
    common: Common = NO_CHOICES,
) -> int:
    """Measures, writes, and prints what matters."""
    from perspect.app import DceInputs, examine_dce
    from perspect.app.doctor import cores
    from perspect.models.arterial import POPULATIONS

    choices = _choices(tissue, scan, common, tissue.aif if tissue.aif in POPULATIONS else None)
    angle = None if scan.flip_angle is None else radians(scan.flip_angle)
    table = None if tissue.aif == OWN_INPUT or tissue.aif in POPULATIONS else _file_of_input(tissue.aif, POPULATIONS)
    inputs = DceInputs(
        series, Acquisition(te=scan.te, flip_angle=angle, field=scan.field), scan.times, _t1(before.t1), before.vfa,
        before.b1, mask, table, tissue.vein, lesion, scan.tr, tissue.reference,
    )  # fmt: skip
    threads = common.threads or cores()
    with watched(quiet=common.quiet) as progress:
        examined = examine_dce(inputs, out, choices, overwrite=common.overwrite, threads=threads, progress=progress)
    return _told(examined, common)


def _choices(tissue: Tissue, scan: Scan, common: Common, population: str | None) -> "Plan":
    """What was chosen by hand; a seed is refused, for nothing here draws numbers."""
    from perspect.app.settings import plan
    from perspect.dce import Plan

    options = {
        "model": tissue.model, "water": tissue.water, "delay": tissue.delay, "drop": scan.drop or None,
        "r1": tissue.r1, "hct": tissue.hct, "arterial": population, "motion": False if scan.no_motion else None,
        "seed": common.seed,
    }  # fmt: skip
    return plan(Plan, common.plan, options, common.set)


def _told(examined: "DceExamined", common: Common) -> int:
    """Prints what matters; the exit code."""
    refused = refusals(examined.measured)
    if not common.quiet:
        summary = examined.measured.summary
        against = summary.get("reference_origin")
        first = f"Measured against: {against}." if against else f"Arterial input: {summary['arterial_origin']}."
        print(headline(examined.measured, first, verbose=common.verbose))
        print(f"Page: {examined.written.page}")
    elif refused:
        print("\n".join(f"perspect: {line(flag)}" for flag in refused), file=sys.stderr)
    return Refusal.exit_code if refused else 0


def _file_of_input(text: str, populations: Collection[str]) -> Path:
    """The mask or the table that an arterial input was given as."""
    path = Path(text)
    if not path.is_file():
        near = get_close_matches(text, populations, n=1)
        raise Problem(
            f"--aif is {text}, which is neither a file nor a population's input.",
            "Exchange is measured against the arterial input.",
            f"Did you mean {near[0]}?" if near else f"Give a mask, a table, {OWN_INPUT}, or {', '.join(populations)}.",
        )
    return path


def _t1(text: str | None) -> Path | float | None:
    """A number is a value in s; anything else is the path of a map."""
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        return Path(text)
    if not 0.1 <= value <= 6:
        raise Problem(f"--t1 is {value:g}.", "Tissue has a T1 of 0.2 to 4 s.", "Give seconds, for example --t1 1.4.")
    return value
