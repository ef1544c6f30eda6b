"""What the run says of itself: its methods, its numbers, the curves that explain it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from perspect.dsc.arterial import Arterial
from perspect.dsc.blood import Flow, haematocrit_factor
from perspect.dsc.calibrate import TRANSIT_TIMES, Calibration
from perspect.dsc.leakage import WORST_VARIATION, Correction
from perspect.dsc.motion import Aligned
from perspect.dsc.passage import FirstPass
from perspect.dsc.plan import Plan
from perspect.dsc.quality import Protocol
from perspect.dsc.reference import Reference
from perspect.dsc.saturation import SURE, Saturation
from perspect.dsc.signal import Relaxation, Rest
from perspect.dsc.t1_effect import R1, R2STAR
from perspect.dsc.tissue import WhiteMatter
from perspect.vocabulary import Acquisition, Curve, Recipe, Step

METHODS = {
    "osvd": "block-circulant singular value decomposition with an oscillation index (oSVD)",
    "csvd": "block-circulant singular value decomposition with a fixed threshold (cSVD)",
    "ssvd": "singular value decomposition of the causal convolution matrix (sSVD)",
    "tikhonov": "Tikhonov regularisation in Fourier space with generalised cross-validation",
}


def curves(
    times: Float[np.ndarray, " time"],
    tissue: Float[np.ndarray, " time"],
    passed: FirstPass,
    arterial: Arterial,
    arterial_pass: FirstPass | None,
    normal: Reference | None,
    moved: Aligned,
) -> Mapping[str, Curve]:
    """The mean curves of the run, with their fits."""
    out = {
        "tissue": Curve(times, tissue, "1/s", "whole brain, mean ΔR2*", fit=passed.fitted if passed.is_fitted else None)
    }
    if arterial.curve is not None:
        fitted = arterial_pass.fitted if arterial_pass is not None and arterial_pass.is_fitted else None
        out["aif"] = Curve(times, arterial.curve, "1/s", f"arterial input, {arterial.origin}", fit=fitted)
    if normal is not None:
        label = f"tissue without leakage, mean of {normal.voxels.size} voxels"
        out["reference"] = Curve(times, normal.curve, "1/s", label, std=normal.std)
    if moved.displacement is not None:
        out["displacement"] = Curve(times, moved.displacement, "mm", "mean displacement of the brain")
    return out


def summary(
    acquisition: Acquisition,
    relaxation: Relaxation,
    times: Float[np.ndarray, " time"],
    rest: Rest,
    setting: Protocol,
    passed: FirstPass,
    arterial: Arterial,
    arterial_pass: FirstPass | None,
    white: WhiteMatter,
    correction: Correction | None,
    normal: Reference | None,
    flow: Flow | None,
    simulated: Calibration,
    moved: Aligned,
    window: slice,
    plan: Plan,
) -> Mapping[str, Any]:
    """The plain numbers of the run, in inside units; NaN and absent are: not known."""
    out: dict[str, Any] = {
        "te": list(relaxation.echo_times),
        "tr": acquisition.tr,
        "flip_angle": acquisition.flip_angle,
        "field": acquisition.field,
        "preload": acquisition.has_preload,
        "agent": acquisition.agent,
        "dose": acquisition.dose,
        "n_volumes": int(times.size),
        "kept_volumes": list(moved.kept),
        "time_step": float(np.median(np.diff(times))),
        "first_steady_frame": rest.start,
        "baseline_frames": [rest.start, rest.stop],
        "n_baseline": rest.n_frames,
        "baseline_seconds": float(times[rest.stop - 1] - times[rest.start]),
        "arrival": rest.arrival,
        "peak_frame": rest.peak,
        "seconds_after_peak": float(times[-1] - times[rest.peak]),
        "first_pass_end": float(times[passed.frames.stop - 1]),
        "window": plan.window,
        "window_seconds": [float(times[window.start]), float(times[window.stop - 1])],
        "brain_contrast_to_noise": rest.contrast_to_noise,
        "reliability": setting.reliability.word,
        "reliability_reason": " ".join(setting.reasons),
        "t1_share": setting.t1_share,
        "t1_effect_modelled": relaxation.t1 is not None,
        "haematocrit_factor": haematocrit_factor(plan),
        "first_pass": passed.parameters,
        "arterial_origin": arterial.origin,
        "reference_origin": white.region.origin,
        "reference_voxels": white.level.n_voxels,
        "reference_area": white.level.median,
        "reference_area_std": white.level.std,
        "reference_spread": white.level.spread,
        "motion_corrected": moved.displacement is not None,
        "plan": {name: getattr(plan, name) for name in plan.__dataclass_fields__},
    }
    if arterial.curve is not None:
        out |= {
            "arterial_peak": float(arterial.curve.max()),
            "arterial_width": arterial.width,
            "arterial_lead": arterial.lead,
            "arterial_relative_error": arterial.relative_error,
            "arterial_first_pass": arterial_pass.parameters if arterial_pass is not None else None,
        }
    if correction is not None:
        told = correction.status == 0
        out |= {
            "leakage_corrected_share": float(told.mean()),
            "bidirectional_share": float((correction.is_bidirectional & told).sum() / max(told.sum(), 1)),
            "saturating_share": n_saturating(correction) / max(int(told.sum()), 1),
        }
    if normal is not None:
        out |= {"leakage_reference_voxels": int(normal.voxels.size), "leakage_reference_tail": normal.tail}
    if flow is not None:
        out |= {
            "deconvolution": plan.deconvolution,
            "deconvolution_cut": simulated.cut,
            "expected_cbf_error": simulated.error,
            "expected_cbf_bias": dict(zip(map(str, TRANSIT_TIMES), simulated.bias, strict=True)),
        }
    if moved.displacement is not None:
        out |= {
            "largest_displacement": float(np.nanmax(moved.displacement)),
            "mean_framewise_displacement": moved.mean_framewise,
            "motion_parameters": moved.parameters,
            "framewise_displacement": moved.framewise,
        }
    return out


def _relaxation_step(relaxation: Relaxation) -> Step:
    one_echo = len(relaxation.echo_times) == 1
    sentence = "ΔR2* is -ln(S/S0)/TE" if one_echo else "ΔR2* is from the ratio of two echoes, so that T1 cancels"
    constants: dict[str, Any] = {"te": list(relaxation.echo_times)}
    references = ["Rosen et al. 1990, doi:10.1002/mrm.1910140211"]
    if relaxation.t1 is not None:
        sentence += (
            ", without the T1 effect of agent inside vessels, which the steady-state equation gives for T1 "
            f"{relaxation.t1.t1:g} s and relaxivities of {R1:g} and {R2STAR:g} /s/mM in fast exchange"
        )
        constants |= {"t1": relaxation.t1.t1, "r1": R1, "r2star": R2STAR}
        references.append("Semmineh et al. 2018, PMC6239921")
    return Step("relaxation", sentence + ".", constants, tuple(references))


def n_saturating(correction: Correction) -> int:
    """In how many voxels leakage was fitted by the signal equation."""
    return 0 if correction.saturation is None else int(correction.saturation.voxels.size)


def _saturation_step(saturation: Saturation) -> Step:
    model = saturation.model
    t1, t1_std = model.expected_t1
    return Step(
        "saturation",
        f"Where K2 is positive by more than {SURE:g} standard errors ({saturation.voxels.size} voxels) leakage was "
        "fitted by the signal equation instead, so that its T1 effect saturates, with the T1 of the voxel expected at "
        f"{t1:.2f} ± {t1_std:.2f} s and leaked agent adding {model.transverse:g} times as much to R2* as to R1; K2 "
        "there is that of the first agent to leak.",
        {"sure": SURE, "t1": [t1, t1_std], "transverse": model.transverse},
        ("Quarles et al. 2009, doi:10.1088/0031-9155/54/19/006",),
    )


def recipe(
    plan: Plan,
    rest: Rest,
    times: Float[np.ndarray, " time"],
    relaxation: Relaxation,
    moved: Aligned,
    arterial: Arterial,
    correction: Correction | None,
    normal: Reference | None,
    white: WhiteMatter,
    flow: Flow | None,
    simulated: Calibration,
    window: slice,
) -> Recipe:
    """The methods section of this run."""
    steps = [
        Step(
            "baseline",
            f"The first {rest.start} of {times.size} volumes were not in steady state and were left out; the baseline "
            f"is the {rest.n_frames} volumes before {times[rest.stop - 1]:.1f} s, and the bolus arrives at "
            f"{rest.arrival:.1f} s (linear-quadratic model on the brain's mean signal).",
            {"guard": plan.guard},
            ("Cheong et al. 2003, doi:10.1088/0031-9155/48/5/403",),
        ),
        moved.step,
        _relaxation_step(relaxation),
    ]
    if arterial.curve is not None:
        steps.append(
            Step(
                "arterial input",
                f"The arterial input was {arterial.origin}.",
                {"relative_error": arterial.relative_error},
                ("Mouridsen et al. 2006, doi:10.1002/mrm.20759",) if arterial.region is not None else (),
            )
        )
    if correction is None or normal is None:
        steps.append(Step("leakage", "Leakage was not corrected."))
    else:
        model = {
            "bsw": "the one-way model of Boxerman, Schmainda and Weisskoff",
            "leu": "the bidirectional model of Leu",
            "auto": "the one-way model of Boxerman, Schmainda and Weisskoff or the bidirectional one of Leu, "
            "whichever has the lower AICc in the voxel",
        }[plan.leakage]
        steps.append(
            Step(
                "leakage",
                f"Leakage was corrected by {model}, against the mean curve of {normal.voxels.size} voxels of "
                + (
                    "the given normal-appearing white matter"
                    if plan.leakage_reference == "reference"
                    else "non-enhancing brain"
                )
                + f", where the standard error of K2 is below {WORST_VARIATION:.0%} of it.",
                {"worst_variation": WORST_VARIATION},
                ("Boxerman et al. 2006, AJNR 27:859", "Leu et al. 2016, doi:10.3174/ajnr.A4759"),
            )
        )
        if correction.saturation is not None:
            steps.append(_saturation_step(correction.saturation))
    steps.append(
        Step(
            "blood volume",
            f"Blood volume is the {'plain' if correction is None else 'corrected'} area from "
            f"{times[window.start]:.1f} to {times[window.stop - 1]:.1f} s; rCBV is its ratio to the median of "
            f"{white.level.n_voxels} voxels of normal-appearing white matter "
            f"({white.region.origin or white.region.name}); CBV is relative to the arterial area with a haematocrit "
            f"factor of {haematocrit_factor(plan):.3f}.",
            {"hct_large": plan.hct_large, "hct_small": plan.hct_small},
            ("Bedekar et al. 2010, doi:10.1002/mrm.22445",),
        )
    )
    if flow is not None:
        steps.append(
            Step(
                "flow",
                f"CBF, MTT = CBV/CBF, Tmax and delay come from {METHODS[plan.deconvolution]}"
                + ("" if np.isnan(simulated.cut) else f", cut {simulated.cut:.3f}")
                + f"; a simulation of this acquisition gives a median error of CBF of {simulated.error:.0%} and the "
                "standard errors.",
                {"cut": simulated.cut, "seed": plan.seed},
                ("Wu et al. 2003, doi:10.1002/mrm.10522",),
            )
        )
    return Recipe(tuple(steps))
