"""Separable models with one smooth non-linear parameter: a dictionary, tables, and Newton in its cell."""

from typing import Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.fit.family import moot, slopes_of, touches
from perspect.fit.solution import Chunk, Route, Solution, worth
from perspect.numerics.lone import Lone, highest, in_pieces, lone, raised, strays
from perspect.numerics.profile import Line, Profiled, profiled
from perspect.numerics.separable import ROUNDING, falls_apart
from perspect.numerics.small import box_minimum, times

CURVES: Final = 8192
"""Curves in a chunk: the few that the quick way does not serve cost as many calls as many would."""


def on_line(tables: Line) -> Route:
    """The global minimum on the grid of θ, refined; for θ that means nothing, the amplitudes where they are known best.

    A voxel is ambiguous where the values of θ that the data allow (at 95 %) fall apart into separate intervals.
    """
    alone = lone(tables)
    return Route(lambda chunk: _solved(tables, alone, chunk), lambda x: slopes_of(tables.family, x), CURVES)


def _solved(tables: Line, alone: Lone | None, chunk: Chunk) -> Solution:
    family, n_linear = tables.family, tables.family.low.size
    z = chunk.y.T @ tables.search.basis
    there, is_ambiguous = _anywhere(tables, chunk, z) if alone is None else _within(tables, alone, chunk, z)
    shaped = np.isin(np.arange(n_linear), tables.varies)
    is_moot = moot(family, shaped[None], there.gram, there.moment, there.explained, chunk)[0]
    if is_moot.any():
        there = _held(tables, there, z, is_moot)
    is_undetermined = np.zeros((n_linear + 1, is_moot.size), bool)
    is_undetermined[-1] = is_moot
    return Solution(
        np.concatenate([there.c, family.axes.theta(there.u[:, None]).T]),
        chunk.square - there.explained,
        _information(tables, there),
        np.concatenate([touches(family, there.c), (there.is_end & ~is_moot)[None]]),
        is_undetermined,
        is_ambiguous & ~is_moot,
        np.ones(is_moot.size, bool),
    )


def _anywhere(
    tables: Line, chunk: Chunk, z: Float[np.ndarray, "voxels rank"]
) -> tuple[Profiled, Bool[np.ndarray, " voxels"]]:
    """The minimum of each curve, whichever amplitudes meet their bounds there; where it is ambiguous."""
    nodes = tables.search.explained(z)
    best = nodes.argmax(axis=1)
    there = profiled(tables, z, chunk.square, nodes, best)
    top = nodes[np.arange(best.size), best]
    return there, falls_apart(nodes, top, _told_apart(tables, chunk, there.explained))


def _within(
    tables: Line, alone: Lone, chunk: Chunk, z: Float[np.ndarray, "voxels rank"]
) -> tuple[Profiled, Bool[np.ndarray, " voxels"]]:
    """The same, first as if there were no bounds; again where it was not found so, and, to see whether it is ambiguous,
    where bounds are met at nodes that count.
    """
    t, best, top = raised(alone, z, bool(tables.family.low[alone.column] < 0))
    there, is_found = highest(tables, alone, z, chunk.square, t, best)
    is_found &= top > 0
    drop = _told_apart(tables, chunk, there.explained)
    is_ambiguous = in_pieces(t, top, drop)
    rows = np.flatnonzero(~is_found)
    if rows.size:
        again, is_ambiguous[rows] = _anywhere(tables, chunk.of(rows), z[rows])
        there.put(rows, again)
    rows = np.flatnonzero(strays(alone, tables.family, z, t, top, drop) & is_found)
    if rows.size:
        nodes = tables.search.explained(z[rows])
        is_ambiguous[rows] = falls_apart(nodes, nodes.max(axis=1), drop[rows])
    return there, is_ambiguous


def _told_apart(tables: Line, chunk: Chunk, explained: Float[np.ndarray, " voxels"]) -> Float[np.ndarray, " voxels"]:
    """How much less may be explained by what the data cannot tell from the best."""
    drop = worth(1, tables.family.low.size + 1, chunk, chunk.square - explained)
    return np.asarray(np.maximum(drop, ROUNDING * explained))


def _held(tables: Line, there: Profiled, z: np.ndarray, moot: np.ndarray) -> Profiled:
    """With θ held where the amplitudes are known best: none other may be picked because it flatters the noise."""
    family = tables.family
    columns = tables.columns[:, tables.held]
    gram, c, u, explained = there.gram.copy(), there.c.copy(), there.u.copy(), there.explained.copy()
    gram[:, :, moot] = (columns @ columns.T)[..., None]
    c[:, moot], explained[moot] = box_minimum(gram[:, :, moot], columns @ z[moot].T, family.low, family.high)
    u[moot] = family.axes.u_low[0] + tables.held * tables.spacing
    return Profiled(c, u, explained, gram, there.mixed, there.steep, there.moment, there.is_end)


def _information(tables: Line, there: Profiled) -> np.ndarray:
    n_linear = there.c.shape[0]
    moving = there.c[list(tables.varies)]
    stretch = tables.family.axes.stretch(there.u[:, None])[:, 0]
    information = np.empty((n_linear + 1, n_linear + 1, there.u.size))
    information[:-1, :-1] = there.gram
    information[:-1, -1] = information[-1, :-1] = times(there.mixed, moving) / stretch
    information[-1, -1] = (moving * times(there.steep, moving)).sum(axis=0) / stretch**2
    return information
