"""What air, bone, blood and calcium do to the main field around them, after the scanner's own correction."""

from collections.abc import Iterable, Mapping
from itertools import combinations_with_replacement
from typing import Final

import numpy as np
from jaxtyping import Bool, Float32
from scipy import fft

from perspect.phantom.patient import Biology, Compartment, Part
from perspect.vocabulary import Grid

COARSE: Final = 2.0
"""Voxels on which the field is worked out, in mm: it is smooth away from the surfaces that make it."""

_BELOW, _AROUND = 40, 12


def field_offset(
    parts: Iterable[Part], biology: Mapping[Compartment, Biology], grid: Grid, brain: Bool[np.ndarray, "x y z"]
) -> Float32[np.ndarray, "x y z"]:
    """Off-resonance in ppm of the main field along z, with what a shim of second order over the brain takes away.

    The head goes on below the grid as it ends there. Marques and Bowtell 2005, doi:10.1002/cmr.b.20034, equation 5;
    Salomir et al. 2003, doi:10.1002/cmr.b.10083.
    """
    chi = np.zeros(int(np.prod(grid.shape)), np.float32)
    for part in parts:
        chi[part.inside] += part.fraction * np.float32(biology[part.compartment].susceptibility)
    times = max(round(COARSE / float(np.mean(grid.spacing))), 1)
    coarse = _coarse(chi.reshape(grid.shape, order="F"), times)
    field = _dipoles(coarse, float(biology[Compartment.AIR].susceptibility))
    inside = _coarse(brain.astype(np.float32), times) > 0.9
    return _fine(field - _shim(field, inside), grid.shape, times)


def _coarse(volume: Float32[np.ndarray, "x y z"], times: int) -> Float32[np.ndarray, "a b c"]:
    """Means over blocks; the last plane is repeated where the blocks do not fit."""
    padded = np.pad(volume, [(0, -n % times) for n in volume.shape], mode="edge")
    a, b, c = (n // times for n in padded.shape)
    return np.asarray(padded.reshape(a, times, b, times, c, times).mean(axis=(1, 3, 5)))


def _dipoles(chi: Float32[np.ndarray, "a b c"], air: float) -> Float32[np.ndarray, "a b c"]:
    """The field along z of a map of susceptibility: convolution with 1/3 - kz²/k²."""
    wide = np.pad(chi, [(0, 0), (0, 0), (_BELOW, 0)], mode="edge")
    wide = np.pad(wide, [(_AROUND, _AROUND), (_AROUND, _AROUND), (0, _AROUND)], constant_values=air)
    shape = [fft.next_fast_len(n, real=True) for n in wide.shape]
    wide = np.pad(wide, [(0, m - n) for n, m in zip(wide.shape, shape, strict=True)], constant_values=air)
    kx, ky, kz = (
        np.square(f, dtype=np.float32) for f in (fft.fftfreq(shape[0]), fft.fftfreq(shape[1]), fft.rfftfreq(shape[2]))
    )
    square = kx[:, None, None] + ky[:, None] + kz
    square[0, 0, 0] = 1.0
    spread = fft.rfftn(wide) * (np.float32(1.0 / 3.0) - kz / square)
    spread[0, 0, 0] = 0.0
    field = fft.irfftn(spread, shape)
    a, b, c = chi.shape
    return np.asarray(field[_AROUND : _AROUND + a, _AROUND : _AROUND + b, _BELOW : _BELOW + c], np.float32)


def _shim(field: Float32[np.ndarray, "a b c"], brain: Bool[np.ndarray, "a b c"]) -> Float32[np.ndarray, "a b c"]:
    """The polynomial of second order that fits the field in the brain best."""
    axes = [np.linspace(-1.0, 1.0, n, dtype=np.float32) for n in field.shape]
    x, y, z = axes[0][:, None, None], axes[1][:, None], axes[2]
    linear = [np.broadcast_to(one, field.shape) for one in (x, y, z)]
    terms = [np.ones(field.shape, np.float32), *linear]
    terms += [a * b for a, b in combinations_with_replacement(linear, 2)]
    design = np.stack([term[brain] for term in terms], axis=1).astype(float)
    weights = np.linalg.lstsq(design, field[brain].astype(float), rcond=None)[0]
    return np.asarray(sum(np.float32(w) * term for w, term in zip(weights, terms, strict=True)))


def _fine(field: Float32[np.ndarray, "a b c"], shape: tuple[int, int, int], times: int) -> Float32[np.ndarray, "x y z"]:
    """Trilinear between the centres of the blocks."""
    centres = [(np.arange(n, dtype=np.float32) - (times - 1) / 2.0) / times for n in shape]
    for axis, at in enumerate(centres):
        low = np.clip(np.floor(at).astype(int), 0, field.shape[axis] - 2)
        share = np.clip(at - low, 0.0, 1.0).astype(np.float32).reshape([-1 if i == axis else 1 for i in range(3)])
        field = np.take(field, low, axis) * (1.0 - share) + np.take(field, low + 1, axis) * share
    return np.asarray(field, np.float32, order="F")
