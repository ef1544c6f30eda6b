"""Everything that is told of a map in a part of a lesion: numbers with intervals, histograms, sizes."""

from dataclasses import dataclass
from math import nan

from perspect.vocabulary.flag import Flag


@dataclass(frozen=True)
class Metric:
    """One statistic of one quantity in one part, in the unit in which it is shown.

    `low` and `high` are a 95 % interval that holds the errors of voxels, of the reference, of the registration and of a
    mask that is one voxel wider or narrower; NaN where one of them cannot be known. `with_traps` and `without_traps`
    are the value with all voxels and without those that a trap holds; `value` is the one that counts, NaN with a flag.
    """

    quantity: str
    region: str
    statistic: str
    unit: str
    value: float
    low: float
    high: float
    n: int
    with_traps: float = nan
    without_traps: float = nan
    flags: tuple[Flag, ...] = ()


@dataclass(frozen=True)
class Histogram:
    """How many voxels of a part have which values: `counts` between neighbouring `edges`, with all voxels and without
    those that a trap holds. What lies outside is counted in the first and the last.
    """

    quantity: str
    region: str
    unit: str
    edges: tuple[float, ...]
    with_traps: tuple[int, ...]
    without_traps: tuple[int, ...]


@dataclass(frozen=True)
class Size:
    """How large a part is: mL, and the longest diameter in a slice with the longest one across it, in mm.

    `low` and `high` are the volumes of a mask that is one voxel narrower and wider within its slices.
    """

    region: str
    volume: float
    low: float
    high: float
    longest: float
    across: float

    @property
    def product(self) -> float:
        """The bidimensional product in mm²."""
        return self.longest * self.across
