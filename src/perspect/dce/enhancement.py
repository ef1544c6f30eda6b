"""What a curve shows without any model: areas, slopes, times, enhancement."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.dce.bolus import AtRest
from perspect.vocabulary import Quantity, lexicon

AREAS: Final = ((60.0, lexicon.IAUGC60), (90.0, lexicon.IAUGC90), (180.0, lexicon.IAUGC180))
"""Seconds after arrival, and what the area is called."""

LAST: Final = 0.1
"""Share of the frames, the last ones, that tell the enhancement at the end."""

WASHING_OUT: Final = 1.0 / 3.0
"""Share of the frames after arrival, the last ones, whose slope is the wash-out [our default]."""

Column = tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]]


@dataclass(frozen=True, eq=False)
class Weights:
    """A linear functional of a curve: sums of samples with weights, of which the level at rest may be a part."""

    values: Float[np.ndarray, " time"]

    def of(self, curves: Float[np.ndarray, "voxels time"], noise: Float[np.ndarray, " voxels"]) -> Column:
        """Value and standard error for even noise."""
        values = curves @ self.values.astype(curves.dtype)
        return values.astype(np.float64), noise * float(np.sqrt((self.values**2).sum()))


def area_weights(times: Float[np.ndarray, " time"], arrival: float, seconds: float) -> Weights | None:
    """The integral over the first seconds after arrival, with straight lines between samples; None: not recorded."""
    if times[-1] < arrival + seconds - 1e-6:
        return None
    return Weights(_until(times, arrival + seconds) - _until(times, arrival))


def _until(times: Float[np.ndarray, " time"], end: float) -> Float[np.ndarray, " time"]:
    """Weights of the integral from the first sample to `end`, with straight lines between samples."""
    weights = np.zeros(times.size)
    last = min(max(int(np.searchsorted(times, end, side="right")) - 1, 0), times.size - 2)
    halves = 0.5 * np.diff(times[: last + 1])
    weights[:last] += halves
    weights[1 : last + 1] += halves
    since = max(end - times[last], 0.0)
    share = 0.5 * since / (times[last + 1] - times[last])
    weights[last : last + 2] += since * np.array([1.0 - share, share])
    return weights


def semiquantitative(
    curves: Float[np.ndarray, "voxels time"],
    noise: Float[np.ndarray, " voxels"],
    signal: Float[np.ndarray, "voxels time"],
    times: Float[np.ndarray, " time"],
    rest: AtRest,
    cp: Float[np.ndarray, " time"] | None,
) -> dict[Quantity, Column]:
    """Every descriptive number that the series is long enough for, in inside units, with its standard error.

    `curves` are concentrations in mM with even `noise`; `signal` is what the scanner stored; `cp` the plasma curve.
    """
    out: dict[Quantity, Column] = {}
    for seconds, quantity in AREAS:
        weights = area_weights(times, rest.arrival, seconds)
        if weights is not None:
            out[quantity] = weights.of(curves, noise)
            if quantity is lexicon.IAUGC60 and cp is not None:
                whole = float(cp @ weights.values)
                out[lexicon.IAUGC60_BLOOD] = (out[quantity][0] / whole, out[quantity][1] / whole)
    after = slice(rest.frames.stop, times.size)
    late = slice(times.size - max(3, int(WASHING_OUT * (times.size - rest.frames.stop))), times.size)
    out[lexicon.WASH_OUT] = _line(times, late).of(curves, noise)
    rising = slice(max(rest.frames.stop - 1, 0), min(rest.steepest + max(2, times.size // 10), times.size))
    steps = np.diff(times[rising])
    slopes = np.diff(curves[:, rising], axis=1) / steps
    best = slopes.argmax(axis=1)
    out[lexicon.WASH_IN] = (slopes[np.arange(best.size), best].astype(np.float64), noise * np.sqrt(2.0) / steps[best])
    top = curves[:, after].argmax(axis=1)
    peak_time = times[after][top] - rest.arrival
    # A maximum among samples is known to a step at best, and to as many as lie within its noise.
    height = np.take_along_axis(curves[:, after], top[:, None], 1)
    near = (curves[:, after] > height - 2.0 * noise[:, None]).sum(axis=1) * float(np.median(np.diff(times[after])))
    out[lexicon.TIME_TO_PEAK] = (peak_time, near / np.sqrt(12.0))
    out |= _enhancement(signal, rest, times.size)
    return out


def _line(times: Float[np.ndarray, " time"], frames: slice) -> Weights:
    """The slope of a straight line through some frames."""
    weights = np.zeros(times.size)
    t = times[frames] - times[frames].mean()
    weights[frames] = t / (t**2).sum()
    return Weights(weights)


def _enhancement(signal: np.ndarray, rest: AtRest, n: int) -> dict[Quantity, Column]:
    quiet = signal[:, rest.frames].astype(np.float64)
    level, spread = quiet.mean(axis=1), quiet.std(axis=1, ddof=1)
    n_last = max(2, int(LAST * n))
    with np.errstate(divide="ignore", invalid="ignore"):
        end = signal[:, -n_last:].mean(axis=1, dtype=np.float64) / level - 1.0
        top = signal[:, rest.frames.stop :].max(axis=1) / level - 1.0
        relative = spread / level
        of_level, of_top = ((1.0 + one) * relative / np.sqrt(rest.n_frames) for one in (end, top))
    return {
        lexicon.ENHANCEMENT: (end, np.hypot(relative / np.sqrt(n_last), of_level)),
        lexicon.MAX_ENHANCEMENT: (top.astype(np.float64), np.hypot(relative, of_top)),
    }  # fmt: skip


def delta_r1(
    curves: Float[np.ndarray, "voxels time"], noise: Float[np.ndarray, " voxels"], t1: np.ndarray, r1: float
) -> dict[Quantity, Column]:
    """ΔR1 (1/s) and the change of T1 (s) from rest to the end of the series."""
    n_last = max(2, int(LAST * curves.shape[1]))
    change = r1 * curves[:, -n_last:].mean(axis=1, dtype=np.float64)
    std = r1 * noise / np.sqrt(n_last)
    with np.errstate(divide="ignore", invalid="ignore"):
        after = 1.0 / (1.0 / t1 + change)
    return {lexicon.DELTA_R1: (change, std), lexicon.DELTA_T1: (t1 - after, after**2 * std)}
