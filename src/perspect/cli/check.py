"""`perspect check`: what a study holds, and what is missing for a question; reads names, and headers of DICOM."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from perspect.cli.ask import QUESTION_HELP, STUDY_HELP, RoleMap


def check(
    study: Annotated[Path, Parameter(help=STUDY_HELP)],
    question: Annotated[str | None, Parameter(help=QUESTION_HELP)] = None,
    /,
    *,
    roles: RoleMap = None,
    debug: Annotated[bool, Parameter(help="Show the traceback of an error")] = False,
) -> int:
    """Says the role of every image, and for a question what it would need."""
    del debug
    from perspect.app.check import checked

    for line in checked(study, None if question in (None, "measure") else question, roles):
        print(line)
    return 0
