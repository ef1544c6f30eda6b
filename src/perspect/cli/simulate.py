"""`perspect simulate`: virtual patients with a known truth."""

from pathlib import Path
from typing import Annotated, Final

from cyclopts import Parameter

from perspect.cli.common import THREADS, seed_of
from perspect.cli.progress import watched

SCENARIO: Final = (
    "What the patient has: high-grade-glioma, low-grade-glioma, oligodendroglioma, recurrence, radiation-necrosis, "
    "mixture, abscess, metastasis, lymphoma or demyelination"
)


def simulate(
    out: Annotated[Path, Parameter(help="Folder of the data set; patients with other seeds may be there already")],
    /,
    *,
    scenario: Annotated[str, Parameter(help=SCENARIO)] = "high-grade-glioma",
    trap: Annotated[
        tuple[str, ...],
        Parameter(help="What goes wrong, one or more; a wrong name lists them", consume_multiple=True),
    ] = (),
    seed: Annotated[int, seed_of("Which patient: the same seed, the same bytes")] = 1,
    dsc: Annotated[str, Parameter(help="DSC protocol: preload, low-flip, two-echoes, limited or bad")] = "preload",
    asl: Annotated[str, Parameter(help="ASL protocol: single, multi or pulsed")] = "single",
    mrs: Annotated[
        str,
        Parameter(help="MRS protocol: usual, 2hg, small-box, slice or epsi"),
    ] = "usual",
    as_: Annotated[str, Parameter(name="--as", help="bids, which every command reads")] = "bids",
    threads: Annotated[int | None, THREADS] = None,
    overwrite: Annotated[bool, Parameter(help="Replace the patient if there is one")] = False,
    quiet: Annotated[bool, Parameter(help="Print nothing but errors")] = False,
    debug: Annotated[bool, Parameter(help="Show the traceback of an error")] = False,
) -> int:
    """Makes a patient, scans, writes, and says where things are."""
    del debug
    from perspect.app import simulate as app
    from perspect.app.doctor import cores

    app.demand_format(as_)
    asked = app.simulation_of(scenario, trap, seed, dsc, asl, mrs)
    with watched(quiet=quiet) as progress:
        made = app.simulate(out, asked, overwrite=overwrite, threads=threads or cores(), progress=progress)
    if not quiet:
        print(f"{asked.scenario.title}, seed {seed}: {out / made.subject}")
        for one in asked.traps:
            print(f"Trap: {one.name}. {one.sentence}")
        print(f"Truth: {made.truth}")
    return 0
