"""The only fitter: any model, any number of curves; values with standard errors and a status."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Int16

from perspect.fit.family import family_of
from perspect.fit.limit import with_limit
from perspect.fit.line import on_line
from perspect.fit.linear import linear
from perspect.fit.plane import on_bent_line, on_plane
from perspect.fit.solution import Chunk, Route
from perspect.fit.space import in_space, plain
from perspect.fit.stated import stated
from perspect.models.base import Model, Separable
from perspect.numerics.parallel import VOXELS, each_apart, even_spans, full
from perspect.numerics.plane import plane
from perspect.numerics.profile import line
from perspect.vocabulary.problem import Problem
from perspect.vocabulary.status import FAILED_FROM, Status

LARGEST: Final = 1e30
"""Sum of squares of a curve from which on it is none that an instrument gives: a search in single precision, which ends
at 3e38, would square more than it can hold.
"""

ROUGH: Final = 1e-4
"""Relative error of the tables of a plane from which on columns are worked out anew at every step."""

Noise = Float[np.ndarray, "*voxels"] | Float[np.ndarray, "*voxels time"] | None


@dataclass(frozen=True, eq=False)
class Fit:
    """What a model says of curves: by the key of each quantity its value and standard error, in inside units.

    `status` speaks of the voxel: from `FAILED_FROM` on all of it is NaN. A parameter that the data leave open is NaN by
    itself, in a voxel whose other parameters stand; `status_of` says so. `sse` is the sum of squares that is left with
    these values. A standard error is NaN where it is not defined. `slopes` gives the derivatives of the signal along
    what was solved for, "voxels time unknowns" from "unknowns voxels": of a separable model its amplitudes, then θ.
    `again` fits other curves, with the tables that were made for these.
    """

    model: Model
    values: Mapping[str, Float[np.ndarray, "*voxels"]]
    std: Mapping[str, Float[np.ndarray, "*voxels"]]
    status: Int16[np.ndarray, "*voxels"]
    sse: Float[np.ndarray, "*voxels"]
    covariance: Float[np.ndarray, "*voxels parameters parameters"]
    n_samples: int
    slopes: Callable[[np.ndarray], np.ndarray]
    again: "Callable[[np.ndarray], Fit]"

    @property
    def n_parameters(self) -> int:
        """How many parameters were free."""
        return len(self.model.parameters)

    def status_of(self, key: str) -> Int16[np.ndarray, "*voxels"]:
        """The status of one parameter: that of its voxel, and `NOT_DETERMINED` where it alone is left open."""
        is_open = np.isnan(self.values[key]) & (self.status < FAILED_FROM)
        return np.where(is_open, np.int16(Status.NOT_DETERMINED), self.status)


def fit(
    model: Model,
    curves: Float[np.ndarray, "*voxels time"],
    *,
    noise: Noise = None,
    asked: Float[np.ndarray, "*voxels"] | None = None,
) -> Fit:
    """The parameters with the least sum of squares within the bounds of their quantities.

    `noise` is the standard deviation of the curves, per voxel or per sample; without it the residuals tell it. Noise
    per sample does not weigh the fit; it enters the errors alone. `asked` is the sum of squares that the model has to
    get below to be of use: where a look at all nodes of a plane shows that it does not, the search ends near the best
    of them, and whether another minimum is as good is not asked.

    A voxel fails with samples that are not finite, or 1e15 and more (NOT_FINITE), with a curve that never changes
    (NOT_DETERMINED), with columns that depend on each other or fewer samples than parameters (SINGULAR), or without a
    minimum (NOT_CONVERGED). It is AMBIGUOUS where another minimum, or the limit of the model, fits as well.
    Non-linear parameters are left open (NaN) where the data are fitted as well (at 95 %) without what they shape.

    Raises `Problem` where curves and noise do not belong to the model's samples, or the model has no one best value.

    >>> from perspect.models import Patlak
    >>> t = np.arange(20.0)
    >>> patlak = Patlak(t=t, cp=np.exp(-t / 9.0))
    >>> float(fit(patlak, patlak.predict(np.array([[0.01, 0.05]]))).values["vp"].round(6)[0])
    0.05
    """
    n_samples = curves.shape[-1]
    _check(model, n_samples, curves.shape, noise)
    return _fitted(model, None if n_samples < len(model.parameters) else _route(model), curves, noise, asked)


def _fitted(
    model: Model, route: Route | None, curves: np.ndarray, noise: Noise = None, asked: np.ndarray | None = None
) -> Fit:
    """All of the curves, a chunk at a time."""
    order: Literal["C", "F"] = "F" if curves.flags.f_contiguous else "C"
    shape, n_samples = curves.shape[:-1], curves.shape[-1]
    flat = curves.reshape(-1, n_samples, order=order)
    spread = None if noise is None else noise.reshape(flat.shape[: 1 + noise.ndim - len(shape)], order=order)
    least = None if asked is None else asked.reshape(-1, order=order)
    out = _Out(len(model.parameters), flat.shape[0])

    def work(piece: slice) -> None:
        spread_of, least_of = (None if one is None else one[piece] for one in (spread, least))
        _fill(out, piece, model, route, flat[piece].T, spread_of, least_of)

    each_apart(work, even_spans(flat.shape[0], VOXELS if route is None else route.voxels))
    keys = [quantity.key for quantity in model.parameters]
    errors = np.sqrt(np.einsum("kkv->kv", out.covariance))
    return Fit(
        model,
        {key: row.reshape(shape, order=order) for key, row in zip(keys, out.values, strict=True)},
        {key: row.reshape(shape, order=order) for key, row in zip(keys, errors, strict=True)},
        out.status.reshape(shape, order=order),
        out.sse.reshape(shape, order=order),
        np.moveaxis(out.covariance.reshape(len(keys), len(keys), *shape, order=order), (0, 1), (-2, -1)),
        n_samples,
        partial(_no_slopes, n_samples) if route is None else route.slopes,
        partial(_fitted, model, route),
    )


def _no_slopes(n_samples: int, x: Float[np.ndarray, "unknowns voxels"]) -> Float[np.ndarray, "voxels time unknowns"]:
    """Of a model that was not fitted."""
    return np.full((x.shape[1], n_samples, x.shape[0]), np.nan)


class _Out:
    """The arrays that the chunks fill; all NaN and failed until then."""

    def __init__(self, n_parameters: int, n_voxels: int) -> None:
        self.values = full((n_parameters, n_voxels), np.nan)
        self.covariance = full((n_parameters, n_parameters, n_voxels), np.nan)
        self.sse = full((n_voxels,), np.nan)
        self.status = full((n_voxels,), Status.SINGULAR, np.int16)


def _check(model: Model, n_samples: int, shape: tuple[int, ...], noise: np.ndarray | None) -> None:
    if not model.has_one_best:
        raise Problem(
            f"{type(model).__name__} has no single best value.",
            "A descent would stop in one of several minima in one voxel out of seven.",
            "Use fit.posterior, which weighs all of them.",
        )
    typical = np.array([sum(model.bounds(quantity)) / 2.0 for quantity in model.parameters])
    expected = model.predict(typical).shape[-1]
    if n_samples != expected:
        raise Problem(
            f"The curves have {n_samples} samples, {type(model).__name__} has {expected}.",
            "Every sample needs its place in the acquisition.",
            "Give the model the times of exactly these samples.",
        )
    if noise is not None and noise.shape not in (shape, shape[:-1]):
        raise Problem(
            f"The noise has shape {noise.shape}, the curves {shape}.",
            "No sample has a noise of its own.",
            "Give it per voxel or per sample.",
        )


def _route(model: Model) -> Route:
    """How a model is solved: the one place where its kind matters."""
    if not isinstance(model, Separable):
        return plain(model)
    route = _separable(model)
    return route if model.limit is None else with_limit(route, _separable(model.limit))


def _separable(model: Separable) -> Route:
    if not model.nonlinear:
        return linear(model)
    family = family_of(model)
    if len(model.nonlinear) == 1:
        bends = model.edges(model.nonlinear[0])
        if bends is not None:
            return on_bent_line(family, bends)
        tables = line(family)
        return in_space(model) if tables is None else on_line(tables)
    if len(model.nonlinear) == 2 and type(model).start is Model.start:
        one, other = (model.edges(quantity) for quantity in model.nonlinear)
        cells = plane(family, (one, other), model.is_searched)
        # Columns that bend where the model does not say are beyond polynomials.
        if cells.error <= ROUGH or one is not None or other is not None:
            return on_plane(family, cells, model.is_searched)
    return in_space(model)


def _fill(
    out: _Out,
    piece: slice,
    model: Model,
    route: Route | None,
    samples: np.ndarray,
    noise: np.ndarray | None,
    asked: np.ndarray | None,
) -> None:
    """One chunk; `samples` are time-major."""
    y = samples.astype(np.float64, order="C")
    with np.errstate(over="ignore"):
        square = np.einsum("tv,tv->v", y, y)
    is_finite = square < LARGEST
    is_flat = _is_flat(y)
    out.status[piece][is_flat] = Status.NOT_DETERMINED
    out.status[piece][~is_finite] = Status.NOT_FINITE
    rows = np.flatnonzero(is_finite & ~is_flat)
    if route is None or rows.size == 0:
        return
    if rows.size < square.size:
        y, square = np.ascontiguousarray(y[:, rows]), square[rows]
        noise, asked = (None if one is None else one[rows] for one in (noise, asked))
    if noise is not None:
        noise = np.where(noise > 0, noise, np.nan).astype(np.float64)
    solution = route.solve(Chunk(y, square, _variance(noise), asked))
    # What is left cannot be known better than the samples were rounded.
    sse = np.maximum(solution.sse, np.finfo(samples.dtype).eps ** 2 * square)
    values, spread, status = stated(model, route, solution, sse, y.shape[0], noise)
    into = slice(piece.start, piece.stop) if rows.size == piece.stop - piece.start else piece.start + rows
    out.values[:, into], out.covariance[:, :, into], out.status[into] = values, spread, status
    out.sse[into] = np.where(status < FAILED_FROM, sse, np.nan)


def _is_flat(y: Float[np.ndarray, "time voxels"]) -> Bool[np.ndarray, " voxels"]:
    """Curves that never change; few are suspects, so few are looked at whole."""
    is_flat: np.ndarray = (y[0] == y[-1]) & (y[0] == y[y.shape[0] // 2])
    suspects = np.flatnonzero(is_flat)
    is_flat[suspects] = (y[:, suspects] == y[0, suspects]).all(axis=0)
    return is_flat


def _variance(noise: np.ndarray | None) -> np.ndarray | None:
    if noise is None:
        return None
    variance: np.ndarray = noise**2 if noise.ndim == 1 else (noise**2).mean(axis=1)
    return variance
