"""One DCE examination from files to files: the only place where its reading, science, page and writing meet."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

import perspect
from perspect import dce, io, report
from perspect.anatomy import normal, resample
from perspect.app.anatomy import Seen, seen_in, transform
from perspect.app.dsc_inputs import TABLES, baseline
from perspect.app.head import Head
from perspect.app.lesion import Placed
from perspect.app.place import kept_of, region_on
from perspect.app.t1 import T1Inputs, b1_on, measured_t1
from perspect.numerics.parallel import on_threads
from perspect.vocabulary import (
    Acquisition,
    Curve,
    Flag,
    Grid,
    Map,
    Measured,
    Problem,
    Recipe,
    Region,
    Series,
    Status,
    lexicon,
)
from perspect.vocabulary.progress import Progress, silent

NOTHING_GIVEN: Final = Acquisition()
FIRST: Final = 6
"""Volumes at most that are taken to be before agent when the series is laid beside other images [our default]."""

OF_MODEL: Final = ("ktrans", "ve", "vp", "kep", "fp", "ps", "delay", "rktrans", "rve", "rdelay")
"""Maps that a kinetic model makes, for their sidecars."""

OF_CHOICE: Final = (lexicon.MODEL.key, lexicon.MODEL_WEIGHT.key, *(one.key for one in lexicon.AICC.values()))
"""Maps of which model that is, and how sure."""

ARTERIAL: Final = (*OF_MODEL, *OF_CHOICE, "iaugcbn60", "iaugcbn90", "iaugcbn180")
"""Maps on which the arterial input bears, or the region that takes its place, for their sidecars."""

CODES: Final = {
    "patlak": "M.IC1.006", "tofts": "M.IC1.004", "extended-tofts": "M.IC1.005", "2cum": "M.IC1.007",
    "2cxm": "M.IC1.009", "aath": "M.IC1.012",
}  # fmt: skip
"""What CAPLEX calls the kinetic models."""


@dataclass(frozen=True)
class DceInputs:
    """The files of an examination and what was said by hand; angles in rad, times in s.

    `series` is a file, the folder that holds it, or a folder of DICOM. `t1` is a map, a value in s, or `None`: from the
    images at several flip angles (`vfa`, or those of the folder). `excitation` is the time between excitations (the TR
    of a spoiled gradient echo, which is not that between volumes). `aif` is a mask, a table, or `None`: found, or a
    population's. `reference` is the region that the model of that name needs.
    """

    series: Path
    given: Acquisition = NOTHING_GIVEN
    times: Path | None = None
    t1: Path | float | None = None
    vfa: tuple[Path, ...] = ()
    b1: Path | None = None
    mask: Path | None = None
    aif: Path | None = None
    vein: Path | None = None
    lesion: Path | None = None
    excitation: float | None = None
    reference: Path | None = None


@dataclass(frozen=True, eq=False)
class DceExamined:
    """What was measured, the files that hold it, the signal at rest, and what the conventional images said."""

    measured: Measured
    written: io.Written
    at_rest: Float[np.ndarray, "x y z"]
    seen: Seen | None = None


@dataclass(frozen=True, eq=False)
class DceHead:
    """What is known of the head before a series is measured: the conventional images, and the parts of the lesion in
    them, for the solid one of which one model is chosen.
    """

    head: Head
    lesion: Placed


def examine_dce(
    inputs: DceInputs,
    out: Path,
    plan: dce.Plan | None = None,
    *,
    overwrite: bool = False,
    threads: int = 1,
    is_part: bool = False,
    known: DceHead | None = None,
    progress: Progress | None = None,
) -> DceExamined:
    """Maps, masks, curves, summary and page of a DCE series, written below `out`.

    Raises `Problem` before anything is computed where an input is missing or wrong or `out` is taken, and `Refusal`
    where nothing can be measured that means what it is called; in either case nothing is written. `is_part` puts the
    page beside the maps, for an examination with a page of its own; `known` is what conventional images say already.
    """
    plan, tell = plan or dce.Plan(), progress or silent
    found = io.find_dce(inputs.series)
    destination = io.Destination(out, io.name_of(found.series), "dce", is_part=is_part)
    io.demand_free(out, io.existing(destination), overwrite)
    tell("reading", 0.0)
    strangers = _strangers(inputs, found)
    reading = io.read_dce(found.series, inputs.given, inputs.times)
    series, used = _with_excitation(reading.series[0], inputs.excitation), dict[str, str]()
    seen = None if known is None else seen_in(known.head, before_agent(series), series.grid)
    part = None if seen is None or known is None else _solid(known.lesion, seen, series)
    with on_threads(threads):
        measured = _measured(inputs, found, series, reading.code != 0, plan, tell, used, part, seen)
    measured = _as_read(measured, (*strangers, *reading.flags), seen)
    tell("drawing", 0.0)
    at_rest = baseline(series, measured.summary)
    results = io.Results(
        measured, report.dce_page(measured, series.name, at_rest), {"dce": asdict(plan)}, dict(series.sources) | used,
        perspect.__version__, facts(measured), reading.code, reading.root,
        () if seen is None else (transform(seen, "dce"),),
    )  # fmt: skip
    tell("writing", 0.0)
    written = io.write_results(destination, results, overwrite=overwrite, threads=threads)
    return DceExamined(measured, written, at_rest, seen)


def _strangers(inputs: DceInputs, found: io.FoundDce) -> tuple[Flag, ...]:
    """What is to be said of whose the images are. Raises Refusal where they are of two patients."""
    vfa = inputs.vfa or (found.vfa if inputs.t1 is None else ())
    strangers = io.demand_one_patient((found.series, *vfa))
    io.demand_regions_of(found.series, (inputs.lesion, inputs.mask))
    return strangers


def _as_read(measured: Measured, of_reading: tuple[Flag, ...], seen: Seen | None) -> Measured:
    """What was measured, with what is to be said of the files and of where the series lies in the conventional images.

    Nothing of leakage is compared with normal tissue: of the anatomy only where the series lies, and whose it is.
    """
    placed = () if seen is None else tuple(one for one in seen.flags if one.source == "alignment")
    steps = () if seen is None else tuple(one for one in seen.steps if one.name != normal.SOURCE)
    flags = (*of_reading, *placed, *measured.flags)
    return replace(measured, flags=flags, recipe=Recipe((*steps, *measured.recipe.steps)))


def before_agent(series: Series) -> Float[np.ndarray, "x y z"]:
    """The mean of the first volumes, which agent has not reached: a picture to lay beside conventional images."""
    return baseline(series, {"baseline_frames": (0, max(1, min(FIRST, series.n_times // 8)))})


def _solid(lesion: Placed, seen: Seen, series: Series) -> Region | None:
    """The solid part of the lesion on the grid of the series; None where it has no voxel there."""
    return lesion.on(series.grid, seen.series_to_anatomy.matrix).get("solid part")


def _with_excitation(series: Series, tr: float | None) -> Series:
    return series if tr is None else replace(series, acquisition=replace(series.acquisition, tr=tr))


def _measured(
    inputs: DceInputs,
    found: io.FoundDce,
    series: Series,
    has_positions: bool,
    plan: dce.Plan,
    tell: Progress,
    used: dict[str, str],
    part: Region | None,
    seen: Seen | None,
) -> Measured:
    """What the room says, with T1, flip angles and masks brought onto the grid of the series."""
    tell("T1", 0.0)
    b1_path = inputs.b1 or found.b1
    t1, before = _t1(inputs, found, series, b1_path, used)
    b1 = _b1(b1_path, before, series, used)
    regions, notes = _regions(inputs, series, has_positions, used, part)
    aif: Region | Curve | None = regions.get("aif")
    if aif is None and inputs.aif is not None:
        used[io.label(inputs.aif)] = io.sha256(inputs.aif)
        aif = io.read_input_function(inputs.aif)
    lesion = regions.get("lesion")
    measured = dce.quantify(
        series, plan, t1=t1, b1=b1, mask=regions.get("brain"), aif=aif, vein=regions.get("vein"), lesion=lesion,
        reference=regions.get("reference"),
        keep=kept_of(lesion, None if seen is None else seen.white), progress=tell,
    )  # fmt: skip
    shown = {**measured.regions} | ({} if lesion is None else {"lesion": lesion})
    recipe = measured.recipe if before is None else Recipe((*before.recipe.steps, *measured.recipe.steps))
    said = {flag.code for flag in measured.flags}
    of_t1 = (
        ()
        if before is None
        else (flag for flag in before.flags if not (flag.code == "no-b1-map" and flag.code in said))
    )
    flags = (*notes, *of_t1, *measured.flags)
    return replace(measured, regions=shown, recipe=recipe, flags=flags)


def _b1(
    path: Path | None, before: Measured | None, series: Series, used: dict[str, str]
) -> Float[np.ndarray, "x y z"] | None:
    """The map of the true over the nominal flip angle: that of a file, else one that was fitted together with T1."""
    if path is not None:
        used[io.label(path)] = io.sha256(path)
        return b1_on(path, series.grid)
    if before is None or lexicon.B1.key not in before.maps:
        return None
    fitted = before.maps[lexicon.B1.key]
    return _laid(fitted.values, fitted.grid, series)


def _regions(
    inputs: DceInputs, series: Series, has_positions: bool, used: dict[str, str], part: Region | None
) -> tuple[dict[str, Region], list[Flag]]:
    """The masks that were given, on the grid of the series, and what is to be said of them; the lesion is the `part`
    that is known already, where it is.
    """
    is_table = inputs.aif is not None and inputs.aif.suffix.lower() in TABLES
    paths = {
        "aif": None if is_table else inputs.aif, "lesion": inputs.lesion if part is None else None,
        "brain": inputs.mask, "vein": inputs.vein, "reference": inputs.reference,
    }  # fmt: skip
    regions: dict[str, Region] = {} if part is None else {"lesion": part}
    notes: list[Flag] = []
    for name, path in paths.items():
        if path is not None:
            used[io.label(path)] = io.sha256(path)
            regions[name], flags = region_on(path, name, series.grid, has_positions=has_positions)
            notes.extend(flags)
    return regions, notes


def _t1(
    inputs: DceInputs, found: io.FoundDce, series: Series, b1: Path | None, used: dict[str, str]
) -> tuple[Map | float, Measured | None]:
    """T1 before agent: a value, a map that was given, or one that is measured here."""
    if inputs.t1 is not None and inputs.vfa:
        raise Problem(
            "T1 before agent was given, and images to measure it from as well.",
            "The images would be ignored.",
            "Leave out --t1 or --vfa.",
        )
    if isinstance(inputs.t1, float):
        return inputs.t1, None
    if inputs.t1 is not None:
        return _t1_of_file(inputs.t1, series, used), None
    images = inputs.vfa or found.vfa
    if not images:
        raise Problem(
            "T1 before agent is not known: no map, no value, no images at several flip angles.",
            "A concentration is a change of R1 from what it was before.",
            "Give --t1 MAP, --t1 1.4 (in s, for all tissue), or --vfa with the images.",
        )
    read = io.read_flip_images(images)
    used |= read.sources
    # Trains after inversions tell the flip angle themselves.
    is_plain = not np.isfinite(read.inversion_times).any()
    before = measured_t1(read, T1Inputs(tuple(images), b1=b1 if is_plain else None))
    one = before.maps[lexicon.T1.key]
    if one.grid.matches(series.grid):
        return one, before
    values, std = (_laid(part, one.grid, series) for part in (one.values, one.std))
    return _as_map(values, std, series=series), before


def _t1_of_file(path: Path, series: Series, used: dict[str, str]) -> Map:
    """A map of T1, with its standard errors where `perspect t1` has laid them beside it."""
    beside = path.with_name(path.name.replace(f"{lexicon.T1.key}.", f"{lexicon.T1.key}std."))
    both = (path,) if beside == path or not beside.is_file() else (path, beside)
    used |= {io.label(one): io.sha256(one) for one in both}
    return _as_map(*(_laid(*io.read_volume(one), series) for one in both), series=series)


def _laid(values: Float[np.ndarray, "x y z"], grid: Grid, series: Series) -> Float[np.ndarray, "x y z"]:
    """Values on the grid of the series."""
    return values if grid.matches(series.grid) else resample.onto(values, grid, series.grid)


def _as_map(
    values: Float[np.ndarray, "x y z"], std: Float[np.ndarray, "x y z"] | None = None, *, series: Series
) -> Map:
    """T1 in s on the grid of the series; without an error of its own the error is not known (NaN)."""
    usable = np.isfinite(values) & (values > 0)
    if usable.any() and float(np.median(values[usable])) > 20.0:
        raise Problem(
            f"The T1 map has a median of {float(np.median(values[usable])):.0f}, which looks like milliseconds.",
            "Every concentration would be wrong.",
            "Give a map in seconds.",
        )
    error = np.full_like(values, np.nan) if std is None else std
    return Map(
        lexicon.T1, np.where(usable, values, np.nan).astype(np.float32),
        np.where(usable, error, np.nan).astype(np.float32),
        np.where(usable, Status.OK, Status.NOT_DETERMINED).astype(np.int16), series.grid,
    )  # fmt: skip


def _named(model: str) -> str:
    """A model with its code, where it has one."""
    return f"{model} (CAPLEX {CODES[model]})" if model in CODES else model


def facts(measured: Measured) -> dict[str, dict[str, Any]]:
    """What the sidecar of each map says of how it was made."""
    out: dict[str, dict[str, Any]] = {key: {} for key in measured.maps}
    tried = [_named(one) for one in measured.summary["model_shares"]]
    model = tried[0] if len(tried) == 1 else f"the best by AICc in each voxel of {', '.join(tried)}"
    for key in out:
        out[key] |= {"Model": model if key in OF_MODEL else "none: read off the curve"}
    arterial, reference = (measured.summary.get(f"{one}_origin") for one in ("arterial", "reference"))
    for key in set(ARTERIAL) & set(out):
        out[key] |= {"AIF": arterial} if reference is None else {"Reference": reference}
    if lexicon.T1.key in out:
        out[lexicon.T1.key] |= {"Model": "T1 of the tissue before agent, measured or given (see methods)"}
    for name, quantity in lexicon.AICC.items():
        if quantity.key in out:
            out[quantity.key] |= {"Model": _named(name)}
    if lexicon.MODEL_WEIGHT.key in out:
        out[lexicon.MODEL_WEIGHT.key] |= {"Model": model}
    if lexicon.MODEL.key in out:
        out[lexicon.MODEL.key] |= {
            "Model": model,
            "Levels": {str(v): k for k, v in measured.summary.get("model_numbers", {}).items()},
        }
    return out
