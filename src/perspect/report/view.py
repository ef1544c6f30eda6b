"""How a volume is hung: radiologists look at the patient from the feet, so the patient's right is on the left."""

from dataclasses import dataclass
from itertools import permutations
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Shaped

from perspect.vocabulary import Grid

NAMES: Final = (("L", "R"), ("P", "A"), ("I", "S"))
"""What lies at the negative and at the positive end of each axis of the scanner (RAS+)."""

PLANES: Final = {0: ("sagittal", 2, 1), 1: ("coronal", 2, 0), 2: ("axial", 1, 0)}
"""Per axis across the slices: the plane, and the axes that run up the rows and from right to left in the columns."""


@dataclass(frozen=True)
class View:
    """Slices of a volume as pictures. `axes` and `is_reversed` are of the array, in the order slice, row, column.

    `edges` are the patient's directions at the left, right, top and bottom of a picture; `tilt` is the largest angle in
    degrees between an edge of a voxel and the direction that it is named after. Where the file held no positions
    (`is_placed` is False) nothing is named: a wrong side is worse than none.
    """

    plane: str
    axes: tuple[int, int, int]
    is_reversed: tuple[bool, bool, bool]
    edges: tuple[str, str, str, str]
    row_mm: float
    column_mm: float
    tilt: float
    heights: tuple[str, ...]
    is_placed: bool = True

    def pictures(self, volume: Shaped[np.ndarray, "x y z"]) -> Shaped[np.ndarray, "slices rows columns"]:
        """The slices, the first row on top and the first column on the left."""
        back = tuple(slice(None, None, -1 if reverse else 1) for reverse in self.is_reversed)
        pictures: Shaped[np.ndarray, "slices rows columns"] = volume.transpose(self.axes)[back]
        return pictures


def view(grid: Grid, is_placed: bool = True) -> View:
    """How volumes on this grid are hung: slices along the third axis as stored, named after what it is nearest to."""
    directions = grid.affine[:3, :3] / np.asarray(grid.spacing)
    of_axis = max(permutations(range(3)), key=lambda order: sum(abs(directions[order[i], i]) for i in range(3)))
    through = of_axis[2]
    plane, up, right = PLANES[through]
    axes = (of_axis.index(through), of_axis.index(up), of_axis.index(right))
    is_positive = [bool(directions[of_axis[axis], axis] > 0) for axis in axes]
    cosines = [min(1.0, abs(float(directions[of_axis[axis], axis]))) for axis in axes]
    return View(
        plane=plane,
        axes=axes,
        # Slices rise with the scanner's axis; rows run down and columns run towards its negative end.
        is_reversed=(not is_positive[0], is_positive[1], is_positive[2]),
        edges=(NAMES[right][1], NAMES[right][0], NAMES[up][1], NAMES[up][0]),
        row_mm=grid.spacing[axes[1]],
        column_mm=grid.spacing[axes[2]],
        tilt=float(np.degrees(np.arccos(min(cosines)))),
        heights=_heights(grid, through, axes[0], not is_positive[0], is_placed),
        is_placed=is_placed,
    )


def _heights(grid: Grid, world: int, axis: int, reverse: bool, is_placed: bool) -> tuple[str, ...]:
    """Where the centre of each slice lies in mm, as DICOM viewers write it: S 23 is 23 mm above the origin."""
    centre = (np.array(grid.shape) - 1) / 2
    labels = []
    for number in range(grid.shape[axis]):
        at = centre.copy()
        at[axis] = number
        mm = float(grid.affine[world, :3] @ at + grid.affine[world, 3])
        labels.append(f"{number + 1} · {NAMES[world][mm >= 0]} {abs(mm):.0f}" if is_placed else f"{number + 1}")
    return tuple(reversed(labels)) if reverse else tuple(labels)


@dataclass(frozen=True, eq=False)
class Layout:
    """Which slices are shown, cropped to what, how many stand side by side, and how large: `scale` pixels a mm."""

    view: View
    slices: tuple[int, ...]
    rows: slice
    columns: slice
    n_across: int
    scale: float

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and columns of one picture."""
        return self.rows.stop - self.rows.start, self.columns.stop - self.columns.start

    @property
    def tile_mm(self) -> tuple[float, float]:
        """Height and width of one picture."""
        return self.tile[0] * self.view.row_mm, self.tile[1] * self.view.column_mm

    @property
    def n_down(self) -> int:
        """How many rows of pictures there are."""
        return -(-len(self.slices) // self.n_across)

    def montage(self, volume: Shaped[np.ndarray, "x y z"], empty: float | bool) -> Shaped[np.ndarray, "height width"]:
        """The pictures beside and below each other, from left to right; places without a slice are `empty`."""
        pictures = self.view.pictures(volume)[list(self.slices), self.rows, self.columns]
        rows, columns = self.tile
        whole = np.full((self.n_down * self.n_across, rows, columns), empty, volume.dtype)
        whole[: len(self.slices)] = pictures
        grid = whole.reshape(self.n_down, self.n_across, rows, columns).transpose(0, 2, 1, 3)
        return grid.reshape(self.n_down * rows, self.n_across * columns)

    def only(self, number: int, width: float) -> "Layout":
        """The same crop of a single slice, `width` pixels wide."""
        return Layout(self.view, (number,), self.rows, self.columns, 1, width / self.tile_mm[1])


def layout(
    at: View, shown: Bool[np.ndarray, "x y z"], most: int = 24, width: float = 850.0, height: float = 800.0
) -> Layout:
    """At most `most` slices, evenly chosen among those with voxels to show, as large as fits a frame."""
    pictures = at.pictures(shown if shown.any() else np.ones_like(shown))
    filled = np.flatnonzero(pictures.any(axis=(1, 2)))
    chosen = filled[np.unique(np.linspace(0, filled.size - 1, min(most, filled.size)).round().astype(int))]
    rows, columns = _span(pictures, 1, at.row_mm), _span(pictures, 2, at.column_mm)
    high, wide = (rows.stop - rows.start) * at.row_mm, (columns.stop - columns.start) * at.column_mm
    scales = [min(width / (k * wide), height / (-(-chosen.size // k) * high)) for k in range(1, chosen.size + 1)]
    n_across = int(np.argmax(scales)) + 1
    return Layout(at, tuple(int(number) for number in chosen), rows, columns, n_across, scales[n_across - 1])


def _span(shown: Bool[np.ndarray, "slices rows columns"], axis: int, mm: float) -> slice:
    """From the first to the last place along an axis with voxels to show, with 9 mm of room for the letters."""
    filled = np.moveaxis(shown, axis, 0).any(axis=(1, 2))
    places = np.flatnonzero(filled)
    margin = int(np.ceil(9.0 / mm))
    return slice(max(0, int(places[0]) - margin), min(filled.size, int(places[-1]) + 1 + margin))


def fullest(at: View, shown: Bool[np.ndarray, "x y z"], among: tuple[int, ...]) -> int:
    """The slice with the most voxels to show."""
    counts = at.pictures(shown).sum(axis=(1, 2))
    return max(among, key=lambda number: int(counts[number]))


def window(background: Float[np.ndarray, "x y z"], inside: Bool[np.ndarray, "x y z"]) -> tuple[float, float]:
    """Black and white of a baseline image: zero, and what 99 of 100 voxels inside stay below."""
    values = background[inside & np.isfinite(background)]
    white = float(np.percentile(values, 99)) if values.size else 1.0
    return 0.0, white if white > 0 else 1.0
