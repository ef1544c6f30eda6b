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


def at_pulses_exchanging(
    r1_inside: Float[np.ndarray, "pulses *kinds"], r1_outside: Float[np.ndarray, "pulses *kinds"],
    share: Float[np.ndarray, " kinds"], exchange: float, flip_angle: float, tr: float, dummies: int,
) -> Float[np.ndarray, "pulses *kinds"]:  # fmt: skip
    """The same for water of two pools: `share` of it inside vessels, which it leaves at the rate `exchange` (1/s).

    Agent in vessels reaches the water outside only as fast as that water comes in: T1 is shortened far less than if all
    water were mixed. Solved exactly between pulses (2×2, both rates constant in each interval).
    """
    back = exchange * share / np.maximum(1.0 - share, 1e-6)
    back = np.where(share < 1.0, back, 0.0)
    leaving = np.where(share < 1.0, exchange, 0.0)
    inside, outside = np.ones((2, *r1_inside.shape[1:]))
    found = np.empty_like(r1_inside)
    left = np.cos(flip_angle)

    def later(a: np.ndarray, b: np.ndarray, rate_a: np.ndarray, rate_b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Both pools a TR later; what is followed is how far each is from equilibrium."""
        a, b = left * a - 1.0, left * b - 1.0
        p, q = rate_a + leaving, rate_b + back
        middle, half = 0.5 * (p + q), 0.5 * (p - q)
        root = np.sqrt(half * half + leaving * back) + 1e-12
        slow, fast = np.exp(-tr * (middle - root)), np.exp(-tr * (middle + root))
        even, odd = 0.5 * (slow + fast), 0.5 * (slow - fast) / root
        new_a = (even - odd * half) * a + odd * leaving * b
        new_b = odd * back * a + (even + odd * half) * b
        return 1.0 + new_a, 1.0 + new_b

    for _ in range(dummies):
        inside, outside = later(inside, outside, r1_inside[0], r1_outside[0])
    last = r1_inside.shape[0] - 1
    for pulse in range(last + 1):
        found[pulse] = share * inside + (1.0 - share) * outside
        then = min(pulse + 1, last)
        inside, outside = later(
            inside, outside, 0.5 * (r1_inside[pulse] + r1_inside[then]), 0.5 * (r1_outside[pulse] + r1_outside[then])
        )
    return found
