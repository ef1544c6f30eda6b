"""How much of the blood is inverted when it is imaged: labelling, and what background suppression undoes, once each."""

from dataclasses import dataclass
from typing import Final

from perspect.asl.plan import Plan
from perspect.vocabulary import Flag, Labelling, Severity, Step

LABELLING: Final = {"pcasl": 0.85, "casl": 0.68, "pasl": 0.98}
"""Efficiency of labelling alone (Alsop et al. 2015, doi:10.1002/mrm.25197; CASL: Wang et al. 2005,
doi:10.1148/radiol.2351031663)."""

LEAST: Final = {"pcasl": 0.78, "casl": 0.60, "pasl": 0.90}
"""A stated efficiency below this is too low for labelling alone: with background suppression on, it includes what that
costs. [our default, from the range of labelling efficiencies that are in use]"""

SOURCE: Final = "efficiency"


@dataclass(frozen=True)
class Efficiency:
    """The efficiency of all inversions together, with its sentence and what must be said of it."""

    total: float
    step: Step
    flags: tuple[Flag, ...]


def efficiency(labelling: Labelling, plan: Plan) -> Efficiency:
    """Stated or usual efficiency, times what each inversion of the suppression leaves, unless it is counted already."""
    stated = plan.efficiency if plan.efficiency is not None else labelling.efficiency
    alone = stated if stated is not None else LABELLING[labelling.kind]
    n = (labelling.n_inversions or 0) if labelling.is_suppressed else 0
    flags: list[Flag] = []
    if labelling.is_suppressed and labelling.n_inversions == 0:
        flags.append(_flag("suppression-without-inversions", Severity.CAUTION,
            "Background suppression is recorded as on and with 0 inversions, as if the slab was saturated only: none "
            "is taken to have cost label. If there were any, flow reads 5 to 25 % too low; then correct "
            "BackgroundSuppressionNumberPulses.",
        ))  # fmt: skip
    elif labelling.is_suppressed and not n:
        flags.append(_flag("suppression-unknown", Severity.CAUTION,
            "Background suppression was on, but with how many inversions is not recorded: none is taken to have cost "
            "label, and flow may read 5 to 25 % too low. Give BackgroundSuppressionNumberPulses.",
        ))  # fmt: skip
    if labelling.is_suppressed is None:
        flags.append(_flag("suppression-unknown", Severity.NOTE,
            "Whether the background was suppressed is not recorded: no inversion is taken to have cost label.",
        ))  # fmt: skip
    includes = plan.efficiency_includes == "suppression"
    if plan.efficiency_includes == "auto" and stated is not None and n:
        includes = stated < LEAST[labelling.kind]
        lost = plan.inversion**n
        other = f"{1 / lost - 1:.0%} higher" if includes else f"{1 - lost:.0%} lower"
        read_as = "labelling and suppression together" if includes else "labelling alone"
        severity = Severity.CAUTION if n > 2 else Severity.NOTE
        sentence = (
            f"The stated efficiency of {stated:g} was read as that of {read_as} (by its size); read the other way flow "
            f"would be {other}. Settle it with asl.efficiency_includes."
        )
        flags.append(_flag("efficiency-ambiguous", severity, sentence))
    total = alone if includes or not n else alone * plan.inversion**n
    origin = "stated" if stated is not None else "usual for this labelling"
    cost = "" if total == alone else f", times {plan.inversion:g} for each of {n} inversions of background suppression"
    step = Step(
        "efficiency",
        f"Inversion efficiency was {total:.3f}: {alone:g} ({origin}){cost}.",
        {"efficiency": total, "labelling_efficiency": alone, "n_inversions": n},
        ("Alsop et al. 2015, doi:10.1002/mrm.25197",),
    )
    return Efficiency(total, step, tuple(flags))


def _flag(code: str, severity: Severity, sentence: str) -> Flag:
    return Flag(code, severity, sentence, "cbf", source=SOURCE)
