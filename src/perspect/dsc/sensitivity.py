"""By how much leakage and corrected area follow every sample of a curve: standard errors from tables over one rate."""

from typing import Final

import numpy as np
from jaxtyping import Float, Int

from perspect.dsc.signal import Relaxation
from perspect.numerics.parallel import each, spans

TOGETHER: Final = 2048
"""Voxels in a chunk whose noise is held at once."""


def sensitivity(
    jacobian: Float[np.ndarray, "nodes time columns"], weights: Float[np.ndarray, " time"], leak: slice
) -> Float[np.ndarray, "nodes rows time"]:
    """Least squares on these columns, for every node of a table: how each column's weight, and last the corrected area,
    change with every sample.

    The corrected area is the weighted sum of the curve less that of the columns of the `leak`.
    """
    inverse = np.linalg.pinv(jacobian)
    taken = np.einsum("nc,nct->nt", np.einsum("ntc,t->nc", jacobian, weights)[:, leak], inverse[:, leak])
    return np.concatenate([inverse, (weights - taken)[:, None]], axis=1)


def spread(
    relaxation: Relaxation,
    voxels: Int[np.ndarray, " some"],
    place: tuple[Int[np.ndarray, " some"], Float[np.ndarray, " some"]],
    table: Float[np.ndarray, "nodes rows time"],
) -> Float[np.ndarray, "rows some"]:
    """Standard errors of the rows of such a table by the noise of the samples and of the level at rest that they share.

    `place` is the node below each voxel and which share of the way to the next it is.
    """
    left, share = place
    noise_at_rest = relaxation.noise**2 / relaxation.rest.n_frames
    out = np.full((table.shape[1], voxels.size), np.nan)

    def work(piece: tuple[int, Int[np.ndarray, " few"]]) -> None:
        node, which = piece
        here = voxels[which]
        variance = np.nan_to_num(relaxation.variance(here), nan=0.0)
        around = table[node : node + 2]
        both = np.square(around).reshape(-1, around.shape[-1]) @ variance.T
        both += np.square(around.sum(axis=-1)).reshape(-1, 1) * noise_at_rest[here]
        low, high = both.reshape(2, table.shape[1], -1)
        out[:, which] = low + share[which] * (high - low)

    each(work, _alike(left))
    std: Float[np.ndarray, "rows some"] = np.sqrt(out)
    return std


def _alike(left: Int[np.ndarray, " some"]) -> list[tuple[int, Int[np.ndarray, " few"]]]:
    """Voxels that share two nodes of the table, in pieces of at most `TOGETHER`."""
    order = np.argsort(left, kind="stable")
    groups = [one for one in np.split(order, np.flatnonzero(np.diff(left[order])) + 1) if one.size]
    return [(int(left[one[0]]), one[piece]) for one in groups for piece in spans(one.size, TOGETHER)]
