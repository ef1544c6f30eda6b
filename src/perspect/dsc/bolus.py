"""Whether a series has a bolus in it at all: a loss of signal that rises fast and falls, alone, all over the brain."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.vocabulary import Refusal

LONGEST: Final = 30.0
"""Seconds within which a first pass rises, and within which it falls [our default]."""

WIDEST: Final = 25.0
"""Full width of a first pass at half of its height, in s. A bolus of 5 mL/s is 8 to 12 s wide in the brain, a slow one
into a slow heart 20 s. What is straight or smooth over `LONGEST` on either side has 30 s or more [our default]."""

SHORTEST: Final = 5.0
"""Seconds (frames times their step) that a first pass stands above a sixth of its height: one or two bad volumes are
none [our default]."""

BASE: Final = 1.0 / 6.0
"""Share of the height that counts for `SHORTEST`."""

LEAST_RISE: Final = 0.8
"""Before a bolus the signal is at rest: the median of the `LONGEST` before its peak lies nearly as far below it as the
lowest `EARLY` share does. A straight ramp has 0.71, a parabola 0.51 of that [our default]."""

EARLY: Final = 0.3
"""Share of frames before the peak that may be out of steady state without a bearing on `LEAST_RISE` [our default]."""

LEAST_LOSS: Final = 0.01
"""Share of the brain's signal that a bolus takes away. Single doses take 5 to 40 %, spin echoes 2 % and more; less than
1 % is no blood volume at any signal-to-noise ratio of a voxel [our default]."""

LEAST_BOLUS: Final = 7.5
"""Height over the noise of one frame that only a bolus reaches: the highest of a hundred noisy frames, smoothed over
three, stands out by 3, and the rise and fall of 94 in 100 random walks by less than 7.5 [our default]."""

LEAST_ALONE: Final = 4.0
"""Height over the upper quartile of how far other frames stand out in the same way: breath, pulse and slow noise have
1 to 3 [our default]."""

LEAST_SHARE: Final = 0.2
"""Of the mean curve at its peak, what the median voxel shows: where a head nods, a few voxels at its edges show much
and most show nothing. A brain with half of its vessels closed still shows half [our default]."""


@dataclass(frozen=True)
class Rise:
    """A loss of signal (-ln) that comes and goes.

    `peak` is its frame, `height` how far it stands above the higher of its two sides, `width` its full width at half of
    that in s, `base` for how many s it stands above a sixth of it. `start` is the share of the rise that half of the
    time before has not seen yet, `others` how far an upper quartile of all other frames stands out.
    """

    peak: int
    height: float
    width: float
    base: float
    start: float
    others: float


def first_rise(loss: Float[np.ndarray, " time"], times: Float[np.ndarray, " time"]) -> Rise:
    """The highest rise and fall within `LONGEST` s on either side; what only rises, as drift does, has no height.

    The loss is smoothed over three frames, so that one bad frame is not a bolus.
    """
    smooth = np.convolve(np.pad(loss, 1, mode="edge"), np.full(3, 1 / 3), mode="valid")
    first = np.searchsorted(times, times - LONGEST)
    last = np.searchsorted(times, times + LONGEST, side="right")
    spans = enumerate(zip(first, last, strict=True))
    levels = np.array([max(smooth[i : k + 1].min(), smooth[k:j].min()) for k, (i, j) in spans])
    heights = smooth - levels
    at = int(np.argmax(heights))
    level, height = float(levels[at]), float(heights[at])
    nearby = max(at - 1, 0)
    peak = nearby + int(np.argmax(loss[nearby : at + 2]))
    passing = _above(smooth, at, level)
    base = _above(loss, peak, level + BASE * (loss[peak] - level))
    low, half = np.quantile(loss[first[at] : at + 1], (EARLY, 0.5))
    others = np.concatenate([heights[: passing.start], heights[passing.stop :]])
    return Rise(
        peak,
        height,
        _width(smooth, times, at, level + 0.5 * height),
        (base.stop - base.start) * float(np.median(np.diff(times))),
        float((smooth[at] - half) / (smooth[at] - low)) if smooth[at] > low else 0.0,
        float(np.quantile(others, 0.75)) if others.size else 0.0,
    )


def _above(curve: Float[np.ndarray, " time"], at: int, level: float) -> slice:
    """The frames around `at` on which a curve stands above a level."""
    below = np.flatnonzero(curve <= level)
    before, after = below[below < at], below[below > at]
    return slice(int(before[-1]) + 1 if before.size else 0, int(after[0]) if after.size else curve.size)


def _width(curve: Float[np.ndarray, " time"], times: Float[np.ndarray, " time"], at: int, level: float) -> float:
    """For how long a curve stands above a level, in s, between straight lines."""
    part = _above(curve, at, level)
    i, j = max(part.start - 1, 0), min(part.stop, curve.size - 1)
    left = np.interp(level, curve[i : i + 2], times[i : i + 2])
    right = np.interp(-level, -curve[j - 1 : j + 1], times[j - 1 : j + 1])
    return float(right - left)


def refuse_without_bolus(rise: Rise, noise: float) -> None:
    """Stops where the mean curve of the brain has no first pass; `noise` is that of a frame of its loss.

    Raises Refusal.
    """
    largest = f"{100 * (1 - np.exp(-max(rise.height, 0.0))):.2g} %"
    if not (rise.height > LEAST_LOSS and rise.height >= LEAST_BOLUS * noise):
        raise Refusal(
            f"No passage of a bolus is seen: the largest whole-brain loss of signal that comes and goes is {largest}, "
            f"{rise.height / noise if noise > 0 else 0.0:.1f} times its noise.",
            "Nothing can be measured without contrast agent in the brain.",
            "Check that this is the dynamic series and that the injection worked.",
        )
    if rise.base < SHORTEST:
        raise Refusal(
            f"No passage of a bolus is seen: the largest whole-brain loss of signal that comes and goes is {largest}, "
            f"for {rise.base:.1f} s only.",
            "Single bad volumes look so, and nothing can be measured without contrast agent in the brain.",
            "Check that this is the dynamic series and that its volumes are sound.",
        )
    if not rise.width <= WIDEST:
        raise Refusal(
            f"No passage of a bolus is seen: the largest whole-brain loss of signal that comes and goes is {largest} "
            f"and {rise.width:.0f} s wide.",
            "So slow is drift; nothing can be measured without contrast agent in the brain.",
            "Check that this is the dynamic series and that the injection worked.",
        )
    if rise.start < LEAST_RISE:
        raise Refusal(
            f"The largest whole-brain loss of signal that comes and goes ({largest}, peak at frame {rise.peak}) has no "
            "signal at rest before it.",
            "It is a drift, or a bolus that comes too early: ΔR2* needs a level at rest.",
            "Check that this is the dynamic series and that it begins well before the injection.",
        )
    if rise.height < LEAST_ALONE * rise.others:
        raise Refusal(
            f"No passage of a bolus is seen: the largest whole-brain loss of signal that comes and goes is {largest}, "
            f"{rise.height / rise.others:.1f} times what the rest of the series does.",
            "Breath and motion come and go as well; nothing can be measured without contrast agent in the brain.",
            "Check that this is the dynamic series and that the injection worked.",
        )


def refuse_few_voxels(curves: Float[np.ndarray, "voxels time"], usable: Bool[np.ndarray, " voxels"], peak: int) -> None:
    """Stops where the loss of signal is not that of the brain but of a few voxels, as when a head nods.

    `curves` are ΔR2*. Raises Refusal.
    """
    around = slice(max(peak - 1, 0), peak + 2)
    at_peak = curves[:, around].mean(axis=1, dtype=np.float64)[usable]
    mean = float(at_peak.mean()) if at_peak.size else 0.0
    if mean > 0 and np.median(at_peak) < LEAST_SHARE * mean:
        raise Refusal(
            "No passage of a bolus is seen: what the mean of the brain loses is lost by a few of its voxels, and the "
            f"median voxel loses {np.median(at_peak) / mean:.0%} of it.",
            "Where a head nods its edges look so; nothing can be measured without contrast agent in the brain.",
            "Check that this is the dynamic series and that the head lay still, or give a mask of the brain with "
            "--mask.",
        )
