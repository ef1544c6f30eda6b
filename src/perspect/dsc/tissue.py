"""The normal-appearing white matter that blood volume is compared with."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool

from perspect.dsc.leakage import Correction
from perspect.dsc.normalise import FEWEST_VOXELS, ReferenceLevel, reference_level, white_matter
from perspect.dsc.passage import Passage
from perspect.dsc.quality import SOURCE
from perspect.dsc.signal import Relaxation
from perspect.vocabulary import Flag, Problem, Region, Severity, Status

VESSEL: Final = 3.0
"""Times the brain's median blood volume: more is a vessel, which is no landmark of tissue [our default]."""


@dataclass(frozen=True, eq=False)
class WhiteMatter:
    """The reference region, its blood volume, and which voxels are tissue rather than vessel."""

    region: Region
    inside: Bool[np.ndarray, " voxels"]
    level: ReferenceLevel
    is_tissue: Bool[np.ndarray, " voxels"]
    is_automatic: bool
    flags: tuple[Flag, ...]


def white_matter_level(
    relaxation: Relaxation, correction: Correction, peak: Passage, brain: Region, given: Region | None
) -> WhiteMatter:
    """The reference region that was given, or one found from the perfusion, with its mean blood volume.

    Raises Problem where a region was given but holds no usable voxel.
    """
    measured = relaxation.is_usable & np.isfinite(correction.area)
    with np.errstate(invalid="ignore", divide="ignore"):
        contrast = peak.height / relaxation.noise
        typical = np.median(correction.area[measured & (correction.area > 0)])
        is_tissue = measured & (correction.area < VESSEL * typical)
    if given is not None:
        inside = brain.taken(given.mask) & measured
        if not inside.any():
            raise Problem(
                f"None of the {given.n_voxels} voxels of the reference region '{given.name}' can be used.",
                "rCBV is a ratio to their mean.",
                "Draw it in normal-appearing white matter inside the brain mask.",
            )
        level = reference_level(correction.area, correction.area_std, inside)
        flags = _region_flags(given, inside, level)
        return WhiteMatter(given, inside, level, is_tissue, False, flags)
    eligible = is_tissue & (relaxation.status == Status.OK)
    with np.errstate(invalid="ignore", divide="ignore"):
        leakage = np.nan_to_num(correction.k2 / correction.area, nan=0.0)
    inside = white_matter(correction.area, leakage, contrast, relaxation.baselines[-1], eligible, brain.mask)
    region = brain.part(inside, "normal-appearing white matter", "found from the perfusion itself")
    level = reference_level(correction.area, correction.area_std, inside)
    if not inside.any():
        flag = Flag(
            "no-reference",
            Severity.LIMITED,
            "No normal-appearing white matter could be found, so there is no rCBV. Give a mask with --reference.",
            "brain",
            source=SOURCE,
        )
    else:
        flag = Flag(
            "automatic-reference",
            Severity.NOTE,
            f"The reference was found on the perfusion alone: {level.n_voxels} voxels of low blood volume, alike in "
            "leakage and with neighbours alike. Mixed with grey matter it puts all rCBV up to a tenth too low. Give "
            "conventional images or a mask with --reference, or look at its outline.",
            "reference",
            source=SOURCE,
        )
    return WhiteMatter(region, inside, level, is_tissue, True, (flag,))


def _region_flags(given: Region, inside: Bool[np.ndarray, " voxels"], level: ReferenceLevel) -> tuple[Flag, ...]:
    flags = []
    if level.n_voxels < FEWEST_VOXELS:
        flags.append(
            Flag(
                "small-reference",
                Severity.CAUTION,
                f"The reference region has {level.n_voxels} usable voxels; with fewer than {FEWEST_VOXELS} its mean "
                "is uncertain, and every rCBV with it.",
                given.name,
                source=SOURCE,
            )
        )
    if level.spread > 0.5 * abs(level.mean):
        flags.append(
            Flag(
                "mixed-reference",
                Severity.CAUTION,
                f"Blood volume varies by {level.spread / abs(level.mean):.0%} inside the reference region: it holds "
                "more than white matter.",
                given.name,
                source=SOURCE,
            )
        )
    left_out = given.n_voxels - int(inside.sum())
    if left_out:
        flags.append(
            Flag(
                "reference-left-out",
                Severity.NOTE,
                f"{left_out} of {given.n_voxels} voxels of the reference region have no usable curve or lie outside "
                "the brain.",
                given.name,
                left_out / given.n_voxels,
                SOURCE,
            )
        )
    return tuple(flags)
