"""What a curve shows without any model: areas, slopes, times, enhancement."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.dce.bolus import AtRest
from perspect.dce.errors import CHUNK, Gain
from perspect.dce.plasma import Arterial
from perspect.dce.tissue import Tissue
from perspect.numerics.parallel import each, spans
from perspect.vocabulary import Quantity, lexicon

AREAS: Final = (
    (60.0, lexicon.IAUGC60, lexicon.IAUGC60_BLOOD), (90.0, lexicon.IAUGC90, lexicon.IAUGC90_BLOOD),
    (180.0, lexicon.IAUGC180, lexicon.IAUGC180_BLOOD),
)  # fmt: skip
"""Seconds after arrival, and what the area is called: of tissue, and over that of plasma."""

PROPORTIONAL: Final = (
    *(area for _, *both in AREAS for area in both), lexicon.WASH_IN, lexicon.WASH_OUT, lexicon.DELTA_R1,
)  # fmt: skip
"""What grows with the concentration in tissue."""

LAST: Final = 0.1
"""Share of the frames, the last ones, that tell the enhancement at the end."""

WASHING_OUT: Final = 1.0 / 3.0
"""Share of the frames after arrival, the last ones, whose slope is the wash-out [our default]."""

Column = tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]]
Weights = Float[np.ndarray, " time"]


def semiquantitative(tissue: Tissue, gain: Gain, r1: float, arterial: Arterial | None) -> dict[Quantity, Column]:
    """Every descriptive number that the series is long enough for, in inside units, with its standard error.

    In errors are the noise of the signal, which each sample has by itself, that of its level at rest, which all samples
    share, and the errors of T1 and of the arterial input where they are known. `gain` is as in `errors.of_signal`, `r1`
    in 1/s/mM.
    """
    times, rest, curves = tissue.times, tissue.rest, tissue.agent.curves
    sums = linear_weights(times, rest, r1)
    relative = _relative_noise(tissue.signal, rest)
    out = _linear(tissue, gain, sums, relative)
    if arterial is not None:
        out |= _over_blood(out, tissue, arterial)
    out[lexicon.DELTA_T1] = _delta_t1(tissue, out[lexicon.DELTA_R1])
    by_t1 = tissue.error_by_t1
    for quantity in PROPORTIONAL:
        if quantity in out:
            values, std = out[quantity]
            out[quantity] = values, np.hypot(std, values * by_t1)
    out[lexicon.TIME_TO_PEAK] = _time_to_peak(curves, tissue.agent.noise, times, rest)
    return out | _enhancement(tissue.signal, rest, times.size, relative)


def linear_weights(times: Float[np.ndarray, " time"], rest: AtRest, r1: float) -> dict[Quantity, Weights]:
    """What is a sum of samples with weights: the areas that were recorded, wash-out, and ΔR1 at the end."""
    areas = ((area, area_weights(times, rest.arrival, seconds)) for seconds, area, _ in AREAS)
    out = {quantity: weights for quantity, weights in areas if weights is not None}
    late = slice(times.size - max(3, int(WASHING_OUT * (times.size - rest.frames.stop))), times.size)
    out[lexicon.WASH_OUT] = _line(times, late)
    n_last = max(2, int(LAST * times.size))
    return out | {lexicon.DELTA_R1: np.where(np.arange(times.size) < times.size - n_last, 0.0, r1 / n_last)}


def area_weights(times: Float[np.ndarray, " time"], arrival: float, seconds: float) -> Weights | None:
    """The integral over the first seconds after arrival, with straight lines between samples; None: not recorded."""
    if times[-1] < arrival + seconds - 1e-6:
        return None
    return np.asarray(_until(times, arrival + seconds) - _until(times, arrival))


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


def _linear(
    tissue: Tissue, gain: Gain, sums: Mapping[Quantity, Weights], relative: Float[np.ndarray, " voxels"]
) -> dict[Quantity, Column]:
    """Sums of samples with weights, and the steepest rise between neighbours, with the errors of the signal; `relative`
    is its noise over its level at rest.
    """
    curves, rest, times = tissue.agent.curves, tissue.rest, tissue.times
    rising = slice(max(rest.frames.stop - 1, 0), min(rest.steepest + max(2, times.size // 10), times.size))
    weights = np.stack(list(sums.values()))
    values, std = np.empty((2, len(weights) + 1, len(curves)))

    def work(span: slice) -> None:
        c, (own, common) = curves[span].astype(np.float64), gain(np.arange(span.start, span.stop))
        slopes = np.diff(c[:, rising], axis=1) / np.diff(times[rising])
        at, row = slopes.argmax(axis=1), np.arange(len(c))
        values[:-1, span], values[-1, span] = weights @ c.T, slopes[row, at]
        first = rising.start + at
        step = times[first + 1] - times[first]
        own_of_rise = np.hypot(own[row, first], own[row, first + 1]) / step
        common_of_rise = (common[row, first + 1] - common[row, first]) / step
        std[:-1, span] = np.sqrt(weights**2 @ (own**2).T + (weights @ common.T) ** 2 / rest.n_frames)
        std[-1, span] = np.sqrt(own_of_rise**2 + common_of_rise**2 / rest.n_frames)

    each(work, spans(len(curves), CHUNK))
    std *= relative
    return dict(zip((*sums, lexicon.WASH_IN), zip(values, std, strict=True), strict=True))


def _over_blood(of_tissue: Mapping[Quantity, Column], tissue: Tissue, arterial: Arterial) -> dict[Quantity, Column]:
    """Areas of tissue over those of the arterial plasma, with the error of these.

    Plasma is taken at its own times where it is known more finely than the series is sampled: lines between volumes
    15 s apart make its area over 60 s up to a third too small or too large.
    """
    plasma, clock = arterial.drives["cp"], arterial.drives.get("knots", tissue.times)
    out: dict[Quantity, Column] = {}
    by_input = float(np.nan_to_num(arterial.relative_error))
    for seconds, area, over in AREAS:
        weights = area_weights(clock, tissue.rest.arrival, seconds)
        if area in of_tissue and weights is not None:
            values, std = (one / float(plasma @ weights) for one in of_tissue[area])
            out[over] = values, np.hypot(std, values * by_input)
    return out


def _relative_noise(signal: np.ndarray, rest: AtRest) -> Float[np.ndarray, " voxels"]:
    """Noise of the signal over its level at rest."""
    quiet = signal[:, rest.frames].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(quiet.std(axis=1, ddof=1) / quiet.mean(axis=1))


def _delta_t1(tissue: Tissue, change: Column) -> Column:
    """The change of T1 (s) that a change of R1 (1/s, with the error of noise alone) is."""
    t1, (of_r1, std) = tissue.t1, change
    with np.errstate(divide="ignore", invalid="ignore"):
        after = 1.0 / (1.0 / t1 + of_r1)
        # The signal is what stays: T1 after agent moves with T1 before, and the change of R1 as well.
        by_t1 = t1 - after**2 * (1.0 / t1 - of_r1 * tissue.agent.t1_slope)
        of_t1 = by_t1 * tissue.t1_std / t1
    return t1 - after, np.hypot(after**2 * std, np.where(np.isfinite(of_t1), of_t1, 0.0))


def _time_to_peak(
    curves: Float[np.ndarray, "voxels time"],
    noise: Float[np.ndarray, " voxels"],
    times: Float[np.ndarray, " time"],
    rest: AtRest,
) -> Column:
    """When the largest sample was taken. It is known to a step at best, and to as many as lie within its noise."""
    after = curves[:, rest.frames.stop :]
    when = times[rest.frames.stop :]
    top = after.argmax(axis=1)
    height = np.take_along_axis(after, top[:, None], 1)
    near = (after > height - 2.0 * noise[:, None]).sum(axis=1) * float(np.median(np.diff(when)))
    return when[top] - rest.arrival, near / np.sqrt(12.0)


def _line(times: Float[np.ndarray, " time"], frames: slice) -> Weights:
    """The slope of a straight line through some frames."""
    weights = np.zeros(times.size)
    t = times[frames] - times[frames].mean()
    weights[frames] = t / (t**2).sum()
    return weights


def _enhancement(
    signal: np.ndarray, rest: AtRest, n: int, relative: Float[np.ndarray, " voxels"]
) -> dict[Quantity, Column]:
    level = signal[:, rest.frames].mean(axis=1, dtype=np.float64)
    n_last = max(2, int(LAST * n))
    with np.errstate(divide="ignore", invalid="ignore"):
        end = signal[:, -n_last:].mean(axis=1, dtype=np.float64) / level - 1.0
        top = signal[:, rest.frames.stop :].max(axis=1) / level - 1.0
        of_level, of_top = ((1.0 + one) * relative / np.sqrt(rest.n_frames) for one in (end, top))
    return {
        lexicon.ENHANCEMENT: (end, np.hypot(relative / np.sqrt(n_last), of_level)),
        lexicon.MAX_ENHANCEMENT: (top.astype(np.float64), np.hypot(relative, of_top)),
    }  # fmt: skip
