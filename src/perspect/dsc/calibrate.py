"""This acquisition, simulated: what its deconvolution should allow, and how far off its answers will be.

A fixed oscillation index is not portable (the best one doubles from TR 1.0 to 1.5 s), and the maximum of a regularised
residue function has no closed-form error. Both are read off a Monte Carlo with the patient's own arterial curve, time
axis, echo time and noise. The same simulation is the source of the standard errors of CBF, MTT, Tmax and delay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import scipy.fft
import scipy.interpolate
import scipy.special
from jaxtyping import Float

from perspect.dsc.deconvolve import THRESHOLDS, Deconvolution, Method, prepare, read_out
from perspect.numerics.deconvolution import oscillation_index

TRANSIT_TIMES: Final = (2.0, 3.0, 4.5, 6.5, 9.0, 13.0)
"""Mean transit times of the simulation, in s: tumour and cortex to slow white matter."""

DELAYS: Final = (-1.3, 0.4, 3.1)
"""Arterial delays of the simulation, in s; none a multiple of a usual frame."""

REPEATS: Final = 12
"""Noise repeats of each condition."""

FINE: Final = 20
"""Steps of the simulation in one frame."""

ALLOWED: Final = np.geomspace(0.02, 0.4, 30)
"""Oscillation indices that are tried."""

LARGEST_CONTRAST: Final = 1e4
"""Contrast to noise beyond which data count as free of noise."""


@dataclass(frozen=True, eq=False)
class Scatter:
    """Standard error of a number as a function of contrast to noise and of apparent transit time.

    The logarithm is a quadratic form in the logarithms of both, fitted to the simulation; `floor` bounds it from below.
    """

    coefficients: Float[np.ndarray, " terms"]
    floor: float

    def __call__(
        self, contrast: Float[np.ndarray, "*voxels"], transit: Float[np.ndarray, "*voxels"]
    ) -> Float[np.ndarray, "*voxels"]:
        """The standard error where these two hold."""
        return np.maximum(np.exp(_terms(contrast, transit) @ self.coefficients), self.floor)


@dataclass(frozen=True, eq=False)
class Calibration:
    """What the simulation found: the best `cut`, the median absolute relative error of CBF it leaves, and scatters.

    `scatter` has keys `cbf` and `mtt` (relative) and `tmax`, `delay` (s). `bias` is the median relative error of CBF for
    each of `TRANSIT_TIMES`.
    """

    cut: float
    error: float
    bias: tuple[float, ...]
    scatter: Mapping[str, Scatter]


@dataclass(frozen=True, eq=False)
class Simulated:
    """Tissue curves of known truth, condition by condition (transit time, shape, delay, contrast), repeats last."""

    curves: Float[np.ndarray, "curves time"]
    flow: Float[np.ndarray, " curves"]
    area: Float[np.ndarray, " curves"]
    transit: Float[np.ndarray, " curves"]
    contrast: Float[np.ndarray, " curves"]


def calibrate(
    method: Method,
    arterial: Float[np.ndarray, " time"],
    times: Float[np.ndarray, " time"],
    te: float,
    relative_noise: float,
    contrasts: Float[np.ndarray, " levels"],
    n_baseline: int,
    seed: int,
    cut: float | None = None,
) -> Calibration:
    """Simulates this acquisition and finds the `cut` with the least mean error of CBF (or keeps the one given).

    `arterial` in 1/s; `relative_noise` is σ/S at rest; `contrasts` are the peak ΔR2* over noise of the patient's own
    tissue (a few quantiles); `te` divides the logarithm.
    """
    truth = simulate(arterial, times, te, relative_noise, contrasts, n_baseline, seed)
    cuts = (cut,) if cut is not None else CANDIDATES[method]
    errors = [np.abs(flow / truth.flow - 1) for flow in _flows(method, arterial, times, truth, cuts)]
    at = int(np.argmin([np.nanmean(one) for one in errors]))
    best = float(cuts[at])
    solver = prepare(method, arterial, times, best)
    found = solver.residues(truth.curves)
    area = np.trapezoid(truth.curves, times, axis=1) / np.trapezoid(arterial, times)
    with np.errstate(divide="ignore", invalid="ignore"):
        transit = area / found.flow
        ratio = found.flow / truth.flow
    scatter = {
        "cbf": _scatter(np.log(np.maximum(ratio, 1e-6)), transit, truth),
        "mtt": _scatter(np.log(np.maximum(transit / truth.transit, 1e-6)), transit, truth),
        "tmax": _scatter(found.tmax, transit, truth),
        "delay": _scatter(found.delay, transit, truth),
    }
    bias = tuple(float(np.nanmedian(ratio[truth.transit == one]) - 1) for one in TRANSIT_TIMES)
    return Calibration(best, float(np.nanmedian(errors[at])), bias, scatter)


def simulate(
    arterial: Float[np.ndarray, " time"],
    times: Float[np.ndarray, " time"],
    te: float,
    relative_noise: float,
    contrasts: Float[np.ndarray, " levels"],
    n_baseline: int,
    seed: int,
) -> Simulated:
    """ΔR2* curves of tissue with this arterial input, four shapes of residue function, and this noise."""
    step = float(np.median(np.diff(times))) / FINE
    fine = np.arange(times[0], times[-1] + step, step)
    inflow = scipy.interpolate.PchipInterpolator(times, arterial, extrapolate=False)
    since = np.arange(fine.size) * step
    shapes = [shape(since, transit) for transit in TRANSIT_TIMES for shape in SHAPES]
    spectrum = scipy.fft.rfft(np.array(shapes) * np.where(since == 0, 0.5, 1.0) * step, 2 * fine.size, axis=1)
    clean = []
    for delay in DELAYS:
        delayed = np.nan_to_num(inflow(np.maximum(fine - delay, times[0])), nan=float(arterial[-1]))
        tissue = scipy.fft.irfft(spectrum * scipy.fft.rfft(delayed, 2 * fine.size), axis=1)[:, : fine.size]
        clean.append(scipy.interpolate.make_interp_spline(fine, tissue, k=1, axis=1)(times))
    unit = np.stack(clean, axis=1).reshape(-1, times.size)
    transit = np.repeat(TRANSIT_TIMES, len(SHAPES) * len(DELAYS))
    levels = np.clip(contrasts, 1.0, LARGEST_CONTRAST)
    # Flow follows from the contrast wanted: peak ΔR2* = contrast · noise.
    noise = max(relative_noise, 1.0 / LARGEST_CONTRAST**2) / te
    flow = (levels[None, :] * noise / unit.max(axis=1)[:, None]).reshape(-1)
    unit, transit = np.repeat(unit, levels.size, axis=0), np.repeat(transit, levels.size)
    contrast = np.tile(levels, flow.size // levels.size)
    repeat = [np.repeat(one, REPEATS, axis=0) for one in (unit, flow, transit, contrast)]
    unit, flow, transit, contrast = repeat
    signal = np.exp(-te * flow[:, None] * unit)
    draw = np.random.default_rng(seed).standard_normal((2, *signal.shape), dtype=np.float32) * np.float32(noise * te)
    noisy = np.hypot(signal + draw[0], draw[1])
    at_rest = noisy[:, :n_baseline].mean(axis=1, keepdims=True)
    curves = np.asfortranarray((-np.log(np.maximum(noisy, 1e-6) / at_rest) / te).astype(np.float32))
    return Simulated(curves, flow, flow * transit, transit, contrast)


def _exponential(t: Float[np.ndarray, " time"], transit: float) -> Float[np.ndarray, " time"]:
    return np.exp(-t / transit)


def _linear(t: Float[np.ndarray, " time"], transit: float) -> Float[np.ndarray, " time"]:
    return np.maximum(1 - t / (2 * transit), 0.0)


def _box(t: Float[np.ndarray, " time"], transit: float) -> Float[np.ndarray, " time"]:
    return np.where(t < transit, 1.0, 0.0)


def _gamma(t: Float[np.ndarray, " time"], transit: float) -> Float[np.ndarray, " time"]:
    return scipy.special.gammaincc(3.0, 3.0 * t / transit)


SHAPES: Final = (_exponential, _linear, _box, _gamma)
"""Residue functions of the simulation: well mixed, laminar, plug flow, and gamma-distributed transit times."""

CANDIDATES: Final[Mapping[Method, tuple[float, ...]]] = {
    "osvd": tuple(ALLOWED),
    "csvd": tuple(THRESHOLDS),
    "ssvd": tuple(THRESHOLDS),
    "tikhonov": (float("nan"),),
}
"""Cuts that are tried for each method."""


def _flows(
    method: Method,
    arterial: Float[np.ndarray, " time"],
    times: Float[np.ndarray, " time"],
    truth: Simulated,
    cuts: tuple[float, ...],
) -> list[Float[np.ndarray, " curves"]]:
    """CBF of every simulated curve under every candidate cut."""
    if method != "osvd" or len(cuts) == 1:
        return [prepare(method, arterial, times, one).residues(truth.curves).flow for one in cuts]
    # Every level once; each allowed index then only selects among them.
    base = prepare("csvd", arterial, times, THRESHOLDS[0])
    flow = np.empty((THRESHOLDS.size, truth.flow.size))
    bend = np.empty_like(flow)
    for i, threshold in enumerate(THRESHOLDS):
        solutions = Deconvolution("csvd", base.operator, float(threshold), base.resampling).solve(truth.curves)
        flow[i], bend[i] = read_out(solutions, base.operator).flow, oscillation_index(solutions)
    columns = np.arange(truth.flow.size)
    chosen = []
    for allowed in cuts:
        calm = bend < allowed
        level = np.where(calm.any(axis=0), calm.argmax(axis=0), THRESHOLDS.size - 1)
        chosen.append(flow[level, columns])
    return chosen


def _terms(
    contrast: Float[np.ndarray, "*voxels"], transit: Float[np.ndarray, "*voxels"]
) -> Float[np.ndarray, "*voxels terms"]:
    x = np.log(np.clip(contrast, 1.0, LARGEST_CONTRAST))
    y = np.log(np.clip(transit, 0.5, 30.0))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)


def _scatter(
    found: Float[np.ndarray, " curves"], transit: Float[np.ndarray, " curves"], truth: Simulated
) -> Scatter:
    """The scatter of `found` over the repeats of each condition, as a smooth function of contrast and transit time."""
    by_condition = found.reshape(-1, REPEATS)
    sd = by_condition.std(axis=1, ddof=1)
    apparent = np.median(transit.reshape(-1, REPEATS), axis=1)
    contrast = truth.contrast.reshape(-1, REPEATS)[:, 0]
    good = np.isfinite(sd) & (sd > 0) & np.isfinite(apparent) & (apparent > 0)
    if good.sum() < 12:
        return Scatter(np.array([np.nan, 0.0, 0.0, 0.0, 0.0, 0.0]), float("nan"))
    columns = _terms(contrast[good], apparent[good])
    if np.unique(contrast[good]).size < 3:
        columns[:, [3, 4]] = 0.0
    # E[log s] of REPEATS normal values lies below log σ; the bias of the logarithm is added back.
    degrees = REPEATS - 1
    low = 0.5 * (scipy.special.digamma(degrees / 2) - np.log(degrees / 2))
    coefficients = np.linalg.pinv(columns) @ (np.log(sd[good]) - low)
    return Scatter(coefficients, float(np.quantile(sd[good], 0.01)))
