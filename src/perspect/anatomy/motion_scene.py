"""What stays the same while a series is aligned: the part that is looked at, its axes, what volumes are aligned to."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count, product
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int
from scipy import ndimage

from perspect.anatomy import resample
from perspect.numerics import rigid
from perspect.vocabulary import Problem, Series

MARGIN: Final = 10.0
"""mm around the mask that take part in the alignment: the outline of the head and tissue that sees no bolus."""

BEYOND: Final = 4
"""Voxels beyond the margin that a volume is cut down to: so far the outermost points can move and still be seen."""

FLOOR: Final = 0.05
"""Signal relative to the mean in the mask below which a point is background."""

ENOUGH: Final = 15_000
"""Points of the fine pass. Of up to six times as many they are a regular part: more hardly change what is found."""

ENOUGH_COARSE: Final = 5_000
"""Points that find the way, likewise."""

FEWEST: Final = 200
"""Points without which no alignment is tried."""

SLICES: Final = 4
"""Slices that it takes to tell motion across them; with fewer only motion within the slice is estimated."""

MANY: Final = 12
"""Slices from which on they are smoothed across."""

ACROSS: Final = 1 / 3
"""Variance of the smoothing across slices, in squared slices."""

IN_PLANE: Final = (2, 3, 4)
"""Rotation about the slice normal and the two translations within the slice."""


@dataclass(frozen=True, eq=False)
class Scene:
    """What stays the same while a series is aligned. Volumes and indices are in memory order: slices, rows, columns.

    `near` is the part of a volume that is looked at, to which `space` belongs; `place` and `box` are the points of the
    mask and the corners of its box in mm from the centre.
    """

    series: Series
    mask: Bool[np.ndarray, "x y z"]
    near: resample.Box
    space: rigid.Space
    axes: Float[np.ndarray, "3 3"]
    centre: Float[np.ndarray, " 3"]
    place: Float[np.ndarray, "3 voxels"]
    box: Float[np.ndarray, "3 8"]
    free: tuple[int, ...]
    tick: Callable[[], None]

    def signal(self, frame: int, part: resample.Box = resample.WHOLE) -> Float32[np.ndarray, "z2 y2 x2"]:
        """The signal of one volume or a part of it: the stored numbers in their scale (which may be the series itself:
        not to be changed).
        """
        stored = np.ascontiguousarray(self.series.values[..., frame].T[part], np.float32)
        if self.series.slope == 1.0 and self.series.intercept == 0.0:
            return stored
        return stored * np.float32(self.series.slope) + np.float32(self.series.intercept)

    def smooth(self, volume: Float32[np.ndarray, "z y x"]) -> Float32[np.ndarray, "z y x"]:
        """A volume without the noise and detail that linear interpolation cannot follow.

        Across slices and within them alike in mm: smoothing that is not round stays with the image when the head
        turns, and a turn by 40 mrad would be seen too small by 4.
        """
        width, height, thickness = self.series.grid.spacing
        if not self.has_edge_slices:
            return rigid.smoothed(volume, (0, 1, 1))
        return rigid.smoothed(volume, (ACROSS, ACROSS * (thickness / height) ** 2, ACROSS * (thickness / width) ** 2))

    def dense(self, volume: Float32[np.ndarray, "z y x"]) -> Float32[np.ndarray, "z2 y x"]:
        """A smooth volume with slices put between its slices, so that reading between them errs less."""
        return rigid.between(volume) if self.is_stack else volume

    @property
    def is_stack(self) -> bool:
        """Whether motion across the slices is estimated."""
        return len(self.free) == 6

    @property
    def has_edge_slices(self) -> bool:
        """Whether there are slices enough to smooth across them and do without the outermost two, where that fails."""
        return self.is_stack and self.mask.shape[2] >= MANY

    def in_scanner(self, motion: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
        """The motion in scanner coordinates."""
        out = np.eye(4)
        out[:3, :3] = self.axes @ motion[:3, :3] @ self.axes.T
        out[:3, 3] = self.axes @ motion[:3, 3] + self.centre - out[:3, :3] @ self.centre
        return out

    def index_matrix(self, motion: Float[np.ndarray, "4 4"]) -> Float[np.ndarray, "4 4"]:
        """The motion in voxel indices (i, j, k) of the whole volume."""
        out = np.eye(4)
        origin = self.space.origin + [part.start for part in self.near]
        turn = self.space.to_index @ motion[:3, :3] @ np.linalg.inv(self.space.to_index)
        shift = self.space.to_index @ motion[:3, 3] + origin - turn @ origin
        out[:3, :3], out[:3, 3] = turn[::-1, ::-1], shift[::-1]
        return out


@dataclass(frozen=True, eq=False)
class Target:
    """What volumes are aligned to: pixels of twice the size, which find the way, then those of the smooth `image`.

    `points` and `coarse_points` are the indices of either in what is looked at of the volumes; `reference` is the whole
    image before smoothing.
    """

    coarse: rigid.Template
    fine: rigid.Template
    image: Float32[np.ndarray, "z y x"]
    points: Int[np.ndarray, "3 points"]
    coarse_points: Int[np.ndarray, "3 coarse"]
    reference: Float32[np.ndarray, "slices rows columns"]


def scene_of(
    series: Series, mask: Bool[np.ndarray, "x y z"], progress: Callable[[int, int], None] | None, n_steps: int
) -> Scene:
    """A series and its mask made ready; `progress` is told of each of `n_steps`. Raises `Problem` for a wrong mask."""
    if mask.shape != series.grid.shape or not mask.any():
        raise Problem(
            f"{series.name}: the mask has {int(mask.sum())} voxels in shape {mask.shape}.",
            "Motion is measured inside it.",
            f"Give a mask of shape {series.grid.shape} with voxels in it.",
        )
    affine = series.grid.affine
    left, _, right = np.linalg.svd(affine[:3, :3] / np.array(series.grid.spacing))
    axes = left @ right
    inside = np.array(np.nonzero(mask))
    middle = inside.mean(axis=1)
    to_mm = axes.T @ affine[:3, :3]
    corners = np.array(list(product(*zip(inside.min(axis=1), inside.max(axis=1), strict=True)))).T
    done = count(1)
    width, height = (round(MARGIN / size) + BEYOND for size in series.grid.spacing[:2])
    near = resample.box(mask.T, (mask.shape[2], height, width))
    return Scene(
        series,
        mask,
        near,
        rigid.Space(np.linalg.inv(to_mm)[::-1], middle[::-1] - [part.start for part in near]),
        axes,
        affine[:3, :3] @ middle + affine[:3, 3],
        to_mm @ (inside - middle[:, None]),
        to_mm @ (corners - middle[:, None]),
        tuple(range(6)) if mask.shape[2] >= SLICES else IN_PLANE,
        (lambda: None) if progress is None else (lambda: progress(next(done), n_steps)),
    )


def target_of(scene: Scene, reference: Float32[np.ndarray, "z y x"]) -> Target:
    """The templates of a reference: points are the mask and what lies near it, but not the outermost samples."""
    near = [round(MARGIN / size) for size in scene.series.grid.spacing[:2]]
    region = ndimage.binary_dilation(scene.mask.any(axis=2), np.ones([2 * n + 1 for n in near]))
    region = (np.broadcast_to(region.T, reference.shape) & (reference > FLOOR * reference[scene.mask.T].mean()))[
        scene.near
    ]
    if scene.has_edge_slices:
        region[[0, -1]] = False
    region[:, [0, 1, -2, -1]] = region[:, :, [0, 1, -2, -1]] = False
    points = _part(np.array(np.nonzero(region)), ENOUGH)
    half = _part(np.array(np.nonzero(region[:, ::2, ::2][:, :-1, :-1])), ENOUGH_COARSE)
    if points.shape[1] < FEWEST:
        raise Problem(
            f"{scene.series.name}: only {points.shape[1]} voxels in and around the mask have signal at rest.",
            "Motion cannot be measured with so few.",
            "Give a mask that covers the brain, or leave motion uncorrected (--no-motion).",
        )
    image = scene.smooth(reference[scene.near])
    space, where = (scene.space.between(), np.array([[2], [1], [1]])) if scene.is_stack else (scene.space, 1)
    return Target(
        rigid.template(coarse(image), half, scene.space.halved(), scene.free),
        rigid.template(scene.dense(image), points * where, space, scene.free),
        image,
        points,
        half * np.array([[1], [2], [2]]),
        reference,
    )


def _part(points: Int[np.ndarray, "3 points"], enough: int) -> Int[np.ndarray, "3 fewer"]:
    """Every second (third ... sixth) point, on planes through the volume, if enough are left."""
    every = min(max(points.shape[1] // enough, 1), 6)
    return points[:, (points[0] + points[1] + 2 * points[2]) % every == 0]


def coarse(smooth: Float32[np.ndarray, "z y x"]) -> Float32[np.ndarray, "z y2 x2"]:
    """A smooth volume with pixels of twice the size."""
    return rigid.smoothed(rigid.halved(smooth), (0, 1, 1))
