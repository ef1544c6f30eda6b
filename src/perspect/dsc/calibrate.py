"""The acquisition at hand, simulated: what its deconvolution should allow, and how far off its answers will be.

A fixed oscillation index is not portable (the best one doubles from TR 1.0 to 1.5 s), and the maximum of a regularised
residue function has no closed-form error. Both are read off a Monte Carlo with the patient's own arterial curve, time
axis, echo time and noise. The same simulation is the source of the standard errors of CBF, MTT, Tmax and delay.
"""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import scipy.fft
import scipy.special
from jaxtyping import Float

from perspect.dsc.deconvolve import THRESHOLDS, Deconvolution, Method, prepare, read_out
from perspect.dsc.passage import passage
from perspect.dsc.signal import Relaxation, echo_factor, relaxation
from perspect.numerics.deconvolution import oscillation_index
from perspect.numerics.interpolation import monotone, straight
from perspect.numerics.parallel import each

TRANSIT_TIMES: Final = (2.0, 3.0, 4.5, 6.5, 9.0, 13.0)
"""Mean transit times of the simulation, in s: tumour and cortex to slow white matter."""

SLOW: Final = (24.0,)
"""Further transit times (s), at which the maximum is so flat that its time is hardly determined: what the errors of
times are read from, but not what a deconvolution is chosen for."""

SLOW_WEIGHT: Final = 0.3
"""What a curve with such a transit time counts, which few voxels have [our default]."""

DELAYS: Final = (-1.3, 0.4, 3.1)
"""Arterial delays of the simulation, in s; none a multiple of a usual frame."""

REPEATS: Final = 12
"""Noise repeats of each condition."""

JUMP: Final = 3.5
"""Standard errors from the median of its repeats beyond which a time has jumped to another peak."""

WITHIN_JUMP: Final = 0.994
"""Variance of normal deviations that are within `JUMP` standard deviations."""

MEDIAN_SQUARE: Final = 0.455
"""Median of the square of a normal deviation of variance 1."""

N_SCORING: Final = 60
"""Most steps of the fit of a variance."""

SETTLED: Final = 1e-4
"""Relative change of every variance below which its fit has settled."""

FINE: Final = 20
"""Steps of the simulation in one frame."""

ALLOWED: Final = np.geomspace(0.02, 0.4, 30)
"""Oscillation indices that are tried."""

LARGEST_CONTRAST: Final = 1e4
"""Contrast to noise beyond which data count as free of noise."""


@dataclass(frozen=True, eq=False)
class Scatter:
    """Standard error of a number as a function of features of the curve or its solution, contrast to noise first.

    The logarithm is a quadratic form in the logarithms of the features, fitted to the simulation and held inside what
    was simulated (`lowest` and `highest`, of the logarithms).
    """

    coefficients: Float[np.ndarray, " terms"]
    lowest: Float[np.ndarray, " features"]
    highest: Float[np.ndarray, " features"]

    def __call__(self, *features: Float[np.ndarray, "*voxels"]) -> Float[np.ndarray, "*voxels"]:
        """The standard error where these hold; NaN where one of them is not positive."""
        with np.errstate(invalid="ignore", divide="ignore"):
            logarithms = np.log(np.stack(features, axis=-1))
        out: np.ndarray = np.exp(_terms(np.clip(logarithms, self.lowest, self.highest)) @ self.coefficients)
        return out


@dataclass(frozen=True, eq=False)
class TimeScatter:
    """Standard error of a time: `within` its peak as the simulation shows it, and by other maxima that may be the true
    one.
    """

    within: Scatter

    def __call__(
        self,
        contrast: Float[np.ndarray, " voxels"],
        noise: Float[np.ndarray, "2 voxels"],
        transit: Float[np.ndarray, " voxels"],
    ) -> Float[np.ndarray, " voxels"]:
        """The standard error in s; `noise` is what it should do within the peak, and by way of others."""
        out: np.ndarray = np.hypot(self.within(contrast, noise[0], transit), noise[1])
        return out


@dataclass(frozen=True, eq=False)
class Calibration:
    """What the simulation found: the best `cut`, the median absolute relative error of CBF it leaves, and scatters.

    `scatter` has the key `ph` (relative) by the sharpness of the curve's peak; and, where there was a
    deconvolution, `cbf` and `mtt` (relative) by the transit time. `times` are those of `tmax` and `delay` (s), by what
    noise should do to them and the transit time. `bias` is the median relative error of CBF for each of
    `TRANSIT_TIMES`.
    """

    cut: float
    error: float
    bias: tuple[float, ...]
    scatter: Mapping[str, Scatter]
    times: Mapping[str, TimeScatter]


@dataclass(frozen=True, eq=False)
class Simulated:
    """Tissue curves of known truth, condition by condition (transit time, shape, delay, contrast), repeats last."""

    relaxation: Relaxation
    flow: Float[np.ndarray, " curves"]
    transit: Float[np.ndarray, " curves"]
    contrast: Float[np.ndarray, " curves"]

    @property
    def n_usual(self) -> int:
        """How many of the curves, which come first, have usual transit times."""
        return int((self.transit <= TRANSIT_TIMES[-1]).sum())

    @property
    def curves(self) -> Float[np.ndarray, "curves time"]:
        """ΔR2* in 1/s."""
        return self.relaxation.curves


def calibrate(
    method: Method | None,
    arterial: Float[np.ndarray, " time"],
    times: Float[np.ndarray, " time"],
    first_pass: slice,
    width: float,
    tissue: Relaxation,
    contrasts: Float[np.ndarray, " levels"],
    seed: int,
    cut: float | None = None,
) -> Calibration:
    """Simulates this acquisition and finds the `cut` with the least mean error of CBF (or keeps the one given).

    `arterial` in 1/s on `times`, which begin in steady state; the brain's mean first pass is `width` s wide;
    `tissue` gives baseline, echo times and noise, `contrasts` the peak ΔR2* over noise of the patient's own tissue
    (a few quantiles). Without a `method` only the curves themselves are looked at.
    """
    truth = simulate(arterial, times, tissue, contrasts, seed)
    peak = passage(truth.relaxation, times, first_pass, 0.0, width)
    usual = slice(0, truth.n_usual)
    height = truth.contrast * tissue_noise(tissue)
    scatter = {
        "ph": _scatter(np.log(np.maximum(peak.height / height, 1e-6))[usual], (peak.sharpness[usual],), truth),
    }
    if method is None:
        return Calibration(float("nan"), float("nan"), (), scatter, {})
    cuts = (cut,) if cut is not None else CANDIDATES[method]
    errors = [np.abs(flow / truth.flow - 1) for flow in _flows(method, arterial, times, truth, cuts)]
    at = int(np.argmin([np.nanmean(one[usual]) for one in errors]))
    best = float(cuts[at])
    found = prepare(method, arterial, times, best).residues(truth.curves, truth.relaxation.noise)
    area = np.trapezoid(truth.curves, times, axis=1) / np.trapezoid(arterial, times)
    with np.errstate(divide="ignore", invalid="ignore"):
        transit = area / found.flow
        ratio = found.flow / truth.flow
    scatter |= {
        "cbf": _scatter(np.log(np.maximum(ratio, 1e-6))[usual], (transit[usual],), truth),
        "mtt": _scatter(np.log(np.maximum(transit / truth.transit, 1e-6))[usual], (transit[usual],), truth),
    }
    of_times = {
        "tmax": _error(found.tmax, found.tmax_noise, transit, truth),
        "delay": _error(found.delay, found.delay_noise, transit, truth),
    }
    bias = tuple(float(np.nanmedian(ratio[truth.transit == one]) - 1) for one in TRANSIT_TIMES)
    return Calibration(best, float(np.nanmedian(errors[at][usual])), bias, scatter, of_times)


def tissue_noise(tissue: Relaxation) -> float:
    """The typical noise of ΔR2* at rest, in 1/s; never quite zero, so that data without noise can be simulated too."""
    te = echo_factor(tissue.echo_times)
    return max(float(np.nanmedian(tissue.noise[tissue.is_usable])), 1.0 / (te * LARGEST_CONTRAST**2))


def simulate(
    arterial: Float[np.ndarray, " time"],
    times: Float[np.ndarray, " time"],
    tissue: Relaxation,
    contrasts: Float[np.ndarray, " levels"],
    seed: int,
) -> Simulated:
    """ΔR2* curves of tissue with this arterial input, four shapes of residue function, and the noise of `tissue`."""
    step = float(np.median(np.diff(times))) / FINE
    fine = np.arange(times[0], times[-1] + step, step)
    since = np.arange(fine.size) * step
    shapes = [shape(since, transit) for transit in (*TRANSIT_TIMES, *SLOW) for shape in SHAPES]
    spectrum = scipy.fft.rfft(np.array(shapes) * np.where(since == 0, 0.5, 1.0) * step, 2 * fine.size, axis=1)
    clean = []
    for delay in DELAYS:
        delayed = monotone(times, arterial, np.clip(fine - delay, times[0], times[-1]))
        curves = scipy.fft.irfft(spectrum * scipy.fft.rfft(delayed, 2 * fine.size), axis=1)[:, : fine.size]
        clean.append(straight(fine, curves, times))
    unit = np.stack(clean, axis=1).reshape(-1, times.size)
    levels = np.clip(contrasts, 1.0, LARGEST_CONTRAST)
    # Flow follows from the contrast wanted: peak ΔR2* = contrast · noise.
    flow = (levels[None, :] * tissue_noise(tissue) / unit.max(axis=1)[:, None]).reshape(-1)
    transit = np.repeat((*TRANSIT_TIMES, *SLOW), flow.size // len((*TRANSIT_TIMES, *SLOW)))
    unit, contrast = np.repeat(unit, levels.size, axis=0), np.tile(levels, flow.size // levels.size)
    unit, flow, transit, contrast = (np.repeat(one, REPEATS, axis=0) for one in (unit, flow, transit, contrast))
    return Simulated(_noisy(flow[:, None] * unit, tissue, seed), flow, transit, contrast)


def _noisy(curves: Float[np.ndarray, "curves time"], tissue: Relaxation, seed: int) -> Relaxation:
    """The curves as this acquisition would have measured them: one signal per echo, with Rician noise."""
    rng = np.random.default_rng(seed)
    te = echo_factor(tissue.echo_times)
    signals = []
    # Two echoes share the noise of their difference; taking out a T1 effect has enlarged it.
    t1 = tissue.alike_t1
    shrunk = 1.0 if t1 is None else 1 - t1.share
    sigma = np.float32(tissue_noise(tissue) * te * shrunk / np.sqrt(len(tissue.echo_times)))
    for echo in tissue.echo_times:
        clean = np.exp(-echo * (curves if t1 is None else t1.seen(curves))).astype(np.float32)
        draw = rng.standard_normal((2, *clean.shape), dtype=np.float32) * sigma
        signals.append(np.asfortranarray(np.maximum(np.hypot(clean + draw[0], draw[1]), np.float32(1e-6))))
    at_rest = replace(tissue.rest, start=0, stop=tissue.rest.n_frames)
    return relaxation(tuple(signals), tissue.echo_times, at_rest, t1)


def _exponential(t: Float[np.ndarray, " time"], transit: float) -> Float[np.ndarray, " time"]:
    return np.exp(-t / transit)


def _linear(t: Float[np.ndarray, " time"], transit: float) -> Float[np.ndarray, " time"]:
    return np.maximum(1 - t / (2 * transit), 0.0)


def _box(t: Float[np.ndarray, " time"], transit: float) -> Float[np.ndarray, " time"]:
    return np.where(t < transit, 1.0, 0.0)


def _gamma(t: Float[np.ndarray, " time"], transit: float) -> Float[np.ndarray, " time"]:
    out: np.ndarray = scipy.special.gammaincc(3.0, 3.0 * t / transit)
    return out


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

    def at_level(threshold: float) -> tuple[Float[np.ndarray, " curves"], Float[np.ndarray, " curves"]]:
        solutions = Deconvolution("csvd", base.operator, threshold, base.resampling).solve(truth.curves)
        return read_out(solutions, base.operator).flow, oscillation_index(solutions)

    flow, bend = (np.stack(one) for one in zip(*each(at_level, THRESHOLDS.tolist()), strict=True))
    columns = np.arange(truth.flow.size)
    chosen = []
    for allowed in cuts:
        calm = bend < allowed
        level = np.where(calm.any(axis=0), calm.argmax(axis=0), THRESHOLDS.size - 1)
        chosen.append(flow[level, columns])
    return chosen


def _terms(x: Float[np.ndarray, "*voxels features"]) -> Float[np.ndarray, "*voxels terms"]:
    """1, every feature, and every product of two."""
    n = x.shape[-1]
    products = [x[..., i] * x[..., j] for i in range(n) for j in range(i, n)]
    return np.stack([np.ones(x.shape[:-1]), *(x[..., i] for i in range(n)), *products], axis=-1)


def _error(
    found: Float[np.ndarray, " curves"],
    noise: Float[np.ndarray, "2 curves"],
    transit: Float[np.ndarray, " curves"],
    truth: Simulated,
) -> TimeScatter:
    """The standard error of a time, within its peak as a smooth function of contrast, of what `noise` should do there
    (its first row) and of the transit time.

    It is the variance that makes the squared deviations of all curves from the median of their repeats likeliest,
    without those beyond `JUMP` of it. The features belong to each curve, not to its condition. Deviations are taken for
    normal (McCullagh & Nelder 1989, Generalized Linear Models, chapter 10).
    """
    everything = np.stack([truth.contrast, noise[0], transit], axis=-1)
    by_condition = found.reshape(-1, REPEATS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of a condition without any value
        square = ((by_condition - np.nanmedian(by_condition, axis=1, keepdims=True)) ** 2).ravel()
    good = np.isfinite(square) & np.isfinite(everything).all(axis=1) & (everything > 0).all(axis=1)
    logarithms = np.log(everything[good])
    columns = _terms(logarithms)
    if columns.shape[0] < REPEATS * columns.shape[1]:
        nothing = np.full(everything.shape[1], np.nan)
        return TimeScatter(Scatter(np.full(columns.shape[1], np.nan), nothing, nothing))
    square = np.maximum(square[good], np.finfo(float).tiny)
    weight = np.where(truth.transit[good] > TRANSIT_TIMES[-1], SLOW_WEIGHT, 1.0)
    coefficients = np.zeros(columns.shape[1])
    coefficients[0] = np.log(np.median(square) / MEDIAN_SQUARE)
    for _ in range(N_SCORING):
        relative = square * np.exp(-columns @ coefficients)
        kept = weight * (relative < JUMP**2)
        weighted = kept[:, None] * columns
        step = np.linalg.pinv(weighted.T @ columns) @ (weighted.T @ (relative / WITHIN_JUMP - 1))
        # A full step from far below the solution would be exponentially too long.
        longest = np.abs(columns @ step).max()
        coefficients = coefficients + step * min(1.0, 1.0 / max(longest, 1e-12))
        if longest < SETTLED:
            break
    return TimeScatter(Scatter(0.5 * coefficients, *np.quantile(logarithms, (0.01, 0.99), axis=0)))


def _scatter(
    found: Float[np.ndarray, " curves"],
    features: tuple[Float[np.ndarray, " curves"], ...],
    truth: Simulated,
) -> Scatter:
    """The scatter of `found` over the repeats of each condition, as a smooth function of contrast and features."""
    everything = np.stack([truth.contrast[: found.size], *features], axis=-1).reshape(-1, REPEATS, 1 + len(features))
    by_condition = found.reshape(-1, REPEATS)
    complete = np.isfinite(by_condition).all(axis=1) & (everything > 0).all(axis=(1, 2))
    sd = by_condition[complete].std(axis=1, ddof=1)
    logarithms = np.log(everything[complete]).mean(axis=1)
    good = sd > 0
    columns = _terms(logarithms[good])
    if columns.shape[0] < 2 * columns.shape[1]:
        nothing = np.full(1 + len(features), np.nan)
        return Scatter(np.full(columns.shape[1], np.nan), nothing, nothing)
    # The mean of the logarithm of a standard deviation from few values lies below the logarithm of the true one.
    degrees = REPEATS - 1
    low = 0.5 * (scipy.special.digamma(degrees / 2) - np.log(degrees / 2))
    coefficients = np.linalg.pinv(columns) @ (np.log(sd[good]) - low)
    return Scatter(coefficients, logarithms[good].min(axis=0), logarithms[good].max(axis=0))
