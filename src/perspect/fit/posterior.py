"""Where signals bend, least squares stop in the wrong place: every node of a grid of θ is looked at instead.

A descent that starts on one side of a bend in the signal cannot see the other side. So the amplitudes are solved at
every node of a grid of the non-linear parameters, each node is weighed by how well it explains the data and by what was
known of θ before, and what is reported is the mean over the nodes: the posterior mean, whose squared error is the least
possible. Nothing is iterated and nothing needs a start.

A node's weight is its profile likelihood. With flat prior densities of amplitudes the integral over them would prefer
nodes at which the data say least (there the amplitude may be anything); the profile does not, and amplitudes that are
zero on average come out zero on average.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int16
from scipy.special import chdtri

from perspect.fit.solution import CONFIDENCE
from perspect.models.base import Separable
from perspect.numerics.parallel import each, spans
from perspect.numerics.separable import falls_apart
from perspect.vocabulary.problem import Problem
from perspect.vocabulary.status import Status

Nodes = Float[np.ndarray, "nodes nonlinear"]
Precision = Float32[np.ndarray, "voxels time"] | None
Prior = Callable[[slice], Float[np.ndarray, "some nodes"]]
"""Logarithm of the density of θ before the data, at the nodes, for a slice of the voxels (or one row for all)."""

SEEN: Final = (1e-3, 0.25)
"""Share of the most that any node sees of an amplitude (its information), of the first and of a second one, below which
an amplitude is drawn to 0: else it would be noise over zero, or a little signal over next to nothing. [our default]"""

CHUNK: Final = 2048
"""Voxels at a time: their nodes stay in the cache."""

FAINTEST: Final = -60.0
"""Logarithm of the weight of a node, relative to the best, that is as good as none."""

ALONE: Final = 0.5
"""Share of all weight in one node from which on the grid is too coarse, and the place is looked at more closely."""

CLOSER: Final = 17
"""Nodes of the closer look, from the node before to the node after."""

LEFT_OPEN: Final = 0.8
"""Standard deviation after the data over that before them, from which on a value is what was expected
[our default]."""


@dataclass(frozen=True, eq=False)
class Posterior:
    """What a model says of curves: posterior means and standard deviations by key, in inside units.

    `covariance` is of the model's parameters in their order. `explained` is what the best node explains of the sum of
    squares, over the variance of the noise (χ² units). `status` is of the voxel; `is_expected` says by key where a
    non-linear parameter is hardly more than what was known before.
    """

    model: Separable
    values: Mapping[str, Float[np.ndarray, " voxels"]]
    std: Mapping[str, Float[np.ndarray, " voxels"]]
    covariance: Float[np.ndarray, "voxels parameters parameters"]
    status: Int16[np.ndarray, " voxels"]
    is_expected: Mapping[str, Bool[np.ndarray, " voxels"]]
    explained: Float[np.ndarray, " voxels"]


def normal(nodes: Float[np.ndarray, " nodes"], mean: float, std: float) -> Prior:
    """The same normal distribution of θ for every voxel."""
    row = np.asarray(-0.5 * ((nodes - mean) / std)[None] ** 2)
    return lambda piece: row  # noqa: ARG005


def posterior(
    model: Separable,
    curves: Float[np.ndarray, "voxels time"],
    noise: Float[np.ndarray, " voxels"] | Float[np.ndarray, "voxels time"],
    nodes: Nodes,
    prior: Prior,
) -> Posterior:
    """Posterior means of a model with one or two amplitudes, whose parameters are those amplitudes and its θ.

    `noise` is the standard deviation per voxel or per sample (infinite: the sample is not there); here it does weigh
    the fit. `nodes` are evenly spaced where there is a single θ. Amplitudes may be negative, whatever their quantity
    allows, so that means over voxels have no bias. The same for any number of threads. Raises `Problem` where model,
    curves and noise do not belong together.
    """
    n = len(model.linear)
    if n not in (1, 2) or noise.shape not in (curves.shape, curves.shape[:1]):
        raise Problem(
            f"{n} amplitudes and noise of shape {noise.shape} for {curves.shape} curves.",
            "The integral is over one or two amplitudes, and every curve needs its noise.",
            "Give noise per curve or per sample, and a model with one or two amplitudes.",
        )
    grid = _Grid(model, nodes, np.asarray(model.atoms(nodes), np.float32, order="C"))
    out = _Out(n, nodes.shape[1], curves.shape[0])

    def work(piece: slice) -> None:
        grid.fill(out, piece, curves[piece], noise[piece], prior(piece))

    each(work, spans(curves.shape[0], CHUNK))
    names = [quantity.key for quantity in (*model.linear, *model.nonlinear)]
    order = [names.index(quantity.key) for quantity in model.parameters]
    failed = out.status >= Status.OUTSIDE
    out.mean[:, failed] = out.covariance[:, :, failed] = np.nan
    spread = np.sqrt(np.maximum(np.einsum("kkv->kv", out.covariance), 0.0))
    return Posterior(
        model,
        {names[k]: out.mean[k] for k in order},
        {names[k]: spread[k] for k in order},
        np.moveaxis(out.covariance[np.ix_(order, order)], -1, 0),
        out.status,
        {names[n + k]: row for k, row in enumerate(out.is_expected)},
        np.where(failed, np.nan, out.explained),
    )


class _Out:
    """The arrays that the chunks fill: amplitudes first, then θ."""

    def __init__(self, n_amplitudes: int, n_theta: int, n_voxels: int) -> None:
        n = n_amplitudes + n_theta
        self.mean = np.full((n, n_voxels), np.nan)
        self.covariance = np.full((n, n, n_voxels), np.nan)
        self.status = np.full(n_voxels, Status.NOT_FINITE, np.int16)
        self.explained = np.full(n_voxels, np.nan)
        self.is_expected = np.zeros((n_theta, n_voxels), bool)


@dataclass(frozen=True, eq=False)
class _Grid:
    """The columns of a model at every node, in single precision: they are summed, not subtracted."""

    model: Separable
    nodes: Nodes
    columns: Float32[np.ndarray, "nodes linear time"]

    def fill(self, out: _Out, piece: slice, curves: np.ndarray, noise: np.ndarray, prior: np.ndarray) -> None:
        """One chunk of voxels."""
        y, precision, scale, usable = _weighed(curves, noise)
        n, n_theta = self.columns.shape[1], self.nodes.shape[1]
        solved = _solved(self.columns, y, precision)
        out.explained[piece] = 2.0 * solved.gain.max(axis=1)
        # In place, for new arrays of this size cost more than the arithmetic.
        prior = prior.astype(np.float32, copy=False)
        log = np.add(solved.gain, prior, out=solved.gain)
        top = log.max(axis=1)
        weight = log - top[:, None]
        # Numbers below single precision's are slow, and weigh nothing.
        np.exp(np.maximum(weight, np.float32(FAINTEST), out=weight), out=weight)
        total = weight.sum(axis=1)
        theta = [self.nodes[:, k].astype(np.float32) for k in range(n_theta)]
        weight /= total[:, None]
        mean, covariance = _scaled(*_moments(weight, solved, theta), n, scale)
        drop = np.full(total.size, 0.5 * chdtri(n_theta, 1.0 - CONFIDENCE))
        is_ambiguous = falls_apart(log, top, drop) if n_theta == 1 else np.zeros(total.size, bool)
        out.mean[:, piece], out.covariance[:, :, piece] = mean, covariance
        spread = np.sqrt(np.maximum(np.einsum("kkv->kv", covariance[n:, n:]), 0.0))
        out.is_expected[:, piece] = spread > LEFT_OPEN * self._spread_before(prior)
        narrow = np.flatnonzero(usable & (total < 1.0 / ALONE)) if n_theta == 1 else np.zeros(0, np.int64)
        if narrow.size:
            own = None if precision is None else precision[narrow]
            self._look_closer(out, piece.start + narrow, y[narrow], own, scale[narrow], log[narrow])
        status = np.where(is_ambiguous, np.int16(Status.AMBIGUOUS), np.int16(Status.OK))
        out.status[piece] = np.where(usable, status, np.int16(Status.NOT_FINITE))

    def _spread_before(self, prior: np.ndarray) -> Float[np.ndarray, "nonlinear voxels"]:
        """Standard deviation of θ before the data."""
        weight = np.exp(prior - prior.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        # About their middle, for a small variance is lost in the difference of two large squares.
        away = (self.nodes - self.nodes.mean(axis=0)).astype(np.float32)
        mean = weight @ away
        return np.asarray(np.sqrt(np.maximum(weight @ away**2 - mean**2, 0.0)).T)

    def _look_closer(
        self, out: _Out, into: np.ndarray, y: np.ndarray, precision: Precision, scale: np.ndarray, log: np.ndarray
    ) -> None:
        """Voxels that know θ better than the grid: a finer grid around their best node, and one around the best of
        that.
        """
        spacing = float(self.nodes[1, 0] - self.nodes[0, 0])
        middle = self.nodes[log.argmax(axis=1), 0]
        rows = np.arange(into.size)
        for reach in (spacing, 2.0 * spacing / (CLOSER - 1)):
            theta = np.clip(middle[:, None] + reach * np.linspace(-1.0, 1.0, CLOSER), *self.nodes[[0, -1], 0])
            solved = _solved(self.model.atoms(theta[..., None]), y.astype(np.float64), precision)
            weight = np.exp(solved.gain - solved.gain.max(axis=1, keepdims=True))
            middle = np.take_along_axis(theta, solved.gain.argmax(axis=1)[:, None], 1)[:, 0]
            gain = solved.gain.max(axis=1)
            total = weight.sum(axis=1)
            moments = _moments(weight / total[:, None], solved, [theta])
            mean, covariance = _scaled(*moments, self.columns.shape[1], scale)
            out.mean[:, into[rows]] = mean[:, rows]
            out.covariance[:, :, into[rows]] = covariance[:, :, rows]
            out.explained[into[rows]] = 2.0 * gain[rows]
            rows = np.flatnonzero(total < 1.0 / ALONE)


@dataclass(frozen=True, eq=False)
class _Solved:
    """At every node: the amplitudes, their covariance (of noise alone; one row where all voxels share it), and half of
    what they explain.
    """

    c: Float[np.ndarray, "linear voxels nodes"]
    spread: Float[np.ndarray, "linear linear some nodes"]
    gain: Float[np.ndarray, "voxels nodes"]


def _solved(columns: np.ndarray, y: np.ndarray, precision: Precision) -> _Solved:
    """Amplitudes at every node: `columns` are "nodes linear time", or "voxels nodes linear time" for a closer look.

    `y` are the curves times their precision, which is per sample; None is 1.
    """
    n = columns.shape[-2]
    one = [columns[..., k, :] for k in range(n)]
    if columns.ndim == 4:
        moment = [np.einsum("vgt,vt->vg", column, y) for column in one]
    else:
        moment = [y @ column.T for column in one]

    def gram(k: int, other: int) -> np.ndarray:
        product = one[k] * one[other]
        if precision is None:
            return np.asarray(product.sum(axis=-1).reshape(-1, product.shape[-2]))
        if product.ndim == 3:
            return np.asarray(np.einsum("vgt,vt->vg", product, precision))
        return np.asarray(precision @ product.T)

    own = [gram(k, k) for k in range(n)]
    own = [np.maximum(g, least * g.max(axis=1, keepdims=True)) for g, least in zip(own, SEEN, strict=False)]
    alone = moment[0] * (1.0 / own[0])
    if n == 1:
        gain = np.multiply(alone, moment[0], out=moment[0])
        gain *= gain.dtype.type(0.5)
        return _Solved(alone[None], (1.0 / own[0])[None, None], gain)
    mixed = gram(0, 1)
    determinant = np.maximum(own[0] * own[1] - mixed**2, SEEN[0] * own[0] * own[1])
    first = (own[1] * moment[0] - mixed * moment[1]) / determinant
    second = (own[0] * moment[1] - mixed * moment[0]) / determinant
    spread = np.stack([np.stack([own[1], -mixed]), np.stack([-mixed, own[0]])]) / determinant
    gain = 0.5 * (first * moment[0] + second * moment[1])
    return _Solved(np.stack([first, second]), spread, gain)


def _weighed(curves: np.ndarray, noise: np.ndarray) -> tuple[np.ndarray, Precision, np.ndarray, np.ndarray]:
    """Curves times their precision, the precision, the scale of both, and which voxels can be used.

    Where a voxel has one noise its curve is divided by it: that is its scale, and the precision is 1.
    """
    if noise.ndim == 1:
        usable = np.isfinite(curves).all(axis=1) & np.isfinite(noise) & (noise > 0)
        scale = np.where(usable, noise, 1.0).astype(np.float32)
        y = curves.astype(np.float32) / scale[:, None]
        return (y if usable.all() else np.where(usable[:, None], y, np.float32(0.0))), None, scale, usable
    there = np.isfinite(noise)
    usable = (noise > 0).all(axis=1) & np.where(there, np.isfinite(curves), True).all(axis=1) & there.any(axis=1)
    precision = np.where(usable[:, None], 1.0 / np.where(noise > 0, noise, 1.0) ** 2, 1.0).astype(np.float32)
    y = np.where(there & usable[:, None], curves, 0.0).astype(np.float32) * precision
    return y, precision, np.ones(usable.size, np.float32), usable


def _scaled(
    mean: np.ndarray, covariance: np.ndarray, n: int, scale: Float32[np.ndarray, " voxels"]
) -> tuple[np.ndarray, np.ndarray]:
    """The first n unknowns, the amplitudes, back in the unit of the curves."""
    mean[:n] *= scale
    covariance[:n] *= scale
    covariance[:, :n] *= scale
    return mean, covariance


def _moments(
    weight: Float[np.ndarray, "voxels nodes"], solved: _Solved, theta: list[np.ndarray]
) -> tuple[Float[np.ndarray, "unknowns voxels"], Float[np.ndarray, "unknowns unknowns voxels"]]:
    """Mean and covariance of the unknowns over nodes whose weights sum to one, the noise of amplitudes included. What
    was solved is used up.

    Each of `theta` is "nodes", or "voxels nodes" where every voxel has its own.
    """
    n, n_theta = len(solved.c), len(theta)
    best = weight.argmax(axis=1)[:, None]
    # From the best node, because a small variance is lost in the difference of two large squares.
    zero = [np.take_along_axis(c, best, 1) for c in solved.c]
    values = [np.subtract(c, at, out=c) for c, at in zip(solved.c, zero, strict=True)]
    weighed = [weight * value for value in values]
    mean = np.empty((n + n_theta, weight.shape[0]))
    second = np.empty((n + n_theta, n + n_theta, weight.shape[0]))
    for k in range(n):
        mean[k] = weighed[k].sum(axis=1)
        for other in range(n):
            spread = solved.spread[k, other]
            noise = _along(weight, spread[0] if spread.shape[0] == 1 else spread)
            second[k, other] = np.einsum("vg,vg->v", weighed[k], values[other]) + noise
    for k, column in enumerate(theta, n):
        mean[k] = _along(weight, column)
        for other, its in enumerate(theta, n):
            second[k, other] = _along(weight, column * its)
        for other in range(n):
            second[other, k] = second[k, other] = _along(weighed[other], column)
    covariance = second - mean[:, None] * mean[None]
    mean[:n] += np.stack(zero)[..., 0]
    return mean, covariance


def _along(values: Float[np.ndarray, "voxels nodes"], column: np.ndarray) -> Float[np.ndarray, " voxels"]:
    summed: Float[np.ndarray, " voxels"] = (
        values @ column if column.ndim == 1 else np.einsum("vg,vg->v", values, column)
    )
    return summed
