"""A DCE series to maps: reads from top to bottom as a methods section."""

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int16, Integer

from perspect.anatomy.in_turn import lag_behind_artery
from perspect.dce import account
from perspect.dce.arterial import arterial_input
from perspect.dce.concentration import gains
from perspect.dce.enhancement import semiquantitative
from perspect.dce.frames import lag_flags
from perspect.dce.kinetics import (
    FLOW,
    MODELS,
    NUMBERS,
    PROPORTIONAL,
    Kinetics,
    Seen,
    candidates,
    columns,
    dependence,
    kinetics,
    of_choice,
    of_region,
    residual_structure,
)  # fmt: skip
from perspect.dce.one_way import demand_reference
from perspect.dce.plan import Plan
from perspect.dce.plasma import Arterial
from perspect.dce.quality import lesion_flags, model_flags, noise_flags, protocol, voxel_flags
from perspect.dce.relative import (
    relative,
    relative_curves,
    relative_flags,
    relative_step,
    relative_summary,
)  # fmt: skip
from perspect.dce.tissue import Tissue, tissue_of
from perspect.dce.transit import Neglect, neglected, transit_flags
from perspect.dce.water import IN_SIGNAL, demand_known, relative_signal, signal_model
from perspect.models import Model
from perspect.numerics.parallel import one_blas_thread
from perspect.vocabulary import (
    FAILED_FROM,
    Curve,
    Flag,
    Map,
    Measured,
    Quantity,
    Recipe,
    Region,
    Series,
    Status,
    lexicon,
)
from perspect.vocabulary.progress import Progress, silent

Column = tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"], Int16[np.ndarray, " voxels"]]


@one_blas_thread()
def quantify(
    series: Series,
    plan: Plan | None = None,
    *,
    t1: Map | float,
    b1: Float[np.ndarray, "x y z"] | None = None,
    mask: Region | None = None,
    aif: Region | Curve | None = None,
    vein: Region | None = None,
    reference: Region | None = None,
    lesion: Region | None = None,
    keep: Region | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Maps of leakage, volumes and enhancement from a DCE series, with standard errors, status, flags and recipe.

    `t1` before agent is a map, or one value in s for all tissue. `b1` is the true over the nominal flip angle, on the
    grid of the series. `mask` is what is measured (default: the brain), `aif` a region or a curve (default: found),
    `vein` a region in a large vein to scale the arterial input to, `lesion` a region for which one model is chosen;
    `reference` is what the model reference-region measures against, instead of an arterial input.
    The curves of the voxels of `keep` are kept beside the maps, with fits by that model where there is one.

    Raises Problem where the input cannot be used, Refusal where it must not be interpreted.
    """
    plan, tell = plan or Plan(), progress or silent
    demand_reference(reference, (aif, vein, lesion), plan)
    tissue = tissue_of(series, plan, t1, b1, mask, tell)
    if reference is not None:
        return _against(reference, tissue, t1, plan, tell)
    tell("arterial input", 0.0)
    arterial = arterial_input(tissue, aif, vein, plan)
    seen, models = _to_fit(tissue, arterial, plan)
    found = kinetics(seen, models, tissue.rest.n_frames, tell, _whole(tissue, lesion, keep))
    run = account.Run(
        plan=plan, tissue=tissue, arterial=arterial, found=found, t1=t1, structure=residual_structure(found),
        depends=dependence(found), lesion=lesion, one_model=of_region(found, _whole(tissue, lesion)),
        neglect=_neglected(tissue, arterial, models, plan),
        lag=lag_behind_artery(series.slice_times, tissue.inside, arterial.region),
    )  # fmt: skip
    return _measured(run, keep)


def _measured(run: account.Run, keep: Region | None) -> Measured:
    """What a run found, as maps and words."""
    inside, artery = run.tissue.inside, run.arterial.region
    word, flags = _flags(run)
    return Measured(
        _maps(run), flags, account.recipe(run), {"brain": inside} | ({} if artery is None else {"aif": artery}),
        account.curves(run), account.summary(run, word), None if keep is None else account.kept(run, inside, keep),
    )  # fmt: skip


def _against(
    reference: Region, tissue: Tissue, t1: Map | float, plan: Plan, tell: Callable[[str, float], Any]
) -> Measured:
    """The same without an arterial input: ratios to a region that leaks."""
    tell("kinetics", 0.0)
    one = relative(tissue, reference, _concentrations(tissue, plan), plan.delay)
    word, setting = protocol(tissue.acquisition, tissue.times, tissue.rest, plan, tissue.b1 is not None)
    flags = (
        *setting, *noise_flags(tissue.signal, tissue.rest), *tissue.odd, *tissue.moved.flags,
        *voxel_flags(tissue.agent.status), *relative_flags(one),
    )  # fmt: skip
    columns = one.columns | _without_model(tissue, None, plan)
    maps = {quantity.key: Map.of(quantity, tissue.inside, *column) for quantity, column in columns.items()}
    return Measured(
        maps | {lexicon.T1.key: _t1_map(tissue)}, tuple(sorted(flags, key=lambda flag: -flag.severity)),
        Recipe((*account.steps_of_series(tissue, t1, plan), relative_step(one))),
        {"brain": tissue.inside, "reference": reference}, relative_curves(one, tissue.times),
        account.summary_of_series(tissue, plan, word) | relative_summary(one),
    )  # fmt: skip


def _whole(tissue: Tissue, *regions: Region | None) -> Bool[np.ndarray, " voxels"] | None:
    """The voxels in any of some regions; None where there is no region."""
    taken = [tissue.inside.taken(one.mask) for one in regions if one is not None]
    return np.any(taken, axis=0) if taken else None


def _to_fit(tissue: Tissue, arterial: Arterial, plan: Plan) -> tuple[Seen, dict[str, Model]]:
    """The curves that are fitted, with the models that are: concentrations, or where water does not mix the signal."""
    times, agent, acquisition = tissue.times, tissue.agent, tissue.acquisition
    tr, flip_angle = float(acquisition.tr or np.nan), float(acquisition.flip_angle or np.nan)
    if plan.water != "fast":
        model = signal_model(times, arterial.drives, tr, acquisition.te or 0.0, flip_angle, plan)
        is_usable: Bool[np.ndarray, " voxels"] = agent.status < FAILED_FROM
        ratio = relative_signal(tissue.signal, tissue.rest.frames, tissue.t1, tissue.b1, is_usable)
        return Seen(*ratio, "S/S0"), {demand_known(plan): model}
    names = candidates(plan, times, tissue.rest.steepest)
    return _concentrations(tissue, plan), {
        name: MODELS[name][int(plan.delay)](t=times, **arterial.drives) for name in names
    }


def _concentrations(tissue: Tissue, plan: Plan) -> Seen:
    """The concentrations, with how errors of the signal come into them."""
    tr, flip_angle = float(tissue.acquisition.tr or np.nan), float(tissue.acquisition.flip_angle or np.nan)
    angle = flip_angle * (np.ones_like(tissue.t1) if tissue.b1 is None else tissue.b1)
    curves = tissue.agent.curves
    return Seen(curves, lambda rows: gains(curves[rows], tissue.t1[rows], tr, angle[rows], plan.r1))


def _neglected(tissue: Tissue, arterial: Arterial, models: dict[str, Model], plan: Plan) -> Neglect | None:
    """What is wrong with plasma that takes its time; None where a model with a flow was fitted as well."""
    is_blind = IN_SIGNAL in models and not set(models) & set(FLOW)
    return neglected(tissue.times, arterial.drives, plan.delay) if is_blind else None


def _flags(run: account.Run) -> tuple[str, tuple[Flag, ...]]:
    """The reliability of the protocol in a word, and all that is to be said, the gravest first."""
    tissue = run.tissue
    word, setting = protocol(tissue.acquisition, tissue.times, tissue.rest, run.plan, tissue.b1 is not None)
    flags = (
        *setting, *noise_flags(tissue.signal, tissue.rest), *tissue.odd, *lag_flags(run.lag, run.plan.delay),
        *tissue.moved.flags, *run.arterial.flags, *voxel_flags(tissue.agent.status),
        *model_flags(run.found, run.structure, run.depends), *transit_flags(run.neglect),
        *(() if run.lesion is None or run.one_model is not None else lesion_flags(run.lesion)),
    )  # fmt: skip
    return word, tuple(sorted(flags, key=lambda flag: -flag.severity))


def _maps(run: account.Run) -> dict[str, Map]:
    """Every quantity that could be determined, put back into space."""
    tissue = run.tissue
    out = _of_models(run) | _without_model(tissue, run.arterial, run.plan)
    if len(run.found.names) > 1:
        out[lexicon.MODEL] = _chosen(run.found, tissue.agent.status)
        for quantity, (values, std, status) in of_choice(run.found).items():
            out[quantity] = values, std, _with_reason(tissue.agent.status, status)
    maps = {quantity.key: Map.of(quantity, tissue.inside, *column) for quantity, column in out.items()}
    return maps | {lexicon.T1.key: _t1_map(tissue)}


def _without_model(tissue: Tissue, arterial: Arterial | None, plan: Plan) -> dict[Quantity, Column]:
    """What a curve shows without any model; the arterial input where there is one."""
    plain = semiquantitative(tissue, _concentrations(tissue, plan).gain, plan.r1, arterial)
    return {quantity: (values, std, tissue.agent.status) for quantity, (values, std) in plain.items()}


def _t1_map(tissue: Tissue) -> Map:
    """T1 before agent, a value even where its error is not known."""
    status = np.where(np.isfinite(tissue.t1), Status.OK, Status.NOT_DETERMINED).astype(np.int16)
    values, std = (tissue.inside.spread(one.astype(np.float32), np.nan) for one in (tissue.t1, tissue.t1_std))
    std = np.where(np.isfinite(values), std, np.nan)
    return Map(lexicon.T1, values, std, tissue.inside.spread(status, Status.OUTSIDE), tissue.inside.grid)


def _of_models(run: account.Run) -> dict[Quantity, Column]:
    """What the models say, with the errors of T1 and of the arterial input, where known, in the standard errors."""
    tissue, agent = run.tissue, run.tissue.agent
    by_t1 = tissue.error_by_t1
    by_input = np.nan_to_num(run.arterial.relative_error)
    out: dict[Quantity, Column] = {}
    for quantity, (values, std, status) in columns(run.found).items():
        if quantity in PROPORTIONAL:
            std = np.sqrt(std**2 + (values * by_t1) ** 2 + (values * by_input) ** 2)
        if quantity is lexicon.ARTERIAL_DELAY and run.lag is not None:
            values = values + run.lag
        out[quantity] = values, std, _with_reason(agent.status, status)
    return out


def _chosen(found: Kinetics, of_agent: Int16[np.ndarray, " voxels"]) -> Column:
    """The number of the model of each voxel."""
    numbers = np.array([NUMBERS[name] for name in found.names], np.float64)
    is_chosen = found.chosen >= 0
    status = np.where(is_chosen, Status.OK, Status.NOT_DETERMINED)
    return (
        np.where(is_chosen, numbers[found.chosen], np.nan),
        np.where(is_chosen, 0.0, np.nan),
        _with_reason(of_agent, status),
    )


def _with_reason(
    of_agent: Int16[np.ndarray, " voxels"], status: Integer[np.ndarray, " voxels"]
) -> Int16[np.ndarray, " voxels"]:
    """The status of what was fitted; a voxel without concentration keeps the reason why."""
    return np.where(of_agent >= FAILED_FROM, of_agent, status).astype(np.int16)


__all__ = ["quantify"]
