"""From samples of k-space to a grid of signals, and what one voxel of it has seen: the point spread.

A grid of 16 by 16 is 16 samples of k-space along each direction. Its voxels are not boxes: each has seen some of every
place, with side lobes that change sign and reach across the head. A Hamming window takes the first lobe from a fifth of
the peak to less than a hundredth, and makes the voxel half as wide again; what was done is part of the result.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Complex, Float

from perspect.vocabulary import Grid, Problem, Spectra

Window = Literal["none", "hamming"]

HAMMING: Final = 0.54
"""Of cos: w = 0.54 + 0.46 cos(πk/k_max) (Hamming; Pohmann and von Kienlin 2001, doi:10.1002/mrm.1107)."""

FINE: Final = 8
"""Places to a voxel, along each direction, at which a region of whole voxels is looked at."""


@dataclass(frozen=True)
class PointSpread:
    """What a voxel has seen: `matrix` samples of k-space along x, y, z, under a `window`."""

    matrix: tuple[int, int, int]
    window: Window

    def weights(self, axis: int) -> Float[np.ndarray, " samples"]:
        """The window along one direction, zero frequency in the middle (at n // 2)."""
        n = self.matrix[axis]
        if self.window == "none" or n == 1:
            return np.ones(n)
        return HAMMING + (1 - HAMMING) * np.cos(2 * np.pi * (np.arange(n) - n // 2) / n)

    def along(self, axis: int, offset: Float[np.ndarray, " places"]) -> Complex[np.ndarray, " places"]:
        """The response along one direction to a point that lies `offset` voxels from the centre of the voxel."""
        n = self.matrix[axis]
        k = np.arange(n) - n // 2
        out: Complex[np.ndarray, " places"] = np.exp(-2j * np.pi * np.outer(offset, k) / n) @ self.weights(axis) / n
        return out

    @cached_property
    def widths(self) -> tuple[float, float, float]:
        """Full widths at half maximum in nominal voxels along x, y, z."""
        found = []
        for axis, n in enumerate(self.matrix):
            offset = np.arange(0.0, n / 2 + 1e-9, 1e-3) if n > 1 else np.zeros(1)
            size = np.abs(self.along(axis, offset))
            below = np.flatnonzero(size < size[0] / 2)
            found.append(2 * float(offset[below[0]]) if below.size else 1.0)
        return found[0], found[1], found[2]

    @property
    def volume(self) -> float:
        """How many nominal voxels a voxel is, by the product of its widths over that of an unfiltered one's."""
        plain = PointSpread(self.matrix, "none").widths
        return float(np.prod(self.widths) / np.prod(plain))

    def seen(self, truth: Float[np.ndarray, "fx fy fz"]) -> Float[np.ndarray, "x y z"]:
        """What a grid shows of amounts that fill boxes, on a grid that is finer by whole numbers.

        Real where the truth is real; the mean of a grid is the mean of the truth where nothing is filtered.
        """
        spectrum = np.fft.fftshift(np.fft.fftn(_sampled_at_voxels(truth, self.matrix)))
        kept = spectrum[_middle(truth.shape, self.matrix)] * self._product
        out: Float[np.ndarray, "x y z"] = np.fft.ifftn(np.fft.ifftshift(kept)).real
        scaled: Float[np.ndarray, "x y z"] = out * (np.prod(self.matrix) / truth.size)
        return scaled

    @cached_property
    def _product(self) -> Float[np.ndarray, "x y z"]:
        x, y, z = (self.weights(axis) for axis in range(3))
        return np.asarray(x[:, None, None] * y[:, None] * z)

    def weighing(self, region: Bool[np.ndarray, "fx fy fz"]) -> Float[np.ndarray, "x y z"]:
        """How much of each voxel's signal comes from a region, between 0 and 1: what to weigh a mean over it with."""
        out: Float[np.ndarray, "x y z"] = np.clip(self.of_boxes(region.astype(float)), 0.0, 1.0)
        return out

    def of_boxes(self, shares: Float[np.ndarray, "fx fy fz"]) -> Float[np.ndarray, "x y z"]:
        """What is `seen` of shares of places; those of whole voxels are of boxes all the same."""
        if shares.shape == self.matrix:
            for axis, n in enumerate(self.matrix):
                shares = np.repeat(shares, FINE if n > 1 else 1, axis=axis)
        return self.seen(shares)


def _sampled_at_voxels(truth: Float[np.ndarray, "x y z"], matrix: tuple[int, int, int]) -> Float[np.ndarray, "x y z"]:
    """The truth moved so that centres of coarse voxels fall on centres of fine ones."""
    if any(fine % coarse for fine, coarse in zip(truth.shape, matrix, strict=True)):
        raise Problem(
            f"{truth.shape} is no multiple of {matrix}.",
            "Voxels would not hold whole places.",
            "Give a truth of a whole multiple of the matrix.",
        )
    ratio = [fine // coarse for fine, coarse in zip(truth.shape, matrix, strict=True)]
    moved = np.fft.fftn(truth)
    for axis, times in enumerate(ratio):
        k = np.fft.fftfreq(truth.shape[axis])
        shape = [1, 1, 1]
        shape[axis] = -1
        moved = moved * np.exp(2j * np.pi * k * (times - 1) / 2).reshape(shape)
    out: Float[np.ndarray, "x y z"] = np.fft.ifftn(moved).real
    return out


def _middle(fine: tuple[int, ...], coarse: tuple[int, int, int]) -> tuple[slice, ...]:
    return tuple(slice(n // 2 - m // 2, n // 2 - m // 2 + m) for n, m in zip(fine, coarse, strict=True))


def from_kspace(
    samples: Spectra, window: Window = "hamming", moved: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> tuple[Spectra, PointSpread]:
    """The grid of signals of samples in k-space (zero frequency at n // 2 along each direction), and its point spread.

    `moved` shifts the grid by parts of a voxel, which k-space allows without interpolation: so that a lesion lies in
    the middle of a voxel.
    """
    values = samples.values
    shape = values.shape[:3]
    spread = PointSpread((shape[0], shape[1], shape[2]), window)
    for axis, n in enumerate(shape):
        k = np.arange(n) - n // 2
        weight = spread.weights(axis) * np.exp(2j * np.pi * k * moved[axis] / n)
        values = values * weight.reshape([-1 if at == axis else 1 for at in range(values.ndim)])
    axes = (0, 1, 2)
    image = np.fft.ifftn(np.fft.ifftshift(values, axes), axes=axes)
    affine = samples.grid.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.array(moved)
    grid = Grid(samples.grid.shape, affine)
    return replace(samples, values=np.fft.fftshift(image, axes), grid=grid), spread


def reconstructed(samples: Spectra, axes: tuple[int, ...]) -> Spectra:
    """The image of samples that are those of k-space along some axes, unfiltered.

    Where zero frequency lies, in the middle (n // 2) or at the beginning, is told by where the signal is strongest;
    the other direction of the axes would show the image turned round, which no sample tells.
    """
    values = samples.values
    for axis in axes:
        n = values.shape[axis]
        size = np.abs(values).max(axis=tuple(at for at in range(values.ndim) if at != axis))
        top = int(np.argmax(np.nan_to_num(size)))
        if n > 1 and min(top, abs(top - n // 2)) > 1:
            raise Problem(
                f"{samples.name} is strongest at sample {top} of {n} along {'xyz'[axis]}.",
                "Signals are strongest at zero frequency, which is neither in the middle nor at the start.",
                "Export the reconstructed image.",
            )
        first = values if top <= 1 and n > 3 else np.fft.ifftshift(values, axis)
        values = np.fft.fftshift(np.fft.ifft(first, axis=axis), axis)
    header = {key: one for key, one in samples.header.items() if key != "kSpace"}
    return replace(samples, values=values, header=header)


def to_kspace(image: Spectra) -> Spectra:
    """The samples that a grid was made of, zero frequency in the middle: the inverse of `from_kspace` unfiltered."""
    axes = (0, 1, 2)
    samples = np.fft.fftn(np.fft.ifftshift(image.values, axes), axes=axes)
    return replace(image, values=np.fft.fftshift(samples, axes))


def filtered(image: Spectra, window: Window = "hamming") -> tuple[Spectra, PointSpread]:
    """A grid under a window, and the point spread that it then has."""
    return from_kspace(to_kspace(image), window)
