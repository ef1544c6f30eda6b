"""Nodes of a plane at which all curves are compared, and the summits between them: where a search begins.

Along a smooth axis nodes lie evenly by how far the columns turn from one to the next, so that none is spent where these
hardly change; along an axis on which columns bend each cell has its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Int

from perspect.numerics.columns import taken
from perspect.numerics.cone import AT_ONCE, Cones, cones
from perspect.numerics.parallel import spans
from perspect.numerics.plane import Plane, powers
from perspect.numerics.separable import ROUNDING

TURN: Final = 0.15
"""Sine of the angle between the columns of neighbouring nodes, at most [our default]."""

SMOOTH_TURN: Final = 0.08
"""The same where columns bend along neither axis: so many more nodes spare as many steps [measured]."""

PER, ALONE = 2, 6
"""Nodes of a cell along an axis on which columns bend; the same where nothing changes along the other [our default]."""

BESIDE: Final = 5
"""How many nodes aside the ridge may lie on the next line [our default]."""

REACH: Final = 8
"""How many nodes aside it is looked for there from its summit [our default]."""

MOST: Final = 8
"""Summits of a curve that are looked at, at most [our default]."""

_FINE, _LINES, _FEWEST = 4, 5, 3
_BELOW: Final = 0.01
"""Share of what the best node explains by which another may lie below it of which more is to be seen."""


@dataclass(frozen=True, eq=False)
class Scale:
    """Nodes along an axis, counted from 0, and how the count goes on between them: `count` at some `u`."""

    n: int
    count: Float[np.ndarray, " fine"]
    u: Float[np.ndarray, " fine"]

    def u_at(self, count: Float[np.ndarray, " _"]) -> Float[np.ndarray, " _"]:
        """Places by the count of nodes."""
        return np.asarray(np.interp(count, self.count, self.u))

    def count_at(self, u: Float[np.ndarray, " _"]) -> Float[np.ndarray, " _"]:
        """The way back."""
        return np.asarray(np.interp(u, self.u, self.count))

    @property
    def nodes(self) -> Float[np.ndarray, " n"]:
        """Where the nodes lie."""
        return self.u_at(np.arange(self.n, dtype=float))


@dataclass(frozen=True, eq=False)
class Nodes:
    """The nodes of a plane, along each axis on a scale; `search` compares them, line by line along the axis `along`, on
    which summits are sharp.
    """

    tables: Plane
    search: Cones
    scales: tuple[Scale, Scale]
    along: int


def places(
    tables: Plane, axis: int, u: Float[np.ndarray, " _"]
) -> tuple[Int[np.ndarray, " _"], Float[np.ndarray, " _"]]:
    """The cells that u along an axis belong to (of two that overlap, that whose middle is nearer), and the places
    inside.
    """
    low, high = tables.sides[axis]
    cell = np.searchsorted(0.5 * (high[:-1] + low[1:]), u, side="right")
    return cell, np.clip(2.0 * (u - low[cell]) / (high - low)[cell] - 1.0, -1.0, 1.0)


def nodes(tables: Plane, is_searched: Callable[[np.ndarray], np.ndarray]) -> Nodes:
    """The nodes of a plane; those of which `is_searched` says no explain nothing."""
    scales = _scale(tables, 0), _scale(tables, 1)
    along = int(tables.is_bent[1] and scales[1].n > 1)
    u = scales[0].nodes, scales[1].nodes
    columns = columns_on(tables, u)
    is_skipped = ~is_searched(tables.family.axes.theta(np.stack(np.meshgrid(*u, indexing="ij"), axis=-1)))
    if along == 0:
        columns, is_skipped = columns.swapaxes(1, 2), is_skipped.T
    return Nodes(tables, cones(columns, is_skipped), scales, along)


def _scale(tables: Plane, axis: int) -> Scale:
    low, high = tables.sides[axis]
    if all(shape[axis] == 1 for shape in tables.shapes):
        return Scale(1, np.zeros(1), np.array([0.5 * (low[0] + high[-1])]))
    if tables.is_bent[axis]:
        is_alone = all(shape[1 - axis] == 1 for shape in tables.shapes)
        per = ALONE if is_alone else PER
        u = np.asarray(low[:, None] + (np.arange(per) + 0.5) / per * (high - low)[:, None]).ravel()
        return Scale(u.size, np.arange(u.size, dtype=float), u)
    return turning(tables, axis, TURN if any(tables.is_bent) else SMOOTH_TURN)


def turning(tables: Plane, axis: int, turn: float) -> Scale:
    """Places along an axis between which the space of the columns turns by so much, at most."""
    ends = [(side[0, 0], side[1, -1]) for side in tables.sides]
    fine = [
        np.linspace(*end, _FINE * n if a == axis else _LINES)
        for a, (end, n) in enumerate(zip(ends, tables.n_cells, strict=True))
    ]
    values = np.moveaxis(columns_on(tables, (fine[0], fine[1])), 1 + axis, 0)
    spaces = np.linalg.qr(np.moveaxis(values, 1, -1))[0]
    cosine = np.linalg.svd(spaces[1:].swapaxes(-1, -2) @ spaces[:-1], compute_uv=False)[..., -1]
    turned = np.append(0.0, np.cumsum(np.sqrt(np.maximum(1.0 - cosine**2, 0.0)).max(axis=1)))
    n = max(_FEWEST, int(np.ceil(turned[-1] / turn)) + 1)
    return Scale(n, turned * ((n - 1) / turned[-1]), fine[axis])


def columns_on(
    tables: Plane, u: tuple[Float[np.ndarray, " one"], Float[np.ndarray, " other"]]
) -> Float[np.ndarray, "linear one other rank"]:
    """The columns on a grid of places."""
    (cell, x), (other_cell, other_x) = (places(tables, axis, u[axis]) for axis in (0, 1))
    out = []
    for table, (p, q) in zip(tables.columns, tables.shapes, strict=True):
        poly = table.reshape(*tables.n_cells, p, q, -1)[cell[:, None], other_cell]
        at_one, at_other = powers(x, p)[0].T, powers(other_x, q)[0].T
        out.append(np.einsum("ip,ijpr->ijr", at_one, np.einsum("jq,ijpqr->ijpr", at_other, poly)))
    return np.stack(out)


@dataclass(frozen=True, eq=False)
class Summits:
    """Where more is explained than around: of which curve, at which u, and how much about; curve by curve, the highest
    first.
    """

    curve: Int[np.ndarray, " some"]
    u: Float[np.ndarray, "2 some"]
    height: Float[np.ndarray, " some"]


def summits(
    near: Nodes, z: Float32[np.ndarray, "voxels rank"], square: Float[np.ndarray, " voxels"], rival: float
) -> Summits:
    """The summits of each curve that may leave no more than `rival` times the sum of squares of the best.

    Along each line the summit of a parabola through a node that stands out and its two neighbours is a point of a
    ridge; of these points those count that are no lower than the ridge on the next lines.
    """
    along, across = near.scales[near.along].nodes, near.scales[1 - near.along]
    surface = near.search.surface(z)
    line, node, curve = _stand_out(surface, square, rival)
    place, height = _between(surface, along, line, node, curve)
    if across.n == 1:
        away = np.zeros(place.size)
        return _ordered(near, Summits(curve, _pair(near, across.u_at(away), place), height.astype(np.float64)))
    top = _next_to(line, node, curve, height, (across.n, along.size, len(z)))
    rows = np.flatnonzero(height >= top * np.float32(1.0 - ROUNDING))
    line, node, curve, place, height = line[rows], node[rows], curve[rows], place[rows], height[rows].astype(np.float64)
    beside = [_beside(surface, along, line + step, node, curve) for step in (-1, 1)]
    # What is higher on the next line, if further aside, is the same ridge.
    tallest = np.zeros(len(z))
    np.maximum.at(tallest, curve, height)
    is_summit = height >= np.maximum(beside[0][0], beside[1][0]) * (1.0 - ROUNDING)
    rows = np.flatnonzero(is_summit | (height >= tallest[curve]))
    line, place, curve, height = (part[rows] for part in (line, place, curve, height))
    away, lift, aside = _onward(height, place, [(one[rows], two[rows]) for one, two in beside])
    u = _pair(near, across.u_at(line + away), place + aside)
    return _ordered(near, Summits(curve, u, height + lift))


def _pair(near: Nodes, across: np.ndarray, along: np.ndarray) -> Float[np.ndarray, "2 some"]:
    return np.stack((across, along) if near.along else (along, across))


def _ordered(near: Nodes, found: Summits) -> Summits:
    """Curve by curve, the highest first, those apart."""
    order = np.lexsort((-found.height, found.curve))
    return _apart(near, Summits(found.curve[order], taken(found.u, order), found.height[order]))


def _next_to(
    line: np.ndarray, node: np.ndarray, curve: np.ndarray, height: Float32[np.ndarray, " some"], shape: tuple[int, ...]
) -> Float32[np.ndarray, " some"]:
    """How high points of ridges are, at most, that lie beside each on the next lines."""
    ridge = np.zeros((shape[0] + 2, shape[1] + 2 * BESIDE, shape[2]), np.float32)
    width = ridge.shape[2]
    at, flat = ((line + 1) * ridge.shape[1] + node + BESIDE) * width + curve, ridge.ravel()
    flat[at] = height
    aside = np.arange(-BESIDE, BESIDE + 1) * width
    step = ridge.shape[1] * width
    return np.asarray(flat.take(at[:, None] + np.concatenate([aside - step, aside + step])).max(axis=1))


def _beside(
    surface: np.ndarray, along: Float[np.ndarray, " places"], line: np.ndarray, node: np.ndarray, curve: np.ndarray
) -> tuple[Float[np.ndarray, " some"], Float[np.ndarray, " some"]]:
    """How high the ridge is on another line, and where it is; -inf where there is no such line."""
    is_there = (line >= 0) & (line < surface.shape[1])
    at = np.where(is_there, line, 0)
    some = np.clip(node[:, None] + np.arange(-REACH, REACH + 1), 0, along.size - 1)
    values = surface.ravel().take(_begins(surface, at, curve)[:, None] + some * surface.shape[3])
    best = some[np.arange(node.size), values.argmax(axis=1)]
    place, height = _between(surface, along, at, best, curve)
    return np.where(is_there, height, -np.inf), place


def _onward(
    height: Float[np.ndarray, " some"], place: Float[np.ndarray, " some"], beside: list[tuple[np.ndarray, np.ndarray]]
) -> tuple[Float[np.ndarray, " some"], Float[np.ndarray, " some"], Float[np.ndarray, " some"]]:
    """From a point of a ridge to its summit, by the points on the lines next to it: how far across the lines, in lines;
    how much higher; and how far along.
    """
    before, after = (one for one, _ in beside)
    is_ridge = (before > 0) & (after > 0)
    before, after = np.where(is_ridge, before, height), np.where(is_ridge, after, height)
    bend, tilt = 2.0 * height - before - after, after - before
    away = np.divide(0.5 * tilt, bend, out=np.zeros_like(bend), where=bend > 0)
    left, right = (np.where(is_ridge, one - place, 0.0) for _, one in beside)
    aside = away * (0.5 * (right - left) + 0.5 * away * (right + left))
    return away, 0.25 * tilt * away, aside


def _stand_out(
    surface: Float32[np.ndarray, "blocks lines places curves"], square: Float[np.ndarray, " voxels"], rival: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Nodes that explain enough, and more than their neighbours on the line: line, node, and whose."""
    points = []
    for block, span in zip(surface, spans(square.size, AT_ONCE), strict=True):
        here, some = square[span], block[..., : span.stop - span.start]
        top = some.max(axis=(0, 1)).astype(np.float64)
        enough = np.minimum(here - rival * (here - top), (1.0 - _BELOW) * top)
        out = np.asarray(some >= enough.astype(np.float32))
        rises = some[:, 1:] > some[:, :-1]
        out[:, 1:] &= rises
        out[:, :-1] &= ~rises
        line, rest = np.divmod(np.flatnonzero(out), some.shape[1] * some.shape[2])
        node, curve = np.divmod(rest, some.shape[2])
        points.append((line, node, curve + span.start))
    line, node, curve = (np.concatenate(part) for part in zip(*points, strict=True))
    return line, node, curve


def _between(
    surface: np.ndarray, along: Float[np.ndarray, " places"], line: np.ndarray, node: np.ndarray, curve: np.ndarray
) -> tuple[Float[np.ndarray, " some"], Float32[np.ndarray, " some"]]:
    """Where the parabola through a node and its neighbours has its summit, no further than halfway to these; and how
    high.
    """
    width, flat = surface.shape[3], surface.ravel()
    if along.size < 3:
        return along[node], flat.take(_begins(surface, line, curve) + node * width)
    inner = np.clip(node, 1, along.size - 2)
    at = _begins(surface, line, curve) + inner * width
    before, here, after = (flat.take(at + step * width).astype(np.float64) for step in (-1, 0, 1))
    left, right = along[inner] - along[inner - 1], along[inner + 1] - along[inner]
    falls, rises = (here - before) / left, (after - here) / right
    bend, slope = 2.0 * (rises - falls) / (left + right), (falls * right + rises * left) / (left + right)
    # A node that is not searched says nothing.
    is_peak = (bend < 0) & (inner == node) & (before > 0) & (after > 0)
    away = np.divide(-slope, bend, out=np.zeros_like(bend), where=is_peak)
    away = np.clip(away, -0.5 * left, 0.5 * right)
    top = np.where(inner == node, here, np.where(node < inner, before, after))
    height = top + away * (slope + 0.5 * bend * away)
    return along[node] + away, height.astype(np.float32)


def _begins(surface: np.ndarray, line: np.ndarray, curve: np.ndarray) -> np.ndarray:
    """Where the values of a curve on a line begin."""
    _, lines, places, width = surface.shape
    block, row = np.divmod(curve, width)
    return np.asarray((block * lines + line) * (places * width) + row)


def _apart(near: Nodes, found: Summits) -> Summits:
    """Of summits that lie within a cell of each other along the lines, without a kink between them, only the highest:
    what lies on the same ridge is looked for from there.
    """
    rank = ranks(found.curve)
    kept = rank < MOST
    if not near.tables.is_bent[near.along]:
        return Summits(found.curve[kept], taken(found.u, kept), found.height[kept])
    place = found.u[near.along]
    width = float(np.diff(near.tables.sides[near.along], axis=0).max())
    stretch = np.cumsum(near.tables.kinks[near.along])[places(near.tables, near.along, place)[0]]
    for back in range(1, int(rank.max(initial=0)) + 1):
        some = np.flatnonzero(rank >= back)
        hidden = kept[some - back] & (np.abs(place[some] - place[some - back]) < width)
        hidden &= stretch[some] == stretch[some - back]
        kept[some[hidden]] = False
    return Summits(found.curve[kept], taken(found.u, kept), found.height[kept])


def ranks(rows: Int[np.ndarray, " some"]) -> Int[np.ndarray, " some"]:
    """The how manieth of its row each is, of rows that lie together."""
    first = np.flatnonzero(np.diff(rows, prepend=-1))
    return np.arange(rows.size) - np.repeat(first, np.diff(np.append(first, rows.size)))
