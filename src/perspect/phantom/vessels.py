"""The large arteries and veins of the standard head, as tubes along curves.

Places in mm of the standard head; radii in mm at its size, after the mean diameters of anatomy: internal carotid 4-5,
M1 2.5-3, A1 2, basilar 3-3.5, P1 2 mm (Krabbe-Hartkamp et al. 1998, Radiology 207:103).
"""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Final

import numpy as np
from jaxtyping import Float, Float32

from perspect.phantom.canvas import Canvas, shared
from perspect.phantom.geometry import Point, Tube
from perspect.phantom.lookup import looked_up
from perspect.phantom.patient import Compartment
from perspect.vocabulary import Grid

Course = tuple[tuple[float, float], tuple[Point, ...]]
"""Radius at the start and at the end, and the points in between."""

ARTERIES: Final[tuple[Course, ...]] = (
    ((2.3, 2.0), ((26.0, -10.0, -82.0), (27.0, -14.0, -58.0), (24.0, -11.0, -48.0), (15.0, -3.0, -40.0),
                  (12.0, 5.0, -33.0), (12.0, 10.0, -27.0), (11.0, 6.0, -22.0), (12.0, 3.0, -18.0))),
    ((1.1, 1.0), ((12.0, 3.0, -18.0), (7.0, 9.0, -17.0), (2.0, 14.0, -14.0))),
    ((1.1, 0.8), ((2.0, 14.0, -14.0), (2.0, 28.0, -12.0), (2.0, 38.0, 0.0), (2.0, 36.0, 16.0), (2.0, 22.0, 29.0),
                  (2.0, 0.0, 34.0), (2.0, -22.0, 33.0))),
    ((0.9, 0.7), ((2.0, 38.0, 0.0), (3.0, 48.0, 16.0), (3.0, 44.0, 34.0), (3.0, 26.0, 48.0))),
    ((1.4, 1.2), ((12.0, 3.0, -18.0), (20.0, 4.0, -20.0), (28.0, 5.0, -18.0), (36.0, 4.0, -14.0))),
    ((1.1, 0.7), ((36.0, 4.0, -14.0), (41.0, 8.0, -5.0), (41.0, 8.0, 6.0), (43.0, 0.0, 15.0), (55.0, -2.0, 21.0),
                  (62.0, -8.0, 28.0))),
    ((1.1, 0.7), ((36.0, 4.0, -14.0), (42.0, -5.0, -8.0), (43.0, -18.0, 2.0), (47.0, -30.0, 11.0), (60.0, -38.0, 17.0),
                  (60.0, -52.0, 24.0))),
    ((0.7, 0.6), ((11.0, 5.0, -20.0), (11.0, -4.0, -20.0), (10.0, -13.0, -18.0))),
    ((1.2, 0.8), ((0.0, -13.0, -20.0), (8.0, -13.0, -18.0), (18.0, -21.0, -16.0), (20.0, -33.0, -9.0),
                  (14.0, -48.0, -3.0), (10.0, -66.0, 2.0), (12.0, -84.0, 5.0))),
    ((1.5, 1.4), ((16.0, -42.0, -82.0), (8.0, -33.0, -68.0), (0.0, -27.0, -59.0))),
)  # fmt: skip
"""On each side: carotid, A1, A2 and pericallosal, callosomarginal, M1, upper and lower M2 to M4, posterior
communicating, posterior cerebral, vertebral."""

MIDLINE_ARTERIES: Final[tuple[Course, ...]] = (
    ((1.7, 1.6), ((0.0, -27.0, -59.0), (0.0, -16.0, -46.0), (0.0, -9.0, -34.0), (0.0, -13.0, -20.0))),
    ((0.8, 0.8), ((-2.0, 14.0, -14.0), (0.0, 14.5, -14.0), (2.0, 14.0, -14.0))),
)
"""Basilar, anterior communicating."""

VEINS: Final[tuple[Course, ...]] = (
    ((3.2, 3.2), ((0.0, -95.0, -17.0), (24.0, -92.0, -22.0), (44.0, -75.0, -28.0), (55.0, -52.0, -32.0),
                  (50.0, -42.0, -43.0), (40.0, -38.0, -55.0), (30.0, -32.0, -66.0), (28.0, -24.0, -82.0))),
    ((0.8, 1.1), ((1.6, -4.0, 14.0), (1.6, -18.0, 14.5), (1.6, -32.0, 11.0), (0.0, -43.0, 8.0))),
    ((1.0, 1.2), ((60.0, -24.0, 10.0), (55.0, 2.0, 0.0), (46.0, 18.0, -10.0), (30.0, 12.0, -24.0))),
    ((0.8, 1.2), ((10.0, -4.0, -18.0), (18.0, -18.0, -15.0), (14.0, -36.0, -4.0), (0.0, -43.0, 8.0))),
)  # fmt: skip
"""On each side: transverse and sigmoid sinus, internal cerebral, Sylvian, basal vein."""

MIDLINE_VEINS: Final[tuple[Course, ...]] = (
    ((1.8, 2.2), ((0.0, -43.0, 8.0), (0.0, -49.0, 8.0), (0.0, -66.0, -3.0), (0.0, -84.0, -13.0), (0.0, -95.0, -17.0))),
)
"""Vein of Galen and straight sinus."""

PIECE: Final = 4.0
"""Length of the straight pieces of a vessel, in mm. [our default]"""

_SAGITTAL: Final = (1.8, 3.8)
_CORTICAL: Final = (48.0, 24.0, 2.0, -22.0, -46.0, -70.0)

Outside = Callable[[Float[np.ndarray, "axis points"]], Float[np.ndarray, " points"]]
"""How far points are outside the brain's cover, in mm."""


def pour_vessels(canvas: Canvas, cover: tuple[Float32[np.ndarray, "x y z"], Grid], rng: np.random.Generator) -> None:
    """Pour veins, then arteries; those that cross a surface share its voxels. Cortical veins lie anew in each head."""

    def outside(points: Float[np.ndarray, "axis points"]) -> Float[np.ndarray, " points"]:
        return looked_up(*cover, points.astype(np.float32)).astype(float)

    veins = [*_sided(VEINS), *MIDLINE_VEINS, _sagittal_sinus(outside), *_cortical_veins(outside, rng)]
    pour_courses(canvas, Compartment.VEIN, veins)
    pour_courses(canvas, Compartment.ARTERY, [*_sided(ARTERIES), *MIDLINE_ARTERIES])


def pour_courses(canvas: Canvas, compartment: Compartment, courses: list[Course]) -> None:
    """Pour the tubes along some curves; where two meet, a voxel is as full as the fuller of the two."""
    full = np.zeros(canvas.grid.shape[::-1], np.float32).T
    for (first, last), points in courses:
        curve = _smooth(np.array(points), max(PIECE, 2.0 * canvas.voxel))
        radii = np.linspace(first, last, len(curve))
        for (a, b), radius in zip(pairwise(curve), radii[1:], strict=True):
            box, depth = canvas.depth(Tube(_point(a), _point(b), float(radius)))
            full[box] = np.maximum(full[box], shared(depth, canvas.voxel))
    everywhere = (slice(None), slice(None), slice(None))
    canvas.pour(compartment, everywhere, full)


def _sided(courses: tuple[Course, ...]) -> Iterator[Course]:
    for radii, points in courses:
        for side in (1.0, -1.0):
            yield radii, tuple((side * x, y, z) for x, y, z in points)


def _sagittal_sinus(outside: Outside) -> Course:
    """Along the midline on the cover of the brain, from the brow over the vertex to the confluence; wider behind."""
    angles = np.deg2rad(np.linspace(5.0, 196.0, 24))
    directions = np.stack([0.0 * angles, np.cos(angles), np.sin(angles)])
    points = _on_cover(outside, np.array([0.0, -18.0, 8.0]), directions, 0.5)
    return _SAGITTAL, (*(_point(one) for one in points), (0.0, -95.0, -17.0))


def _cortical_veins(outside: Outside, rng: np.random.Generator) -> Iterator[Course]:
    """Over the convexity up to the sagittal sinus, a little forward where they enter it."""
    for y in _CORTICAL:
        for side in (1.0, -1.0):
            steps = np.linspace(rng.uniform(20.0, 45.0), 88.0, 8)
            angles = np.deg2rad(steps)
            directions = np.stack([side * np.cos(angles), rng.normal(0.0, 0.04, 8), np.sin(angles)])
            centre = np.array([0.0, y + rng.normal(0.0, 5.0), 5.0])
            yield (0.8, 1.4), tuple(_point(one) for one in _on_cover(outside, centre, directions, -1.0))


def _on_cover(
    outside: Outside, centre: Float[np.ndarray, " 3"], directions: Float[np.ndarray, "3 rays"], above: float
) -> Float[np.ndarray, "rays 3"]:
    """Where rays from a centre within the brain come through its cover, and `above` mm further out."""
    steps = np.arange(10.0, 140.0, 0.5)
    along = centre[:, None, None] + directions[:, :, None] * steps
    is_out = (outside(along.reshape(3, -1)) > above).reshape(directions.shape[1], -1)
    return np.asarray((centre[:, None] + directions * steps[is_out.argmax(axis=1)]).T)


def _smooth(points: Float[np.ndarray, "points 3"], piece: float) -> Float[np.ndarray, "more 3"]:
    """A Catmull-Rom curve through the points, in straight pieces of about that length in mm."""
    ends = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    curve = [points[:1]]
    for p0, p1, p2, p3 in zip(ends, ends[1:], ends[2:], ends[3:], strict=False):
        n = max(int(np.linalg.norm(p2 - p1) // piece), 1)
        t = np.linspace(0.0, 1.0, n + 1)[1:, None]
        curve.append(
            0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)
        )
    return np.concatenate(curve)


def _point(at: Float[np.ndarray, " 3"]) -> Point:
    return float(at[0]), float(at[1]), float(at[2])
