"""Rigid resampling by Fourier shears: one-dimensional shifts that are exact for band-limited images.

Any matrix of determinant one is a product of four shears that each move points along a single axis (Chen & Kaufman
2000, doi:10.1006/gmod.2000.0524), and a small rotation is very nearly a product of three. A shear is a shift of every
line by its own amount, and a shift is a linear phase of the line's spectrum (Eddy, Fitzgerald & Noll 1996,
doi:10.1002/mrm.1910360615), so that nothing is blurred.
"""

from dataclasses import dataclass
from itertools import permutations
from typing import Final

import numpy as np
import scipy.fft
from jaxtyping import Complex64, Float, Float32

from perspect.numerics.parallel import spans

RAMP: Final = 8
"""Samples, at least, over which the end of a line is led back to its beginning, so that the jump does not ring."""

STILL: Final = 1e-4
"""Shifts below this many voxels are not worth a pass."""

CLOSE: Final = 0.005
"""Voxels by which three shears may misplace a corner of the array before a fourth is worth a pass: what is nearer to
the centre they misplace in proportion less. In an array of 128, turns by up to half a degree need three."""

SLAB: Final = 131072
"""Samples in a slab that is worked on at a time."""


@dataclass(frozen=True, eq=False)
class Shear:
    """Point x goes to x + e_axis (offset + slopes . x), x counted from the centre of the array in voxels."""

    axis: int
    slopes: Float[np.ndarray, " 3"]
    offset: float

    def reach(self, shape: tuple[int, int, int]) -> float:
        """The largest shift inside an array of this shape, in voxels."""
        half = (np.array(shape) - 1) / 2
        return abs(self.offset) + float(np.abs(self.slopes) @ half)


def shears(
    matrix: Float[np.ndarray, "3 3"], shift: Float[np.ndarray, " 3"], shape: tuple[int, int, int]
) -> tuple[Shear, ...]:
    """The shears whose product, the first one outermost, is x -> matrix x + shift; to `CLOSE` where three suffice.

    x counts voxels from the centre of an array of `shape`; the determinant of `matrix` must be one. Of the orders of
    axes it is the one that shifts least, among three shears the one that is closest.
    """
    if np.abs(matrix - np.eye(3)).max() * max(shape) < STILL:
        whole = [Shear(axis, np.zeros(3), float(shift[axis])) for axis in range(3)]
        return tuple(one for one in whole if abs(one.offset) >= STILL)
    miss, order, slopes = min(
        (_three(matrix, order, shape) for order in permutations(range(3))), key=lambda one: one[0]
    )
    if miss < CLOSE:
        best = _with_shift(order, slopes, shift)
    else:
        orders = [factors for order in permutations(range(3)) if (factors := _factors(matrix, order)) is not None]
        products = [_with_shift(order, slopes, shift) for order, slopes in orders]
        best = min(products, key=lambda product: max(one.reach(shape) for one in product))
    return tuple(one for one in best if one.reach(shape) >= STILL)


def _three(
    v: Float[np.ndarray, "3 3"], order: tuple[int, ...], shape: tuple[int, int, int]
) -> tuple[float, tuple[int, ...], list[Float[np.ndarray, " 3"]]]:
    """The slopes of v ~ S_i(a) S_j(b) S_k(c) for axes (i, j, k), which differ on the diagonal only, and by how many
    voxels the corner of the array is missed.
    """
    i, j, k = order
    a, b, c = np.zeros((3, 3))
    c[i], c[j] = v[k, i], v[k, j]
    b[k] = v[j, k]
    b[i] = v[j, i] - b[k] * c[i]
    a[j] = v[i, j] - v[i, k] * c[j]
    a[k] = v[i, k] - a[j] * b[k]
    wrong = np.abs(_product(order, [a, b, c]) - v) @ ((np.array(shape) - 1) / 2)
    return float(wrong.max()), order, [a, b, c]


def _product(order: tuple[int, ...], slopes: list[Float[np.ndarray, " 3"]]) -> Float[np.ndarray, "3 3"]:
    product = np.eye(3)
    for axis, some in zip(order, slopes, strict=True):
        product = product + np.outer(product[:, axis], some)
    return product


def _factors(
    v: Float[np.ndarray, "3 3"], order: tuple[int, ...]
) -> tuple[tuple[int, ...], list[Float[np.ndarray, " 3"]]] | None:
    """The slopes of v = S_i(a) S_j(b) S_k(c) S_i(d) for axes (i, j, k), or None."""
    i, j, k = order
    with np.errstate(divide="ignore", invalid="ignore"):
        d_k = np.divide(v[k, k] - 1, v[k, i]) if v[k, k] != 1 else 0.0
        p = v[j, k] - v[j, i] * d_k
        d_j = np.divide(1 - v[j, j] + p * v[k, j], p * v[k, i] - v[j, i])
    d = np.zeros(3)
    d[j], d[k] = d_j, d_k
    if not np.isfinite(d).all():
        return None
    w = v - np.outer(v[:, i], d)
    c = np.zeros(3)
    c[i], c[j] = w[k, i], w[k, j]
    b = np.zeros(3)
    b[k] = w[j, k]
    b[i] = w[j, i] - b[k] * c[i]
    rows = np.stack([w[j], w[k]])[:, [j, k]]
    a = np.zeros(3)
    if abs(np.linalg.det(rows)) < 0.1:
        return None
    a[[j, k]] = np.linalg.solve(rows.T, w[i, [j, k]])
    found = (i, j, k, i), [a, b, c, d]
    return found if np.abs(_product(*found) - v).max() < 1e-7 else None


def _with_shift(
    order: tuple[int, ...], slopes: list[Float[np.ndarray, " 3"]], shift: Float[np.ndarray, " 3"]
) -> tuple[Shear, ...]:
    """The three outer shears carry the translation, each less what the ones outside it already add."""
    i, j, k = order[:3]
    a, b = slopes[:2]
    offsets = (shift[i] - a[j] * shift[j] - a[k] * shift[k], shift[j] - b[k] * shift[k], shift[k], 0.0)[: len(order)]
    return tuple(Shear(axis, s, float(o)) for axis, s, o in zip(order, slopes, offsets, strict=True))


def resampled(
    volume: Float32[np.ndarray, "a b c"],
    matrix: Float[np.ndarray, "3 3"],
    shift: Float[np.ndarray, " 3"],
    wanted: tuple[slice, ...] = (slice(None),) * 3,
) -> Float32[np.ndarray, "a2 b2 c2"]:
    """The volume read at matrix x + shift, x in voxels from the centre of the array. Fastest for C-ordered volumes.

    `wanted` is the part of the result that is given; what it does not need is not computed. What lies beyond the edge
    is led smoothly over to the opposite edge: it is no measurement, and whoever calls must mark it. `matrix` must have
    determinant one.
    """
    shape = volume.shape
    steps = shears(matrix, shift, shape)
    axes = [step.axis for step in steps]
    kept = next((axis for axis in axes if axes.count(axis) > 1), None)
    centre = (np.array(shape) - 1) / 2
    part = [slice(*one.indices(n)) for one, n in zip(wanted, shape, strict=True)]
    out = volume if kept is None else _led_round(volume, kept)  # what one pass moves over the edge another brings back
    for axis in set(range(3)) - set(axes):
        out, centre = _cut(out, centre, axis, part[axis])
    for n_done, step in enumerate(steps, start=1):
        out = _sheared(out, step, centre, is_led_round=step.axis == kept)
        if step.axis not in axes[n_done:]:  # until then the lines along it are needed whole
            out, centre = _cut(out, centre, step.axis, part[step.axis])
    return np.ascontiguousarray(out)


def _cut(
    volume: Float32[np.ndarray, "a b c"], centre: Float[np.ndarray, " 3"], axis: int, piece: slice
) -> tuple[Float32[np.ndarray, "a2 b2 c2"], Float[np.ndarray, " 3"]]:
    """A piece of a volume along one axis, and where the centre of rotation is in it."""
    moved = centre.copy()
    moved[axis] -= piece.start
    return volume[_part(axis, piece)], moved


def _sheared(
    volume: Float32[np.ndarray, "a b c"], step: Shear, centre: Float[np.ndarray, " 3"], is_led_round: bool
) -> Float32[np.ndarray, "a b c"]:
    """Each line times a linear phase, a slab at a time so that the work stays in the cache.

    The phase is a product of two tables, one for each of the axes across the line.
    """
    axis, n = step.axis, volume.shape[step.axis]
    slabs, rows = sorted((at for at in range(3) if at != axis), key=lambda at: (at == 2, at))
    size = n if is_led_round else scipy.fft.next_fast_len(n + RAMP, real=True)
    along = {at: step.slopes[at] * (np.arange(volume.shape[at]) - centre[at]) for at in (slabs, rows)}
    across, within = _table(size, along[slabs], axis, slabs), _table(size, along[rows] + step.offset, axis, rows)
    out = np.empty(volume.shape, np.float32)
    thick = max(1, SLAB * volume.shape[slabs] // volume.size)
    for piece in spans(volume.shape[slabs], thick):
        here = _part(slabs, piece)
        slab = volume[here] if is_led_round else _led_round(volume[here], axis)
        spectrum = scipy.fft.rfft(slab, axis=axis)
        spectrum *= within
        spectrum *= across[here]
        out[here] = scipy.fft.irfft(spectrum, size, axis=axis, overwrite_x=True)[_part(axis, slice(n))]
    return out


def _table(n: int, shift: Float[np.ndarray, " m"], axis: int, at: int) -> Complex64[np.ndarray, "a b c"]:
    """exp(2 pi i f s) with the frequencies of n samples along `axis` and the shifts along `at`."""
    phase = np.empty((n // 2 + 1, shift.size), np.complex128)
    phase[0], phase[1:] = 1.0, np.exp(2j * np.pi * shift / n)
    np.multiply.accumulate(phase, axis=0, out=phase)
    table = np.ascontiguousarray(phase if axis < at else phase.T, np.complex64)
    return np.expand_dims(table, 3 - axis - at)


def _led_round(volume: Float32[np.ndarray, "a b c"], axis: int) -> Float32[np.ndarray, "a2 b2 c2"]:
    """The volume with samples after its end along one axis that lead back to its beginning by half a cosine."""
    n = volume.shape[axis]
    size = scipy.fft.next_fast_len(n + RAMP, real=True)
    shape = list(volume.shape)
    shape[axis] = size
    share = (0.5 - 0.5 * np.cos(np.pi * np.arange(1, size - n + 1) / (size - n + 1))).astype(np.float32)
    first, last = volume[_part(axis, slice(0, 1))], volume[_part(axis, slice(n - 1, n))]
    out = np.empty(shape, np.float32)
    out[_part(axis, slice(n))] = volume
    out[_part(axis, slice(n, None))] = last + share.reshape([-1 if at == axis else 1 for at in range(3)]) * (
        first - last
    )
    return out


def _part(axis: int, piece: slice) -> tuple[slice, ...]:
    whole = slice(None)
    return (*(whole,) * axis, piece, *(whole,) * (2 - axis))
