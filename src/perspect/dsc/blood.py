"""Blood volume, flow, transit time, Tmax and delay of every voxel."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.dsc.arterial import Arterial
from perspect.dsc.calibrate import TRANSIT_TIMES, Calibration, calibrate
from perspect.dsc.deconvolve import prepare
from perspect.dsc.integrate import trapezoid_weights
from perspect.dsc.leakage import Correction, corrected_curves
from perspect.dsc.passage import Passage
from perspect.dsc.plan import Plan
from perspect.dsc.quality import SOURCE
from perspect.dsc.signal import Relaxation, echo_factor
from perspect.numerics.deconvolution import CHUNK
from perspect.numerics.parallel import each, spans
from perspect.vocabulary import Flag, Severity

LEAST_CONTRAST: Final = 4.0
"""Peak over noise below which a voxel has no bolus to time: the largest of a hundred noisy samples reaches 2.5."""

CONTRAST_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the brain's peak over noise, at which the acquisition is simulated."""


@dataclass(frozen=True, eq=False)
class Volume:
    """Blood volume in mL/mL with its standard error; None-filled where there is no arterial input."""

    cbv: Float[np.ndarray, " voxels"]
    std: Float[np.ndarray, " voxels"]


@dataclass(frozen=True, eq=False)
class Flow:
    """Flow (1/s), transit time, Tmax and delay (s) with standard errors; which voxels had a bolus to time."""

    cbf: Float[np.ndarray, " voxels"]
    cbf_std: Float[np.ndarray, " voxels"]
    mtt: Float[np.ndarray, " voxels"]
    mtt_std: Float[np.ndarray, " voxels"]
    tmax: Float[np.ndarray, " voxels"]
    tmax_std: Float[np.ndarray, " voxels"]
    delay: Float[np.ndarray, " voxels"]
    delay_std: Float[np.ndarray, " voxels"]
    calibration: Calibration
    flags: tuple[Flag, ...]


def haematocrit_factor(plan: Plan) -> float:
    """How much plasma the agent finds in arteries against capillaries: (1 - Hct_large)/(1 - Hct_small)."""
    return (1 - plan.hct_large) / (1 - plan.hct_small)


def volume_of(
    correction: Correction, arterial: Arterial, times: Float[np.ndarray, " time"], window: slice, plan: Plan
) -> Volume | None:
    """Blood volume: the corrected area of each voxel over that of the arterial curve in the same window.

    None where there is no arterial input.
    """
    if arterial.curve is None:
        return None
    inflow = float(arterial.curve @ trapezoid_weights(times, window))
    factor = haematocrit_factor(plan) / inflow
    cbv = factor * correction.area
    std = np.sqrt((factor * correction.area_std) ** 2 + (cbv * arterial.relative_error) ** 2)
    return Volume(cbv, std)


def has_bolus(peak: Passage, relaxation: Relaxation) -> Bool[np.ndarray, " voxels"]:
    """Voxels whose peak stands out of the noise, so that it can be timed."""
    with np.errstate(invalid="ignore"):
        return relaxation.is_usable & (peak.height > LEAST_CONTRAST * relaxation.noise)


def flow_of(
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    correction: Correction,
    arterial: Arterial,
    peak: Passage,
    volume: Volume | None,
    plan: Plan,
) -> Flow | None:
    """Deconvolution of the leakage-corrected curves by the arterial input, calibrated on this acquisition.

    MTT is CBV over CBF with both from the same corrected curve. None where there is no arterial input or none is wanted.
    """
    if plan.deconvolution == "none" or arterial.curve is None or volume is None:
        return None
    used = slice(relaxation.rest.start, times.size)
    inflow, clock = arterial.curve[used], times[used]
    with np.errstate(invalid="ignore", divide="ignore"):
        contrast = peak.height / relaxation.noise
    timed = has_bolus(peak, relaxation)
    seen = contrast[timed] if timed.any() else np.array([LEAST_CONTRAST])
    te = echo_factor(relaxation.echo_times)
    calibration = calibrate(
        plan.deconvolution, inflow, clock, te, float(np.nanmedian(relaxation.noise)) * te,
        np.quantile(seen, CONTRAST_QUANTILES), relaxation.rest.n_frames, plan.seed,
        plan.oscillation if plan.deconvolution == "osvd" else plan.threshold,
    )
    solver = prepare(plan.deconvolution, inflow, clock, calibration.cut)
    n = relaxation.curves.shape[0]
    cbf, tmax, delay = (np.full(n, np.nan) for _ in range(3))

    def work(span: slice) -> None:
        curves = corrected_curves(relaxation, correction, span)
        found = solver.residues(curves[:, used])
        cbf[span], tmax[span], delay[span] = found.flow, found.tmax, found.delay

    each(work, spans(n, CHUNK))
    for one in (cbf, tmax, delay):
        one[~timed] = np.nan
    cbf *= haematocrit_factor(plan)
    with np.errstate(invalid="ignore", divide="ignore"):
        mtt = volume.cbv / cbf
    mtt[~(mtt > 0)] = np.nan
    scatter = calibration.scatter
    relative = np.hypot(scatter["cbf"](contrast, mtt), arterial.relative_error)
    leaky = correction.area_std / np.maximum(np.abs(correction.area), 1e-12)
    return Flow(
        cbf, cbf * relative, mtt, mtt * np.hypot(scatter["mtt"](contrast, mtt), leaky), tmax,
        np.where(np.isfinite(tmax), scatter["tmax"](contrast, mtt), np.nan), delay,
        np.where(np.isfinite(delay), scatter["delay"](contrast, mtt), np.nan), calibration,
        _flags(plan, calibration),
    )


def _flags(plan: Plan, calibration: Calibration) -> tuple[Flag, ...]:
    flags = []
    if plan.deconvolution == "ssvd":
        flags.append(
            Flag(
                "delay-sensitive",
                Severity.CAUTION,
                "sSVD depends on when the bolus arrives: a delayed region shows too little flow, an early one too much.",
                "cbf, mtt, tmax",
                source=SOURCE,
            )
        )
    if calibration.error > 0.25:
        flags.append(
            Flag(
                "coarse-flow",
                Severity.CAUTION,
                f"In a simulation of this acquisition CBF is off by {calibration.error:.0%} (median), and by "
                f"{calibration.bias[0]:+.0%} where the transit time is {TRANSIT_TIMES[0]:g} s.",
                "cbf, mtt",
                calibration.error,
                SOURCE,
            )
        )
    return tuple(flags)
