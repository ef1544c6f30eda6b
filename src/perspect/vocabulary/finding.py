"""What was found of one marker in one lesion: a number with its error, what spoils it, and what it would be without."""

from dataclasses import dataclass, field
from math import isfinite, nan

from perspect.vocabulary.flag import Flag
from perspect.vocabulary.marker import Marker


@dataclass(frozen=True)
class Finding:
    """A marker's value with standard error, in the marker's unit.

    `std` holds what is known of the measurement (noise, reference, mask, registration); `n` counts the voxels.
    `with_traps` and `without_traps` are the value with all voxels and without those that a trap holds; `value` is the
    one that counts. Where the marker could only be bounded (a ratio whose denominator was not detected), `above` is
    True and the value is the bound: the truth is larger. A value that was not found is NaN.
    """

    marker: Marker
    region: str
    value: float
    std: float
    n: int = 0
    with_traps: float = nan
    without_traps: float = nan
    above: bool = False
    flags: tuple[Flag, ...] = field(default=())

    @property
    def is_known(self) -> bool:
        """Whether there is a number with an error (a bound has none)."""
        return isfinite(self.value) and (self.above or (isfinite(self.std) and self.std >= 0))

    @property
    def is_measured(self) -> bool:
        """Whether anything was measured, trapped or not."""
        return self.is_known or isfinite(self.with_traps)
