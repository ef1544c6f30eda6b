"""`perspect asl`: flow, transit time and arterial volume from a labelled series."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from perspect.cli.common import NO_CHOICES, Common
from perspect.cli.progress import watched
from perspect.cli.said import headline, refusals
from perspect.vocabulary import Acquisition, Measured, Problem, Refusal


def asl(
    series: Annotated[Path, Parameter(help="NIfTI file, or a folder with one *_asl.nii.gz")],
    /,
    *,
    out: Annotated[Path, Parameter(help="Folder of the results")],
    type: Annotated[Literal["pcasl", "casl", "pasl"] | None, Parameter(help="How blood was labelled")] = None,
    pld: Annotated[tuple[str, ...], Parameter(help="Delays in s (PASL: TI): S[,S...]")] = (),
    tau: Annotated[tuple[str, ...], Parameter(help="Labelling durations in s: S[,S...]")] = (),
    ti1: Annotated[float | None, Parameter(help="When the bolus of PASL is cut off, in s")] = None,
    order: Annotated[str | None, Parameter(help="control-label, label-control, deltam or cbf")] = None,
    encoding: Annotated[str | None, Parameter(help="hadamard-4, -8, -12, walsh-4, -8, or a table of +1, -1")] = None,
    m0: Annotated[Path | None, Parameter(help="M0 image; else the one beside the series")] = None,
    no_m0: Annotated[bool, Parameter(help="Do without M0 image: from controls, or relative flow")] = False,
    tr: Annotated[float | None, Parameter(help="Time between volumes in s; else from the sidecar")] = None,
    field: Annotated[float | None, Parameter(help="Field strength in T; else from the sidecar")] = None,
    mask: Annotated[Path | None, Parameter(help="Mask of the brain; else it is found")] = None,
    brain_mask: Annotated[Path | None, Parameter(help="Mask of the brain on a conventional image")] = None,
    lesion: Annotated[Path | None, Parameter(help="Mask of the lesion")] = None,
    gm: Annotated[Path | None, Parameter(help="Map of grey matter (0 to 1)")] = None,
    wm: Annotated[Path | None, Parameter(help="Map of white matter (0 to 1)")] = None,
    csf: Annotated[Path | None, Parameter(help="Map of fluid (0 to 1)")] = None,
    t1_map: Annotated[Path | None, Parameter(help="Map of T1 in s, for asl.kinetics=tissue")] = None,
    att_map: Annotated[Path | None, Parameter(help="Transit times in s of another scan, for one delay")] = None,
    t1w: Annotated[Path | None, Parameter(help="T1-weighted image; else that of the folder")] = None,
    no_anatomy: Annotated[bool, Parameter(help="Do without conventional images")] = False,
    kinetics: Annotated[str | None, Parameter(help="blood, t1app or tissue")] = None,
    no_motion: Annotated[bool, Parameter(help="Do not align the volumes")] = False,
    common: Common = NO_CHOICES,
) -> int:
    """Measures, writes, and prints what matters."""
    from perspect.app import AslInputs, examine_asl
    from perspect.app.doctor import cores
    from perspect.app.settings import plan
    from perspect.asl import Plan
    from perspect.io import ENCODINGS, GivenLabelling

    options = {"kinetics": kinetics, "motion": False if no_motion else None, "seed": common.seed}
    if t1w is not None and no_anatomy:
        raise Problem(
            f"{t1w.name} is given with --t1w, and --no-anatomy says to do without conventional images.",
            "It would be read by nobody.",
            "Leave one of the two out.",
        )
    name = encoding.lower() if encoding is not None and encoding.lower() in ENCODINGS else ""
    rows = () if encoding is None or name else encoding_of(Path(encoding))
    given = GivenLabelling(type, times_of(pld, "--pld"), times_of(tau, "--tau"), ti1, order, rows, name)
    inputs = AslInputs(
        series, given, Acquisition(tr=tr, field=field), m0, not no_m0, mask, lesion, gm, wm, csf, t1_map, att_map,
        {} if no_anatomy else ({"t1w": t1w} if t1w is not None else None), brain_mask,
    )  # fmt: skip
    choices = plan(Plan, common.plan, options, common.set)
    threads = common.threads or cores()
    with watched(quiet=common.quiet) as progress:
        examined = examine_asl(inputs, out, choices, overwrite=common.overwrite, threads=threads, progress=progress)
    if not common.quiet:
        print(headline(examined.measured, summary_line(examined.measured), verbose=common.verbose))
        print(f"Page: {examined.written.page}")
    return Refusal.exit_code if refusals(examined.measured) else 0


def times_of(words: tuple[str, ...], option: str) -> tuple[float, ...]:
    """Times in s parted by commas, blanks or both.

    >>> times_of(("0.5,1.0", "1.5"), "--pld")
    (0.5, 1.0, 1.5)
    """
    listed = [one for word in words for one in word.replace(",", " ").split()]
    try:
        times = tuple(float(one) for one in listed)
    except ValueError as error:
        raise Problem(
            f"{option} is {' '.join(words)}.", "It must be times in s.", f"Give numbers, as in {option} 0.5,1.0,1.5."
        ) from error
    if words and not times:
        raise Problem(
            f"{option} holds no time.", "It would be read by nobody.", f"Give it in s, or leave {option} out."
        )
    return times


def encoding_of(path: Path) -> tuple[tuple[float, ...], ...]:
    """The rows of a matrix: numbers parted by blanks, tabs or commas."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        rows = tuple(tuple(float(one) for one in line.replace(",", " ").split()) for line in lines if line.strip())
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise Problem(
            f"{path} is no table of numbers ({error}).",
            "It is not known which blocks of labelling each volume holds.",
            "Give a name (hadamard-4, -8, -12, walsh-4, -8), or a table with a row for each encoding, +1 (control) or "
            "-1 (label) for each block.",
        ) from error
    if len({len(row) for row in rows}) != 1:
        raise Problem(
            f"The rows of {path.name} differ in length, or there is none.",
            "Every volume holds every block of labelling, as label or as control.",
            "Give a row for each encoding, +1 (control) or -1 (label) for each block.",
        )
    return rows


def summary_line(measured: Measured) -> str:
    """Flow of the brain or of grey matter in a sentence."""
    summary = measured.summary
    for key, words in (("mean_flow_grey", "grey matter"), ("mean_flow_brain", "the brain")):
        if key in summary:
            return f"Mean flow of {words}: {6000.0 * summary[key]:.0f} mL/100 g/min."
    if "relcbf" in measured.maps:
        return "Flow is relative."
    if any(flag.code == "vendor-flow" for flag in measured.flags):
        return "Flow as the scanner made it."
    return "Too few voxels have a flow for a mean of it."
