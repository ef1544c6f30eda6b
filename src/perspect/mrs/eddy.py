"""Eddy currents: the phase of water, taken out of the signal of the molecules."""

from typing import Final

import numpy as np
from jaxtyping import Complex, Float
from scipy.signal import savgol_filter

BENT: Final = np.deg2rad(5.0)
"""A phase that departs by more from a straight line is bent [our default]."""

TRUSTED: Final = 10.0
"""Times the noise: below it the phase of water is not believed."""

LOOKED_AT: Final = 0.1
"""Seconds over which a bend is looked for."""


def water_phase(water: Complex[np.ndarray, " points"], dwell: float) -> Float[np.ndarray, " points"]:
    """The phase of a water signal in rad, smooth, and straight from where noise takes over."""
    noise = float(np.std(water[-water.size // 8 :]))
    size = np.abs(water)
    last = np.flatnonzero(size > TRUSTED * max(noise, 1e-12 * size.max()))
    n = max(int(last[-1]) + 1 if last.size else 0, 16)
    weak = np.flatnonzero(size[:n] < 0.02 * size.max())
    n = max(int(weak[0]) if weak.size else n, 16)
    phase = np.unwrap(np.angle(water[:n]))
    width = min(max(int(0.004 / dwell) | 1, 5), n - (n + 1) % 2)
    smooth = savgol_filter(phase, width, 2)
    slope = float(np.polyfit(np.arange(n // 2, n), smooth[n // 2 :], 1)[0])
    beyond = smooth[-1] + slope * np.arange(1, water.size - n + 1)
    out: Float[np.ndarray, " points"] = np.concatenate([smooth, beyond])
    return out


def bend(phase: Float[np.ndarray, " points"], dwell: float) -> float:
    """The largest departure of a phase from a straight line over the first 100 ms, in rad."""
    n = min(int(LOOKED_AT / dwell), phase.size)
    t = np.arange(n)
    return float(np.abs(phase[:n] - np.polyval(np.polyfit(t, phase[:n], 1), t)).max())


def corrected(
    values: Complex[np.ndarray, " points"], phase: Float[np.ndarray, " points"]
) -> Complex[np.ndarray, " points"]:
    """A signal with the phase of water taken out (Klose 1990, doi:10.1002/mrm.1910140104), which also puts water at
    zero.
    """
    out: Complex[np.ndarray, " points"] = values * np.exp(-1j * phase)
    return out
