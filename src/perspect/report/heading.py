"""What stands above an answer: by what it was made, which lesion, what is on record of its treatment."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from perspect.evidence import table_version
from perspect.evidence.case import OF_PIPELINE
from perspect.report import words
from perspect.report.dossier import Dossier

STATE: Final = "preliminary, not verified by anyone"
"""What every answer is until a person has read it."""

TREATMENT: Final = (
    ("treated", "treated", "not treated before"),
    ("radiotherapy_days", "radiotherapy ended {:.0f} days before", ""),
    ("antiangiogenic", "drug against vessel growth given", "no drug against vessel growth"),
    ("steroids", "steroids given", "no steroids"),
    ("gadolinium_before_mrs", "agent given before spectroscopy", "no agent before spectroscopy"),
)
"""Facts of the context, with what is said where they hold and where they do not."""

ONLY_TREATED: Final = frozenset({"radiotherapy_days", "antiangiogenic"})
"""Facts that are asked of treated lesions."""

NEAR_MIDLINE: Final = 10.0
"""mm to the side of the scanner's centre below which no side is said [our default]."""

VERDICTS: Final[Mapping[str, str]] = {
    "good": "diagnostic", "recommended": "diagnostic", "acceptable": "diagnostic",
    "usable with caution": "diagnostic, with cautions", "limited": "limited",
    "not to be interpreted": "non-diagnostic", "unreliable": "non-diagnostic",
}  # fmt: skip
"""Words of a room for its series, as the three of RadLex (RID12 diagnostic, RID13 limited, RID14 non-diagnostic)."""


@dataclass(frozen=True)
class Heading:
    """Lines in words."""

    made_by: str
    lesion: str
    treatment: str
    prior: str


def heading(dossier: Dossier) -> Heading:
    """What a reader must know before the answer."""
    made = f"perspect {dossier.version} · pipeline {pipeline(dossier)} · evidence {table_version()} · {STATE}"
    return Heading(made, _lesion(dossier), _treatment(dossier.case.facts), _prior(dossier))


def pipeline(dossier: Dossier) -> str:
    """What the version and all choices of the analysis come down to: alike pipelines, alike words."""
    facts = {key: one for key, one in sorted(dossier.case.facts.items()) if key in OF_PIPELINE}
    return sha256(repr(facts).encode()).hexdigest()[:8]


def protocol_facts(dossier: Dossier) -> dict[str, Any]:
    """What is on record but for what the heading says."""
    said = {name for name, _, _ in TREATMENT} | OF_PIPELINE
    return {key: one for key, one in dossier.case.facts.items() if key not in said}


def quality_words(dossier: Dossier) -> dict[str, str]:
    """The verdict on each series by its role, with the reason."""
    return {
        role: ": ".join(part for part in (VERDICTS.get(one.reliability, one.reliability), one.reason) if part)
        for role, one in dossier.quality.items()
        if one.reliability != "not assessed"
    }


def _lesion(dossier: Dossier) -> str:
    """How large it is and where."""
    known = {one.name: one for one in dossier.regions}
    sizes = {one.region: one for one in dossier.sizes}
    said = []
    if "whole" in known:
        said.append(f"{known['whole'].volume:.1f} mL in all")
    for name in ("enhancing", "solid part"):
        if name in known:
            size = sizes.get(name)
            wide = f", {size.longest:.0f} × {size.across:.0f} mm" if size is not None else ""
            said.append(f"{'enhancing' if name == 'enhancing' else 'solid'} {known[name].volume:.1f} mL{wide}")
            break
    return "; ".join([*_where(dossier), *said])


def _where(dossier: Dossier) -> list[str]:
    if dossier.scenery is None:
        return []
    x, y, z = dossier.scenery.focus
    at = ", ".join(
        f"{ends[value < 0]} {abs(value):.0f}" for ends, value in zip(("RL", "AP", "SI"), (x, y, z), strict=True)
    )
    side = "near the midline" if abs(x) < NEAR_MIDLINE else "on the right" if x > 0 else "on the left"
    return [f"{side} (about {at} mm from the scanner's centre)"]


def _treatment(facts: Mapping[str, Any]) -> str:
    """What is on record of treatment, and what is not."""
    said, missing = [], []
    for name, yes, no in TREATMENT:
        if name in ONLY_TREATED and not facts.get("treated"):
            continue
        if name not in facts:
            missing.append(words.FACTS[name][0].lower())
        elif isinstance(facts[name], bool):
            said.append(yes if facts[name] else no)
        else:
            said.append(yes.format(float(facts[name])))
    return ", ".join(said) + ("; not on record: " if said else "not on record: ") * bool(missing) + ", ".join(missing)


def _prior(dossier: Dossier) -> str:
    return "compared below" if dossier.changes else "none supplied"
