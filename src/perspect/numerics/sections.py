"""Sections through a plane: what each curve has explained along one axis where it stands on the other.

Between the nodes of a search the place on the sharp axis is off by a little, and what that costs depends on the place
on the other axis: a summit there may be another one than the nodes say. At the place that was found all of that axis is
seen at once: in each cell the moments and products along it are polynomials of the place on the sharp axis alone.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from perspect.numerics.columns import by_cell, taken
from perspect.numerics.nodes import Nodes, Scale, places, turning
from perspect.numerics.parallel import spans
from perspect.numerics.plane import powers, runs

TURN: Final = 0.15
"""Sine of the angle between the columns of neighbouring places, at most [our default]."""

_AT_ONCE: Final = 1024
_TINY: Final = 1e-300


@dataclass(frozen=True, eq=False)
class Sections:
    """Of every cell along the axis `along` the columns at the nodes of a `scale` of the other axis, and the products of
    columns, as polynomials of the place in the cell.
    """

    along: int
    scale: Scale
    columns: tuple[Float[np.ndarray, "cells _ _ rank"], ...]
    products: tuple[Float[np.ndarray, "cells _ _"], ...]


def sections(near: Nodes) -> Sections | None:
    """The sections across the lines of the nodes; `None` of more than two columns, and where nothing changes across
    them.
    """
    tables, along = near.tables, near.along
    across = 1 - along
    if near.scales[across].n == 1 or len(tables.columns) > 2:
        return None
    scale = turning(tables, across, TURN)
    cell, x = places(tables, across, scale.nodes)
    columns = []
    for table, shape in zip(tables.columns, tables.shapes, strict=True):
        poly = table.reshape(*tables.n_cells, *shape, -1)
        poly = poly if across == 0 else poly.transpose(1, 0, 3, 2, 4)
        if shape[across] == 1:
            columns.append(np.ascontiguousarray(poly[0, :, 0, :, None]))
        else:
            at = powers(x, shape[across])[0].T
            columns.append(np.ascontiguousarray(np.einsum("ap,abpqr->bqar", at, poly[cell])))
    products = [_multiplied(columns[i], columns[j]) for i in range(len(columns)) for j in range(i, len(columns))]
    return Sections(along, scale, tuple(columns), tuple(products))


def _multiplied(one: np.ndarray, other: np.ndarray) -> Float[np.ndarray, "cells powers places"]:
    p, q = one.shape[1], other.shape[1]
    every = np.einsum("bpar,bqar->bpqa", one, other)
    out = np.zeros((one.shape[0], p + q - 1, every.shape[-1]))
    for i in range(p):
        out[:, i : i + q] += every[:, i]
    return out


def heights(
    of: Sections,
    z: Float[np.ndarray, "voxels rank"],
    cell: Int[np.ndarray, " voxels"],
    x: Float[np.ndarray, "places voxels"],
) -> tuple[Float[np.ndarray, "places nodes voxels"], Float[np.ndarray, "places nodes voxels"]]:
    """What is explained along the sections at places x in a cell along the other axis, and its slope along x."""
    out = np.empty((2, len(x), of.scale.n, len(z)))
    order, back = by_cell(cell)
    for span in spans(len(z), _AT_ONCE):
        some = order[span]
        moments = [np.empty((*table.shape[1:3], some.size)) for table in of.columns]
        for run, number in runs(cell[some]):
            for table, into in zip(of.columns, moments, strict=True):
                flat = table[number].reshape(-1, table.shape[-1])
                into[..., run] = (flat @ z[some[run]].T).reshape(*table.shape[1:3], -1)
        for k, place in enumerate(x):
            value, slope, _ = powers(place[some], max(table.shape[1] for table in of.products))
            every = [_valued(table, value, slope) for table in moments]
            every += [_weighed(table, cell[some], value, slope) for table in of.products]
            explained, steep = _explained(every[: len(moments)], every[len(moments) :])
            out[0, k][:, span], out[1, k][:, span] = explained, steep
    return taken(out[0], back), taken(out[1], back)


def _valued(
    poly: Float[np.ndarray, "powers across voxels"], value: np.ndarray, slope: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A polynomial and its slope."""
    out, steep = poly[0].copy(), np.zeros_like(poly[0])
    for k in range(1, len(poly)):
        out += poly[k] * value[k]
        steep += poly[k] * slope[k]
    return out, steep


def _weighed(
    table: Float[np.ndarray, "cells powers across"], cell: np.ndarray, value: np.ndarray, slope: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    out = np.empty((2, table.shape[2], cell.size))
    n = table.shape[1]
    for run, number in runs(cell):
        np.matmul(table[number].T, value[:n, run], out=out[0][:, run])
        np.matmul(table[number].T, slope[:n, run], out=out[1][:, run])
    return out[0], out[1]


def _explained(
    moments: list[tuple[np.ndarray, np.ndarray]], products: list[tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """What one or two columns with amplitudes that are not negative explain, and its slope."""
    alone = [_one(moments[i], products[k]) for i, k in zip(range(len(moments)), (0, 2), strict=False)]
    if len(moments) == 1:
        return alone[0]
    (a, a_steep), (b, b_steep) = moments
    (aa, aa_steep), (ab, ab_steep), (bb, bb_steep) = products
    scale = 1.0 / np.maximum(aa * bb - ab * ab, 1e-11 * aa * bb + _TINY)
    one, other = (bb * a - ab * b) * scale, (aa * b - ab * a) * scale
    both = one * a + other * b
    steep = one * (2.0 * a_steep - one * aa_steep - 2.0 * other * ab_steep) + other * (2.0 * b_steep - other * bb_steep)
    is_first = alone[0][0] >= alone[1][0]
    edge = np.where(is_first, alone[0][0], alone[1][0])
    edge_steep = np.where(is_first, alone[0][1], alone[1][1])
    inside = (one > 0) & (other > 0)
    return np.where(inside, both, edge), np.where(inside, steep, edge_steep)


def _one(
    moment: tuple[np.ndarray, np.ndarray], product: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    c = np.maximum(moment[0], 0.0) / np.maximum(product[0], _TINY)
    return c * moment[0], c * (2.0 * moment[1] - c * product[1])
