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
from jaxtyping import Float, Float32, Int

from perspect.numerics.ascent import newton_step, promised, turned, uphill
from perspect.numerics.cone import Cone, cone, vectors_of
from perspect.numerics.parallel import spans
from perspect.numerics.plane import Plane, powers, runs

PER: Final = 4
"""Nodes of a cell along an axis [our default]."""

BESIDE: Final = 2
"""Nodes of a neighbour that belong to a window along a smooth axis; where columns bend, the whole neighbour does."""

HOPE: Final = 2.0
"""A place is looked at where a summit that lies so many times as high above it as one may would be enough [our
default]."""

COARSE: Final = 2
"""Nodes of a cell among which a search begins, along its rows [our default]."""

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
