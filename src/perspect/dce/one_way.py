"""What is given and what is chosen of the arterial input have to agree: nothing is accepted that would not be read."""

from typing import Final

from perspect.dce.plan import Plan
from perspect.vocabulary import Curve, Problem, Region

MEASURED: Final = "measured"
"""The choice that is no population."""


def demand_one_way(given: Region | Curve | None, vein: Region | None, plan: Plan) -> None:
    """Raises Problem where what is given or chosen of the input would have no part in it."""
    source = "a curve" if isinstance(given, Curve) else f"a population ({plan.arterial})"
    if isinstance(given, Curve) or plan.arterial != MEASURED:
        if vein is not None or plan.blood == "vein":
            raise Problem(
                f"The arterial input is {source}, but " + ("a vein was given." if vein else "dce.blood is 'vein'."),
                "Veins would have no part in it.",
                "Leave one of the two out.",
            )
        if plan.blood_from == "map":
            raise Problem(
                f"The arterial input is {source}, but dce.blood_from is 'map'.",
                "It has no place in the map of T1.",
                "Use dce.blood_from=value, or a region.",
            )
    elif vein is not None and plan.blood == "artery":
        raise Problem(
            f"A vein was given ('{vein.name}'), but dce.blood is 'artery'.",
            "Its curve would have no part in the input.",
            "Leave it out, or use dce.blood=auto.",
        )
