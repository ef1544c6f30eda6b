"""The transit time to assume where the delays do not tell it."""

from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.asl.plan import Plan
from perspect.asl.samples import Differences
from perspect.vocabulary import Around, Problem, Region

USUAL_ATT: Final = {"pcasl": 1.3, "casl": 1.3, "pasl": 0.7}
"""Expected transit time in s (as FSL's BASIL has it)."""

LONGEST: Final = 6.0
"""s: no transit time of a map is longer."""


def usual_att(found: Differences, kind: str) -> float:
    """The expected transit time in s, no later than all blood has come when the last sample is read.

    The consensus supposes that all labelled blood has arrived: then flow does not depend on it.
    """
    passed = found.delays - (found.durations if kind == "pasl" else 0.0)
    return min(USUAL_ATT[kind], max(float(passed.max()), 0.0))


def assumed_att(
    found: Differences, plan: Plan, kind: str, around: Around, brain: Region
) -> Float[np.ndarray, " voxels"]:
    """The transit time in s to assume with one delay: of another scan, or as given, or the expected one.

    Raises Problem for a given one with which no label would have come before the images are read.
    """
    read = float((found.delays + (0.0 if kind == "pasl" else found.durations)).max())
    if plan.att is not None and plan.att >= read:
        raise Problem(
            f"asl.att is {plan.att:g} s, and the images are read {read:g} s after labelling began.",
            "No label would have come by then, and no flow could be told.",
            "Give a transit time below that, or leave asl.att out.",
        )
    assumed = np.full(brain.n_voxels, plan.att if plan.att is not None else usual_att(found, kind))
    if around.att is None:
        return assumed
    known = brain.taken(around.att).astype(np.float64)
    return np.where(np.isfinite(known), np.clip(known, 0.0, LONGEST), assumed)
