"""How blood was labelled, and the series in which that shows: what a reader of files hands to the science."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from jaxtyping import Float

from perspect.vocabulary.data import Region, Series
from perspect.vocabulary.problem import Problem

Kind = Literal["pcasl", "casl", "pasl"]
Volume = Literal["control", "label", "deltam", "m0scan", "cbf", "encoded"]
"""What a volume of a series shows; `encoded`: one row of a time-encoding matrix."""

SAME: Final = 1e-3
"""s: delays and durations that differ by less are the same."""

VOLUMES: Final = ("control", "label", "deltam", "m0scan", "cbf", "encoded")


@dataclass(frozen=True, eq=False)
class Labelling:
    """How blood was labelled, for every volume of a series; times in s, `None` and NaN: not recorded.

    `delays` are from the end of continuous labelling to the readout of the first slice (PLD), or from the pulse of
    pulsed labelling (TI). `durations` are those of the bolus: of labelling (τ), or until it is cut off (TI1).
    `efficiency` is as stated, whatever it includes. `n_inversions` are the pulses of background suppression, played
    `inversions` s after labelling began. `matrix` has a row for each encoding and a column for each block of labelling
    (+1 control, -1 label), and each block that is played has one of `block_durations` and `block_delays`. Where these
    are `None`, columns are in the order in which they are played, all as long as `durations`, and `delays` are those of
    the last. `slice_times` are counted from the first slice that is read; `None`: all at once, or not recorded.
    `is_spin_echo` is how the echo came about: refocused (3-D GRASE, stacks of spirals), or a gradient echo (2-D EPI).
    `slopes` is by what a vendor's slopes for each series may have multiplied the labelled images against M0, where
    nobody says whether they were undone; `None`: nothing of the kind. `flip_angles` (rad) say that all delays are read
    one after the other after one labelling (Look-Locker), and by how much each readout turns the magnetisation; `None`:
    each delay has a labelling of its own.
    """

    kind: Kind
    volumes: tuple[str, ...]
    delays: Float[np.ndarray, " volumes"]
    durations: Float[np.ndarray, " volumes"]
    efficiency: float | None = None
    is_suppressed: bool | None = None
    n_inversions: int | None = None
    inversions: tuple[float, ...] = ()
    slice_times: Float[np.ndarray, " slices"] | None = None
    is_crushed: bool | None = None
    matrix: Float[np.ndarray, "encodings blocks"] | None = None
    is_order_known: bool = True
    vendor: str = ""
    n_averages: int = 1
    slopes: float | None = None
    is_spin_echo: bool | None = None
    flip_angles: Float[np.ndarray, " volumes"] | None = None
    block_durations: Float[np.ndarray, " played"] | None = None
    block_delays: Float[np.ndarray, " played"] | None = None

    def __post_init__(self) -> None:
        n = len(self.volumes)
        if self.delays.shape != (n,) or self.durations.shape != (n,):
            raise Problem(
                f"{n} volumes have {self.delays.size} delays and {self.durations.size} durations.",
                "Every volume has its own.",
                "Give one delay and one labelling duration for all volumes, or one for each.",
            )
        unknown = sorted(set(self.volumes) - set(VOLUMES))
        if unknown:
            raise Problem(
                f"Volumes are called {', '.join(unknown)}.",
                "It is not known what they show.",
                f"Known are {', '.join(VOLUMES)}.",
            )

    def blocks(self) -> tuple[Float[np.ndarray, " played"], Float[np.ndarray, " played"]]:
        """Delay and duration (s) of each block of a time-encoded series, in the order of the columns that change.

        Raises Problem where its volumes have different ones.
        """
        assert self.matrix is not None
        if self.block_delays is not None and self.block_durations is not None:
            return self.block_delays, self.block_durations
        places = self.of("encoded")
        both = np.stack([self.delays[places], self.durations[places]])
        if np.ptp(both, axis=1).max() > SAME:
            raise Problem(
                "Volumes of the time-encoded series have different delays or labelling durations.",
                "Each volume holds every block: it has no delay of its own.",
                "Give the delay and the duration of the last block, or those of every block.",
            )
        delay, duration = both[:, 0]
        n = int((self.matrix != self.matrix[:1]).any(axis=0).sum())
        return delay + duration * np.arange(n - 1, -1, -1), np.full(n, duration)

    def since_labelling(self) -> Float[np.ndarray, " volumes"]:
        """Time in s from the start of labelling to the readout of the first slice of every volume; NaN of M0."""
        if self.kind == "pasl":
            return self.delays
        if self.matrix is None:
            return np.asarray(self.delays + self.durations)
        delays, durations = self.blocks()
        return np.where(np.isin(self.volumes, ("encoded",)), (delays + durations).max(), np.nan)

    def of(self, *kinds: str) -> np.ndarray:
        """The places of the volumes of these kinds."""
        return np.flatnonzero(np.isin(self.volumes, kinds))


@dataclass(frozen=True, eq=False)
class Calibration:
    """An image of equilibrium (M0) on the grid of the labelled series, and how it was taken; times in s.

    `kind` is where it comes from: a scan of its own, a volume of the series, or the control images. `tr` is the time
    for recovery before it, `flip_angle` (rad) that of its readout. `doubt` is what speaks against its being at
    equilibrium, in words; empty: nothing does.
    """

    values: Float[np.ndarray, "x y z"]
    kind: Literal["separate", "included", "control"]
    tr: float | None
    te: float | None = None
    name: str = "m0"
    flip_angle: float | None = None
    doubt: str = ""


@dataclass(frozen=True, eq=False)
class Labelled:
    """A labelled series with all that belongs to it.

    `m0` is its image of equilibrium where there is one, `blood_m0` a stated equilibrium signal of arterial blood.
    `tr` is the time from volume to volume, `te` the echo time, `field` in T. `echoes` are the later echoes of its
    volumes, each a series of the volumes that are labelled (no M0), in their order.
    """

    series: Series
    labelling: Labelling
    m0: Calibration | None = None
    blood_m0: float | None = None
    echoes: tuple[Series, ...] = ()

    @property
    def tr(self) -> float | None:
        """Time from one volume to the next, in s."""
        return self.series.acquisition.tr

    @property
    def field(self) -> float | None:
        """Field strength in T."""
        return self.series.acquisition.field


@dataclass(frozen=True, eq=False)
class Around:
    """What else is known of the head, on the grid of the series: all of it may be missing.

    `grey`, `white` and `fluid` are shares of each voxel (0 to 1), `t1` a map in s, `att` one of transit times in s from
    another scan. `lesion_share` is how much of each voxel is lesion, where that is known finer than voxels;
    `reflection` takes every place (mm) to the one opposite, where the plane between the sides is known.
    """

    mask: Region | None = None
    lesion: Region | None = None
    grey: Float[np.ndarray, "x y z"] | None = None
    white: Float[np.ndarray, "x y z"] | None = None
    fluid: Float[np.ndarray, "x y z"] | None = None
    t1: Float[np.ndarray, "x y z"] | None = None
    att: Float[np.ndarray, "x y z"] | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    lesion_share: Float[np.ndarray, "x y z"] | None = None
    reflection: Float[np.ndarray, "4 4"] | None = None

    @property
    def share_of_lesion(self) -> Float[np.ndarray, "x y z"] | None:
        """How much of each voxel is lesion: all of those of its mask where nothing finer is known; None without one."""
        if self.lesion is None or self.lesion_share is not None:
            return self.lesion_share
        return self.lesion.mask.astype(np.float32)
