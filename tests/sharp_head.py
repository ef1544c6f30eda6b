"""A head of constant pieces in few thick slices, as digital reference objects are: nothing in it is smooth."""

import numpy as np

from perspect.vocabulary import Grid, Series

SHAPE = (40, 48, 6)
GRID = Grid(SHAPE, np.diag([4.0, 4.0, 5.0, 1.0]))
AIR, SCALP, SKULL, CSF, GREY, WHITE, RIM, SINUS = range(8)


def labels():
    """Which tissue each voxel of a grid twice as fine within the slice has."""
    x, y = np.meshgrid(np.linspace(-1, 1, 80), np.linspace(-1, 1, 96), indexing="ij")
    out = np.zeros((80, 96, 6), int)
    angle = np.arctan2(y, x)
    for k in range(6):
        size = 0.78 - 0.04 * abs(k - 2.5)
        r = np.hypot(x, y / 1.1) / size
        edge = 0.74 + 0.09 * np.cos(9 * angle + k) + 0.05 * np.cos(17 * angle + 1.3 * k)
        slice_ = out[:, :, k]
        for outer, tissue in ((1.12, SCALP), (1.05, SKULL), (0.99, CSF), (0.95, GREY)):
            slice_[r < outer] = tissue
        slice_[r < edge] = WHITE
        slice_[np.hypot((np.abs(x) - 0.13) / 0.09, (y - 0.02) / 0.28) < 1] = CSF
        slice_[np.hypot((np.abs(x) - 0.30) / 0.10, (y + 0.02) / 0.17) < 1] = GREY
        slice_[np.hypot((x - 0.42) / 0.24, (y + 0.38) / 0.24) < (0 < k < 5)] = RIM
        slice_[np.hypot(x, y + 0.83 * size * 1.1) < 0.07] = SINUS
    return out


def series(levels, snr=100.0):
    """One volume for each row of levels (signal by tissue, in the order of the labels), with noise relative to white
    matter.
    """
    levels, rng = np.asarray(levels, float), np.random.default_rng(0)
    fine = levels[:, labels()].reshape(len(levels), 40, 2, 48, 2, 6).mean(axis=(2, 4))
    noise = levels[0, WHITE] / snr * rng.standard_normal((2, *fine.shape))
    values = np.abs(fine + noise[0] + 1j * noise[1]).astype(np.float32)
    return Series(np.asfortranarray(np.moveaxis(values, 0, -1)), GRID, 5.0 * np.arange(len(levels)), name="sharp")


def brain():
    """The voxels that are mostly brain."""
    inside = (labels() >= CSF).reshape(40, 2, 48, 2, 6).mean(axis=(1, 3))
    return inside > 0.5
