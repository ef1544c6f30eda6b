"""T1 before agent, from spoiled gradient echoes at several flip angles, with or without a map of the true ones."""

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Int16

from perspect.numerics.parallel import each, spans
from perspect.vocabulary import FAILED_FROM, Problem, Status
from perspect.vocabulary.lexicon import T1

Method = Literal["linear", "weighted", "nonlinear"]

REWEIGHTED: Final = 4
"""Times that the weights of the linear fit are worked out anew (Chang et al. 2008, doi:10.1002/mrm.21669)."""

TO_BEGIN: Final = 2
"""The same where the non-linear fit begins there: more spare it no step [measured]."""

TIMES: Final = MappingProxyType({"linear": 1, "weighted": REWEIGHTED, "nonlinear": TO_BEGIN})
"""How often the linear fit is made."""

STEPS: Final = 20
"""Of the non-linear fit; it comes to rest after three to six."""

ENOUGH: Final = 1e-6
"""Relative change of T1 at which the fit is at rest."""

LONGEST_STEP: Final = 0.7
"""Of the logarithm of T1."""

WIDEST: Final = 1.0
"""Relative standard error beyond which T1 is not determined [our default]."""


@dataclass(frozen=True, eq=False)
class T1Fit:
    """T1 in s and S0 with their standard errors, and what became of each voxel."""

    t1: Float[np.ndarray, " voxels"]
    t1_std: Float[np.ndarray, " voxels"]
    s0: Float[np.ndarray, " voxels"]
    s0_std: Float[np.ndarray, " voxels"]
    status: Int16[np.ndarray, " voxels"]
    noise: Float[np.ndarray, " voxels"]


def variable_flip_angle(
    signals: Float[np.ndarray, "voxels angles"],
    flip_angles: Float[np.ndarray, " angles"],
    tr: float,
    b1: Float[np.ndarray, " voxels"] | None = None,
    method: Method = "nonlinear",
    noise: Float[np.ndarray, " voxels"] | None = None,
) -> T1Fit:
    r"""T1 from signals $S_0 \sin\alpha\,(1 - E)/(1 - E\cos\alpha)$, $E = e^{-TR/T_1}$.

    `flip_angles` are nominal, in rad; `b1` is true over nominal angle in each voxel. `linear` is DESPOT1, which noise
    biases; `weighted` gives its points the weights of their noise; `nonlinear` is least squares in the signal itself,
    and begins where `weighted` ends. `noise` is the standard deviation of the signals; without it the residuals tell
    it, which takes three angles.

    Deoni, Rutt and Peters 2003, doi:10.1002/mrm.10407; Chang et al. 2008, doi:10.1002/mrm.21669; a wrong flip angle
    enters T1 squared: Stikov et al. 2015, doi:10.1002/mrm.25135
    """
    n = signals.shape[0]
    if np.unique(flip_angles).size < 2 or signals.shape[1] != flip_angles.size:
        raise Problem(
            f"{signals.shape[1]} images and {np.unique(flip_angles).size} different flip angles were given.",
            "T1 needs at least two flip angles, one for each image.",
            "Give one angle in degrees for each image, in the same order.",
        )
    t1, t1_std, s0, s0_std, sigma = (np.full(n, np.nan) for _ in range(5))
    out = T1Fit(t1, t1_std, s0, s0_std, np.full(n, Status.OK, np.int16), sigma)

    def work(span: slice) -> None:
        _fill(out, span, signals, flip_angles, tr, b1, method, noise)

    each(work, spans(n))
    return out


def _fill(
    out: T1Fit,
    span: slice,
    signals: np.ndarray,
    flip_angles: np.ndarray,
    tr: float,
    b1: np.ndarray | None,
    method: Method,
    noise: np.ndarray | None,
) -> None:
    s = np.ascontiguousarray(signals[span].T, dtype=np.float64)
    scale = np.ones(1) if b1 is None else b1[span].astype(np.float64)
    angles = flip_angles[:, None] * scale
    sine, cosine = np.sin(angles), np.cos(angles)
    status = out.status[span]
    good = np.isfinite(s).all(axis=0) & np.isfinite(scale)
    status[~good] = Status.NOT_FINITE
    has_signal = (s > 0).all(axis=0) & (scale > 0)
    status[good & ~has_signal] = Status.NO_SIGNAL
    s = np.where(good & has_signal, s, 1.0)
    low, high = np.log(T1.low), np.log(T1.high)
    log_t1 = np.clip(np.log(-tr / np.log(_linear(s, sine, cosine, TIMES[method], tr))), low, high)
    rested = np.ones(s.shape[1], bool)
    if method == "nonlinear":
        log_t1, rested = _descended(s, sine, cosine, tr, log_t1, low, high)
    relative = _state(out, span, s, _shape(sine, cosine, tr, log_t1), log_t1, noise)
    at_bound = (log_t1 <= low) | (log_t1 >= high)
    status[(status == Status.OK) & at_bound] = Status.AT_BOUND
    status[(status < FAILED_FROM) & (relative > WIDEST)] = Status.NOT_DETERMINED
    status[(status < FAILED_FROM) & ~rested] = Status.NOT_CONVERGED
    for values in (out.t1, out.t1_std, out.s0, out.s0_std):
        values[span][status >= FAILED_FROM] = np.nan
    out.t1_std[span][status == Status.AT_BOUND] = np.nan


def _state(
    out: T1Fit,
    span: slice,
    s: Float[np.ndarray, "angles voxels"],
    shapes: tuple[np.ndarray, np.ndarray],
    log_t1: Float[np.ndarray, " voxels"],
    noise: np.ndarray | None,
) -> Float[np.ndarray, " voxels"]:
    """Puts T1, S0 and their errors where they belong; the relative error of T1."""
    shape, steep = shapes
    with np.errstate(divide="ignore", invalid="ignore"):
        square = _product(shape, shape)
        s0 = _product(shape, s) / square
        rest = s - s0 * shape
        mixed = _product(shape, steep) / square
        bare = steep - mixed * shape
        known = s0**2 * _product(bare, bare)
        n_spare = s.shape[0] - 2
        sigma = noise[span] if noise is not None else np.sqrt(_product(rest, rest) / n_spare) if n_spare else np.nan
        relative = np.asarray(sigma / np.sqrt(known))
        t1 = np.exp(log_t1)
        out.t1[span], out.t1_std[span] = t1, t1 * relative
        out.s0[span], out.s0_std[span] = s0, np.sqrt(sigma**2 / square + (s0 * mixed * relative) ** 2)
        out.noise[span] = sigma
    return relative


def _linear(
    s: Float[np.ndarray, "angles voxels"], sine: np.ndarray, cosine: np.ndarray, times: int, tr: float
) -> Float[np.ndarray, " voxels"]:
    """E, from the slope of S/sin against S/tan."""
    y, x = s / sine, s * cosine / sine
    weight = np.ones_like(s)
    lowest, highest = np.exp(-tr / T1.low), np.exp(-tr / T1.high)
    for _ in range(times):
        total = weight.sum(axis=0)
        away = x - _product(weight, x) / total
        weighed = weight * away
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = _product(weighed, y) / _product(weighed, away)
        e = np.clip(np.nan_to_num(slope, nan=0.5 * (lowest + highest)), lowest, highest)
        weight = np.broadcast_to((sine / (1.0 - e * cosine)) ** 2, s.shape)
    return np.asarray(e)


def _product(one: Float[np.ndarray, "angles voxels"], other: Float[np.ndarray, "angles voxels"]) -> np.ndarray:
    """The inner product over the angles."""
    return np.asarray(np.einsum("av,av->v", one, other))


def _shape(sine: np.ndarray, cosine: np.ndarray, tr: float, log_t1: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The signal for S0 = 1, and its slope along ln T1."""
    x = tr * np.exp(-log_t1)
    recovered = -np.expm1(-x)
    e = 1.0 - recovered
    below = 1.0 / (1.0 - e * cosine)
    some = sine * below
    shape = some * recovered
    steep = some * (cosine - 1.0) * below * (e * x)
    return shape, steep


def _descended(
    s: np.ndarray, sine: np.ndarray, cosine: np.ndarray, tr: float, start: np.ndarray, low: float, high: float
) -> tuple[Float[np.ndarray, " voxels"], Bool[np.ndarray, " voxels"]]:
    """Ln T1 with the least sum of squares, S0 always at its best (variable projection); who came to rest."""
    at, best = start.copy(), start
    rows = np.arange(at.size)
    rested = np.zeros(at.size, bool)
    part = s, np.broadcast_to(sine, s.shape), np.broadcast_to(cosine, s.shape)
    x, former, longest = at, np.full(at.size, np.inf), np.full(at.size, LONGEST_STEP)
    for _ in range(STEPS):
        data, one, other = part
        shape, steep = _shape(one, other, tr, x)
        square = _product(shape, shape)
        s0 = _product(shape, data) / square
        rest = data - s0 * shape
        sse = _product(rest, rest)
        bare = s0 * (steep - _product(shape, steep) / square * shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.nan_to_num(_product(bare, rest) / _product(bare, bare))
        # A step that led up is taken back and the next one kept shorter.
        worse = sse > former * (1.0 + 1e-12)
        longest = np.where(worse, 0.25 * longest, longest)
        best = np.where(worse, best, x)
        former = np.where(worse, former, sse)
        bounded = np.clip(np.where(worse, np.sign(best - x) * longest + (x - best), step), -longest, longest)
        new = np.clip(np.where(worse, 0.5 * (x + best), x + bounded), low, high)
        done = np.abs(new - x) <= ENOUGH
        at[rows[done]], rested[rows[done]] = new[done], True
        keep = ~done
        if not keep.any():
            return at, rested
        if keep.mean() < 0.6 or done.any():
            rows, part = rows[keep], (data[:, keep], one[:, keep], other[:, keep])
            new, best, former, longest = new[keep], best[keep], former[keep], longest[keep]
        x = new
    at[rows] = best
    return at, rested
