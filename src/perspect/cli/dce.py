"""`perspect dce`: maps from a DCE series."""

import sys
from math import radians
from pathlib import Path
from typing import Annotated, Final, Literal

from cyclopts import Parameter

from perspect.cli.common import NO_CHOICES, Common
from perspect.cli.progress import watched
from perspect.cli.said import headline, line, refusals
from perspect.vocabulary import Acquisition, Problem, Refusal

OWN_INPUT: Final = "auto"
"""The arterial input that is found in the series."""


def dce(
    series: Annotated[Path, Parameter(help="4-D NIfTI file, a folder with one *_dce.nii.gz, or a folder of DICOM")],
    /,
    *,
    out: Annotated[Path, Parameter(help="Folder of the results")],
    t1: Annotated[str | None, Parameter(help="T1 before agent: a map in s, or one value in s")] = None,
    vfa: Annotated[
        tuple[Path, ...],
        Parameter(help="Images at several flip angles, or folders of DICOM, for T1; else of the folder"),
    ] = (),
    b1: Annotated[Path | None, Parameter(help="True over nominal flip angle (or per cent)")] = None,
    tr: Annotated[float | None, Parameter(help="Time between excitations in s; else from the sidecar")] = None,
    te: Annotated[float | None, Parameter(help="Echo time in s; else from the sidecar")] = None,
    flip_angle: Annotated[float | None, Parameter(help="Flip angle in degrees; else from the sidecar")] = None,
    field: Annotated[float | None, Parameter(help="Field strength in T; else from the sidecar")] = None,
    times: Annotated[Path | None, Parameter(help="Table with the time of every volume in s")] = None,
    mask: Annotated[
        Path | None,
        Parameter(name=["--mask", "--brain-mask"], help="Mask of what is measured; else the brain, which is found"),
    ] = None,
    aif: Annotated[
        str,
        Parameter(
            help="Arterial input: auto, a mask, a table, or parker, georgiou, weinmann, fritz-hansen, orton, mcgrath"
        ),
    ] = OWN_INPUT,
    vein: Annotated[Path | None, Parameter(help="Mask in a large vein, to scale the arterial input to")] = None,
    model: Annotated[
        str | None, Parameter(help="auto, vascular, patlak, tofts, extended-tofts, 2cum, 2cxm or aath")
    ] = None,
    water: Annotated[
        Literal["fast", "none", "shutter-speed"] | None,
        Parameter(help="Exchange of water; other than fast with extended-tofts and a mask"),
    ] = None,
    delay: Annotated[bool | None, Parameter(help="Fit an arterial delay", negative="--no-delay")] = None,
    r1: Annotated[float | None, Parameter(help="Relaxivity of the agent in 1/s/mM")] = None,
    hct: Annotated[float | None, Parameter(help="Haematocrit of arterial blood (0 to 1)")] = None,
    lesion: Annotated[Path | None, Parameter(help="Mask of a lesion, for which one model is chosen")] = None,
    drop: Annotated[tuple[int, ...], Parameter(help="Volumes that are left out, counted from 0")] = (),
    no_motion: Annotated[bool, Parameter(help="Do not align the volumes")] = False,
    common: Common = NO_CHOICES,
) -> int:
    """Measures, writes, and prints what matters."""
    from perspect.app import DceInputs, examine_dce
    from perspect.app.doctor import cores
    from perspect.app.settings import plan
    from perspect.dce import Plan
    from perspect.models.arterial import POPULATIONS

    options = {
        "model": model,
        "water": water,
        "delay": delay,
        "drop": drop or None,
        "r1": r1,
        "hct": hct,
        "arterial": aif if aif in POPULATIONS else None,
        "motion": False if no_motion else None,
    }
    given = Acquisition(te=te, flip_angle=None if flip_angle is None else radians(flip_angle), field=field)
    table = None if aif == OWN_INPUT or aif in POPULATIONS else Path(aif)
    inputs = DceInputs(series, given, times, _t1(t1), vfa, b1, mask, table, vein, lesion, tr)
    choices = plan(Plan, common.plan, options, common.set)
    threads = common.threads or cores()
    with watched(quiet=common.quiet) as progress:
        examined = examine_dce(inputs, out, choices, overwrite=common.overwrite, threads=threads, progress=progress)
    refused = refusals(examined.measured)
    if not common.quiet:
        first = f"Arterial input: {examined.measured.summary.get('arterial_origin')}."
        print(headline(examined.measured, first, verbose=common.verbose))
        print(f"Page: {examined.written.page}")
    elif refused:
        print("\n".join(f"perspect: {line(flag)}" for flag in refused), file=sys.stderr)
    return Refusal.exit_code if refused else 0


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
