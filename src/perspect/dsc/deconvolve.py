"""From arterial and tissue curves to blood flow, transit time, Tmax and delay."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from jaxtyping import Float

from perspect.numerics.deconvolution import Circulant, circulant, least_truncation, tikhonov, toeplitz_inverse
from perspect.numerics.parabola import vertex

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

    `bluntness` (by how much the place of the maximum errs for noise of the size of the maximum, in frames) and
    `steepness` (how much the function rises in the frame where it passes half of it, relative to it) are what the
    errors of Tmax and delay depend on.
    """

    flow: Float[np.ndarray, " voxels"]
    tmax: Float[np.ndarray, " voxels"]
    delay: Float[np.ndarray, " voxels"]
    bluntness: Float[np.ndarray, " voxels"]
    steepness: Float[np.ndarray, " voxels"]


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
        even = curves if self.resampling is None else curves @ self.resampling
        return SOLVERS[self.method](self, even)

    def residues(self, curves: Float[np.ndarray, "voxels time"]) -> Residues:
        """Flow, Tmax and delay of each curve."""
        return read_out(self.solve(curves), self.operator)


def _osvd(plan: Deconvolution, curves: Float[np.ndarray, "voxels even"]) -> Float[np.ndarray, "voxels length"]:
    return least_truncation(plan.operator, curves, THRESHOLDS, plan.cut)[0]


def _csvd(plan: Deconvolution, curves: Float[np.ndarray, "voxels even"]) -> Float[np.ndarray, "voxels length"]:
    out: np.ndarray = (plan.operator.truncated(plan.cut).T @ curves.T).T
    return out


def _ssvd(plan: Deconvolution, curves: Float[np.ndarray, "voxels even"]) -> Float[np.ndarray, "voxels length"]:
    assert plan.causal is not None
    solutions = np.zeros((plan.operator.length, curves.shape[0]), np.float32)
    solutions[: curves.shape[1]] = plan.causal.T @ curves.T
    return solutions.T


def _tikhonov(plan: Deconvolution, curves: Float[np.ndarray, "voxels even"]) -> Float[np.ndarray, "voxels length"]:
    return tikhonov(plan.operator, curves, PENALTIES)[0]


SOLVERS: Final[Mapping[Method, Callable[[Deconvolution, np.ndarray], np.ndarray]]] = {
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


def read_out(solutions: Float[np.ndarray, "voxels length"], operator: Circulant) -> Residues:
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
    _, shift, error = vertex(np.repeat([[-1.0], [0.0], [1.0]], n, axis=1), around)
    tmax = operator.times(top.astype(np.float64)) + shift * operator.step

    reach = min(int(np.ceil(LATEST_RISE / operator.step)), length // 2)
    half = 0.5 * flow
    rise, steepness = np.full(n, np.nan), np.full(n, np.nan)
    above, level = np.ones(n, bool), flow
    for back in range(1, reach + 1):
        lower = contiguous[rows, (top - back) % length]
        crosses = above & (lower < half)
        step = level[crosses] - lower[crosses]
        with np.errstate(divide="ignore", invalid="ignore"):
            rise[crosses] = back - (half[crosses] - lower[crosses]) / step
            steepness[crosses] = step / flow[crosses]
        above &= ~crosses
        level = lower
        if not above.any():
            break
    delay = operator.times(top.astype(np.float64)) - rise * operator.step
    no_flow = ~(flow > 0)
    for one in (flow, tmax, delay):
        one[no_flow] = np.nan
    return Residues(flow.astype(np.float64), tmax, delay, error * flow, steepness)
