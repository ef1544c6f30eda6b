"""A region of a spectroscopic image as one spectrum, from files to files."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect import io, mrs, report
from perspect.anatomy import resample
from perspect.app.excited import NAMES, excited_of, picture_of
from perspect.app.mrs import (
    ExaminedSpectrum,
    SpectrumInputs,
    basis_of,
    facts,
    gravest_first,
    idle_shares,
    signals_of,
    written,
)
from perspect.app.mrsi import of_one_voxel, shares_of
from perspect.app.shares import PARTS, Tissue, tissue_around
from perspect.mrs import eddy, uneven
from perspect.mrs.kspace import PointSpread, filtered
from perspect.mrs.nuisance import without_lipid
from perspect.mrs.region import Pooled, finer, pooled
from perspect.mrs.watermap import WINDOWS
from perspect.numerics.parallel import on_threads
from perspect.pitfalls.displacement import APART
from perspect.vocabulary import FAILED_FROM, Flag, Grid, Measured, Problem, Recipe, Region, Severity, Spectra, Status
from perspect.vocabulary.progress import Progress, silent
from perspect.vocabulary.spectra import WATER

COMPARED: Final = ("tNAA", "tCr", "tCho", "Lac")
"""Lines that are read together of a mean spectrum."""

MOSTLY: Final = 0.7
"""Share of a mean spectrum that must be of its region, or it is remarked on [our default]."""


def examine_region(
    inputs: SpectrumInputs,
    out: Path,
    plan: mrs.Plan | None = None,
    *,
    overwrite: bool = False,
    threads: int = 1,
    progress: Progress | None = None,
) -> ExaminedSpectrum:
    """One spectrum of the usable voxels of a region, each weighed by how much of its signal is of the region, fitted
    once; written below `out`. Raises `Problem` as `examine_mrs` does.
    """
    plan, tell = plan or mrs.Plan(), progress or silent
    destination = io.Destination(out, io.name_of(inputs.spectrum), "region", "mrs", "region")
    io.demand_free(out, io.existing_spectrum(destination), overwrite, what="results of this region")
    image, water, remarks = signals_of(inputs, tell)
    tell("basis", 0.0)
    image, basis, notes = basis_of(inputs, image, threads)
    region = region_on(image, inputs.region)
    excited, of_pulses = excited_of(image, water, inputs.around)
    with on_threads(threads):
        grid = mrs.quantify_grid(
            image, basis, replace(plan, reference="none", samples=0), water=water, excited=excited, progress=tell
        )
    spread = PointSpread(image.grid.shape, plan.window)
    alike = lines_alike(image, excited, plan, is_scaled=water is not None and plan.reference == "water")
    one, of_water, note = mean_of(image, water, region, grid, spread, plan.eddy, alike)
    held = None if excited is None else held_by_line(excited, image.grid, inputs.region, one, spread)
    tissue = Tissue({}) if inputs.fractions else tissue_around(inputs.around)
    shares, more = shares_of(image, tissue.maps)
    fractions = inputs.fractions or (None if shares is None else content(shares, one, spread))
    found = mrs.measure(
        one.spectra, basis, replace(plan, window="none"), water=of_water, fractions=fractions, progress=tell
    )
    idle = idle_shares(inputs, str(found.summary.get("unit")))
    flags = (
        *remarks, *notes, *more, *tissue.flags, *of_pulses, note, *of_lines(held, region.name), *of_one_voxel(inputs),
        *idle, *found.flags,
    )  # fmt: skip
    measured = replace(found, flags=gravest_first(flags), recipe=Recipe((*tissue.steps, *found.recipe.steps)))
    page = report.mrs_page(measured, facts(image), voxel=picture_of(image, excited, inputs.around, held), of_grid=True)
    return written(inputs, measured, page, plan, destination, (image, water), (inputs.region,), overwrite=overwrite)


def region_on(image: Spectra, path: Path | None) -> Region:
    """The mask of a file on places finer than the voxels of an image."""
    if path is None or image.is_single or not image.placed:
        raise Problem(
            f"{image.name} is one voxel, or does not say where it lies.",
            "A region of it cannot be found.",
            "Give a spectroscopic image with its position.",
        )
    given = io.read_region(path, path.name.split(".")[0])
    shape = tuple(n * PARTS if n > 1 else 1 for n in image.grid.shape)
    places = finer(image.grid, (shape[0], shape[1], shape[2]))
    return Region(resample.onto(given.mask, given.grid, places, 0).astype(bool), places, given.name, path.name)


def mean_of(
    image: Spectra,
    water: Spectra | None,
    region: Region,
    grid: Measured,
    spread: PointSpread,
    currents: eddy.Choice = "always",
    alike: Bool[np.ndarray, "x y z"] | None = None,
) -> tuple[Pooled, Spectra | None, Flag]:
    """The mean spectrum of the usable voxels of a region, the mean of their water, and how many they are. Voxels whose
    lines are not excited `alike` are left out.
    """
    if spread.window != "none":
        image, water = filtered(image, spread.window)[0], None if water is None else filtered(water, spread.window)[0]
    cleaned = replace(image, values=without_lipid(image, grid.regions["brain"].mask)[0])
    status = grid.maps["fwhm"].status
    usable = np.asarray(status < FAILED_FROM)
    every = usable | (status == Status.DISPLACED)
    usable = usable if alike is None else usable & alike
    try:
        one = pooled(cleaned, region, spread, usable, water, currents)
    except Problem:
        pooled(cleaned, region, spread, every, water, currents)  # fails for what else is wrong
        raise Problem(
            f"In no usable voxel of the region '{region.name}' were the lines of {image.name} excited alike.",
            "Ratios in its mean would be those of the box of the pulses.",
            "Check box and bandwidths of the header (--pulse-box, --bandwidths), or give a region inside the box.",
        ) from None
    of_water = None if water is None else pooled(water, region, spread, usable, water, currents).spectra
    n = int((one.weights > 0).sum())
    sentence = (
        f"The spectrum is the mean of {n} usable voxel{'s' if n > 1 else ''}, weighed by how much of each is of "
        f"{region.name}; {one.share:.0%} of its signal comes from there."
    )
    severity = Severity.NOTE if one.share > MOSTLY else Severity.CAUTION
    return one, of_water, Flag("pooled-region", severity, sentence, fraction=one.share, source="region")


def lines_alike(
    image: Spectra, excited: mrs.Excited | None, plan: mrs.Plan, *, is_scaled: bool
) -> Bool[np.ndarray, "x y z"] | None:
    """Voxels in which all lines of a mean spectrum were excited alike, and as its water where that scales it; `None`
    where it is not known.
    """
    if excited is None:
        return None
    windows = WINDOWS if plan.window == "none" else (plan.window,)
    return uneven.alike(excited, image.grid, windows, (*COMPARED, *(("water",) if is_scaled else ())))


def held_by_line(
    excited: mrs.Excited, grid: Grid, path: Path | None, one: Pooled, spread: PointSpread
) -> dict[str, float]:
    """The share of a mean spectrum that comes from the region of a mask, line by line: where each was excited, and from
    where voxels show it.
    """
    assert path is not None
    given = io.read_region(path, path.name.split(".")[0])
    out = {}
    for key, ppm in {**uneven.LINES, "water": WATER}.items():
        inside = excited.inside(grid, ppm)
        mask = resample.share_of_boxes(given.mask.astype(np.float32), given.grid, excited.cells(grid, ppm))
        both = (inside, inside * np.nan_to_num(mask))
        whole, within = (float((spread.of_boxes(each) * one.weights).sum()) for each in both)
        out[key] = within / whole if whole > 0 else float("nan")
    return out


def of_lines(held: Mapping[str, float] | None, name: str) -> tuple[Flag, ...]:
    """What is said where lines of a mean come from the region in unlike shares."""
    if held is None:
        return ()
    shares = [held[key] for key in COMPARED]
    apart = max(shares) - min(shares)
    listed = ", ".join(f"{held[key]:.0%} of {NAMES.get(key, key)}" for key in COMPARED)
    sentence = f"Where each line is excited and read, {listed} in the mean is of {name}."
    severity = Severity.LIMITED if apart > APART else Severity.NOTE
    return (Flag("region-by-line", severity, sentence, fraction=apart, source="region"),)


def content(shares: Mapping[str, Float[np.ndarray, "fx fy fz"]], one: Pooled, spread: PointSpread) -> dict[str, float]:
    """What the voxels of a mean have seen of each tissue."""
    seen = {kind: float((spread.of_boxes(values) * one.weights).sum()) for kind, values in shares.items()}
    total = sum(max(value, 0.0) for value in seen.values())
    return {kind: max(value, 0.0) / total for kind, value in seen.items()} if total > 0 else {}
