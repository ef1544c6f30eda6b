"""What the voxels of a grid of spectra let be seen of an object that was encoded in finitely many steps."""

import numpy as np
from jaxtyping import Complex


def spread_of(n: int, pieces: int, *, has_window: bool, late: float = 0.0) -> Complex[np.ndarray, "n pieces_in_all"]:
    """What each of `n` voxels sees of every piece along one direction that was encoded in `n` steps.

    A line that turns by `late` more turns from the first to the last step is taken for one so many voxels farther on.
    """
    k = np.arange(n) - n // 2
    window = 0.54 + 0.46 * np.cos(2.0 * np.pi * k / n) if has_window else np.ones(n)
    voxels, all_pieces = np.arange(n) + 0.5, (np.arange(n * pieces) + 0.5) / pieces + late
    waves = np.exp(2j * np.pi * k * (voxels[:, None, None] - all_pieces[:, None]) / n)
    return np.asarray((waves * window).sum(axis=-1) / (n * pieces))


def encoded(
    emitted: Complex[np.ndarray, "a b points"],
    along: Complex[np.ndarray, "n pieces_in_all"],
    across: Complex[np.ndarray, "n pieces_in_all"],
) -> Complex[np.ndarray, "n n points"]:
    """The spectra of the voxels of a slice, from what they see along its first and its second direction."""
    return np.asarray(np.einsum("xa,abt,yb->xyt", along, emitted, across, optimize=True))
