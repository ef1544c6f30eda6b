"""`perspect ask`: one study, one question, one answer with what it hinges on."""

import sys
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from perspect.cli.common import NO_CHOICES, NOTHING_FOUND, Common, OfTheHead
from perspect.cli.progress import watched
from perspect.vocabulary import Refusal, Severity

if TYPE_CHECKING:
    from perspect.app import Examination
    from perspect.vocabulary import Finding

Box = tuple[float, float, float, float, float, float]

QUESTION_HELP = (
    "grade, recurrence, recurrence-metastasis, abscess, lymphoma, metastasis-or-glioma, demyelination, idh; or "
    "measure: numbers only"
)

STUDY_HELP = "Folder of one examination: BIDS, NIfTI images with sidecars under other names, or DICOM"
RoleMap = Annotated[
    Path | None, Parameter(help="TOML: which image is what, where names do not say it; else roles.toml of the folder")
]


def ask(
    question: Annotated[str, Parameter(help=QUESTION_HELP)],
    study: Annotated[Path, Parameter(help=STUDY_HELP)],
    /,
    *,
    out: Annotated[Path, Parameter(help="Folder of the results")],
    lesion: Annotated[Path | None, Parameter(help="Mask or BraTS segmentation, on a conventional image")] = None,
    box: Annotated[Box | None, Parameter(help="In place of a mask: mm from-to right, front, top; grown there")] = None,
    prior: Annotated[Path | None, Parameter(help="Findings of an earlier study (_findings.json)")] = None,
    context: Annotated[Path | None, Parameter(help="TOML or JSON: treatment, drugs, age, what a reader saw")] = None,
    calibration: Annotated[Path | None, Parameter(help="This site's cut-offs, from perspect calibrate")] = None,
    roles: RoleMap = None,
    head: OfTheHead = NOTHING_FOUND,
    common: Common = NO_CHOICES,
) -> int:
    """Measures everything that is there, looks for traps, weighs, and writes the report."""
    from perspect import evidence
    from perspect.app import Request, examine
    from perspect.app.doctor import cores
    from perspect.app.given_files import GivenAnatomy
    from perspect.app.settings import plans

    asked = None if question == "measure" else evidence.question(question)
    request = Request(
        study, out, asked, lesion, context, common.overwrite, common.threads or cores(), box, prior, calibration,
        GivenAnatomy(head.brain_mask, head.gm, head.wm, head.csf), plans(common.plan, common.set, common.seed), roles,
    )  # fmt: skip
    with watched(quiet=common.quiet) as progress:
        found = examine(request, progress)
    if not common.quiet:
        print(said(found, verbose=common.verbose))
    elif is_refused(found):
        print(f"perspect: {found.answer.sentence if found.answer else ''}", file=sys.stderr)
    return Refusal.exit_code if is_refused(found) else 0


def is_refused(found: "Examination") -> bool:
    """Whether nothing may be concluded."""
    return found.answer is not None and found.answer.word.value == "refused"


def said(found: "Examination", *, verbose: bool = False) -> str:
    """What a person must know at once: what spoils it, the numbers, the answer, the page."""
    least = Severity.NOTE if verbose else Severity.LIMITED
    flags = sorted((*found.dossier.traps, *found.dossier.flags), key=lambda one: -one.severity)
    lines = [f"{flag.severity.name}: {flag.sentence}" for flag in flags if flag.severity >= least]
    lines += [f"  {one.marker!s:<60}{_value(one)} {one.marker.unit}" for one in found.dossier.findings]
    lines += [one.sentence for one in found.dossier.changes]
    answer = found.answer
    if answer is not None:
        lines += [f"{answer.word.upper()}{': ' + answer.side_name if answer.side_name else ''}", answer.sentence]
    return "\n".join([*lines, f"Page: {found.page}"])


def _value(one: "Finding") -> str:
    if not isfinite(one.value):
        return "   not known"
    return f"  > {one.value:.2f}" if one.above else f"{one.value:8.2f} ± {one.std:.2f}"
