"""`perspect basis`: a basis set for a sequence."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from perspect.cli.common import THREADS, whole
from perspect.vocabulary import Problem


def basis(
    *,
    out: Annotated[Path, Parameter(help="File to write: .basis (LCModel) or .nii.gz (NIfTI-MRS)")],
    te: Annotated[float | None, Parameter(help="Echo time in s; of fid the delay to the first point")] = None,
    sequence: Annotated[
        Literal["press", "steam", "slaser", "fid", "mega-press"], Parameter(help="The sequence")
    ] = "press",
    te1: Annotated[float | None, Parameter(help="First echo of press or slaser in s")] = None,
    te2: Annotated[float | None, Parameter(help="Second echo of press or slaser in s")] = None,
    tm: Annotated[float | None, Parameter(help="Mixing time of steam in s")] = None,
    field: Annotated[float, Parameter(help="Field strength in T", validator=Number(gt=0))] = 3.0,
    bandwidth: Annotated[float, Parameter(help="Spectral width in Hz", validator=Number(gt=0))] = 2000.0,
    points: Annotated[int, Parameter(help="Number of points", converter=whole, validator=Number(gte=64))] = 2048,
    pulses: Annotated[str, Parameter(help="ideal, or the file of the refocusing pulse (.pta)")] = "ideal",
    edit: Annotated[tuple[float, float] | None, Parameter(help="ppm from-to that pulses of mega-press turn")] = None,
    part: Annotated[
        Literal["difference", "on", "off"], Parameter(help="Of mega-press: edited less unedited, or one of them")
    ] = "difference",
    pulse_duration: Annotated[float | None, Parameter(help="Duration of that pulse in s")] = None,
    metabolites: Annotated[
        tuple[str, ...], Parameter(help="Which molecules; else all that are fitted", consume_multiple=True)
    ] = (),
    threads: Annotated[int | None, THREADS] = None,
    overwrite: Annotated[bool, Parameter(help="Replace the file if it is there")] = False,
    quiet: Annotated[bool, Parameter(help="Print nothing but errors")] = False,
    debug: Annotated[bool, Parameter(help="Show the traceback of an error")] = False,
) -> int:
    """Simulates, writes, and says what it wrote."""
    del debug
    from perspect.app.basis import Timing, write_basis
    from perspect.app.doctor import cores

    if te is None and sequence != "fid":
        raise Problem(
            f"No echo time is given for {sequence}.", "Coupled lines turn with it.", "Give --te in s, as in --te 0.030."
        )
    pulse = None if pulses == "ideal" else Path(pulses)
    timing = Timing(sequence, te or 0.0, te1, te2, tm, pulse, pulse_duration, edit)
    made = write_basis(
        out, timing, field, bandwidth, points, metabolites, part=part, overwrite=overwrite, threads=threads or cores()
    )
    if not quiet:
        print(f"{len(made.names)} molecule{'s' if len(made.names) > 1 else ''}, {made.origin}: {' '.join(made.names)}")
        print(f"Basis: {out}")
    return 0
