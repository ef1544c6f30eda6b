"""Whether the signal drifts along a straight line before the bolus, and how much of blood volume that would be."""

from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.dsc.integrate import trapezoid_weights
from perspect.dsc.quality import SOURCE
from perspect.dsc.signal import Rest
from perspect.vocabulary import Flag, Severity

SURE: Final = 3.0
"""Standard errors from 0 at which a slope is believed."""

RECOVERY: Final = 6.0
"""Seconds in which what is left of the approach to the steady state fades, fluid's among it [our default]."""

NOTICED: Final = 0.1
"""Share of the area of the brain's mean curve that a drift must be to be told [our default]."""

LARGE: Final = 0.25
"""Share from which absolute and relative blood volumes are limited by it [our default]."""

FEWEST: Final = 6
"""Frames at rest from which a slope can be told."""


def drift_share(
    tissue: Float[np.ndarray, " time"], times: Float[np.ndarray, " time"], rest: Rest, window: slice
) -> float:
    """The area that a straight line through the baseline of the brain's mean curve would have in the window if it went
    on, over the area of that curve; 0 where no line is sure.

    A slow approach to the steady state looks like a line, and a line like such an approach: the line must be sure with
    and without one, and the smaller share counts.
    """
    if rest.n_frames < FEWEST:
        return 0.0
    clock = times[rest.frames] - times[rest.start]
    line = np.stack([np.ones_like(clock), clock - clock.mean()], axis=1)
    weights = trapezoid_weights(times, window)
    unit = float((times - times[rest.frames].mean()) @ weights / (tissue @ weights))
    found = [
        _slope(columns, tissue[rest.frames]) for columns in (line, np.c_[line, np.exp(-clock / RECOVERY)])
    ]  # fmt: skip
    is_sure = all(abs(slope) > SURE * error for slope, error in found) and found[0][0] * found[1][0] > 0
    return unit * min((slope for slope, _ in found), key=abs) if is_sure else 0.0


def _slope(columns: Float[np.ndarray, "frames columns"], curve: Float[np.ndarray, " frames"]) -> tuple[float, float]:
    """The weight of the second column in 1/s², and its standard error from what is left."""
    inverse = np.linalg.pinv(columns)
    left = curve - columns @ (inverse @ curve)
    error = np.sqrt((left @ left) / (curve.size - columns.shape[1]) * (inverse[1] @ inverse[1]))
    return float(inverse[1] @ curve), float(error)


def drift_flags(share: float) -> tuple[Flag, ...]:
    """What a reader must know of a drift that is this share of blood volume."""
    if abs(share) < NOTICED:
        return ()
    falls = share > 0
    sentence = (
        f"Before the bolus the signal of the brain {'falls' if falls else 'rises'} along a straight line. If it goes "
        f"on so, it {'adds' if falls else 'takes'} {abs(share):.0%} or more {'to' if falls else 'from'} the mean blood "
        "volume of the brain, relatively most where there is little blood, and looks like leakage. Take the drift out "
        "of the series first."
    )
    severity = Severity.LIMITED if abs(share) > LARGE else Severity.CAUTION
    return (Flag("drift", severity, sentence, "series", source=SOURCE),)
