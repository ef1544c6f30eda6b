"""Leakage that decides the number: where much of a lesion leaks, the leakage model is part of the answer."""

from math import isfinite
from typing import Final

import numpy as np

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import Trap
from perspect.vocabulary import Moment, Severity

MUCH: Final = threshold("leakage-taken-out", "much")
"""Share of the solid part, with a K2 more than `SURE` standard errors from zero, from which leakage is said."""

SURE: Final = threshold("leakage-taken-out", "sure")


def look(scene: Scene) -> Trap | None:
    """Leakage of the solid part: limiting where it was left in, a note where it was taken out."""
    if not scene.is_t2star:
        return None
    inside = scene.solid
    if not inside.any():
        return None
    if not scene.is_corrected:
        if "enhancing" not in scene.parts:
            return None
        return Trap(
            "leakage-left-in", Severity.LIMITED,
            "The lesion enhances and leakage was not taken out of its blood volume, which may be far too low or too "
            "high.", None, 1.0, ("dsc",), when=_after_the_bolus(scene, "leakage left in"),
        )  # fmt: skip
    if "k2" not in scene.maps or "k2_std" not in scene.maps:
        return None
    k2, std = scene.maps["k2"][inside], scene.maps["k2_std"][inside]
    with np.errstate(invalid="ignore", divide="ignore"):
        sure = np.abs(k2) > SURE * std
    share = float(sure.mean())
    if share < MUCH:
        return None
    raised = float(np.nanmedian(k2[sure])) > 0
    way = "raised the signal (T1)" if raised else "lowered the signal (T2*)"
    when = _after_the_bolus(scene, f"leakage, {'T1' if raised else 'T2*'}: taken out")
    return Trap(
        "leakage-taken-out", Severity.NOTE,
        f"Agent leaks in {share:.0%} of the solid part, where it {way}; blood volume there rests on the leakage model.",
        None, share, ("dsc",), when=when,
    )  # fmt: skip


def _after_the_bolus(scene: Scene, words: str) -> tuple[Moment, ...]:
    """When leaked agent shows: from the end of the first pass on."""
    seen = scene.passage
    if seen is None or not (isfinite(seen.first_pass[1]) and isfinite(seen.end)):
        return ()
    return (Moment(seen.first_pass[1], seen.end, words),)
