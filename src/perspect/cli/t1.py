"""`perspect t1`: T1 before agent, from flip angles, inversions, or both."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from perspect.cli.common import NO_CHOICES, Common, whole
from perspect.cli.said import headline
from perspect.vocabulary import Problem


def t1(
    images: Annotated[
        list[Path], Parameter(help="Images, one for each flip angle or inversion time; or folders of DICOM")
    ],
    /,
    *,
    out: Annotated[Path, Parameter(help="Folder of the results")],
    flip_angles: Annotated[
        tuple[float, ...], Parameter(help="In degrees, in the order of the images; else from the sidecars")
    ] = (),
    inversion_times: Annotated[
        tuple[float, ...], Parameter(help="In s, in the order of the images; nan: not inverted")
    ] = (),
    tr: Annotated[float | None, Parameter(help="Time between excitations in s; else from the sidecars")] = None,
    b1: Annotated[Path | None, Parameter(help="True over nominal flip angle (or per cent)")] = None,
    mask: Annotated[Path | None, Parameter(help="Mask of what is measured; else all that has signal")] = None,
    method: Annotated[
        Literal["nonlinear", "weighted", "linear"], Parameter(help="Of the fit of flip angles")
    ] = "nonlinear",
    look_locker: Annotated[bool, Parameter(help="The inversion times are of one recovery under pulses")] = False,
    pulses: Annotated[
        int, Parameter(help="Excitations after each inversion, where flip angles differ too", converter=whole)
    ] = 1,
    pause: Annotated[float, Parameter(help="From their end to the next inversion, in s")] = 0.0,
    centre: Annotated[float, Parameter(help="Where among them the centre of k-space is (0 to 1)")] = 0.5,
    common: Common = NO_CHOICES,
) -> int:
    """Measures, writes, and prints what matters."""
    from perspect.app import T1Inputs, measure_t1
    from perspect.app.doctor import cores

    unread = {"--set": common.set[0] if common.set else None, "--plan": common.plan, "--seed": common.seed}
    for option, given in unread.items():
        if given is None:
            continue
        raise Problem(
            f"{option} {given}: T1 is measured without a plan.",
            "The choice would be ignored.",
            "Leave it out; what may be chosen are the options of `perspect t1 --help`.",
        )
    inputs = T1Inputs(
        tuple(images), flip_angles, inversion_times, tr, b1, mask, method, look_locker, pulses, pause, centre
    )
    found = measure_t1(inputs, out, overwrite=common.overwrite, threads=common.threads or cores())
    if not common.quiet:
        first = f"Median T1: {found.measured.summary['t1_median']:.2f} s."
        print(headline(found.measured, first, verbose=common.verbose))
        print(f"Page: {found.written.page}")
    return 0
