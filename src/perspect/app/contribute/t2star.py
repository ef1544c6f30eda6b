"""A T2*-weighted image in an examination: blood and calcium in the lesion, before any series is read in it."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from perspect import io, pitfalls
from perspect.anatomy import align, resample
from perspect.app.anatomy import Head
from perspect.app.contribute.contribution import Contribution, unused
from perspect.app.lesion import Placed
from perspect.pitfalls import Darkened, Trap
from perspect.report.dossier import Used
from perspect.vocabulary import Problem, Region

TURN: Final = 2.0 * np.pi
"""rad: how far a phase goes before it comes round."""

ROUNDED: Final = 1.01
"""Times half a turn within which a phase is in rad; scanners also write whole numbers over a range."""

SOME: Final = 0.25
"""Share of a voxel of the anatomy from which on it counts as held [our default]."""


def of_t2star(paths: tuple[Path, ...], head: Head, lesion: Placed) -> tuple[tuple[Trap, ...], Contribution]:
    """The traps that a T2*-weighted image shows, on the grid of the anatomy, and what was used.

    One magnitude is read, and one phase of the same name where there is one (BIDS entity `part`).
    """
    magnitudes = [one for one in paths if io.name_of(one).get("part") in (None, "mag")]
    phases = [one for one in paths if io.name_of(one).get("part") == "phase"]
    others = tuple(one for one in paths if one not in (*magnitudes, *phases))
    if len(magnitudes) != 1:
        return (), unused("t2star", paths, f"{len(magnitudes)} magnitude images: name the one to use")
    try:
        magnitude, grid = io.read_volume(magnitudes[0])
        phase = _phase(phases[0], magnitude.shape) if len(phases) == 1 else None
    except Problem as problem:
        return (), unused("t2star", paths, str(problem))
    found = align.rigid(magnitude, grid, head.images[head.leading.contrast], head.grid, start=np.eye(4))
    matrix = found.matrix if found.is_found else None
    parts = lesion.on(grid, matrix)
    brain = resample.onto(head.tissues.brain.mask | lesion.parts["whole"].mask, head.grid, grid, matrix=matrix)
    there = pitfalls.look(Darkened(grid, np.nan_to_num(magnitude).astype(np.float32), brain, parts, phase))
    back = found.back if found.is_found else None
    traps = tuple(replace(one, mask=_on(one.mask, head, back)) for one in there)
    how = "where its header says" if matrix is None else ""
    used = [Used("t2star", one.name, how) for one in (*magnitudes, *(phases if phase is not None else ()))]
    why = "several phase images" if len(phases) > 1 else "neither the magnitude nor the phase"
    left = (*(phases if phase is None else ()), *others)
    return traps, Contribution(used=(*used, *unused("t2star", left, why).used))


def _on(mask: Region | None, head: Head, back: np.ndarray | None) -> Region | None:
    """Voxels of the anatomy that hold any of a mask: what is lost there is lost in part of a larger voxel too."""
    if mask is None:
        return None
    share = resample.onto(mask.mask.astype(np.float32), mask.grid, head.grid, matrix=back)
    return Region(np.nan_to_num(share) >= SOME, head.grid, mask.name, mask.origin)


def _phase(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """A phase image in rad. Raises `Problem` where it is not that of the magnitude, or no phase."""
    values, _ = io.read_volume(path)
    if values.shape != shape:
        raise Problem(
            f"{path.name} has shape {values.shape}, its magnitude {shape}.",
            "Phase and magnitude are of one image.",
            "Give both as the scanner wrote them.",
        )
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if not high > low:
        raise Problem(f"{path.name} is the same everywhere.", "It is no phase.", "Give the phase, or leave it out.")
    if max(-low, high) > ROUNDED * TURN / 2:
        values = (values - low) / (high - low) * TURN - TURN / 2
    return np.asarray(np.nan_to_num(values), float)
