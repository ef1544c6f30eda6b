"""Least squares with amplitudes that must not be negative, from normal equations."""

from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float
from scipy.linalg.lapack import dposv

N_EXCHANGES: Final = 100
"""After so many exchanges between zero and positive the best non-negative vector so far is taken."""

PATIENCE: Final = 3
"""Exchanges in full without progress before single ones follow."""


def nonnegative(
    gram: Float[np.ndarray, "n n"],
    projection: Float[np.ndarray, " n"],
    free: Bool[np.ndarray, " n"],
    start: Bool[np.ndarray, " n"] | None = None,
) -> Float[np.ndarray, " n"]:
    """The x that minimises xᵀGx/2 - hᵀx, with x ≥ 0 except where `free`; `start` are those expected to be positive.

    Block principal pivoting: whatever is negative leaves, whatever would gain enters, all at once; one at a time where
    that makes no progress, which must end. Exact up to rounding; a singular G is met by a ridge of 1e-12.

    Kim and Park 2011, doi:10.1137/110821172
    """
    n = projection.size
    scale = np.sqrt(np.maximum(np.diagonal(gram), 1e-300))
    scaled = gram / scale / scale[:, None]
    scaled[np.arange(n), np.arange(n)] += 1e-12
    wanted = projection / scale
    tolerance = 1e-10 * (np.abs(wanted).max() + 1e-300)
    passive = np.ones(n, bool) if start is None else start | free
    fewest, patience = n + 1, PATIENCE
    x = np.zeros(n)
    for _ in range(N_EXCHANGES):
        at = np.flatnonzero(passive)
        x = np.zeros(n)
        x[at] = solved(scaled[at[:, None], at], wanted[at])
        wrong = (passive & ~free & (x < 0)) | (~passive & (wanted - scaled @ x > tolerance))
        n_wrong = int(wrong.sum())
        if not n_wrong:
            break
        if n_wrong < fewest:
            fewest, patience = n_wrong, PATIENCE
        elif patience > 0:
            patience -= 1
        else:
            wrong[: np.flatnonzero(wrong)[-1]] = False
        passive = passive ^ wrong
    out: Float[np.ndarray, " n"] = np.where(free, x, np.maximum(x, 0.0)) / scale
    return out


def solved(matrix: Float[np.ndarray, "n n"], wanted: Float[np.ndarray, "n *m"]) -> Float[np.ndarray, "n *m"]:
    """Solution of Mx = h for a symmetric M: by Cholesky, or by elimination where rounding made M indefinite."""
    _, x, failed = dposv(matrix, wanted)
    out: Float[np.ndarray, "n *m"] = np.linalg.solve(matrix, wanted) if failed else x
    return out


def restricted(
    matrices: Float[np.ndarray, "problems n n"], among: Bool[np.ndarray, "problems n"], elsewhere: Any = 1.0
) -> Float[np.ndarray, "problems n n"]:
    """Some of the rows and columns of many matrices; the others only have this on their diagonal."""
    out: Float[np.ndarray, "problems n n"] = np.where(among[:, :, None] & among[:, None], matrices, 0.0)
    n = among.shape[1]
    out[:, np.arange(n), np.arange(n)] += np.where(among, 0.0, elsewhere)
    return out


def solved_among(
    matrices: Float[np.ndarray, "problems n n"],
    wanted: Float[np.ndarray, "problems n m"],
    among: Bool[np.ndarray, "problems n"],
) -> Float[np.ndarray, "problems n m"]:
    """The same for many matrices, each with some of its rows and columns; zero elsewhere."""
    kept = np.where(among[..., None], wanted, 0.0)
    return np.asarray(np.linalg.solve(restricted(matrices, among), kept))


def nonnegative_each(
    grams: Float[np.ndarray, "problems n n"],
    projections: Float[np.ndarray, "problems n"],
    free: Bool[np.ndarray, " n"],
    start: Bool[np.ndarray, "problems n"],
) -> Float[np.ndarray, "problems n"]:
    """`nonnegative` for many problems at once, each with its own exchanges; those that are solved leave."""
    n = projections.shape[1]
    scale = np.sqrt(np.maximum(np.diagonal(grams, axis1=1, axis2=2), 1e-300))
    scaled = grams / scale[:, :, None] / scale[:, None] + 1e-12 * np.eye(n)
    wanted = projections / scale
    tolerance = 1e-10 * (np.abs(wanted).max(axis=1, keepdims=True) + 1e-300)
    passive, x = start | free, np.zeros_like(wanted)
    fewest, patience = np.full(len(x), n + 1), np.full(len(x), PATIENCE)
    at = np.arange(len(x))
    for _ in range(N_EXCHANGES):
        x[at] = solved_among(scaled[at], wanted[at, :, None], passive[at])[..., 0]
        gain = wanted[at] - (scaled[at] @ x[at, :, None])[..., 0]
        wrong = (passive[at] & ~free & (x[at] < 0)) | (~passive[at] & (gain > tolerance[at]))
        n_wrong = wrong.sum(axis=1)
        at, wrong, n_wrong = at[n_wrong > 0], wrong[n_wrong > 0], n_wrong[n_wrong > 0]
        if not at.size:
            break
        is_progress = n_wrong < fewest[at]
        is_single = ~is_progress & (patience[at] <= 0)
        patience[at] = np.where(is_progress, PATIENCE, patience[at] - 1)
        fewest[at] = np.where(is_progress, n_wrong, fewest[at])
        last = n - 1 - np.argmax(wrong[:, ::-1], axis=1)
        wrong &= ~is_single[:, None] | (np.arange(n) == last[:, None])
        passive[at] ^= wrong
    out: Float[np.ndarray, "problems n"] = np.where(free, x, np.maximum(x, 0.0)) / scale
    return out


def nonnegative_many(
    gram: Float[np.ndarray, "n n"], projections: Float[np.ndarray, "n problems"], n_sweeps: int = 30
) -> Float[np.ndarray, "n problems"]:
    """The same for many right-hand sides of one small well-conditioned Gram matrix, by sweeps over the coordinates."""
    x = np.zeros_like(projections)
    size = np.maximum(np.diag(gram), 1e-300)
    for _ in range(n_sweeps):
        for k in range(size.size):
            x[k] = np.maximum(x[k] + (projections[k] - gram[k] @ x) / size[k], 0.0)
    return x
