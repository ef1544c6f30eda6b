"""The step of Levenberg and Marquardt within limits, for one problem or for many at once."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.numerics.nonnegative import solved, solved_among

N_CLIPS: Final = 3
"""Rounds in which what would pass a limit is put there."""

LEAST_DAMPING: Final = 1e-8
"""Below which damping is none."""


def held(
    at: Float[np.ndarray, "*problems parameters"],
    low: Float[np.ndarray, "*#problems parameters"],
    high: Float[np.ndarray, "*#problems parameters"],
    gradient: Float[np.ndarray, "*problems parameters"],
) -> Bool[np.ndarray, "*problems parameters"]:
    """Which parameters stand at a limit that they would like to pass."""
    return ((at <= low) & (gradient > 0)) | ((at >= high) & (gradient < 0))


def damped_step(
    gradient: Float[np.ndarray, "*problems parameters"],
    curvature: Float[np.ndarray, "*problems parameters parameters"],
    damping: Float[np.ndarray, "*problems"],
    free: Bool[np.ndarray, "*problems parameters"],
    low: Float[np.ndarray, "*problems parameters"],
    high: Float[np.ndarray, "*problems parameters"],
) -> tuple[Float[np.ndarray, "*problems parameters"], Float[np.ndarray, "*problems"]]:
    """Moves of the parameters that are `free`, from `low` to `high`, and by how much they should lower the costs.

    `gradient` is half of that of the cost, `curvature` that of Gauss and Newton, `damping` relative to the curvature
    along each parameter. What would pass a limit goes there, and the others make the best of it.
    """
    size = np.diagonal(curvature, axis1=-2, axis2=-1)
    extra = damping[..., None] * np.maximum(size, 1e-12 * size.max(axis=-1, keepdims=True))
    system = curvature + extra[..., None] * np.eye(size.shape[-1])
    found = np.zeros(gradient.shape)
    for _ in range(N_CLIPS):
        wanted = -(gradient + _times(system, np.where(free, 0.0, found)))
        found = np.where(free, _solved(system, wanted, free), found)
        beyond = free & ((found < low) | (found > high))
        if not beyond.any():
            break
        found = np.clip(found, low, high)
        free = free & ~beyond
    found = np.clip(found, low, high)
    return found, np.asarray(-(found * (2 * gradient + _times(curvature, found))).sum(axis=-1))


def next_damping(
    damping: Float[np.ndarray, "*problems"],
    gain: Float[np.ndarray, "*problems"],
    promise: Float[np.ndarray, "*problems"],
) -> Float[np.ndarray, "*problems"]:
    """The damping after a step. One that did half of what it promised was too long for the next one, one that made
    things worse far too long.
    """
    factor = np.where(gain > 0, np.where(gain > 0.5 * promise, 0.2, 2.0), 5.0)
    return np.asarray(np.where(gain > 0, np.maximum(damping * factor, LEAST_DAMPING), damping * factor))


def _times(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    out: np.ndarray = (matrices @ vectors[..., None])[..., 0]
    return out


def _solved(system: np.ndarray, wanted: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The solution among what is free: one problem by Cholesky, many by elimination in one call."""
    if system.ndim > 2:
        return solved_among(system, wanted[..., None], free)[..., 0]
    out = np.zeros(wanted.shape)
    if free.any():
        out[free] = solved(system[free][:, free], wanted[free])
    return out
