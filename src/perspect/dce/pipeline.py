"""A DCE series to maps: reads from top to bottom as a methods section."""

from dataclasses import replace

import numpy as np
from jaxtyping import Float, Int16

from perspect.anatomy.aligned import Aligned, aligned
from perspect.anatomy.brain import brain_mask
from perspect.anatomy.in_turn import lag_behind_artery
from perspect.dce import account
from perspect.dce.arterial import Arterial, arterial_input
from perspect.dce.bolus import AtRest, at_rest, has_signal
from perspect.dce.concentration import Concentration, concentration, gains
from perspect.dce.enhancement import delta_r1, semiquantitative
from perspect.dce.frames import lag_flags, without_odd
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
    of_region,
    residual_structure,
)  # fmt: skip
from perspect.dce.plan import Plan
from perspect.dce.quality import checked, model_flags, noise_flags, protocol, voxel_flags
from perspect.dce.transit import neglected, transit_flags
from perspect.dce.water import IN_SIGNAL, demand_known, relative_signal, signal_model
from perspect.models import Model
from perspect.numerics.parallel import one_blas_thread
from perspect.vocabulary import FAILED_FROM, Curve, Map, Measured, Problem, Quantity, Region, Series, Status, lexicon
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
    lesion: Region | None = None,
    keep: Region | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Maps of leakage, volumes and enhancement from a DCE series, with standard errors, status, flags and recipe.

    `t1` before agent is a map, or one value in s for all tissue. `b1` is the true over the nominal flip angle, on the
    grid of the series. `mask` is what is measured (default: the brain), `aif` a region or a curve (default: found),
    `vein` a region in a large vein to scale the arterial input to, `lesion` a region for which one model is chosen.
    The curves of the voxels of `keep` are kept beside the maps, with fits by that model where there is one.

    Raises Problem where the input cannot be used, Refusal where it must not be interpreted.
    """
    plan, tell = plan or Plan(), progress or silent
    tr, flip_angle = checked(series.acquisition, series.name)
    tell("steady state and bolus", 0.0)
    inside = mask or _inside(series, plan)
    if inside.n_voxels == 0:
        raise Problem(f"The mask '{inside.name}' is empty.", "Nothing would be measured.", "Give another mask.")
    series, kept, odd = without_odd(series, inside, plan)
    rest = at_rest(series.curves(inside.mask), series.times, plan.guard)
    moved = aligned((series,), rest.frames, inside, plan.motion, tell)
    times = moved.echoes[0].times
    signal = moved.echoes[0].curves(moved.inside)
    moved = replace(moved, echoes=(), kept=tuple(kept[at] for at in moved.kept))
    rest = at_rest(signal, times, plan.guard)
    word, setting = protocol(series.acquisition, times, rest, plan, b1 is not None)

    tell("concentration", 0.0)
    before, before_std = _t1_of(t1, inside)
    own_b1 = None if b1 is None else inside.taken(b1).astype(np.float64)
    agent = concentration(
        signal, rest.frames, before, tr, flip_angle, plan.r1, own_b1, series.acquisition.te or 0.0, plan.r2star_tissue
    )

    tell("arterial input", 0.0)
    arterial = arterial_input(
        signal, agent.curves, times, rest, inside, series.acquisition, before, own_b1, aif, vein, plan
    )

    if plan.water == "fast":
        names = candidates(plan, times, rest.steepest)
        models: dict[str, Model] = {name: MODELS[name][int(plan.delay)](t=times, **arterial.drives) for name in names}
        angle = flip_angle * (np.ones_like(before) if own_b1 is None else own_b1)
        seen = Seen(agent.curves, lambda rows: gains(agent.curves[rows], before[rows], tr, angle[rows], plan.r1))
    else:
        models = {
            demand_known(plan): signal_model(times, arterial.drives, tr, series.acquisition.te or 0.0, flip_angle, plan)
        }
        seen = Seen(*relative_signal(signal, rest.frames, before, own_b1, agent.status < FAILED_FROM), "S/S0")
    whole = [inside.taken(one.mask) for one in (lesion, keep) if one is not None]
    found = kinetics(seen, models, rest.n_frames, tell, np.any(whole, axis=0) if whole else None)
    tell("kinetics", 1.0)
    lag = lag_behind_artery(series.slice_times, inside, arterial.region)
    maps = _maps(inside, signal, agent, times, rest, arterial, found, before, before_std, lag, plan)
    by_passage = set(models) & {IN_SIGNAL} and not set(models) & set(FLOW)
    neglect = neglected(times, arterial.drives, plan.delay) if by_passage else None
    structure, depends = residual_structure(found), dependence(found)
    one_model = None if lesion is None else of_region(found, inside.taken(lesion.mask))

    flags = (
        *setting, *noise_flags(signal, rest), *odd, *lag_flags(lag, plan.delay), *moved.flags, *arterial.flags,
        *voxel_flags(agent.status), *model_flags(found, structure, depends), *transit_flags(neglect),
    )  # fmt: skip
    regions = {"brain": inside} | ({} if arterial.region is None else {"aif": arterial.region})
    run = account.Run(
        plan=plan, acquisition=series.acquisition, times=times, rest=rest, moved=moved, arterial=arterial, found=found,
        agent=agent, word=word, t1=t1, has_b1=b1 is not None, structure=structure, depends=depends, one_model=one_model,
        neglect=neglect,
    )  # fmt: skip
    return Measured(
        maps, tuple(sorted(flags, key=lambda flag: -flag.severity)), account.recipe(run), regions, account.curves(run),
        account.summary(run), None if keep is None else account.kept(run, inside, keep),
    )  # fmt: skip


def _inside(series: Series, plan: Plan) -> Region:
    """What is measured where no mask was given."""
    image = series.values[..., : max(2, min(6, series.n_times // 8))].mean(axis=-1, dtype=np.float64)
    image = image * series.slope + series.intercept
    if plan.region == "all":
        return Region(
            has_signal(image), series.grid, "voxels with signal", "above a tenth of the bright signal at rest"
        )
    brain = brain_mask(image, None, series.grid)
    if not brain.any():
        raise Problem(
            f"No brain was found in {series.name}.",
            "Every map would be computed on noise.",
            "Give --mask, or use dce.region=all.",
        )
    return Region(brain, series.grid, "brain", "found on the image at rest")


def _t1_of(t1: Map | float, inside: Region) -> tuple[Float[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]]:
    """T1 before agent and its standard error (0 where it is not known)."""
    if isinstance(t1, Map):
        return inside.taken(t1.values).astype(np.float64), np.nan_to_num(inside.taken(t1.std)).astype(np.float64)
    if not 0.1 <= t1 <= 6.0:
        raise Problem(f"T1 before agent is {t1:g} s.", "Tissue has 0.2 to 4 s.", "Give seconds, such as --t1 1.4.")
    return np.full(inside.n_voxels, float(t1)), np.zeros(inside.n_voxels)


def _maps(
    inside: Region,
    signal: Float[np.ndarray, "voxels time"],
    agent: Concentration,
    times: Float[np.ndarray, " time"],
    rest: AtRest,
    arterial: Arterial,
    found: Kinetics,
    before: Float[np.ndarray, " voxels"],
    before_std: Float[np.ndarray, " voxels"],
    lag: Float[np.ndarray, " voxels"] | None,
    plan: Plan,
) -> dict[str, Map]:
    """Every quantity that could be determined, put back into space."""
    with np.errstate(divide="ignore", invalid="ignore"):
        by_t1 = np.nan_to_num(np.abs(agent.t1_slope) * before_std / before, posinf=0.0)
    by_input = np.nan_to_num(arterial.relative_error)
    # A voxel without concentration keeps the reason why.
    lost = agent.status >= FAILED_FROM
    out: dict[Quantity, Column] = {}
    for quantity, (values, std, status) in columns(found).items():
        if quantity in PROPORTIONAL:
            std = np.sqrt(std**2 + (values * by_t1) ** 2 + (values * by_input) ** 2)
        if quantity is lexicon.ARTERIAL_DELAY and lag is not None:
            values = values + lag
        out[quantity] = values, std, np.where(lost, agent.status, status).astype(np.int16)
    plain = semiquantitative(agent.curves, agent.noise, signal, times, rest, arterial.cp)
    plain |= delta_r1(agent.curves, agent.noise, before, plan.r1)
    for quantity, (values, std) in plain.items():
        out[quantity] = values, std, agent.status
    out[lexicon.T1] = (
        before,
        before_std,
        np.where(np.isfinite(before), Status.OK, Status.NOT_DETERMINED).astype(np.int16),
    )
    if len(found.names) > 1:
        numbers = np.array([NUMBERS[name] for name in found.names], np.float64)
        chosen = np.where(found.chosen >= 0, numbers[found.chosen], np.nan)
        status = np.where(found.chosen >= 0, Status.OK, Status.NOT_DETERMINED)
        out[lexicon.MODEL] = (
            chosen,
            np.where(found.chosen >= 0, 0.0, np.nan),
            np.where(lost, agent.status, status).astype(np.int16),
        )
    return {quantity.key: Map.of(quantity, inside, *column) for quantity, column in out.items()}


__all__ = ["Aligned", "quantify"]
