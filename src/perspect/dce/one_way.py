"""What is given and what is chosen of the arterial input have to agree: nothing is accepted that would not be read."""

from typing import Final

from perspect.dce.plan import Plan
from perspect.models.arterial import POPULATIONS, InPlasma
from perspect.vocabulary import Curve, Problem, Region

MEASURED: Final = "measured"
"""The choice that is no population."""

USUAL: Final = Plan()


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
