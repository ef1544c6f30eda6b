"""One ASL examination from files to files."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

import perspect
from perspect import asl, io, report
from perspect.anatomy import align, resample
from perspect.app.anatomy import Head, Seen, seen, seen_in, transform
from perspect.app.given import GivenAnatomy, demand_read, map_on, read_images, share_on
from perspect.app.place import kept_of, region_on, share_of_mask
from perspect.asl.audit import demand_times
from perspect.numerics.parallel import on_threads
from perspect.vocabulary import (
    Acquisition,
    Around,
    Calibration,
    Flag,
    Grid,
    Labelled,
    Measured,
    Problem,
    Recipe,
    Region,
    Severity,
    Step,
)  # fmt: skip
from perspect.vocabulary.progress import Progress, silent

NO_LABELLING: Final = io.GivenLabelling()
NO_VALUES: Final = Acquisition()

ELSEWHERE_MM, FARTHEST_MM = 1.0, 20.0
"""mm by which M0 must lie away from the series to be brought there, and beyond which the alignment is not believed
[our default]."""

SHARES: Final = ("grey", "white", "fluid")
"""Maps of shares; the others are of times."""

SURE_MM: Final = 0.5
"""Standard error in mm up to which the alignment of M0 is believed. [our default]"""

MODELLED: Final = ("cbf", "att", "abv", "abat", "cbfgm", "cbfwm", "cbflesion", "cbfreg", "relcbf", "cbfattcorr")
"""Maps that rest on a kinetic model, for their sidecars."""


@dataclass(frozen=True)
class AslInputs:
    """The files of an examination and what was said by hand; times in s.

    `series` is a file or a folder that holds one. `m0` is an image of equilibrium, `None`: the one beside the series.
    `grey`, `white`, `fluid` are maps of shares, `t1` a map in s, `att` one of transit times in s, on any grid of the
    same frame. `anatomy` are conventional images by contrast, `None`: those of the folder; `brain` is a mask in the
    frame of the one that leads.
    """

    series: Path
    labelling: io.GivenLabelling = NO_LABELLING
    acquired: Acquisition = NO_VALUES
    m0: Path | None = None
    wants_m0: bool = True
    mask: Path | None = None
    lesion: Path | None = None
    grey: Path | None = None
    white: Path | None = None
    fluid: Path | None = None
    t1: Path | None = None
    att: Path | None = None
    anatomy: Mapping[str, Path] | None = None
    brain: Path | None = None


@dataclass(frozen=True, eq=False)
class AslExamined:
    """What was measured, the files that hold it, a picture to draw on, and what the conventional images said."""

    measured: Measured
    written: io.Written
    at_rest: Float[np.ndarray, "x y z"]
    seen: Seen | None = None


@dataclass(frozen=True, eq=False)
class _Head:
    """What is known of the head, on the grid of the series, with what must be said of how it got there."""

    around: Around
    flags: tuple[Flag, ...] = ()
    steps: tuple[Step, ...] = ()
    sources: dict[str, str] = field(default_factory=dict)
    seen: Seen | None = None


def examine_asl(
    inputs: AslInputs,
    out: Path,
    plan: asl.Plan | None = None,
    *,
    overwrite: bool = False,
    threads: int = 1,
    is_part: bool = False,
    known: Head | None = None,
    progress: Progress | None = None,
) -> AslExamined:
    """Maps, masks, curves, summary and page of an ASL series, written below `out`.

    Raises `Problem` before anything is computed where an input is missing or wrong or `out` is taken, and `Refusal`
    where nothing can be measured that means what it is called; in either case nothing is written. `is_part` puts the
    page beside the maps, for an examination that has a page of its own; `known` is what the conventional images say,
    where that is known already.
    """
    plan, tell = plan or asl.Plan(), progress or silent
    demand_effect(inputs, plan)
    found = io.find_asl(inputs.series)
    assert found.asl is not None
    anatomy = inputs.anatomy if inputs.anatomy is not None else found.anatomy
    destination = io.Destination(out, io.name_of(found.asl), "asl", is_part=is_part)
    io.demand_free(out, io.existing(destination), overwrite)
    tell("reading", 0.0)
    reading = io.read_asl(found.asl, inputs.m0, inputs.labelling, inputs.acquired, wants_m0=inputs.wants_m0)
    grid = reading.labelled.series.grid
    labelled, m0_flags = with_m0(reading, may_move=plan.motion)
    head = head_of(inputs, anatomy, labelled, grid, reading.code != 0, tell, known)
    keep = kept_of(head.around.lesion, None if head.seen is None else head.seen.white)
    with on_threads(threads):
        measured = asl.quantify(labelled, plan, around=head.around, keep=keep, progress=tell)
    flags = (*reading.flags, *m0_flags, *head.flags, *measured.flags)
    flags = tuple(sorted(flags, key=lambda flag: -flag.severity))
    measured = replace(measured, flags=flags, recipe=Recipe((*head.steps, *measured.recipe.steps)))
    tell("drawing", 0.0)
    picture = background(labelled)
    page = report.asl_page(measured, labelled.series.name, picture)
    tell("writing", 0.0)
    m0_sources = {} if reading.m0 is None else reading.m0.sources
    results = io.Results(
        measured,
        page,
        {"asl": asdict(plan)},
        {**labelled.series.sources, **m0_sources, **head.sources},
        perspect.__version__,
        facts(measured),
        reading.code,
        reading.root,
        () if head.seen is None else (transform(head.seen, "asl"),),
    )
    written = io.write_results(destination, results, overwrite=overwrite, threads=threads)
    return AslExamined(measured, written, picture, head.seen)


def demand_effect(inputs: AslInputs, plan: asl.Plan) -> None:
    """Raises Problem for an M0 image that would be read by nobody: no plan wants it."""
    if inputs.m0 is None or (inputs.wants_m0 and plan.m0 not in ("control", "none")):
        return
    other = f"asl.m0 is '{plan.m0}'" if inputs.wants_m0 else "--no-m0 says to do without one"
    raise Problem(
        f"{inputs.m0.name} is given as M0, and {other}.",
        "It would be read by nobody.",
        "Leave one of the two out.",
    )


def with_m0(reading: io.AslReading, *, may_move: bool = False) -> tuple[Labelled, tuple[Flag, ...]]:
    """The labelled series with its M0 on the same grid, and a note where M0 had to be resampled.

    Where it `may_move`, an M0 before which the head was elsewhere is brought to where the series is.
    """
    m0, labelled = reading.m0, reading.labelled
    if m0 is None:
        return labelled, ()
    grid = labelled.series.grid
    flags: tuple[Flag, ...] = ()
    values = m0.values
    moved = moved_m0(m0, labelled) if may_move else None
    if moved is not None:
        values, flag = moved
        flags = (flag,)
    elif not m0.grid.matches(grid):
        values = resample.onto(m0.values.astype(np.float32), m0.grid, grid).astype(np.float64)
        if not np.isfinite(values).any():
            raise Problem(
                f"{m0.name} and {labelled.series.name} share no place.",
                "Each voxel is divided by its M0.",
                "Give the M0 of this scan.",
            )
        sizes = [float(np.prod(one.spacing)) for one in (m0.grid, grid)]
        sentence = f"{m0.name} lies on another grid and was resampled onto that of the series."
        if abs(sizes[0] / sizes[1] - 1) > 0.02:
            sentence += (
                f" Its voxels are {sizes[0] / sizes[1]:.2f} times as large: if its signal is as well, flow is off."
            )
        flags = (Flag("m0-resampled", Severity.CAUTION, sentence, m0.name, source="reading"),)
    calibration = Calibration(values, "separate", m0.tr, m0.te, m0.name, m0.flip_angle, m0.doubt)
    return replace(labelled, m0=calibration), flags


def moved_m0(m0: io.M0Image, labelled: Labelled) -> tuple[Float[np.ndarray, "x y z"], Flag] | None:
    """M0 where the series is, and a flag; None where it lies there already, or where it lies cannot be told surely."""
    grid, mean = labelled.series.grid, background(labelled)
    found = align.rigid(mean, grid, m0.values.astype(np.float32), m0.grid)
    if not found.is_found or found.flags or found.error > SURE_MM or found.rival > 0:
        return None
    inside = np.argwhere(mean > 0.3 * np.percentile(mean, 98)).T
    place = grid.affine[:3, :3] @ inside + grid.affine[:3, 3:]
    apart = float(np.linalg.norm((found.matrix[:3, :3] - np.eye(3)) @ place + found.matrix[:3, 3:], axis=0).mean())
    if not ELSEWHERE_MM < apart < FARTHEST_MM:
        return None
    values = resample.onto(m0.values.astype(np.float32), m0.grid, grid, matrix=found.matrix).astype(np.float64)
    sentence = (
        f"The head was {apart:.1f} mm elsewhere when {m0.name} was taken (mean over the head, standard error "
        f"{found.error:.1f} mm); M0 was brought to where the series is."
    )
    return values, Flag("m0-moved", Severity.CAUTION, sentence, m0.name, source="reading")


def head_of(
    inputs: AslInputs,
    anatomy: Mapping[str, Path],
    labelled: Labelled,
    grid: Grid,
    has_positions: bool,
    tell: Progress,
    known: Head | None = None,
) -> _Head:
    """Masks and maps on the grid of the series: given ones, else those that conventional images show."""
    flags: list[Flag] = []
    sources: dict[str, str] = {}
    regions: dict[str, Region] = {}
    for name, path in (("brain", inputs.mask), ("lesion", inputs.lesion)):
        if path is not None:
            regions[name], notes = region_on(path, name, grid, has_positions=has_positions)
            flags += notes
            sources[io.label(path)] = io.sha256(path)
    shares: dict[str, Float[np.ndarray, "x y z"]] = {}
    for name in ("grey", "white", "fluid", "t1", "att"):
        path = getattr(inputs, name)
        if path is not None:
            shares[name] = share_on(path, grid) if name in SHARES else _times_on(path, grid)
            sources[io.label(path)] = io.sha256(path)
    around = Around(
        regions.get("brain"), regions.get("lesion"), shares.get("grey"), shares.get("white"), shares.get("fluid"),
        shares.get("t1"), shares.get("att"),
        lesion_share=None if inputs.lesion is None else share_of_mask(inputs.lesion, grid, has_positions=has_positions),
    )  # fmt: skip
    given = GivenAnatomy(inputs.brain)
    is_told = "grey" in shares and "white" in shares
    demand_read(given, bool(anatomy) and not is_told, "no conventional image is read" + " beside tissues" * is_told)
    if not anatomy or is_told:
        return _Head(around, tuple(flags), (), sources)
    tell("anatomy", 0.0)
    series = io.find_asl(inputs.series).asl or inputs.series
    strangers = io.demand_one_patient([series, *anatomy.values(), *given.files])
    picture = background(labelled).astype(np.float32)
    if known is not None:
        found: Seen | None = seen_in(known, picture, grid)
    else:
        images, notes = read_images(anatomy, given)
        strangers = (*strangers, *notes)
        lesion = None if inputs.lesion is None else io.read_region(inputs.lesion, "lesion")
        found = seen(picture, grid, images, lesion)
    if found is None:
        return _Head(around, tuple(flags), (), sources)
    classes, place = found.tissues, found.series_to_anatomy.matrix
    grey, white, fluid = (
        np.nan_to_num(resample.onto(np.nan_to_num(one).astype(np.float32), classes.grid, grid, matrix=place))
        for one in (classes.grey, classes.white, classes.shares[..., 0])
    )
    files = [*given.files, *(one for path in anatomy.values() for one in io.files_of_anatomy(path))]
    sources |= {io.label(path): io.sha256(path) for path in files}
    is_drawn_on_series = around.lesion is not None and around.lesion_share is None
    around = replace(
        around,
        lesion_share=None if is_drawn_on_series else found.lesion_share,
        reflection=found.reflection,
        grey=around.grey if around.grey is not None else grey,
        white=around.white if around.white is not None else white,
        fluid=around.fluid if around.fluid is not None else fluid,
        lesion=found.lesion if found.lesion is not None else around.lesion,
    )
    return _Head(around, (*flags, *strangers, *found.flags), found.steps, sources, found)


def _times_on(path: Path, grid: Grid) -> Float[np.ndarray, "x y z"]:
    """A map of times on the grid of the series. Raises `Problem` where it lies elsewhere, or is not in s."""
    values, own = io.read_volume(path)
    demand_times(values, path.name)
    return values if own.matches(grid) else map_on(values, own, grid, path)


def background(labelled: Labelled) -> Float[np.ndarray, "x y z"]:
    """A picture to draw maps on: M0, or the mean of the series."""
    if labelled.m0 is not None:
        return np.nan_to_num(np.asarray(labelled.m0.values, np.float32))
    series = labelled.series
    mean = series.values.mean(axis=3, dtype=np.float32) * np.float32(series.slope) + np.float32(series.intercept)
    return np.nan_to_num(np.asarray(mean, np.float32))


def facts(measured: Measured) -> dict[str, dict[str, Any]]:
    """What the sidecar of each map says of how it was made."""
    summary = measured.summary
    said = {
        "Model": summary.get("kinetics", "the scanner's own"),
        "M0": summary.get("m0_origin"),
        "InversionEfficiency": summary.get("efficiency"),
        "BloodT1": summary.get("blood_t1"),
        "PartitionCoefficient": summary.get("partition"),
        "PostLabelingDelays": summary.get("delays"),
        "LabelingDurations": summary.get("durations"),
    }
    return {key: said if key in MODELLED else {} for key in measured.maps}
