"""When agent arrives: the baseline before it, found where the series shows agent best."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.numerics import robust
from perspect.vocabulary import Problem

BRIGHTENED: Final = 0.02
"""Share of the voxels, those that brighten most, whose mean curve shows the arrival [our default]."""

FOOT: Final = 0.01
"""Of the first rise: below it, or within the noise, agent has not arrived [our default]."""

WITHIN_NOISE: Final = 3.0
"""Standard deviations of the mean curve that a rise must exceed to be one."""

FEWEST_AT_REST: Final = 2
"""Frames; of one alone neither the level nor the noise is known."""

UNSTEADY: Final = 0.03
"""Relative excess of the first frame over the next ones beyond which it is not yet in the steady state."""

FIRST_PASS: Final = 25.0
"""Seconds after the steepest rise in which shapes of curves are compared [our default]."""

LOOKED_AT: Final = 20000
"""Voxels that are enough to find the brightest among."""


@dataclass(frozen=True)
class AtRest:
    """The frames before agent, its arrival (s), the frame of the steepest rise, and whether frame 0 was left out."""

    frames: slice
    arrival: float
    steepest: int
    is_first_left_out: bool

    @property
    def n_frames(self) -> int:
        """How many frames."""
        return int(self.frames.stop - self.frames.start)


def at_rest(signal: Float[np.ndarray, "voxels time"], times: Float[np.ndarray, " time"], guard: float) -> AtRest:
    """The baseline of a series, from the signal of the voxels to be measured.

    Raises Problem where nothing brightens, or where agent is there from the start.
    """
    some = signal[:: max(1, signal.shape[0] // LOOKED_AT)].astype(np.float64)
    some = some[np.isfinite(some).all(axis=1) & (some.max(axis=1) > 0)]
    early = some[:, : max(2, times.size // 20)].mean(axis=1)
    rise = np.quantile(some, 0.9, axis=1) - early
    chosen = np.argsort(-rise)[: max(10, int(BRIGHTENED * some.shape[0]))]
    curve = some[chosen].mean(axis=0)
    speed = np.diff(curve) / np.diff(times)
    steepest = int(np.argmax(speed)) + 1
    base = float(np.median(curve[:steepest]))
    top = float(curve[steepest : steepest + max(2, times.size // 20)].max())
    quiet = np.diff(curve[: max(steepest - 1, 2)])
    noise = float(robust.spread(quiet)) / np.sqrt(2.0)
    foot = base + max(FOOT * (top - base), WITHIN_NOISE * noise)
    below = np.flatnonzero(curve[: steepest + 1] < foot)
    last = int(below[-1]) if below.size else 0
    if not top - base > 5.0 * noise + 0.02 * abs(base):
        raise Problem(
            "No voxel brightens as agent makes tissue and vessels brighten.",
            "Without agent there is nothing to measure.",
            "Check that this is the dynamic series, and that its volumes are in order.",
        )
    is_unsteady = last >= FEWEST_AT_REST + 1 and curve[0] > (1.0 + UNSTEADY) * float(np.median(curve[1 : last + 1]))
    step = float(np.median(np.diff(times[: last + 2])))
    n_guard = max(1, int(np.ceil(guard / step - 1e-9))) if guard > 0 else 0
    first, stop = int(is_unsteady), max(last + 1 - n_guard, min(last + 1, int(is_unsteady) + FEWEST_AT_REST))
    if stop - first < FEWEST_AT_REST:
        raise Problem(
            f"Only {max(stop - first, 0)} volume(s) lie before the agent arrives.",
            "Every concentration is measured against the signal at rest.",
            "Give the whole series, from before the injection on.",
        )
    arrival = float(np.interp(foot, curve[last : last + 2], times[last : last + 2]))
    return AtRest(slice(first, stop), arrival, steepest, bool(is_unsteady))


def first_pass(rest: AtRest, times: Float[np.ndarray, " time"]) -> slice:
    """The frames from the end of the baseline to `FIRST_PASS` after the steepest rise."""
    end = int(np.searchsorted(times, times[rest.steepest] + FIRST_PASS)) + 1
    return slice(rest.frames.stop, max(min(end, times.size), rest.steepest + 3))


def has_signal(signal: Float[np.ndarray, "x y z"]) -> Bool[np.ndarray, "x y z"]:
    """Voxels that are not background: above a tenth of what is bright."""
    usable = np.isfinite(signal) & (signal > 0)
    if not usable.any():
        return np.asarray(usable)
    return np.asarray(usable & (signal > 0.1 * float(np.quantile(signal[usable], 0.95))))
