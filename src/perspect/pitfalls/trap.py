"""A trap that was found: what, where, how much of the lesion, what must not be concluded, and what to do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from jaxtyping import Bool

from perspect.pitfalls.scene import Scene
from perspect.pitfalls.threshold import KINDS
from perspect.vocabulary import Flag, Grid, Moment, Region, Severity

NOWHERE: Final = float("nan")
"""The share of a trap that has no voxels."""

SURROUNDINGS: Final = "rim of 5 mm"
"""The part around a lesion, of which a trap has a share of its own."""

SAID_FROM, LIMITED_FROM = 0.02, 0.2
"""Share of a part from which a trap is a caution, and from which it limits what is read there [our default]."""


def grade(share: float) -> Severity:
    """How grave a trap is that holds a share of a part."""
    return Severity.LIMITED if share >= LIMITED_FROM else Severity.CAUTION if share >= SAID_FROM else Severity.NOTE


@dataclass(frozen=True, eq=False)
class Trap:
    """One trap in one lesion.

    `mask` are the voxels that it spoils (`None` where it spoils the whole), `fraction` their share of the solid part
    (NaN where it has none), `around` that of the 5 mm around it. `spoils` are the modalities, or the markers by their
    keys, whose numbers it touches. `when` are the times at which it shows in curves.
    """

    code: str
    severity: Severity
    sentence: str
    mask: Region | None
    fraction: float
    spoils: tuple[str, ...]
    around: float = NOWHERE
    when: tuple[Moment, ...] = ()

    def severity_in(self, part: str) -> Severity:
        """How much it takes from what is read in a part: what lies around spoils no tumour, nor the reverse."""
        share = self.around if part == SURROUNDINGS else self.fraction
        return self.severity if self.mask is None or share != share else grade(share)

    @property
    def title(self) -> str:
        """What it is called."""
        return KINDS[self.code].title

    @property
    def action(self) -> str:
        """What is to be done about it, in words."""
        return KINDS[self.code].action

    @property
    def flag(self) -> Flag:
        """The same for a reader."""
        where = "lesion" if self.mask is not None else ", ".join(self.spoils)
        return Flag(self.code, self.severity, f"{self.sentence} {self.action}", where, self.fraction, "pitfalls")


Looks = Callable[[Any], Trap | None]
"""A detector: from a scene of the kind that it can look at to the trap that it found there."""


def masked(
    scene: Scene, code: str, found: Bool[np.ndarray, "x y z"], sentence: str, spoils: tuple[str, ...]
) -> Trap | None:
    """The trap of some voxels in the lesion's solid part or rim, `None` where there are none.

    `sentence` is completed by the share.
    """
    within = found & (scene.solid | scene.rim)
    if not within.any():
        return None
    share = float((within & scene.solid).sum() / max(scene.solid.sum(), 1))
    around = float((within & scene.rim).sum() / max(scene.rim.sum(), 1))
    said = f"{sentence} That is {share:.1%} of the solid part and {around:.0%} of the 5 mm around it."
    gravest = max(grade(share), grade(around))
    return Trap(code, gravest, said, Region(within, scene.grid, code), share, spoils, around)


def trapped(traps: Sequence[Trap], modality: str, grid: Grid) -> Bool[np.ndarray, "x y z"]:
    """The voxels of a grid that some trap spoils for a modality."""
    out = np.zeros(grid.shape, bool)
    for one in traps:
        if one.mask is not None and modality in one.spoils:
            out |= one.mask.mask
    return out


def flags_of(traps: Sequence[Trap], *names: str, part: str = "") -> tuple[Flag, ...]:
    """What traps say that bears on any of some modalities or markers; as grave as it is in `part`, if that is given."""
    return tuple(
        replace(one.flag, severity=one.severity_in(part)) if part else one.flag
        for one in traps
        if set(names) & set(one.spoils)
    )
