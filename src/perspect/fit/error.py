"""How well the data know the parameters: one rule for every model."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from perspect.models.base import Model
from perspect.numerics.separable import STEP, slopes
from perspect.numerics.small import inverse


def jacobian(model: Model, p: Float[np.ndarray, "voxels parameters"]) -> Float[np.ndarray, "voxels time parameters"]:
    """Derivatives of the signal along the parameters, in (unit of the signal)/(unit of the parameter).

    Central differences, stepping by a share of the value or, near zero, of the range; never across a bound.
    """
    low, high = np.array([model.bounds(quantity) for quantity in model.parameters], np.float64).T
    step = STEP * np.maximum(np.abs(p), np.minimum(high - low, 1.0) * STEP)
    return slopes(model.predict, np.clip(p, low, high), low, high, step)


def foreknown(model: Model, p: Float[np.ndarray, "voxels parameters"]) -> Float[np.ndarray, "voxels known parameters"]:
    """How what is known before the data changes with the parameters at p; no row where nothing is known."""
    if model.surprise(p) is None:
        return np.zeros((p.shape[0], 0, p.shape[1]))
    low, high = np.array([model.bounds(quantity) for quantity in model.parameters], np.float64).T
    step = STEP * np.maximum(np.abs(p), STEP * np.minimum(high - low, 1.0))
    return slopes(lambda at: np.asarray(model.surprise(at)), np.clip(p, low, high), low, high, step)


def cramer_rao(
    model: Model,
    p: Float[np.ndarray, "voxels parameters"],
    noise: Float[np.ndarray, "voxels"] | Float[np.ndarray, "voxels time"],
) -> Float[np.ndarray, "voxels parameters parameters"]:
    """Covariance of the least-squares parameters at p, for noise of this standard deviation per voxel or per sample.

    For noise that is the same in every sample this is the Cramér-Rao bound. For noise that is not, it is the covariance
    of the unweighted estimate, (JᵀJ)⁻¹JᵀΣJ(JᵀJ)⁻¹. All NaN where the parameters are not determined.
    """
    columns = jacobian(model, p)
    known = inverse(np.einsum("vti,vtj->ijv", columns, columns))
    return np.moveaxis(spread(known, noise, lambda: columns), -1, 0)


def spread(
    known: Float[np.ndarray, "k k voxels"],
    noise: Float[np.ndarray, "voxels"] | Float[np.ndarray, "voxels time"],
    columns: Callable[[], Float[np.ndarray, "voxels time k"]],
) -> Float[np.ndarray, "k k voxels"]:
    """The covariance from (JᵀJ)⁻¹; the columns J are asked for only where the noise differs between samples."""
    if noise.ndim == 1:
        white: np.ndarray = known * noise**2
        return white
    weighed = [column * noise for column in np.moveaxis(columns(), -1, 0)]
    scatter = np.stack([[np.einsum("vt,vt->v", one, other) for other in weighed] for one in weighed])
    covariance: Float[np.ndarray, "k k voxels"] = np.einsum("ijv,jkv,klv->ilv", known, scatter, known, optimize=True)
    return covariance
