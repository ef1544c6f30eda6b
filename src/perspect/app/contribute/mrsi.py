"""A spectroscopic image in an examination: its maps beside a single voxel, or its ratio where it stands alone."""

from dataclasses import replace
from math import nan
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage

from perspect import pitfalls
from perspect.anatomy import resample
from perspect.app.contribute.boxes import map_plate
from perspect.app.contribute.contribution import Contribution, Patient, unused
from perspect.app.contribute.sides import Place, places_of_both, spectra_of
from perspect.app.contribute.voxels import sure_plane, water_beside
from perspect.app.mrs import SpectrumInputs
from perspect.app.mrsi import ExaminedGrid, examine_mrsi
from perspect.app.shares import tissues_of_head
from perspect.mrs import Excited
from perspect.mrs.excited import means_of
from perspect.mrs.uneven import LINES
from perspect.pitfalls import Trap, VoxelMap, flags_of
from perspect.pitfalls.plausible import SOLID, VOXELS
from perspect.report.dossier import Plate, Shown, Used
from perspect.vocabulary import Finding, Flag, Grid, Map, Region, Severity, lexicon, marker
from perspect.vocabulary.progress import Progress

ON_MAP: Final = "spectroscopic map"

MAPPED: Final = {lexicon.CHO_OVER_NAA.key: "Cho/NAA", lexicon.CNI.key: "Choline-to-NAA index"}
"""Maps of a spectroscopic image that are shown."""

UNUSABLE: Final = "unusable-voxels"

COMPARED: Final = {"choline": "tCho", "NAA": "tNAA"}
"""Lines of the ratio that is read from a map."""

OF_RATIO: Final = {"of-cho": "tCho", "of-naa": "tNAA"}
"""How the borders of what is excited of them are drawn."""

HATCHED: Final = "hatched: no usable spectrum"
DASHED: Final = "; dashed: where choline (orange) and NAA (blue) are excited"

LEAST_PASSED: Final = 0.5
"""Share of a lesion's voxels that must have passed, or what is left speaks for a part of it [our default]."""


def of_mrsi(paths: tuple[Path, ...], patient: Patient, tell: Progress) -> Contribution:
    """What a map beside a single voxel adds: pictures and a page. The voxel's markers are those of the answer."""
    if len(paths) != 1:
        return unused("mrsi", paths, "several maps")
    water, remarks = water_beside(paths[0])
    inputs = SpectrumInputs(paths[0], water)
    scan = examined(inputs, patient, tell)
    raised = tuple(one for one in scan.measured.flags if one.severity >= Severity.LIMITED)
    pair, shown = _both_sides(scan, patient)
    return Contribution(
        flags=(*raised, *remarks),
        used=(Used("mrsi", paths[0].name, "shown as maps; the markers are those of the single voxel"),),
        recipes={"MRSI": scan.measured.recipe},
        plates=_map_plates(scan, patient, pair),
        spectra=shown,
        pages={"MRSI page": scan.written.page},
        record=scan.written.summary,
    )


def examined(inputs: SpectrumInputs, patient: Patient, tell: Progress) -> ExaminedGrid:
    """The maps of an image, scaled by its water and the tissue of the patient's own head, and compared with the other
    side where the plane between the sides is not in doubt.
    """
    return examine_mrsi(
        inputs, patient.out, patient.plans.get("mrs"), overwrite=patient.overwrite, threads=patient.threads,
        tissues=tissues_of_head(patient.head), plane=sure_plane(patient), progress=tell,
    )  # fmt: skip


def _both_sides(scan: ExaminedGrid, patient: Patient) -> tuple[tuple[Place, ...], tuple[Shown, ...]]:
    """The voxels of a map that stand for the lesion and the other side, and their spectra."""
    ratio = scan.measured.maps.get(lexicon.CHO_OVER_NAA.key)
    if ratio is None:
        return (), ()
    seen, whole = map_of(ratio, patient, scan.excited), patient.lesion.parts["whole"]
    ill = np.nan_to_num(resample.share_of_boxes(whole.mask.astype(np.float32), whole.grid, ratio.grid))
    places = places_of_both(seen, ill, None if patient.head.mirror is None else patient.head.mirror.plane)
    if not places:
        return (), ()
    return places, spectra_of(scan, places, float(seen.solid_share[places[0]]), patient.plans.get("mrs"))


def _map_plates(scan: ExaminedGrid, patient: Patient, pair: tuple[Place, ...] = ()) -> tuple[Plate, ...]:
    """Choline over NAA, and its distance from what is normal."""
    maps, boxes = scan.measured.maps, _boxes(scan)
    return tuple(
        map_plate(maps[key], patient, title, f"{HATCHED}{DASHED if boxes else ''}", pair, boxes)
        for key, title in MAPPED.items()
        if key in maps
    )


def _boxes(scan: ExaminedGrid) -> dict[str, Grid]:
    """The boxes of the two lines of the ratio, by the style of their outlines; nothing where none is selected."""
    excited = scan.excited
    if excited is None or not excited.is_uneven(scan.signal.grid):
        return {}
    return {style: Grid((1, 1, 1), excited.selected(LINES[key])) for style, key in OF_RATIO.items()}


def _held_by_line(seen: VoxelMap) -> str:
    """What the usable voxels of the lesion hold of it, line by line, in words."""
    usable = seen.measured & (seen.solid_share >= SOLID)
    if not seen.by_line:
        return "where each line was excited is not known"
    if not usable.any():
        return "where each line was excited is known"
    listed = ", ".join(f"{float(np.nanmean(one[usable])):.0%} for {name}" for name, one in seen.by_line.items())
    return f"where each line was excited they hold {listed}"


def limiting(one: Finding, traps: tuple[Trap, ...], patient: Patient) -> tuple[Any, ...]:
    """What limits a marker of spectroscopy."""
    told = flags_of((*traps, *patient.traps), "mrs", one.marker.key)
    return tuple(flag for flag in told if flag.severity >= Severity.LIMITED)


def of_map(scan: ExaminedGrid, paths: tuple[Path, ...], patient: Patient) -> Contribution:
    """What a spectroscopic image adds: choline over NAA of voxels that touch and are mostly solid part."""
    ratio = scan.measured.maps.get(lexicon.CHO_OVER_NAA.key)
    if ratio is None:
        return unused("mrs", paths, "no ratio could be mapped")
    seen = map_of(ratio, patient, scan.excited)
    traps = pitfalls.look(seen)
    finding = _of_touching(seen, traps)
    # Of voxels without a number only those of the lesion limit its marker; what else is wrong limits all of them.
    raised = tuple(one for one in scan.measured.flags if one.severity >= Severity.LIMITED and one.code != UNUSABLE)
    limits = (*raised, *_too_few(seen))
    found = () if finding is None else (replace(finding, flags=(*limits, *limiting(finding, traps, patient))),)
    inside = seen.solid_share >= SOLID
    said = (
        f"{int((inside & seen.measured).sum())} of {int(inside.sum())} voxels that are mostly solid part have a "
        f"number; {scan.measured.summary['usable']} of {scan.measured.summary['voxels']} of the whole map; "
        f"{_held_by_line(seen)}"
    )
    te = scan.measured.summary.get("te")
    pair, shown = _both_sides(scan, patient)
    return Contribution(
        findings=found,
        facts={"mrs.te": te, "mrs.te_longest": te, "mrs.te_shortest": te} if isinstance(te, float) else {},
        flags=limits,
        traps=tuple(one.flag for one in traps),
        used=tuple(Used("mrs", one.name, said) for one in paths),
        recipes={"MRS": scan.measured.recipe},
        plates=_map_plates(scan, patient, pair),
        spectra=shown,
        pages={"MRS page": scan.written.page},
        record=scan.written.summary,
    )


def _too_few(seen: VoxelMap) -> tuple[Flag, ...]:
    """What limits a marker of a map in which most of the lesion has no number: what is left is no sample of it."""
    inside = seen.solid_share >= SOLID
    n, passed = int(inside.sum()), int((inside & seen.measured).sum())
    if not n or passed >= LEAST_PASSED * n:
        return ()
    sentence = f"Only {passed} of {n} voxels of the map that are mostly solid part passed the quality checks."
    return (Flag(UNUSABLE, Severity.LIMITED, sentence, fraction=1 - passed / n, source="grid"),)


def map_of(ratio: Map, patient: Patient, excited: Excited | None = None) -> VoxelMap:
    """A ratio with the share of solid part in each of its voxels, which are as wide as the point spread makes them; and
    that share where each line was `excited`.
    """
    parts = patient.lesion.parts
    grid = patient.head.grid
    solid = parts["solid part"].mask if "solid part" in parts else np.zeros(grid.shape, bool)
    share = resample.share_of_boxes(solid.astype(np.float32), grid, ratio.grid)
    known = np.isfinite(ratio.values) & np.isfinite(ratio.std)
    by_line = {} if excited is None else by_line_of(excited, ratio.grid, solid, grid)
    return VoxelMap(
        ratio.grid, ratio.values.astype(float), ratio.std.astype(float), np.nan_to_num(share), known, by_line
    )  # fmt: skip


def by_line_of(
    excited: Excited, grid: Grid, solid: Bool[np.ndarray, "ax ay az"], of_solid: Grid
) -> dict[str, Float[np.ndarray, "x y z"]]:
    """The share of a mask in what each voxel of a grid shows of choline and of NAA; NaN where it shows nothing."""
    out = {}
    for name, key in COMPARED.items():
        inside = excited.inside(grid, LINES[key])
        there = resample.share_of_boxes(solid.astype(np.float32), of_solid, excited.cells(grid, LINES[key]))
        whole, within = means_of(inside, grid.shape), means_of(inside * np.nan_to_num(there), grid.shape)
        out[name] = np.where(whole > 0, within / np.where(whole > 0, whole, 1.0), np.nan)
    return out


def _of_touching(seen: VoxelMap, traps: tuple[Trap, ...]) -> Finding | None:
    """The mean of the largest cluster of usable voxels, at least three; with what stands alone and without.

    Their errors are taken as common: neighbours share signal.
    """
    usable = seen.measured & (seen.solid_share >= SOLID)
    label, n = ndimage.label(usable)
    sizes = np.bincount(label.ravel())[1:] if n else np.zeros(1, int)
    if not usable.any():
        return None
    if sizes.max() < VOXELS:
        return Finding(marker("cho_naa"), ON_MAP, nan, nan, int(usable.sum()))
    cluster = label == 1 + int(np.argmax(sizes))
    lone = np.zeros(usable.shape, bool)
    for one in traps:
        if isinstance(one.mask, Region):
            lone |= one.mask.mask
    free = cluster & ~lone
    held = float(seen.values[cluster].mean())
    if free.sum() < VOXELS:
        return Finding(marker("cho_naa"), ON_MAP, nan, nan, int(free.sum()), held, nan)
    value = float(seen.values[free].mean())
    return Finding(marker("cho_naa"), ON_MAP, value, _error(seen, free), int(free.sum()), held, value)


def _error(seen: VoxelMap, free: Bool[np.ndarray, "x y z"]) -> float:
    """The root mean square of the errors and the scatter of the mean."""
    errors: Float[np.ndarray, " voxels"] = seen.std[free]
    scatter = float(seen.values[free].std(ddof=1) / np.sqrt(free.sum()))
    return float(np.hypot(np.sqrt((errors**2).mean()), scatter))
