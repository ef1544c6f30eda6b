"""What a scan is to a virtual patient: where it looks, what it is given, and what it gives back.

A sequence is a frozen value that knows how to acquire. Files, names and sidecars are none of its business.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
from jaxtyping import Float, Shaped

from perspect.phantom.patient import Patient
from perspect.phantom.rotation import rotation
from perspect.vocabulary import Grid, Region, Spectra

CIRCULATION: Final = 12.0
"""Seconds from the start of an injection in the arm to the arteries of the brain. [our default]"""

Pose = tuple[float, float, float, float, float, float]
"""How far a head has moved: x, y, z in mm, then turns about x, y, z in rad."""

AT_REST: Final[Pose] = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Slab:
    """Where a scan looks: voxels (mm) about the centre of the brain, `up` mm higher, turned about x and z (rad)."""

    shape: tuple[int, int, int]
    voxel: tuple[float, float, float]
    tilt: float = 0.0
    turn: float = 0.0
    up: float = 0.0

    def grid(self, patient: Patient) -> Grid:
        """The grid for a patient, as a radiographer would lay it."""
        affine = np.eye(4)
        affine[:3, :3] = rotation(np.array([self.tilt, 0.0, self.turn])) @ np.diag(self.voxel)
        middle = brain_centre(patient) + np.array([0.0, 0.0, self.up])
        affine[:3, 3] = middle - affine[:3, :3] @ ((np.array(self.shape) - 1.0) / 2.0)
        return Grid(self.shape, affine)


def brain_centre(patient: Patient) -> Float[np.ndarray, " 3"]:
    """The middle of the box that holds the brain, in mm."""
    mask = patient.regions["brain"].mask
    ends = [np.flatnonzero(mask.any(axis=axes))[[0, -1]] for axes in ((1, 2), (0, 2), (0, 1))]
    return np.asarray((patient.grid.affine @ np.array([*np.mean(ends, axis=1), 1.0]))[:3])


@dataclass(frozen=True)
class Injection:
    """Agent given into a vein: when it starts, in s from the first recorded image, and how much of the usual dose.

    `arriving` is the share of it that comes to the blood: a protocol says what was given, not what leaked beside it.
    """

    start: float
    dose: float = 1.0
    arriving: float = 1.0

    @property
    def arrival(self) -> float:
        """When it comes to the arteries of the brain, in s."""
        return self.start + CIRCULATION


@dataclass(frozen=True)
class Moved:
    """From volume `volume` on, the head is at `pose`, until it moves again."""

    volume: int
    pose: Pose


@dataclass(frozen=True, eq=False)
class Image:
    """One image, as a scanner would store it: a volume, or volumes with the time (s) at which each was begun.

    `kind` says what it shows (dsc, dce, vfa, ...), `number` which echo or flip angle it is, counted from 1, where there
    are several.
    """

    kind: str
    values: Shaped[np.ndarray, "x y z *volumes"]
    grid: Grid
    times: Float[np.ndarray, " volumes"] | None = None
    number: int | None = None


@dataclass(frozen=True, eq=False)
class Signal:
    """Signals in time, as a spectrometer would store them; `kind` says which (svs, mrsref, mrsi)."""

    kind: str
    spectra: Spectra


@dataclass(frozen=True, eq=False)
class Acquired:
    """What one sequence gave: its images or signals, and what is true on its grid, with the head at rest.

    `truth` holds maps in inside units (NaN where they mean nothing), `regions` the true regions. `table` has a column
    for what differs from volume to volume (`volume_type` of labelled images) and for what drove them (`arterial`, mM).
    `traps` says what each trap that was set did, by its name: fields of the protocol as they became, or places.
    """

    sequence: "Sequence"
    images: tuple[Image, ...]
    grid: Grid
    truth: Mapping[str, Float[np.ndarray, "x y z"]]
    regions: Mapping[str, Region]
    table: Mapping[str, Shaped[np.ndarray, " volumes"]] = field(default_factory=dict)
    signals: tuple[Signal, ...] = ()
    traps: Mapping[str, Mapping[str, object]] = field(default_factory=dict)


class Sequence(ABC):
    """A promise: a frozen protocol, in s, rad, T and mm, that acquires from a patient."""

    name: str

    @abstractmethod
    def acquire(self, patient: Patient, rng: np.random.Generator) -> Acquired:
        """The images of a patient, with noise from `rng`, and the truth on their grid."""


def poses(motion: tuple[Moved, ...], n_volumes: int) -> list[tuple[range, Pose]]:
    """Runs of volumes during which the head did not move, each with where it was."""
    starts = {0: AT_REST, **{one.volume: one.pose for one in motion if one.volume < n_volumes}}
    at = [*sorted(starts), n_volumes]
    return [(range(a, b), starts[a]) for a, b in pairwise(at)]
