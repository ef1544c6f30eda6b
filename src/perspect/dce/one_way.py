"""What is given and what is chosen of the arterial input have to agree: nothing is accepted that would not be read."""

from dataclasses import fields
from typing import Final

from perspect.dce.plan import RELATIVE, Plan
from perspect.models.arterial import POPULATIONS, InPlasma
from perspect.vocabulary import Curve, Problem, Region

MEASURED: Final = "measured"
"""The choice that is no population."""

USUAL: Final = Plan()

READ_BY_RELATIVE: Final = ("motion", "drop", "find_odd", "model", "delay", "region", "r1", "r2star_tissue", "guard")
"""What may be chosen where exchange is measured against a region."""


def demand_one_way(given: Region | Curve | None, vein: Region | None, plan: Plan) -> None:
    """Raises Problem where what is given or chosen of the input would have no part in it."""
    if isinstance(given, Curve) or plan.arterial != MEASURED:
        source = f"a curve ({given.label})" if isinstance(given, Curve) else f"a population ({plan.arterial})"
        if vein is not None or plan.blood == "vein":
            raise Problem(
                f"The arterial input is {source}, but " + ("a vein was given." if vein else "dce.blood is 'vein'."),
                "Veins would have no part in it.",
                "Leave one of the two out.",
            )
        for name in _unread(given, plan):
            raise Problem(
                f"The arterial input is {source}, but dce.{name} is {getattr(plan, name)!r}.",
                "It would have no part in it.",
                f"Leave dce.{name} out, or give a region.",
            )
    elif vein is not None and plan.blood == "artery":
        raise Problem(
            f"A vein was given ('{vein.name}'), but dce.blood is 'artery'.",
            "Its curve would have no part in the input.",
            "Leave it out, or use dce.blood=auto.",
        )


def demand_reference(reference: Region | None, others: tuple[object, ...], plan: Plan) -> None:
    """Raises Problem where a reference region and the model that needs one do not come together, or where something of
    an arterial input or of a choice of models (`others`: what was given for them) would have no part.
    """
    if (reference is None) == (plan.model == RELATIVE):
        raise Problem(
            f"dce.model is '{plan.model}', and {'no' if reference is None else 'a'} reference region was given.",
            f"The model '{RELATIVE}' measures against such a region, and no other reads it.",
            f"Give --model {RELATIVE} and --reference MASK together, or neither.",
        )
    if reference is None:
        return
    names = [one.name for one in fields(Plan) if one.name not in READ_BY_RELATIVE]
    chosen = [f"dce.{name} is {getattr(plan, name)!r}" for name in names if getattr(plan, name) != getattr(USUAL, name)]
    given = ["an arterial input, a vein or a lesion was given"] if any(one is not None for one in others) else []
    for one in (*chosen, *given):
        raise Problem(
            f"dce.model is '{RELATIVE}', but {one}.",
            "It would have no part: there is no arterial input, and one model for all.",
            "Leave it out.",
        )


def is_plasma(given: Region | Curve | None, plan: Plan) -> bool:
    """Whether the input comes as plasma, so that no haematocrit turns it."""
    if plan.arterial != MEASURED:
        return isinstance(POPULATIONS[plan.arterial], InPlasma)
    return isinstance(given, Curve) and given.label == "cp"


def _unread(given: Region | Curve | None, plan: Plan) -> list[str]:
    """What was chosen otherwise than usual and has no part in an input that is a curve or of a population."""
    names = ["blood_from"]
    if not (isinstance(given, Curve) and given.label == "signal"):
        names.append("blood_t1")
    # Where water does not mix, blood is a part of the voxel, and its cells count.
    if is_plasma(given, plan) and plan.water == "fast":
        names.append("hct")
    return [name for name in names if getattr(plan, name) != getattr(USUAL, name)]
