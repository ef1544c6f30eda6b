"""Numbers that are weighted sums of a curve over time, with the standard error that noise gives them."""

import numpy as np
from jaxtyping import Float

from perspect.dsc.signal import CHUNK, Relaxation
from perspect.numerics.parallel import each, spans


def trapezoid_weights(times: Float[np.ndarray, " time"], window: slice) -> Float[np.ndarray, " time"]:
    """Weights that integrate a curve over the frames of `window`, in s; zero elsewhere."""
    weights = np.zeros(times.size)
    steps = np.diff(times[window])
    inside = weights[window]
    inside[:-1] += steps / 2
    inside[1:] += steps / 2
    return weights


def mean_weights(n: int, frames: slice) -> Float[np.ndarray, " time"]:
    """Weights that average a curve over some frames."""
    weights = np.zeros(n)
    weights[frames] = 1.0 / weights[frames].size
    return weights


def sums(
    curves: Float[np.ndarray, "voxels time"], weights: Float[np.ndarray, "time maps"]
) -> Float[np.ndarray, "maps voxels"]:
    """Sums Σ wₜ·ΔR2*ₜ of every voxel, without errors: one product."""
    # Voxels without a curve are NaN, here as before; they are no cause for alarm.
    with np.errstate(invalid="ignore"):
        out: Float[np.ndarray, "maps voxels"] = weights.astype(curves.dtype).T @ curves.T
    return out


def linear_maps(
    relaxation: Relaxation, weights: Float[np.ndarray, "time maps"]
) -> tuple[Float[np.ndarray, "maps voxels"], Float[np.ndarray, "maps voxels"]]:
    """Sums Σ wₜ·ΔR2*ₜ of every voxel, and their standard errors, in one pass over the data.

    The level at rest is a mean of noisy frames that every sample shares; its error is carried along, which is the same
    as weights that sum to zero over baseline and rest together.
    """
    n, baseline = relaxation.curves.shape[0], relaxation.rest.frames
    net = weights.copy()
    net[baseline] -= weights.sum(axis=0) / relaxation.rest.n_frames
    values, variances = np.empty((2, weights.shape[1], n), np.float32)

    def work(span: slice) -> None:
        values[:, span] = sums(relaxation.curves[span], weights)
        variances[:, span] = sums(relaxation.variance(span), net**2)

    each(work, spans(n, CHUNK))
    return values, np.sqrt(variances)
