"""Convolution with an exponential, exact for what is linear between its samples, at any increasing times."""

import numpy as np
from jaxtyping import Float

_SERIES_BELOW, _TERMS = 0.02, 6
"""Below this k·Δt the closed forms cancel; so many terms of their series are then exact to 2e-16."""

_SAME_STEP = 1e-12
"""Steps that differ by less (relatively) share their weights: clocks written as decimals are never quite even."""


def exponential_convolution(
    t: Float[np.ndarray, " time"], a: Float[np.ndarray, " time"], rate: Float[np.ndarray, "*voxels"]
) -> Float[np.ndarray, "*voxels time"]:
    r"""$\int_{t_0}^{t} a(u)\, e^{-k (t-u)}\, du$ for every rate k, in (unit of a)·(unit of t).

    Exact where `a` is linear between its samples; the steps may be uneven. At rate 0 it is the running integral of
    `cumulative_trapezoid`, at an infinite rate it is 0. The result lies time-major in memory.

    Flouri, Lesnic and Sourbron 2016, doi:10.1002/mrm.25991 (appendix)
    """
    k = np.asarray(rate, np.float64).reshape(-1)
    out = np.zeros((t.size, k.size))
    weighed_for = np.nan
    for i, step in enumerate(np.diff(t.astype(np.float64))):
        if not abs(step - weighed_for) <= _SAME_STEP * step:
            decay, level, rise = _weights(k * step)
            weighed_for = step
        np.multiply(out[i], decay, out=out[i + 1])
        out[i + 1] += step * (a[i] * (level - rise) + a[i + 1] * rise)
    return np.moveaxis(out.reshape(t.size, *rate.shape), 0, -1)


def cumulative_trapezoid(
    t: Float[np.ndarray, " time"], a: Float[np.ndarray, "*voxels time"]
) -> Float[np.ndarray, "*voxels time"]:
    """Running integral from the first sample on, in (unit of a)·(unit of t): the convolution at rate 0.

    >>> cumulative_trapezoid(np.array([0.0, 1.0, 3.0]), np.array([0.0, 2.0, 2.0]))
    array([0., 1., 5.])
    """
    out = np.zeros(a.shape)
    np.cumsum(np.diff(t.astype(np.float64)) * (0.5 * a[..., :-1] + 0.5 * a[..., 1:]), axis=-1, out=out[..., 1:])
    return out


def straight(
    t: Float[np.ndarray, " knots"], a: Float[np.ndarray, " knots"], at: Float[np.ndarray, "*voxels time"]
) -> Float[np.ndarray, "*voxels time"]:
    """The curve with straight lines between its samples, at any times; before the first and after the last it is level.

    >>> straight(np.array([0.0, 2.0]), np.array([0.0, 4.0]), np.array([-1.0, 0.5, 3.0]))
    array([0., 1., 4.])
    """
    return np.asarray(np.interp(at.reshape(-1), t, a).reshape(at.shape))


def exponential_convolution_at(
    t: Float[np.ndarray, " knots"],
    a: Float[np.ndarray, " knots"],
    rate: Float[np.ndarray, "*voxels"],
    at: Float[np.ndarray, "*any time"],
) -> Float[np.ndarray, "*voxels time"]:
    r"""$\int_{t_0}^{s} a(u)\, e^{-k (s-u)}\, du$ at any times s, which may differ between voxels; 0 before $t_0$.

    As exact as `exponential_convolution`: from the knot before s the last piece is integrated in closed form. After the
    last knot `a` stays level.
    """
    knots = np.append(t, max(float(t[-1]) + 1.0, float(at.max()) + 1.0))
    # Many shifts share few rates.
    rates, which = np.unique(rate, return_inverse=True)
    few = exponential_convolution(knots, np.append(a, a[-1]), rates)
    which = which.reshape(rate.shape)
    before = np.clip(np.searchsorted(t, at, side="right") - 1, 0, t.size - 1)
    since = np.maximum(at - t[before], 0.0)
    decay, level, rise = _weights(rate[..., None] * since)
    slope = np.append(np.diff(a) / np.diff(t), 0.0)
    weighed = a[before] * level + since * slope[before] * rise
    return np.asarray(few[which[..., None], before] * decay + since * weighed)


def running_integral_at(
    t: Float[np.ndarray, " knots"], a: Float[np.ndarray, " knots"], at: Float[np.ndarray, "*voxels time"]
) -> Float[np.ndarray, "*voxels time"]:
    """The running integral from the first knot to any times: the convolution at rate 0."""
    before = np.clip(np.searchsorted(t, at, side="right") - 1, 0, t.size - 1)
    since = np.maximum(at - t[before], 0.0)
    return np.asarray(cumulative_trapezoid(t, a)[before] + 0.5 * since * (a[before] + straight(t, a, at)))


def _weights(
    x: Float[np.ndarray, "*voxels"],
) -> tuple[Float[np.ndarray, "*voxels"], Float[np.ndarray, "*voxels"], Float[np.ndarray, "*voxels"]]:
    """What a step of x = k·Δt leaves of the past, and how it weighs a level that lasts and one that rises from 0 to 1
    within it.
    """
    small = np.nonzero(np.abs(x) < _SERIES_BELOW)
    lost = -np.expm1(-x)
    with np.errstate(divide="ignore", invalid="ignore"):
        level = lost / x
        rise = (1.0 - level) / x
    rise[small] = _series(x[small])
    level[small] = 1.0 - x[small] * rise[small]
    return 1.0 - lost, level, rise


def _series(x: Float[np.ndarray, " few"]) -> Float[np.ndarray, " few"]:
    """The first terms of Σ (-x)ⁿ/(n + 2)!, by the scheme of Horner."""
    total = np.ones_like(x)
    for n in range(_TERMS, 0, -1):
        total *= -x / (n + 2)
        total += 1.0
    return 0.5 * total
