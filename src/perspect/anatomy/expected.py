"""What a standard head says of a patient's: how much of each tissue to expect in a voxel, before the image is seen."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Shaped
from scipy import ndimage

from perspect.vocabulary import Grid, Region, Template

COARSE: Final = 3
"""mm: an affine brings tissues no nearer than this to their place, so that finer detail would be false."""

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
    coarse, (share,) = _blocks(template, (template.brain,))
    at = np.linalg.inv(coarse.affine) @ to_template @ grid.affine
    read = ndimage.affine_transform(share, at[:3, :3], at[:3, 3], grid.shape, order=1, prefilter=False)
    return np.asarray(read > 0.5)


def _blurred(template: Template) -> tuple[Grid, list[Float32[np.ndarray, "x y z"]]]:
    """Fluid, grey and white matter in coarse voxels, smoothed to `WIDTH`."""
    grid, maps = _blocks(template, (template.csf, template.grey, template.white))
    sigma = np.sqrt(np.maximum(WIDTH**2 - np.array(grid.spacing) ** 2 / 12, 0)) / grid.spacing
    return grid, [ndimage.gaussian_filter(one, sigma) for one in maps]


def _blocks(
    template: Template, maps: Sequence[Shaped[np.ndarray, "x y z"]]
) -> tuple[Grid, list[Float32[np.ndarray, "x2 y2 z2"]]]:
    """Maps of the template averaged over voxels of about `COARSE`."""
    n = [max(1, round(COARSE / spacing)) for spacing in template.grid.spacing]
    shape = [-(-size // by) for size, by in zip(template.grid.shape, n, strict=True)]
    affine = template.grid.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ ((np.array(n) - 1) / 2)
    affine[:3, :3] = affine[:3, :3] * n
    out = []
    for one in maps:
        padded = np.pad(one, [(0, size * by - old) for size, by, old in zip(shape, n, one.shape, strict=True)])
        blocks = padded.reshape(shape[0], n[0], shape[1], n[1], shape[2], n[2])
        out.append(blocks.mean(axis=(1, 3, 5), dtype=np.float32))
    return Grid((shape[0], shape[1], shape[2]), affine), out
