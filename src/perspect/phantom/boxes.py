"""Means over the voxels of a scan of what a finer grid holds, where the two share their first axis.

Slices are tilted about the axis from ear to ear, so that what a voxel of the scan reads factorises: planes across that
axis by one sparse product, lines along it by another. That is the same as to look at every piece of every voxel, in a
tenth of the time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float32, Int
from scipy import sparse

from perspect.vocabulary import Grid

PARALLEL: Final = 1e-5
"""Voxels of the fine grid by which the first axes may part over the whole of the scan."""

Weights = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""Which of n samples are read at places between them, and how much of each: two arrays of (samples, *places)."""


@dataclass(frozen=True, eq=False)
class Boxes:
    """What every voxel of `grid` reads of a fine grid: `across` of lines (y, z), `along` of the samples of a line."""

    grid: Grid
    across: sparse.csr_array
    along: Float32[np.ndarray, "x2 x"]

    def of(
        self, places: Int[np.ndarray, " inside"], values: Float32[np.ndarray, " inside"]
    ) -> Float32[np.ndarray, " voxels"]:
        """Means over voxels of what is `values` at `places` of the fine grid (in memory order) and 0 elsewhere."""
        n = self.along.shape[1]
        if places.size == 0:
            return np.zeros(int(np.prod(self.grid.shape)), np.float32)
        line = places // n
        at = places - line * n
        (low, high), (left, right) = (line.min(), line.max() + 1), (at.min(), at.max() + 1)
        held = np.zeros((high - low, right - left), np.float32)
        held[line - low, at - left] = values
        return self._means(held, int(low), int(left))

    def everywhere(self, volume: Float32[np.ndarray, "x y z"]) -> Float32[np.ndarray, " voxels"]:
        """Means over voxels of a volume on the whole of the fine grid."""
        return self._means(np.ascontiguousarray(volume.T, np.float32).reshape(-1, volume.shape[0]), 0, 0)

    def _means(self, held: Float32[np.ndarray, "lines x"], low: int, left: int) -> Float32[np.ndarray, " voxels"]:
        lines, reach = held.shape
        across = self.across[:, low : low + lines]
        seen = np.flatnonzero(np.diff(across.indptr))
        out = np.zeros((across.shape[0], self.along.shape[0]), np.float32)
        if seen.size:
            out[seen] = (across[seen] @ held) @ self.along[:, left : left + reach].T
        return out.reshape(-1)


def boxes(fine: Grid, grid: Grid, pieces: tuple[int, int, int], weights: Weights) -> Boxes | None:
    """How a grid reads a finer one in the middles of `pieces` of its voxels along each axis; None for other axes."""
    to_fine = np.linalg.inv(fine.affine) @ grid.affine
    parting = np.abs([*(to_fine[0, 1:3] * grid.shape[1:]), *(to_fine[1:3, 0] * grid.shape[0])])
    if parting.max() > PARALLEL:
        return None
    x, y, z = (np.arange(n * k) / k + (1 / k - 1) / 2 for n, k in zip(grid.shape, pieces, strict=True))
    along = _summed(*weights(to_fine[0, 0] * x + to_fine[0, 3], fine.shape[0]), pieces[0], fine.shape[0])
    y_at, z_at = (to_fine[row, 1] * y[None, :] + to_fine[row, 2] * z[:, None] + to_fine[row, 3] for row in (1, 2))
    (y_index, y_share), (z_index, z_share) = weights(y_at, fine.shape[1]), weights(z_at, fine.shape[2])
    index = z_index[:, None] * fine.shape[1] + y_index
    share = z_share[:, None] * y_share / (pieces[1] * pieces[2])
    row = (np.arange(z.size) // pieces[2])[:, None] * grid.shape[1] + np.arange(y.size) // pieces[1]
    used = share != 0
    shape = (grid.shape[1] * grid.shape[2], fine.shape[1] * fine.shape[2])
    entries = (share[used].astype(np.float32), (np.broadcast_to(row, share.shape)[used], index[used]))
    return Boxes(grid, sparse.coo_array(entries, shape=shape).tocsr(), along)


def _summed(index: np.ndarray, share: np.ndarray, pieces: int, n: int) -> Float32[np.ndarray, "x2 x"]:
    """The weights of lines as a matrix, the pieces of a voxel taken together."""
    out = np.zeros((index.shape[1] // pieces, n))
    voxel = np.broadcast_to(np.arange(index.shape[1]) // pieces, index.shape)
    np.add.at(out, (voxel, index), share / pieces)
    return out.astype(np.float32)


def linear(at: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Between the two samples beside a place; beyond the outermost ones there is nothing."""
    low = np.floor(at).astype(int)
    index, share = np.stack([low, low + 1]), np.stack([1 - (at - low), at - low])
    inside = (index >= 0) & (index < n)
    return np.where(inside, index, 0), np.where(inside, share, 0.0)


def lasting(at: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Between the two samples beside a place; the outermost ones go on for ever."""
    return linear(np.clip(at, 0, n - 1), n)


def nearest(at: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The sample next to a place; beyond the outermost ones there is nothing."""
    index = np.rint(at).astype(int)[None]
    inside = (index >= 0) & (index < n)
    return np.where(inside, index, 0), inside.astype(float)
