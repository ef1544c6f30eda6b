"""From the unknowns that a route found to what is said of a voxel: values, covariance, status."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int16

from perspect.fit.error import foreknown, spread
from perspect.fit.solution import Route, Solution
from perspect.models.base import Model, Separable
from perspect.numerics.separable import STEP
from perspect.numerics.small import inverse, without
from perspect.vocabulary.status import FAILED_FROM, Status


def stated(
    model: Model,
    route: Route,
    solution: Solution,
    sse: Float[np.ndarray, " voxels"],
    n_samples: int,
    noise: Float[np.ndarray, " voxels"] | Float[np.ndarray, "voxels time"] | None,
) -> tuple[
    Float[np.ndarray, "parameters voxels"],
    Float[np.ndarray, "parameters parameters voxels"],
    Int16[np.ndarray, " voxels"],
]:
    """Values, their covariance and the status, in the parameters that people speak of."""
    if noise is None:
        n_spare = n_samples - solution.x.shape[0]
        noise = np.sqrt(sse / n_spare) if n_spare > 0 else np.full(sse.shape, np.nan)
    known, held, is_singular = _known(solution)
    if noise.ndim == 2:
        covariance = spread(known, *_with_foreknown(model, route.slopes(solution.x), solution.x, noise))
    else:
        covariance = spread(known, noise, lambda: route.slopes(solution.x))
    covariance = carried(model, solution.x, covariance)
    is_singular |= (np.einsum("kkv->kv", covariance) < 0).any(axis=0)
    values = _shown(model, solution.x, solution.is_undetermined)
    is_beyond = _beyond(model, values, covariance)
    status = np.full(sse.shape, Status.OK, np.int16)
    status[solution.is_at_bound.any(axis=0) | is_beyond] = Status.AT_BOUND
    status[solution.is_ambiguous] = Status.AMBIGUOUS
    status[is_singular] = Status.SINGULAR
    status[~solution.has_converged] = Status.NOT_CONVERGED
    values[:, status >= FAILED_FROM] = np.nan
    covariance[..., is_singular] = np.nan
    has_no_error = np.isnan(values) | np.isnan(_shown(model, solution.x, held))
    if has_no_error.any():
        covariance = np.where(has_no_error[:, None] | has_no_error[None], np.nan, covariance)
    return values, covariance, status


def _with_foreknown(
    model: Model,
    columns: Float[np.ndarray, "voxels time unknowns"],
    x: Float[np.ndarray, "unknowns voxels"],
    noise: Float[np.ndarray, "voxels time"],
) -> tuple[Float[np.ndarray, "voxels rows"], Callable[[], Float[np.ndarray, "voxels rows unknowns"]]]:
    """Noise and slopes of the samples, and behind them those of what is known beforehand, which counted as samples."""
    if isinstance(model, Separable):
        return noise, lambda: columns
    even = np.sqrt((noise**2).mean(axis=1))
    before = even[:, None, None] * foreknown(model, x.T)
    rows = np.concatenate([columns, before], axis=1)
    return np.concatenate([noise, np.broadcast_to(even[:, None], before.shape[:2])], axis=1), lambda: rows


def _known(
    solution: Solution,
) -> tuple[
    Float[np.ndarray, "unknowns unknowns voxels"], Bool[np.ndarray, "unknowns voxels"], Bool[np.ndarray, " voxels"]
]:
    """(JᵀJ)⁻¹ given the unknowns that are held, which ones are, and where columns depend on each other even so.

    Unknowns at a bound count as free, which errs on the side of doubt; where that leaves nothing known they are held.
    """
    held = solution.is_undetermined.copy()
    known = inverse(without(solution.information, held))
    is_singular = np.isnan(known[0, 0])
    if is_singular.any():
        held[:, is_singular] |= solution.is_at_bound[:, is_singular]
        known[:, :, is_singular] = inverse(without(solution.information[:, :, is_singular], held[:, is_singular]))
        # A column of zeros tells nothing of its unknown, wherever that stands.
        is_empty = (np.einsum("kkv->kv", solution.information) <= 0) & ~solution.is_undetermined
        is_singular = np.isnan(known[0, 0]) | is_empty.any(axis=0)
    if held.any():
        known = np.where(held[:, None] | held[None], 0.0, known)
    return known, held, is_singular


def _shown(
    model: Model, x: Float[np.ndarray, "unknowns voxels"], hidden: Bool[np.ndarray, "unknowns voxels"]
) -> Float[np.ndarray, "parameters voxels"]:
    """The parameters, with NaN in place of the hidden unknowns and of whatever is computed from them."""
    return _joined(model, np.where(hidden, np.nan, x))


def _beyond(
    model: Model, values: Float[np.ndarray, "parameters voxels"], covariance: Float[np.ndarray, "p p voxels"]
) -> Bool[np.ndarray, " voxels"]:
    """Where a parameter that follows from what was solved for lies outside the bounds of its quantity: a number still
    where these are no further away than its error and that tells anything; else it is left open, in place.
    """
    out = np.zeros(values.shape[1], bool)
    if not _has_own_parameters(model):
        return out
    for i, quantity in enumerate(model.parameters):
        low, high = model.bounds(quantity)
        with np.errstate(invalid="ignore"):
            rows = np.flatnonzero((values[i] < low) | (values[i] > high))
            error = np.sqrt(np.maximum(covariance[i, i, rows], 0.0))
            past = np.maximum(values[i, rows] - high, low - values[i, rows])
            is_open = ~((past <= error) & (error <= high - low))
        values[i, rows[is_open]] = np.nan
        out[rows[~is_open]] = True
    return out


def _joined(model: Model, x: Float[np.ndarray, "unknowns voxels"]) -> Float[np.ndarray, "parameters voxels"]:
    if not _has_own_parameters(model):
        return x
    assert isinstance(model, Separable)
    n_linear = len(model.linear)
    return np.ascontiguousarray(model.join(x[:n_linear].T, x[n_linear:].T).T)


def _has_own_parameters(model: Model) -> bool:
    return isinstance(model, Separable) and type(model).join is not Separable.join


def carried(
    model: Model, x: Float[np.ndarray, "unknowns voxels"], covariance: Float[np.ndarray, "unknowns unknowns voxels"]
) -> Float[np.ndarray, "parameters parameters voxels"]:
    """The covariance of the parameters from that of the unknowns, through the slopes of `join`; NaN where these are not
    defined, as of a ratio to nothing.
    """
    if not _has_own_parameters(model):
        return covariance
    slopes = _slopes_of_join(model, x)
    n = len(slopes)
    out = np.empty((n, n, x.shape[1]))
    for p, row in enumerate(slopes):
        half = _summed([(one, covariance[a]) for a, one in row.items()], np.empty_like(x))
        for q in range(p, n):
            out[q, p] = _summed([(one, half[b]) for b, one in slopes[q].items()], out[p, q])
    return out


def _slopes_of_join(
    model: Model, x: Float[np.ndarray, "unknowns voxels"]
) -> list[dict[int, Float[np.ndarray, " voxels"]]]:
    """Of each parameter how it changes with those unknowns that move it, by central differences: most follow from one
    or two of them.
    """
    moved, out = x.copy(), [dict[int, np.ndarray]() for _ in model.parameters]
    for j, row in enumerate(x):
        step = STEP * np.maximum(np.abs(row), STEP)
        with np.errstate(invalid="ignore"):
            moved[j] = row + step
            after = _joined(model, moved)
            moved[j] = row - step
            after -= _joined(model, moved)
            after *= 0.5 / step
        moved[j] = row
        for slopes, one in zip(out, after, strict=True):
            if one.any():
                slopes[j] = one
    return out


def _summed(products: list[tuple[np.ndarray, np.ndarray]], out: np.ndarray) -> np.ndarray:
    """The sum of some products, in place."""
    if not products:
        out[:] = 0.0
        return out
    with np.errstate(invalid="ignore"):
        np.multiply(*products[0], out=out)
        for one, other in products[1:]:
            out += one * other
    return out
