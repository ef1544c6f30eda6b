"""What a run says of itself: its numbers, its curves, and what another choice of model would have made of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.asl.audit import Audited
from perspect.asl.coverage import Coverage
from perspect.asl.decay import over_white, switched
from perspect.asl.efficiency import Efficiency
from perspect.asl.kinetics import EXPLAINS, USUAL_ATT, Kinetics, Samples, Setting, times_of_both
from perspect.asl.m0 import Equilibrium
from perspect.asl.motion import Aligned
from perspect.asl.plan import Plan
from perspect.asl.quality import PURE, Quality
from perspect.asl.tumour import ReadOut
from perspect.asl.weights import Weighed
from perspect.fit.posterior import normal, posterior
from perspect.vocabulary import FAILED_FROM, Around, Curve, Flag, Kept, Labelled, Region, Severity, Step, lexicon

NAMES: Final = {"grey": "grey matter", "white": "white matter", "lesion": "a lesion"}
"""Of the tissues whose flow another model would read otherwise."""

KINETICS: Final = {
    "blood": "label decays as in blood wherever it is (single-compartment model of the consensus)",
    "t1app": "label that has arrived decays with one T1 of tissue and leaves with the veins",
    "tissue": "label that has arrived decays with the T1 of its tissue and leaves with the veins",
}
SOURCES: Final = {
    "blood": ("Alsop et al. 2015, doi:10.1002/mrm.25197", "Woods et al. 2024, doi:10.1002/mrm.30091"),
    "t1app": ("Buxton et al. 1998, doi:10.1002/mrm.1910400308",),
    "tissue": ("Buxton et al. 1998, doi:10.1002/mrm.1910400308",),
}
EVERY_ATT: Final = "Chappell et al. 2009, doi:10.1109/TSP.2008.2005752"
ARTERIES: Final = "Chappell et al. 2010, doi:10.1002/mrm.22320"
BIC: Final = "Schwarz 1978, doi:10.1214/aos/1176344136"

WORDS: Final = ("not to be interpreted", "limited", "usable with caution", "good")


@dataclass(frozen=True, eq=False)
class Run:
    """Everything that a run made on its way."""

    labelled: Labelled
    plan: Plan
    around: Around
    brain: Region
    moved: Aligned
    within: Float[np.ndarray, " differences"] | None
    audited: Audited
    weighed: Weighed
    coverage: Coverage
    equilibrium: Equilibrium
    efficiency: Efficiency
    setting: Setting
    samples: Samples
    fitted: Kinetics
    quality: Quality
    lesion: ReadOut

    @cached_property
    def other_models(self) -> dict[str, dict[str, float]]:
        """What other models of decay make of typical tissue (`decay.switched`)."""
        return switched(self.samples, self.setting, self.plan)

    @property
    def is_single(self) -> bool:
        """Whether there is one delay."""
        return self.samples.delays.size == 1


def kinetics_step(run: Run) -> Step:
    """The sentence on the fit, with what the other models would have said."""
    plan, fitted = run.plan, run.fitted
    switch = "; ".join(
        f"{NAMES[tissue]}: " + ", ".join(f"{name} {ratio - 1:+.0%}" for name, ratio in ratios.items())
        for tissue, ratios in run.other_models.items()
    )
    references = SOURCES[plan.kinetics]
    if run.is_single:
        how = _of_one_delay(run)
    else:
        references = (*references, EVERY_ATT)
        how = (
            f"Flow and transit time came from {run.samples.delays.size} delays as posterior means over all transit "
            f"times, weighed by what each explains and by what is expected of it "
            f"({plan.att or USUAL_ATT[run.setting.kind]:g} ± {plan.att_spread:g} s"
            + (", and the transit times of neighbours of the same tissue" if plan.neighbours else "")
            + ")"
        )
        if fitted.has_arteries is not None:
            how += _arteries(fitted.has_arteries, fitted.arteries_everywhere)
            references = (*references, ARTERIES, *(() if fitted.arteries_everywhere else (BIC,)))
    sentence = f"{how}; {KINETICS[plan.kinetics]}. With another model typical flow would read: {switch}."
    return Step("kinetics", sentence, {"partition": plan.partition}, references)


def _of_one_delay(run: Run) -> str:
    """How flow came from one delay, and which transit times were taken."""
    if run.around.att is not None:
        known = run.brain.taken(run.around.att)
        share, middle = float(np.isfinite(known).mean()), float(np.nanmedian(known))
        return (
            f"Flow came from one delay with the transit times of a map that was given (median {middle:.2f} s; "
            f"{share:.0%} of the voxels have one, the others an assumed one)"
        )
    if run.plan.kinetics != "blood":
        return "Flow came from one delay with an assumed transit time"
    return "Flow came from one delay by the equation of the consensus"


def _arteries(found: Bool[np.ndarray, " voxels"], is_everywhere: bool) -> str:
    if is_everywhere:
        return (
            f"; label in arteries was part of the model of every voxel, for it explains more than {EXPLAINS:g} of χ² "
            "in the median of voxels with clear flow"
        )
    return f"; label in arteries was asked for by BIC in {float(found.mean()):.1%} of the voxels"


def summary(run: Run, flags: tuple[Flag, ...]) -> dict[str, Any]:
    """The plain numbers of the run, in inside units."""
    labelling = run.labelled.labelling
    gravest = max([flag.severity for flag in flags], default=Severity.NOTE)
    found = run.audited.differences
    out: dict[str, Any] = {
        "reliability": WORDS[3 - (gravest - Severity.NOTE)],
        "labelling": labelling.kind.upper(),
        "n_pairs": len(found.parts),
        "delays": run.samples.delays.tolist(),
        "durations": run.samples.durations.tolist(),
        "pairs_per_delay": np.bincount(found.sample, minlength=found.n_samples).tolist(),
        "delays_acquired": run.coverage.delays.tolist(),
        "pairs_acquired": run.coverage.acquired.tolist(),
        "pairs_left": run.coverage.left.tolist(),
        "efficiency": run.efficiency.total,
        "blood_t1": run.setting.blood_t1,
        "partition": run.setting.partition,
        "kinetics": run.plan.kinetics,
        "m0_origin": run.equilibrium.origin,
        "m0_median": float(np.nanmedian(run.equilibrium.values)),
        "scale_undone": run.audited.factor,
        "share_positive": run.audited.share_positive,
        "noise_origin": run.weighed.origin,
        "kinetics_switch": run.other_models,
        "lesion_decay": asdict(over_white(run.samples, run.setting, run.plan)),
        **run.quality.numbers,
    }
    fitted = run.fitted
    if fitted.correlation is not None:
        out["flow_delay_correlation"] = float(np.nanmedian(fitted.correlation))
        out["expected_delay_share"] = float((fitted.status["att"] == 6).mean())
    if fitted.drawn is not None:
        out["neighbours_share"] = float(np.nanmean(fitted.drawn))
    if fitted.has_arteries is not None:
        out["arterial_share"] = float(fitted.has_arteries.mean())
    if run.moved.displacement is not None:
        moving = np.isfinite(run.moved.displacement)
        out["largest_displacement"] = float(np.nanmax(run.moved.displacement))
        out["motion_parameters"] = run.moved.parameters[moving].tolist() if run.moved.parameters is not None else []
        out["kept_volumes"] = np.flatnonzero(moving).tolist()
    if run.within is not None:
        out["largest_within_pair"] = float(run.within.max())
        out["displacement_within_pairs"] = run.within.tolist()
    if run.lesion.numbers:
        out |= of_lesion(run.lesion.numbers, run.equilibrium.is_absolute)
    return out


def of_lesion(numbers: Mapping[str, Any], is_absolute: bool) -> dict[str, Any]:
    """The numbers of a lesion as they are, and those that everyone reads in words."""
    out: dict[str, Any] = {"lesion": dict(numbers)}
    for what, ending in (("mean", ""), ("hot", "_hot")):
        if what in numbers and is_absolute:
            out[f"lesion_flow{ending}"] = [numbers[what], numbers[f"{what}_std"]]
        for name in ("mirror", "white", "grey"):
            reference = numbers.get(name, {})
            if what in reference:
                low, high = reference[f"{what}_interval"]
                out[f"lesion{ending}_over_{name}"] = f"{reference[what]:.2f} ({low:.2f} to {high:.2f})"
    gone = [f"{n} {reason}" for reason, n in numbers["left_out"].items() if n]
    out["lesion_left_out"] = ", ".join(gone) if gone else "none"
    return out


def curves(run: Run) -> Mapping[str, Curve]:
    """Mean ΔM/M0 of the tissues over the delays with its fit; of one delay, of the brain pair by pair; motion."""
    made: dict[str, Curve] = {}
    unit = lexicon.PERFUSION_WEIGHTED.shown_unit if run.equilibrium.is_absolute else "a.u."
    factor = lexicon.PERFUSION_WEIGHTED.shown_factor if run.equilibrium.is_absolute else 1.0
    tissues = _tissues(run)
    if run.is_single:
        found = run.audited.differences
        if len(found.parts) > 1:
            last = [max(part) for part in found.parts]
            times = run.labelled.series.times[last]
            scale = run.equilibrium.values
            for name, (label, inside) in tissues.items():
                values = (found.values[inside] / scale[inside, None]).mean(axis=0) * factor
                order = np.argsort(times, kind="stable")
                made[name] = Curve(times[order], values[order].astype(float), unit, f"{label}, pair by pair")
    else:
        for name, (label, inside) in tissues.items():
            mean = run.samples.values[inside].mean(axis=0)
            error = np.sqrt((run.samples.noise[inside] ** 2).sum(axis=0)) / inside.sum()
            fit = _fit_of(run, inside, mean, error)
            made[name] = Curve(
                run.samples.delays, mean.astype(float) * factor, unit, label, error * factor, fit * factor
            )
    if run.moved.displacement is not None:
        moving = np.isfinite(run.moved.displacement)
        made["displacement"] = Curve(
            run.labelled.series.times[moving], run.moved.displacement[moving], "mm", "mean displacement"
        )
    return made


def kept(run: Run, wanted: Region) -> Kept | None:
    """ΔM/M0 of the voxels of a region over the delays, one by one, each with what its flow, transit time and arteries
    give; None where there is one delay.
    """
    if run.is_single:
        return None
    chosen = run.brain.taken(wanted.mask)
    is_absolute = run.equilibrium.is_absolute
    factor = lexicon.PERFUSION_WEIGHTED.shown_factor if is_absolute else 1.0
    unit = lexicon.PERFUSION_WEIGHTED.shown_unit if is_absolute else "a.u."
    usable = run.fitted.status["cbf"] < FAILED_FROM
    rows = {"curve": np.where(usable[:, None], run.samples.values, np.nan)[chosen]}
    if is_absolute:
        rows["fit"] = _predicted(run, chosen & usable)[chosen]
    curves = {name: (factor * one).astype(np.float32) for name, one in rows.items()}
    return Kept(
        run.brain.part(chosen, wanted.name, wanted.origin), run.samples.delays, curves, dict.fromkeys(curves, unit)
    )  # fmt: skip


def _predicted(run: Run, which: Bool[np.ndarray, " voxels"]) -> Float[np.ndarray, "voxels samples"]:
    """The curves of what was found in single voxels."""
    out = np.full(run.samples.values.shape, np.nan)
    arteries = run.fitted.has_arteries
    has_arteries = np.zeros(which.size, bool) if arteries is None else arteries
    for rows, delays, t1 in run.samples.groups():
        for with_arteries in (False, True):
            mine = rows[which[rows] & (has_arteries[rows] == with_arteries)]
            if mine.size:
                model = run.setting.model(delays, run.samples.durations, t1, with_arteries)
                p = np.stack([run.fitted.values[one.key][mine] for one in model.parameters], axis=-1)
                out[mine] = model.predict(p)
    return out


def _tissues(run: Run) -> dict[str, tuple[str, Bool[np.ndarray, " voxels"]]]:
    usable = run.fitted.status["cbf"] < 10
    out: dict[str, tuple[str, np.ndarray]] = {}
    for name, share in (("grey", run.around.grey), ("white", run.around.white)):
        if share is not None:
            inside = usable & (np.nan_to_num(run.brain.taken(share)) >= PURE)
            if inside.sum() >= 20:
                out[name] = (f"{name} matter", inside)
    if not out and usable.any():
        out["tissue"] = ("brain", usable)
    if run.around.lesion is not None:
        inside = usable & run.brain.taken(run.around.lesion.mask)
        if inside.any():
            out["lesion"] = ("lesion", inside)
    return out


def _fit_of(
    run: Run, inside: np.ndarray, mean: Float[np.ndarray, " samples"], error: Float[np.ndarray, " samples"]
) -> Float[np.ndarray, " samples"]:
    """The model of a mean curve: one flow and transit time for all its voxels, with arteries where most have them."""
    later = float(np.mean(run.samples.later[inside]))
    t1 = None if run.samples.t1 is None else float(np.median(run.samples.t1[inside]))
    found = run.fitted.has_arteries
    has_arteries = found is not None and bool(found[inside].mean() > 0.5)
    model = run.setting.model(run.samples.delays + later, run.samples.durations, t1, has_arteries)
    nodes = times_of_both(4.0) if has_arteries else np.arange(0.0, 4.0, 0.04)[:, None]
    noise = np.maximum(error, 0.01 * np.abs(mean).max())[None]
    own = posterior(model, mean[None], noise, nodes, normal(nodes[:, 0], USUAL_ATT[run.setting.kind], 1.0))
    return np.asarray(model.predict(np.array([own.values[one.key][0] for one in model.parameters])), float)
