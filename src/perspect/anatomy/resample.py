"""Reading images at other places: moved volumes; masks, maps and labels on another grid; what fills an oblique box.

Each kind has its own rule. A map is averaged over the voxel that it is wanted for, a mask holds where it fills half of
it, a label wins where it fills most of it, and a spectroscopy voxel is told how much of it a tissue fills. `matrix` is
that of an alignment with the target as its fixed image: it takes places (mm) of the target to those of the source.
"""

from itertools import product
from typing import Final, Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Shaped
from scipy import ndimage

from perspect.numerics import shear, trilinear
from perspect.vocabulary import Grid, Problem

EDGE: Final = 0.5
"""Voxels beyond the outermost centres that still count as imaged: a voxel reaches half its size to either side."""

ROUNDED: Final = 1e-5
"""Share of a voxel within which half of it is half: rounding decides nothing."""

PER_VOXEL: Final = 2.0
"""Parts of a box for every voxel of the source along each of its edges: the share is known to better than 1 %."""

MOST_PARTS: Final = 64
"""Parts along an edge that no box has more of."""


Box: TypeAlias = tuple[slice, slice, slice]
"""A part of a volume: from where to where along each of its axes."""

WHOLE: Final[Box] = (slice(None), slice(None), slice(None))


def box(mask: Bool[np.ndarray, "a b c"], margins: tuple[int, int, int] = (0, 0, 0)) -> Box:
    """The smallest part of a volume that holds a mask and as many voxels around it, as far as there are any."""
    a, b, c = (
        slice(max(int(places.min()) - margin, 0), min(int(places.max()) + margin + 1, n))
        for places, margin, n in zip(np.nonzero(mask), margins, mask.shape, strict=True)
    )
    return a, b, c


def moved(
    volume: Float32[np.ndarray, "x y z"], matrix: Float[np.ndarray, "4 4"], wanted: Box = WHOLE
) -> tuple[Float32[np.ndarray, "x2 y2 z2"], Bool[np.ndarray, "x2 y2 z2"]]:
    """The volume read at matrix (i, j, k), NaN where that was not imaged and nothing is known, and where it was.

    `matrix` is rigid in mm and given here in voxel indices; `wanted` are the (i, j, k) that are wanted. Interpolated by
    Fourier shears (`numerics.shear`), fastest for volumes in the order of the file (x fastest). `volume` must be
    finite: each voxel tells on its whole line.
    """
    centre = (np.array(volume.shape) - 1) / 2
    turn, shift = matrix[:3, :3], matrix[:3, :3] @ centre + matrix[:3, 3] - centre
    i, j, k = wanted
    out = shear.resampled(np.ascontiguousarray(volume.T), turn[::-1, ::-1], shift[::-1], (k, j, i)).T
    inside = covered(volume.shape, matrix, wanted)
    if not inside.all():
        out[~inside] = np.nan
    return out, inside


def covered(
    shape: tuple[int, int, int], matrix: Float[np.ndarray, "4 4"], wanted: Box = WHOLE
) -> Bool[np.ndarray, "x2 y2 z2"]:
    """Which voxels (i, j, k) have matrix (i, j, k) in the imaged volume, which reaches to the edges of its voxels."""
    i, j, k = (np.arange(n, dtype=np.float32)[part] for n, part in zip(shape, wanted, strict=True))
    inside = np.ones((k.size, j.size, i.size), bool)
    for (along_i, along_j, along_k, start), n in zip(matrix[:3].astype(np.float32), shape, strict=True):
        middle = np.float32((n - 1) / 2)
        line = along_i * i
        plane = (along_k * k)[:, None] + along_j * j + (start - middle)
        spread = np.abs(line).max()
        if np.abs(plane).max() + spread > middle + EDGE:
            inside &= np.abs(plane[:, :, None] + line) <= middle + EDGE
    return inside.T


def onto(
    values: Shaped[np.ndarray, "x y z"],
    source: Grid,
    target: Grid,
    order: Literal[0, 1, 3] = 1,
    matrix: Float[np.ndarray, "4 4"] | None = None,
) -> Shaped[np.ndarray, "x2 y2 z2"]:
    """A map or a mask of one grid on another, with the same frame of reference or a `matrix` between the two.

    A voxel of the target takes the mean over its own extent (so that thin slices are averaged into a thick one), read
    by splines of `order` 0, 1 or 3 (which keeps detail, and may overshoot beside edges). A mask holds where at least
    half of the voxel is inside. Outside the source, and where more than half of what is averaged is not finite, a map
    is NaN and a mask False. Labels have a function of their own.
    """
    if matrix is None and source.matches(target):
        return values.copy()
    to_source = _to_source(source, target, matrix)
    half = (0.5 - ROUNDED) * len(_parts(to_source))
    if values.dtype == bool:
        is_in = np.zeros(target.shape, bool)
        if not values.any():
            return is_in
        held = box(values, (2, 2, 2)) if order < 3 else WHOLE
        near = _reached(held, to_source, target.shape) if order < 3 else WHOLE
        there = to_source.copy()
        there[:3, 3] += to_source[:3, :3] @ [one.start or 0 for one in near]
        there[:3, 3] -= [one.start or 0 for one in held]
        is_in[near] = _sums(values[held], there, is_in[near].shape, order)[0] >= half
        return is_in
    total, weight = _sums(values, to_source, target.shape, order)
    enough = weight >= half
    out: Float32[np.ndarray, "x2 y2 z2"] = np.where(enough, total / np.where(enough, weight, 1), np.float32(np.nan))
    return out


def _reached(held: Box, to_source: Float[np.ndarray, "4 4"], shape: tuple[int, int, int]) -> Box:
    """The voxels of a target in which anything of a box may be: a lesion fills little of a head."""
    corners = np.array(list(product(*((part.start - 1, part.stop) for part in held), (1,))))
    at = (np.linalg.inv(to_source) @ corners.T)[:3]
    low, high = np.floor(at.min(axis=1)).astype(int) - 1, np.ceil(at.max(axis=1)).astype(int) + 2
    x, y, z = (slice(max(a, 0), max(min(b, n), 0)) for a, b, n in zip(low.tolist(), high.tolist(), shape, strict=True))
    return x, y, z


Sums: TypeAlias = tuple[Float32[np.ndarray, "x2 y2 z2"], Float32[np.ndarray, "x2 y2 z2"]]


def _sums(
    values: Shaped[np.ndarray, "x y z"], to_source: Float[np.ndarray, "4 4"], shape: tuple[int, ...], order: int
) -> Sums:
    """What is read summed over the parts of each voxel, and over how much of them something is known."""
    known, (x, y, z) = np.isfinite(values), shape
    filled = _prepared(values, known, order)
    along = trilinear.kept_axes(to_source, (x, y, z)) if order == 1 else None
    if along is None:
        return _summed(filled, known, to_source, (x, y, z), order)
    return _summed_along(filled, known, to_source, (x, y, z), along)


def _summed(
    filled: Float32[np.ndarray, "x y z"],
    known: Bool[np.ndarray, "x y z"],
    to_source: Float[np.ndarray, "4 4"],
    shape: tuple[int, int, int],
    order: int,
) -> Sums:
    """The same part by part, whichever way the grids are turned."""
    total, weight = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    share_known = None if known.all() else known.astype(np.float32)
    for at in _parts(to_source):
        inside = _covered_from(shape, at, known.shape)
        value = _read(filled, at, shape, order)
        share = inside if share_known is None else inside * _read(share_known, at, shape, min(order, 1))
        total += value * (share if order == 3 else inside)
        weight += share
    return total, weight


def _summed_along(
    filled: Float32[np.ndarray, "x y z"],
    known: Bool[np.ndarray, "x y z"],
    to_source: Float[np.ndarray, "4 4"],
    shape: tuple[int, int, int],
    along: tuple[int, int, int],
) -> Sums:
    """The same by straight lines where axes are kept: one matrix for each axis of the source."""
    rows = []
    for axis, (n, to) in enumerate(zip(known.shape, along, strict=True)):
        step, start = to_source[axis, to], to_source[axis, 3]
        places = (start + step * (np.arange(shape[to]) + offset) for offset in _offsets(abs(step)))
        parts = [trilinear.row(n, at) * _is_covered(at, n)[:, None].astype(np.float32) for at in places]
        rows.append(np.sum(parts, axis=0))
    back = np.argsort(along)
    total = trilinear.by_rows(rows, filled).transpose(back)
    if not known.all():
        return total, trilinear.by_rows(rows, known.astype(np.float32)).transpose(back)
    counts = [one.sum(axis=1) for one in rows]
    weight = counts[0][:, None, None] * counts[1][:, None] * counts[2]
    return total, weight.transpose(back)


def labels_onto(
    labels: Int[np.ndarray, "x y z"],
    source: Grid,
    target: Grid,
    matrix: Float[np.ndarray, "4 4"] | None = None,
    outside: int = 0,
) -> Int[np.ndarray, "x2 y2 z2"]:
    """Labels of one grid on another: each voxel gets the label that fills most of it, the lower one of two that tie.

    No label appears that the source does not have, but `outside`, where the source was not imaged.
    """
    if matrix is None and source.matches(target):
        return labels.copy()
    parts = _parts(_to_source(source, target, matrix))
    covered = sum(_covered_from(target.shape, at, source.shape).astype(np.float32) for at in parts)
    most = np.zeros(target.shape, np.float32)
    out = np.full(target.shape, outside, labels.dtype)
    for label in np.unique(labels):
        share = np.zeros(target.shape, np.float32)
        for at in parts:
            inside = _covered_from(target.shape, at, source.shape)
            share += inside * _read((labels == label).astype(np.float32), at, target.shape, 1)
        wins = (share > most) & (covered >= 0.5 * len(parts))
        out[wins], most = label, np.maximum(share, most)
    return out


def share_of_boxes(
    values: Shaped[np.ndarray, "x y z"],
    source: Grid,
    boxes: Grid,
    matrix: Float[np.ndarray, "4 4"] | None = None,
) -> Float[np.ndarray, "x2 y2 z2"]:
    """How much of each box a region fills, or the mean of a tissue's map in it, 0 to 1.

    The boxes are the voxels of a grid, as oblique and as large as they like: one alone for single-voxel spectroscopy,
    many for spectroscopic imaging. Voxels of the source count as the boxes that they are. What is not finite, or was
    not imaged, is left out of the mean; NaN where that is more than half of a box.
    """
    to_source = _to_source(source, boxes, matrix)
    n_parts = np.ceil(PER_VOXEL * np.linalg.norm(to_source[:3, :3], axis=0)).astype(int)
    shares = [(np.arange(n) - (n - 1) / 2) / n for n in np.clip(n_parts, 1, MOST_PARTS)]
    within = np.stack(np.meshgrid(*shares, indexing="ij")).reshape(3, -1)
    offsets = to_source[:3, :3] @ within
    size = np.array(source.shape)[:, None]
    out = np.full(int(np.prod(boxes.shape)), np.nan)
    for k, index in enumerate(np.ndindex(boxes.shape)):
        at = np.round(offsets + (to_source[:3, :3] @ np.array(index) + to_source[:3, 3])[:, None]).astype(int)
        at = at[:, ((at >= 0) & (at < size)).all(axis=0)]
        seen = values[tuple(at)].astype(np.float64)
        known = seen[np.isfinite(seen)]
        if known.size >= 0.5 * within.shape[1]:
            out[k] = known.mean()
    return out.reshape(boxes.shape)


def _to_source(source: Grid, target: Grid, matrix: Float[np.ndarray, "4 4"] | None) -> Float[np.ndarray, "4 4"]:
    """From indices of the target to indices of the source."""
    if matrix is not None and not np.isfinite(matrix).all():
        raise Problem(
            "The alignment holds no place.",
            "It was refused, and what would be read with it would mean nothing.",
            "See the flags of the alignment.",
        )
    between = np.eye(4) if matrix is None else matrix
    out: Float[np.ndarray, "4 4"] = np.linalg.inv(source.affine) @ between @ target.affine
    return out


def _parts(to_source: Float[np.ndarray, "4 4"]) -> list[Float[np.ndarray, "4 4"]]:
    """The same for evenly spread parts of a voxel of the target, as many as it has voxels of the source in it."""
    out = []
    for part in product(*(_offsets(float(finer)) for finer in np.abs(to_source[:3, :3]).max(axis=0))):
        at = to_source.copy()
        at[:3, 3] += to_source[:3, :3] @ np.array(part)
        out.append(at)
    return out


def _offsets(finer: float) -> Float[np.ndarray, " parts"]:
    """The middles of evenly spread parts of an edge from -0.5 to 0.5, as many as there are samples on it."""
    n = max(1, round(finer))
    out: Float[np.ndarray, " parts"] = (np.arange(n) - (n - 1) / 2) / n
    return out


def _is_covered(index: Float[np.ndarray, "*places"], n: int) -> Bool[np.ndarray, "*places"]:
    """Whether a row of `n` voxels reaches there."""
    inside: Bool[np.ndarray, "*places"] = (index >= -EDGE - 1e-6) & (index <= n - 1 + EDGE + 1e-6)
    return inside


def _prepared(
    values: Shaped[np.ndarray, "x y z"], known: Bool[np.ndarray, "x y z"], order: int
) -> Float32[np.ndarray, "x y z"]:
    """What is read: zeros where nothing is known, or for cubic splines, which look further, the nearest known value."""
    if order < 3:
        return np.where(known, values, 0).astype(np.float32)
    if not known.all() and known.any():
        nearest = ndimage.distance_transform_edt(~known, return_distances=False, return_indices=True)
        values = values[tuple(nearest)]
    out: Float32[np.ndarray, "x y z"] = ndimage.spline_filter(
        np.nan_to_num(values.astype(np.float32)), order=3, output=np.float32, mode="nearest"
    )
    return out


def _read(
    values: Float32[np.ndarray, "x y z"], at: Float[np.ndarray, "4 4"], shape: tuple[int, int, int], order: int
) -> Float32[np.ndarray, "x2 y2 z2"]:
    if order == 1:
        return trilinear.read(values, at, shape)
    out: Float32[np.ndarray, "x2 y2 z2"] = ndimage.affine_transform(
        values, at[:3, :3], at[:3, 3], shape, order=order, mode="nearest", prefilter=False
    )
    return out


def _covered_from(
    shape: tuple[int, int, int], at: Float[np.ndarray, "4 4"], source: tuple[int, int, int]
) -> Bool[np.ndarray, "x2 y2 z2"]:
    i, j, k = np.ogrid[tuple(slice(n) for n in shape)]
    inside = np.ones(shape, bool)
    for (along_i, along_j, along_k, start), n in zip(at[:3], source, strict=True):
        index = along_i * i + along_j * j + along_k * k + start
        inside &= _is_covered(index, n)
    return inside
