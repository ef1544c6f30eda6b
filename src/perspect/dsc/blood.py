"""Blood volume, flow, transit time, Tmax and delay of every voxel."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.dsc.arterial import Arterial
from perspect.dsc.calibrate import TRANSIT_TIMES, Calibration, calibrate, tissue_noise
from perspect.dsc.deconvolve import prepare
from perspect.dsc.leakage import Correction, corrected_curves
from perspect.dsc.passage import Passage
from perspect.dsc.plan import Plan
from perspect.dsc.quality import SOURCE
from perspect.dsc.scale import Scale
from perspect.dsc.signal import Relaxation
from perspect.numerics.deconvolution import CHUNK
from perspect.numerics.parallel import each, spans
from perspect.vocabulary import Flag, Severity, lexicon

LEAST_CONTRAST: Final = 4.0
"""Peak over noise below which a voxel has no bolus to time: the largest of a hundred noisy samples reaches 2.5."""

LEAST_NOISE: Final = 1e-3
"""Of the brain's typical noise, which no voxel is taken to be below."""

CONTRAST_QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the brain's peak over noise, at which the acquisition is simulated."""


EARLY: Final = 1.0
"""s by which the middle of the brain may be reached before its artery: delays are known to half a frame or so, and
arteries lie within the brain [our default]."""


@dataclass(frozen=True, eq=False)
class Volume:
    """Blood volume in mL/mL with its standard error."""

    cbv: Float[np.ndarray, " voxels"]
    std: Float[np.ndarray, " voxels"]


@dataclass(frozen=True, eq=False)
class Flow:
    """Flow (1/s), transit time, Tmax and delay (s) with standard errors, and where these times are one of several."""

    cbf: Float[np.ndarray, " voxels"]
    cbf_std: Float[np.ndarray, " voxels"]
    mtt: Float[np.ndarray, " voxels"]
    mtt_std: Float[np.ndarray, " voxels"]
    tmax: Float[np.ndarray, " voxels"]
    tmax_std: Float[np.ndarray, " voxels"]
    delay: Float[np.ndarray, " voxels"]
    delay_std: Float[np.ndarray, " voxels"]
    is_tmax_ambiguous: Bool[np.ndarray, " voxels"]
    is_delay_ambiguous: Bool[np.ndarray, " voxels"]
    flags: tuple[Flag, ...]


def volume_of(area: Correction, scale: Scale | None) -> Volume | None:
    """Blood volume: the corrected area of each voxel over that of the arterial curve in the same window, to scale.

    None where there is no arterial input, or nothing that sets the scale.
    """
    if scale is None or not np.isfinite(scale.gain):
        return None
    factor = scale.gain / scale.inflow
    cbv = factor * area.area
    return Volume(cbv, np.sqrt((factor * area.area_std) ** 2 + (cbv * scale.relative_error) ** 2))


def has_bolus(peak: Passage, relaxation: Relaxation) -> Bool[np.ndarray, " voxels"]:
    """Voxels whose peak stands out of the noise, so that it can be timed."""
    with np.errstate(invalid="ignore"):
        return relaxation.is_usable & (peak.height > LEAST_CONTRAST * relaxation.noise)


def calibration_of(
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    first_pass: slice,
    tissue: Float[np.ndarray, " time"],
    width: float,
    arterial: Arterial,
    peak: Passage,
    plan: Plan,
) -> Calibration:
    """The acquisition at hand, simulated with the arterial curve as input or, without one, the brain's mean curve,
    whose first pass is `width` s wide.
    """
    start = relaxation.rest.start
    with np.errstate(invalid="ignore", divide="ignore"):
        contrast = peak.height / relaxation.noise
    timed = has_bolus(peak, relaxation)
    seen = contrast[timed] if timed.any() else np.array([LEAST_CONTRAST])
    has_input = arterial.curve is not None and plan.deconvolution != "none"
    inflow = tissue if arterial.curve is None else arterial.curve
    return calibrate(
        plan.deconvolution if has_input and plan.deconvolution != "none" else None,
        np.asarray(inflow, np.float64)[start:],
        times[start:],
        slice(first_pass.start - start, first_pass.stop - start),
        width,
        relaxation,
        np.quantile(seen, CONTRAST_QUANTILES),
        plan.seed,
        plan.oscillation if plan.deconvolution == "osvd" else plan.threshold,
    )


def flow_of(
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    correction: Correction,
    arterial: Arterial,
    peak: Passage,
    scale: Scale | None,
    calibration: Calibration,
    plan: Plan,
    lag: Float[np.ndarray, " voxels"] | None = None,
) -> Flow | None:
    """Deconvolution of the leakage-corrected curves by the arterial input, calibrated on this acquisition.

    MTT is CBV over CBF with both from the same corrected curve, whatever their scale; CBF is NaN where nothing sets
    that. None where there is no arterial input or none is wanted. `lag` is how much later (s) each voxel was sampled
    than the artery: it seems to be reached earlier by that.
    """
    if plan.deconvolution == "none" or arterial.curve is None or scale is None:
        return None
    used = slice(relaxation.rest.start, times.size)
    solver = prepare(plan.deconvolution, arterial.curve[used], times[used], calibration.cut)
    n = relaxation.curves.shape[0]
    cbf, tmax, delay = (np.full(n, np.nan) for _ in range(3))
    tmax_noise, delay_noise = np.full((2, n), np.nan), np.full((2, n), np.nan)
    is_ambiguous = np.zeros((2, n), bool)

    _ = solver.covariance  # of all voxels alike: else each thread would make its own
    noise = np.maximum(relaxation.noise, tissue_noise(relaxation) * LEAST_NOISE)

    def work(span: slice) -> None:
        found = solver.residues(corrected_curves(relaxation, correction, span)[:, used], noise[span])
        cbf[span], tmax[span], delay[span] = found.flow, found.tmax, found.delay
        tmax_noise[:, span], delay_noise[:, span] = found.tmax_noise, found.delay_noise
        is_ambiguous[:, span] = found.is_ambiguous

    each(work, spans(n, CHUNK))
    with np.errstate(invalid="ignore", divide="ignore"):
        mtt = correction.area / scale.inflow / cbf
        contrast = peak.height / relaxation.noise
        # The simulation has the noise of the area in it, not what leakage and its correction add.
        added = np.sqrt(np.maximum(correction.area_std**2 - correction.plain_std**2, 0)) / np.abs(correction.area)
    mtt[~(mtt > 0)] = np.nan
    if lag is not None:
        tmax, delay = tmax + lag, delay + lag
    # A time outside what the lexicon allows is another bolus, or none.
    for one, quantity in ((tmax, lexicon.TMAX), (delay, lexicon.DELAY)):
        one[~((one >= quantity.low) & (one <= quantity.high))] = np.nan
    scatter, of_times = calibration.scatter, calibration.times
    cbf *= scale.gain
    relative = np.hypot(scatter["cbf"](contrast, mtt), scale.relative_error)
    return Flow(
        cbf, cbf * relative, mtt, mtt * np.hypot(scatter["mtt"](contrast, mtt), added),
        tmax, of_times["tmax"](contrast, tmax_noise, mtt), delay, of_times["delay"](contrast, delay_noise, mtt),
        is_ambiguous[0], is_ambiguous[1], (*_flags(plan, calibration), *late_flags(delay)),
    )  # fmt: skip


def late_flags(delay: Float[np.ndarray, " voxels"]) -> tuple[Flag, ...]:
    """What is to be said where blood reaches the brain before it reaches the artery (delays in s)."""
    known = delay[np.isfinite(delay)]
    middle = float(np.median(known)) if known.size else 0.0
    if middle > -EARLY:
        return ()
    sentence = (
        f"Blood reaches half of the brain {-middle:.1f} s or more before it reaches the arterial input, which is no "
        "artery of it but a vein, tissue or an artery that is filled late: delay and Tmax are too small by that, CBF "
        "and MTT of its shape. rCBV does not depend on it. Look at its outline, or give another one with --aif."
    )
    return (Flag("late-arterial-input", Severity.CAUTION, sentence, "cbf, mtt, tmax, delay", source=SOURCE),)


def _flags(plan: Plan, calibration: Calibration) -> tuple[Flag, ...]:
    flags = []
    if plan.deconvolution == "ssvd":
        flags.append(
            Flag(
                "delay-sensitive",
                Severity.CAUTION,
                "sSVD depends on when the bolus arrives: a delayed region shows too little flow, an early one too "
                "much.",
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
