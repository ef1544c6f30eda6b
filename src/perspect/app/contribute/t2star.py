"""A T2*-weighted image in an examination: blood and calcium in the lesion, before any series is read in it."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Bool

from perspect import io, pitfalls
from perspect.anatomy import align, resample
from perspect.app.anatomy import demand_sides
from perspect.app.contribute.contribution import Contribution, drawn, middle, unused
from perspect.app.head import Head
from perspect.app.lesion import Placed
from perspect.io.sidecar import read_sidecar
from perspect.pitfalls import Darkened, Trap
from perspect.report.dossier import Plate, Used
from perspect.vocabulary import Problem, Refusal, Region

TURN: Final = 2.0 * np.pi
"""rad: how far a phase goes before it comes round."""

ROUNDED: Final = 1.01
"""Times half a turn within which a phase is in rad; scanners also write whole numbers over a range."""

SOME: Final = 0.25
"""Share of a voxel of the anatomy from which on it counts as held [our default]."""


def of_t2star(paths: tuple[Path, ...], head: Head, lesion: Placed) -> tuple[tuple[Trap, ...], Contribution]:
    """The traps that a T2*-weighted image shows, on the grid of the anatomy, and what was used.

    One magnitude is read: one with a phase of the same name (BIDS entity `part`) before one without, of those the one
    with the longest echo. Without a phase that can be read blood and calcium are found and not told apart.
    """
    pair = _chosen(paths)
    if pair is None:
        return (), unused("t2star", paths, "there is a phase and no magnitude")
    chosen, of_phase = pair
    try:
        magnitude, grid = io.read_volume(chosen)
    except Problem as problem:
        return (), unused("t2star", paths, str(problem))
    phase, why_not = None, ""
    if of_phase is not None:
        try:
            phase = _phase(of_phase, magnitude.shape)
        except Problem as problem:
            why_not = str(problem)
    found = align.rigid(magnitude, grid, head.images[head.leading.contrast], head.grid, start=np.eye(4))
    try:
        demand_sides(magnitude, grid, head, found, chosen.name)
    except Refusal as refusal:
        return (), unused("t2star", paths, str(refusal), is_refused=True)
    matrix, back = (found.matrix, found.back) if found.is_found else (None, None)
    parts = lesion.on(grid, matrix)
    brain = resample.onto(head.tissues.brain.mask | lesion.parts["whole"].mask, head.grid, grid, matrix=matrix)
    there = pitfalls.look(Darkened(grid, np.nan_to_num(magnitude).astype(np.float32), brain, parts, phase))
    traps = tuple(replace(one, mask=_on(one.mask, head, back)) for one in there)
    how = "could not be aligned: taken to lie where its header says" if matrix is None else ""
    why = {one: f"{chosen.name} is read" for one in paths if one not in (chosen, of_phase)}
    why |= {of_phase: why_not} if of_phase is not None and why_not else {}
    used = (Used("t2star", one.name, how if one not in why else "", one not in why, why.get(one, "")) for one in paths)
    outlines = {**drawn(parts), **_trapped(there)}
    title = "SWI" if chosen.name.split(".")[0].endswith("_swi") else "T2*"
    plate = Plate(
        title, np.where(brain, np.nan_to_num(magnitude), 0.0), None, outlines, "dark: blood or calcium",
        middle(parts, brain), grid.affine, matrix,
    )  # fmt: skip
    return traps, Contribution(used=tuple(used), plates=(plate,))


def _trapped(traps: tuple[Trap, ...]) -> dict[str, Bool[np.ndarray, "x y z"]]:
    """What is outlined as blood or calcium."""
    masks = [one.mask.mask for one in traps if one.mask is not None]
    return {"trap": np.any(masks, axis=0)} if masks else {}


def _chosen(paths: tuple[Path, ...]) -> tuple[Path, Path | None] | None:
    """The magnitude that is read, and the phase that differs from it in `part` alone, where there is one."""
    phases = {one.name.replace("part-phase", "part-mag"): one for one in paths if _part(one) == "phase"}
    pairs = [(one, phases.get(one.name)) for one in paths if _part(one) in (None, "mag")]
    return max(pairs, key=lambda one: (one[1] is not None, _echo_time(one[0]), one[0].name), default=None)


def _part(path: Path) -> str | None:
    return io.name_of(path).get("part")


def _echo_time(path: Path) -> float:
    """s; 0 where the sidecar does not say it."""
    te = read_sidecar(path, path).values.get("EchoTime")
    return float(te) if isinstance(te, (int, float)) else 0.0


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
