"""Diffusion in an examination: ADC of the solid part and of a cavity, as the scanner gives it."""

from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect import io, pitfalls
from perspect.anatomy import align, identity, resample
from perspect.app.anatomy import demand_sides
from perspect.app.contribute.contribution import Contribution, Patient, drawn, everything, middle, read, told, unused
from perspect.app.contribute.scenes import brain_on
from perspect.numerics import robust
from perspect.pitfalls import Scene
from perspect.report.dossier import Plate, Used
from perspect.vocabulary import Flag, Grid, Map, Problem, Severity, Status, lexicon
from perspect.vocabulary.marker import ADC_AGAIN
from perspect.vocabulary.progress import Progress

MARKERS: Final = ("adc_solid", "adc_cavity")

SHOWN: Final = 1e3
"""From mm²/s to the unit in which ADC is read."""

PLAUSIBLE: Final = (0.4, 1.2)
"""10⁻³ mm²/s between which normal white matter lies, so that a scale that is off by thousands is seen [our default]."""

FACTORS: Final = (1.0, 1e3, 1e6, 1e-6)
"""Scales in which scanners write: mm²/s; 10⁻³, µm²/s and m²/s as multiples of it."""

FEWEST: Final = 200
"""Voxels of white matter with neighbours of white matter, by which noise is told [our default]."""

WINDOW: Final = (0.0, 3.0)
"""10⁻³ mm²/s over which its histogram is told."""

PURE: Final = 0.9
"""Share of white matter of the voxels by which the scale is told."""


def of_adc(paths: tuple[Path, ...], patient: Patient, tell: Progress) -> Contribution:
    """What an ADC map adds. It has no errors of its own: noise of normal white matter is that of all voxels."""
    tell("diffusion", 0.0)
    if len(paths) != 1:
        return unused("adc", paths, "several maps")
    values, grid = io.read_volume(paths[0])
    head = patient.head
    found = align.rigid(values, grid, head.images[head.leading.contrast], head.grid, start=np.eye(4))
    matrix = found.matrix if found.is_found else None
    demand_sides(values, grid, head, found, paths[0].name)
    flags: tuple[Flag, ...] = ()
    if matrix is None:
        sentence = "The ADC map could not be aligned and lies where its header says."
        flags = (Flag("adc-by-header", Severity.LIMITED, sentence, "adc", source="examination"),)
    else:
        healthy = None if head.ill is None else ~head.ill.mask
        leading = head.images[head.leading.contrast]
        flags = identity.doubts(values, grid, leading, head.grid, found, moving_mask=healthy)
    inside = np.isfinite(values) & (values > 0)
    white = _white(patient, grid, matrix) & inside
    shown = np.where(inside, values * SHOWN * _scale(values[white], paths[0].name), np.nan)
    parts = patient.lesion.on(grid, matrix)
    std = np.where(inside, noise(shown, white), np.nan)
    nowhere = np.zeros(grid.shape, bool)
    scene = Scene(
        grid, shown, {}, inside, nowhere, parts, spoils="adc", is_t2star=False, alignment_error=found.error,
        positions_apart=io.positions_apart(paths[0]),
    )  # fmt: skip
    traps = pitfalls.look(scene)
    known = told(patient, traps, "adc", grid, matrix, flags, shift=found.error if found.is_found else 0.0)
    findings = read(MARKERS, shown, std, parts, known)
    numbers, shapes = everything("adc", "10⁻³ mm²/s", WINDOW, shown, std, parts, known)
    brain = np.asarray(brain_on(patient, grid, matrix), bool)
    outlines = {**drawn(parts), **({"trap": known.spoilt} if known.spoilt.any() else {})}
    plate = Plate(
        "ADC", np.where(brain, np.nan_to_num(shown), 0.0), _as_map(shown, std, brain & inside, grid), outlines,
        "bright: water moves freely", middle(parts, inside), grid.affine, matrix,
    )  # fmt: skip
    return Contribution(
        tuple(findings), flags=flags, traps=tuple(one.flag for one in traps), used=(Used("adc", paths[0].name),),
        plates=(plate,), metrics=tuple(numbers), histograms=tuple(shapes),
    )  # fmt: skip


def noise(adc: Float[np.ndarray, "x y z"], white: Bool[np.ndarray, "x y z"]) -> float:
    """Standard deviation of noise, in the unit of the map: how far voxels of white matter lie from the mean of the two
    beside them in their slice. What is no noise there (fibres, edges) makes it larger.

    Where there are too few, the repeatability of ADC stands for it.
    """
    seen = np.where(white, adc, np.nan)
    apart = np.concatenate([robust.second_differences(seen, axis).ravel() for axis in (0, 1)])
    apart = apart[np.isfinite(apart)]
    if apart.size < FEWEST:
        return ADC_AGAIN * float(np.median(adc[white])) if white.any() else float("nan")
    return float(robust.spread(apart))


def _as_map(
    shown: Float[np.ndarray, "x y z"],
    std: Float[np.ndarray, "x y z"],
    there: Bool[np.ndarray, "x y z"],
    grid: Grid,
) -> Map:
    """ADC within the brain."""
    values, errors = (
        np.where(there, one / lexicon.ADC.shown_factor, np.nan).astype(np.float32) for one in (shown, std)
    )
    return Map(lexicon.ADC, values, errors, np.where(there, Status.OK, Status.OUTSIDE).astype(np.int16), grid)


def _white(patient: Patient, grid: Grid, matrix: np.ndarray | None) -> Bool[np.ndarray, "x y z"]:
    """Voxels of the map that hold hardly anything but normal white matter."""
    tissues = patient.head.tissues
    share = resample.onto(np.nan_to_num(tissues.white), tissues.grid, grid, matrix=matrix)
    return np.asarray(np.nan_to_num(share) >= PURE)


def _scale(white: Float[np.ndarray, " voxels"], name: str) -> float:
    """By what the numbers must be multiplied to be mm²/s, told by those of normal white matter.

    Raises Problem where no scale that is in use makes it plausible.
    """
    level = float(np.median(white)) if white.size else float("nan")
    for factor in FACTORS:
        if PLAUSIBLE[0] <= level * SHOWN / factor <= PLAUSIBLE[1]:
            return 1 / factor
    raise Problem(
        f"{name}: normal white matter has {level:g}, which is no ADC in mm²/s or in any unit that scanners use.",
        "A cut-off would be compared with something else.",
        "Check that it is an ADC map and in which unit.",
    )
