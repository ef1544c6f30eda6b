"""Volumes read between their samples by straight lines; beyond the outermost samples those of the edge.

Where the axes of what is read run along those of the volume, each axis is read by a matrix of its own: many times
faster than point by point, and the same but for rounding.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Int

from perspect.numerics import field

STRAIGHT: Final = 1e-4
"""Samples by which an axis may leave that of the volume, over all its length, and still run along it."""


def kept_axes(matrix: Float[np.ndarray, "4 4"], shape: tuple[int, int, int]) -> tuple[int, int, int] | None:
    """Which axis of what is read (indices of `shape`, taken by `matrix` to those of the volume) runs along each axis
    of the volume; None where one runs along none.
    """
    length = np.abs(matrix[:3, :3]) * np.array(shape)
    along = length.argmax(axis=1)
    others = length.copy()
    others[np.arange(3), along] = 0
    if others.sum(axis=1).max() > STRAIGHT or sorted(along.tolist()) != [0, 1, 2]:
        return None
    return int(along[0]), int(along[1]), int(along[2])


def row(n: int, places: Float[np.ndarray, " places"]) -> Float32[np.ndarray, "places n"]:
    """The weights with which `n` samples in a row are read at some places, in units of their distance."""
    inside = np.clip(places, 0, n - 1)
    below = np.minimum(np.floor(inside).astype(int), max(n - 2, 0))
    share = inside - below
    out = np.zeros((places.size, n), np.float32)
    at = np.arange(places.size)
    out[at, below] = 1 - share
    out[at, np.minimum(below + 1, n - 1)] += share
    return out


def by_rows(
    rows: Sequence[Float32[np.ndarray, "_ _"]], volume: Float32[np.ndarray, "a b c"]
) -> Float32[np.ndarray, "a2 b2 c2"]:
    """A matrix applied along each axis of a volume, in whichever order it lies in memory."""
    if volume.flags.f_contiguous and not volume.flags.c_contiguous:
        return by_rows(rows[::-1], volume.T).T
    out = np.ascontiguousarray(volume)
    for axis, one in enumerate(rows):
        out = field.along(one, out, axis)
    return out


def read(
    volume: Float32[np.ndarray, "a b c"], matrix: Float[np.ndarray, "4 4"], shape: tuple[int, int, int]
) -> Float32[np.ndarray, "x y z"]:
    """The volume at matrix (i, j, k) for every index of `shape`; plane by plane, so that what is at work stays near."""
    _, j, k = np.ogrid[tuple(slice(n) for n in shape)]
    planes = [line[1] * j[0] + line[2] * k[0] + line[3] for line in matrix[:3]]
    out = np.empty(shape, np.float32)
    for i in range(shape[0]):
        out[i] = read_at(volume, [plane + line[0] * i for line, plane in zip(matrix[:3], planes, strict=True)])
    return out


def read_at(
    volume: Float32[np.ndarray, "a b c"], index: Sequence[Float[np.ndarray, "*places"]]
) -> Float32[np.ndarray, "*places"]:
    """The volume at places in samples, given along its three axes."""
    if not (volume.flags.c_contiguous or volume.flags.f_contiguous):
        volume = np.ascontiguousarray(volume)
    flat = volume.reshape(-1, order="C" if volume.flags.c_contiguous else "F")
    strides = [one // volume.itemsize for one in volume.strides]
    corner, shares = np.zeros(index[0].shape, np.intp), []
    for here, n, stride in zip(index, volume.shape, strides, strict=True):
        at = np.clip(here, 0, n - 1)
        below = np.minimum(at.astype(np.intp), max(n - 2, 0))
        corner += stride * below
        shares.append((at - below).astype(np.float32))
    steps = [stride if n > 1 else 0 for stride, n in zip(strides, volume.shape, strict=True)]
    return _between(flat, corner, steps, shares)


def _between(
    flat: Float32[np.ndarray, " samples"],
    corner: Int[np.ndarray, "*places"],
    steps: Sequence[int],
    shares: Sequence[Float32[np.ndarray, "*places"]],
) -> Float32[np.ndarray, "*places"]:
    """What lies between the eight samples of a cell, from the first of them on; `shares` of the way along each axis."""
    if not steps:
        return flat.take(corner)
    low = _between(flat, corner, steps[1:], shares[1:])
    out: Float32[np.ndarray, "*places"] = _between(flat, corner + steps[0], steps[1:], shares[1:])
    out -= low
    out *= shares[0]
    out += low
    return out
