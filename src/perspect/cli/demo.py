"""`perspect demo`: a virtual patient, measured, beside the truth."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from perspect.cli.ask import is_refused, said
from perspect.cli.common import THREADS, seed_of
from perspect.cli.progress import watched
from perspect.cli.simulate import SCENARIO
from perspect.vocabulary import Refusal


def demo(
    *,
    scenario: Annotated[str, Parameter(help=SCENARIO)] = "high-grade-glioma",
    out: Annotated[Path, Parameter(help="Folder of the patient and the results")] = Path("perspect-demo"),
    seed: Annotated[int, seed_of("Which patient")] = 1,
    threads: Annotated[int | None, THREADS] = None,
    overwrite: Annotated[bool, Parameter(help="Replace a former demonstration")] = False,
    quiet: Annotated[bool, Parameter(help="Print nothing but errors")] = False,
    debug: Annotated[bool, Parameter(help="Show the traceback of an error")] = False,
) -> int:
    """Simulates, asks the question that the scenario is for, and lays the truth beside the answer."""
    del debug
    from perspect.app import demo as app
    from perspect.app.doctor import cores

    with watched(quiet=quiet) as progress:
        shown = app.demonstrate(
            out, scenario, seed, overwrite=overwrite, threads=threads or cores(), progress=progress
        )  # fmt: skip
    if not quiet:
        print(said(shown.examination))
        print(app.table(shown))
        print(f"Truth: {shown.truth}")
        print(f"Patient: {shown.dataset}")
    return Refusal.exit_code if is_refused(shown.examination) else 0
