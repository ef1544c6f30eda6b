"""An ASL series to maps: reads from top to bottom as a methods section."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from perspect.asl import account
from perspect.asl.audit import demand_flow, demand_seconds
from perspect.asl.averages import Averages, averages
from perspect.asl.bolus import bolus_flags
from perspect.asl.contrast import Contrast, contrast
from perspect.asl.echoes import Combined, combined
from perspect.asl.effect import demand_effect
from perspect.asl.inputs import demand_volumes, find_brain
from perspect.asl.kinetics import Kinetics, allows_arteries, relative, several, single
from perspect.asl.maps import maps, pure_maps, regular_maps
from perspect.asl.motion import Aligned, aligned
from perspect.asl.partial_volume import Pure, pure_flow
from perspect.asl.plan import Plan
from perspect.asl.quality import Quality, quality
from perspect.asl.regular import Regular, regular
from perspect.asl.static import Static, static
from perspect.asl.transit import assumed_att
from perspect.asl.tumour import ReadOut, of_white, read_out
from perspect.asl.vendor import made_by_scanner
from perspect.numerics.parallel import one_blas_thread
from perspect.vocabulary import Around, Flag, Labelled, Map, Measured, Recipe, Region, Severity, Step
from perspect.vocabulary.progress import Progress, silent

NOTHING_ELSE: Final = Around()


@dataclass(frozen=True, eq=False)
class Beside:
    """What is looked at once there is flow: its quality, the lesion, and flow that a choice asks for besides."""

    quality: Quality
    lesion: ReadOut
    pure: Pure | None
    drawn: Regular | None


@one_blas_thread()
def quantify(
    labelled: Labelled,
    plan: Plan | None = None,
    *,
    around: Around = NOTHING_ELSE,
    keep: Region | None = None,
    progress: Progress | None = None,
) -> Measured:
    """Maps of flow, transit time and arterial volume from an ASL series, with errors, status, flags and recipe.

    `around` is what else is known of the head: mask, lesion, tissues. The differences of the voxels of `keep` are kept
    beside the maps where there are several delays. `progress` is told the stage and the share of it that is done.
    Raises Problem where the input cannot be used, Refusal where it must not be interpreted.
    """
    plan, tell = plan or Plan(), progress or silent
    demand_volumes(labelled)
    demand_effect(labelled, plan, around)
    tell("brain", 0.0)
    brain = find_brain(labelled, around)
    demand_seconds(around, brain)
    if not labelled.labelling.of("control", "label", "deltam", "encoded").size:
        return made_by_scanner(labelled, around, brain, plan.seed)
    echoes = combined(labelled, brain, is_wanted=plan.echoes == "combine")
    moved = aligned(echoes.series, labelled.labelling, brain, plan.motion, tell)
    tell("equilibrium", 0.0)
    still = static(labelled, moved.series, around, brain, plan)
    tell("differences", 0.0)
    seen = contrast(labelled, echoes, moved, still, plan)
    means = averages(seen, moved, still, around, plan)
    tell("flow", 0.0)
    fitted = flow_of(means, seen, still, around, plan)
    tell("checks", 0.0)
    beside = looked_at(fitted, seen, around, brain, plan)
    flags = flags_of(labelled, echoes, moved, seen, means, beside, around, plan)
    run = account.Run(
        labelled=labelled, plan=plan, around=around, brain=brain, moved=moved, within=means.within,
        audited=replace(seen.audited, differences=means.differences), weighed=means.weighed, coverage=means.coverage,
        equilibrium=seen.equilibrium, efficiency=seen.efficiency, setting=seen.setting, samples=means.samples,
        fitted=fitted, quality=beside.quality, lesion=beside.lesion,
    )  # fmt: skip
    numbers = {**account.summary(run, flags), **echoes.numbers, **(beside.pure.numbers if beside.pure else {})}
    held = None if keep is None else account.kept(run, keep)
    made, recipe, regions = maps_of(run, beside), Recipe(tuple(steps_of(run, echoes, seen, beside))), regions_of(run)
    return Measured(made, flags, recipe, regions, account.curves(run), numbers, held)


def flow_of(means: Averages, seen: Contrast, still: Static, around: Around, plan: Plan) -> Kinetics:
    """Flow and what comes with it in every voxel of the brain; relative where M0 or a scale is not known.

    Raises Refusal where no voxel has one.
    """
    found, samples, kind = means.differences, means.samples, still.labelling.kind
    if found.is_single:
        att = assumed_att(found, plan, kind, around, still.brain)
        fitted = single(samples, seen.setting, att, still.tissue)
    else:
        may = plan.arterial == "auto" and allows_arteries(samples, kind, still.labelling.is_crushed)
        fitted = several(samples, seen.setting, plan, still.brain, still.tissue, around, may)
    demand_flow(fitted.status["cbf"])
    return fitted if seen.equilibrium.is_absolute else relative(fitted)


def looked_at(fitted: Kinetics, seen: Contrast, around: Around, brain: Region, plan: Plan) -> Beside:
    """Quality of the maps, the lesion in them, and flow of pure tissues or drawn to neighbours where it is wanted."""
    is_absolute = seen.equilibrium.is_absolute
    checked = quality(fitted, around, brain, seen.audited.halves, is_absolute)
    lesion = read_out(fitted, around, brain, plan.seed)
    pure = drawn = None
    if plan.partial_volume != "none" and is_absolute:
        pure = pure_flow(fitted, around, brain, in_lesion=plan.partial_volume == "lesion")
    if plan.spatial != "none" and is_absolute:
        drawn = regular(fitted, around, brain, plan.spatial)
    return Beside(checked, lesion, pure, drawn)


def maps_of(run: account.Run, beside: Beside) -> dict[str, Map]:
    """Every map that was made, by its key."""
    made = maps(run.fitted, run.brain, run.samples, run.equilibrium.values if run.equilibrium.is_absolute else None)
    if beside.drawn is not None:
        made |= regular_maps(beside.drawn, run.brain, run.fitted)
    return made if beside.pure is None else made | pure_maps(beside.pure, run.brain)


def regions_of(run: account.Run) -> dict[str, Region]:
    """The brain, the lesion, and the white matter that it is compared with."""
    ill = {} if run.around.lesion is None else {"lesion": run.around.lesion}
    return {"brain": run.brain, **ill, **of_white(run.lesion)}


def steps_of(run: account.Run, echoes: Combined, seen: Contrast, beside: Beside) -> Iterator[Step]:
    """What was done, in the order of a methods section."""
    if echoes.step is not None:
        yield echoes.step
    yield from (run.moved.step, run.audited.differences.step, run.weighed.step)
    yield from (run.equilibrium.step, run.efficiency.step, seen.blood_step, account.kinetics_step(run))
    yield from (one.step for one in (beside.drawn, beside.pure) if one is not None)


def flags_of(
    labelled: Labelled, echoes: Combined, moved: Aligned, seen: Contrast, means: Averages, beside: Beside,
    around: Around, plan: Plan,
) -> tuple[Flag, ...]:  # fmt: skip
    """What a reader must know, the gravest first."""
    is_left_out = (plan.partial_volume != "none" or plan.spatial != "none") and not seen.equilibrium.is_absolute
    flags = (
        *echoes.flags, *moved.flags, *bolus_flags(labelled, plan, seen.told), *seen.equilibrium.flags,
        *seen.efficiency.flags, *seen.blood_flags, *seen.audited.flags, *means.flags, *_tissue_flags(around, plan),
        *means.weighed.flags, *means.coverage.flags, *_noise_flags(means.weighed.origin), *beside.quality.flags,
        *beside.lesion.flags, *(one for made in (beside.drawn, beside.pure, seen.rows) if made for one in made.flags),
        *(_not_made() if is_left_out else ()),
    )  # fmt: skip
    return tuple(sorted(flags, key=lambda flag: -flag.severity))


def _not_made() -> tuple[Flag, ...]:
    sentence = (
        "Flow is relative: neither flow of pure tissues nor flow drawn to its neighbours is made, whose unit it is."
    )
    return (Flag("only-absolute", Severity.CAUTION, sentence, "relcbf", source="regular"),)


def _tissue_flags(around: Around, plan: Plan) -> tuple[Flag, ...]:
    """A flag where label is to decay with the T1 of each tissue and nothing says which tissue is where."""
    is_known = around.t1 is not None or (around.grey is not None and around.white is not None)
    if plan.kinetics != "tissue" or is_known:
        return ()
    sentence = (
        f"Label was to decay with the T1 of its tissue, but no map of T1 and none of grey and white matter was given: "
        f"{plan.tissue_t1:g} s was taken for all. White matter then reads too little flow."
    )
    return (Flag("tissue-unknown", Severity.CAUTION, sentence, "cbf", source="kinetics"),)


def _noise_flags(origin: str) -> tuple[Flag, ...]:
    if origin.startswith("the scatter"):
        return ()
    sentence = (
        "There are no repeated pairs: noise was read from the differences of neighbouring voxels, which holds "
        "differences of tissue as well. Standard errors are upper limits."
    )
    return (Flag("noise-from-neighbours", Severity.NOTE, sentence, "errors", source="outliers"),)
