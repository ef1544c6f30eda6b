"""`perspect demo`: a virtual patient, measured, beside the truth."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from perspect.cli.dsc import reference_line
from perspect.cli.progress import watched
from perspect.cli.said import headline
from perspect.cli.simulate import SCENARIO
from perspect.vocabulary import Refusal, Severity


def demo(
    *,
    scenario: Annotated[str, Parameter(help=SCENARIO)] = "high-grade-glioma",
    out: Annotated[Path, Parameter(help="Folder of the patient and the results")] = Path("perspect-demo"),
    seed: Annotated[int, Parameter(help="Which patient", validator=Number(gte=0))] = 1,
    threads: Annotated[int | None, Parameter(help="How many threads; else all cores", validator=Number(gte=1))] = None,
    overwrite: Annotated[bool, Parameter(help="Replace a former demonstration")] = False,
    quiet: Annotated[bool, Parameter(help="Print nothing but errors")] = False,
    debug: Annotated[bool, Parameter(help="Show the traceback of an error")] = False,
) -> int:
    """Simulates, measures, compares. It asks no clinical question yet: that comes with `perspect ask`."""
    del debug
    from perspect.app import demo as app
    from perspect.app.doctor import cores

    with watched(quiet=quiet) as progress:
        shown = app.demonstrate(
            out, scenario, seed, overwrite=overwrite, threads=threads or cores(), progress=progress
        )  # fmt: skip
    if not quiet:
        print(headline(shown.measured, reference_line(shown.measured)))
        print(app.table(shown))
        print(f"Page: {shown.page}")
        print(f"Patient and truth: {shown.dataset}")
    is_refused = any(flag.severity == Severity.REFUSED for flag in shown.measured.flags)
    return Refusal.exit_code if is_refused else 0
