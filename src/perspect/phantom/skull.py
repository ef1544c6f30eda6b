"""Everything of a head that is not brain: its outline, scalp and fat, bone, the orbits, and the air of the skull base.

Places are those of the standard head in mm (anterior commissure at the origin, x to the right, y to the front, z up).
"""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from perspect.phantom.canvas import Canvas, shared
from perspect.phantom.geometry import Ellipsoid, Point, Tube
from perspect.phantom.patient import Compartment
from perspect.vocabulary import Grid, Template

FLUID: Final = 2.0
BONE: Final = (6.5, 1.2)
SCALP: Final = (6.0, 1.0)
"""Thickness in mm: of the fluid beyond the standard brain, of the bone and of the scalp (mean, standard deviation).
[our default]"""

_CLOSED: Final = 7.0
_STEP: Final = 2
_PAD: Final = 10
Shape = Ellipsoid | Tube


def both(*shapes: Shape) -> tuple[Shape, ...]:
    """Shapes on the right, and their mirror images."""
    return shapes + tuple(_mirrored(shape) for shape in shapes)


def _mirrored(shape: Shape) -> Shape:
    if isinstance(shape, Ellipsoid):
        return Ellipsoid(_left(shape.centre), shape.axes)
    return Tube(_left(shape.start), _left(shape.end), shape.radius)


def _left(at: Point) -> Point:
    return (-at[0], at[1], at[2])


FACE: Final[tuple[Shape, ...]] = (
    Ellipsoid((0.0, 38.0, -52.0), (64.0, 53.0, 62.0)),
    Ellipsoid((0.0, 86.0, -56.0), (13.0, 15.0, 17.0)),
    Ellipsoid((0.0, -42.0, -95.0), (58.0, 52.0, 62.0)),
)
"""What the outline of a head has beyond the cover of its brain: face, nose, neck."""

BONES: Final[tuple[Shape, ...]] = (
    Ellipsoid((0.0, 8.0, -36.0), (21.0, 19.0, 13.0)),
    Tube((0.0, -4.0, -36.0), (0.0, -15.0, -62.0), 6.0),
    Ellipsoid((0.0, 50.0, -48.0), (16.0, 24.0, 12.0)),
    Ellipsoid((0.0, 52.0, -66.0), (42.0, 24.0, 18.0)),
    Ellipsoid((0.0, 74.0, -12.0), (26.0, 10.0, 16.0)),
    *both(
        Ellipsoid((54.0, -30.0, -45.0), (12.0, 17.0, 17.0)),
        Tube((50.0, -28.0, -42.0), (19.0, -14.0, -40.0), 7.5),
        Ellipsoid((46.0, 40.0, -42.0), (6.0, 22.0, 16.0)),
    ),
)
"""Sphenoid, clivus, ethmoid, maxilla, brow; mastoid, petrous pyramid, side wall of the orbit."""

ORBITS: Final[tuple[Shape, ...]] = both(Ellipsoid((31.0, 50.0, -38.0), (15.0, 24.0, 15.0)))
CISTERN: Final[tuple[Shape, ...]] = (Ellipsoid((0.0, 1.0, -17.0), (13.0, 14.0, 7.0)),)
"""The fluid above the sella, where the standard brain has a hole."""

EYES: Final[tuple[Shape, ...]] = both(Ellipsoid((31.0, 63.0, -38.0), (12.0, 12.0, 12.0)))

AIR: Final[tuple[tuple[Shape, bool], ...]] = (
    *((shape, False) for shape in both(
        Ellipsoid((7.5, 12.0, -38.0), (7.0, 13.0, 8.5)),
        Ellipsoid((9.0, 77.0, -13.0), (9.0, 4.5, 11.0)),
        Ellipsoid((27.0, 49.0, -66.0), (12.0, 14.0, 13.0)),
        Ellipsoid((4.0, 56.0, -64.0), (3.5, 24.0, 13.0)),
        Tube((56.0, -24.0, -43.0), (90.0, -24.0, -46.0), 3.5),
    )),
    (Tube((0.0, 20.0, -62.0), (0.0, 10.0, -90.0), 9.0), False),
    *((shape, True) for shape in both(
        Ellipsoid((6.0, 46.0, -46.0), (6.0, 18.0, 9.0)),
        Ellipsoid((54.0, -32.0, -47.0), (9.0, 12.0, 13.0)),
        Ellipsoid((33.0, -21.0, -42.0), (7.0, 5.0, 4.5)),
    )),
)  # fmt: skip
"""Sphenoid, frontal and maxillary sinuses, nose, ear canals, throat; then those made of cells: ethmoid, mastoid,
petrous."""


def cover(template: Template) -> tuple[Float32[np.ndarray, "x y z"], Grid]:
    """How far outside the brain's cover each place is, in mm (negative within), about every 2 mm, also beyond the grid.

    The cover is the brain with its clefts closed: what the skull follows.
    """
    skip = max(round(_STEP / float(np.mean(template.grid.spacing))), 1)
    step = skip * float(np.mean(template.grid.spacing))
    coarse = template.brain[::skip, ::skip, ::skip]
    sides = [(_PAD, _PAD)] * 3
    brain = np.pad(np.pad(coarse, [*sides[:2], (0, _PAD)]), [(0, 0), (0, 0), (_PAD, 0)], mode="edge")
    reach = _CLOSED / step
    closed = ndimage.distance_transform_edt(_away(brain) <= reach) > reach
    outside = step * (_away(closed) - ndimage.distance_transform_edt(closed))
    affine = template.grid.affine @ np.diag([skip, skip, skip, 1.0])
    affine[:3, 3] -= _PAD * affine[:3, :3].sum(axis=1)
    return np.asarray(ndimage.gaussian_filter(outside, 0.7), np.float32, order="F"), Grid(brain.shape, affine)


def _away(mask: Bool[np.ndarray, "x y z"]) -> np.ndarray:
    distance: np.ndarray = ndimage.distance_transform_edt(~mask)
    return distance


def pour_head(canvas: Canvas, outside: Float32[np.ndarray, "x y z"], rng: np.random.Generator) -> None:
    """Fill a blank canvas with a head whose brain is still fluid."""
    edge = canvas.voxel
    bone = np.float32(FLUID + BONE[0]) + np.float32(BONE[1]) * canvas.noise(25.0, rng)
    scalp = bone + np.float32(SCALP[0]) + np.float32(SCALP[1]) * canvas.noise(30.0, rng)
    skin = scalp - outside
    for part in FACE:
        box, depth = canvas.depth(part)
        skin[box] = np.maximum(skin[box], depth)
    head, within, fluid = (shared(one, edge) for one in (skin, bone - outside, FLUID - outside))
    fat = shared(skin - 1.5, edge) * shared(5.0 - skin, edge) * (1.0 - within)
    fat *= shared(1.2 + canvas.noise(8.0, rng), 1.0)
    canvas.fractions.update({
        Compartment.AIR: 1.0 - np.maximum(head, within),
        Compartment.FAT: fat,
        Compartment.SCALP: np.maximum(head - within, 0.0) - fat,
        Compartment.BONE: within - fluid,
        Compartment.CSF: fluid,
    })  # fmt: skip
    _pour_base(canvas, outside, rng)


def _pour_base(canvas: Canvas, outside: Float32[np.ndarray, "x y z"], rng: np.random.Generator) -> None:
    """Bones of base and face, the orbits, and the air: never within the cover of the brain."""
    cells = canvas.noise(2.5, rng)
    for part in CISTERN:
        box, depth = canvas.depth(part)
        canvas.pour(Compartment.CSF, box, shared(depth, canvas.voxel))
    fillings = (
        *((Compartment.BONE, part, False) for part in BONES),
        *((Compartment.FAT, part, False) for part in ORBITS),
        *((Compartment.CSF, part, False) for part in EYES),
        *((Compartment.AIR, part, walled) for part, walled in AIR),
    )
    for compartment, part, walled in fillings:
        box, depth = canvas.depth(part)
        clear = outside[box] - np.float32(FLUID + (1.5 if compartment is Compartment.AIR else 0.0))
        inside = shared(np.minimum(depth, clear), canvas.voxel)
        canvas.pour(compartment, box, inside * shared(0.6 + 1.5 * cells[box], 1.0) if walled else inside)
