"""A DSC series to maps: reads from top to bottom as a methods section."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from perspect.anatomy.aligned import aligned
from perspect.anatomy.in_turn import lag_behind_artery
from perspect.dsc import account
from perspect.dsc.arterial import arterial_input
from perspect.dsc.blood import calibration_of, flow_of, volume_of
from perspect.dsc.bolus import refuse_few_voxels
from perspect.dsc.inputs import check_place, checked_echoes, find_brain_and_rest
from perspect.dsc.leakage import correct, uncorrected
from perspect.dsc.maps import maps
from perspect.dsc.normalise import standardised
from perspect.dsc.passage import first_pass, passage, width_of
from perspect.dsc.plan import Plan
from perspect.dsc.quality import protocol, refuse_protocol, refuse_reference, t1_flags, turn_flags, voxel_flags
from perspect.dsc.reference import leakage_reference, refuse_negative_tails
from perspect.dsc.scale import scale_flags, scale_of
from perspect.dsc.signal import Relaxation, relaxation, rest
from perspect.dsc.t1_effect import LARGEST_SHARE, T1Effect, t1_effect
from perspect.dsc.tissue import white_matter_level
from perspect.numerics.parallel import each, one_blas_thread, spans
from perspect.vocabulary import Acquisition, Curve, Measured, Problem, Region, Series
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
    progress: Progress | None = None,
) -> Measured:
    """Maps of blood volume, leakage, flow and timing from a DSC series, with standard errors, status, flags and recipe.

    One echo, or two of the same bolus (then T1 effects cancel). `mask` restricts the analysis (default: the brain,
    found on the image); `reference` is normal-appearing white matter (default: found from the perfusion); `aif` is a
    region or a curve (default: found outside the `lesion`, where one is known). The curves of the voxels of `keep` are
    kept beside the maps. `progress` is told the stage and the share of it that is done.

    Raises Problem where the input cannot be used, Refusal where it must not be interpreted.
    """
    plan = plan or Plan()
    tell = progress or silent
    echoes = checked_echoes(series)
    for region in (mask, reference, aif, lesion, keep):
        if isinstance(region, Region):
            check_place(region, echoes[0])
    acquisition = echoes[0].acquisition
    echo_times = tuple(float(echo.acquisition.te or np.nan) for echo in echoes)
    refuse_protocol(acquisition, echo_times)
    tell("steady state and bolus", 0.0)
    brain, at_rest = find_brain_and_rest(echoes[-1], plan, mask)
    moved = aligned(echoes, at_rest.frames, brain, plan.motion, tell)
    times = moved.echoes[0].times
    at_rest = rest(moved.echoes[-1].mean_curve(moved.inside), times, plan.guard)

    tell("relaxation rate", 0.0)
    t1 = modelled_t1(acquisition, echo_times, plan)
    signals = tuple(echo.curves(moved.inside) for echo in moved.echoes)
    # From here on only the brain's curves are needed: a whole series in float32 is the largest thing in memory.
    moved = replace(moved, echoes=())
    curves = relaxation(signals, echo_times, at_rest, t1)
    refuse_few_voxels(curves.curves, curves.is_usable, at_rest.peak)
    refuse_negative_tails(curves, times)
    tissue = mean_curve(curves)
    passed = first_pass(tissue, times, at_rest.stop, at_rest.peak)
    window = passed.frames if plan.window == "first-pass" else slice(at_rest.stop, times.size)
    setting = protocol(acquisition, echo_times, times, at_rest, plan.leakage != "none")

    tell("arterial input", 0.0)
    in_turn = lag_behind_artery(echoes[0].slice_times, brain, brain)
    arterial = arterial_input(curves, times, passed, brain, aif, plan, in_turn, lesion)
    arterial_pass = None
    if arterial.curve is not None:
        peak_frame = at_rest.stop + int(arterial.curve[at_rest.stop :].argmax())
        arterial_pass = first_pass(arterial.curve, times, at_rest.stop, peak_frame)

    tell("leakage", 0.0)
    saturates = t1 if plan.leakage == "auto" and not acquisition.has_preload else None
    normal = correction = None
    if plan.leakage != "none":
        normal = leakage_reference(curves, times, passed.frames, plan.leakage_reference, brain, reference)
        refuse_reference(normal, passed.frames)
        correction = correct(curves, times, normal.curve, window, plan.leakage, saturates, acquisition.field)
    area = correction or uncorrected(curves, times, window)

    tell("blood volume", 0.0)
    width = width_of(passed, tissue, times)
    peak = passage(curves, times, passed.frames, at_rest.arrival, width)
    if in_turn is not None:
        peak = replace(peak, time=peak.time + in_turn)
    white = white_matter_level(curves, area, peak, brain, reference)
    standard = standardised(area.area, area.area_std, white.is_tissue)
    scale = scale_of(arterial, white, times, window, plan)

    tell("flow", 0.0)
    simulated = calibration_of(curves, times, passed.frames, tissue, width, arterial, peak, plan)
    lag = lag_behind_artery(echoes[0].slice_times, brain, arterial.region)
    flow = flow_of(curves, times, area, arterial, peak, scale, simulated, plan, lag)

    flags = (
        *setting.flags, *turn_flags(in_turn), *t1_flags(t1, saturates is not None), *moved.flags, *arterial.flags,
        *white.flags, *scale_flags(scale), *(flow.flags if flow else ()), *voxel_flags(curves),
    )  # fmt: skip
    regions = {"brain": brain, "reference": white.region}
    if arterial.region is not None:
        regions["aif"] = arterial.region
    run = account.Run(
        acquisition=acquisition, plan=plan, relaxation=curves, times=times, rest=at_rest, setting=setting,
        tissue=tissue, passed=passed, window=window, arterial=arterial, arterial_pass=arterial_pass, normal=normal,
        correction=correction, white=white, scale=scale, flow=flow, simulated=simulated, moved=moved,
    )  # fmt: skip
    return Measured(
        maps(brain, curves, correction, area, volume_of(area, scale), white, standard, flow, peak, simulated),
        tuple(sorted(flags, key=lambda flag: -flag.severity)),
        account.recipe(run), regions, account.curves(run), account.summary(run),
        None if keep is None else account.kept(run, brain, keep),
    )  # fmt: skip


def modelled_t1(acquisition: Acquisition, echo_times: tuple[float, ...], plan: Plan) -> T1Effect | None:
    """The T1 effect that is to be taken out of ΔR2*, or None.

    Raises Problem where it is wanted but the protocol is not known or does not allow it.
    """
    if plan.t1_effect == "ignored":
        return None
    effect = t1_effect(acquisition, echo_times)
    if plan.t1_effect == "auto":
        # Without a preload, or where nobody says, the T1 of what leaks is another, and only the automatic correction
        # fits it.
        wanted = acquisition.has_preload or plan.leakage == "auto"
        return effect if effect is not None and wanted and effect.share < LARGEST_SHARE else None
    if effect is None or effect.share >= LARGEST_SHARE:
        raise Problem(
            "dsc.t1_effect is 'modelled' but the T1 effect of this acquisition cannot be.",
            "It needs one echo, and a flip angle and TR with which T1 and T2* effects do not cancel.",
            "Give --flip-angle and --tr, or use dsc.t1_effect=auto.",
        )
    return effect


def mean_curve(curves: Relaxation) -> Float[np.ndarray, " time"]:
    """Mean ΔR2* of the usable voxels, in 1/s."""
    usable = curves.is_usable
    parts = each(lambda span: curves.curves[span][usable[span]].sum(axis=0, dtype=np.float64), spans(usable.size))
    mean: Float[np.ndarray, " time"] = np.sum(parts, axis=0) / usable.sum()
    return mean
