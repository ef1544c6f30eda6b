"""The fit: a spectrum as a sum of known signals, each a little shifted and widened, on a smooth baseline.

    Re{e^(i(φ0 + φ1 (ppm - 3))) Y} = Σ a_m Re FT{b_m(t) e^(-(γ + l_m) t - v t² + 2πi (Δ + d_m) t)} + S c + noise

with a_m ≥ 0 and c held back by a penalty. Amplitudes and baseline are linear and eliminated (variable projection); the
phases, the common shift Δ and shape γ, v, and the individual d_m and l_m, which priors hold near zero, are found by
Levenberg-Marquardt. Provencher 1993, doi:10.1002/mrm.1910300604, posed the problem; Golub and Pereyra 2003,
doi:10.1088/0266-5611/19/2/201, the elimination.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Final

import numpy as np
from jaxtyping import Bool, Complex, Float, Int
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpotrf, dpotri

from perspect.mrs.band import Band
from perspect.mrs.equations import N_COMMON, Priors, common_decays, common_slopes, noise_in, normal_equations, turned
from perspect.numerics.nonnegative import nonnegative
from perspect.numerics.spline import PenalisedSpline

NARROWER: Final = 0.04
"""By how much a broad signal may be narrower than its template, in ppm of a Lorentzian [our default]: nearly as much as
the widest of them are wider than their narrowest."""

FARTHEST: Final = 4.0
"""Standard deviations of its prior that a signal's own shift or width may be away from home [our default]."""

NEAR: Final = 9
"""Times over which the power of a residual is averaged [our default]: it is then known to a third."""

DETERMINED: Final = 1e-5
"""What is left of a parameter's own information, as a root, below which nothing is known of it."""


@dataclass(frozen=True, eq=False)
class Task:
    """All that does not change during a fit: the spectrum, the signals, the baseline, the noise of a bin.

    Each row of `ties` says that a sum of amplitudes is zero with a standard deviation of one: a soft ratio.
    """

    band: Band
    spectrum: Complex[np.ndarray, " bins"]
    signals: Complex[np.ndarray, "signals band"]
    spline: PenalisedSpline | None
    priors: Priors
    sigma: float
    ties: Float[np.ndarray, "ties signals"]
    values: Complex[np.ndarray, " band"]

    @property
    def n_signals(self) -> int:
        """How many signals."""
        return len(self.signals)

    @property
    def narrowest(self) -> float:
        """The least width that a broad signal may have beside that of its template, in 1/s."""
        return -np.pi * NARROWER * self.band.frequency * 1e-6

    @cached_property
    def far(self) -> Float[np.ndarray, "2 own"]:
        """Between which the own shifts and widths of signals stay, whatever the common width is."""
        high = FARTHEST * np.concatenate([self.priors.shift, self.priors.width])
        low = -high
        low[self.n_signals :][self.priors.broad] = np.maximum(low[self.n_signals :][self.priors.broad], self.narrowest)
        return np.stack([low, high])

    @cached_property
    def tied(self) -> Float[np.ndarray, "signals signals"]:
        """What the ties add to the products of the columns."""
        out: Float[np.ndarray, "signals signals"] = self.sigma**2 * self.ties.T @ self.ties
        return out

    @cached_property
    def precision(self) -> Float[np.ndarray, " parameters"]:
        """Noise variance over prior variance of every non-linear parameter: its weight as a datum."""
        n = self.n_signals
        out = np.zeros(N_COMMON + 2 * n)
        out[:N_COMMON] = (self.sigma / self.priors.common) ** 2
        out[N_COMMON : N_COMMON + n] = (self.sigma / self.priors.shift) ** 2
        out[N_COMMON + n :] = (self.sigma / self.priors.width) ** 2
        return out


@dataclass(frozen=True, eq=False)
class Place:
    """Where a fit stands: parameters, amplitudes, the columns, and what is left of the data.

    `theta` is φ0, φ1, Δ, γ, v, then all d, then all l. `cost` counts residual, penalty and priors.
    """

    theta: Float[np.ndarray, " parameters"]
    amplitudes: Float[np.ndarray, " signals"]
    columns: Float[np.ndarray, "signals bins"]
    data: Float[np.ndarray, " bins"]
    cost: float
    decayed: Complex[np.ndarray, "signals band"]

    def only(self, keep: Int[np.ndarray, " kept"]) -> "Place":
        """The place with some of the signals."""
        own = self.theta[N_COMMON:].reshape(2, -1)[:, keep].ravel()
        return replace(
            self, theta=np.concatenate([self.theta[:N_COMMON], own]), amplitudes=self.amplitudes[keep],
            columns=self.columns[keep], decayed=self.decayed[keep],
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Solution:
    """A finished fit."""

    task: Task
    place: Place
    baseline: Float[np.ndarray, " bins"]
    dimensions: float
    noise: float
    n_steps: int
    has_converged: bool

    @property
    def residual(self) -> Float[np.ndarray, " bins"]:
        """What neither signals nor baseline explain."""
        out: Float[np.ndarray, " bins"] = self.place.data - self.place.amplitudes @ self.place.columns - self.baseline
        return out

    @cached_property
    def covariance(self) -> Float[np.ndarray, "all all"]:
        """Of the amplitudes (first) and the non-linear parameters; made when it is asked for, as a voxel that is not
        used needs none.
        """
        task, place = self.task, self.place
        n, used, weight = task.n_signals, np.flatnonzero(place.amplitudes), (self.noise / task.sigma) ** 2
        # The own shift and width of a signal at zero are those of their priors, and change nothing else.
        felt = np.concatenate([np.arange(N_COMMON), N_COMMON + used, N_COMMON + n + used])
        inner = _covariance(self, used, felt, weight)
        out = np.diag(np.concatenate([np.zeros(n), 1 / np.maximum(task.precision * weight, 1e-300)]))
        at = np.concatenate([np.arange(n), n + felt])
        out[np.ix_(at, at)] = inner
        return out * self.noise**2


def stand(
    task: Task,
    theta: Float[np.ndarray, " parameters"],
    shadow: Float[np.ndarray, "splines bins"],
    warm: Bool[np.ndarray, " signals"] | None,
) -> Place:
    """The best amplitudes and baseline at these non-linear parameters."""
    decayed = task.signals * _decay(task, theta)
    columns = task.band.spectrum(decayed).real.astype(np.float64)
    data = turned(task.band, theta, task.spectrum).real
    return _weighed(task, theta, shadow, warm, columns, data, decayed)


def _decay(task: Task, theta: Float[np.ndarray, " parameters"]) -> Complex[np.ndarray, "signals band"]:
    """What shifts and widens the signals: two curves for all of them where they have nothing of their own."""
    n, sharp = task.n_signals, ~task.priors.broad
    d, width = theta[N_COMMON : N_COMMON + n], theta[N_COMMON + n :]
    if not theta[N_COMMON:].any():
        narrow, broad = common_decays(task.band, theta[None])
        return np.asarray(np.where(sharp[:, None], narrow, broad))
    wide = np.exp(-theta[4] * task.band.times**2).astype(np.float32)
    rate = np.where(sharp, np.maximum(theta[3] + width, 0.0), np.maximum(width, task.narrowest))
    decay = task.band.decays(2j * np.pi * (theta[2] + d) - rate)
    decay[sharp] *= wide
    return decay


def again(task: Task, place: Place, shadow: Float[np.ndarray, "splines bins"]) -> Place:
    """The same place with another baseline, other ties or another noise."""
    return _weighed(task, place.theta, shadow, place.amplitudes > 0, place.columns, place.data, place.decayed)


def _weighed(
    task: Task,
    theta: Float[np.ndarray, " parameters"],
    shadow: Float[np.ndarray, "splines bins"],
    warm: Bool[np.ndarray, " signals"] | None,
    columns: Float[np.ndarray, "signals bins"],
    data: Float[np.ndarray, " bins"],
    decayed: Complex[np.ndarray, "signals band"],
) -> Place:
    normal = normal_equations(columns, data, columns @ shadow.T, shadow @ data, np.ones(len(shadow)), task.tied)
    amplitudes = nonnegative(normal.gram, normal.projection, task.priors.free, warm)
    cost = float(normal.cost(amplitudes, task.precision, theta))
    return Place(theta, amplitudes, columns, data, cost, decayed)


def slopes(
    task: Task, place: Place, own: Int[np.ndarray, " own"]
) -> tuple[Float[np.ndarray, "common bins"], Float[np.ndarray, "own bins"], Float[np.ndarray, "own bins"]]:
    """Derivatives of (model - data) at fixed amplitudes: along what is common, and along the shifts and widths of some
    signals' own.
    """
    band, theta, a, t = task.band, place.theta, place.amplitudes, task.band.times.astype(np.float32)
    sharp = ~task.priors.broad
    sums = np.stack([a, a * sharp]).astype(np.float32) @ place.decayed
    mixed = np.concatenate([sums * t, sums[1:] * t**2, place.decayed[own] * (a[own, None].astype(np.float32) * t)])
    timed = band.spectrum(mixed)
    common = common_slopes(band, turned(band, theta, task.spectrum), timed[:3])
    return common, -2 * np.pi * timed[3:].imag.astype(float), -timed[3:].real.astype(float)


def stiffness(task: Task, place: Place, choices: Sequence[float]) -> float:
    """The effective dimensions of the baseline that the data favour, of some choices: restricted maximum likelihood.

    The splines are random with a variance that the data tell, the amplitudes of what was found are fixed (Wood 2011,
    doi:10.1111/j.1467-9868.2010.00749.x); it is asked after the fine fit, when misfit no longer passes for baseline.
    """
    spline = task.spline
    assert spline is not None
    columns, data = place.columns @ spline.shapes.T, spline.shapes @ place.data
    gram, projection, power = place.columns @ place.columns.T, place.columns @ place.data, place.data @ place.data
    held = np.array([np.maximum(shadow_at(spline, one)[0] * spline.stiffnesses, 1e-300) for one in choices])
    share = 1 / (1 + held)
    reduced = gram - (columns * share[:, None]) @ columns.T + task.tied
    wanted = projection - (share * data) @ columns.T
    used = [
        np.flatnonzero(nonnegative(one, other, task.priors.free, place.amplitudes > 0))
        for one, other in zip(reduced, wanted, strict=True)
    ]
    fixed = [
        _fixed(one[np.ix_(at, at)], other[at], task.sigma) for one, other, at in zip(reduced, wanted, used, strict=True)
    ]
    scores = (
        (power - share @ data**2) / task.sigma**2 + np.array(fixed) + np.log1p(1 / held[:, spline.null :]).sum(axis=1)
    )
    return float(choices[int(np.argmin(scores))])


def _fixed(system: Float[np.ndarray, "used used"], wanted: Float[np.ndarray, " used"], sigma: float) -> float:
    """What amplitudes that were found cost, less what they explain; infinite where they cannot be told apart."""
    factor, failed = dpotrf(system + 1e-9 * np.diag(np.diagonal(system)), lower=1)
    if failed:
        return float("inf")
    explained = solve_triangular(factor, wanted, lower=True, check_finite=False)
    return float(2 * np.sum(np.log(np.diagonal(factor) / sigma)) - explained @ explained / sigma**2)


def solution(task: Task, place: Place, dimensions: float, n_steps: int, has_converged: bool) -> Solution:
    """Baseline and noise at the end of a fit."""
    baseline, noise = baseline_and_noise(task, place, dimensions)
    return Solution(task, place, baseline, dimensions, noise, n_steps, has_converged)


def _covariance(
    found: Solution, used: Int[np.ndarray, " used"], felt: Int[np.ndarray, " felt"], weight: float
) -> Float[np.ndarray, "some some"]:
    """Of all amplitudes and of the parameters that are `felt`, those of signals that are `used`, over the variance of
    the residual, which is `weight` times that which the priors were weighed with.
    """
    task, place = found.task, found.place
    n, shadow = task.n_signals, shadow_of(task, found.dimensions)
    rows = np.concatenate([place.columns, *slopes(task, place, used)])
    shaded = rows @ shadow.T
    information = rows @ rows.T - shaded @ shaded.T
    information[:n, :n] += task.tied * weight
    information[np.diag_indices_from(information)] += np.concatenate([np.zeros(n), task.precision[felt] * weight])
    inner = _constrained(information, place.amplitudes)
    if found.noise > task.sigma:
        added = _coloured(inner[used] @ rows, shadow, _excess(found.residual, task.sigma, found.noise))
        inner[np.ix_(used, used)] += added / found.noise**2
    return inner


def _excess(left: Float[np.ndarray, " bins"], sigma: float, noise: float) -> Float[np.ndarray, " times"]:
    """The power at each time of what is left beyond the noise, less its mean: zero if it were white as well.

    A bin's conjugate is a time: noise is the same at all, a misfit of lines or fat is early.
    """
    power = np.abs(np.fft.rfft(left)) ** 2
    power = np.convolve(np.pad(power, NEAR // 2, mode="edge"), np.full(NEAR, 1 / NEAR), mode="valid")
    weight = np.full(power.size, 2.0)
    weight[0] = 1.0
    weight[-1] = 1.0 if left.size % 2 == 0 else 2.0
    power = np.maximum(power / (weight @ power) * left.size * noise**2 - sigma**2, 0.0)
    beyond, size = noise**2 - sigma**2, float(weight @ power) / left.size
    out: Float[np.ndarray, " times"] = weight * (power * beyond / size - beyond) if size > 0 else 0.0 * power
    return out


def _coloured(
    moves: Float[np.ndarray, "found bins"],
    shadow: Float[np.ndarray, "splines bins"],
    excess: Float[np.ndarray, " times"],
) -> Float[np.ndarray, "found found"]:
    """What it adds to the covariance of amplitudes that the residual is no white noise; `moves` is by how much a datum
    moves them.

    A misfit has the smoothness of lines: it is worth fewer bins than there are, and moves amplitudes by more than as
    much white noise would (least squares with the covariance of its residuals: White 1980, doi:10.2307/1912934; Newey
    and West 1987, doi:10.2307/1913610). What was found at zero keeps the error that it has.
    """
    moved = np.fft.rfft(moves - (moves @ shadow.T) @ shadow, axis=1) / np.sqrt(moves.shape[1])
    out: Float[np.ndarray, "found found"] = ((moved * excess) @ moved.conj().T).real
    return out


def baseline_and_noise(task: Task, place: Place, dimensions: float) -> tuple[Float[np.ndarray, " bins"], float]:
    """The baseline, and the spread of what is left: that of the noise, or more where the model does not fit."""
    shadow = shadow_of(task, dimensions)
    left = place.data - place.amplitudes @ place.columns
    baseline = shadow.T @ (shadow @ left)
    rest = left - baseline
    return baseline, float(noise_in(rest, place.amplitudes, np.array(dimensions), np.array(task.sigma)))


def _constrained(
    information: Float[np.ndarray, "all all"], amplitudes: Float[np.ndarray, " signals"]
) -> Float[np.ndarray, "all all"]:
    """The inverse information where amplitudes cannot be negative.

    An amplitude that was found at zero is held there by the constraint, in most repeats of the measurement: it takes no
    part in the errors of the others. Its own error is the one that it has when all are free.
    """
    used = np.ones(len(information), bool)
    used[: amplitudes.size] = amplitudes != 0
    at, at_zero = np.flatnonzero(used), np.flatnonzero(~used)
    held = _inverse(information[np.ix_(at, at)])
    out = np.zeros_like(information)
    out[np.ix_(at, at)] = held
    if at_zero.size:
        across, own = information[np.ix_(at_zero, at)], np.diagonal(information)[at_zero]
        left = information[np.ix_(at_zero, at_zero)] - across @ held @ across.T
        np.fill_diagonal(left, np.maximum(np.diagonal(left), DETERMINED**2 * own))
        out[at_zero, at_zero] = np.diagonal(_inverse(left))
    return out


def shadow_of(task: Task, dimensions: float) -> Float[np.ndarray, "splines bins"]:
    """The baseline at so many effective dimensions, as what it takes out of a vector; nothing without a baseline."""
    if task.spline is None:
        return np.zeros((0, task.band.ppm.size))
    return shadow_at(task.spline, dimensions)[1]


@lru_cache(maxsize=64)
def shadow_at(spline: PenalisedSpline, dimensions: float) -> tuple[float, Float[np.ndarray, "splines bins"]]:
    """The weight of the penalty at so many effective dimensions, and the shadow; the same for all of a band."""
    weight = spline.weight(dimensions)
    return weight, spline.shadow(weight)


def _inverse(information: Float[np.ndarray, "all all"]) -> Float[np.ndarray, "all all"]:
    """Of a symmetric matrix whose entries differ in scale; what it does not determine gets a very large variance."""
    scale = np.sqrt(np.maximum(np.diag(information), 1e-200))
    even = information / scale / scale[:, None]
    factor, failed = dpotrf(even)
    if not failed and np.diagonal(factor).min() > DETERMINED:
        inverse, _ = dpotri(factor)
        inverse = np.triu(inverse) + np.triu(inverse, 1).T
    else:
        values, vectors = np.linalg.eigh(even)
        inverse = (vectors / np.maximum(values, DETERMINED**2)) @ vectors.T
    out: Float[np.ndarray, "all all"] = inverse / scale / scale[:, None]
    return out


def with_noise(task: Task, sigma: float) -> Task:
    """The same task with another noise."""
    return replace(task, sigma=sigma)
