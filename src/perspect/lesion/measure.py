"""A marker in a part of a lesion: with and without trapped voxels, with an error that knows of the mask."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from math import ceil, hypot, isfinite, nan, sqrt
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect.anatomy.resample import box
from perspect.lesion.parts import FEWEST
from perspect.lesion.statistics import BY_NAME, Statistic, drawn, scatter, usable
from perspect.vocabulary import Finding, Flag, Marker, Region, Severity

MOST_TRAPPED: Final = 0.5
"""Share of a part in traps beyond which nothing is left that stands for it [our default]."""

UNIFORM: Final = float(np.sqrt(12.0))
"""Width over standard deviation of what is equally likely anywhere between two ends."""


@dataclass(frozen=True, eq=False)
class Sample:
    """The voxels of a part on a map: those with a value and an error, and those of them that no trap holds.

    `common` is a relative error that all voxels share (the reference, an arterial input) and `shift` the standard error
    in mm of where the part lies on the map: neither shrinks with the number of voxels. `room` are the voxels that a
    wider part may hold (`None`: any): the surroundings of a lesion do not reach into it, however wrong its edge is.
    """

    values: Float[np.ndarray, "x y z"]
    std: Float[np.ndarray, "x y z"]
    part: Region
    trapped: Bool[np.ndarray, "x y z"] | None = None
    common: float = 0.0
    shift: float = 0.0
    room: Bool[np.ndarray, "x y z"] | None = None

    @property
    def near(self) -> "Sample":
        """The same within the box that holds all that an error looks at: the part one voxel wider, and moved."""
        if not self.part.mask.any():
            return self
        i, j, k = (1 + ceil(self.shift / size) for size in self.part.grid.spacing)
        at = box(self.part.mask, (i, j, k))
        part = replace(self.part, mask=self.part.mask[at], grid=self.part.grid.part(at))
        trapped, room = (None if one is None else one[at] for one in (self.trapped, self.room))
        return replace(self, values=self.values[at], std=self.std[at], part=part, trapped=trapped, room=room)

    @cached_property
    def here(self) -> Bool[np.ndarray, "x y z"]:
        """Voxels of the part with a value and an error."""
        return usable(self.values, self.std, self.part.mask)

    @cached_property
    def free(self) -> Bool[np.ndarray, "x y z"]:
        """Those that no trap holds."""
        return self.without(self.part.mask)

    @cached_property
    def again(self) -> Float[np.ndarray, "draws voxels"]:
        """The values of the free voxels with their noise once more, many times."""
        return drawn(self.values[self.free].astype(float), self.std[self.free].astype(float))

    @cached_property
    def edges(self) -> tuple[Bool[np.ndarray, "x y z"], Bool[np.ndarray, "x y z"]]:
        """The free voxels of a mask that is one voxel narrower, and of one that is wider, within its slices."""
        within = ndimage.generate_binary_structure(3, 1).copy()
        within[:, :, [0, 2]] = False
        mask = self.part.mask
        return (
            self.without(ndimage.binary_erosion(mask, within)), self.without(ndimage.binary_dilation(mask, within)),
        )  # fmt: skip

    @cached_property
    def moved(self) -> tuple[tuple[Bool[np.ndarray, "x y z"], ...], ...]:
        """The free voxels of the part when it is moved by its error forth and back, along each axis of the grid."""
        return tuple(tuple(_moved(self, axis)) for axis in range(3))

    def without(self, mask: Bool[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
        """The usable voxels of another mask that no trap holds."""
        allowed = mask if self.room is None else mask & (self.room | self.part.mask)
        some = usable(self.values, self.std, allowed)
        return some if self.trapped is None else some & ~self.trapped

    @property
    def share_trapped(self) -> float:
        """How much of what is usable a trap holds."""
        n = int(self.here.sum())
        return 1 - int(self.free.sum()) / n if n else 0.0


@dataclass(frozen=True)
class Errors:
    """What the error of a number is made of, each a standard deviation in its unit: noise of voxels, the edge of the
    mask, the common relative error, registration. NaN where one cannot be known. `is_thin`: the part is gone in a mask
    that is one voxel narrower.
    """

    noise: float
    edge: float
    common: float
    shift: float
    is_thin: bool = False

    @property
    def total(self) -> float:
        """All of them together."""
        return sqrt(self.noise**2 + self.edge**2 + self.common**2 + self.shift**2)


def measured(
    marker: Marker,
    values: Float[np.ndarray, "x y z"],
    std: Float[np.ndarray, "x y z"],
    part: Region,
    trapped: Bool[np.ndarray, "x y z"] | None = None,
    common: float = 0.0,
    flags: tuple[Flag, ...] = (),
    shift: float = 0.0,
    room: Bool[np.ndarray, "x y z"] | None = None,
) -> Finding:
    """The marker's number in a part, from a map on the grid of the part in the marker's unit.

    The error holds the noise of the voxels, what a mask that is one voxel larger or smaller would do (within `room`),
    `common` and `shift` (see `Sample`). `trapped` are voxels that a trap holds: the number that counts is without them,
    and NaN where they are more than half of the part.
    """
    statistic = BY_NAME[marker.statistic]
    sample = Sample(values, std, part, trapped, common, shift, room).near
    here, free, share = sample.here, sample.free, sample.share_trapped
    notes = list(flags)
    if here.sum() < FEWEST:
        notes.append(
            Flag(
                "part-too-small", Severity.LIMITED,
                f"The {part.name} has {int(here.sum())} usable voxels on this image, too few for {marker.name}.",
                part.name, source="lesion",
            )
        )  # fmt: skip
        return Finding(marker, part.name, nan, nan, int(here.sum()), flags=tuple(notes))
    with_traps = number(statistic, sample.values, here)
    if free.sum() < FEWEST or share > MOST_TRAPPED:
        notes.append(
            Flag(
                "part-trapped", Severity.LIMITED,
                f"{share:.0%} of the {part.name} is spoilt by traps, so that nothing stands for {marker.name}.",
                part.name, float(share), "lesion",
            )
        )  # fmt: skip
        return Finding(marker, part.name, nan, nan, int(free.sum()), with_traps, nan, flags=tuple(notes))
    value = number(statistic, sample.values, free)
    if not isfinite(value):
        notes.append(
            Flag(
                "part-too-thin", Severity.LIMITED,
                f"The {part.name} is nowhere large enough for {marker.name}: no area of it holds voxels enough.",
                part.name, source="lesion",
            )
        )  # fmt: skip
        return Finding(marker, part.name, nan, nan, int(free.sum()), with_traps, nan, flags=tuple(notes))
    error = errors(statistic, sample, value)
    if error.is_thin:
        notes.append(
            Flag(
                "part-thin", Severity.CAUTION,
                f"A mask of the {part.name} that is one voxel narrower holds next to nothing: what the edge does to "
                f"{marker.name} is known from the wider one alone.", part.name, source="lesion",
            )
        )  # fmt: skip
    return Finding(marker, part.name, value, error.total, int(free.sum()), with_traps, value, flags=tuple(notes))


def number(statistic: Statistic, values: Float[np.ndarray, "x y z"], inside: Bool[np.ndarray, "x y z"]) -> float:
    """A statistic of some voxels of a map."""
    return statistic(values[inside].astype(float), np.array(np.nonzero(inside)))


def errors(statistic: Statistic, sample: Sample, value: float) -> Errors:
    """What the error of a statistic is made of."""
    noise = scatter(statistic, sample.again, np.array(np.nonzero(sample.free)))
    edge, is_thin = of_mask(statistic, sample, value)
    return Errors(noise, edge, of_scale(statistic, sample), of_place(statistic, sample), is_thin)


def of_scale(statistic: Statistic, sample: Sample) -> float:
    """What the common relative error does: all values are scaled by it. A mean moves with them, a share of voxels by
    those that cross its limit.
    """
    if not sample.common > 0:
        return 0.0
    low, high = (number(statistic, sample.values * (1 + one), sample.free) for one in (-sample.common, sample.common))
    return abs(high - low) / 2


def of_mask(statistic: Statistic, sample: Sample, value: float) -> tuple[float, bool]:
    """What a mask that is one voxel wider or narrower within its slices does, as a standard deviation; and whether the
    narrower one holds too little to tell (then the wider one stands for both sides; NaN where that tells nothing too).
    """
    narrow, wide = (number(statistic, sample.values, some) if some.sum() >= FEWEST else nan for some in sample.edges)
    if isfinite(narrow) and isfinite(wide):
        found = (narrow, value, wide)
        return (max(found) - min(found)) / UNIFORM, False
    return 2 * abs((wide if isfinite(wide) else narrow) - value) / UNIFORM, True


def of_place(statistic: Statistic, sample: Sample) -> float:
    """What the error of the alignment does, as a standard deviation: the part is moved by it along each axis."""
    if not sample.shift > 0:
        return 0.0
    total = 0.0
    for both in sample.moved:
        ends = [number(statistic, sample.values, some) for some in both if some.sum() >= FEWEST]
        ends = [one for one in ends if isfinite(one)]
        if len(ends) > 1:
            total = hypot(total, (max(ends) - min(ends)) / 2)
    return total


def _moved(sample: Sample, axis: int) -> Iterator[Bool[np.ndarray, "x y z"]]:
    """The usable voxels of the part, moved by its error forth and back along an axis of the grid."""
    by = np.zeros(3)
    by[axis] = sample.shift / sample.part.grid.spacing[axis]
    soft = sample.part.mask.astype(np.float32)
    for sense in (1.0, -1.0):
        yield sample.without(ndimage.shift(soft, sense * by, order=1) >= 0.5)
