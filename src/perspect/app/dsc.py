"""One DSC examination from files to files: the only place where its reading, science, page and writing meet."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

import perspect
from perspect import dsc, io, report
from perspect.app.anatomy import Head, Seen, judged, seen, seen_in, transform
from perspect.app.given import NOTHING, GivenAnatomy, demand_read, read_images
from perspect.app.place import kept_of, region_on
from perspect.numerics.parallel import beside, on_threads
from perspect.vocabulary import Acquisition, Curve, Flag, Measured, Problem, Recipe, Region, Series, Severity
from perspect.vocabulary.progress import Progress, silent

INVERTED: Final = ("cbf", "mtt", "tmax", "delay")
ARTERIAL: Final = (*INVERTED, "cbv")
LEAKAGE: Final = ("cbv", "rcbv", "srcbv", "k1", "k2", "kep")
SCALED: Final = ("cbv", "cbf")
RELATIVE: Final = ("rcbv", "lpsr")
VOLUMES: Final = ("cbv", "rcbv", "srcbv")
"""Which maps a choice bears on, for their sidecars."""

MODELS: Final = {
    "auto": "leakage one-way (CAPLEX M.LC1.001) or two-way (M.LC1.002), the better by AICc in each voxel",
    "bsw": "leakage one-way (Boxerman-Schmainda-Weisskoff, CAPLEX M.LC1.001)",
    "leu": "leakage two-way (Leu, CAPLEX M.LC1.002)",
    "none": "nothing was corrected or inverted",
    "osvd": "indicator dilution, block-circulant matrix (CAPLEX G.DI1.002), oscillation limited",
    "csvd": "indicator dilution, block-circulant matrix (CAPLEX G.DI1.002), truncated",
    "ssvd": "indicator dilution, Toeplitz matrix, truncated",
    "tikhonov": "indicator dilution, block-circulant matrix (CAPLEX G.DI1.002), Tikhonov by cross-validation",
}
"""What a choice of leakage or deconvolution means, as `Model` says it."""

OWN_TRANSIT: Final = "; where far likelier one-way beside a transit time of the voxel's own"

SATURATING: Final = "; where agent leaks by the signal equation, in which T1 effects saturate"

READ_OFF: Final = "none: read off the curve"
"""What `Model` says of maps that no equation was fitted for."""

TABLES: Final = (".tsv", ".csv", ".txt")
"""Extensions of an input function that is a curve."""

NOTHING_GIVEN: Final = Acquisition()


@dataclass(frozen=True)
class Inputs:
    """The files of an examination and what was said by hand; angles in rad, times in s.

    `series` is one file, two (the echoes), or a folder that holds them. `aif` is a mask, a table, or `None`: found.
    `anatomy` are conventional images by contrast, `None`: those of the folder. `lesion` is a mask on any of their
    grids. `tissue` is what somebody else found of brain and tissues on them.
    """

    series: tuple[Path, ...]
    given: Acquisition = NOTHING_GIVEN
    te: tuple[float, ...] = ()
    times: Path | None = None
    mask: Path | None = None
    reference: Path | None = None
    aif: Path | None = None
    anatomy: Mapping[str, Path] | None = None
    lesion: Path | None = None
    tissue: GivenAnatomy = NOTHING


@dataclass(frozen=True, eq=False)
class Examined:
    """What was measured, the files that hold it, the signal at rest, and what the conventional images said."""

    measured: Measured
    written: io.Written
    at_rest: Float[np.ndarray, "x y z"]
    acquisition: Acquisition
    seen: Seen | None = None


def examine_dsc(
    inputs: Inputs,
    out: Path,
    plan: dsc.Plan | None = None,
    *,
    overwrite: bool = False,
    threads: int = 1,
    is_part: bool = False,
    head: Head | None = None,
    progress: Progress | None = None,
) -> Examined:
    """Maps, masks, curves, summary and page of a DSC series, written below `out`.

    `is_part` puts the page beside the maps, for an examination that has a page of its own. `head` is what the
    conventional images say, where that is known already.

    Raises `Problem` before anything is computed where an input is missing or wrong or `out` is taken, and `Refusal`
    where nothing can be measured that means what it is called; in either case nothing is written. A measurement with a
    flag that says REFUSED is written all the same, for inspection only: whoever shows it must show the flag first.
    """
    plan, tell = plan or dsc.Plan(), progress or silent
    found = [io.find_dsc(one) for one in inputs.series]
    paths = [path for one in found for path in one.dsc]
    anatomy = inputs.anatomy if inputs.anatomy is not None else {k: v for one in found for k, v in one.anatomy.items()}
    destination = io.Destination(out, io.name_of(paths[0]), is_part=is_part)
    io.demand_free(out, io.existing(destination), overwrite)
    tell("reading", 0.0)
    reading = beside(report.get_ready, lambda: io.read_dsc(paths, inputs.given, inputs.te, inputs.times), threads)
    by_hand = given_by_hand(inputs, reading)
    by_hand = with_anatomy(by_hand, reading, anatomy, inputs, paths, tell, head)
    measured = _quantified(reading, by_hand, plan, threads, tell)
    tell("drawing", 0.0)
    first = reading.series[0]
    at_rest = baseline(first, measured.summary)
    page = report.dsc_page(measured, first.name, at_rest)
    tell("writing", 0.0)
    results = _results(inputs, anatomy, reading, by_hand, measured, page, plan)
    written = io.write_results(destination, results, overwrite=overwrite, threads=threads)
    return Examined(measured, written, at_rest, first.acquisition, by_hand.seen)


@dataclass(frozen=True, eq=False)
class ByHand:
    """What was given instead of being found, on the grid of the series, and notes on how it got there; and what the
    conventional images say, where there are any.
    """

    mask: Region | None
    reference: Region | None
    aif: Region | Curve | None
    notes: tuple[Flag, ...]
    lesion: Region | None = None
    seen: Seen | None = None

    @property
    def white(self) -> Region | None:
        """The reference: given, or that of the conventional images."""
        return self.reference if self.reference is not None or self.seen is None else self.seen.white

    @property
    def regions(self) -> dict[str, Region]:
        """The lesion and what lies opposite of it, as far as they are known."""
        seen = self.seen
        lesion, opposite = (self.lesion, None) if seen is None else (seen.lesion, seen.opposite)
        found = {"lesion": lesion, "mirror": opposite}
        return {key: one for key, one in found.items() if one is not None}


def given_by_hand(inputs: Inputs, reading: io.Reading) -> ByHand:
    """The masks on the grid of the series, and the arterial input as a mask or as a curve (by its extension)."""
    notes: list[Flag] = []

    def region(path: Path | None, name: str) -> Region | None:
        if path is None:
            return None
        found, flags = region_on(path, name, reading.series[0].grid, has_positions=reading.code != 0)
        notes.extend(flags)
        return found

    mask, reference = region(inputs.mask, "brain"), region(inputs.reference, "reference")
    if inputs.aif is not None and not inputs.aif.exists():
        raise Problem(
            f"There is no arterial input '{inputs.aif}'.",
            "It is 'auto' (found in the brain), or a file: a mask (NIfTI) or a table of times and values (TSV).",
            "Use --aif auto, or check the path.",
        )
    if inputs.aif is not None and inputs.aif.suffix.lower() in TABLES:
        return ByHand(mask, reference, io.read_input_function(inputs.aif), tuple(notes))
    return ByHand(mask, reference, region(inputs.aif, "aif"), tuple(notes))


def with_anatomy(
    by_hand: ByHand,
    reading: io.Reading,
    anatomy: Mapping[str, Path],
    inputs: Inputs,
    paths: list[Path],
    tell: Progress,
    head: Head | None = None,
) -> ByHand:
    """What was given, with what the conventional images say; they are not looked at where a reference was given and
    no lesion.

    `head` is what they say, where that is known already. Raises `Refusal` where the images are of different patients.
    """
    lesion, given = inputs.lesion, inputs.tissue
    io.demand_regions_of(paths[0], (lesion, inputs.mask, inputs.reference))
    if lesion is None and by_hand.reference is not None:
        demand_read(given, False, "the reference is given and no lesion, so that no conventional image is looked at")
        return by_hand
    demand_read(given, bool(anatomy), "no conventional image is read")
    if not anatomy:
        return by_hand if lesion is None else _with_lesion(by_hand, reading, lesion)
    tell("anatomy", 0.0)
    strangers = io.demand_one_patient([*paths, *anatomy.values(), *given.files])
    picture, grid = baseline(reading.series[0], {}), reading.series[0].grid
    if head is not None:
        found: Seen | None = seen_in(head, picture, grid)
    else:
        images, notes = read_images(anatomy, given)
        strangers = (*strangers, *notes)
        found = seen(picture, grid, images, None if lesion is None else io.read_region(lesion, "lesion"))
    if found is None:
        return by_hand if lesion is None else _with_lesion(by_hand, reading, lesion)
    return replace(by_hand, notes=(*by_hand.notes, *strangers, *found.flags), seen=found)


def _with_lesion(by_hand: ByHand, reading: io.Reading, path: Path) -> ByHand:
    """What was given, with a lesion that no conventional image shows, as it lies in the frame of the series."""
    lesion, notes = region_on(path, "lesion", reading.series[0].grid, has_positions=reading.code != 0)
    if by_hand.reference is None:
        sentence = "Without a conventional image the lesion is not left out of where the reference is sought."
        notes = (*notes, Flag("lesion-in-reference", Severity.CAUTION, sentence, "reference", source="anatomy"))
    return replace(by_hand, lesion=lesion, notes=(*by_hand.notes, *notes))


def _quantified(reading: io.Reading, by_hand: ByHand, plan: dsc.Plan, threads: int, tell: Progress) -> Measured:
    """What the room says, together with what was remarked on while reading."""
    with on_threads(threads):
        measured = dsc.quantify(
            reading.series, plan, mask=by_hand.mask, reference=by_hand.white, aif=by_hand.aif,
            lesion=by_hand.regions.get("lesion"), keep=kept_of(by_hand.regions.get("lesion"), by_hand.white),
            progress=tell,
        )  # fmt: skip
    flags, regions = (*reading.flags, *by_hand.notes, *measured.flags), {**measured.regions, **by_hand.regions}
    if by_hand.seen is None:
        return replace(measured, flags=flags, regions=regions)
    doubts, numbers = judged(by_hand.seen, measured, by_hand.reference)
    recipe = Recipe((*by_hand.seen.steps, *measured.recipe.steps))
    summary = {**measured.summary, **numbers}
    return replace(measured, flags=(*flags, *doubts), recipe=recipe, regions=regions, summary=summary)


def _results(
    inputs: Inputs,
    anatomy: Mapping[str, Path],
    reading: io.Reading,
    by_hand: ByHand,
    measured: Measured,
    page: str,
    plan: dsc.Plan,
) -> io.Results:
    images = () if by_hand.seen is None else anatomy.values()
    used = [*(one for path in images for one in io.files_of_anatomy(path)), inputs.lesion if by_hand.regions else None]
    given = (inputs.mask, inputs.reference, inputs.aif, *inputs.tissue.files)
    extra = [path for path in (*given, *used) if path is not None]
    sources = {io.label(path): io.sha256(path) for path in extra}
    for series in reading.series:
        sources |= series.sources
    return io.Results(
        measured,
        page,
        {"dsc": asdict(plan)},
        sources,
        perspect.__version__,
        facts(measured, plan),
        reading.code,
        reading.root,
        () if by_hand.seen is None else (transform(by_hand.seen, "dsc"),),
    )


def baseline(series: Series, summary: Mapping[str, Any]) -> Float[np.ndarray, "x y z"]:
    """The mean signal at rest, as a picture to draw maps on; of the whole series where the run does not say rest.

    The run counts the volumes that it analysed; `kept_volumes` says which volumes of the series those are.
    """
    kept = summary.get("kept_volumes", range(series.n_times))
    frames = [kept[at] for at in range(*summary.get("baseline_frames", (0, len(kept))))]
    stored: Float[np.ndarray, "x y z"] = series.values[..., frames].mean(axis=3, dtype=np.float32)
    return stored * np.float32(series.slope) + np.float32(series.intercept)


def facts(measured: Measured, plan: dsc.Plan) -> dict[str, dict[str, Any]]:
    """What the sidecar of each map says of how it was made."""
    found: dict[str, dict[str, Any]] = {key: {} for key in measured.maps}
    is_saturating = measured.summary.get("saturating_share", 0) > 0
    has_own_transit = measured.summary.get("own_transit_share", 0) > 0
    more = f"{OWN_TRANSIT if has_own_transit else ''}{SATURATING if is_saturating else ''}"
    leakage = f"{plan.leakage}: {MODELS[plan.leakage]}{more}"
    inverted = f"{plan.deconvolution}: {MODELS[plan.deconvolution]}"
    for keys, fact, value in (
        (tuple(measured.maps), "Model", READ_OFF),
        (LEAKAGE, "Model", leakage),
        (INVERTED, "Model", inverted),
        (INVERTED, "Inversion", plan.deconvolution),
        (INVERTED, "InversionCut", measured.summary.get("deconvolution_cut")),
        (ARTERIAL, "AIF", measured.summary.get("arterial_origin")),
        (SCALED, "Scale", measured.summary.get("scale")),
        (RELATIVE, "Reference", measured.summary.get("reference_origin")),
    ):
        for key in set(keys) & set(found):
            found[key] |= {fact: value}
    if plan.leakage == "none":
        for key in set(VOLUMES) & set(found):
            found[key] |= {"Description": uncorrected(measured.maps[key].quantity.meaning)}
    return found


def uncorrected(meaning: str) -> str:
    """What a blood volume is where leakage was left in it.

    >>> uncorrected("Leakage-corrected blood volume divided by that of white matter.")
    'Blood volume divided by that of white matter. Leakage was not corrected.'
    """
    return f"{meaning.replace('Leakage-corrected blood', 'Blood')} Leakage was not corrected."
