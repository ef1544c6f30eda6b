"""Diffusion in an examination: ADC of the solid part and of a cavity, as the scanner gives it."""

from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect import io, pitfalls
from perspect.anatomy import align, resample
from perspect.app.contribute.contribution import Contribution, Patient, drawn, everything, middle, read, told, unused
from perspect.app.contribute.scenes import brain_on
from perspect.pitfalls import Scene
from perspect.report.dossier import Plate, Used
from perspect.vocabulary import Flag, Grid, Map, Problem, Severity, Status, lexicon
from perspect.vocabulary.progress import Progress

MARKERS: Final = ("adc_solid", "adc_cavity")

SHOWN: Final = 1e3
"""From mm²/s to the unit in which ADC is read."""

PLAUSIBLE: Final = (0.4, 1.2)
"""10⁻³ mm²/s between which normal white matter lies, so that a scale that is off by thousands is seen [our default]."""

FACTORS: Final = (1.0, 1e3, 1e6, 1e-6)
"""Scales in which scanners write: mm²/s; 10⁻³, µm²/s and m²/s as multiples of it."""

WINDOW: Final = (0.0, 3.0)
"""10⁻³ mm²/s over which its histogram is told."""

PURE: Final = 0.9
"""Share of white matter of the voxels by which the scale is told."""


def of_adc(paths: tuple[Path, ...], patient: Patient, tell: Progress) -> Contribution:
    """What an ADC map adds. It has no error of its own: its repeatability stands for one."""
    tell("diffusion", 0.0)
    if len(paths) != 1:
        return unused("adc", paths, "several maps")
    values, grid = io.read_volume(paths[0])
    head = patient.head
    found = align.rigid(values, grid, head.images[head.leading.contrast], head.grid, start=np.eye(4))
    matrix = found.matrix if found.is_found else None
    flags: tuple[Flag, ...] = ()
    if matrix is None:
        sentence = "The ADC map could not be aligned and lies where its header says."
        flags = (Flag("adc-by-header", Severity.LIMITED, sentence, "adc", source="examination"),)
    scaled = values * SHOWN * _scale(values, grid, patient, matrix, paths[0].name)
    inside = np.isfinite(scaled) & (scaled > 0)
    shown = np.where(inside, scaled, np.nan)
    parts = patient.lesion.on(grid, matrix)
    std = np.where(inside, 0.0, np.nan)
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
        "ADC", np.where(brain, np.nan_to_num(shown), 0.0), _as_map(shown, brain & inside, grid), outlines,
        "bright: water moves freely", middle(parts, inside), grid.affine, matrix,
    )  # fmt: skip
    return Contribution(
        tuple(findings), flags=flags, traps=tuple(one.flag for one in traps), used=(Used("adc", paths[0].name),),
        plates=(plate,), metrics=tuple(numbers), histograms=tuple(shapes),
    )  # fmt: skip


def _as_map(shown: Float[np.ndarray, "x y z"], there: Bool[np.ndarray, "x y z"], grid: Grid) -> Map:
    """ADC within the brain, without an error of its own."""
    values = np.where(there, shown / lexicon.ADC.shown_factor, np.nan).astype(np.float32)
    std = np.where(there, 0.0, np.nan).astype(np.float32)
    return Map(lexicon.ADC, values, std, np.where(there, Status.OK, Status.OUTSIDE).astype(np.int16), grid)


def _scale(values: np.ndarray, grid: Grid, patient: Patient, matrix: np.ndarray | None, name: str) -> float:
    """By what the numbers must be multiplied to be mm²/s, told by normal white matter.

    Raises Problem where no scale that is in use makes it plausible.
    """
    tissues = patient.head.tissues
    share = resample.onto(np.nan_to_num(tissues.white), tissues.grid, grid, matrix=matrix)
    white = (np.nan_to_num(share) >= PURE) & np.isfinite(values) & (values > 0)
    level = float(np.median(values[white])) if white.any() else float("nan")
    for factor in FACTORS:
        if PLAUSIBLE[0] <= level * SHOWN / factor <= PLAUSIBLE[1]:
            return 1 / factor
    raise Problem(
        f"{name}: normal white matter has {level:g}, which is no ADC in mm²/s or in any unit that scanners use.",
        "A cut-off would be compared with something else.",
        "Check that it is an ADC map and in which unit.",
    )
