"""What the run says of itself: its methods, its numbers, the curves that explain it."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool

from perspect.dsc.arterial import Arterial
from perspect.dsc.blood import Flow
from perspect.dsc.calibrate import TRANSIT_TIMES, Calibration
from perspect.dsc.extraction import TRANSIT, Extraction
from perspect.dsc.leakage import FAR_LIKELIER, WORST_VARIATION, Correction, corrected_curves
from perspect.dsc.own_t1 import OwnT1
from perspect.dsc.passage import FirstPass, first_pass
from perspect.dsc.plan import Plan
from perspect.dsc.reference import Reference
from perspect.dsc.saturation import SURE, Saturation
from perspect.dsc.scale import WHITE_SPREAD, WHITE_VOLUME, Scale, haematocrit_factor
from perspect.dsc.seen import Seen
from perspect.dsc.signal import Relaxation
from perspect.dsc.t1_effect import R1, R2STAR
from perspect.dsc.tissue import WhiteMatter
from perspect.models.leakage import T1_BOUNDS
from perspect.vocabulary import Curve, Kept, Recipe, Region, Step, lexicon
from perspect.vocabulary.lexicon import KEP_LEAKAGE

METHODS = {
    "osvd": "block-circulant singular value decomposition with an oscillation index (oSVD)",
    "csvd": "block-circulant singular value decomposition with a fixed threshold (cSVD)",
    "ssvd": "singular value decomposition of the causal convolution matrix (sSVD)",
    "tikhonov": "Tikhonov regularisation in Fourier space with generalised cross-validation",
}


LEAKAGE = {
    "bsw": "the one-way model of Boxerman, Schmainda and Weisskoff",
    "leu": "the bidirectional model of Leu",
    "auto": "the one-way model of Boxerman, Schmainda and Weisskoff or the bidirectional one of Leu, whichever has the "
    "lower AICc in the voxel",
}


@dataclass(frozen=True, eq=False)
class Run:
    """All that a run has found, to be told of: each stage's own value under its name."""

    plan: Plan
    seen: Seen
    arterial: Arterial
    normal: Reference | None
    correction: Correction | None
    white: WhiteMatter
    scale: Scale | None
    flow: Flow | None
    simulated: Calibration

    @cached_property
    def arterial_pass(self) -> FirstPass | None:
        """The first pass of the arterial curve, if there is one."""
        if self.arterial.curve is None:
            return None
        stop = self.seen.rest.stop
        peak = stop + int(self.arterial.curve[stop:].argmax())
        return first_pass(self.arterial.curve, self.seen.times, stop, peak)


def regions(run: Run) -> dict[str, Region]:
    """The sets of voxels that were used."""
    out = {"brain": run.seen.brain, "reference": run.white.region}
    if run.arterial.region is not None:
        out["aif"] = run.arterial.region
    return out


def curves(run: Run) -> Mapping[str, Curve]:
    """The mean curves of the run, with their fits."""
    out = {
        "tissue": Curve(
            run.seen.times,
            run.seen.tissue,
            "1/s",
            "whole brain, mean ΔR2*",
            fit=run.seen.passed.fitted if run.seen.passed.is_fitted else None,
        )
    }
    if run.arterial.curve is not None:
        fitted = run.arterial_pass.fitted if run.arterial_pass is not None and run.arterial_pass.is_fitted else None
        out["aif"] = Curve(
            run.seen.times, run.arterial.curve, "1/s", f"arterial input, {run.arterial.origin}", fit=fitted
        )
    if run.normal is not None:
        label = f"tissue without leakage, mean of {run.normal.voxels.size} voxels"
        out["reference"] = Curve(run.seen.times, run.normal.curve, "1/s", label, std=run.normal.std)
    if run.seen.moved.displacement is not None:
        out["displacement"] = Curve(run.seen.times, run.seen.moved.displacement, "mm", "mean displacement of the brain")
    return out


def kept(run: Run, wanted: Region) -> Kept:
    """Signal (per cent of that at rest), ΔR2* and ΔR2* without leakage of the voxels of a region, one by one, since the
    signal is steady.
    """
    brain = run.seen.brain
    chosen = brain.taken(wanted.mask)
    voxels = np.flatnonzero(chosen)
    relaxation, steady = run.seen.curves, slice(run.seen.rest.start, None)
    usable = relaxation.is_usable[voxels, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        signal = 100.0 * relaxation.signals[-1][voxels] / relaxation.baselines[-1][voxels, None]
    rows = {"signal": signal, "delta_r2star": relaxation.curves[voxels]}
    if run.correction is not None:
        rows["corrected"] = corrected_curves(relaxation, run.correction, voxels)
    units = {name: "%" if name == "signal" else lexicon.DELTA_R2STAR.unit for name in rows}
    curves = {name: np.where(usable, one, np.nan).astype(np.float32)[:, steady] for name, one in rows.items()}
    return Kept(brain.part(chosen, wanted.name, wanted.origin), run.seen.times[steady], curves, units)


def summary(run: Run) -> Mapping[str, Any]:
    """The plain numbers of the run, in inside units; NaN and absent are: not known."""
    parts = (_of_protocol, _of_timing, _of_volume, _of_arterial, _of_leakage, _of_flow, _of_motion)
    out = {key: value for part in parts for key, value in part(run).items()}
    return out | {"plan": {name: getattr(run.plan, name) for name in run.plan.__dataclass_fields__}}


def _of_protocol(run: Run) -> dict[str, Any]:
    return {
        "te": list(run.seen.curves.echo_times),
        "tr": run.seen.acquisition.tr,
        "flip_angle": run.seen.acquisition.flip_angle,
        "field": run.seen.acquisition.field,
        "preload": run.seen.acquisition.has_preload,
        "agent": run.seen.acquisition.agent,
        "dose": run.seen.acquisition.dose,
        "reliability": run.seen.setting.reliability.word,
        "reliability_reason": " ".join(run.seen.setting.reasons),
        "t1_share": run.seen.setting.t1_share,
        "t1_effect_modelled": run.seen.curves.t1 is not None,
        "t1_of_map": isinstance(run.seen.curves.t1, OwnT1),
    }


def _of_timing(run: Run) -> dict[str, Any]:
    rest, times, window = run.seen.rest, run.seen.times, run.seen.window
    return {
        "n_volumes": int(times.size),
        "kept_volumes": list(run.seen.moved.kept),
        "time_step": float(np.median(np.diff(times))),
        "first_steady_frame": rest.start,
        "baseline_frames": [rest.start, rest.stop],
        "n_baseline": rest.n_frames,
        "baseline_seconds": float(times[rest.stop - 1] - times[rest.start]),
        "arrival": rest.arrival,
        "arrival_std": rest.arrival_std,
        "guard_seconds": rest.guard,
        "peak_frame": rest.peak,
        "seconds_after_peak": float(times[-1] - times[rest.peak]),
        "first_pass_end": float(times[run.seen.passed.frames.stop - 1]),
        "first_pass": run.seen.passed.parameters,
        "window": run.plan.window,
        "window_seconds": [float(times[window.start]), float(times[window.stop - 1])],
        "brain_contrast_to_noise": rest.contrast_to_noise,
        "drift_share": run.seen.drift,
    }


def _of_volume(run: Run) -> dict[str, Any]:
    level = run.white.level
    out = {
        "reference_origin": run.white.region.origin,
        "reference_voxels": level.n_voxels,
        "reference_area": level.mean,
        "reference_area_std": level.std,
        "reference_spread": level.spread,
    }
    if run.scale is None:
        return out
    if not run.scale.is_by_white:
        out |= {"haematocrit_factor": haematocrit_factor(run.plan)}
    return out | {
        "scale": run.scale.word,
        "scale_common_error": run.scale.common_error,
        "arterial_white_volume": run.scale.arterial_white,
    }


def _of_arterial(run: Run) -> dict[str, Any]:
    out: dict[str, Any] = {"arterial_origin": run.arterial.origin}
    if run.arterial.curve is None:
        return out
    return out | {
        "arterial_peak": float(run.arterial.curve.max()),
        "arterial_width": run.arterial.width,
        "arterial_lead": run.arterial.lead,
        "arterial_relative_error": run.arterial.relative_error,
        "arterial_first_pass": run.arterial_pass.parameters if run.arterial_pass is not None else None,
    }


def _of_leakage(run: Run) -> dict[str, Any]:
    out: dict[str, Any] = {}
    if run.correction is not None:
        told = run.correction.status == 0
        out |= {
            "leakage_corrected_share": float(told.mean()),
            "bidirectional_share": float((run.correction.is_bidirectional & told).sum() / max(told.sum(), 1)),
            "own_transit_share": float((run.correction.has_own_transit & told).sum() / max(told.sum(), 1)),
            "saturating_share": _n_saturating(run.correction, told) / max(int(told.sum()), 1),
        }
        if run.correction.extraction is not None:
            leaves = run.correction.extraction
            out |= {"extraction_voxels": int(leaves.voxels.size), "extraction_origin": leaves.origin}
    if run.normal is not None:
        out |= {"leakage_reference_voxels": int(run.normal.voxels.size), "leakage_reference_tail": run.normal.tail}
    return out


def _of_flow(run: Run) -> dict[str, Any]:
    if run.flow is None:
        return {}
    return {
        "deconvolution": run.plan.deconvolution,
        "deconvolution_cut": run.simulated.cut,
        "expected_cbf_error": run.simulated.error,
        "expected_cbf_bias": dict(zip(map(str, TRANSIT_TIMES), run.simulated.bias, strict=True)),
    }


def _of_motion(run: Run) -> dict[str, Any]:
    moved = run.seen.moved
    if moved.displacement is None:
        return {"motion_corrected": False}
    return {
        "motion_corrected": True,
        "largest_displacement": float(np.nanmax(moved.displacement)),
        "mean_framewise_displacement": moved.mean_framewise,
        "motion_parameters": moved.parameters,
        "framewise_displacement": moved.framewise,
    }


def _relaxation_step(relaxation: Relaxation) -> Step:
    one_echo = len(relaxation.echo_times) == 1
    sentence = "ΔR2* is -ln(S/S0)/TE" if one_echo else "ΔR2* is from the ratio of two echoes, so that T1 cancels"
    constants: dict[str, Any] = {"te": list(relaxation.echo_times)}
    references = ["Rosen et al. 1990, doi:10.1002/mrm.1910140211"]
    if isinstance(relaxation.t1, OwnT1):
        sentence += (
            ", without the T1 effect of agent inside vessels, computed with the T1 that a map gives each voxel (white "
            f"matter: {relaxation.t1.white:.2f} s), water that leaves capillaries {relaxation.t1.exchange:g} times a "
            f"second, {1000 * relaxation.t1.left:g} µM of agent in blood at rest and relaxivities of {R1:g} and "
            f"{R2STAR:g} /s/mM"
        )
        constants |= {
            "white_t1": relaxation.t1.white, "water_leaves_blood": relaxation.t1.exchange, "left": relaxation.t1.left,
            "r1": R1, "r2star": R2STAR,
        }  # fmt: skip
        references += ["Rooney et al. 2015, doi:10.1002/nbm.3294", "Semmineh et al. 2018, PMC6239921"]
    elif relaxation.t1 is not None:
        sentence += (
            ", without the T1 effect of agent inside vessels, which the steady-state equation gives for T1 "
            f"{relaxation.t1.t1:g} s and relaxivities of {R1:g} and {R2STAR:g} /s/mM in fast exchange"
        )
        constants |= {"t1": relaxation.t1.t1, "r1": R1, "r2star": R2STAR}
        references.append("Semmineh et al. 2018, PMC6239921")
    return Step("relaxation", sentence + ".", constants, tuple(references))


def _n_saturating(correction: Correction, told: Bool[np.ndarray, " voxels"]) -> int:
    """In how many of the voxels with sound corrections leakage was fitted by the signal equation."""
    return 0 if correction.saturation is None else int(told[correction.saturation.voxels].sum())


def _saturation_step(saturation: Saturation) -> Step:
    model = saturation.model
    t1, t1_std = model.expected_t1
    return Step(
        "saturation",
        f"Where K2 is positive by more than {SURE:g} standard errors ({saturation.voxels.size} voxels) leakage was "
        "fitted by the signal equation instead, so that its T1 effect saturates, with the T1 of the voxel expected at "
        f"{t1:.2f} ± {t1_std:.2f} s and leaked agent adding {model.transverse:g} times as much to R2* as to R1; K2 "
        f"there is that of the first agent to leak. Water exchanges fast; relaxivities are {R1:g} and {R2STAR:g} "
        "/s/mM.",
        {
            "sure": SURE,
            "t1": [t1, t1_std],
            "t1_bounds": T1_BOUNDS,
            "transverse": model.transverse,
            "r1": R1,
            "r2star": R2STAR,
            "kep_bounds": [KEP_LEAKAGE.low, KEP_LEAKAGE.high],
        },
        (
            "Fram et al. 1987, doi:10.1016/0730-725X(87)90021-X",
            "Quarles et al. 2009, doi:10.1088/0031-9155/54/19/006",
            "Semmineh et al. 2017, doi:10.18383/j.tom.2016.00286",
            "Bottomley et al. 1984, doi:10.1118/1.595535",
        ),
    )


def _extraction_step(leaves: Extraction) -> Step:
    return Step(
        "extraction",
        "Agent that leaves during its passage is missing from the area of the bolus. Blood volume has Ktrans times "
        f"{TRANSIT[0]:g} ± {TRANSIT[1]:g} s added for it in {leaves.voxels.size} voxels (transit time of a lesion, all "
        "of which counts where blood is well mixed and half where it flows as a plug), as told by "
        f"{leaves.origin}.",
        {"transit": list(TRANSIT), "r1": R1, "r2star": R2STAR, "sure": SURE},
        ("Sourbron & Buckley 2013, doi:10.1002/nbm.2940",),
    )


def recipe(run: Run) -> Recipe:
    """The methods section of this run."""
    steps = [_baseline_step(run), run.seen.moved.step, _relaxation_step(run.seen.curves)]
    if run.arterial.curve is not None:
        steps.append(_arterial_step(run.arterial))
    steps.append(_leakage_step(run))
    if run.correction is not None and run.correction.saturation is not None and run.correction.saturation.voxels.size:
        steps.append(_saturation_step(run.correction.saturation))
    if run.correction is not None and run.correction.extraction is not None:
        steps.append(_extraction_step(run.correction.extraction))
    steps.append(_volume_step(run))
    if run.flow is not None:
        steps.append(_flow_step(run.plan, run.simulated))
    return Recipe(tuple(steps))


def _baseline_step(run: Run) -> Step:
    rest, times = run.seen.rest, run.seen.times
    return Step(
        "baseline",
        f"{_dropped(rest.start, times.size)}; the baseline is the {rest.n_frames} volumes from {times[rest.start]:.1f} "
        f"to {times[rest.stop - 1]:.1f} s, and the bolus arrives at {rest.arrival:.1f} s (linear-quadratic model on "
        "the brain's mean signal).",
        {"guard": rest.guard},
        ("Cheong et al. 2003, doi:10.1088/0031-9155/48/5/403",),
    )


def _dropped(n: int, n_all: int) -> str:
    """What was done with first volumes.

    >>> _dropped(1, 50)
    'The first of 50 volumes was not in steady state and was left out'
    """
    if n == 0:
        return f"The first of {n_all} volumes was in steady state"
    many = "of" if n == 1 else f"{n} of"
    was = "was" if n == 1 else "were"
    return f"The first {many} {n_all} volumes {was} not in steady state and {was} left out"


def _arterial_step(arterial: Arterial) -> Step:
    return Step(
        "arterial input",
        f"The arterial input was {arterial.origin}.",
        {"relative_error": arterial.relative_error},
        ("Mouridsen et al. 2006, doi:10.1002/mrm.20759",) if arterial.region is not None else (),
    )


def _leakage_step(run: Run) -> Step:
    if run.correction is None or run.normal is None:
        return Step("leakage", "Leakage was not corrected.")
    given = run.normal.is_given
    own = ""
    if given and run.plan.leakage == "auto":
        own = (
            f" In {int(run.correction.has_own_transit.sum())} voxels a transit time of their own was far "
            f"the likelier beside leakage (above {FAR_LIKELIER:.0%})."
        )
    return Step(
        "leakage",
        f"Leakage was corrected by {LEAKAGE[run.plan.leakage]}, against the mean curve of {run.normal.voxels.size} "
        f"voxels of {'the given normal-appearing white matter' if given else 'non-enhancing brain'}, where the "
        f"standard error of K2 by these models is below {WORST_VARIATION:.0%} of it.{own}",
        {"worst_variation": WORST_VARIATION, **({"far_likelier": FAR_LIKELIER} if own else {})},
        ("Boxerman et al. 2006, AJNR 27:859", "Leu et al. 2016, doi:10.3174/ajnr.A4759"),
    )


def _volume_step(run: Run) -> Step:
    times, window, white = run.seen.times, run.seen.window, run.white
    absolute, constants, references = _absolute(run)
    return Step(
        "blood volume",
        f"Blood volume is the {'plain' if run.correction is None else 'corrected'} area from {times[window.start]:.1f} "
        f"to {times[window.stop - 1]:.1f} s; rCBV is its ratio to the mean of {white.level.n_voxels} voxels of "
        f"normal-appearing white matter ({white.region.origin or white.region.name}){absolute}.",
        constants,
        ("Bedekar et al. 2010, doi:10.1002/mrm.22445", *references),
    )


def _absolute(run: Run) -> tuple[str, dict[str, Any], tuple[str, ...]]:
    """How CBV was brought to scale, in words, with its constants and sources."""
    if run.scale is None or not np.isfinite(run.scale.gain):
        return "", {}, ()
    if run.scale.is_by_white:
        words = (
            f"; CBV and CBF are scaled so that CBV has a mean of {100 * WHITE_VOLUME:.1f} mL/100 mL there (± "
            f"{WHITE_SPREAD:.0%} between people)"
        )
        sources = ("Leenders et al. 1990, doi:10.1093/brain/113.1.27", "Ostergaard et al. 1996, MRM 36:726")
        return words, {"white_volume": WHITE_VOLUME, "white_spread": WHITE_SPREAD}, sources
    factor = haematocrit_factor(run.plan)
    words = f"; CBV is relative to the arterial area with a haematocrit factor of {factor:.3f}"
    return words, {"hct_large": run.plan.hct_large, "hct_small": run.plan.hct_small}, ()


def _flow_step(plan: Plan, simulated: Calibration) -> Step:
    cut = "" if np.isnan(simulated.cut) else f", cut {simulated.cut:.3f}"
    return Step(
        "flow",
        f"CBF, MTT = CBV/CBF, Tmax and delay come from {METHODS[plan.deconvolution]}{cut}; a simulation of this "
        f"acquisition gives a median error of CBF of {simulated.error:.0%} and the standard errors.",
        {"cut": simulated.cut, "seed": plan.seed},
        ("Wu et al. 2003, doi:10.1002/mrm.10522",),
    )
