"""Grey and white matter, fluid and choroid plexus of one patient, from the maps of the standard brain."""

from collections.abc import Callable
from itertools import pairwise
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32
from scipy import ndimage

from perspect.phantom.canvas import Canvas, shared
from perspect.phantom.geometry import Point, Tube
from perspect.phantom.lookup import looked_up
from perspect.phantom.patient import Compartment
from perspect.phantom.skull import FLUID
from perspect.vocabulary import Template

SHARPENED: Final = (3.0, 3.0, 2.0)
"""How the mean of many brains is brought back to one: what is taken out of blur (times what a Gaussian of 3 mm
removes), and the power to which the shares are raised. [our default, judged by eye]"""

PREFERENCE: Final = (0.9, 1.0, 1.7)
"""Weights of grey, white and fluid before the power: averaging fills the sulci, which are opened again.
[our default: grey, white and fluid of a head of mean size come to about 0.72, 0.57 and 0.25 L]"""

CHOROID: Final[tuple[tuple[float, tuple[Point, ...]], ...]] = (
    (2.2, ((5.0, 4.0, 10.0), (8.0, -8.0, 17.0), (12.0, -22.0, 19.0), (20.0, -36.0, 13.0))),
    (4.0, ((20.0, -36.0, 13.0), (23.0, -41.0, 9.0), (25.0, -44.0, 6.0))),
    (2.0, ((25.0, -42.0, 5.0), (30.0, -34.0, -5.0), (32.0, -22.0, -13.0))),
    (1.5, ((1.0, -2.0, 10.0), (1.0, -20.0, 9.0))),
)
"""Choroid plexus: along the floor of the body, the glomus, the temporal horn, the roof of the third ventricle."""


def sharpened(template: Template) -> Float32[np.ndarray, "tissue x y z"]:
    """Grey, white and fluid as in one brain; they add up to 1 in the template's brain and to 0 outside."""
    amount, width, power = SHARPENED
    width /= float(np.mean(template.grid.spacing))
    shares = np.empty((3, *template.grid.shape[::-1]), np.float32)
    for into, share, weight in zip(shares, (template.grey, template.white, template.csf), PREFERENCE, strict=True):
        whole = np.ascontiguousarray(share.T, np.float32)
        blurred = ndimage.gaussian_filter(whole, width, truncate=3.0)
        into[:] = (weight * np.clip(whole + amount * (whole - blurred), 0.0, 1.0)) ** power
    total = shares.sum(axis=0)
    shares /= np.where(total > 0, total, 1.0)
    shares[2] += template.brain.T & (total == 0)
    return shares.transpose(0, 3, 2, 1)


Places = Float32[np.ndarray, "axis voxels"]
Push = Callable[[Places, Float32[np.ndarray, " voxels"]], Places]
"""Where tissue came from before a lesion pushed it: places in mm and how far they are outside the brain's cover."""


def pour_brain(
    canvas: Canvas, template: Template, outside: Float32[np.ndarray, "x y z"], push: Push
) -> Bool[np.ndarray, "x y z"]:
    """Put grey and white matter and choroid plexus into the fluid within the cover; the brain as a mask comes back."""
    shares = sharpened(template)
    beyond = outside.reshape(-1, order="F")
    near = np.flatnonzero(beyond < FLUID + 0.5)
    came_from = push(canvas.places.transpose(0, 3, 2, 1).reshape(3, -1)[:, near], beyond[near])
    fluid = canvas.of(Compartment.CSF).reshape(-1, order="F")
    room = fluid[near]
    for compartment, share in ((Compartment.GREY, shares[0]), (Compartment.WHITE, shares[1])):
        filled = looked_up(share, template.grid, came_from) * room
        canvas.of(compartment).reshape(-1, order="F")[near] = filled
        fluid[near] -= filled
    np.maximum(fluid, 0.0, out=fluid)
    brain = np.zeros(fluid.size, bool)
    brain[near] = looked_up(template.brain.astype(np.float32), template.grid, came_from) > 0.5
    _pour_choroid(canvas)
    return brain.reshape(canvas.grid.shape, order="F")


def _pour_choroid(canvas: Canvas) -> None:
    """Choroid plexus takes the place of fluid only."""
    fluid = canvas.of(Compartment.CSF)
    for radius, points in CHOROID:
        for side in (1.0, -1.0):
            for a, b in pairwise(points):
                box, depth = canvas.depth(Tube((side * a[0], *a[1:]), (side * b[0], *b[1:]), radius))
                grown = shared(depth, canvas.voxel) * fluid[box]
                canvas.of(Compartment.CHOROID)[box] += grown
                fluid[box] -= grown
