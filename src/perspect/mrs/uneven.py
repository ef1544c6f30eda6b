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
from perspect.vocabulary import FAILED_FROM, Flag, Grid, Map, Severity, Status, Step, lexicon
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

WATER_KEY: Final = "water"
"""What the line of water is called among keys."""

MUCH: Final = 0.25
"""Voxels by which a line that is read lies off from which on it is a caution [our default]."""

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
    seen = seen_shares(excited, grid, windows, (*LINES, WATER_KEY))
    main = [seen[key] for key in MAIN]
    outside = _most(main) < LEAST
    told = {
        key: ~(_are_alike([seen[key], seen[below]]) if below else _least([seen[key]]) >= ALIKE)
        for key in LINES
        if key != below
    }
    return Unequal({OUTSIDE: outside, UNLIKE: ~_are_alike(main) & ~outside}, told)


def alike(excited: Excited, grid: Grid, windows: Iterable[Window], keys: Sequence[str]) -> Bool[np.ndarray, "x y z"]:
    """Voxels in which all of some lines (keys, or "water") were excited, and alike."""
    some = list(seen_shares(excited, grid, windows, keys).values())
    return _are_alike(some) & (_least(some) >= LEAST)


def seen_shares(
    excited: Excited, grid: Grid, windows: Iterable[Window], keys: Iterable[str]
) -> dict[str, Float[np.ndarray, "windows x y z"]]:
    """The share of each voxel in which lines (keys, or "water") were excited, through each point spread."""
    spreads = [PointSpread(grid.shape, one) for one in windows]
    inside = {key: excited.inside(grid, LINES.get(key, WATER)) for key in keys}
    return {key: np.stack([spread.of_boxes(one) for spread in spreads]) for key, one in inside.items()}


Shares = Sequence[Float[np.ndarray, "windows x y z"]]


def _are_alike(some: Shares) -> Bool[np.ndarray, "x y z"]:
    """Whether the least of some shares is `ALIKE` of the largest, under each window."""
    low, high = np.min(some, axis=0), np.max(some, axis=0)
    return np.asarray((low >= ALIKE * high).all(axis=0))


def _least(some: Shares) -> Float[np.ndarray, "x y z"]:
    return np.asarray(np.min(some, axis=(0, 1)))


def _most(some: Shares) -> Float[np.ndarray, "x y z"]:
    return np.asarray(np.max(some, axis=(0, 1)))


def left_out(one: Map, where: Bool[np.ndarray, "x y z"]) -> Map:
    """A map without the numbers of voxels that did not show all lines alike."""
    lost = where & (one.status < FAILED_FROM)
    values, std = (np.where(lost, np.float32(np.nan), each) for each in (one.values, one.std))
    return replace(one, values=values, std=std, status=np.where(lost, np.int16(Status.DISPLACED), one.status))


def unequal_flags(maps: Mapping[str, Map], below: str, n: int) -> list[Flag]:
    """Which amounts are left out because a line was not excited as what it is relative to was."""
    nothing = maps[lexicon.CHO_OVER_NAA.key].status == Status.DISPLACED
    lost = {key: int(((maps[key].status == Status.DISPLACED) & ~nothing).sum()) for key in LINES if key in maps}
    more = {key: count for key, count in lost.items() if count}
    if not more:
        return []
    listed = ", ".join(f"{key} {count}" for key, count in more.items())
    like = {WATER_KEY: "as water was", "": "throughout the voxel"}.get(below, f"as {below} was")
    sentence = f"Further voxels have no amount of a line that was not excited {like}: {listed}."
    share = max(more.values()) / max(n, 1)
    return [Flag("unequal-amounts", Severity.CAUTION, sentence, fraction=share, source="grid")]


def readout_flags(excited: Excited, grid: Grid) -> list[Flag]:
    """How far lines lie from where they are drawn along what was read, and from each other."""
    cells = {key: excited.cells(grid, LINES[key]).affine[:3, 3] for key in ("tCho", "tNAA")}
    drawn = replace(excited, readout=(0.0, 0.0, 0.0))
    moved = {key: at - drawn.cells(grid, LINES[key]).affine[:3, 3] for key, at in cells.items()}
    far = {key: float(np.linalg.norm(by)) for key, by in moved.items()}
    if not any(far.values()):
        return []
    apart = float(np.linalg.norm(moved["tCho"] - moved["tNAA"]))
    sentence = (
        f"Along the readout choline is read {far['tCho']:.1f} mm and NAA {far['tNAA']:.1f} mm from where their voxels "
        f"are drawn, {apart:.1f} mm from each other."
    )
    voxels = max(float(np.abs(np.linalg.solve(grid.affine[:3, :3], by)).max()) for by in moved.values())
    severity = Severity.CAUTION if voxels > MUCH else Severity.NOTE
    return [Flag("displaced-readout", severity, sentence, fraction=voxels, source="grid")]


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
