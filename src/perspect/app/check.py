"""What a study can be used for, told from the names of its files alone: seconds, before anything is computed."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from perspect import evidence, io
from perspect.evidence.case import FACTS
from perspect.vocabulary import marker

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

BY_CONTEXT: Final = ("adult", "treated", "radiotherapy_days", "antiangiogenic", "steroids", "gadolinium_before_mrs")
"""Facts that only the context can say; the others come from the images."""

MODALITIES: Final = {"dwi": "adc", "dsc": "dsc", "mrs": "mrs", "dce": "dce", "asl": "asl"}
"""The role of the series that a modality is read from."""


def checked(study: Path, question: str | None) -> Iterator[str]:
    """Line by line: what is there, what is not used and why, and what a question would still need."""
    roles = io.find_roles(study)
    for role, paths in (*roles.series.items(), *((one, (path,)) for one, path in roles.anatomy.items())):
        yield f"{role:<7}{', '.join(path.name for path in paths)}: {USES[role]}"
    for name, why in roles.unused.items():
        yield f"–      {name}: {why}"
    if not roles.anatomy:
        yield "missing: a conventional image (T1w, T1c, T2w or FLAIR); without one nothing can be placed."
    if question is None:
        return
    asked = evidence.question(question)
    yield f"{asked.asks}"
    for key, why in asked.mandatory:
        if MODALITIES[marker(key).measured_by] not in roles.series:
            yield f"missing: {why}"
    families = {
        use.family: {evidence.marker_of(name).measured_by for name in use.rows if evidence.row(name).may_feed}
        for use in asked.uses
    }
    for family, modalities in families.items():
        there = sorted(one for one in modalities if MODALITIES.get(one, one) in roles.series)
        modalities = {"a sign that a reader sees" if one == "reader" else one for one in modalities}
        if not modalities:
            yield f"{family}: no published row of it may feed a verdict; shown as context only."
        elif there:
            yield f"{family}: from {', '.join(there)}."
        else:
            yield f"{family}: nothing here; it would need {' or '.join(sorted(modalities))}."
    facts = dict.fromkeys(FACTS[one.condition.fact] for one in asked.needs if one.condition.fact in BY_CONTEXT)
    if facts:
        yield f"must be on record (--context): {'; '.join(facts)}."
