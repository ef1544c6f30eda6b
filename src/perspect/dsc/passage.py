"""Numbers of the first passage: its extent, peak height, time to peak, recovery of the signal."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.anatomy.arterial import width_at_half
from perspect.dsc.signal import CHUNK, Relaxation
from perspect.fit import fit
from perspect.models import GammaVariate
from perspect.numerics.parabola import vertex
from perspect.numerics.parallel import each, spans
from perspect.numerics.rivals import LIKELY, Noise, rivals
from perspect.vocabulary import Status

END_OF_PASS: Final = 0.05
"""Share of its peak to which the gamma-variate has fallen when the first pass counts as over [our default]."""

DOWN_TO: Final = 0.4
"""The gamma-variate is fitted down to this share of the peak, before recirculation bends the curve."""

SMOOTHED: Final = 0.5
"""How far a curve is smoothed before it is timed, over the width of the brain's mean first pass: halves the scatter of
the time of the largest sample, and moves that of curves without noise by no more than sampling does [our default;
docs/why/figures.md]."""

LEAST_WEIGHT: Final = 1e-3
"""Of the nearest three samples in a running parabola, which could not be drawn through fewer."""

RECOVERY_SECONDS: Final = 60.0
"""The longest stretch after the first pass over which the recovered signal is averaged [our default]."""


@dataclass(frozen=True, eq=False)
class FirstPass:
    """The gamma-variate of a mean curve: its parameters, its curve, and the frames from baseline to the end of the
    pass.

    `parameters` and `std` are by the key of their quantity; `height` is the largest sample, in 1/s. `is_fitted` is
    False where the fit failed; then `frames` end where the curve is lowest after its peak.
    """

    frames: slice
    height: float
    parameters: dict[str, float]
    std: dict[str, float]
    fitted: Float[np.ndarray, " time"]
    is_fitted: bool


def first_pass(curve: Float[np.ndarray, " time"], times: Float[np.ndarray, " time"], stop: int, peak: int) -> FirstPass:
    """The first pass of a mean ΔR2* curve (1/s), from the end of the baseline `stop`, around the frame of its `peak`.

    Madsen 1992, doi:10.1088/0031-9155/37/7/010
    """
    below = np.flatnonzero(curve[peak:] < DOWN_TO * curve[peak])
    last = peak + (int(below[0]) if below.size else curve.size - 1 - peak)
    model = GammaVariate(t=times[stop : last + 1])
    found = fit(model, curve[None, stop : last + 1])
    values = {key: float(one[0]) for key, one in found.values.items()}
    std = {key: float(one[0]) for key, one in found.std.items()}
    is_fitted = bool(found.status[0] < Status.OUTSIDE)
    if not is_fitted:
        valley = peak + 1 + int(np.argmin(curve[peak + 1 :])) if peak + 1 < curve.size else curve.size - 1
        return FirstPass(slice(stop, valley + 1), float(curve[peak]), values, std, np.full(curve.size, np.nan), False)
    p = np.array([[values[quantity.key] for quantity in GammaVariate.parameters]])
    fitted = GammaVariate(t=times).predict(p)[0]
    over = np.flatnonzero(fitted[peak:] < END_OF_PASS * fitted.max())
    end = peak + (int(over[0]) if over.size else curve.size - 1 - peak)
    return FirstPass(
        slice(stop, min(max(end, peak + 2), curve.size - 1) + 1), float(curve[peak]), values, std, fitted, True
    )


@dataclass(frozen=True, eq=False)
class Passage:
    """Peak height (1/s), time to peak (s after `arrival`), signal recovery (fraction, with standard error).

    `sharpness` is how much the curve bends at its peak, per frame and relative to the height: what the error of the
    height depends on. `time_noise` is what noise does to the time and what other peaks within noise should, in s;
    `is_ambiguous` says that another peak may well be the true one.
    """

    height: Float[np.ndarray, " voxels"]
    time: Float[np.ndarray, " voxels"]
    sharpness: Float[np.ndarray, " voxels"]
    time_noise: Float[np.ndarray, " voxels"]
    is_ambiguous: Bool[np.ndarray, " voxels"]
    recovery: Float[np.ndarray, " voxels"]
    recovery_std: Float[np.ndarray, " voxels"]


def passage(
    relaxation: Relaxation, times: Float[np.ndarray, " time"], frames: slice, arrival: float, width: float
) -> Passage:
    """Peak height, time to peak and recovery of every voxel.

    The height is that of the vertex of the parabola through the largest sample of the first pass and its neighbours;
    its time is that of the curve smoothed over a share of the `width` (s) of the brain's mean first pass, because the
    largest of noisy samples is often not near the largest of the true ones. Recovery is (S_end - S_min)/(S_BL - S_min)
    of the last echo, S_end being the mean from the end of the first pass for up to 60 s.
    """
    n = relaxation.curves.shape[0]
    out = np.full((6, n), np.nan)
    ambiguous = np.zeros(n, bool)
    smooth = running_parabola(times, SMOOTHED * width)
    signal, sigma, level = relaxation.signals[-1], relaxation.sigmas[-1], relaxation.baselines[-1]
    late = slice(frames.stop, int(np.searchsorted(times, times[frames.stop - 1] + RECOVERY_SECONDS, side="right")))
    n_late = max(late.stop - late.start, 0)

    def work(span: slice) -> None:
        curves = relaxation.curves[span]
        rows = np.arange(curves.shape[0])
        top = frames.start + np.nan_to_num(curves[:, frames], nan=-np.inf).argmax(axis=1)
        top = np.clip(top, 1, times.size - 2)
        y = np.stack([curves[rows, top + k] for k in (-1, 0, 1)]).astype(np.float64)
        x = np.stack([times[top + k] - times[top] for k in (-1, 0, 1)])
        out[0, span] = vertex(x, y)[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            out[2, span] = (2 * y[1] - y[0] - y[2]) / y[1]
        noise = np.sqrt(relaxation.variance_at(span, top))
        when, out[3, span], ambiguous[span] = _time(curves, noise, smooth, times, frames)
        out[1, span] = when - arrival
        if n_late > 0:
            lowest = signal[span][rows, top]
            drop = level[span] - lowest
            end = signal[span, late].mean(axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                share = (end - lowest) / drop
                of_lowest = (share - 1) / drop
                noise = 1 / n_late + (share**2) / relaxation.rest.n_frames
                out[4, span] = np.where(drop > 3 * sigma[span], share, np.nan)
                out[5, span] = sigma[span] * np.sqrt(noise / drop**2 + of_lowest**2)

    each(work, spans(n, CHUNK))
    height, time, sharpness, time_noise, recovery, recovery_std = out
    return Passage(height, time, sharpness, time_noise, ambiguous, recovery, recovery_std)


def width_of(passed: FirstPass, curve: Float[np.ndarray, " time"], times: Float[np.ndarray, " time"]) -> float:
    """Full width at half maximum, in s, of the first pass of the mean `curve`; half of its length where it does not
    fall to half.
    """
    width = width_at_half(curve[passed.frames.start :], times[passed.frames.start :])
    return width if np.isfinite(width) else 0.5 * float(times[passed.frames.stop - 1] - times[passed.frames.start])


def running_parabola(times: Float[np.ndarray, " time"], reach: float) -> Float[np.ndarray, "time time"]:
    """The matrix that gives each sample the value of the parabola that fits its surroundings best (curves @ matrix).

    Samples count the less the farther away they are, up to `reach` s; the nearest three always do.

    Cleveland 1979, doi:10.1080/01621459.1979.10481038
    """
    matrix = np.zeros((times.size, times.size))
    for i, now in enumerate(times):
        away = np.abs(times - now)
        weight = np.maximum(1 - (away / max(reach, np.finfo(float).tiny)) ** 3, 0.0) ** 3
        nearest = np.argsort(away, kind="stable")[:3]
        weight[nearest] = np.maximum(weight[nearest], LEAST_WEIGHT)
        columns = np.vander(times - now, 3)
        weighted = columns * weight[:, None]
        matrix[:, i] = weighted @ np.linalg.pinv(columns.T @ weighted)[:, 2]
    return matrix


def _time(
    curves: Float[np.ndarray, "voxels time"],
    noise: Float[np.ndarray, " voxels"],
    smooth: Float[np.ndarray, "time time"],
    times: Float[np.ndarray, " time"],
    frames: slice,
) -> tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"], Bool[np.ndarray, " voxels"]]:
    """When each smoothed curve is largest (s), how far noise and rival peaks should move that, and whether a rival may
    well be the true one; NaN where the largest sample is no peak.
    """
    first, last = max(frames.start - 1, 0), min(frames.stop + 1, times.size)
    filters = smooth[:, first:last]
    smoothed = np.nan_to_num(curves @ filters.astype(curves.dtype), nan=-np.inf).astype(np.float64)
    top = np.clip(1 + smoothed[:, 1:-1].argmax(axis=1), 1, smoothed.shape[1] - 2)
    rows, clock = np.arange(top.size), times[first:last]
    around = np.stack([top - 1, top, top + 1])
    with np.errstate(invalid="ignore"):
        _, place, moves = vertex(clock[around] - clock[top], smoothed[rows, around])
    seen = Noise((filters.T @ filters)[None], np.zeros(top.size, np.int64), noise)
    plain = seen.of_sum(moves, around)
    inner = np.ones(clock.size, bool)
    inner[[0, -1]] = False
    with np.errstate(invalid="ignore"):
        others = rivals(smoothed, top, seen, inner)
    rival = others.spread(clock[others.column] - clock[top[others.row]], top.size)
    when = np.where(np.isfinite(plain), clock[top] + place, np.nan)
    return when, np.hypot(plain, rival), (rival > plain) & (others.chance(top.size) > LIKELY)
