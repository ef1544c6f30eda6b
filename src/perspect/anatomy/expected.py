"""What a standard head says of a patient's: how much of each tissue to expect in a voxel, before the image is seen."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import ndimage

from perspect.vocabulary import Grid, Region, Template

WIDTH: Final = 3.0
"""mm, standard deviation of where a tissue may lie besides what the affine says [our default]."""

DOUBT: Final = 0.03
"""Added to the share of each tissue: nothing is impossible anywhere [our default]."""


def expected_shares(
    template: Template, to_template: Float[np.ndarray, "4 4"], region: Region
) -> Float32[np.ndarray, "voxels 3"]:
    """The expected shares of fluid, grey and white matter in the voxels of a region, which add up to 1.

    `to_template` takes places of the patient (mm, RAS+) to those of the template. Beyond the template's brain, fluid
    is expected.
    """
    grid, maps = _blurred(template)
    index = np.array(np.unravel_index(region.places, region.grid.shape, order="F"))
    at = np.linalg.inv(grid.affine) @ to_template @ region.grid.affine
    there = (at[:3, :3] @ index + at[:3, 3:]).astype(np.float32)
    out = np.stack([ndimage.map_coordinates(one, there, order=1) for one in maps], axis=1)
    out[:, 0] += np.maximum(1 - out.sum(axis=1), 0)
    out += DOUBT
    shares: Float32[np.ndarray, "voxels 3"] = (out / out.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def standard_brain(template: Template, to_template: Float[np.ndarray, "4 4"], grid: Grid) -> Bool[np.ndarray, "x y z"]:
    """Where the standard brain lies on a patient's grid, to about a millimetre."""
    coarse = template.coarse
    at = np.linalg.inv(coarse.grid.affine) @ to_template @ grid.affine
    read = ndimage.affine_transform(coarse.brain, at[:3, :3], at[:3, 3], grid.shape, order=1, prefilter=False)
    return np.asarray(read > 0.5)


def _blurred(template: Template) -> tuple[Grid, list[Float32[np.ndarray, "x y z"]]]:
    """Fluid, grey and white matter in coarse voxels, smoothed to `WIDTH`."""
    coarse = template.coarse
    spacing = np.array(coarse.grid.spacing)
    sigma = np.sqrt(np.maximum(WIDTH**2 - spacing**2 / 12, 0)) / spacing
    return coarse.grid, [ndimage.gaussian_filter(one, sigma) for one in (coarse.csf, coarse.grey, coarse.white)]
