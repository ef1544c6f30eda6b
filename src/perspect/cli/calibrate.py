"""`perspect calibrate`: a site's own cut-offs from patients whose outcome is known."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from perspect.cli.common import seed_of

COHORT_HELP = "Table (participant_id, outcome, a column for each marker), or a folder of results of perspect ask"


def calibrate(
    question: Annotated[str, Parameter(help="The question that the cut-offs are for")],
    cohort: Annotated[Path, Parameter(help=COHORT_HELP)],
    /,
    *,
    out: Annotated[Path, Parameter(help="File of the calibration (JSON), for perspect ask --calibration")],
    outcomes: Annotated[Path | None, Parameter(help="Table of outcomes, where the cohort is a folder")] = None,
    site: Annotated[str, Parameter(help="How the site is named on the page")] = "this site",
    seed: Annotated[int, seed_of("Of the resampling")] = 0,
    overwrite: Annotated[bool, Parameter(help="Replace a former calibration")] = False,
    quiet: Annotated[bool, Parameter(help="Print nothing but errors")] = False,
    debug: Annotated[bool, Parameter(help="Show the traceback of an error")] = False,
) -> int:
    """Finds where each marker parts the outcomes, how surely, and how well that holds in patients left out."""
    del debug
    from perspect import evidence
    from perspect.app import calibrate as app

    found = app.calibrate_cohort(
        evidence.question(question), cohort, out, outcomes=outcomes, site=site, overwrite=overwrite, seed=seed
    )  # fmt: skip
    if not quiet:
        print(app.table(found))
        print(f"Calibration: {out}")
    return 0
