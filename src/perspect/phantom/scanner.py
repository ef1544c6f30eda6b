"""From signals of pure tissue to stored images: partial volume, coils, dephasing, motion, drift, noise."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Float, Num
from scipy import sparse

from perspect.numerics.parallel import spans
from perspect.phantom.kinds import Kinds, kinds_of
from perspect.phantom.mixing import Varieties, alike, mixing
from perspect.phantom.patient import Compartment, Part, Patient
from perspect.phantom.receiver import Channels, dephased, magnitude, received, received_gain, stored
from perspect.phantom.sampled import Sampled, sampled
from perspect.phantom.sequence import AT_REST, Moved, poses
from perspect.phantom.truth import truth
from perspect.vocabulary import Grid

WHITE_LEVEL: Final = 1000.0
"""What healthy white matter shows in the image that sets the scale, so that whole numbers cost little."""

ROOM: Final = 9.0
"""How far a head that moves is prepared to be carried, at the corners of the grid, in mm."""

_BLOCK: Final = 12
Rows = Float[np.ndarray, "volumes rows"]
VarietiesOf = Varieties | Callable[[tuple[Part, ...]], Varieties]


@dataclass(frozen=True, eq=False)
class Scanner:
    """A patient made ready for one sequence: what its signals of pure kinds become."""

    patient: Patient
    grid: Grid
    kinds: Kinds
    margin: float = 0.0

    @cached_property
    def ready(self) -> Sampled:
        """What the voxels are asked for once they are not those of the patient itself."""
        return sampled(self.patient, self.grid, self.margin)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """What fills the voxels with the head at rest."""
        return self.patient.parts if self.grid is self.patient.grid else self.ready.parts()

    @cached_property
    def field_offset(self) -> tuple[Float[np.ndarray, "x y z"], Float[np.ndarray, "axis x y z"]]:
        """Off-resonance, and how it changes across each voxel (ppm), with the head at rest."""
        return self.ready.field_offset()

    @property
    def everywhere_alike(self) -> Varieties:
        """For signals that depend on nothing but the kind."""
        return alike(self.grid)

    def white(self, signal: Float[np.ndarray, "*varieties kinds"]) -> float:
        """What healthy white matter shows, on average."""
        return float(signal[..., self.kinds.of(Compartment.WHITE)].mean())

    def movie(
        self, signal: Rows, varieties: VarietiesOf, receives: "Receives", motion: tuple[Moved, ...] = ()
    ) -> Num[np.ndarray, "x y z volumes"]:
        """One image for every row of signals over (variety, kind), with the head where it was.

        `varieties` may be asked of what fills the voxels, where they go with the head.
        """
        n = int(np.prod(self.grid.shape))
        stack = np.empty((signal.shape[0], n), np.int16 if receives.is_rounded else np.float32)
        for volume, channels in self.channels(signal, varieties, receives, motion):
            image = magnitude(channels)
            stack[volume] = stored(image) if receives.is_rounded else image
        return stack.reshape(signal.shape[0], *self.grid.shape[::-1]).T

    def channels(
        self, signal: Rows, varieties: VarietiesOf, receives: "Receives", motion: tuple[Moved, ...] = ()
    ) -> Iterator[tuple[int, Channels]]:
        """Every volume of `movie` as it is received: along the signal and across it."""
        coils = np.float32(receives.scale) * received_gain(self.patient, self.grid)
        for volumes, pose in poses(motion, signal.shape[0]):
            moved = None if pose == AT_REST else np.array(pose)
            gain = coils
            if receives.te is not None:
                across = (self.field_offset if moved is None else self.ready.field_offset(moved))[1]
                gain = coils * dephased(across, self.kinds.field, receives.te)
            parts = self.parts if moved is None else self.ready.parts(moved)
            there = varieties(parts) if callable(varieties) else varieties
            mix = mixing(parts, self.kinds, there, gain)
            for volume, exact in exact_images(mix, signal, volumes):
                yield volume, received(exact, receives.sigma, receives.rng)

    def mean(self, values: Float[np.ndarray, " kinds"]) -> Float[np.ndarray, "x y z"]:
        """A property of kinds, averaged over what fills each voxel, with the head at rest."""
        n = int(np.prod(self.grid.shape))
        mix = mixing(self.parts, self.kinds, self.everywhere_alike, np.ones(n, np.float32))
        return np.asarray(mix @ values.astype(np.float32)).reshape(self.grid.shape, order="F")

    def truths(self, keys: tuple[str, ...]) -> dict[str, Float[np.ndarray, "x y z"]]:
        """True maps on the grid, with the head at rest."""
        return {key: truth(self.patient, key, self.grid, self.parts) for key in keys}


@dataclass(frozen=True, eq=False)
class Receives:
    """How images are stored: times `scale`, with noise of standard deviation `sigma`, in whole numbers or not.

    `te` (s) is that of a gradient echo, which loses signal where the field is uneven; None of a spin echo, which does
    not.
    """

    scale: float
    sigma: float
    rng: np.random.Generator
    te: float | None = None
    is_rounded: bool = True


def scanner(patient: Patient, grid: Grid, field: float, motion: tuple[Moved, ...] = ()) -> Scanner:
    """The patient made ready for a grid, at a field in T; for a head that moves, with room to move."""
    return Scanner(patient, grid, kinds_of(patient, field), ROOM if motion else 0.0)


def exact_images(
    mix: sparse.csr_array, signal: Rows, volumes: range
) -> Iterator[tuple[int, Float[np.ndarray, " voxels"]]]:
    """Every volume without noise; several in one product, since the matrix is read once for all of them."""
    for first in range(volumes.start, volumes.stop, _BLOCK):
        block = range(first, min(first + _BLOCK, volumes.stop))
        exact = mix @ np.ascontiguousarray(signal[block.start : block.stop].T, np.float32)
        volumes_first = np.empty(exact.shape[::-1], np.float32)
        for piece in spans(exact.shape[0]):  # to turn it a piece at a time keeps to the cache
            volumes_first[:, piece] = exact[piece].T
        yield from zip(block, volumes_first, strict=True)


def drifting(n: int, drift: float) -> Float[np.ndarray, "volumes one"]:
    """A factor for each volume that changes evenly by `drift` from the first to the last."""
    return np.linspace(1.0, 1.0 + drift, n, dtype=np.float32)[:, None]


def motion_columns(motion: tuple[Moved, ...], n: int) -> dict[str, Float[np.ndarray, " volumes"]]:
    """The pose of the head in every volume (mm, rad), if it moved."""
    if not motion:
        return {}
    rows = np.concatenate([np.tile(pose, (len(volumes), 1)) for volumes, pose in poses(motion, n)])
    names = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
    return {name: rows[:, i] for i, name in enumerate(names)}
