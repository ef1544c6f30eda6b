"""From arterial and tissue curves to blood flow, transit time, Tmax and delay."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.numerics.deconvolution import Circulant, circulant, least_truncation, passed, tikhonov, toeplitz_inverse
from perspect.numerics.parabola import vertex
from perspect.numerics.rivals import LIKELY, Noise, rivals
from perspect.vocabulary import lexicon

Method = Literal["osvd", "csvd", "ssvd", "tikhonov"]

THRESHOLDS: Final = np.linspace(0.01, 0.50, 20)
"""Relative magnitudes at which oSVD may cut, smallest first."""

PENALTIES: Final = np.geomspace(0.005, 1.0, 24)
"""Relative weights among which Tikhonov's cross-validation chooses."""

LATEST_RISE: Final = 20.0
"""How far before its maximum, in s, the rise of a residue function is sought."""

EVEN: Final = 0.01
"""Time steps that differ by less than this share count as equal."""


@dataclass(frozen=True, eq=False)
class Residues:
    """What a deconvolution gives for each curve: `flow` in 1/s, `tmax` and `delay` in s after the arterial input.

    `tmax_noise` and `delay_noise` (s) are what the noise of the curve should do to the times: first to the vertex and
    to the place of half of it, then by other maxima within noise, which may be the true one. `is_ambiguous` (Tmax,
    delay) says where another maximum may well be the true one and does most of it. All are NaN or False where nothing
    is known of the noise.
    """

    flow: Float[np.ndarray, " voxels"]
    tmax: Float[np.ndarray, " voxels"]
    delay: Float[np.ndarray, " voxels"]
    tmax_noise: Float[np.ndarray, "2 voxels"]
    delay_noise: Float[np.ndarray, "2 voxels"]
    is_ambiguous: Bool[np.ndarray, "2 voxels"]


@dataclass(frozen=True, eq=False)
class Deconvolution:
    """A deconvolution that is ready for curves: everything that depends on the arterial input has been worked out.

    `resampling` brings curves to equal time steps (None where they are). `cut` is the oscillation index that oSVD
    allows, or the relative threshold of cSVD and sSVD; Tikhonov has none.
    """

    method: Method
    operator: Circulant
    cut: float
    resampling: Float[np.ndarray, "samples even"] | None
    causal: Float[np.ndarray, "even even"] | None = None

    def solve(self, curves: Float[np.ndarray, "voxels time"]) -> Float[np.ndarray, "voxels length"]:
        """The flow-scaled residue functions, in 1/s."""
        return self._solved(curves)[0]

    def residues(
        self, curves: Float[np.ndarray, "voxels time"], noise: Float[np.ndarray, " voxels"] | None = None
    ) -> Residues:
        """Flow, Tmax and delay of each curve, whose samples have a `noise` of this standard deviation (1/s)."""
        solutions, level = self._solved(curves)
        return read_out(
            solutions, self.operator, None if noise is None else Noise(self.covariance, level, noise.astype(np.float64))
        )

    def _solved(
        self, curves: Float[np.ndarray, "voxels time"]
    ) -> tuple[Float[np.ndarray, "voxels length"], Int[np.ndarray, " voxels"]]:
        """The solutions, and which of the inverses each is from."""
        even = curves if self.resampling is None else curves @ self.resampling
        return SOLVERS[self.method](self, even)

    @cached_property
    def covariance(self) -> Float[np.ndarray, "levels length length"]:
        """How noise of 1 in every sample of a curve is seen in the solutions, for each inverse."""
        seen = self._inverses if self.resampling is None else self.resampling @ self._inverses
        out: Float[np.ndarray, "levels length length"] = np.swapaxes(seen, 1, 2) @ seen
        return out

    @property
    def _inverses(self) -> Float[np.ndarray, "levels even length"]:
        """The matrices that turn curves into solutions, one for each level of regularisation that may be chosen."""
        if self.method == "ssvd":
            assert self.causal is not None
            return np.pad(self.causal, ((0, 0), (0, self.operator.length - self.causal.shape[1])))[None]
        if self.method == "tikhonov":
            return np.stack(
                [(self.operator.analysis * one) @ self.operator.synthesis for one in passed(self.operator, PENALTIES)]
            )
        return np.stack(
            [self.operator.truncated(one) for one in (THRESHOLDS if self.method == "osvd" else (self.cut,))]
        )


Solutions = tuple[Float[np.ndarray, "voxels length"], Int[np.ndarray, " voxels"]]
"""Solutions, and the place among all inverses of the one that each is from."""


def _osvd(plan: Deconvolution, curves: Float[np.ndarray, "voxels even"]) -> Solutions:
    return least_truncation(plan.operator, curves, THRESHOLDS, plan.cut)


def _csvd(plan: Deconvolution, curves: Float[np.ndarray, "voxels even"]) -> Solutions:
    out: np.ndarray = (plan.operator.truncated(plan.cut).T @ curves.T).T
    return out, np.zeros(curves.shape[0], np.int64)


def _ssvd(plan: Deconvolution, curves: Float[np.ndarray, "voxels even"]) -> Solutions:
    assert plan.causal is not None
    solutions = np.zeros((plan.operator.length, curves.shape[0]), np.float32)
    solutions[: curves.shape[1]] = plan.causal.T @ curves.T
    return solutions.T, np.zeros(curves.shape[0], np.int64)


def _tikhonov(plan: Deconvolution, curves: Float[np.ndarray, "voxels even"]) -> Solutions:
    return tikhonov(plan.operator, curves, PENALTIES)


SOLVERS: Final[Mapping[Method, Callable[[Deconvolution, np.ndarray], Solutions]]] = {
    "osvd": _osvd,
    "csvd": _csvd,
    "ssvd": _ssvd,
    "tikhonov": _tikhonov,
}


def prepare(
    method: Method, arterial: Float[np.ndarray, " time"], times: Float[np.ndarray, " time"], cut: float
) -> Deconvolution:
    """A deconvolution by this arterial curve (1/s), for tissue curves at the same `times` (s, any spacing)."""
    step, resampling = even_steps(times)
    even = arterial if resampling is None else arterial @ resampling
    operator = circulant(even, step)
    causal = toeplitz_inverse(even, step, cut) if method == "ssvd" else None
    return Deconvolution(method, operator, cut, resampling, causal)


def even_steps(times: Float[np.ndarray, " time"]) -> tuple[float, Float[np.ndarray, "samples even"] | None]:
    """The time step, and the matrix that interpolates a curve to equal steps (None where they are equal already)."""
    steps = np.diff(times)
    step = float(np.median(steps))
    if np.all(np.abs(steps - step) <= EVEN * step):
        return float(steps.mean()), None
    even = np.arange(times[0], times[-1] + 1e-9, step)
    right = np.clip(np.searchsorted(times, even, side="right"), 1, times.size - 1)
    share = (even - times[right - 1]) / (times[right] - times[right - 1])
    matrix = np.zeros((times.size, even.size))
    matrix[right - 1, np.arange(even.size)] = 1 - share
    matrix[right, np.arange(even.size)] += share
    return step, matrix.astype(np.float32)


def read_out(
    solutions: Float[np.ndarray, "voxels length"], operator: Circulant, noise: Noise | None = None
) -> Residues:
    """Flow is the maximum of the residue function, Tmax its time (refined by a parabola), delay its half rise.

    A residue function starts with a step at the delay; after regularisation the step has become a ramp whose middle
    stays in place, so the delay is where the function has risen to half its maximum.
    """
    # The place of a maximum is found fast along contiguous samples only.
    contiguous = np.ascontiguousarray(solutions)
    n, length = contiguous.shape
    rows = np.arange(n)
    top = contiguous.argmax(axis=1)
    flow = contiguous[rows, top]
    around = np.stack([contiguous[rows, top - 1], flow, contiguous[rows, (top + 1) % length]]).astype(np.float64)
    _, shift, moves = vertex(np.repeat([[-1.0], [0.0], [1.0]], n, axis=1), around)
    tmax = operator.times(top.astype(np.float64)) + shift * operator.step
    rise, steepness = half_rise(contiguous, rows, top, operator.step)
    delay = operator.times(top.astype(np.float64)) - rise * operator.step
    no_flow = ~(flow > 0)
    for one in (flow, tmax, delay):
        one[no_flow] = np.nan
    if noise is None:
        unknown = np.full((2, n), np.nan)
        return Residues(flow.astype(np.float64), tmax, delay, unknown, unknown, np.zeros((2, n), bool))
    plain = noise.of_sum(moves, np.stack([top - 1, top, (top + 1) % length]))
    before = np.nan_to_num(np.ceil(rise), nan=0.0).astype(np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        steep = noise.of_difference(rows, (top - before) % length, top, 0.5) / (steepness * flow)
    clock = operator.times(np.arange(length, dtype=np.float64))
    others = rivals(contiguous, top, noise, (clock > lexicon.TMAX.low) & (clock < lexicon.TMAX.high))
    apart = np.mod(others.column - top[others.row] + length // 2, length) - float(length // 2)
    other_rise, _ = half_rise(contiguous, others.row, others.column, operator.step)
    spread = np.stack([others.spread(apart, n), others.spread(apart - other_rise + rise[others.row], n)])
    first = np.stack([plain, steep])
    ambiguous = (spread > first) & (others.chance(n) > LIKELY)
    tmax_noise, delay_noise = operator.step * np.stack([first, spread], axis=1)
    return Residues(flow.astype(np.float64), tmax, delay, tmax_noise, delay_noise, ambiguous)


def half_rise(
    solutions: Float[np.ndarray, "voxels length"],
    rows: Int[np.ndarray, " tops"],
    top: Int[np.ndarray, " tops"],
    step: float,
) -> tuple[Float[np.ndarray, " tops"], Float[np.ndarray, " tops"]]:
    """How many samples before its maximum `top` a solution has risen to half of it, and how much it rises in the sample
    in which it does, relative to the maximum; NaN where it does not within `LATEST_RISE`.
    """
    length = solutions.shape[1]
    reach = min(int(np.ceil(LATEST_RISE / step)), length // 2)
    level = height = solutions[rows, top]
    half = 0.5 * height
    rise, steepness = np.full(top.size, np.nan), np.full(top.size, np.nan)
    above = np.ones(top.size, bool)
    for back in range(1, reach + 1):
        lower = solutions[rows, (top - back) % length]
        crosses = above & (lower < half)
        with np.errstate(divide="ignore", invalid="ignore"):
            fall = level[crosses] - lower[crosses]
            rise[crosses] = back - (half[crosses] - lower[crosses]) / fall
            steepness[crosses] = fall / height[crosses]
        above &= ~crosses
        level = lower
        if not above.any():
            break
    return rise, steepness
