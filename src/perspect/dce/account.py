"""What a DCE run says of itself: its methods, its plain numbers, the curves that explain it."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.dce.blood import FEWEST_FOR_NOISE
from perspect.dce.kinetics import NUMBERS, Kinetics, OneModel
from perspect.dce.plan import Plan
from perspect.dce.plasma import Arterial
from perspect.dce.tissue import Tissue
from perspect.dce.transit import Neglect
from perspect.fit import Fit
from perspect.vocabulary import FAILED_FROM, Curve, Kept, Map, Recipe, Region, Step


@dataclass(frozen=True, eq=False)
class Run:
    """Everything that a run found, as the pipeline found it."""

    plan: Plan
    tissue: Tissue
    arterial: Arterial
    found: Kinetics
    lag: Float[np.ndarray, " voxels"] | None
    t1: Map | float
    structure: float
    depends: float
    lesion: Region | None
    one_model: OneModel | None
    neglect: Neglect | None


def recipe(run: Run) -> Recipe:
    """The stages, each with its sentence and sources."""
    return Recipe((*steps_of_series(run.tissue, run.t1, run.plan), _arterial(run), _kinetics(run)))


def steps_of_series(tissue: Tissue, t1: Map | float, plan: Plan) -> tuple[Step, Step]:
    """How volumes were aligned, and how their signal became concentration."""
    before = "a T1 map" if isinstance(t1, Map) else f"one T1 of {t1:g} s for all tissue"
    angle = "the nominal flip angle" if tissue.b1 is None else "the measured flip angle of each voxel"
    concentration = Step(
        "concentration",
        "Signal became concentration by the equation of the spoiled gradient echo, with the mean of "
        f"{tissue.rest.n_frames} volumes at rest, {before}, {angle} and a relaxivity of {plan.r1:g} /s/mM; "
        "values below zero were kept.",
        {"r1": plan.r1, "r2star_tissue": plan.r2star_tissue},
        ("Schabel and Parker 2008, doi:10.1088/0031-9155/53/9/010",),
    )
    return tissue.moved.step, concentration


def _arterial(run: Run) -> Step:
    plan = run.plan
    is_freed = run.arterial.region is not None and run.tissue.rest.n_frames >= FEWEST_FOR_NOISE
    freed = " Signal of blood was freed from the noise floor of magnitudes." if is_freed else ""
    turned = "as plasma" if run.arterial.was_plasma else f"as plasma with a haematocrit of {plan.hct:g}"
    constants = {"r2star": plan.r2star} if run.arterial.was_signal else {}
    return Step(
        "arterial input",
        f"Arterial input: {run.arterial.origin}; {turned}.{freed}",
        constants if run.arterial.was_plasma else {"hct": plan.hct} | constants,
    )


def _kinetics(run: Run) -> Step:
    plan, names = run.plan, run.found.names
    chosen = (
        f"the model of each voxel was chosen among {', '.join(names)} by AICc"
        if len(names) > 1
        else f"the {names[0]} model was fitted"
    )
    lines = (line.strip() for one in run.found.fits.values() for line in (type(one.model).__doc__ or "").splitlines())
    sources = dict.fromkeys(line for line in lines if "doi:" in line)
    return Step(
        "kinetics",
        f"{_water(plan)}The plasma curve was convolved exactly (straight lines between samples) and {chosen}"
        + (", with an arterial delay in each voxel" if plan.delay else "")
        + f"; {_errors(run)}.",
        {"leaves_blood": plan.water_leaves_blood, "leaves_cells": plan.water_leaves_cells}
        if plan.water == "shutter-speed"
        else {},
        ("Flouri, Lesnic and Sourbron 2016, doi:10.1002/mrm.25991", *sources),
    )


def _errors(run: Run) -> str:
    """Of what the standard errors are, and of what they are not since nothing says how large it is."""
    has_t1, has_input = bool(np.isfinite(run.tissue.t1_std).any()), bool(np.isfinite(run.arterial.relative_error))
    known = {"T1": has_t1, "the arterial input": has_input}
    held = ["the residuals", *(f"the error of {what}" for what, is_known in known.items() if is_known)]
    left = [what for what, is_known in known.items() if not is_known]
    said = f"standard errors hold {' and '.join(held) if len(held) < 3 else f'{held[0]}, {held[1]} and {held[2]}'}"
    return said + (f", not that of {' and '.join(left)}, which is not known" if left else "")


def _water(plan: Plan) -> str:
    """How water was taken to move."""
    if plan.water == "fast":
        return ""
    if plan.water == "none":
        return "The signal itself was fitted, with water that stays in blood, interstitium and cells. "
    return (
        f"The signal itself was fitted, with water that leaves blood {plan.water_leaves_blood:g} and cells "
        f"{plan.water_leaves_cells:g} times a second. "
    )


def summary(run: Run, word: str) -> dict[str, Any]:
    """The plain numbers of the run, in inside units; `word` is the reliability of the protocol."""
    names = run.found.names
    usable = run.found.chosen >= 0
    shares = {
        name: float((run.found.chosen[usable] == place).mean()) if usable.any() else float("nan")
        for place, name in enumerate(names)
    }
    out = summary_of_series(run.tissue, run.plan, word) | {
        "arterial_origin": run.arterial.origin, "arterial_peak_mM": float(run.arterial.drives["cp"].max()),
        "arterial_relative_error": run.arterial.relative_error, "haematocrit": run.plan.hct, "model_shares": shares,
        "model_dependence": run.depends, "residual_correlation": run.structure,
        "model_numbers": {name: NUMBERS[name] for name in names},
    }  # fmt: skip
    if run.neglect is not None:
        out |= {"transit_vp_error": run.neglect.vp, "transit_ktrans_error": run.neglect.ktrans}
    if run.one_model is not None:
        one = run.one_model
        out |= {
            "lesion_model": one.name, "lesion_model_weights": dict(one.weights), "lesion_model_voxels": one.n_voxels,
            "lesion_model_medians": dict(one.medians), "lesion_voxel_models": dict(one.of_voxels),
        }  # fmt: skip
    return out


def summary_of_series(tissue: Tissue, plan: Plan, word: str) -> dict[str, Any]:
    """The plain numbers of a series and of its alignment, whatever is fitted to it."""
    times, rest, moved, acquisition = tissue.times, tissue.rest, tissue.moved, tissue.acquisition
    out: dict[str, Any] = {
        "te": acquisition.te, "tr": acquisition.tr, "flip_angle": acquisition.flip_angle, "field": acquisition.field,
        "agent": acquisition.agent, "dose": acquisition.dose, "n_volumes": int(times.size),
        "time_step": float(np.median(np.diff(times))), "n_baseline": rest.n_frames,
        "baseline_seconds": float(times[rest.frames.stop - 1] - times[rest.frames.start]), "arrival": rest.arrival,
        "baseline_frames": (rest.frames.start, rest.frames.stop), "kept_volumes": list(moved.kept),
        "seconds_after_arrival": float(times[-1] - rest.arrival), "reliability": word, "r1": plan.r1,
    }  # fmt: skip
    if moved.displacement is not None:
        out |= {
            "largest_displacement": float(np.nanmax(moved.displacement)),
            "mean_framewise_displacement": moved.mean_framewise,
            "motion_parameters": moved.parameters,
            "framewise_displacement": moved.framewise,
        }
    return out


def kept(run: Run, inside: Region, wanted: Region) -> Kept:
    """The curves of the voxels of a region one by one, each with its fit: that of the one model of the lesion where one
    was chosen and leaves nothing open, else that of the voxel's own.
    """
    chosen = inside.taken(wanted.mask)
    voxels = np.flatnonzero(chosen)
    n = run.tissue.times.size
    curves = np.where((run.tissue.agent.status < FAILED_FROM)[voxels, None], run.found.seen.curves[voxels], np.nan)
    fits = np.full(curves.shape, np.nan)
    for place, one in enumerate(run.found.fits.values()):
        _predict(one, voxels, run.found.chosen[voxels] == place, fits)
    if run.one_model is not None:
        _predict(run.found.fits[run.one_model.name], voxels, np.isfinite(fits[:, 0]), fits)
    rows = {"curve": curves[:, :n].astype(np.float32), "fit": fits[:, :n].astype(np.float32)}
    units = dict.fromkeys(rows, run.found.seen.unit)
    return Kept(inside.part(chosen, wanted.name, wanted.origin), run.tissue.times, rows, units)


def _predict(
    one: Fit,
    voxels: Int[np.ndarray, " some"],
    which: Bool[np.ndarray, " some"],
    into: Float[np.ndarray, "some samples"],
) -> None:
    """Puts the curves that a fit gives for some of the voxels where they belong; what it leaves open stays."""
    p = np.stack([one.values[quantity.key][voxels] for quantity in one.model.parameters], axis=-1)
    told = np.flatnonzero(which & np.isfinite(p).all(axis=1))
    if told.size:
        into[told] = one.model.predict(p[told])


def curves(run: Run) -> dict[str, Curve]:
    """The arterial input, and the mean curve of the voxels that leak most with its fit."""
    out = {"aif": run.arterial.fine or Curve(run.tissue.times, run.arterial.cp, "mM", "arterial plasma")}
    c = run.found.seen.curves
    n = run.tissue.times.size
    usable = np.flatnonzero((run.tissue.agent.status < FAILED_FROM) & (run.found.chosen >= 0))
    if usable.size:
        late = run.tissue.agent.curves[usable, -max(2, n // 10) :].mean(axis=1)
        top = usable[np.argsort(-late)[: max(20, usable.size // 100)]]
        mean = c[top].mean(axis=0, dtype=np.float64)
        name = run.found.names[int(np.bincount(run.found.chosen[top], minlength=1).argmax())]
        out["tissue"] = Curve(
            run.tissue.times,
            mean[:n],
            run.found.seen.unit,
            f"tissue that enhances most ({name})",
            fit=_fit_of(run, name, mean),
        )
    if run.tissue.moved.displacement is not None:
        out["displacement"] = Curve(run.tissue.times, run.tissue.moved.displacement, "mm", "displacement")
    return out


def _fit_of(run: Run, name: str, mean: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " time"] | None:
    model = run.found.fits[name].model
    one = run.found.fits[name].again(mean[None])
    p = np.array([one.values[quantity.key][0] for quantity in model.parameters])
    return model.predict(p)[: run.tissue.times.size] if np.isfinite(p).all() else None
