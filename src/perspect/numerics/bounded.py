"""Least squares within bounds, for many small problems at once."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

Residual = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(x "rows k", rows) to what the model leaves unexplained, "rows time"."""

Slopes = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(x "rows k", rows) to the derivative of the model, "rows time k"."""

_FIRST_DAMPING, _EASE, _TIGHTEN = 1e-3, 0.2, 6.0
_MOST_DAMPING = 1e10
_STALLED = 1e-14
"""No step can lower the sum of squares by more than this share of that of the data."""


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where each problem ended, its sum of squares, and whether that is a minimum."""

    x: Float[np.ndarray, "voxels k"]
    sse: Float[np.ndarray, " voxels"]
    has_converged: Bool[np.ndarray, " voxels"]


def least_squares(
    residual: Residual,
    slopes: Slopes,
    start: Float[np.ndarray, "voxels k"],
    low: Float[np.ndarray, " k"],
    high: Float[np.ndarray, " k"],
    *,
    relative: float = 1e-9,
    immaterial: float | Float[np.ndarray, " voxels"] = 0.0,
    n_steps: int = 200,
) -> Minimum:
    """Levenberg-Marquardt with projection on the bounds; problems that are done leave the batch.

    A parameter at a bound that the gradient pushes outward is held for the step. A problem has converged when a step,
    taken or foreseen, lowers the sum of squares by less than `relative` of itself or than what is `immaterial`.

    Marquardt 1963, doi:10.1137/0111030; projection: Kanzow, Yamashita and Fukushima 2004, doi:10.1016/j.cam.2004.02.013
    """
    x = np.clip(start, low, high)
    n, k = x.shape
    rows = np.arange(n)
    rest = residual(x, rows)
    sse = np.einsum("vt,vt->v", rest, rest)
    floor = np.maximum(_STALLED * sse, immaterial)
    has_converged = np.zeros(n, bool)
    damping = np.full(n, _FIRST_DAMPING)
    gradient, normal = np.empty((n, k)), np.empty((n, k, k))
    _linearise(slopes, x, rows, rest, gradient, normal)
    for _ in range(n_steps):
        step = _step(gradient[rows], normal[rows], damping[rows], x[rows], low, high)
        trial = np.clip(x[rows] + step, low, high)
        step = trial - x[rows]
        foreseen = 2.0 * np.einsum("vk,vk->v", gradient[rows], step)
        foreseen -= np.einsum("vj,vjk,vk->v", step, normal[rows], step)
        rest = residual(trial, rows)
        new = np.einsum("vt,vt->v", rest, rest)
        is_better = new < sse[rows]
        gained = np.where(is_better, sse[rows] - new, foreseen)
        is_done = np.abs(gained) <= np.maximum(relative * sse[rows], floor[rows])
        # A damped step is short because it is damped: only a nearly free one tells that the minimum is reached.
        is_done &= (damping[rows] <= 1.0) | ~is_better
        taken = rows[is_better]
        x[taken], sse[taken] = trial[is_better], new[is_better]
        damping[rows] *= np.where(is_better, _EASE, _TIGHTEN)
        has_converged[rows[is_done]] = True
        goes_on = ~is_done & (damping[rows] < _MOST_DAMPING)
        moved = is_better & goes_on
        if moved.any():
            _linearise(slopes, x, rows[moved], rest[moved], gradient, normal)
        rows = rows[goes_on]
        if rows.size == 0:
            break
    return Minimum(x, sse, has_converged)


def _linearise(
    slopes: Slopes, x: np.ndarray, rows: np.ndarray, rest: np.ndarray, gradient: np.ndarray, normal: np.ndarray
) -> None:
    jacobian = slopes(x[rows], rows)
    gradient[rows] = np.einsum("vtk,vt->vk", jacobian, rest)
    normal[rows] = np.swapaxes(jacobian, 1, 2) @ jacobian


def _step(
    gradient: np.ndarray, normal: np.ndarray, damping: np.ndarray, x: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """The damped step, with the parameters held that stand at a bound and are pushed outward."""
    is_held = ((x <= low) & (gradient <= 0)) | ((x >= high) & (gradient >= 0))
    k = x.shape[1]
    matrix = np.where(is_held[:, :, None] | is_held[:, None, :], 0.0, normal)
    diagonal = np.einsum("vkk->vk", normal)
    scale = np.where(diagonal > 0, diagonal, 1.0)
    index = np.arange(k)
    matrix[:, index, index] = np.where(is_held, 1.0, diagonal + damping[:, None] * scale)
    pull = np.where(is_held, 0.0, gradient)
    root = np.sqrt(np.einsum("vkk->vk", matrix))
    solved = np.linalg.solve(matrix / (root[:, :, None] * root[:, None, :]), (pull / root)[..., None])[..., 0]
    step: np.ndarray = solved / root
    return step
