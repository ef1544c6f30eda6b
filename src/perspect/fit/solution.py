"""What every route of the fitter hands back for a chunk of voxels, and the test that tells a parameter from none."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import chdtri, fdtri

from perspect.numerics.parallel import VOXELS

CONFIDENCE: Final = 0.95
"""A parameter is determined, and a second solution is excluded, at this level."""

VALLEY: Final = 2.0
"""Two minima are two where, on the way from one to the other, so many times what can be told apart is lost: as along a
line (`numerics.separable.falls_apart`). Else they are bumps of noise in one valley, whose width the errors state."""


@dataclass(frozen=True, eq=False)
class Solution:
    """The unknowns that a route solves for (amplitudes, then θ) in inside units; voxels trail.

    `information` is JᵀJ of the unknowns. An unknown that is not determined has a number here, at which the others were
    found, but must not be shown.
    """

    x: Float[np.ndarray, "unknowns voxels"]
    sse: Float[np.ndarray, " voxels"]
    information: Float[np.ndarray, "unknowns unknowns voxels"]
    is_at_bound: Bool[np.ndarray, "unknowns voxels"]
    is_undetermined: Bool[np.ndarray, "unknowns voxels"]
    is_ambiguous: Bool[np.ndarray, " voxels"]
    has_converged: Bool[np.ndarray, " voxels"]


@dataclass(frozen=True, eq=False)
class Chunk:
    """Curves of usable voxels, time-major and in double precision, with their sums of squares and known variances.

    `asked` is the sum of squares that a fit must get below to be of use; `None`: any is.
    """

    y: Float[np.ndarray, "time voxels"]
    square: Float[np.ndarray, " voxels"]
    variance: Float[np.ndarray, " voxels"] | None
    asked: Float[np.ndarray, " voxels"] | None = None

    def of(self, rows: np.ndarray) -> "Chunk":
        """The same of some voxels."""
        variance, asked = (None if one is None else one[rows] for one in (self.variance, self.asked))
        return Chunk(self.y[:, rows], self.square[rows], variance, asked)


@dataclass(frozen=True, eq=False)
class Route:
    """A way to solve a model, built once per protocol.

    `slopes` gives the derivatives of the signal along the unknowns, "voxels time unknowns"; `voxels` is the size of the
    chunks that suit it.
    """

    solve: Callable[[Chunk], Solution]
    slopes: Callable[[np.ndarray], np.ndarray]
    voxels: int = VOXELS


def worth(
    n_more: int, n_unknowns: int, chunk: Chunk, sse: Float[np.ndarray, " some"], rows: np.ndarray | None = None
) -> Float[np.ndarray, " some"]:
    """What `n_more` unknowns must lower the sum of squares by to be told from chance (F test; χ² where noise is known),
    in some voxels of the chunk or in all.

    Without noise and without samples to spare nothing can be told, and nothing is asked.
    """
    n_spare = chunk.y.shape[0] - n_unknowns
    if chunk.variance is not None:
        variance = chunk.variance if rows is None else chunk.variance[rows]
        return variance * float(chdtri(n_more, 1.0 - CONFIDENCE))
    if n_spare < 1:
        return np.zeros_like(sse)
    least: Float[np.ndarray, " some"] = sse * (n_more * float(fdtri(n_more, n_spare, CONFIDENCE)) / n_spare)
    return least
