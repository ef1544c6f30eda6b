"""The shapes of the virtual head, in mm of scanner space (x to the right, y to the front, z to the top)."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Final

import numpy as np
from jaxtyping import Float, Int


class Tissue(IntEnum):
    """What a voxel mostly is; the label map holds these numbers."""

    AIR = 0
    SCALP = 1
    SKULL = 2
    CSF = 3
    GREY = 4
    WHITE = 5
    OEDEMA = 6
    RIM = 7
    NECROSIS = 8
    ARTERY = 9
    VEIN = 10


Point = tuple[float, float, float]
Coordinates = tuple[Float[np.ndarray, "*voxels"], Float[np.ndarray, "*voxels"], Float[np.ndarray, "*voxels"]]


@dataclass(frozen=True)
class Ellipsoid:
    """An ellipsoid by its centre and half axes."""

    centre: Point
    axes: Point

    @property
    def box(self) -> tuple[Point, Point]:
        """Two opposite corners of what holds it."""
        (x, y, z), (a, b, c) = self.centre, self.axes
        return (x - a, y - b, z - c), (x + a, y + b, z + c)

    def depth(self, x: Coordinates) -> Float[np.ndarray, "*voxels"]:
        """How far inside the surface points lie, in mm (first order near the surface; negative outside)."""
        scaled = [(one - c) / a for one, c, a in zip(x, self.centre, self.axes, strict=True)]
        level = np.sqrt(sum(one**2 for one in scaled))
        steepness = np.sqrt(sum((one / a) ** 2 for one, a in zip(scaled, self.axes, strict=True)))
        nearest: Float[np.ndarray, "*voxels"] = (1.0 - level) * np.maximum(level, 1e-3) / np.maximum(steepness, 1e-6)
        return nearest


@dataclass(frozen=True)
class Tube:
    """A straight vessel with round ends."""

    start: Point
    end: Point
    radius: float

    @property
    def box(self) -> tuple[Point, Point]:
        """Two opposite corners of what holds it."""
        low = tuple(min(a, b) - self.radius for a, b in zip(self.start, self.end, strict=True))
        high = tuple(max(a, b) + self.radius for a, b in zip(self.start, self.end, strict=True))
        return (low[0], low[1], low[2]), (high[0], high[1], high[2])

    def depth(self, x: Coordinates) -> Float[np.ndarray, "*voxels"]:
        """How far inside the wall points lie, in mm; negative outside."""
        along = np.subtract(self.end, self.start)
        away = [one - a for one, a in zip(x, self.start, strict=True)]
        at = np.clip(sum(one * d for one, d in zip(away, along, strict=True)) / (along @ along), 0.0, 1.0)
        inside: Float[np.ndarray, "*voxels"] = self.radius - np.sqrt(
            sum((one - at * d) ** 2 for one, d in zip(away, along, strict=True))
        )
        return inside


Layer = tuple[Tissue, Ellipsoid | Tube]
LESION: Final[Point] = (30.0, -14.0, 12.0)


def layers(voxel: float) -> tuple[Layer, ...]:
    """What the head is made of; each covers those before it. Vessels are wide enough for a `voxel` (mm) within."""
    artery, vein = max(2.2, 1.25 * voxel), max(4.0, 1.25 * voxel)
    angles = np.deg2rad(np.linspace(30.0, 190.0, 9))
    sinus = [(0.0, float(84.0 * np.cos(a)), float(56.0 * np.sin(a))) for a in angles]
    return (
        (Tissue.SCALP, Ellipsoid((0.0, 0.0, 0.0), (78.0, 96.0, 72.0))),
        (Tissue.SKULL, Ellipsoid((0.0, 0.0, 0.0), (72.0, 90.0, 66.0))),
        (Tissue.CSF, Ellipsoid((0.0, 0.0, 0.0), (67.0, 84.0, 58.0))),
        (Tissue.GREY, Ellipsoid((0.0, 0.0, 0.0), (64.0, 81.0, 55.0))),
        *((Tissue.WHITE, Ellipsoid((side * 29.0, 0.0, 2.0), (25.0, 60.0, 38.0))) for side in (-1.0, 1.0)),
        (Tissue.OEDEMA, Ellipsoid(LESION, (22.0, 24.0, 20.0))),
        (Tissue.RIM, Ellipsoid(LESION, (16.0, 17.0, 15.0))),
        (Tissue.NECROSIS, Ellipsoid(LESION, (8.5, 9.0, 8.0))),
        *((Tissue.CSF, Ellipsoid((side * 9.0, 2.0, 8.0), (5.0, 26.0, 9.0))) for side in (-1.0, 1.0)),
        *(
            (Tissue.ARTERY, Tube((side * a[0], a[1], a[2]), (side * b[0], b[1], b[2]), artery))
            for side in (-1.0, 1.0)
            for a, b in (
                ((10.0, 14.0, -52.0), (10.0, 14.0, -20.0)),
                ((10.0, 14.0, -20.0), (36.0, 20.0, -17.0)),
                ((36.0, 20.0, -17.0), (54.0, 2.0, -8.0)),
                ((54.0, 2.0, -8.0), (58.0, -22.0, 4.0)),
                ((4.0, 20.0, -20.0), (4.0, 52.0, 2.0)),
            )
        ),
        *((Tissue.VEIN, Tube(a, b, vein)) for a, b in pairwise(sinus)),
    )


def mixture(
    x: Coordinates, spacing: tuple[float, float, float]
) -> Iterator[tuple[Tissue, Int[np.ndarray, " inside"], Float[np.ndarray, " inside"]]]:
    """For every tissue the voxels that have some, and the fraction of their volume that it fills.

    A surface that crosses a voxel divides it in proportion to the depth of its centre. Vessels are thinner than a
    slice: they are looked at on several levels within it.
    """
    voxel = float(np.sqrt(spacing[0] * spacing[1]))
    fractions = {tissue: np.zeros(x[0].size, np.float32) for tissue in Tissue}
    fractions[Tissue.AIR][:] = 1.0
    for tissue, shape in layers(voxel):
        near = _near(x, shape.box, spacing)
        here = (x[0][near], x[1][near], x[2][near])
        inside = np.mean(
            [np.clip(0.5 + shape.depth(at) / voxel, 0.0, 1.0) for at in _levels(here, shape, spacing[2])], axis=0
        )
        for fraction in fractions.values():
            fraction[near] *= 1.0 - inside
        fractions[tissue][near] += inside
    for tissue, fraction in fractions.items():
        some = np.flatnonzero(fraction > 1e-4)
        yield tissue, some, fraction[some]


def _levels(x: Coordinates, shape: Ellipsoid | Tube, thickness: float) -> Iterator[Coordinates]:
    offsets = (
        thickness * np.array([-0.4, -0.2, 0.0, 0.2, 0.4], np.float32) if isinstance(shape, Tube) else [np.float32(0)]
    )
    for offset in offsets:
        yield x[0], x[1], x[2] + offset


def _near(x: Coordinates, box: tuple[Point, Point], margin: tuple[float, float, float]) -> Int[np.ndarray, " near"]:
    hit = np.ones(x[0].size, bool)
    for one, low, high, more in zip(x, *box, margin, strict=True):
        hit &= (one > low - more) & (one < high + more)
    return np.flatnonzero(hit)


def texture(x: Coordinates, wavelength: float, phase: float) -> Float[np.ndarray, "*voxels"]:
    """A smooth pattern between 0 and 1 with details of `wavelength` in mm: how tissue varies from place to place."""
    k = np.float32(2.0 * np.pi / wavelength)
    a, b, c = (one * k for one in x)
    pattern: Float[np.ndarray, "*voxels"] = 0.5 + (
        np.sin(a + 0.7 * b + phase) + np.sin(b + 0.8 * c + 2.1 * phase) + np.sin(c - 0.6 * a + 3.3 * phase)
    ) / np.float32(6.0)
    return pattern
