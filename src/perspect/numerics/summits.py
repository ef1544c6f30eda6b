"""Cells in which a curve may have its least sum of squares: summits of what the coarse nodes of a plane explain."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perspect.numerics.nearby import Nearby
from perspect.numerics.separable import ROUNDING

BANDS: Final = 4
"""Parts of the rows whose best is looked at by itself [our default]."""

WORTHWHILE: Final = 3e-3
"""Share of the sum of squares from which on what lies between nodes is gone after [our default]."""

MOST: Final = 4
"""Cells beside the best that are looked at, at most [our default]."""

_LEAST: Final = 1e-30


def summits(
    near: Nearby, z: Float32[np.ndarray, "voxels rank"], square: Float[np.ndarray, " voxels"], rival: float
) -> tuple[Int[np.ndarray, " voxels"], Int[np.ndarray, " others"], Int[np.ndarray, " others"]]:
    """The best cell of every curve by what the coarse nodes explain; curves and cells elsewhere in which more may be,
    in the order of the curves.

    These are summits that leave no more than `rival` times the sum of squares, and the best of each of `BANDS` along
    the rows where that promises more than the best node explains. Across the rows summits are sharp: what a parabola
    through a node and its neighbours says lies between them is counted in there. Without that a fast exchange, which
    can take the place of a delay, passes for the best of a curve without any whose delay lies between two nodes.
    """
    n_rows = near.tables.n_cells[near.across]
    flat = near.coarse.surface(z)
    surface = flat.reshape(n_rows, -1, len(z))
    n_places = surface.shape[1]
    best, top = _highest(flat)
    line, middle = np.divmod(best, n_places)
    raised = _is_raised(surface, np.maximum(square - rival * (square - top), _LEAST).astype(np.float32))
    row, place, curve = np.unravel_index(np.flatnonzero(raised), raised.shape)
    is_summit = _stands_out(surface, row, place, curve)
    summit = tuple(part[is_summit] for part in (row, place, curve))
    found = [(*summit, surface[summit] + _lift(surface, *summit))]
    if n_places >= BANDS:
        found.append(_promising(surface, top + WORTHWHILE * (square - top)))
    row, place, curve, height = (np.concatenate(part) for part in zip(*found, strict=True))
    far = (np.abs(row - line[curve]) > 1) | (np.abs(place // near.per_cell - middle[curve] // near.per_cell) > 1)
    row, place, curve, height = row[far], place[far], curve[far], height[far]
    cell = _cell(near, row, place)
    order = np.lexsort((cell, -height, curve))
    curve, cell = curve[order], cell[order]
    is_new = np.append(True, (np.diff(curve) != 0) | (np.diff(cell) != 0))[: curve.size]
    curve, cell = curve[is_new], cell[is_new]
    few = ranks(curve) < MOST
    return _cell(near, line, middle), curve[few], cell[few]


def _highest(
    flat: Float32[np.ndarray, "nodes voxels"],
) -> tuple[Int[np.ndarray, " voxels"], Float[np.ndarray, " voxels"]]:
    """The best node of every curve, the first of equals, and what it explains: ten times as fast as `argmax` along a
    leading axis (measured).
    """
    top = flat.max(axis=0)
    node, curve = np.divmod(np.flatnonzero(flat == top)[::-1], top.size)
    best = np.zeros(top.size, np.int64)
    best[curve] = node
    return best, top.astype(np.float64)


def _promising(
    surface: Float32[np.ndarray, "rows places voxels"], asked: Float[np.ndarray, " voxels"]
) -> tuple[np.ndarray, ...]:
    """The best of each band of places, by what lies between rows, where that is more than is asked: row, place, curve,
    height. A summit between rows is no higher above a node than a quarter of what its neighbours differ by.
    """
    n_places = surface.shape[1]
    nothing = np.zeros(0, np.int64)
    found = [(nothing, nothing, nothing, np.zeros(0, np.float32))]
    if len(surface) < 3:
        return found[0]
    enough = asked.astype(np.float32)
    ends = [int(part[0]) for part in np.array_split(np.arange(n_places), BANDS)]
    for start, stop in zip(ends, [*ends[1:], n_places], strict=True):
        band = surface[:, start:stop]
        reach = band[2:] - band[:-2]
        np.abs(reach, out=reach)
        reach *= 0.25
        reach += band[1:-1]
        # Most curves have nothing to look for in most bands.
        curve = np.flatnonzero(reach.max(axis=(0, 1)) > enough)
        if curve.size:
            node, height = _best_between(band[..., curve])
            kept = height > asked[curve]
            row, place = np.divmod(node[kept], stop - start)
            found.append((row + 1, place + start, curve[kept], height[kept]))
    row, place, curve, height = (np.concatenate(part) for part in zip(*found, strict=True))
    return row, place, curve, height


def _best_between(
    lines: Float32[np.ndarray, "rows places voxels"],
) -> tuple[Int[np.ndarray, " voxels"], Float32[np.ndarray, " voxels"]]:
    """The best node of every curve, those of the first and last row left out, by the summit of a parabola through it
    and its neighbours of other rows; and how high that is.
    """
    before, here, after = lines[:-2], lines[1:-1], lines[2:]
    tilt = np.abs(after - before)
    bend = here + here
    bend -= before
    bend -= after
    is_summit = bend > 0.5 * tilt
    tilt *= tilt
    bend *= 8.0
    height = np.divide(tilt, bend, out=np.zeros_like(tilt), where=is_summit)
    height += here
    flat = height.reshape(-1, lines.shape[2])
    best = _highest(flat)[0]
    return best, flat[best, np.arange(best.size)]


def _lift(
    surface: Float32[np.ndarray, "rows places voxels"], row: np.ndarray, place: np.ndarray, curve: np.ndarray
) -> Float32[np.ndarray, " some"]:
    """How much higher than a node the summit is between it and its neighbours of other rows; 0 where it is none."""
    n_rows = len(surface)
    inner = np.clip(row, 1, max(n_rows - 2, 1))
    if n_rows < 3:
        return np.zeros(row.size, np.float32)
    before, here, after = (surface[inner + step, place, curve] for step in (-1, 0, 1))
    bend, tilt = 2.0 * here - before - after, np.abs(after - before)
    lift = np.zeros(row.size, np.float32)
    np.divide(tilt * tilt, 8.0 * bend, out=lift, where=(bend > 0.5 * tilt) & (inner == row))
    return lift


def _is_raised(surface: np.ndarray, enough: np.ndarray) -> Bool[np.ndarray, "rows places voxels"]:
    """Where enough is explained, and more than by the four neighbours."""
    out = np.asarray(surface >= enough)
    for ahead, behind in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        rises = surface[ahead] > surface[behind]
        out[ahead] &= rises
        out[behind] &= ~rises
    return out


def _cell(near: Nearby, row: Int[np.ndarray, " some"], place: Int[np.ndarray, " some"]) -> Int[np.ndarray, " some"]:
    """The number of a cell from its place among the coarse nodes."""
    place = place // near.per_cell
    one, other = (place, row) if near.across else (row, place)
    return np.asarray(one * near.tables.n_cells[1] + other)


def _stands_out(
    surface: np.ndarray, row: np.ndarray, place: np.ndarray, curve: np.ndarray
) -> Bool[np.ndarray, " some"]:
    """Whether a node explains more than each of its eight neighbours, by more than may be rounding."""
    here = surface[row, place, curve]
    out = np.ones(row.size, bool)
    for up in (-1, 0, 1):
        for on in (-1, 0, 1):
            to, at = row + up, place + on
            inside = (to >= 0) & (to < surface.shape[0]) & (at >= 0) & (at < surface.shape[1])
            there = surface[np.where(inside, to, 0), np.where(inside, at, 0), curve]
            out &= ~inside | (there < here * (1.0 - ROUNDING)) | (up == on == 0)
    return out


def ranks(rows: Int[np.ndarray, " some"]) -> Int[np.ndarray, " some"]:
    """The how manieth of its row each is, of rows that lie together."""
    first = np.flatnonzero(np.diff(rows, prepend=-1))
    return np.arange(rows.size) - np.repeat(first, np.diff(np.append(first, rows.size)))
