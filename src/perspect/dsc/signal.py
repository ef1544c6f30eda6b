"""From signal to ΔR2*: steady state, arrival of the bolus, baseline, noise."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.dsc.bolus import first_rise, refuse_without_bolus
from perspect.dsc.own_t1 import OwnT1
from perspect.dsc.t1_effect import T1Effect
from perspect.numerics import robust
from perspect.numerics.parallel import each, spans
from perspect.vocabulary import Problem, Refusal, Status

CHUNK = 2048
"""Voxels in a chunk: the live set of a chunk stays near the core, and small beside the series."""

GUARD = 1.5
"""Seconds between the end of the baseline and the arrival of the bolus, which is that in the brain as a whole;
its first voxels are reached earlier [our default]."""

FEWEST_BASELINE_FRAMES = 3
"""With fewer, neither the level at rest nor its noise can be told."""

STEADY_TOLERANCE = 0.005
"""First frames within half a percent of rest are steady whatever the noise of a whole-brain mean may say."""

PRIOR_DEGREES = 4.0
"""Weight, in degrees of freedom, of the brain's median noise variance against a voxel's own [our default]."""

NOISE_FLOOR = 3.0
"""A magnitude below this many noise standard deviations is the Rician floor, not tissue (Gudbjartsson & Patz 1995,
doi:10.1002/mrm.1910340618)."""


@dataclass(frozen=True)
class Rest:
    """Which frames are before the bolus, and when it arrives in the brain as a whole.

    Frames before `start` were not yet in steady state. The baseline is `frames`; `arrival` is in s on the series'
    time axis, with its standard error; `peak` is the frame of the largest whole-brain ΔR2*; `contrast_to_noise` is
    that peak over its noise. `guard` are the seconds really left out before arrival, `is_guard_short` says that
    they are fewer than wanted.
    """

    start: int
    stop: int
    arrival: float
    peak: int
    contrast_to_noise: float
    arrival_std: float = 0.0
    guard: float = float("nan")
    is_guard_short: bool = False

    @property
    def frames(self) -> slice:
        """The baseline."""
        return slice(self.start, self.stop)

    @property
    def n_frames(self) -> int:
        """How many frames the baseline has."""
        return self.stop - self.start


def rest(
    mean_signal: Float[np.ndarray, " time"], times: Float[np.ndarray, " time"], guard: float | None = None
) -> Rest:
    """The baseline, found on the mean signal of the brain; no frame count is fixed.

    Leading frames that differ from the level before the bolus are not in steady state and are dropped. Arrival is the
    break of a constant that turns into a parabola (linear-quadratic model, Cheong et al. 2003,
    doi:10.1088/0031-9155/48/5/403) on the rise to the peak; the baseline ends `guard` s (GUARD where it is None), and
    at least one frame, earlier. GUARD gives way where three frames would not be left; seconds that are given do not.

    Raises Refusal where there is no bolus, or fewer than three frames before it; Problem where the `guard` that was
    given leaves fewer.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = -np.log(mean_signal / np.median(mean_signal))
    rise = first_rise(loss, times)
    refuse_without_bolus(rise, _noise(loss))
    peak = rise.peak
    foot = _foot(loss, peak)
    start = _steady_start(mean_signal, foot)
    if foot - start < FEWEST_BASELINE_FRAMES - 1:
        raise Refusal(
            f"The bolus arrives at frame {foot}, {foot - start} frames after the signal has become steady (frame "
            f"{start}).",
            f"ΔR2* needs a level at rest from at least {FEWEST_BASELINE_FRAMES} frames.",
            "The series cannot be used; start the acquisition earlier before the injection.",
        )
    level = loss[start : foot + 1]
    noise = max(_noise(level), _noise(loss[start:]))
    height = loss[peak] - np.median(level)
    contrast = float(height / noise) if noise > 0 else np.inf
    arrival, arrival_std = _arrival(loss, times, start, peak, _noise(level))
    step = float(np.median(np.diff(times)))
    wanted = int(np.searchsorted(times, arrival - max(GUARD if guard is None else guard, step), side="right"))
    longest = min(int(np.searchsorted(times, arrival)) - 1, start + FEWEST_BASELINE_FRAMES)
    if guard is not None and wanted - start < FEWEST_BASELINE_FRAMES <= longest - start:
        most = np.floor(10 * (arrival - times[start + FEWEST_BASELINE_FRAMES - 1])) / 10
        raise Problem(
            f"dsc.guard is {guard:g} s, but only {arrival - times[start]:.1f} s lie between the first steady frame and "
            f"the arrival of the bolus at {arrival:.1f} s.",
            f"ΔR2* needs a level at rest from at least {FEWEST_BASELINE_FRAMES} frames.",
            f"Use a guard of at most {most:.1f} s, or leave it out.",
        )
    stop = max(wanted, longest)
    if stop - start < FEWEST_BASELINE_FRAMES:
        raise Refusal(
            f"Only {max(stop - start, 0)} steady frames lie before the bolus arrives at {arrival:.1f} s.",
            f"ΔR2* needs a level at rest from at least {FEWEST_BASELINE_FRAMES} frames.",
            "The series cannot be used; start the acquisition earlier before the injection.",
        )
    return Rest(start, stop, arrival, peak, contrast, arrival_std, arrival - float(times[stop - 1]), stop > wanted)


def _foot(loss: Float[np.ndarray, " time"], peak: int) -> int:
    """The last frame before the rise: within a tenth of the way from the earlier level to the peak."""
    if peak < 2:
        return 0
    level = float(np.median(loss[:peak]))
    above = np.flatnonzero(loss[:peak] <= level + 0.1 * (loss[peak] - level))
    return int(above[-1]) if above.size else 0


def _noise(level: Float[np.ndarray, " time"]) -> float:
    """Standard deviation of a level, from differences of neighbours so that drift does not count."""
    if level.size < 3:
        return 0.0
    return float(robust.spread(np.diff(level)) / np.sqrt(2))


def _steady_start(mean_signal: Float[np.ndarray, " time"], foot: int) -> int:
    """How many first frames are not yet in steady state."""
    if foot < FEWEST_BASELINE_FRAMES:
        return 0
    late = mean_signal[foot // 2 : foot + 1]
    level = float(np.median(late))
    tolerance = max(5 * _noise(late), STEADY_TOLERANCE * abs(level))
    differs = np.abs(mean_signal[: foot // 2 + 1] - level) > tolerance
    return int(np.argmin(differs)) if not differs.all() else foot // 2 + 1


def _arrival(
    loss: Float[np.ndarray, " time"], times: Float[np.ndarray, " time"], start: int, peak: int, noise: float
) -> tuple[float, float]:
    """When a constant turns into a parabola, in s: the break with the least squares error, searched at a tenth of a
    frame; and its standard error, by how likely the other breaks are where samples have this `noise`.
    """
    level = float(np.median(loss[start : max(_foot(loss, peak), start + 1)]))
    steep = np.flatnonzero(loss[:peak] <= level + 0.7 * (loss[peak] - level))
    end = int(steep[-1]) + 2 if steep.size else peak + 1
    t, y = times[start:end], loss[start:end]
    breaks = np.linspace(t[0], t[-1], 10 * t.size + 1)[1:-1]
    after = np.maximum(t - breaks[:, None], 0.0)
    columns = np.stack([np.ones_like(after), after, after**2], axis=-1)
    solution = np.linalg.pinv(columns) @ y
    error = ((columns @ solution[..., None])[..., 0] - y) ** 2
    rises = (solution[:, 1] >= 0) & (solution[:, 2] >= 0)
    total = np.where(rises, error.sum(axis=1), np.inf)
    if not np.isfinite(total).any():
        return float(times[_foot(loss, peak)]), float(np.median(np.diff(times)))
    best = float(breaks[np.argmin(total)])
    likely = np.exp(-(total - total.min()) / (2 * max(noise, np.finfo(float).eps) ** 2))
    # Between breaks that are searched the error is even.
    step = float(breaks[1] - breaks[0])
    return best, float(np.sqrt((likely * (breaks - best) ** 2).sum() / likely.sum() + step**2 / 12))


def echo_factor(echo_times: tuple[float, ...]) -> float:
    """By what ln(S/S0) is divided to give -ΔR2*, in s: TE, or the difference of two echo times."""
    return echo_times[0] if len(echo_times) == 1 else echo_times[1] - echo_times[0]


def delta_r2star(
    signal: Float[np.ndarray, "*voxels time"], baseline: Float[np.ndarray, "*voxels"], te: float
) -> Float[np.ndarray, "*voxels time"]:
    """Change of the transverse relaxation rate during a bolus, in 1/s: -ln(S/S_BL)/TE.

    Where there is no signal, at rest or later, the result is NaN: any number would pretend to know. Negative values are
    kept: they are noise, or T1 shortening, and both must be seen.

    Rosen et al. 1990, doi:10.1002/mrm.1910140211
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        out: np.ndarray = np.log(signal)
        out -= np.log(np.where(baseline > 0, baseline, np.nan))[..., None]
        out *= np.asarray(-1.0 / te, dtype=out.dtype)
        # A sum is not finite where one sample is not: one pass tells the few voxels that need a second look.
        broken = ~np.isfinite(out.sum(axis=-1))
        if broken.any():
            some = out[broken]
            some[~np.isfinite(some)] = np.nan
            out[broken] = some
    return out


def dual_echo_delta_r2star(
    first: Float[np.ndarray, "*voxels time"],
    second: Float[np.ndarray, "*voxels time"],
    baselines: tuple[Float[np.ndarray, "*voxels"], Float[np.ndarray, "*voxels"]],
    echo_times: tuple[float, float],
) -> Float[np.ndarray, "*voxels time"]:
    """ΔR2* from two echoes, in 1/s: T1 shortening scales both alike and cancels.

    Vonken et al. 1999, doi:10.1002/(SICI)1522-2594(199902)41:2<343::AID-MRM20>3.0.CO;2-T
    """
    te = echo_times[1] - echo_times[0]
    out = delta_r2star(second, baselines[1], te)
    out -= delta_r2star(first, baselines[0], te)
    return out


@dataclass(frozen=True, eq=False)
class Relaxation:
    """Curves of ΔR2* with their noise, for the voxels of a mask.

    `curves` in 1/s; `noise` is the standard deviation of ΔR2* at rest in 1/s. `signals` (one per echo) and their levels
    and noise at rest are kept because the noise of a logarithm grows as the signal falls. `status` says which voxels
    can be used: SATURATED curves keep their numbers (a lower bound), NO_SIGNAL and NOT_FINITE ones are NaN. `t1` is the
    T1 effect that was taken out.
    """

    curves: Float[np.ndarray, "voxels time"]
    signals: tuple[Float[np.ndarray, "voxels time"], ...]
    baselines: tuple[Float[np.ndarray, " voxels"], ...]
    sigmas: tuple[Float[np.ndarray, " voxels"], ...]
    echo_times: tuple[float, ...]
    rest: Rest
    status: Int[np.ndarray, " voxels"]
    t1: T1Effect | OwnT1 | None = None

    @property
    def alike_t1(self) -> T1Effect | None:
        """The T1 effect that was taken out sample by sample, with one T1 for all voxels."""
        return self.t1 if isinstance(self.t1, T1Effect) else None

    @property
    def noise(self) -> Float[np.ndarray, " voxels"]:
        """Standard deviation of ΔR2* at rest, in 1/s."""
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = sum((sigma / level) ** 2 for sigma, level in zip(self.sigmas, self.baselines, strict=True))
        noise: Float[np.ndarray, " voxels"] = np.sqrt(parts) / echo_factor(self.echo_times)
        return noise if self.t1 is None else noise / (1 - self.t1.share)

    def some(self, voxels: Int[np.ndarray, " some"]) -> Float[np.ndarray, "some time"]:
        """The curves of some voxels, laid out in memory as `curves` are, which is what is given where it is all."""
        if voxels.size == self.curves.shape[0]:
            return self.curves
        out: Float[np.ndarray, "some time"] = np.take(self.curves.T, voxels, axis=1).T
        return out

    def of(self, voxels: Int[np.ndarray, " some"]) -> "Relaxation":
        """The same of some voxels only."""
        return replace(
            self,
            curves=self.curves[voxels],
            signals=tuple(one[voxels] for one in self.signals),
            baselines=tuple(one[voxels] for one in self.baselines),
            sigmas=tuple(one[voxels] for one in self.sigmas),
            status=self.status[voxels],
            t1=None if self.t1 is None else self.t1.of(voxels),
        )

    @property
    def is_usable(self) -> Bool[np.ndarray, " voxels"]:
        """Voxels whose curve holds numbers."""
        return self.status < Status.OUTSIDE

    def variance(self, which: slice | Int[np.ndarray, " some"]) -> Float[np.ndarray, "some time"]:
        """Variance of every sample of some voxels' ΔR2*, in 1/s²: (σ/S)²/TE², which grows as the signal falls."""
        sigmas = [sigma[which, None] for sigma in self.sigmas]
        return self._variance([signal[which] for signal in self.signals], sigmas, self.curves[which], which)

    def variance_at(self, span: slice, frames: Int[np.ndarray, " some"]) -> Float[np.ndarray, " some"]:
        """The same at one frame of each voxel of `span`."""
        rows = np.arange(frames.size)
        signals = [signal[span][rows, frames] for signal in self.signals]
        return self._variance(signals, [sigma[span] for sigma in self.sigmas], self.curves[span][rows, frames], span)

    def _variance(
        self, signals: list[np.ndarray], sigmas: list[np.ndarray], curves: np.ndarray, which: slice | np.ndarray
    ) -> np.ndarray:
        te = echo_factor(self.echo_times)
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = [(sigma / te) / signal for signal, sigma in zip(signals, sigmas, strict=True)]
        if self.t1 is not None:
            relative[0] *= self.t1.of(which).amplification(curves)
        total: np.ndarray = relative[0] * relative[0]
        for more in relative[1:]:
            total += more * more
        return total


def relaxation(
    signals: tuple[Float[np.ndarray, "voxels time"], ...],
    echo_times: tuple[float, ...],
    at_rest: Rest,
    t1: T1Effect | None = None,
) -> Relaxation:
    """ΔR2* of every voxel, with its noise and status; with `t1`, the T1 effect of agent inside vessels is taken out.

    The noise of a voxel is that of its baseline, drawn towards the brain's median where frames are few. A voxel whose
    signal falls below three times its noise is SATURATED: the magnitude no longer follows the agent.
    """
    levels = tuple(signal[:, at_rest.frames].mean(axis=1) for signal in signals)
    sigmas = tuple(_sigma(signal[:, at_rest.frames]) for signal in signals)
    n = signals[0].shape[0]
    curves = np.empty(signals[0].shape[::-1], np.float32).T
    lowest = np.empty((len(signals), n), np.float32)

    def convert(span: slice) -> None:
        parts = tuple(signal[span] for signal in signals)
        level = tuple(one[span] for one in levels)
        if len(parts) == 1:
            seen = delta_r2star(parts[0], level[0], echo_times[0])
            curves[span] = seen if t1 is None else t1.true(seen)
        else:
            curves[span] = dual_echo_delta_r2star(
                parts[0], parts[1], (level[0], level[1]), (echo_times[0], echo_times[1])
            )
        for low, part in zip(lowest, parts, strict=True):
            low[span] = part[:, at_rest.start :].min(axis=1)

    each(convert, spans(n, CHUNK))
    status = np.full(n, Status.OK, np.int16)
    for low, sigma in zip(lowest, sigmas, strict=True):
        status[low < NOISE_FLOOR * sigma] = Status.SATURATED
    used = curves[:, at_rest.start :]
    status[~np.isfinite(used).all(axis=1)] = Status.NO_SIGNAL
    for signal in signals:
        status[~np.isfinite(signal).all(axis=1)] = Status.NOT_FINITE
    return Relaxation(curves, signals, levels, sigmas, echo_times, at_rest, status, t1)


def _sigma(baseline: Float[np.ndarray, "voxels time"]) -> Float[np.ndarray, " voxels"]:
    """Noise at rest, drawn towards the brain's median by a prior worth PRIOR_DEGREES.

    Smyth 2004, doi:10.2202/1544-6115.1027, with the degrees of the prior fixed.
    """
    degrees = baseline.shape[1] - 1
    own = baseline.var(axis=1, ddof=1)
    positive = own[own > 0]
    if positive.size == 0:
        out: np.ndarray = np.sqrt(own)
        return out
    typical = np.median(positive) / (1 - 2 / (9 * degrees)) ** 3
    sigma: Float[np.ndarray, " voxels"] = np.sqrt((degrees * own + PRIOR_DEGREES * typical) / (degrees + PRIOR_DEGREES))
    return sigma
