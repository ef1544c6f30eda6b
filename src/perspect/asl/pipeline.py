"""An ASL series to maps: reads from top to bottom as a methods section."""

from dataclasses import replace
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.anatomy.brain import brain_mask
from perspect.asl import account
from perspect.asl.audit import audited, demand_flow, demand_seconds
from perspect.asl.blood import blood_t1
from perspect.asl.bolus import bolus_flags, is_uncut, plain_means, told_by, with_bolus
from perspect.asl.coverage import coverage
from perspect.asl.echoes import combined
from perspect.asl.effect import demand_effect
from perspect.asl.efficiency import efficiency
from perspect.asl.kinetics import Kinetics, Samples, Setting, allows_arteries, relative, several, single
from perspect.asl.m0 import equilibrium, is_tissue, slices_of, tissue_t1
from perspect.asl.motion import aligned, pair_flags, trust
from perspect.asl.partial_volume import pure_flow
from perspect.asl.plan import Plan
from perspect.asl.quality import quality
from perspect.asl.readouts import train
from perspect.asl.regular import Regular, regular
from perspect.asl.row_order import row_order
from perspect.asl.samples import Differences, differences
from perspect.asl.score import scored, scrubbed
from perspect.asl.suppression import controls_of
from perspect.asl.transit import assumed_att, usual_att
from perspect.asl.tumour import of_white, read_out
from perspect.asl.vendor import made_by_scanner
from perspect.asl.weights import weighed
from perspect.numerics.parallel import one_blas_thread
from perspect.vocabulary import (
    FAILED_FROM,
    Around,
    Flag,
    Labelled,
    Labelling,
    Map,
    Measured,
    Problem,
    Quantity,
    Recipe,
    Region,
    Series,
    Severity,
    Status,
    Step,
    lexicon,
)  # fmt: skip
from perspect.vocabulary.progress import Progress, silent

NOTHING_ELSE: Final = Around()


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
    plan = plan or Plan()
    tell = progress or silent
    labelling, series = labelled.labelling, labelled.series
    if series.n_times != len(labelling.volumes):
        raise Problem(
            f"{series.name} has {series.n_times} volumes, of which {len(labelling.volumes)} are said to be something.",
            "It is not known what the others show.",
            "Correct the aslcontext table.",
        )
    demand_effect(labelled, plan, around)
    tell("brain", 0.0)
    brain = find_brain(labelled, around)
    demand_seconds(around, brain)
    if not labelling.of("control", "label", "deltam", "encoded").size:
        return made_by_scanner(labelled, around, brain, plan.seed)
    one = combined(labelled, brain, is_wanted=plan.echoes == "combine")
    moved = aligned(one.series, labelling, brain, plan.motion, tell)

    tell("equilibrium", 0.0)
    labelling = with_bolus(labelled, plan)
    t1 = tissue_t1(around, brain, plan)
    control = control_image(moved.series, labelling)
    relaxed = equilibrium(labelled, around, brain, control, t1, plan)
    scale = relaxed.values
    tissue = (
        is_tissue(scale, brain, is_found=around.mask is None)
        if relaxed.origin != "none"
        else np.ones(brain.n_voxels, bool)
    )

    tell("differences", 0.0)
    curves = moved.series.curves(brain.mask)
    found = one.undone(differences(labelling, curves, moved.usable, plan.subtraction))
    lasting, blood_step, blood_flags = blood_t1(plan, labelled.field)
    inverted = efficiency(labelling, plan)
    setting = Setting(labelling.kind, inverted.total, lasting, plan.partition, train(labelling, found.delays))
    played = row_order(labelling, curves[tissue], moved.usable, setting)
    del curves
    later = np.zeros(brain.n_voxels)
    if labelling.slice_times is not None:
        later = np.asarray(labelling.slice_times - labelling.slice_times.min())[slices_of(brain)]
    told = None
    if is_uncut(labelled.labelling).any() and plan.bolus is None:
        told = told_by(plain_means(found, later, kinetic_t1(t1, plan)), setting, tissue)
        relaxed = replace(relaxed, is_scale_known=relaxed.is_scale_known and told is not None)
        found = found if told is None else replace(found, durations=np.full(found.n_samples, told.duration))
    usual = setting.model(found.delays, found.durations, None).atoms(np.array([usual_att(found, labelling.kind)]))
    inside = replace(found, values=found.values[tissue])
    level = level_of(control, scale, brain)[tissue]
    unit = float(usual.mean())
    where = Region(brain.spread(tissue, False), brain.grid, "tissue")
    checked = audited(inside, scale[tissue], level, relaxed.is_absolute, unit, labelling, plan, where)
    relaxed = replace(relaxed, is_scale_known=relaxed.is_scale_known and checked.is_scale_known)
    found = found.times(1.0 / checked.factor).times(-1.0 if _is_turned(checked.differences, found, tissue) else 1.0)
    within = moved.within(found)
    within_flags = pair_flags(within, found)
    belief = trust(within, len(found.parts))
    if plan.outliers in ("score", "scrub"):
        kept = scored(found, around, brain, belief)
        found, belief, within = found.kept(kept), belief[kept], None if within is None else within[kept]
    averaged = weighed(found, brain, plan.outliers == "robust", belief)
    if plan.outliers == "scrub":
        averaged = scrubbed(found, averaged, around, brain)
    left = coverage(labelling, found, averaged, brain)

    tell("flow", 0.0)
    safe = np.where(tissue, scale, np.nan)[:, None]
    samples = Samples(
        (averaged.means / safe).astype(np.float32), averaged.noise_of_means / np.abs(safe), found.delays,
        found.durations, later, kinetic_t1(t1, plan), len(found.parts),
    )  # fmt: skip
    if found.is_single:
        att = assumed_att(found, plan, labelling.kind, around, brain)
        fitted = single(samples, setting, att, tissue)
    else:
        has_arteries = plan.arterial == "auto" and allows_arteries(samples, labelling.kind, labelling.is_crushed)
        fitted = several(samples, setting, plan, brain, tissue, around, has_arteries)
    demand_flow(fitted.status["cbf"])
    if not relaxed.is_absolute:
        fitted = relative(fitted)

    tell("checks", 0.0)
    seen = quality(fitted, around, brain, checked.halves, relaxed.is_absolute)
    lesion = read_out(fitted, around, brain, plan.seed)
    wants_pure, wants_drawn = plan.partial_volume != "none", plan.spatial != "none"
    in_lesion = plan.partial_volume == "lesion"
    pure = pure_flow(fitted, around, brain, in_lesion=in_lesion) if wants_pure and relaxed.is_absolute else None
    drawn = regular(fitted, around, brain, plan.spatial) if wants_drawn and relaxed.is_absolute else None
    flags = (
        *one.flags, *moved.flags, *bolus_flags(labelled, plan, told), *relaxed.flags, *inverted.flags, *blood_flags,
        *checked.flags,
        *within_flags, *_tissue_flags(around, plan), *averaged.flags, *left.flags, *_noise_flags(averaged.origin),
        *seen.flags, *lesion.flags, *(drawn.flags if drawn is not None else ()),
        *(pure.flags if pure is not None else ()), *(played.flags if played is not None else ()),
        *(_not_made() if (wants_pure or wants_drawn) and not relaxed.is_absolute else ()),
    )  # fmt: skip
    flags = tuple(sorted(flags, key=lambda flag: -flag.severity))
    run = account.Run(
        labelled=labelled, plan=plan, around=around, brain=brain, moved=moved, within=within,
        audited=replace(checked, differences=found), weighed=averaged, coverage=left, equilibrium=relaxed,
        efficiency=inverted, setting=setting, samples=samples, fitted=fitted, quality=seen, lesion=lesion, steps=(),
    )  # fmt: skip
    steps: tuple[Step, ...] = (
        *((one.step,) if one.step is not None else ()),
        moved.step, found.step, averaged.step, relaxed.step, inverted.step, blood_step, account.kinetics_step(run),
        *((drawn.step,) if drawn is not None else ()), *((pure.step,) if pure is not None else ()),
    )  # fmt: skip
    regions = {"brain": brain, **({"lesion": around.lesion} if around.lesion is not None else {})}
    regions |= of_white(lesion)
    made = maps(fitted, brain, samples, relaxed.values if relaxed.is_absolute else None)
    if drawn is not None:
        made |= regular_maps(drawn, brain, fitted)
    if pure is not None:
        made |= {
            key: Map.of(quantity, brain, pure.tissues[key].flow, pure.tissues[key].std, pure.tissues[key].status)
            for key, quantity in pure.quantities().items()
        }
    numbers = {**account.summary(run, flags), **one.numbers, **(pure.numbers if pure is not None else {})}
    held = None if keep is None else account.kept(run, keep)
    return Measured(made, flags, Recipe(steps), regions, account.curves(run), numbers, held)


def find_brain(labelled: Labelled, around: Around) -> Region:
    """The mask that was given, or the brain on the M0 image, or on the mean of the control images.

    Raises Problem where none is found.
    """
    series, labelling = labelled.series, labelled.labelling
    if around.mask is not None:
        if not around.mask.grid.matches(series.grid) or around.mask.n_voxels == 0:
            raise Problem(
                "The mask is empty, or not on the grid of the series.",
                "It is not known which voxels are brain.",
                "Give a mask of the brain.",
            )
        return around.mask
    if labelled.m0 is not None:
        image, what = np.asarray(labelled.m0.values, np.float64), "M0"
    else:
        frames = labelling.of("control", "label", "encoded")
        frames = frames if frames.size else np.arange(series.n_times)
        image, what = np.abs(series.values[..., frames].mean(axis=-1, dtype=np.float64)), "the labelled images"
    finite = np.isfinite(image)
    mask = brain_mask(np.where(finite, image, 0.0), None, series.grid)
    if not mask.any():
        raise Problem(
            f"No brain was found in {series.name}.",
            "Nothing outside the brain is measured.",
            "Give a mask of the brain with --mask.",
        )
    return Region(mask, series.grid, "brain", f"found on {what}")


def control_image(series: Series, labelling: Labelling) -> Float[np.ndarray, "x y z"] | None:
    """Mean signal of the control images of the shortest delay (of all encodings of a time-encoded series)."""
    places = controls_of(labelling)
    if not places.size:
        return None
    mean = series.values[..., places].mean(axis=-1, dtype=np.float64)
    return np.asarray(mean * series.slope + series.intercept)


def level_of(
    control: Float[np.ndarray, "x y z"] | None, scale: Float[np.ndarray, " voxels"], brain: Region
) -> Float[np.ndarray, " voxels"]:
    """Signal of the control images, in float32; of M0 where there are none."""
    level = scale if control is None else brain.taken(control)
    return np.asarray(level, np.float32)


def kinetic_t1(t1: Float[np.ndarray, " voxels"], plan: Plan) -> Float[np.ndarray, " voxels"] | None:
    """T1 of tissue in s with which label decays; None is that of blood."""
    if plan.kinetics == "blood":
        return None
    return np.full(t1.size, plan.tissue_t1) if plan.kinetics == "t1app" else t1


def maps(fitted: Kinetics, brain: Region, samples: Samples, m0: Float[np.ndarray, " voxels"] | None) -> dict[str, Map]:
    """Every map that was made, by its key."""
    flow = lexicon.FLOW if m0 is not None else lexicon.RELATIVE_FLOW
    quantities: dict[str, Quantity] = {"cbf": flow, "att": lexicon.ATT, "abv": lexicon.ABV, "abat": lexicon.ABAT}
    made = {
        quantities[key].key: Map.of(quantities[key], brain, fitted.values[key], fitted.std[key], fitted.status[key])
        for key in fitted.values
    }
    if fitted.correlation is not None:
        # It is a part of the errors of the two, and has none of its own.
        zero = np.where(np.isfinite(fitted.correlation), 0.0, np.nan)
        status = fitted.status["cbf"]
        made["cbfattcorr"] = Map.of(lexicon.FLOW_ATT_CORRELATION, brain, fitted.correlation, zero, status)
    if m0 is None:
        return made
    plain = fitted.status["cbf"]
    status = np.where(plain < FAILED_FROM, np.int16(Status.OK), plain)
    mean = samples.values.mean(axis=1, dtype=np.float64)
    error = np.sqrt((samples.noise**2).sum(axis=1)) / samples.delays.size
    made["deltam"] = Map.of(lexicon.PERFUSION_WEIGHTED, brain, mean, error, status)
    return made


def regular_maps(drawn: Regular, brain: Region, fitted: Kinetics) -> dict[str, Map]:
    """Flow that was drawn to its neighbours, and how much of it they are (whose error is that of the flow's)."""
    status = fitted.status["cbf"]
    if not drawn.is_solved:
        status = np.where(status < FAILED_FROM, np.int16(Status.NOT_CONVERGED), status)
    zero = np.where(np.isfinite(drawn.share), 0.0, np.nan)
    return {
        "cbfreg": Map.of(lexicon.REGULAR_FLOW, brain, drawn.flow, drawn.std, status),
        "cbfshare": Map.of(lexicon.NEIGHBOURS_SHARE, brain, drawn.share, zero, status),
    }


def _is_turned(checked: Differences, found: Differences, tissue: np.ndarray) -> bool:
    """Whether the audit turned label and control about."""
    return bool((checked.values * found.values[tissue]).sum() < 0)


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
