"""Where the agent goes, what it does to the signal, and the noise: written apart from the analysis."""

import numpy as np
from jaxtyping import Float

from perspect.phantom.arterial import ArterialInput

_FINE, _COARSE = 0.05, 0.25
_FINE_FOR = 45.0
_BLOCK = 200


def _solution_times(
    arterial: ArterialInput, times: Float[np.ndarray, " time"], earliest: float, latest: float
) -> Float[np.ndarray, " steps"]:
    """Steps for the solution of the exchange, in s: fine during a bolus, coarse between; every frame is one of them."""
    start, end = min(times[0], arterial.injections[0] + earliest), times[-1]
    pieces = [times, np.arange(start, end, _COARSE)]
    for onset in arterial.injections:
        pieces.append(np.arange(max(onset + earliest, start), min(onset + latest + _FINE_FOR, end), _FINE))
    everything = np.unique(np.concatenate(pieces))
    return np.asarray(everything[np.concatenate([[True], np.diff(everything) > 1e-9])])


def two_compartments(
    arterial: ArterialInput,
    times: Float[np.ndarray, " time"],
    vp: Float[np.ndarray, " voxels"],
    mtt: Float[np.ndarray, " voxels"],
    ve: Float[np.ndarray, " voxels"],
    ps: Float[np.ndarray, " voxels"],
    delay: float | Float[np.ndarray, " voxels"] = 0.0,
) -> tuple[Float[np.ndarray, "time voxels"], Float[np.ndarray, "time voxels"]]:
    r"""Concentration inside and outside the vessels of a voxel that exchanges, in mM.

    $v_p \dot C_p = \frac{v_p}{MTT}(C_a - C_p) - PS(C_p - C_e)$, $v_e \dot C_e = PS(C_p - C_e)$, solved exactly in the
    eigenmodes of the 2×2 system for an arterial curve that is linear between steps of at most 0.05 s during the bolus.
    `mtt` in s is vp over flow, `ps` in 1/s. Agent of an earlier injection is carried through.

    Sourbron and Buckley 2012, doi:10.1088/0031-9155/57/2/R1, equations of the two-compartment exchange model.
    """
    late = np.broadcast_to(np.asarray(delay, float), vp.shape)
    steps = _solution_times(arterial, times, float(late.min(initial=0.0)), float(late.max(initial=0.0)))
    rates, inside, outside = _eigenmodes(vp, mtt, ve, ps)
    mode = np.zeros_like(rates)
    cp, ce = np.zeros((2, times.size, vp.size))
    is_frame = np.isin(np.arange(steps.size), np.searchsorted(steps, times - 1e-9))
    frame = 0
    for first in range(0, steps.size, _BLOCK):
        # one step is shared with the block before, so that the curve is asked for many times at once
        block = np.arange(max(first - 1, 0), min(first + _BLOCK, steps.size))
        came = arterial(steps[block, None] - late)
        for i, at in enumerate(block):
            if i:
                mode = _advance(mode, rates, steps[at] - steps[at - 1], came[i - 1], came[i])
            if is_frame[at] and at >= first:
                cp[frame], ce[frame] = (inside * mode).sum(axis=0), (outside * mode).sum(axis=0)
                frame += 1
    return cp, ce


def _eigenmodes(
    vp: Float[np.ndarray, " voxels"],
    mtt: Float[np.ndarray, " voxels"],
    ve: Float[np.ndarray, " voxels"],
    ps: Float[np.ndarray, " voxels"],
) -> tuple[Float[np.ndarray, "modes voxels"], Float[np.ndarray, "modes voxels"], Float[np.ndarray, "modes voxels"]]:
    """The rates (1/s) of the fast and the slow mode, and what each adds to the concentrations inside and outside."""
    out_rate, up, down = 1.0 / mtt + ps / vp, ps / vp, ps / ve
    root = np.sqrt((out_rate - down) ** 2 + 4.0 * up * down)
    fast = 0.5 * (out_rate + down + root)
    slow = down / (mtt * fast)
    inside = np.stack([fast - down, down - slow]) / (root * mtt)
    return np.stack([fast, slow]), inside, np.stack([-down, down]) / (root * mtt)


def _advance(
    mode: Float[np.ndarray, "modes voxels"],
    rates: Float[np.ndarray, "modes voxels"],
    step: float,
    before: Float[np.ndarray, " voxels"],
    after: Float[np.ndarray, " voxels"],
) -> Float[np.ndarray, "modes voxels"]:
    """∫ exp(-rate (t - s)) Ca(s) ds one step later, Ca linear within the step; the series keeps slow rates exact."""
    x = rates * step
    fall = -np.expm1(-x)
    small = x < 1e-3
    safe = np.where(small, 1.0, x)
    level = np.where(small, 1.0 - x / 2.0 + x * x / 6.0, fall / safe)
    ramp = np.where(small, 0.5 - x / 6.0 + x * x / 24.0, (safe - fall) / (safe * safe))
    advanced: Float[np.ndarray, "modes voxels"] = mode * (1.0 - fall) + step * (
        before * level + (after - before) * ramp
    )
    return advanced


def transverse_rate(
    cp: Float[np.ndarray, "time voxels"],
    ce: Float[np.ndarray, "time voxels"],
    vp: Float[np.ndarray, " voxels"],
    ve: Float[np.ndarray, " voxels"],
    kp: float | Float[np.ndarray, " voxels"],
    ke: float | Float[np.ndarray, " voxels"],
) -> Float[np.ndarray, "time voxels"]:
    """What the agent adds to R2*, in 1/s: kp vp |Cp - Ce| + ke ve Ce, with `kp` and `ke` in 1/s/mM.

    The gradient around vessels falls as the agent outside approaches that inside; cells among leaked agent make a
    gradient of their own. Quarles et al. 2009, doi:10.1088/0031-9155/54/19/006; Semmineh et al. 2017,
    doi:10.18383/j.tom.2016.00286.
    """
    added: Float[np.ndarray, "time voxels"] = kp * vp * np.abs(cp - ce) + ke * ve * ce
    return added


def steady_state(
    r1: Float[np.ndarray, "*any"], r2star: Float[np.ndarray, "*any"], tr: float, te: float, flip_angle: float
) -> Float[np.ndarray, "*any"]:
    """Signal of a spoiled gradient echo in the steady state, for S0 = 1; `flip_angle` in rad."""
    e1 = np.exp(-tr * r1)
    signal: Float[np.ndarray, "*any"] = (
        np.sin(flip_angle) * (1.0 - e1) / (1.0 - np.cos(flip_angle) * e1) * np.exp(-te * r2star)
    )
    return signal


def rician(
    signal: Float[np.ndarray, "*any"], sigma: float | Float[np.ndarray, "*more"], rng: np.random.Generator
) -> Float[np.ndarray, "*any"]:
    """The magnitude of the signal with Gaussian noise of standard deviation `sigma` in both channels, in float32."""
    scale = np.asarray(sigma, np.float32)
    real = rng.standard_normal(signal.shape, dtype=np.float32) * scale + signal.astype(np.float32)
    imaginary = rng.standard_normal(signal.shape, dtype=np.float32) * scale
    return np.asarray(np.hypot(real, imaginary))
