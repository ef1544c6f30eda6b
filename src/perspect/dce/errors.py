"""Standard errors of kinetic parameters when it is the signal that is noisy, and all samples share one baseline."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from perspect.fit import Fit, carried, jacobian
from perspect.models import Separable
from perspect.numerics.parallel import each_apart, shared, spans
from perspect.numerics.small import inverse
from perspect.vocabulary import FAILED_FROM, Status

CHUNK = 1024
"""Voxels whose Jacobians are held at once."""

Gain = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Of some voxels, as `concentration.gains` has it: two arrays "voxels time"."""


def of_signal(
    found: Fit,
    rows: Int[np.ndarray, " some"],
    curves: Float[np.ndarray, "voxels time"],
    gain: Gain,
    n_rest: int,
) -> Fit:
    r"""The fit with the covariance of some voxels stated anew.

    `gain` says how many mM an error of the signal is, relative to its level at rest: of a sample, and of that level.
    With even noise s of the signal, samples of concentration have errors of their own, gain·s, which grow with C, and
    share that of the mean of `n_rest` samples at rest; s is told by the residuals.
    With J the slopes of the curve along what was solved for, that then has the covariance $K J^T \Sigma J K$,
    $K = (J^T J)^{-1}$, and the parameters follow.
    A voxel with a parameter that is left open, or at a bound, keeps the errors of the fitter. Where slopes are so alike
    that rounding leaves a variance that is not positive nothing is known of how far to trust the parameters: the voxel
    is SINGULAR.
    """
    status, covariance = shared(found.status), shared(found.covariance)
    values, std = ({key: shared(one) for key, one in part.items()} for part in (found.values, found.std))
    keys = [quantity.key for quantity in found.model.parameters]
    p = np.stack([found.values[key] for key in keys], axis=-1)
    usable = rows[(found.status[rows] < FAILED_FROM) & np.isfinite(p[rows]).all(axis=1)]
    usable = usable[np.isfinite(np.stack([found.std[key][usable] for key in keys])).all(axis=0)]

    def work(span: slice) -> None:
        at = usable[span]
        fresh = _covariance(found, p[at], curves[at], gain(at), n_rest)
        variance = np.einsum("vkk->vk", fresh)
        good = np.isfinite(fresh).all(axis=(1, 2))
        lost = good & (variance <= 0).any(axis=1)
        good &= ~lost
        covariance[at[good]], covariance[at[lost]], status[at[lost]] = fresh[good], np.nan, Status.SINGULAR
        for i, key in enumerate(keys):
            std[key][at[good]] = np.sqrt(variance[good, i])
            std[key][at[lost]] = values[key][at[lost]] = np.nan

    each_apart(work, spans(usable.size, CHUNK))
    return replace(found, values=values, std=std, status=status, covariance=covariance)


def _covariance(
    found: Fit,
    p: Float[np.ndarray, "some parameters"],
    curves: Float[np.ndarray, "some time"],
    gains: tuple[np.ndarray, np.ndarray],
    n_rest: int,
) -> Float[np.ndarray, "some parameters parameters"]:
    """The covariance of the parameters `p` of some voxels, as `of_signal` has it."""
    steep, predicted, carry = _linearised(found, p)
    own, common = gains
    rest = curves - predicted
    noise = np.einsum("vt,vt->v", *2 * [rest / own]) / max(found.n_samples - p.shape[1], 1)
    known = inverse(_products(steep))
    shared = np.stack([np.einsum("vt,vt->v", one, common) for one in steep])
    scatter = (_products(steep * own) + shared[:, None] * shared / n_rest) * noise
    return np.moveaxis(carry(_times(_times(known, scatter), known)), -1, 0)


def _linearised(
    found: Fit, p: Float[np.ndarray, "some parameters"]
) -> tuple[Float[np.ndarray, "unknowns some time"], Float[np.ndarray, "some time"], Callable[[np.ndarray], np.ndarray]]:
    """Slopes along what was solved for, the predicted curves, and what takes the covariance of the one to that of the
    parameters; a model that is not separable was solved for its parameters themselves.
    """
    model = found.model
    if not isinstance(model, Separable):
        return (
            np.ascontiguousarray(np.moveaxis(jacobian(model, p), -1, 0)),
            model.predict(p),
            lambda covariance: covariance,
        )
    c, theta = model.split(p)
    x = np.concatenate([c, theta], axis=1).T
    steep = np.ascontiguousarray(np.moveaxis(found.slopes(x), -1, 0))
    predicted = np.asarray(sum(row[:, None] * column for row, column in zip(c.T, steep, strict=False)))
    return steep, predicted, lambda known: carried(model, x, known)


def _products(columns: Float[np.ndarray, "k voxels time"]) -> Float[np.ndarray, "k k voxels"]:
    """Inner products of columns in every voxel, each worked out once."""
    out = np.empty((len(columns), len(columns), columns.shape[1]))
    for i, one in enumerate(columns):
        for j, other in enumerate(columns[: i + 1]):
            out[i, j] = out[j, i] = np.einsum("vt,vt->v", one, other)
    return out


def _times(one: Float[np.ndarray, "i j voxels"], other: Float[np.ndarray, "j k voxels"]) -> np.ndarray:
    return np.asarray((one[:, :, None] * other[None]).sum(axis=1))
