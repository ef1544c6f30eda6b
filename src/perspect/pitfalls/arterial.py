"""An arterial input that is not one: flow, transit time and Ktrans are wrong by the factor by which it is."""

from typing import Final

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import threshold
from perspect.pitfalls.trap import NOWHERE, Trap
from perspect.vocabulary import Severity

CODE: Final = "arterial-input-doubtful"

ERROR: Final = threshold(CODE, "error")
"""Relative error of its height above which nothing absolute is judged."""

LOW, HIGH = threshold(CODE, "low"), threshold(CODE, "high")
"""mM of plasma between which a peak lies that an injection can make."""

WIDE: Final = threshold(CODE, "wide")
"""s of width of the first pass in an artery above which it is tissue, or agent was injected slowly."""


def look(scene: Scene) -> Trap | None:
    """An input that is uncertain, too low, too high, too wide, or of a population."""
    seen = scene.arterial
    if seen is None:
        return None
    said = []
    if not seen.is_measured:
        said.append("it is that of a population, not this patient's")
    if seen.error > ERROR:
        said.append(f"its height is known to {seen.error:.0%} only")
    if seen.peak < LOW or seen.peak > HIGH:
        said.append(f"it peaks at {seen.peak:.1f} mM of plasma")
    if seen.width > WIDE:
        said.append(f"its first pass is {seen.width:.0f} s wide")
    if not said:
        return None
    # Of DSC only flow and transit times rest on it, and no marker is one of them.
    spoils = ("dsc.absolute",) if scene.is_t2star else (scene.spoils,)
    severity = Severity.NOTE if scene.is_t2star else Severity.LIMITED
    return Trap(CODE, severity, f"The arterial input is doubtful: {'; '.join(said)}.", None, NOWHERE, spoils)
