"""What detectors of spectra look at: where a spectroscopy voxel lies, and what its spectrum is like."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from math import nan

import numpy as np
from jaxtyping import Bool, Float

from perspect.anatomy import resample
from perspect.pitfalls.threshold import threshold
from perspect.vocabulary import Grid, Region

LINES = {"choline": 3.2, "creatine": 3.0, "NAA": 2.0, "lactate and lipid": 1.3}
"""Where the lines lie (ppm) whose boxes are compared."""


@dataclass(frozen=True)
class Line:
    """A spectrum in numbers, as the room of spectroscopy gives them: NaN where they are not known.

    `snr` is the largest line over noise, `width` in ppm, `misfit` the variance of the residual over that of noise,
    `unexplained` the residual over the largest line, `water` residual water over it, `bend` the phase of eddy currents
    in degrees, `late` how far a late echo stands above the signal before it, `creatine` in mmol/kg.
    """

    snr: float = nan
    width: float = nan
    misfit: float = nan
    unexplained: float = nan
    water: float = nan
    bend: float = nan
    late: float = nan
    creatine: float = nan


@dataclass(frozen=True, eq=False)
class Voxel:
    """One spectroscopy voxel beside a lesion.

    `box` is a grid of one voxel (`None`: its place is not recorded); `parts`, `brain` and `scalp` (fat outside of the
    brain) lie on `grid`, that of the anatomy. `frequency` (Hz) is that of the spectrometer, `bandwidth` (Hz) that of
    the narrowest slice, NaN where none is recorded. `markers` are those that are read from it; `echo_times` in s.
    """

    grid: Grid
    box: Grid | None
    parts: Mapping[str, Region]
    brain: Bool[np.ndarray, "x y z"]
    scalp: Bool[np.ndarray, "x y z"]
    frequency: float
    markers: tuple[str, ...]
    echo_times: tuple[float, ...] = ()
    line: Line = field(default_factory=Line)
    bandwidth: float = nan

    def share(self, mask: Bool[np.ndarray, "x y z"], box: Grid | None = None) -> float:
        """How much of the voxel, or of a displaced box, a mask fills; NaN where it was not imaged."""
        at = box or self.box
        if at is None:
            return nan
        return float(np.nanmean(resample.share_of_boxes(mask.astype(np.float32), self.grid, at)))

    def part(self, name: str) -> Bool[np.ndarray, "x y z"]:
        """A part of the lesion; nothing where it has none."""
        return self.parts[name].mask if name in self.parts else np.zeros(self.grid.shape, bool)

    def displaced(self, ppm: float) -> tuple[Grid, ...]:
        """Where the slices select a line: the box moved along its edges, for every sense that gradients may have.

        The shift is (ppm - carrier) × frequency / bandwidth of a side. Which way it goes is not recorded.
        """
        if self.box is None:
            return ()
        width = self.bandwidth if self.bandwidth > 0 else threshold("voxel-displaced", "bandwidth")
        part = (ppm - threshold("voxel-displaced", "carrier")) * self.frequency * 1e-6 / width
        return tuple(moved(self.box, part * np.array(senses)) for senses in product((-1.0, 1.0), repeat=3))


@dataclass(frozen=True, eq=False)
class VoxelMap:
    """A map of spectroscopy: a ratio with errors on its own grid, and the share of solid part in each of its voxels.

    `by_line` is that share where each line that is compared was excited and read; nothing where that is not known.
    """

    grid: Grid
    values: Float[np.ndarray, "x y z"]
    std: Float[np.ndarray, "x y z"]
    solid_share: Float[np.ndarray, "x y z"]
    measured: Bool[np.ndarray, "x y z"]
    by_line: Mapping[str, Float[np.ndarray, "x y z"]] = field(default_factory=dict)


def moved(box: Grid, by: Float[np.ndarray, " 3"]) -> Grid:
    """A grid moved along its own axes, in voxels."""
    affine = box.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ by
    return Grid(box.shape, affine)
