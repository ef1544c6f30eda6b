"""A DSC series to maps: reads from top to bottom as a methods section."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from perspect.anatomy.in_turn import lag_behind_artery
from perspect.dsc import account
from perspect.dsc.arterial import arterial_input
from perspect.dsc.blood import calibration_of, flow_of, volume_of
from perspect.dsc.drift import drift_flags
from perspect.dsc.extraction import Extraction, extraction, extraction_by_map, extraction_flags, shows_extraction
from perspect.dsc.given_t1 import given_t1, own_t1_flags
from perspect.dsc.inputs import check_ktrans, check_place, checked_echoes, demand_white
from perspect.dsc.integrate import trapezoid_weights
from perspect.dsc.leakage import Correction, completed, correct, uncorrected
from perspect.dsc.maps import maps
from perspect.dsc.normalise import standardised
from perspect.dsc.own_t1 import OwnT1
from perspect.dsc.passage import Passage, passage
from perspect.dsc.plan import Plan
from perspect.dsc.quality import leakage_flags, refuse_reference, t1_flags, turn_flags, voxel_flags
from perspect.dsc.reference import Reference, leakage_reference
from perspect.dsc.scale import WHITE_SPREAD, WHITE_VOLUME, scale_flags, scale_of
from perspect.dsc.seen import Seen, seen
from perspect.dsc.tissue import white_matter_level
from perspect.numerics.parallel import one_blas_thread
from perspect.vocabulary import Curve, Flag, Measured, Region, Series
from perspect.vocabulary.progress import Progress, silent


@one_blas_thread()
def quantify(
    series: Series | tuple[Series, ...],
    plan: Plan | None = None,
    *,
    mask: Region | None = None,
    reference: Region | None = None,
    aif: Region | Curve | None = None,
    lesion: Region | None = None,
    keep: Region | None = None,
    ktrans: Float[np.ndarray, "x y z"] | None = None,
    t1: Float[np.ndarray, "x y z"] | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Maps of blood volume, leakage, flow and timing from a DSC series, with standard errors, status, flags and recipe.

    One echo, or two of the same bolus (then T1 effects cancel). `mask` restricts the analysis (default: the brain,
    found on the image); `reference` is normal-appearing white matter (default: found from the perfusion); `aif` is a
    region or a curve (default: found outside the `lesion`, where one is known). The curves of the voxels of `keep` are
    kept beside the maps. `ktrans` in 1/s, on the grid of the series, says by how much agent that leaves makes blood
    volume read low, where DCE has measured it; `t1` in s, likewise, is that at the time of the bolus, by which the T1
    effect of one echo is taken out. `progress` is told the stage and the share of it that is done.

    Raises Problem where the input cannot be used, Refusal where it must not be interpreted.
    """
    plan, tell = plan or Plan(), progress or silent
    echoes = checked_echoes(series)
    for region in (mask, reference, aif, lesion, keep):
        if isinstance(region, Region):
            check_place(region, echoes[0])
    check_ktrans(ktrans, echoes[0], plan)
    found = seen(echoes, plan, mask, tell, given_t1(t1, echoes, plan, reference))
    curves, times, brain, window = found.curves, found.times, found.brain, found.window

    tell("arterial input", 0.0)
    arterial = arterial_input(curves, times, found.passed, brain, aif, plan, found.in_turn, lesion)

    tell("leakage", 0.0)
    normal, correction = _leakage(found, plan, reference, ktrans)
    area = correction or uncorrected(curves, times, window)

    tell("blood volume", 0.0)
    peak = _passage(found)
    white = white_matter_level(curves, area, peak, brain, reference)
    standard = standardised(area.area, area.area_std, white.is_tissue)
    scale = scale_of(arterial, white, times, window, plan, is_found=aif is None)

    tell("flow", 0.0)
    simulated = calibration_of(curves, times, found.passed.frames, found.tissue, found.width, arterial, peak, plan)
    lag = lag_behind_artery(echoes[0].slice_times, brain, arterial.region)
    flow = flow_of(curves, times, area, arterial, peak, scale, simulated, plan, lag)

    run = account.Run(plan, found, arterial, normal, correction, white, scale, flow, simulated)
    return Measured(
        maps(brain, curves, correction, area, volume_of(area, scale), white, standard, flow, peak, simulated),
        _flags(run), account.recipe(run), account.regions(run), account.curves(run), account.summary(run),
        None if keep is None else account.kept(run, keep),
    )  # fmt: skip


def _leakage(
    found: Seen, plan: Plan, given: Region | None, ktrans: Float[np.ndarray, "x y z"] | None
) -> tuple[Reference | None, Correction | None]:
    """The curve of tissue without leakage and what was corrected by it, if that is wanted.

    Raises Refusal where there is no such curve.
    """
    if plan.leakage == "none":
        return None, None
    frames = found.passed.frames
    normal = leakage_reference(found.curves, found.times, frames, plan.leakage_reference, found.brain, given)
    refuse_reference(normal, frames)
    saturates = found.saturating if plan.leakage == "auto" else None
    corrected = correct(
        found.curves, found.times, normal.curve, found.window, plan.leakage, saturates, found.acquisition.field,
        is_white=normal.is_given,
    )  # fmt: skip
    leaves = _leaves(found, plan, normal, ktrans)
    if leaves is not None:
        corrected = completed(corrected, found.times, normal.curve, found.window, leaves)
    return normal, corrected


def _leaves(found: Seen, plan: Plan, normal: Reference, ktrans: Float[np.ndarray, "x y z"] | None) -> Extraction | None:
    """How fast agent leaves, as far as that is known and wanted.

    Raises Problem for a map of Ktrans without white matter to hold it against.
    """
    if plan.extraction == "ignored" or plan.leakage != "auto":
        return None
    if ktrans is not None:
        demand_white(normal)
        plasma = WHITE_VOLUME * (1 - plan.hct_small)
        return extraction_by_map(found.brain.taken(ktrans).astype(np.float64), found.curves, plasma, WHITE_SPREAD)
    if not shows_extraction(found.acquisition, found.curves):
        return None
    return extraction(found.curves, found.times, normal, found.acquisition)


def _passage(found: Seen) -> Passage:
    """Peak, its time and the recovery of every voxel; times count from when each slice was taken."""
    peak = passage(found.curves, found.times, found.passed.frames, found.rest.arrival, found.width)
    return peak if found.in_turn is None else replace(peak, time=peak.time + found.in_turn)


def _flags(run: account.Run) -> tuple[Flag, ...]:
    """All that is to be said, the gravest first."""
    found, is_fitted = run.seen, run.seen.saturating is not None and run.plan.leakage == "auto"
    flags = (
        *found.setting.flags, *drift_flags(found.drift), *turn_flags(found.in_turn),
        *_t1_flags(found, is_fitted), *_extraction_flags(run), *found.moved.flags, *run.arterial.flags,
        *run.white.flags, *leakage_flags(run.correction), *scale_flags(run.scale, run.plan),
        *(run.flow.flags if run.flow else ()),
        *voxel_flags(found.curves),
    )  # fmt: skip
    return tuple(sorted(flags, key=lambda flag: -flag.severity))


def _t1_flags(found: Seen, is_fitted: bool) -> tuple[Flag, ...]:
    own = found.curves.t1
    return own_t1_flags(own, found.acquisition) if isinstance(own, OwnT1) else t1_flags(own, is_fitted)


def _extraction_flags(run: account.Run) -> tuple[Flag, ...]:
    if run.correction is None or run.normal is None:
        return ()
    reference = float(trapezoid_weights(run.seen.times, run.seen.window) @ run.normal.curve)
    return extraction_flags(run.correction.extraction, run.correction.area, reference)
