"""A spectroscopic image from files to files: maps, the spectra of its voxels with their fits, and a page."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

import perspect
from perspect import io, mrs, report
from perspect.anatomy import resample
from perspect.anatomy.mirror import Plane
from perspect.app.excited import boxes_on_maps, excited_of, picture_of
from perspect.app.mrs import SpectrumInputs, basis_of, gravest_first, idle_shares, signals_of, sources_of
from perspect.app.shares import Tissue, TissueMaps, shares_on, tissue_around
from perspect.mrs.voxel import UNUSABLE
from perspect.numerics.parallel import on_threads
from perspect.vocabulary import Basis, Flag, Measured, Recipe, Region, Severity, Spectra
from perspect.vocabulary.progress import Progress, silent

HALF: Final = 0.5
"""Of a voxel that a lesion must fill to be shown as lesion."""


@dataclass(frozen=True, eq=False)
class ExaminedGrid:
    """The maps that were made of a spectroscopic image, the files that hold them, and what was fitted with what."""

    measured: Measured
    written: io.Written
    signal: Spectra
    water: Spectra | None
    basis: Basis
    excited: mrs.Excited | None = None


def examine_mrsi(
    inputs: SpectrumInputs,
    out: Path,
    plan: mrs.Plan | None = None,
    *,
    overwrite: bool = False,
    threads: int = 1,
    tissues: TissueMaps | None = None,
    plane: Plane | None = None,
    progress: Progress | None = None,
) -> ExaminedGrid:
    """Maps of a spectroscopic image with their page, written below `out`; raises `Problem` as `examine_mrs` does.

    `tissues` replace the maps of tissue in `inputs.around`; `plane` is that between the sides of the head.
    """
    plan, tell = plan or mrs.Plan(), progress or silent
    destination = io.Destination(out, io.name_of(inputs.spectrum), "mrsi", "mrs", "mrsi")
    io.demand_free(out, io.existing(destination), overwrite, what="results of this image")
    spectra, water, remarks = signals_of(inputs, tell)
    tell("basis", 0.0)
    spectra, basis, notes = basis_of(inputs, spectra, threads)
    tissue = tissue_around(inputs.around) if tissues is None else Tissue(tissues)
    shares, more = shares_of(spectra, tissue.maps)
    excited, of_pulses = excited_of(spectra, water, inputs.around)
    picture = picture_of(spectra, excited, inputs.around)
    with on_threads(threads):
        measured = mrs.quantify_grid(
            spectra, basis, plan, water=water, shares=shares, plane=plane if spectra.placed else None, excited=excited,
            progress=tell,
        )  # fmt: skip
    idle = idle_shares(inputs, str(measured.summary.get("unit")))
    flags = (*remarks, *notes, *more, *tissue.flags, *of_pulses, *of_one_voxel(inputs), *idle, *measured.flags)
    recipe = Recipe((*tissue.steps, *measured.recipe.steps))
    regions = {**measured.regions, **lesion_on(spectra, tissue.maps)}
    measured = replace(measured, flags=gravest_first(flags), recipe=recipe, regions=regions)
    boxes = boxes_on_maps(excited, spectra.grid)
    page = report.mrsi_page(measured, spectra.name, is_placed=spectra.placed, boxes=boxes, voxel=picture)
    sources = sources_of((spectra, water), (inputs.basis, *inputs.around.files))
    results = io.Results(
        measured, page, {"mrs": asdict(plan)}, sources, perspect.__version__, {}, int(spectra.placed),
        io.root_of(inputs.spectrum), more=fits_of(measured, spectra),
    )  # fmt: skip
    written = io.write_results(destination, results, overwrite=overwrite, threads=threads)
    return ExaminedGrid(measured, written, spectra, water, basis, excited)


def fits_of(measured: Measured, spectra: Spectra) -> dict[str, Callable[[], bytes]]:
    """The file of spectra with their fits, where any voxel was fitted."""
    if not measured.spectra:
        return {}
    refused = {key: one for key, one in measured.regions.items() if key.startswith(UNUSABLE)}
    steps = measured.recipe.steps
    return {"mrs.nii.gz": lambda: io.grid_file(measured.spectra, refused, spectra, perspect.__version__, steps)}


def lesion_on(spectra: Spectra, maps: TissueMaps) -> dict[str, Region]:
    """The voxels of an image of which a lesion fills half or more, where both say where they lie."""
    if not spectra.placed or "lesion" not in maps:
        return {}
    inside = resample.share_of_boxes(*maps["lesion"], spectra.grid) >= HALF
    if not inside.any():
        return {}
    return {"lesion": Region(inside, spectra.grid, "lesion", "voxels of which it fills half or more")}


def shares_of(
    spectra: Spectra, maps: TissueMaps
) -> tuple[dict[str, Float[np.ndarray, "fx fy fz"]] | None, tuple[Flag, ...]]:
    """What the voxels of an image hold of each tissue, where it says where they lie and somebody has segmented it."""
    if not maps:
        return None, ()
    if spectra.placed:
        return shares_on(spectra.grid, maps), ()
    sentence = f"{spectra.name} does not say where its voxels lie: what they hold is not known."
    return None, (Flag("no-place", Severity.CAUTION, sentence, source="place"),)


def of_one_voxel(inputs: SpectrumInputs) -> tuple[Flag, ...]:
    """What was said by hand and means nothing for an image, or for a region of one (which has shares of tissue)."""
    around, has_numbers = inputs.around, inputs.region is not None and bool(inputs.fractions)
    given = {
        "shares of tissue as numbers (give maps, or --t1w)": inputs.fractions if inputs.region is None else None,
        "--long": inputs.long, "--edited": inputs.edited, "--edit": inputs.edit,
        "--contralateral": inputs.contralateral, "--compare": inputs.compare,
        "--lesion beside shares as numbers": around.lesion if has_numbers else None,
        "--lesion without --tissue or --t1w": around.lesion if not around.tissue and around.t1w is None else None,
    }  # fmt: skip
    names = [name for name, value in given.items() if value is not None]
    if not names:
        return ()
    return (Flag("not-of-images", Severity.CAUTION, f"Of an image nothing was made of: {', '.join(names)}."),)
