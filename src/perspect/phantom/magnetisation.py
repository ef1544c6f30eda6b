"""Longitudinal magnetisation followed through pulses and pauses, relative to equilibrium."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

Along = Float[np.ndarray, " kinds"]


def recovered(along: Along | float, pause: float, t1: Along) -> Along:
    """What it has grown to after a pause in s."""
    return np.asarray(1.0 + (along - 1.0) * np.exp(-pause / t1))


def after_train(along: Along, flip_angle: float, spacing: float, n: int, t1: Along) -> Along:
    """What is left of it after `n` spoiled pulses, `spacing` s apart."""
    kept = np.exp(-spacing / t1)
    per_pulse = np.cos(flip_angle) * kept
    level = (1.0 - kept) / (1.0 - per_pulse)
    return np.asarray(level + (along - level) * per_pulse**n)


def periodic(period: Callable[[Along], Along], t1: Along) -> Along:
    """The magnetisation at the start of a period that comes back to itself; a period is affine in it."""
    from_none, from_all = period(np.zeros_like(t1)), period(np.ones_like(t1))
    return np.asarray(from_none / (1.0 - (from_all - from_none)))


def at_pulses(
    r1: Float[np.ndarray, "pulses *kinds"], flip_angle: float | Float[np.ndarray, "*kinds"], tr: float, dummies: int
) -> Float[np.ndarray, "pulses *kinds"]:
    """Magnetisation just before every recorded pulse of a spoiled series that began `dummies` pulses earlier.

    What a pulse leaves along the field recovers with the R1 (1/s) of that interval, so that a bolus is followed as it
    passes, and frames without dummies still show how they come to their steady state.
    """
    left = np.cos(flip_angle)
    along = np.ones(r1.shape[1:])
    for _ in range(dummies):
        along = 1.0 + (along * left - 1.0) * np.exp(-tr * r1[0])
    found = np.empty_like(r1)
    between = np.concatenate([0.5 * (r1[1:] + r1[:-1]), r1[-1:]])
    for pulse, kept in enumerate(np.exp(-tr * between)):
        found[pulse] = along
        along = 1.0 + (along * left - 1.0) * kept
    return found
