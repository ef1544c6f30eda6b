"""Left against right, in front and behind: which part of the brain was labelled worse, and which is only late.

The carotid arteries feed the front, the vertebral arteries the back; one side of either can fail. What is less on one
side is a failed labelling or low flow where label comes as early as opposite, and delay where it comes later. With one
delay, label that is late shows by where it is: in bright arteries beside dark tissue.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from jaxtyping import Bool

from perspect.asl.kinetics import Kinetics
from perspect.asl.sides import Sides
from perspect.numerics import robust
from perspect.vocabulary import Flag, Severity, Status

BACK: Final = 35.0
"""Percentile of the voxels from back to front behind which the vertebral arteries feed. [our default]"""

SIDES: Final = 0.3
"""Difference of left and right over their mean that anatomy does not make. [our default]"""

LATE: Final = 0.5
"""s by which label comes later than opposite, from which on it is called late. [our default]"""

PATCHY: Final = 0.67
"""Spatial coefficient of variation from which on label in arteries shows (Mutsaerts et al. 2017,
doi:10.1177/0271678X16683690)."""

BRIGHT, DARK = 3.0, 0.5
"""Robust standard deviations above the median of the brain from which on a voxel is a bright artery; share of that
median below which tissue is dark. [our defaults]"""

MANY_BRIGHT, MANY_DARK = 0.02, 0.3
"""Shares of the voxels of a quarter that must be bright, and dark, for it to be late label. [our defaults]"""

FEWEST: Final = 50
"""Voxels of a quarter without which nothing is said of it."""

SOURCE: Final = "quality"


@dataclass(frozen=True, eq=False)
class Quarter:
    """One of four parts of the brain: which, its voxels, and its typical flow (as the map has it) and transit time (s).

    `bright` and `dark` are the shares of its voxels that are arteries full of label, and tissue without.
    """

    side: str
    end: str
    inside: Bool[np.ndarray, " voxels"]
    flow: float
    variation: float
    bright: float
    dark: float
    att: float

    @property
    def name(self) -> str:
        """`left front` and so on."""
        return f"{self.side} {self.end}"

    @property
    def holds_arteries(self) -> bool:
        """Whether label shows in arteries and not in tissue."""
        return bool(self.bright >= MANY_BRIGHT and self.dark >= MANY_DARK and self.variation >= PATCHY)


def quarters(fitted: Kinetics, halves: Sides, tissue: Bool[np.ndarray, " voxels"]) -> tuple[Quarter, ...]:
    """The quarters that have voxels enough; `tissue` is what is normal, a lesion and its mirror left out."""
    brain = halves.brain
    ahead = np.array(np.unravel_index(brain.places, brain.grid.shape, order="F")).T @ brain.grid.affine[1, :3]
    back, rightward = float(np.percentile(ahead, BACK)), brain.taken(halves.to_the_right)
    flow, std = fitted.values["cbf"], fitted.std["cbf"]
    if tissue.sum() < FEWEST:
        return ()
    usual = float(np.median(flow[tissue]))
    spread = float(robust.spread(flow[tissue] - usual))
    found = []
    for end, is_front in (("front", True), ("back", False)):
        for side, is_left in (("left", True), ("right", False)):
            inside = tissue & ((ahead > back) == is_front) & ((rightward < 0) == is_left)
            if inside.sum() >= FEWEST:
                own, noise = flow[inside], std[inside]
                rest = max(float(own.var() - (noise**2).mean()), 0.0)
                found.append(
                    Quarter(
                        side, end, inside, float(np.median(own)), np.sqrt(rest) / max(abs(float(own.mean())), 1e-12),
                        float((own > usual + BRIGHT * np.hypot(spread, noise)).mean()),
                        float((own < DARK * usual).mean()), _att(fitted, inside),
                    )
                )  # fmt: skip
    return tuple(found)


def _att(fitted: Kinetics, inside: Bool[np.ndarray, " voxels"]) -> float:
    """Median transit time in s of voxels that tell one; of all of them where label comes to most too late to tell."""
    if "att" not in fitted.values:
        return float("nan")
    told = inside & (fitted.status["att"] == Status.OK)
    return float(np.nanmedian(fitted.values["att"][told if told.sum() >= FEWEST else inside]))


def compared(found: tuple[Quarter, ...]) -> tuple[dict[str, Any], tuple[Flag, ...]]:
    """Numbers of every quarter, and what must be said of a side that is less, late, or full arteries."""
    numbers: dict[str, Any] = {
        "quarters": {
            one.name: {"flow": one.flow, "variation": one.variation, "bright": one.bright, "dark": one.dark}
            | ({"att": one.att} if np.isfinite(one.att) else {})
            for one in found
        }
    }
    flags: list[Flag] = []
    by_name = {one.name: one for one in found}
    for end in ("front", "back"):
        left, right = by_name.get(f"left {end}"), by_name.get(f"right {end}")
        if left is not None and right is not None:
            place = "" if end == "front" else "_back"
            asymmetry, late, flag = _pair(left, right)
            numbers[f"left_right_asymmetry{place}"] = asymmetry
            if np.isfinite(late):
                numbers[f"left_right_delay{place}"] = late
            flags += flag
    return numbers, tuple(flags)


def _pair(left: Quarter, right: Quarter) -> tuple[float, float, list[Flag]]:
    """Asymmetry of flow over its mean, later by s, and the flags: delay is said first, and not called low flow."""
    mean = 0.5 * (left.flow + right.flow)
    asymmetry = (left.flow - right.flow) / mean if mean > 0 else float("nan")
    late = left.att - right.att
    lower = left if asymmetry < 0 else right
    is_less = abs(asymmetry) > SIDES
    if np.isfinite(late) and abs(late) > LATE:
        later = left if late > 0 else right
        said = [_late(later, abs(late), abs(asymmetry) if is_less and later is lower else 0.0)]
        if is_less and later is not lower:
            # What is lower where label comes first is not explained by delay.
            said.append(_less(lower, abs(asymmetry), is_single=False))
        return asymmetry, late, said
    if is_less and lower.holds_arteries:
        sentence = (
            f"In the {lower.name} bright arteries ({lower.bright:.0%} of the voxels) lie beside dark tissue "
            f"({lower.dark:.0%}): label is late there. Its low flow is delay until several delays say otherwise."
        )
        return (
            asymmetry,
            late,
            [Flag("arterial-transit-quarter", Severity.LIMITED, sentence, lower.name, lower.dark, SOURCE)],
        )
    if is_less:
        return asymmetry, late, [_less(lower, abs(asymmetry), is_single=not np.isfinite(late))]
    return asymmetry, late, []


def _late(later: Quarter, by: float, less: float) -> Flag:
    sentence = (
        f"Label comes {by:.1f} s later to the {later.name} than to the other side: "
        "an image of one delay would be dark there."
    )
    if less:
        sentence += (
            f" The flow stated for it is {less:.0%} lower with the delay taken out; label that comes after the last "
            "readout is not in it, so that it is a lower limit and not low flow."
        )
    return Flag("late-side", Severity.CAUTION, sentence, later.name, by, SOURCE)


def _less(lower: Quarter, by: float, *, is_single: bool) -> Flag:
    artery = "carotid" if lower.end == "front" else "vertebral"
    sentence = f"Flow in the {lower.name} is {by:.0%} lower than on the other side: the {artery} artery was labelled "
    sentence += "worse, or is narrow" + (", or the label comes late. " if is_single else "; label is not late there. ")
    sentence += "Or a lesion that was not marked has more flow opposite. Ratios to the other side are not to be read."
    return Flag("labelling-asymmetry", Severity.LIMITED, sentence, lower.name, by, SOURCE)
