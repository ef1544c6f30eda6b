"""Arrays and what they mean: the values that rooms hand to each other. Construction validates; nothing changes in
place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Num, Shaped

from perspect.numerics import axes
from perspect.numerics.parallel import each, spans
from perspect.vocabulary.flag import Flag
from perspect.vocabulary.problem import Problem
from perspect.vocabulary.quantity import Quantity
from perspect.vocabulary.recipe import Recipe
from perspect.vocabulary.status import FAILED_FROM, Status

if TYPE_CHECKING:
    from perspect.vocabulary.spectra import FittedSpectrum

FRAMES: Final = 8
"""Volumes whose voxels are gathered at once by one thread."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Where voxels are: how many, and the affine from index to scanner coordinates in mm (RAS+, as NIfTI has it)."""

    shape: tuple[int, int, int]
    affine: Float[np.ndarray, "4 4"]

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Edge lengths of a voxel in mm."""
        x, y, z = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return float(x), float(y), float(z)

    @property
    def orientation(self) -> str:
        """Where the three axes of the image lead, most nearly: R or L, A or P, S or I each, in the order of the axes.

        >>> Grid((4, 4, 4), np.diag([-1.0, 1.0, 1.0, 1.0])).orientation
        'LAS'
        """
        order, senses = axes.nearest(self.affine)
        towards = {
            axis: "LPI RAS"[row + 4 * (sense > 0)] for row, (axis, sense) in enumerate(zip(order, senses, strict=True))
        }
        return "".join(towards[axis] for axis in range(3))

    @property
    def is_right_handed(self) -> bool:
        """Whether the axes are to each other as the right, the front and the top are (DICOM's are, LAS is not)."""
        return bool(np.linalg.det(self.affine[:3, :3]) > 0)

    def part(self, box: tuple[slice, slice, slice]) -> "Grid":
        """The grid of a part of the image, from where to where along each axis."""
        ranges = [range(n)[one] for n, one in zip(self.shape, box, strict=True)]
        affine = self.affine.copy()
        affine[:3, 3] += self.affine[:3, :3] @ [one.start for one in ranges]
        x, y, z = (len(one) for one in ranges)
        return Grid((x, y, z), affine)

    def matches(self, other: "Grid") -> bool:
        """Whether a voxel here is the same voxel there (to a thousandth of a mm)."""
        return self.shape == other.shape and bool(np.allclose(self.affine, other.affine, atol=1e-3))


@dataclass(frozen=True)
class Acquisition:
    """How a series was taken, in s, rad and T; `None` is: not recorded. Nothing is assumed in its place."""

    te: float | None = None
    tr: float | None = None
    flip_angle: float | None = None
    field: float | None = None
    has_preload: bool | None = None
    agent: str | None = None
    dose: float | None = None


@dataclass(frozen=True, eq=False)
class Series:
    """A dynamic series: signal over space and time, with the time of every volume in s.

    `values` may be stored integers, as long as `slope` and `intercept` are said: signal = values * slope + intercept.
    `slice_times` is how long after the start of its volume each slice was taken, in s; None: all at once.
    It keeps the order of the file in memory (time is the slowest axis), which is what makes the kernels fast.
    """

    values: Num[np.ndarray, "x y z time"]
    grid: Grid
    times: Float[np.ndarray, " time"]
    acquisition: Acquisition = field(default_factory=Acquisition)
    slope: float = 1.0
    intercept: float = 0.0
    name: str = "series"
    sources: Mapping[str, str] = field(default_factory=dict)
    slice_times: Float[np.ndarray, " slices"] | None = None

    def __post_init__(self) -> None:
        if self.values.shape[:3] != self.grid.shape:
            raise Problem(
                f"{self.name}: the image has {self.values.shape[:3]} voxels but its grid has {self.grid.shape}.",
                "Without it a voxel has no place.",
                "Give values and grid of one shape.",
            )
        if self.values.shape[3] != self.times.size:
            raise Problem(
                f"{self.name} has {self.values.shape[3]} volumes but {self.times.size} times.",
                "Every volume needs the time at which it was taken.",
                "Give one time per volume in --times, or VolumeTiming in the sidecar.",
            )
        steps = np.diff(self.times)
        if not np.all(np.isfinite(self.times)) or np.any(steps <= 0):
            at = int(np.argmax(~(steps > 0))) + 1
            raise Problem(
                f"{self.name}: the times of its volumes do not increase (volume {at} is at {self.times[at]:g} s, "
                f"the one before at {self.times[at - 1]:g} s).",
                "Every integral and every rate would be wrong.",
                "Correct VolumeTiming, or give the times in s with --times.",
            )

    @property
    def n_times(self) -> int:
        """How many volumes there are."""
        return int(self.times.size)

    def finite(self) -> "Series":
        """The same with NaN where a number is infinite, which means and interpolation would spread; itself where none
        is.
        """
        if self.values.dtype.kind != "f" or not np.isinf(self.values).any():
            return self
        values = self.values.copy(order="K")
        values[np.isinf(values)] = np.nan
        return replace(self, values=values)

    def curves(self, mask: Bool[np.ndarray, "x y z"]) -> Float[np.ndarray, "voxels time"]:
        """The signal of the voxels of a mask in float32, voxels in the order in which they lie in memory (x
        fastest).
        """
        flat = self.values.reshape(-1, self.n_times, order="F").T
        inside = np.flatnonzero(mask.reshape(-1, order="F"))
        out = np.empty((self.n_times, inside.size), np.float32)

        def take(frames: slice) -> None:
            for frame, into in zip(flat[frames], out[frames], strict=True):
                into[:] = frame[inside]

        each(take, spans(self.n_times, FRAMES))
        if self.slope != 1.0 or self.intercept != 0.0:
            out *= np.float32(self.slope)
            out += np.float32(self.intercept)
        return out.T

    def mean_curve(self, mask: Bool[np.ndarray, "x y z"]) -> Float[np.ndarray, " time"]:
        """The mean signal of the voxels of a mask over time, of those that are not NaN; takes no copy of the series."""
        flat = self.values.reshape(-1, self.n_times, order="F").T
        inside = np.flatnonzero(mask.reshape(-1, order="F"))

        def means(frames: slice) -> list[float]:
            return [float(np.nanmean(frame[inside], dtype=np.float64)) for frame in flat[frames]]

        mean = np.concatenate(each(means, spans(self.n_times, FRAMES)))
        return mean * self.slope + self.intercept


@dataclass(frozen=True, eq=False)
class Anatomy:
    """A conventional image: what it shows (`t1w`, `t1c` after agent, `t2w`, `flair`), in arbitrary units, and where.

    `brain` and `shares` (fluid, grey and white matter) are what somebody else found on it, on its grid.
    """

    values: Float[np.ndarray, "x y z"]
    grid: Grid
    contrast: str
    name: str = "image"
    sources: Mapping[str, str] = field(default_factory=dict)
    brain: Bool[np.ndarray, "x y z"] | None = None
    shares: Float32[np.ndarray, "x y z 3"] | None = None

    def __post_init__(self) -> None:
        if self.values.shape != self.grid.shape:
            raise Problem(
                f"{self.name}: the image has {self.values.shape} voxels but its grid has {self.grid.shape}.",
                "Without it a voxel has no place.",
                "Give values and grid of one shape.",
            )


@dataclass(frozen=True, eq=False)
class Region:
    """A set of voxels with a name, and how it came about."""

    mask: Bool[np.ndarray, "x y z"]
    grid: Grid
    name: str
    origin: str = ""

    def __post_init__(self) -> None:
        if self.mask.shape != self.grid.shape:
            raise Problem(
                f"The mask '{self.name}' has shape {self.mask.shape} but its grid has {self.grid.shape}.",
                "Without it a voxel has no place.",
                "Give values and grid of one shape.",
            )

    @property
    def n_voxels(self) -> int:
        """How many voxels are inside."""
        return int(self.mask.sum())

    @cached_property
    def places(self) -> Int[np.ndarray, " voxels"]:
        """Where the voxels lie in memory (x fastest): the order of `Series.curves` and of every value per voxel."""
        return np.flatnonzero(self.mask.reshape(-1, order="F"))

    def taken(self, volume: Shaped[np.ndarray, "x y z"]) -> Shaped[np.ndarray, " voxels"]:
        """What a volume on the same grid holds in the region's voxels."""
        out: np.ndarray = volume.reshape(-1, order="F")[self.places]
        return out

    def spread(self, values: Shaped[np.ndarray, " voxels"], outside: float | bool) -> Shaped[np.ndarray, "x y z"]:
        """A volume that holds `values` in the region's voxels, and `outside` elsewhere: the inverse of `taken`."""
        flat = np.full(self.mask.size, outside, values.dtype)
        flat[self.places] = values
        return flat.reshape(self.grid.shape, order="F")

    def part(self, inside: Bool[np.ndarray, " voxels"], name: str, origin: str) -> "Region":
        """Those of the region's voxels that are `inside`, as a region of their own."""
        return Region(self.spread(inside, False), self.grid, name, origin)


@dataclass(frozen=True, eq=False)
class Map:
    """One quantity over space, in its inside unit, with standard error and status. NaN wherever the status is a
    failure.
    """

    quantity: Quantity
    values: Float[np.ndarray, "x y z"]
    std: Float[np.ndarray, "x y z"]
    status: Int[np.ndarray, "x y z"]
    grid: Grid

    def __post_init__(self) -> None:
        failed = self.status >= Status.OUTSIDE
        if (failed & (np.isfinite(self.values) | np.isfinite(self.std))).any():
            raise ValueError(f"{self.quantity.key}: a failed voxel carries a number; it must be NaN.")
        if (np.isnan(self.values) & ~failed).any():
            raise ValueError(f"{self.quantity.key}: a voxel is NaN but its status is not a failure.")

    @staticmethod
    def of(
        quantity: Quantity,
        region: Region,
        values: Float[np.ndarray, " voxels"],
        std: Float[np.ndarray, " voxels"],
        status: Int[np.ndarray, " voxels"],
    ) -> "Map":
        """A map from the values of a region's voxels; a number without its error, or an error without a number, is
        neither.
        """
        undetermined = (status < FAILED_FROM) & ~(np.isfinite(values) & np.isfinite(std))
        code = np.where(undetermined, Status.NOT_DETERMINED, status)
        gone = code >= FAILED_FROM
        return Map(
            quantity,
            region.spread(np.where(gone, np.nan, values).astype(np.float32), np.nan),
            region.spread(np.where(gone, np.nan, std).astype(np.float32), np.nan),
            region.spread(code.astype(np.int16), Status.OUTSIDE),
            region.grid,
        )

    @property
    def shown(self) -> Float[np.ndarray, "x y z"]:
        """The values as files and pictures show them, in `quantity.shown_unit`."""
        return self.values * np.float32(self.quantity.shown_factor)

    @property
    def shown_std(self) -> Float[np.ndarray, "x y z"]:
        """The standard errors in `quantity.shown_unit`."""
        return self.std * np.float32(self.quantity.shown_factor)


@dataclass(frozen=True, eq=False)
class Measured:
    """What a modality room returns: maps by the key of their quantity, flags, the recipe, and what explains them.

    `regions` are the voxel sets that were used (brain, reference, arterial input). `curves` are mean curves with their
    fits, for a reader's eye. `summary` holds the plain numbers of the run in their inside units. `kept` are the curves
    of single voxels, of the region for which they were asked. `spectra` are those of the voxels of a spectroscopic
    image with what was fitted to them.
    """

    maps: Mapping[str, Map]
    flags: tuple[Flag, ...]
    recipe: Recipe
    regions: Mapping[str, Region] = field(default_factory=dict)
    curves: Mapping[str, "Curve"] = field(default_factory=dict)
    summary: Mapping[str, Any] = field(default_factory=dict)
    kept: "Kept | None" = None
    spectra: "Mapping[tuple[int, ...], FittedSpectrum]" = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Curve:
    """One curve with its unit and, where there is one, its standard error and its fit."""

    times: Float[np.ndarray, " time"]
    values: Float[np.ndarray, " time"]
    unit: str
    label: str
    std: Float[np.ndarray, " time"] | None = None
    fit: Float[np.ndarray, " time"] | None = None


@dataclass(frozen=True)
class Moment:
    """From when to when (s on the axis of the series) something spoils a curve, in words of a few letters."""

    start: float
    stop: float
    words: str


@dataclass(frozen=True, eq=False)
class Kept:
    """The curves from which maps were made, of the voxels of a region: by name, all at the same `times` (s), with the
    unit of each. A voxel that became no number is NaN in all of them.
    """

    region: Region
    times: Float[np.ndarray, " time"]
    curves: Mapping[str, Float[np.ndarray, "voxels time"]]
    units: Mapping[str, str]

    def usable(self, mask: Bool[np.ndarray, "x y z"], name: str) -> Bool[np.ndarray, " voxels"]:
        """Which voxels of the region lie in a mask and have this curve."""
        inside: Bool[np.ndarray, " voxels"] = self.region.taken(mask) & np.isfinite(self.curves[name]).all(axis=1)
        return inside

    def mean(self, name: str, mask: Bool[np.ndarray, "x y z"], label: str, fit: str = "") -> Curve | None:
        """The mean curve of the voxels of a mask with its standard error, by how they scatter; `fit` names the curves
        whose mean is its fit. None where no voxel has one.
        """
        inside = self.usable(mask, name)
        if fit:
            inside &= self.usable(mask, fit)
        n = int(inside.sum())
        if n == 0:
            return None
        some = self.curves[name][inside].astype(np.float64)
        error = some.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else None
        fitted = self.curves[fit][inside].mean(axis=0, dtype=np.float64) if fit else None
        return Curve(self.times, some.mean(axis=0), self.units[name], label, error, fitted)


@dataclass(frozen=True, eq=False)
class Study:
    """The series of one examination by role, its conventional images by contrast, and what was found but not used.

    `path` is the file or folder that it was read from, None where it was not.
    """

    name: str
    dsc: tuple[Series, ...] = ()
    anatomy: Mapping[str, Anatomy] = field(default_factory=dict)
    unused: Mapping[str, str] = field(default_factory=dict)
    path: str | None = None
