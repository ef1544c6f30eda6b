"""What a study can be used for, told from names, or from the headers of DICOM: seconds, before anything is computed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perspect import evidence, io
from perspect.app.record import read_with
from perspect.evidence.case import FACTS, Condition
from perspect.vocabulary import Severity, marker

USES: Final = {
    "dsc": "blood volume, leakage, flow (perspect dsc)",
    "dce": "leakage (perspect dce)",
    "asl": "blood flow without agent (perspect asl)",
    "adc": "diffusion of the solid part and of a cavity",
    "mrs": "metabolites (perspect mrs)",
    "mrsi": "metabolite maps; choline over NAA where there is no single voxel",
    "t2star": "blood and calcium in the lesion",
    "t1w": "tissue classes, what enhances, where things are",
    "t1c": "what enhances",
    "t2w": "tissue classes",
    "flair": "tissue classes",
}

ANATOMY: Final = frozenset({"t1w", "t1c", "t2w", "flair"})

BESIDE: Final = {
    "vfa": "T1 before the bolus of DCE", "tb1map": "the flip angle that DCE reached", "m0scan": "what ASL is scaled by",
    "aslcontext": "what each volume of ASL shows", "mrsref": "water of the spectrum",
}  # fmt: skip
"""What is read with a series."""

BY_CONTEXT: Final = {
    "adult": "adult", "treated": "treated", "antiangiogenic": "antiangiogenic", "steroids": "steroids",
    "gadolinium_before_mrs": "gadolinium_before_mrs",
    "radiotherapy_days": "radiotherapy_days, or radiotherapy_end and study_date",
}  # fmt: skip
"""Facts that only the context can say, as it calls them; the others come from the images."""

MODALITIES: Final = {"dwi": "adc", "dsc": "dsc", "mrs": "mrs", "dce": "dce", "asl": "asl"}
"""The role of the series that a modality is read from."""


def checked(study: Path, question: str | None, roles: Path | None = None) -> Iterator[str]:
    """Line by line: what is there, what is not used and why, and what a question would still need.

    `roles` is a role map, where names do not say what an image is.
    """
    found = io.assigned(study, roles)
    there, said = _named(found) if isinstance(found, io.Roles) else _given(found)
    yield from said
    if not there & ANATOMY:
        yield "missing: a conventional image (T1w, T1c, T2w or FLAIR); without one nothing can be placed."
    if question is None:
        return
    asked = evidence.question(question)
    yield f"{asked.asks}"
    for key, why in asked.mandatory:
        if MODALITIES[marker(key).measured_by] not in there:
            yield f"missing: {why}"
    families = {
        use.family: {evidence.marker_of(name).measured_by for name in use.rows if evidence.row(name).may_feed}
        for use in asked.uses
    }
    for family, modalities in families.items():
        at_hand = sorted(one for one in modalities if MODALITIES.get(one, one) in there)
        modalities = {"a sign that a reader sees" if one == "reader" else one for one in modalities}
        if not modalities:
            yield f"{family}: no published row of it may feed a verdict; shown as context only."
        elif at_hand:
            yield f"{family}: from {', '.join(MODALITIES.get(one, one) for one in at_hand)}."
        else:
            yield f"{family}: nothing here; it would need {' or '.join(sorted(modalities))}."
    yield from _on_record(asked)


def _named(roles: io.Roles) -> tuple[set[str], list[str]]:
    """The roles that are there by BIDS names, and what is said of each image."""
    some = (*roles.series.items(), *((one, (path,)) for one, path in roles.anatomy.items()))
    lines = [f"{role:<7}{', '.join(path.name for path in paths)}: {USES[role]}" for role, paths in some]
    for name, why in roles.unused.items():
        role, said = read_with(name)
        lines.append(f"{'beside' if role in roles.series else '–':<7}{name}: {said if role in roles.series else why}")
    return {role for role, _ in some}, lines


def _given(found: io.Assigned) -> tuple[set[str], list[str]]:
    """The same by a role map, by other names, or by headers of DICOM; last what is unclear."""
    lines = []
    for role in (one for one in (*USES, *BESIDE) if one in found.sources):
        names = ", ".join(found.called(one) for one in found.sources[role])
        if role in USES:
            lines.append(f"{role:<7}{names}: {USES[role]}")
        else:
            lines.append(f"beside {names}: {BESIDE[role]}")
    lines += [f"{'–':<7}{name}: {why}" for name, why in found.unused.items()]
    return set(found.sources), [*lines, *(f"unclear: {one}" for one in found.unclear)]


def _on_record(asked: evidence.Question) -> Iterator[str]:
    """What the context must say, as it is written there, and what happens without."""
    for words, is_refused in (
        ("without it the question is refused", True),
        ("without it no answer is more than a lean", False),
    ):
        needs = [one.condition for one in asked.needs if (one.severity >= Severity.REFUSED) is is_refused]
        said = dict.fromkeys(_line(one) for one in needs if one.fact in BY_CONTEXT)
        if said:
            yield f"to be on record (--context), {words}: {'; '.join(said)}."


def _line(condition: Condition) -> str:
    """A line of the context that a condition asks for, with what it means."""
    name, meaning = BY_CONTEXT[condition.fact], FACTS[condition.fact]
    if isinstance(condition.equals, bool):
        return f"{name} = {str(condition.equals).lower()} ({'' if condition.equals else 'not: '}{meaning})"
    least = f", {condition.low:g} or more" if condition.low > 0 else ""
    return f"{name} ({meaning}{least})"
