"""`perspect ask`: one study, one question, one answer with what it hinges on."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from perspect.cli.common import NO_CHOICES, Common
from perspect.cli.progress import watched
from perspect.vocabulary import Refusal, Severity

QUESTION_HELP = (
    "grade, recurrence, recurrence-metastasis, abscess, lymphoma, metastasis-or-glioma, demyelination, idh; or "
    "measure: numbers only"
)


def ask(
    question: Annotated[str, Parameter(help=QUESTION_HELP)],
    study: Annotated[Path, Parameter(help="Folder of a subject: NIfTI images with sidecars, named as BIDS has it")],
    /,
    *,
    out: Annotated[Path, Parameter(help="Folder of the results")],
    lesion: Annotated[Path | None, Parameter(help="Mask or BraTS segmentation, on a conventional image")] = None,
    context: Annotated[Path | None, Parameter(help="TOML or JSON: treatment, drugs, age, what a reader saw")] = None,
    common: Common = NO_CHOICES,
) -> int:
    """Measures everything that is there, looks for traps, weighs, and writes the report."""
    from perspect import evidence
    from perspect.app import Request, examine
    from perspect.app.doctor import cores

    asked = None if question == "measure" else evidence.question(question)
    request = Request(study, out, asked, lesion, context, common.overwrite, common.threads or cores())
    with watched(quiet=common.quiet) as progress:
        found = examine(request, progress)
    answer = found.answer
    if not common.quiet:
        for flag in sorted((*found.dossier.traps, *found.dossier.flags), key=lambda one: -one.severity):
            if flag.severity >= Severity.LIMITED or common.verbose:
                print(f"{flag.severity.name}: {flag.sentence}")
        for one in found.dossier.findings:
            print(f"  {one.marker!s:<56}{_value(one.value, one.std)} {one.marker.unit}")
        if answer is not None:
            print(f"{answer.word.upper()}{': ' + answer.side_name if answer.side_name else ''}")
            print(answer.sentence)
        print(f"Page: {found.page}")
    elif answer is not None and answer.word.value == "refused":
        print(f"perspect: {answer.sentence}", file=sys.stderr)
    return Refusal.exit_code if answer is not None and answer.word.value == "refused" else 0


def _value(value: float, std: float) -> str:
    return f"{value:8.2f} ± {std:.2f}" if value == value else "   not known"
