"""Standard errors of kinetic parameters when it is the signal that is noisy, and all samples share one baseline."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int

from perspect.fit import Fit
from perspect.fit.error import jacobian
from perspect.numerics.parallel import each, spans
from perspect.numerics.small import inverse
from perspect.vocabulary import FAILED_FROM

CHUNK = 1024
"""Voxels whose Jacobians are held at once."""


def of_signal(
    found: Fit,
    rows: Int[np.ndarray, " some"],
    curves: Float[np.ndarray, "voxels time"],
    gain: tuple[Float[np.ndarray, "voxels time"], Float[np.ndarray, "voxels time"]],
    n_rest: int,
) -> Fit:
    r"""The fit with the covariance of some voxels stated anew.

    `gain` is how many mM an error of the signal is, relative to its level at rest: of a sample, and of that level. With
    even noise s of the signal, samples of concentration have errors of their own, gain·s, which grow with C, and share
    that of the mean of `n_rest` samples at rest; s is told by the residuals.
    With J the slopes of the curve, the parameters then have the covariance $K J^T \Sigma J K$, $K = (J^T J)^{-1}$.
    A voxel with a parameter that is left open, or at a bound, keeps the errors of the fitter.
    """
    std = {key: values.copy() for key, values in found.std.items()}
    covariance = found.covariance.copy()
    keys = [quantity.key for quantity in found.model.parameters]
    p = np.stack([found.values[key] for key in keys], axis=-1)
    usable = rows[(found.status[rows] < FAILED_FROM) & np.isfinite(p[rows]).all(axis=1)]
    usable = usable[np.isfinite(np.stack([found.std[key][usable] for key in keys])).all(axis=0)]

    def work(span: slice) -> None:
        at = usable[span]
        steep = jacobian(found.model, p[at])
        known = inverse(np.einsum("vti,vtj->ijv", steep, steep))
        rest, own, common = curves[at] - found.model.predict(p[at]), gain[0][at], gain[1][at]
        noise = ((rest / own) ** 2).sum(axis=1) / max(found.n_samples - len(keys), 1)
        follow = np.einsum("ijv,vtj->vit", known, steep, optimize=True)
        shared = np.einsum("vit,vt->vi", follow, common)
        pull = follow * own[:, None]
        fresh = (pull @ np.swapaxes(pull, 1, 2) + shared[:, :, None] * shared[:, None] / n_rest) * noise[:, None, None]
        good = np.isfinite(fresh).all(axis=(1, 2))
        covariance[at[good]] = fresh[good]
        for i, key in enumerate(keys):
            std[key][at[good]] = np.sqrt(fresh[good, i, i])

    each(work, spans(usable.size, CHUNK))
    return replace(found, std=std, covariance=covariance)
