"""`perspect dsc`: maps from a DSC series."""

import sys
from math import radians
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from perspect.cli.common import NO_CHOICES, NOTHING_FOUND, Common, OfTheHead
from perspect.cli.progress import watched
from perspect.cli.said import headline, line, refusals
from perspect.vocabulary import Acquisition, Measured, Refusal


def dsc(
    series: Annotated[Path, Parameter(help="4-D NIfTI or MATLAB file, or a folder with one *_dsc.nii.gz")],
    series2: Annotated[Path | None, Parameter(help="The second echo, where it is a file of its own")] = None,
    /,
    *,
    out: Annotated[Path, Parameter(help="Folder of the results")],
    te: Annotated[tuple[float, ...], Parameter(help="Echo time in s; two for two files, or one of five axes")] = (),
    tr: Annotated[float | None, Parameter(help="Repetition time in s; else from the sidecar")] = None,
    flip_angle: Annotated[float | None, Parameter(help="Flip angle in degrees; else from the sidecar")] = None,
    field: Annotated[float | None, Parameter(help="Field strength in T; else from the sidecar")] = None,
    preload: Annotated[Literal["yes", "no"] | None, Parameter(help="Whether agent was given before the bolus")] = None,
    times: Annotated[Path | None, Parameter(help="Table with the time of every volume in s")] = None,
    mask: Annotated[Path | None, Parameter(help="Mask of the brain; else it is found")] = None,
    reference: Annotated[Path | None, Parameter(help="Mask of normal-appearing white matter; else it is found")] = None,
    aif: Annotated[str, Parameter(help="Arterial input: auto (the default), a mask, or a table (TSV)")] = "auto",
    leakage: Annotated[str | None, Parameter(help="auto, bsw, leu or none")] = None,
    deconvolution: Annotated[str | None, Parameter(help="osvd, csvd, ssvd, tikhonov or none")] = None,
    t1w: Annotated[Path | None, Parameter(help="T1-weighted image; else that of SERIES if it is a folder")] = None,
    t1c: Annotated[Path | None, Parameter(help="T1-weighted image after agent; else that of the folder")] = None,
    t2w: Annotated[Path | None, Parameter(help="T2-weighted image; else that of the folder")] = None,
    flair: Annotated[Path | None, Parameter(help="FLAIR image; else that of the folder")] = None,
    lesion: Annotated[Path | None, Parameter(help="Mask of the lesion, on the grid of any of these images")] = None,
    ktrans: Annotated[Path | None, Parameter(help="Map of Ktrans in /min, as perspect dce writes it")] = None,
    t1: Annotated[Path | None, Parameter(help="Map of T1 in s at the time of the bolus")] = None,
    delta_t1: Annotated[Path | None, Parameter(help="Map of what agent has taken from that T1 (s) by then")] = None,
    no_anatomy: Annotated[bool, Parameter(help="Do without conventional images")] = False,
    no_motion: Annotated[bool, Parameter(help="Do not align the volumes")] = False,
    head: OfTheHead = NOTHING_FOUND,
    common: Common = NO_CHOICES,
) -> int:
    """Measures, writes, and prints what matters."""
    from perspect.app import Inputs, examine_dsc
    from perspect.app.doctor import cores
    from perspect.app.given_files import GivenAnatomy
    from perspect.app.settings import plan
    from perspect.dsc import Plan

    options = {
        "leakage": leakage,
        "deconvolution": deconvolution,
        "motion": False if no_motion else None,
        "seed": common.seed,
    }
    given = Acquisition(
        tr=tr,
        flip_angle=None if flip_angle is None else radians(flip_angle),
        field=field,
        has_preload=None if preload is None else preload == "yes",
    )
    files = (series,) if series2 is None else (series, series2)
    shown = {"t1w": t1w, "t1c": t1c, "t2w": t2w, "flair": flair}
    images = {contrast: path for contrast, path in shown.items() if path is not None}
    anatomy = {} if no_anatomy else images or None
    tissue = GivenAnatomy(head.brain_mask, head.gm, head.wm, head.csf)
    artery = None if aif == "auto" else Path(aif)
    inputs = Inputs(files, given, te, times, mask, reference, artery, anatomy, lesion, tissue, ktrans, t1, delta_t1)
    choices = plan(Plan, common.plan, options, common.set)
    threads = common.threads or cores()
    with watched(quiet=common.quiet) as progress:
        examined = examine_dsc(inputs, out, choices, overwrite=common.overwrite, threads=threads, progress=progress)
    refused = refusals(examined.measured)
    if not common.quiet:
        print(headline(examined.measured, reference_line(examined.measured), verbose=common.verbose))
        print(f"Page: {examined.written.page}")
    elif refused:
        print("\n".join(f"perspect: {line(flag)}" for flag in refused), file=sys.stderr)
    return Refusal.exit_code if refused else 0


def reference_line(measured: Measured) -> str:
    """What rCBV is relative to."""
    if "reference" not in measured.regions:
        return "rCBV has no reference."
    region = measured.regions["reference"]
    return f"rCBV relative to {region.name}, {region.n_voxels} voxels ({region.origin or 'given'})."
