"""What the fits of a spectroscopic image leave over in all voxels alike: no noise, but what the basis lacks."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from perspect.mrs.decompose import Decomposition
from perspect.vocabulary import Flag, Severity

SAME: Final = 0.5
"""Variance of the residual that all voxels share, over that of the noise, from which on it is remarked: 0.01 to 0.16 on
virtual patients, 0.3 on the synthetic image with the basis of its making, 1.3 with another [our default]."""

FEWEST: Final = 12
"""Voxels whose mean residual is looked at [our default]."""


def common_misfit(found: Sequence[Decomposition | None]) -> tuple[float, float]:
    """The variance of the residual that all voxels share, in that of the noise, and its share of what exceeds noise.

    A mean residual has a part of the noise for each voxel, which is taken off. Zero where there are few voxels.
    """
    rest = np.array([one.solution.residual / one.task.sigma for one in found if one is not None])
    if len(rest) < FEWEST:
        return 0.0, 0.0
    whole = float((rest**2).mean())
    shared = max(float((rest.mean(axis=0) ** 2).mean()) - whole / len(rest), 0.0)
    return shared, shared / (whole - 1.0) if whole > 1.0 else 0.0


def common_flags(shared: float, share: float) -> list[Flag]:
    """A remark where the basis does not describe the image: errors know that fits are bad, and not which way."""
    if shared < SAME:
        return []
    sentence = (
        f"What the fits leave over is the same in all voxels ({min(share, 1.0):.0%} of what exceeds the noise): the "
        "basis lacks something that the image holds. All amounts may be off alike, by more than their errors say; "
        "compare voxels with each other, or give the basis of the sequence with its macromolecules (--basis)."
    )
    return [Flag("common-misfit", Severity.CAUTION, sentence, fraction=min(share, 1.0), source="grid")]
