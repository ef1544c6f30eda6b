"""Images that are smooth enough to be read anywhere, with their slope: smoothed, thinned out, and interpolated.

A field is a volume that was smoothed by Gaussians along its axes and sampled no finer than that smoothness asks for.
Value and slope lie beside each other in memory, so that reading a point costs eight visits.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Num

PER_SIGMA: Final = 1.2
"""Distance between samples in units of the smoothness: what is lost of the spectrum there is below 4 %."""

SHARPEST: Final = 0.66
"""Least smoothness in units of the sample distance, the sample's own box included: reading between them errs by less
than 1 % of the contrast."""

BOX: Final = 1 / 12
"""Variance of a box of unit width."""

UNKNOWN: Final = 1e-3
"""Share of known neighbours below which a sample takes the mean of the volume instead of their weighted mean."""


@dataclass(frozen=True, eq=False)
class Smooth:
    """A volume with `variance` (mm², along its axes) of smoothness, and how much of what was averaged is known.

    `affine` takes indices to mm. `known` is `None` where everything is.
    """

    values: Float32[np.ndarray, "a b c"]
    known: Float32[np.ndarray, "a b c"] | None
    affine: Float[np.ndarray, "4 4"]
    variance: Float[np.ndarray, " 3"]

    @cached_property
    def spacing(self) -> Float[np.ndarray, " 3"]:
        """Distance between samples in mm."""
        out: Float[np.ndarray, " 3"] = np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0))
        return out

    @cached_property
    def to_index(self) -> Float[np.ndarray, "4 4"]:
        """From mm to indices."""
        return np.linalg.inv(self.affine)

    @cached_property
    def packed(self) -> Float32[np.ndarray, "samples 4"]:
        """Value and slope (per sample distance) of every sample, one beside the other."""
        out = np.empty((*self.values.shape, 4), np.float32)
        out[..., 0] = self.values
        out[..., 1] = along(slopes(self.values.shape[0]), self.values, 0)
        out[..., 2] = along(slopes(self.values.shape[1]), self.values, 1)
        out[..., 3] = along(slopes(self.values.shape[2]), self.values, 2)
        return out.reshape(-1, 4)


def smooth(
    values: Num[np.ndarray, "a b c"], known: Bool[np.ndarray, "a b c"] | None, affine: Float[np.ndarray, "4 4"]
) -> Smooth:
    """A volume as it comes, each sample a box as wide as their distance."""
    spacing = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    if known is None or known.all():
        return Smooth(np.ascontiguousarray(values, np.float32), None, affine, BOX * spacing**2)
    share = np.ascontiguousarray(known, np.float32)
    return Smooth(np.where(known, values, 0).astype(np.float32, order="C"), share, affine, BOX * spacing**2)


def smoother(volume: Smooth, sigma: Float[np.ndarray, " 3"]) -> Smooth:
    """The volume with at least `sigma` (mm, along its axes) of smoothness, and no more samples than that asks for.

    Where not everything is known, what is known is averaged, with the share of it as `known` (Knutsson & Westin 1993,
    doi:10.1109/CVPR.1993.341081).
    """
    wanted = np.maximum(sigma, SHARPEST * volume.spacing)
    added = np.sqrt(np.maximum(wanted**2 - volume.variance, 0))
    rows, starts, steps = [], np.zeros(3), np.ones(3)
    for axis, n in enumerate(volume.values.shape):
        step = max(1.0, PER_SIGMA * float(wanted[axis] / volume.spacing[axis]))
        n_new = int((n - 1) / step) + 1
        starts[axis], steps[axis] = ((n - 1) - step * (n_new - 1)) / 2, step
        rows.append(averaging(n, n_new, float(starts[axis]), step, round(float(added[axis] / volume.spacing[axis]), 6)))
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ starts
    affine[:3, :3] *= steps
    variance = np.maximum(volume.variance, wanted**2)
    values = _separably(rows, volume.values)
    if volume.known is None:
        return Smooth(values, None, affine, variance)
    known = _separably(rows, volume.known)
    mean = float(values.sum() / max(float(known.sum()), 1e-12))
    ratio = np.where(known > UNKNOWN, values / np.maximum(known, UNKNOWN), np.float32(mean))
    return Smooth(ratio, known, affine, variance)


@lru_cache(maxsize=64)
def averaging(n: int, n_new: int, start: float, step: float, sigma: float) -> Float32[np.ndarray, "new n"]:
    """Rows of Gaussian weights that sum to one, about start, start + step, ... in a row of `n` samples."""
    at = start + step * np.arange(n_new)
    away = np.arange(n) - at[:, None]
    if sigma < 1e-3:
        weights = np.maximum(1 - np.abs(away), 0)
    else:
        weights = np.exp(-0.5 * (away / sigma) ** 2)
        weights[np.abs(away) > max(4 * sigma, 1)] = 0
    out: Float32[np.ndarray, "new n"] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return out


@lru_cache(maxsize=64)
def slopes(n: int) -> Float32[np.ndarray, "n n"]:
    """The matrix that gives the slopes, at its samples, of the cubic spline through a row; straight at the ends."""
    if n < 2:
        return np.zeros((n, n), np.float32)
    left = (4 * np.eye(n) + np.eye(n, k=1) + np.eye(n, k=-1)) / 6
    right = (np.eye(n, k=1) - np.eye(n, k=-1)) / 2
    left[[0, -1]], right[[0, -1]] = 0, 0
    left[0, 0] = left[-1, -1] = 1
    right[0, :2] = right[-1, -2:] = [-1, 1]
    out: Float32[np.ndarray, "n n"] = np.linalg.solve(left, right).astype(np.float32)
    return out


def along(
    matrix: Float32[np.ndarray, "m n"], volume: Float32[np.ndarray, "a b c"], axis: int
) -> Float32[np.ndarray, "a2 b2 c2"]:
    """A matrix applied along one axis of a volume."""
    out: Float32[np.ndarray, "a2 b2 c2"]
    if axis == 0:
        out = (matrix @ volume.reshape(volume.shape[0], -1)).reshape(-1, *volume.shape[1:])
    else:
        out = matrix @ volume if axis == 1 else volume @ matrix.T
    return out


def _separably(
    rows: list[Float32[np.ndarray, "_ _"]], volume: Float32[np.ndarray, "a b c"]
) -> Float32[np.ndarray, "a2 b2 c2"]:
    for axis, one in enumerate(rows):
        volume = along(one, volume, axis)
    return np.ascontiguousarray(volume)


def read(
    field: Smooth, places: Float32[np.ndarray, "3 points"]
) -> tuple[Float32[np.ndarray, " points"], Float32[np.ndarray, "3 points"]]:
    """Value and slope (per mm) of a field at places in mm; beyond the outermost samples, those of the nearest inside.

    The mean, with trilinear weights, of what the eight samples around expect halfway between their value and the
    straight line of their slope: exact for polynomials of second order.
    """
    where, shares = _cells(field, places)
    corners = field.packed.view(np.complex128).reshape(-1)
    n_b, n_c = field.values.shape[1:]
    strides = (n_b * n_c, n_c, 1)
    total = np.zeros((4, places.shape[1]), np.float32)
    for at in product((0, 1), repeat=3):
        offset = sum(one * stride for one, stride, n in zip(at, strides, field.values.shape, strict=True) if n > 1)
        found = corners[where + offset].view(np.float32).reshape(-1, 4).T.copy()
        away = [share - one for one, share in zip(at, shares, strict=True)]
        weight = np.abs(1 - at[0] - shares[0]) * np.abs(1 - at[1] - shares[1]) * np.abs(1 - at[2] - shares[2])
        found[0] += np.float32(0.5) * (found[1] * away[0] + found[2] * away[1] + found[3] * away[2])
        found *= weight
        total += found
    return total[0], field.to_index[:3, :3].T.astype(np.float32) @ total[1:]


def read_known(field: Smooth, places: Float32[np.ndarray, "3 points"]) -> Float32[np.ndarray, " points"]:
    """How much of a field is known at places in mm, 0 to 1: nothing beyond half a sample from the outermost ones."""
    index = _index(field, places)
    inside = np.ones(places.shape[1], bool)
    for here, n in zip(index, field.values.shape, strict=True):
        inside &= (here >= -0.5) & (here <= n - 0.5)
    if field.known is None:
        return inside.astype(np.float32)
    where, shares = _cells(field, places)
    flat = field.known.reshape(-1)
    n_b, n_c = field.values.shape[1:]
    strides = (n_b * n_c, n_c, 1)
    total = np.zeros(places.shape[1], np.float32)
    for at in product((0, 1), repeat=3):
        offset = sum(one * stride for one, stride, n in zip(at, strides, field.values.shape, strict=True) if n > 1)
        weight = np.abs(1 - at[0] - shares[0]) * np.abs(1 - at[1] - shares[1]) * np.abs(1 - at[2] - shares[2])
        total += weight * flat[where + offset]
    return total * inside


def _index(field: Smooth, places: Float32[np.ndarray, "3 points"]) -> Float32[np.ndarray, "3 points"]:
    to_index = field.to_index.astype(np.float32)
    out: Float32[np.ndarray, "3 points"] = to_index[:3, :3] @ places + to_index[:3, 3:]
    return out


def _cells(
    field: Smooth, places: Float32[np.ndarray, "3 points"]
) -> tuple[Num[np.ndarray, " points"], list[Float32[np.ndarray, " points"]]]:
    """The first corner of the cell that each place lies in, and how far into the cell it lies along each axis."""
    base, shares = np.zeros(places.shape[1], np.intp), []
    for here, n in zip(_index(field, places), field.values.shape, strict=True):
        here = np.clip(here, 0, n - 1)
        low = np.minimum(here.astype(np.intp), max(n - 2, 0))
        base *= n
        base += low
        shares.append(here - low.astype(np.float32))
    return base, shares
