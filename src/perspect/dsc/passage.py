"""Numbers of the first passage: its extent, peak height, time to peak, recovery of the signal."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.dsc.signal import CHUNK, Relaxation
from perspect.fit import fit
from perspect.models import GammaVariate
from perspect.numerics.parabola import vertex
from perspect.numerics.parallel import each, spans
from perspect.vocabulary import Status

END_OF_PASS: Final = 0.05
"""Share of its peak to which the gamma-variate has fallen when the first pass counts as over [our default]."""

DOWN_TO: Final = 0.4
"""The gamma-variate is fitted down to this share of the peak, before recirculation bends the curve."""

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
    height depends on. `time_noise` is the error of the time to first order, in s: what its true error depends on.
    """

    height: Float[np.ndarray, " voxels"]
    time: Float[np.ndarray, " voxels"]
    sharpness: Float[np.ndarray, " voxels"]
    time_noise: Float[np.ndarray, " voxels"]
    recovery: Float[np.ndarray, " voxels"]
    recovery_std: Float[np.ndarray, " voxels"]


def passage(relaxation: Relaxation, times: Float[np.ndarray, " time"], frames: slice, arrival: float) -> Passage:
    """Peak height, time to peak and recovery of every voxel.

    The peak is the vertex of the parabola through the largest sample of the first pass and its neighbours. Recovery is
    (S_end - S_min)/(S_BL - S_min) of the last echo, S_end being the mean from the end of the first pass for up to 60 s.
    """
    n = relaxation.curves.shape[0]
    out = np.full((6, n), np.nan)
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
        out[0, span], place, by_height = vertex(x, y)
        out[1, span] = place + times[top] - arrival
        with np.errstate(divide="ignore", invalid="ignore"):
            out[2, span] = (2 * y[1] - y[0] - y[2]) / y[1]
        out[3, span] = by_height * np.sqrt(relaxation.variance_at(span, top))
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
    return Passage(*out)
