"""Voxels of a spectroscopic image that show lines unequally, because the pulses' box lies elsewhere for each of them.

A ratio there is one of how much of each was excited, and no ratio of amounts.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.mrs.excited import Excited
from perspect.mrs.kspace import PointSpread, Window
from perspect.vocabulary import FAILED_FROM, Flag, Grid, Map, Severity, Status, Step
from perspect.vocabulary.spectra import WATER

LINES: Final[Mapping[str, float]] = {
    "tNAA": 2.01, "tCr": 3.03, "tCho": 3.21, "Ins": 3.56, "Glx": 2.35, "Lac": 1.31, "Lip13": 1.28,
}  # fmt: skip
"""ppm of the line that decides an amount, by its key."""

MAIN: Final = ("tNAA", "tCr", "tCho")
"""What is read as ratios in every voxel: where these are not excited alike, nothing of a voxel is used."""

ALIKE: Final = 0.8
"""Of the share of a voxel in which one line was excited, the least in which the other must have been [our default]."""

LEAST: Final = 0.3
"""Share of a voxel that must have been excited for some line: less is the foot of what lies beside [our default]."""

OUTSIDE: Final = "outside of what the pulses excite"
UNLIKE: Final = "NAA, creatine and choline not excited alike (displacement)"
"""Reasons why nothing of a voxel is used."""


@dataclass(frozen=True, eq=False)
class Unequal:
    """Voxels that nothing is read from, by why; and for every key those that have no amount of it besides."""

    reasons: Mapping[str, Bool[np.ndarray, "x y z"]]
    amounts: Mapping[str, Bool[np.ndarray, "x y z"]]

    def reason(self, place: tuple[int, ...]) -> str:
        """Why nothing is read from a voxel; nothing where all may be."""
        return next((reason for reason, where in self.reasons.items() if where[place]), "")


def unequal(excited: Excited, grid: Grid, windows: Iterable[Window], below: str) -> Unequal:
    """Where lines were excited in unlike shares of a voxel, as it is seen through a point spread.

    `windows` are those that may have been put over k-space: the worst of them counts. `below` is what amounts are
    relative to: "water", a key, or nothing; then they are of a voxel that is excited as a whole.
    """
    seen = _Seen(excited, grid, tuple(windows))
    outside = seen.most(MAIN) < LEAST
    unlike = ~seen.are_alike(MAIN) & ~outside
    told = {
        key: ~(seen.are_alike((key, below)) if below else seen.least((key,)) >= ALIKE) for key in LINES if key != below
    }
    return Unequal({OUTSIDE: outside, UNLIKE: unlike}, told)


def alike(excited: Excited, grid: Grid, windows: Iterable[Window], keys: Sequence[str]) -> Bool[np.ndarray, "x y z"]:
    """Voxels in which all of some lines (keys, or "water") were excited, and alike."""
    seen = _Seen(excited, grid, tuple(windows))
    return np.asarray(seen.are_alike(keys) & (seen.least(keys) >= LEAST))


class _Seen:
    """Shares of voxels in which lines were excited, as seen through every point spread that there may be."""

    def __init__(self, excited: Excited, grid: Grid, windows: tuple[Window, ...]) -> None:
        self._spreads = [PointSpread(grid.shape, one) for one in windows]
        self._excited, self._grid = excited, grid
        self._known: dict[str, Float[np.ndarray, "windows x y z"]] = {}

    def of(self, keys: Sequence[str]) -> Float[np.ndarray, "keys windows x y z"]:
        """By key and window."""
        for key in keys:
            if key not in self._known:
                inside = self._excited.inside(self._grid, LINES.get(key, WATER))
                self._known[key] = np.stack([one.of_boxes(inside) for one in self._spreads])
        return np.stack([self._known[key] for key in keys])

    def are_alike(self, keys: Sequence[str]) -> Bool[np.ndarray, "x y z"]:
        """Whether the least of some shares is `ALIKE` of the largest, under each window."""
        some = self.of(keys)
        return np.asarray((some.min(axis=0) >= ALIKE * some.max(axis=0)).all(axis=0))

    def least(self, keys: Sequence[str]) -> Float[np.ndarray, "x y z"]:
        """The smallest share."""
        return np.asarray(self.of(keys).min(axis=(0, 1)))

    def most(self, keys: Sequence[str]) -> Float[np.ndarray, "x y z"]:
        """The largest share."""
        return np.asarray(self.of(keys).max(axis=(0, 1)))


def left_out(one: Map, where: Bool[np.ndarray, "x y z"]) -> Map:
    """A map without the numbers of voxels that did not show all lines alike."""
    lost = where & (one.status < FAILED_FROM)
    values, std = (np.where(lost, np.float32(np.nan), each) for each in (one.values, one.std))
    return replace(one, values=values, std=std, status=np.where(lost, np.int16(Status.DISPLACED), one.status))


def unequal_flags(maps: Mapping[str, Map], below: str, n: int) -> list[Flag]:
    """Which amounts are left out because a line was not excited as what it is relative to was."""
    lost = {key: int((maps[key].status == Status.DISPLACED).sum()) for key in LINES if key in maps}
    least = min(lost.values(), default=0)
    more = {key: count for key, count in lost.items() if count > least}
    if not more:
        return []
    listed = ", ".join(f"{key} {count - least}" for key, count in more.items())
    like = {"water": "as water was", "": "throughout the voxel"}.get(below, f"as {below} was")
    sentence = f"Further voxels have no amount of a line that was not excited {like}: {listed}."
    share = (max(more.values()) - least) / max(n, 1)
    return [Flag("unequal-amounts", Severity.CAUTION, sentence, fraction=share, source="grid")]


def step_of(excited: Excited, grid: Grid) -> Step:
    """What the pulses excite, for the methods."""
    apart = excited.apart(LINES["tCho"], LINES["tNAA"])
    widths = ", ".join(f"{one:g}" if one else "none" for one in excited.bandwidths)
    if excited.is_uneven(grid):
        sentence = (
            f"Pulses of {widths} Hz along the edges of the excited box select choline {apart:.1f} mm from NAA; voxels "
            f"in which one line was excited less than {ALIKE:.0%} of the other were left out."
        )
    else:
        sentence = (
            "No pulse selects within the image: phase-encoded directions displace no line, and every voxel has all of "
            f"each{f'; the slices of choline and NAA lie {apart:.1f} mm apart' if apart > 0 else ''}."
        )
    constants = {"bandwidths": excited.bandwidths, "carrier": excited.carrier, "readout": excited.readout}
    return Step("excited", sentence, constants, ("Maudsley et al. 2021, doi:10.1002/nbm.4309",))
