"""The field that a map of susceptibility makes, and how much of it a phase image shows: in differences between
neighbours, where the phase need not be unwrapped.
"""

from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import nan
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32
from scipy import fft

FEWEST: Final = 200
"""Differences below which nothing is told."""

AROUND: Final = 16
"""Samples of padding on each side: a field falls off with the third power, but the transform comes round again."""


@dataclass(frozen=True)
class Shown:
    """How much of a predicted field a phase image shows, in rad per unit of it (NaN: cannot be told), and the
    correlation of both, from -1 to 1, once a smooth background was taken out of both.
    """

    slope: float
    likeness: float


def field_of(
    chi: Float32[np.ndarray, "x y z"], spacing: Float[np.ndarray, " 3"], along: Float[np.ndarray, " 3"]
) -> Float32[np.ndarray, "x y z"]:
    """The field along the direction `along` (a unit vector in the axes of the array), relative to the main one, in the
    unit of the susceptibility. Beyond the array goes on what lies at its edges.

    Marques and Bowtell 2005, doi:10.1002/cmr.b.20034; Salomir et al. 2003, doi:10.1002/cmr.b.10083.
    """
    wide = np.pad(chi, AROUND, mode="edge")
    wide = wide - np.float32(wide.mean())
    shape = [fft.next_fast_len(n, real=True) for n in wide.shape]
    k = [fft.fftfreq(shape[0], spacing[0]), fft.fftfreq(shape[1], spacing[1]), fft.rfftfreq(shape[2], spacing[2])]
    kx, ky, kz = (one.astype(np.float32) for one in k)
    square = (kx**2)[:, None, None] + (ky**2)[:, None] + kz**2
    square[0, 0, 0] = 1.0
    run = along.astype(np.float32)
    main = (run[0] * kx)[:, None, None] + (run[1] * ky)[:, None] + run[2] * kz
    spread = fft.rfftn(wide, shape) * (np.float32(1 / 3) - main**2 / square)
    spread[0, 0, 0] = 0.0
    inner = tuple(slice(AROUND, AROUND + n) for n in chi.shape)
    return np.asarray(fft.irfftn(spread, shape)[inner], np.float32)


def shown(
    signal: np.ndarray,
    field: Float32[np.ndarray, "x y z"],
    where: Bool[np.ndarray, "x y z"],
    order: int,
) -> Shown:
    """What the phase of a complex `signal` (x, y, z) shows of a predicted `field`, in the voxels of `where`.

    Least squares of the differences of phase between neighbours on those of the field and of a polynomial of `order`
    (what a shim and far sources make), weighted with the strength of the signal.
    """
    axes = [np.linspace(-1.0, 1.0, n, dtype=np.float32) for n in where.shape]
    x, y, z = (np.broadcast_to(one, where.shape) for one in (axes[0][:, None, None], axes[1][:, None], axes[2]))
    terms = [np.prod(some, axis=0) for n in range(1, order + 1) for some in combinations_with_replacement((x, y, z), n)]
    rows, columns, weights = [], [], []
    for axis in range(3):
        low, high = _ends(axis)
        both = where[low] & where[high]
        turned = signal[high][both] * np.conj(signal[low][both])
        rows.append(np.angle(turned))
        weights.append(np.sqrt(np.abs(turned)))
        columns.append(np.stack([(one[high] - one[low])[both] for one in (field, *terms)], axis=1))
    turns, weight = np.concatenate(rows).astype(float), np.concatenate(weights).astype(float)
    design = np.concatenate(columns).astype(float) * weight[:, None]
    turns = turns * weight
    if turns.size < FEWEST:
        return Shown(nan, nan)
    smooth, predicted = design[:, 1:], design[:, 0]
    left, rest = (one - smooth @ np.linalg.lstsq(smooth, one, rcond=None)[0] for one in (turns, predicted))
    size = float(np.sqrt((left @ left) * (rest @ rest)))
    if not size > 0:
        return Shown(nan, nan)
    return Shown(float(left @ rest) / float(rest @ rest), float(left @ rest) / size)


def _ends(axis: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """The parts of an array that hold the lower and the upper of two neighbours along an axis."""
    whole = [slice(None)] * 3
    low, high = list(whole), list(whole)
    low[axis], high[axis] = slice(None, -1), slice(1, None)
    return tuple(low), tuple(high)
