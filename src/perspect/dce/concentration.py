"""From signal to the concentration of agent: the spoiled gradient echo turned round, with nothing clipped."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int16

from perspect.numerics.parallel import each_apart, full, spans
from perspect.vocabulary import FAILED_FROM, Status

ROUNDS: Final = 12
"""Of Newton's iteration for the loss by T2*; three or four suffice."""

CLOSE: Final = 1e-3
"""In mM: a step this small is the last, and leaves about a thousandth of itself."""

CHUNK: Final = 512
"""Voxels at a time: a dozen arrays of their samples stay in the second-level cache."""


@dataclass(frozen=True, eq=False)
class Concentration:
    """Agent in mM per sample, what one relative error of T1 does to it, and what became of each voxel.

    `noise` is the standard deviation in mM before agent; `t1_slope` the relative change of the mean concentration after
    agent for a relative change of T1. A voxel with a sample that the signal equation cannot give (OUT_OF_RANGE) is NaN
    as a whole: a curve with its top cut off would be fitted as if it had none.
    """

    curves: Float[np.ndarray, "voxels time"]
    noise: Float[np.ndarray, " voxels"]
    t1_slope: Float[np.ndarray, " voxels"]
    status: Int16[np.ndarray, " voxels"]


def concentration(
    signal: Float[np.ndarray, "voxels time"],
    rest: slice,
    t1: Float[np.ndarray, " voxels"],
    tr: float,
    flip_angle: float,
    r1: float,
    b1: Float[np.ndarray, " voxels"] | None = None,
    te: float = 0.0,
    r2star: float = 0.0,
) -> Concentration:
    r"""Concentration in mM from the signal of a spoiled gradient echo and T1 before agent.

    With $A = \frac{S}{S_{rest}} \frac{1 - E_{10}}{1 - E_{10}\cos\alpha}$, $R_1 = -\ln\frac{1 - A}{1 - A\cos\alpha}/TR$
    and $C = (R_1 - R_{10})/r_1$. `rest` are the samples before agent; the true flip angle is `b1` times `flip_angle`
    (rad). With `r2star` (1/s/mM) and `te` (s) the signal is freed from its loss exp(-TE r2* C) before. Noise makes
    negative concentrations where there is no agent: they stay.

    Schabel and Parker 2008, doi:10.1088/0031-9155/53/9/010; the numerator of CAPLEX M.SM2.002 has a typo
    """
    n = signal.shape[0]
    # Time-major, as the signal lies in memory and as fits want it.
    curves = full(signal.shape[::-1], np.nan, np.float64 if n < 1000 else np.float32).T
    out = Concentration(curves, full((n,), np.nan), full((n,), np.nan), full((n,), Status.OK, np.int16))

    def work(span: slice) -> None:
        _fill(out, span, signal, rest, t1, tr, flip_angle, r1, b1, te, r2star)

    each_apart(work, spans(n, CHUNK))
    return out


def gains(
    c: Float[np.ndarray, "voxels time"],
    t1: Float[np.ndarray, " voxels"],
    tr: float,
    angle: Float[np.ndarray, " voxels"],
    r1: float,
) -> tuple[Float[np.ndarray, "voxels time"], Float[np.ndarray, "voxels time"]]:
    """How many mM an error of the signal is, relative to its level at rest: an error of one sample, and one of that
    level itself, which all samples share. `angle` is the true one.
    """
    e0, e, cosine = np.exp(-tr / t1)[:, None], np.exp(-tr * (1.0 / t1[:, None] + r1 * c)), np.cos(angle)[:, None]
    of_level = (1.0 - e) * (1.0 - e * cosine) / (r1 * tr * e * (1.0 - cosine))
    brightening = (1.0 - e) / (1.0 - e * cosine) * (1.0 - e0 * cosine) / (1.0 - e0)
    return np.asarray(of_level / brightening), np.asarray(of_level)


def _fill(
    out: Concentration,
    span: slice,
    signal: np.ndarray,
    rest: slice,
    t1: np.ndarray,
    tr: float,
    flip_angle: float,
    r1: float,
    b1: np.ndarray | None,
    te: float,
    r2star: float,
) -> None:
    s = signal[span].astype(np.float64)
    status = out.status[span]
    status[~np.isfinite(s).all(axis=1)] = Status.NOT_FINITE
    baseline = s[:, rest].mean(axis=1)
    status[(status == Status.OK) & ~(baseline > 0)] = Status.NO_SIGNAL
    known = t1[span]
    status[(status == Status.OK) & ~((known > 0) & np.isfinite(known))] = Status.NOT_DETERMINED
    angle = np.broadcast_to(flip_angle * (1.0 if b1 is None else b1[span]), known.shape)
    status[(status == Status.OK) & ~(np.isfinite(angle) & (angle > 0))] = Status.NOT_FINITE
    usable = status == Status.OK
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        ratio = s / np.where(usable, baseline, np.nan)[:, None]
        curves, is_outside = _turned(ratio, known, tr, angle, r1, te, r2star)
        by_t1 = _t1_slope(curves[:, rest.stop :], known, tr, angle, r1, te, r2star)
        status[usable & is_outside.any(axis=1)] = Status.OUT_OF_RANGE
        curves[status >= FAILED_FROM] = np.nan
        out.t1_slope[span] = np.where(status >= FAILED_FROM, np.nan, by_t1)
    out.curves[span] = curves
    n_rest = len(range(*rest.indices(s.shape[1])))
    if n_rest > 1:
        out.noise[span] = curves[:, rest].std(axis=1, ddof=1)


def _turned(
    ratio: np.ndarray, t1: np.ndarray, tr: float, angle: np.ndarray, r1: float, te: float, r2star: float
) -> tuple[np.ndarray, np.ndarray]:
    """Concentration in mM, and which samples no concentration can give."""
    cosine, r10 = np.cos(angle)[:, None], 1.0 / t1[:, None]
    at_rest = -np.expm1(-tr * r10) / (1.0 - np.exp(-tr * r10) * cosine)
    a = ratio * at_rest
    is_outside = ~((a < 1.0) & (a * cosine < 1.0))
    e = (1.0 - a) / (1.0 - a * cosine)
    c = (np.log(e) / -tr - r10) / r1
    if not (te > 0 and r2star > 0):
        return c, is_outside
    # Newton's iteration on the logarithm of the signal, which is nearly straight; beyond its summit there is no answer.
    # Where it begins, exactly the loss is missing.
    loss = te * r2star
    slope = _log_slope(e, cosine, r1 * tr) - loss
    is_outside |= ~(slope > 0)
    step = loss * c / slope
    c = c + step
    row, column = np.nonzero(~is_outside & (np.abs(step) > CLOSE))
    for _ in range(ROUNDS):
        here, other = c[row, column], cosine[row, 0]
        e = np.exp(-tr * (r10[row, 0] + r1 * here))
        missing = np.log(a[row, column] * (1.0 - e * other) / (1.0 - e)) + loss * here
        slope = _log_slope(e, other, r1 * tr) - loss
        is_outside[row, column] = ~(slope > 0)
        step = missing / slope
        c[row, column] = here + step
        # What a step leaves is of the order of its square.
        goes_on = (slope > 0) & (np.abs(step) > CLOSE)
        row, column = row[goes_on], column[goes_on]
        if row.size == 0:
            break
    is_outside[row, column] = True
    return c, is_outside | ~np.isfinite(c)


def _log_slope(e: np.ndarray, cosine: np.ndarray, scale: float) -> np.ndarray:
    """Derivative of the logarithm of the steady state along the concentration, without T2*; `scale` is r1 TR."""
    return np.asarray(scale * e * (1.0 - cosine) / ((1.0 - e) * (1.0 - e * cosine)))


def _t1_slope(
    c: np.ndarray, t1: np.ndarray, tr: float, angle: np.ndarray, r1: float, te: float, r2star: float
) -> Float[np.ndarray, " voxels"]:
    """Relative change of the mean concentration for a relative change of T1: the signal is what stays."""
    cosine, r10 = np.cos(angle)[:, None], 1.0 / t1[:, None]
    now = _log_slope(np.exp(-tr * (r10 + r1 * c)), cosine, r1 * tr)
    before = _log_slope(np.exp(-tr * r10), cosine, r1 * tr)
    change = r10 * (now - before) / (r1 * (now - te * r2star))
    return np.asarray(change.mean(axis=1) / c.mean(axis=1))
