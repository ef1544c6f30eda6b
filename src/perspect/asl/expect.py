"""What is expected of a transit time before a voxel's own data: the usual one, or that of its neighbours.

Transit times change slowly within a tissue, because neighbours are fed by the same artery. Flow does not: a dead core
lies beside a rim that lives. So neighbours lend each other their transit time and never their flow, which stays what
the voxel's own signal says: nothing can be made up where there is no signal. A twentieth of what is expected is left as
wide as if there were no neighbours, so that a voxel that contradicts them is believed. Nothing crosses the edge of a
lesion: its voxels lend to each other only, and with half of the say at most, for its rim and its core differ.

Where nothing flows no time is told, and each time that might be says another flow, up to very late ones for which the
samples hardly speak: the error of a dead core is stated up to 1.7 times too large, and less so with its neighbours.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from jaxtyping import Float, Int
from scipy import ndimage

from perspect.fit.posterior import Prior
from perspect.vocabulary import Around, Region, Status

if TYPE_CHECKING:
    from perspect.asl.kinetics import Everywhere

NEAR: Final = 8.0
"""mm: standard deviation of the neighbourhood. [our default]"""

DOUBT: Final = 0.05
"""Share of what is expected that knows nothing of neighbours. [our default]"""

DOUBT_IN_LESIONS: Final = 0.5
"""The same in a lesion, whose parts may be fed by other arteries: neighbours never have more than half of the say."""

LEAST_SPREAD: Final = 0.1
"""s by which transit times of neighbours differ at least. [our default]"""

FARTHEST: Final = 80.0
"""Logarithm of a ratio of densities that single precision still holds."""

ENOUGH: Final = 0.3
"""Neighbours, by what they know, with which their mean begins to count. [our default]"""


@dataclass(frozen=True, eq=False)
class Expected:
    """A normal distribution for each voxel and a wide one for all, at the nodes; `share` is that of the first."""

    nodes: Float[np.ndarray, " nodes"]
    usual: tuple[float, float]
    mean: Float[np.ndarray, " voxels"]
    std: Float[np.ndarray, " voxels"]
    share: Float[np.ndarray, " voxels"]

    def at(self, rows: Int[np.ndarray, " some"], times: Float[np.ndarray, " times"]) -> Float[np.ndarray, "some times"]:
        """Logarithm of the density of some voxels at other times."""
        # Single precision is enough for a density, and there are many nodes.
        times = times.astype(np.float32)
        wide = _log_normal(times, *self.usual)[None]
        share, mean, std = (one[rows, None].astype(np.float32) for one in (self.share, self.mean, self.std))
        if not share.any():
            return np.broadcast_to(wide, (rows.size, times.size))
        # How much likelier near than at large, whose own density may be too small for a number.
        ahead: Float[np.ndarray, "some times"] = np.clip(_log_normal(times, mean, std) - wide, -FARTHEST, FARTHEST)
        np.exp(ahead, out=ahead)
        ahead *= share
        ahead += 1.0 - share
        np.log(ahead, out=ahead)
        ahead += wide
        return ahead

    def of(self, rows: Int[np.ndarray, " some"]) -> Prior:
        """The same at the nodes, chunk by chunk."""
        if not self.share[rows].any():
            row = _log_normal(self.nodes, *self.usual)[None]
            return lambda piece: row  # noqa: ARG005
        return lambda piece: self.at(rows[piece], self.nodes)


def _log_normal(times: np.ndarray, mean: np.ndarray | float, std: np.ndarray | float) -> np.ndarray:
    return np.asarray(-0.5 * ((times - mean) / std) ** 2 - np.log(std))


def uniform(nodes: Float[np.ndarray, " nodes"], mean: float, std: float, n_voxels: int) -> Expected:
    """The same for every voxel."""
    same = np.full(n_voxels, mean)
    return Expected(nodes, (mean, std), same, np.full(n_voxels, std), np.zeros(n_voxels))


def expected_of_neighbours(
    found: "Everywhere", before: Expected, brain: Region, around: Around
) -> tuple[Expected, Float[np.ndarray, " voxels"]]:
    """What the neighbours of the same tissue let expect, and by how much of it (0: nothing, 0.95 at most).

    A voxel's own value is left out of the mean that is held against it.
    """
    known = np.isfinite(found.att) & (found.status < Status.OUTSIDE)
    variance = np.where(known, found.covariance[:, 1, 1], 1.0)
    # What is open was set by the usual transit time: it has nothing to lend.
    told = np.clip(1.0 - variance / before.usual[1] ** 2, 0.0, 1.0)
    weight = np.where(known, told**2 / (variance + LEAST_SPREAD**2), 0.0)
    att = np.where(known, found.att, 0.0)
    classes = _classes(around, brain)
    sigma = [NEAR / size for size in brain.grid.spacing]
    centre = _centre(sigma)
    level, square, borne, enough = (np.zeros(brain.n_voxels) for _ in range(4))
    for share in classes:
        own = weight * share
        total, first, second, noise = (
            brain.taken(ndimage.gaussian_filter(brain.spread(one, 0.0), sigma, mode="constant")) - centre * one
            for one in (own, own * att, own * att**2, own * variance)
        )
        safe = np.maximum(total, 1e-9)
        mean = first / safe
        spread = np.maximum(second / safe - mean**2 - noise / safe, LEAST_SPREAD**2)
        level += share * mean
        square += share * (spread + mean**2)
        count = np.maximum(total, 0.0) / centre * LEAST_SPREAD**2
        enough += share * count
        borne += share
    borne = np.maximum(borne, 1e-9)
    level, square, enough = level / borne, square / borne, enough / borne
    std = np.sqrt(np.maximum(square - level**2, LEAST_SPREAD**2))
    ill = np.zeros(brain.n_voxels, bool) if around.lesion is None else brain.taken(around.lesion.mask)
    share = (1.0 - np.where(ill, DOUBT_IN_LESIONS, DOUBT)) * enough / (enough + ENOUGH)
    share[enough <= 0] = 0.0
    return Expected(before.nodes, before.usual, level, np.minimum(std, before.usual[1]), share), share


def _classes(around: Around, brain: Region) -> list[Float[np.ndarray, " voxels"]]:
    """Shares of the tissues that have neighbours of their own; a lesion is one, and the rest where none is known."""
    ill = np.zeros(brain.n_voxels, bool) if around.lesion is None else brain.taken(around.lesion.mask)
    if around.grey is None or around.white is None:
        well = [np.ones(brain.n_voxels)]
    else:
        both = (around.grey, around.white)
        well = [np.clip(np.nan_to_num(brain.taken(one)), 0.0, 1.0).astype(np.float64) for one in both]
    return [*(np.where(ill, 0.0, one) for one in well), ill.astype(np.float64)]


def _centre(sigma: list[float]) -> float:
    """Weight of a voxel in its own Gaussian mean."""
    n = 4 * max(1, int(np.ceil(max(sigma)))) + 1
    line = np.zeros(2 * n + 1)
    line[n] = 1.0
    return float(np.prod([ndimage.gaussian_filter1d(line, one)[n] for one in sigma]))
