"""A region of a spectroscopic image as one spectrum."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Complex, Float

from perspect.mrs import eddy
from perspect.mrs.kspace import PointSpread
from perspect.vocabulary import Grid, Problem, Region, Spectra

LEAST: Final = 0.5
"""Share of a voxel's signal that must come from the region for the voxel to take part [our default]."""


@dataclass(frozen=True, eq=False)
class Pooled:
    """The mean spectrum of a region, how much each voxel counted, and the share of the mean that is the region's."""

    spectra: Spectra
    weights: Float[np.ndarray, "x y z"]
    share: float


def pooled(
    image: Spectra,
    region: Region,
    spread: PointSpread,
    usable: Bool[np.ndarray, "x y z"],
    water: Spectra | None = None,
    currents: eddy.Choice = "always",
) -> Pooled:
    """The mean of the signals of a region, each weighed by how much of it comes from there, to be fitted once.

    A mean of spectra keeps what a mean of fitted amounts has lost where each voxel alone is noise. `region` may be
    finer than the image by a whole number along each direction. Where the unsuppressed `water` is given, every voxel is
    moved to its frequency and phase first; without it lines of a poor shim smear. `currents` says whether eddy currents
    are taken out with them.
    """
    if not finer(image.grid, region.grid.shape).matches(region.grid):
        raise Problem(
            f"The region '{region.name}' and {image.name} lie on different grids.",
            "Its mean would be that of another place.",
            "Give the region on the grid of the image, or on one that parts its voxels into whole numbers.",
        )
    seen = spread.weighing(region.mask)
    weights = np.where(usable & (seen >= LEAST), seen, 0.0)
    if not weights.any():
        raise Problem(
            f"No usable voxel has {LEAST:.0%} of its signal from the region '{region.name}'.",
            "A mean over it would be that of its surroundings.",
            "Choose a larger region, or a finer grid.",
        )
    mean = _mean(image, weights, water, currents)
    single = Grid((1, 1, 1), _around(image.grid, weights))
    one = replace(image, values=mean[None, None, None], grid=single, name=f"{image.name}, {region.name}")
    return Pooled(one, weights, float((weights * seen).sum() / weights.sum()))


def _mean(
    image: Spectra, weights: Float[np.ndarray, "x y z"], water: Spectra | None, currents: eddy.Choice
) -> Complex[np.ndarray, " points"]:
    """The weighted mean of signals, each in the frequency and phase of its water where there is one."""
    total = np.zeros(image.n_points, complex)
    for place in map(tuple, np.argwhere(weights > 0)):
        values = image.values[place]
        if water is not None:
            phase = eddy.water_phase(water.values[place], image.dwell)
            is_bent = eddy.is_taken_out(eddy.bend(phase, image.dwell), currents)
            values = eddy.corrected(values, phase if is_bent else eddy.straight(phase, image.dwell))
        total += weights[place] * values
    return np.asarray(total / weights.sum())


def finer(grid: Grid, shape: tuple[int, int, int]) -> Grid:
    """So many voxels where the grid's are."""
    size = np.array(grid.shape) / shape
    affine = grid.affine.copy()
    affine[:3, :3] = grid.affine[:3, :3] * size
    affine[:3, 3] += grid.affine[:3, :3] @ (size - 1) / 2
    return Grid(shape, affine)


def _around(grid: Grid, weights: Float[np.ndarray, "x y z"]) -> Float[np.ndarray, "4 4"]:
    """The affine of one voxel at the middle of the weights, of the size of the image's."""
    middle = np.array([(weights * at).sum() / weights.sum() for at in np.indices(weights.shape)])
    affine = grid.affine.copy()
    affine[:3, 3] = grid.affine[:3, :3] @ middle + grid.affine[:3, 3]
    return affine
