"""A marker in a part of a lesion: with and without trapped voxels, with an error that knows of the mask."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect.lesion.parts import FEWEST
from perspect.lesion.statistics import BY_NAME, Statistic, scatter, usable
from perspect.vocabulary import Finding, Flag, Marker, Region, Severity

MOST_TRAPPED: Final = 0.5
"""Share of a part in traps beyond which nothing is left that stands for it [our default]."""

UNIFORM: Final = float(np.sqrt(12.0))
"""Width over standard deviation of what is equally likely anywhere between two ends."""


def measured(
    marker: Marker,
    values: Float[np.ndarray, "x y z"],
    std: Float[np.ndarray, "x y z"],
    part: Region,
    trapped: Bool[np.ndarray, "x y z"] | None = None,
    common: float = 0.0,
    flags: tuple[Flag, ...] = (),
) -> Finding:
    """The marker's number in a part, from a map on the grid of the part in the marker's unit.

    The error holds the noise of the voxels, what a mask that is one voxel larger or smaller would do, and `common`: a
    relative error that all voxels share, such as that of the reference. `trapped` are voxels that a trap holds: the
    number that counts is without them, and NaN where they are more than half of the part.
    """
    statistic = BY_NAME[marker.statistic]
    here = usable(values, std, part.mask)
    free = here if trapped is None else here & ~trapped
    share = 1 - free.sum() / max(here.sum(), 1)
    notes = list(flags)
    if here.sum() < FEWEST:
        notes.append(
            Flag(
                "part-too-small", Severity.LIMITED,
                f"The {part.name} has {int(here.sum())} usable voxels on this image, too few for {marker.name}.",
                part.name, source="lesion",
            )
        )  # fmt: skip
        return Finding(marker, part.name, np.nan, np.nan, int(here.sum()), flags=tuple(notes))
    with_traps = _of(statistic, values, here)
    if free.sum() < FEWEST or share > MOST_TRAPPED:
        notes.append(
            Flag(
                "part-trapped", Severity.LIMITED,
                f"{share:.0%} of the {part.name} is spoilt by traps, so that nothing stands for {marker.name}.",
                part.name, float(share), "lesion",
            )
        )  # fmt: skip
        return Finding(marker, part.name, np.nan, np.nan, int(free.sum()), with_traps, np.nan, flags=tuple(notes))
    value = _of(statistic, values, free)
    places = np.array(np.nonzero(free))
    noise = scatter(statistic, values[free].astype(float), std[free].astype(float), places)
    edge = _of_mask(statistic, values, std, part, trapped)
    total = float(np.sqrt(noise**2 + edge**2 + (common * value) ** 2))
    return Finding(marker, part.name, value, total, int(free.sum()), with_traps, value, flags=tuple(notes))


def _of(statistic: Statistic, values: Float[np.ndarray, "x y z"], inside: Bool[np.ndarray, "x y z"]) -> float:
    return statistic(values[inside].astype(float), np.array(np.nonzero(inside)))


def _of_mask(
    statistic: Statistic,
    values: Float[np.ndarray, "x y z"],
    std: Float[np.ndarray, "x y z"],
    part: Region,
    trapped: Bool[np.ndarray, "x y z"] | None,
) -> float:
    """What a mask that is one voxel wider or narrower within its slices does, as a standard deviation."""
    within = ndimage.generate_binary_structure(3, 1).copy()
    within[:, :, [0, 2]] = False
    found = []
    for mask in (ndimage.binary_erosion(part.mask, within), part.mask, ndimage.binary_dilation(part.mask, within)):
        here = usable(values, std, mask)
        here = here if trapped is None else here & ~trapped
        if here.sum() >= FEWEST:
            found.append(_of(statistic, values, here))
    found = [one for one in found if np.isfinite(one)]  # too thin a mask may hold no cluster
    return (max(found) - min(found)) / UNIFORM if len(found) > 1 else 0.0
