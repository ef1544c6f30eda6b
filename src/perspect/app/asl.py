"""One ASL examination from files to files."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

import perspect
from perspect import asl, io, report
from perspect.anatomy import align, resample
from perspect.app.anatomy import Seen, transform
from perspect.app.asl_head import background, head_of
from perspect.app.asl_inputs import AslInputs, demand_effect, demand_m0_read
from perspect.app.head import Head
from perspect.app.place import kept_of
from perspect.numerics.parallel import on_threads
from perspect.vocabulary import (
    Calibration,
    Flag,
    Labelled,
    Measured,
    Problem,
    Recipe,
    Severity,
)  # fmt: skip
from perspect.vocabulary.progress import Progress, silent

ELSEWHERE_MM, FARTHEST_MM = 1.0, 20.0
"""mm by which M0 must lie away from the series to be brought there, and beyond which the alignment is not believed
[our default]."""

SURE_MM: Final = 0.5
"""Standard error in mm up to which the alignment of M0 is believed. [our default]"""

MODELLED: Final = ("cbf", "att", "abv", "abat", "cbfgm", "cbfwm", "cbflesion", "cbfreg", "relcbf", "cbfattcorr")
"""Maps that rest on a kinetic model, for their sidecars."""


@dataclass(frozen=True, eq=False)
class AslExamined:
    """What was measured, the files that hold it, a picture to draw on, and what the conventional images said."""

    measured: Measured
    written: io.Written
    at_rest: Float[np.ndarray, "x y z"]
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
    io.demand_regions_of(found.asl, (inputs.lesion, inputs.mask))
    tell("reading", 0.0)
    reading = io.read_asl(found.asl, inputs.m0, inputs.labelling, inputs.acquired, wants_m0=inputs.wants_m0)
    demand_m0_read(inputs, reading.labelled)
    labelled, m0_flags = with_m0(reading, may_move=plan.motion)
    head = head_of(inputs, anatomy, labelled, tell, known, has_positions=reading.code != 0)
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
