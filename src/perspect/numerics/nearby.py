"""Finer nodes around every cell of a plane, and the slopes and curvatures of the columns there.

The best of the cell centres is near a minimum but not at it. Around it lies a window of finer nodes, which one product
of matrices compares for all curves of a cell; from the best of these, whose slopes and curvatures are tabulated, one
step of Newton's iteration all but arrives. What a plain iteration from a cell's centre works out curve by curve, a
dozen times over, is so done by products of matrices and one look into a table.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perspect.numerics.ascent import newton_step, promised, turned, uphill
from perspect.numerics.cone import Cone, cone, vectors_of
from perspect.numerics.parallel import spans
from perspect.numerics.plane import Plane, powers, runs
from perspect.numerics.separable import ROUNDING

PER: Final = 4
"""Nodes of a cell along an axis [our default]."""

BESIDE: Final = 2
"""Nodes of a neighbour that belong to a window along a smooth axis; where columns bend, the whole neighbour does."""

HOPE: Final = 2.0
"""A place is looked at where a summit that lies so many times as high above it as one may would be enough [our
default]."""

BANDS: Final = 4
"""Parts of the rows whose best is looked at by itself [our default]."""

WORTHWHILE: Final = 3e-3
"""Share of the sum of squares from which on what lies between nodes is gone after [our default]."""

COARSE: Final = 2
"""Nodes of a cell among which a search begins, along its rows [our default]."""

MOST: Final = 4
"""Cells beside the best that are looked at, at most [our default]."""

_LEAST: Final = 1e-30

_ORDERS: Final = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
"""Derivatives along the two axes, as `ascent.uphill` wants them."""

_GATHERED, _COMPARED = 1024, 4096
"""Curves whose slopes are gathered, and whose windows are compared, together."""


@dataclass(frozen=True, eq=False)
class Window:
    """Nodes around a cell as a search sees them, with their `numbers`, in parts of like size, part by part."""

    search: Cone
    numbers: Int[np.ndarray, "parts size"]


@dataclass(frozen=True, eq=False)
class Nearby:
    """Nodes that lie evenly in the cells of a plane, those of one cell side by side along each axis.

    `cell` and `x` say where they lie, `per` how many there are in a cell, `windows` which of them are compared for a
    curve whose best cell that is, cell by cell. Of all nodes, numbered row by row, `slopes` are the
    columns with their derivatives along x as far as there are any (`kinds` of each column); `gram` the products of
    columns with theirs, six to a pair. `coarse` are the few nodes of each cell among which a search in single precision
    begins, row by row along the axis `across`, `per_cell` of them in a cell of a row.
    """

    tables: Plane
    coarse: Cone
    per_cell: int
    across: int
    cell: tuple[Int[np.ndarray, " _"], Int[np.ndarray, " _"]]
    x: tuple[Float[np.ndarray, " _"], Float[np.ndarray, " _"]]
    per: tuple[int, int]
    windows: tuple[Window, ...]
    kinds: tuple[tuple[int, ...], ...]
    slopes: Float32[np.ndarray, "nodes all_kinds rank"]
    gram: Float[np.ndarray, "nodes six_pairs"]


def nearby(tables: Plane, is_searched: Callable[[np.ndarray], np.ndarray]) -> Nearby:
    """The finer nodes of a plane; those of which `is_searched` says no explain nothing."""
    n = len(tables.columns)
    per = tuple(1 if all(shape[axis] == 1 for shape in tables.shapes) else PER for axis in (0, 1))
    places = [_places(side, k) for side, k in zip(tables.sides, per, strict=True)]
    kinds = tuple(
        tuple(k for k, (a, b) in enumerate(_ORDERS) if (p > 1 or a == 0) and (q > 1 or b == 0))
        for p, q in tables.shapes[:n]
    )
    values = [_derivatives(tables, i, places) for i in range(n)]
    owners = [np.repeat(np.arange(count), k) for count, k in zip(tables.n_cells, per, strict=True)]
    x = [place.ravel() for place in places]
    every = np.stack(np.meshgrid(*(np.arange(one.size) for one in x), indexing="ij")).reshape(2, -1)
    u = tables.u(np.stack([owners[a][every[a]] for a in (0, 1)]), np.stack([x[a][every[a]] for a in (0, 1)]))
    vectors = vectors_of(np.stack([one[0] for one in values]))
    vectors[:, ~is_searched(tables.family.axes.theta(u.T))] = 0.0
    gram = np.concatenate([_products(values[i], values[j]) for i, j in tables.pairs])
    slopes = np.concatenate([one[list(which)] for one, which in zip(values, kinds, strict=True)])
    across = int(tables.is_bent[1] and tables.n_cells[1] > 1)
    per_cell = COARSE if per[1 - across] > 1 else 1
    coarse = _coarse(tables, is_searched, across, per_cell)
    inside = vectors.reshape(-1, x[0].size, x[1].size, vectors.shape[-1])
    return Nearby(
        tables, coarse, per_cell, across, (owners[0], owners[1]), (x[0], x[1]), (per[0], per[1]),
        tuple(_windows(tables, (per[0], per[1]), inside)), kinds,
        np.ascontiguousarray(np.swapaxes(slopes, 0, 1), np.float32), np.ascontiguousarray(gram.T),
    )  # fmt: skip


def _coarse(tables: Plane, is_searched: Callable[[np.ndarray], np.ndarray], across: int, per_cell: int) -> Cone:
    """One node of each cell along the axis `across`, several along the other."""
    places = [_places(side, 1 if axis == across else per_cell) for axis, side in enumerate(tables.sides)]
    shape = [place.size for place in places]
    cell = [np.repeat(np.arange(len(place)), place.shape[1]) for place in places]
    at = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij")).reshape(2, -1)
    u = tables.u(*(np.stack([part[k][at[k]] for k in (0, 1)]) for part in (cell, [place.ravel() for place in places])))
    columns = [_derivatives(tables, i, places)[0] for i in range(len(tables.columns))]
    vectors = vectors_of(np.stack(columns))
    vectors[:, ~is_searched(tables.family.axes.theta(u.T))] = 0.0
    lines = vectors.reshape(len(vectors), *shape, -1)
    lines = lines.swapaxes(1, 2) if across else lines
    return cone(lines.reshape(vectors.shape))


def _places(side: Float[np.ndarray, "2 cells"], per: int) -> Float[np.ndarray, "cells per"]:
    """Places in [-1, 1] inside the cells, evenly in what a cell does not share with its neighbours."""
    inner = 0.5 * (side[1, :-1] + side[0, 1:])
    low, high = np.append(side[0, 0], inner), np.append(inner, side[1, -1])
    u = low[:, None] + (np.arange(per) + 0.5) / per * (high - low)[:, None]
    return np.asarray(2.0 * (u - side[0][:, None]) / (side[1] - side[0])[:, None] - 1.0)


def _windows(
    tables: Plane, per: tuple[int, int], vectors: Float32[np.ndarray, "kinds one other rank"]
) -> Iterator[Window]:
    """Of every cell. Where columns bend each neighbour is a part of its own."""
    numbers = np.arange(vectors.shape[1] * vectors.shape[2]).reshape(vectors.shape[1:3])
    ends = [_ends(*axis) for axis in zip(per, tables.n_cells, tables.is_bent, strict=True)]
    for one in ends[0].T:
        for other in ends[1].T:
            here = np.s_[one[0] : one[1], other[0] : other[1]]
            inside, number = vectors[:, *here], numbers[here]
            ways = [spans(n, k if bent else n) for n, k, bent in zip(number.shape, per, tables.is_bent, strict=True)]
            parts = [(left, right) for left in ways[0] for right in ways[1]]
            blocks = [inside[:, *part].reshape(len(inside), -1, inside.shape[-1]) for part in parts]
            yield Window(cone(np.concatenate(blocks, axis=1)), np.stack([number[part].ravel() for part in parts]))


def _ends(per: int, n_cells: int, is_bent: bool) -> Int[np.ndarray, "2 cells"]:
    """From which node and up to which a window reaches along an axis."""
    cell = np.arange(n_cells)
    if is_bent:
        return per * np.stack([np.maximum(cell - 1, 0), np.minimum(cell + 2, n_cells)])
    return np.stack([np.maximum(per * cell - BESIDE, 0), np.minimum(per * (cell + 1) + BESIDE, per * n_cells)])


def _derivatives(tables: Plane, i: int, places: list[np.ndarray]) -> Float[np.ndarray, "six nodes rank"]:
    """Column i with its slopes and curvatures along x at all nodes."""
    (n, per), (m, other) = places[0].shape, places[1].shape
    a, b = (
        [one.T.reshape(*place.shape, -1) for one in powers(place.ravel(), size)]
        for place, size in zip(places, tables.shapes[i], strict=True)
    )
    out = []
    for left, right in _ORDERS:
        weights = np.einsum("iap,jbq->ijabpq", a[left], b[right]).reshape(n * m, per * other, -1)
        values = (weights @ tables.columns[i]).reshape(n, m, per, other, -1)
        out.append(values.transpose(0, 2, 1, 3, 4).reshape(n * per * m * other, -1))
    return np.stack(out)


def _products(one: np.ndarray, other: np.ndarray) -> Float[np.ndarray, "six nodes"]:
    """The product of two columns and its derivatives."""

    def dot(i: int, j: int) -> np.ndarray:
        return np.asarray(np.einsum("nr,nr->n", one[i], other[j]))

    return np.stack([
        dot(0, 0), dot(1, 0) + dot(0, 1), dot(2, 0) + dot(0, 2), dot(3, 0) + 2.0 * dot(1, 1) + dot(0, 3),
        dot(4, 0) + dot(1, 2) + dot(2, 1) + dot(0, 4), dot(5, 0) + 2.0 * dot(2, 2) + dot(0, 5),
    ])  # fmt: skip


def looked(
    near: Nearby, z: Float32[np.ndarray, "voxels rank"], cell: Int[np.ndarray, " voxels"]
) -> tuple[Int[np.ndarray, "parts voxels"], Float32[np.ndarray, "parts voxels"]]:
    """The best node of every part of the window around a cell (numbered row by row), and what it explains.

    Where columns bend every cell is a part of its own: a rise may follow a fall there. Where the best node belongs to a
    neighbour, the look is taken again from there.
    """
    node, score = _compared(near, z, cell)
    here, rows = cell, np.arange(cell.size)
    top = score.max(axis=0, initial=-np.inf)
    while True:
        owner = _owner(near, node[score[:, rows].argmax(axis=0), rows])
        moves = owner != here
        if not moves.any():
            return node, score
        rows, here = rows[moves], owner[moves]
        again, values = _compared(near, z[rows], here)
        higher = values.max(axis=0)
        goes = higher > top[rows]
        rows, here = rows[goes], here[goes]
        node[:, rows], score[:, rows], top[rows] = again[:, goes], values[:, goes], higher[goes]


def _owner(near: Nearby, node: Int[np.ndarray, " voxels"]) -> Int[np.ndarray, " voxels"]:
    one, other = np.divmod(node, near.x[1].size)
    return np.asarray(near.cell[0][one] * near.tables.n_cells[1] + near.cell[1][other])


def _compared(
    near: Nearby, z: Float32[np.ndarray, "voxels rank"], cell: Int[np.ndarray, " voxels"]
) -> tuple[Int[np.ndarray, "parts voxels"], Float32[np.ndarray, "parts voxels"]]:
    """One look around each cell."""
    n_parts = 3 ** sum(bent and n > 1 for bent, n in zip(near.tables.is_bent, near.tables.n_cells, strict=True))
    node = np.zeros((n_parts, cell.size), np.int64)
    score = np.full((n_parts, cell.size), -np.inf, np.float32)
    order = np.argsort(cell.astype(np.int32), kind="stable")
    for run, number in runs(cell[order]):
        window = near.windows[number]
        parts, size = window.numbers.shape
        for span in spans(run.stop - run.start, _COMPARED):
            rows = order[run][span]
            values = window.search.explained(z[rows]).reshape(-1, size)
            best = values.argmax(axis=1).reshape(-1, parts)
            score[:parts, rows] = np.take_along_axis(values.reshape(-1, parts, size), best[..., None], 2)[..., 0].T
            node[:parts, rows] = window.numbers[np.arange(parts), best].T
    return node, score


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
    n_rows, n_places, n = surface.shape
    nothing = np.zeros(0, np.int64)
    if n_rows < 3:
        return nothing, nothing, nothing, np.zeros(0, np.float32)
    some = []
    enough = asked.astype(np.float32)
    for row in range(1, n_rows - 1):
        reach = surface[row + 1] - surface[row - 1]
        np.abs(reach, out=reach)
        reach *= 0.25
        reach += surface[row]
        some.append(np.flatnonzero(reach > enough) + row * n_places * n)
    node = np.concatenate(some)
    row, place, curve = node // (n_places * n), node // n % n_places, node % n
    height = surface[row, place, curve] + _lift(surface, row, place, curve)
    kept = height > asked[curve]
    row, place, curve, height = row[kept], place[kept], curve[kept], height[kept]
    sizes = [part.size for part in np.array_split(np.arange(n_places), BANDS)]
    part = curve * BANDS + np.repeat(np.arange(BANDS), sizes)[place]
    order = np.lexsort((-height, part))
    at = order[np.diff(part[order], prepend=-1) != 0]
    return row[at], place[at], curve[at], height[at]


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


@dataclass(frozen=True, eq=False)
class Arrival:
    """Where one step from a node leads: the cell, the place in it, what that promises and by how much more than the
    node explains, the Hessian along x, and how much a summit may lie above the nodes around it.
    """

    cell: Int[np.ndarray, "2 voxels"]
    x: Float[np.ndarray, "2 voxels"]
    explained: Float[np.ndarray, " voxels"]
    gain: Float[np.ndarray, " voxels"]
    hessian: Float[np.ndarray, "2 2 voxels"]
    between: Float[np.ndarray, " voxels"]


def arrived(near: Nearby, z: Float32[np.ndarray, "voxels rank"], node: Int[np.ndarray, " voxels"]) -> Arrival:
    """One step of Newton's iteration from each node."""
    m, n = len(near.kinds), node.size
    every = np.zeros((6, m + len(near.tables.pairs), n))
    for span in spans(n, _GATHERED):
        some = node[span]
        moments = np.einsum("vkr,vr->kv", near.slopes.take(some, axis=0), z[span])
        behind = 0
        for i, kinds in enumerate(near.kinds):
            every[list(kinds), i, span] = moments[behind : behind + len(kinds)]
            behind += len(kinds)
        every[:, m:, span] = near.gram.take(some, axis=0).T.reshape(-1, 6, some.size).swapaxes(0, 1)
    here, gradient, hessian = uphill(near.tables.family, near.tables.pairs, every)
    at = np.divmod(node, near.x[1].size)
    cell = np.stack([owner[place] for owner, place in zip(near.cell, at, strict=True)])
    start = np.stack([x[place] for x, place in zip(near.x, at, strict=True)])
    free = np.zeros((2, n), bool)
    x = np.clip(start + newton_step(gradient, hessian, free), -1.0, 1.0)
    short = np.flatnonzero((np.abs(x) >= 1.0).any(axis=0))
    if short.size:
        # What is cut short along one axis makes another place along the other the best.
        slope = gradient[:, short] + turned(hessian[..., short], (x - start)[:, short])
        held = np.abs(x[:, short]) >= 1.0
        more = newton_step(slope, hessian[..., short], held)
        x[:, short] = np.clip(x[:, short] + np.where(held, 0.0, more), -1.0, 1.0)
    gain = promised(gradient, hessian, x - start)
    for axis in np.flatnonzero(~np.array(near.tables.is_bent)):
        onward = cell[axis] + (x[axis] >= 1.0) - (x[axis] <= -1.0)
        over = np.flatnonzero((onward != cell[axis]) & (onward >= 0) & (onward < near.tables.n_cells[axis]))
        u = near.tables.u(cell[:, over], x[:, over])
        cell[axis, over] = onward[over]
        x[:, over] = near.tables.x(cell[:, over], u)
    half = [0.0 if per == 1 else 1.0 / per for per in near.per]
    between = 0.5 * (np.abs(hessian[0, 0]) * half[0] ** 2 + np.abs(hessian[1, 1]) * half[1] ** 2)
    return Arrival(cell, x, here + gain, gain, hessian, between)
