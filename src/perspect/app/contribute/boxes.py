"""Spectroscopy on the images of the head: where a voxel lies, from where its lines may come; a map block by block."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32

from perspect.anatomy import resample
from perspect.app.contribute.contribution import Patient, drawn, middle
from perspect.app.excited import whole
from perspect.app.head import Head
from perspect.pitfalls import Voxel
from perspect.pitfalls.voxel import LINES
from perspect.report.dossier import Plate
from perspect.vocabulary import Grid, Map, Status

LEADING: Final = ("t1c", "flair", "t2w", "t1w")
"""Conventional images on which spectroscopy is shown: the first that there is."""


def voxel_plates(seen: Voxel, patient: Patient, caption: str) -> tuple[Plate, ...]:
    """The voxel as planned, and all places from which its lines may come; nothing where its place is not recorded."""
    if seen.box is None:
        return ()
    planned = _filled(seen.box, seen.grid)
    if not planned.any():
        return ()
    outlines = {**drawn(patient.lesion.parts.regions), "reach": _filled(reach(seen), seen.grid), "voi": planned}
    said = f"{caption}; dashed: all places that one of its lines may come from"
    return (Plate("Voxel of the spectrum", _image(patient.head), None, outlines, said, planned, seen.grid.affine),)


def reach(seen: Voxel) -> Grid:
    """The box that holds the displaced boxes of all lines, whichever way the gradients displace them."""
    box = seen.box
    assert box is not None
    back = np.linalg.inv(box.affine[:3, :3])
    moved = [back @ (one.affine[:3, 3] - box.affine[:3, 3]) for ppm in LINES.values() for one in seen.displaced(ppm)]
    affine = box.affine.copy()
    affine[:3, :3] *= 1 + 2 * np.abs(moved).max(axis=0)
    return Grid(box.shape, affine)


def map_plate(
    one: Map,
    patient: Patient,
    title: str,
    caption: str,
    pair: tuple[tuple[int, int, int], ...] = (),
    boxes: Mapping[str, Grid] | None = None,
) -> Plate:
    """A map of spectroscopy on the grid of the head, each of its voxels as the block that it is; voxels of the brain
    that have no number are marked as unusable, and those whose spectra are shown (`pair`) are outlined, as are the
    `boxes` in which its lines are excited.
    """
    head, parts = patient.head, patient.lesion.parts.regions
    slab = _filled(whole(one.grid), head.grid)
    has_none = _nearest((one.status > Status.OUTSIDE).astype(np.float32), one.grid, head.grid, slab) == 1
    lesion = middle(parts, slab) & slab
    outlines = {**({"unusable": has_none} if has_none.any() else {}), **drawn(parts)}
    if pair:
        chosen = np.zeros(one.grid.shape, np.float32)
        chosen[tuple(np.transpose(pair))] = 1.0
        outlines["pair"] = _nearest(chosen, one.grid, head.grid, slab) == 1
    excited = {style: _filled(box, head.grid) for style, box in (boxes or {}).items()}
    outlines |= {style: mask for style, mask in excited.items() if mask.any()}
    shown = _on_head(one, head.grid, slab)
    return Plate(title, _image(head), shown, outlines, caption, lesion if lesion.any() else slab, head.grid.affine)


def _on_head(one: Map, grid: Grid, slab: Bool[np.ndarray, "x y z"]) -> Map:
    """A map with the number of the voxel that each place lies in."""
    values, std = (_nearest(each, one.grid, grid, slab) for each in (one.values, one.std))
    status = np.where(np.isfinite(values), Status.OK, Status.OUTSIDE).astype(np.int16)
    return Map(one.quantity, values, std, status, grid)


def _nearest(
    values: Float[np.ndarray, "x y z"], source: Grid, grid: Grid, slab: Bool[np.ndarray, "x2 y2 z2"]
) -> Float32[np.ndarray, "x2 y2 z2"]:
    out = np.full(grid.shape, np.nan, np.float32)
    at = np.argwhere(slab) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    back = np.linalg.inv(source.affine)
    index = np.rint(at @ back[:3, :3].T + back[:3, 3]).astype(int)
    i, j, k = np.clip(index, 0, np.array(source.shape) - 1).T
    out[slab] = values[i, j, k]
    return out


def _filled(box: Grid, grid: Grid) -> Bool[np.ndarray, "x y z"]:
    """Where a grid of one voxel is, on another."""
    out: Bool[np.ndarray, "x y z"] = resample.onto(np.ones((1, 1, 1), bool), box, grid)
    return out


def _image(head: Head) -> Float32[np.ndarray, "x y z"]:
    """The image on which spectroscopy is shown."""
    name = next(one for one in (*LEADING, *head.images) if one in head.images)
    return np.asarray(head.images[name], np.float32)
