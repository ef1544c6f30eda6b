"""Separable models with one smooth non-linear parameter: a dictionary, tables, and Newton in its cell."""

import numpy as np

from perspect.fit.family import moot, slopes_of, touches
from perspect.fit.solution import Chunk, Route, Solution, worth
from perspect.numerics.profile import Line, Profiled, profiled
from perspect.numerics.separable import ROUNDING, falls_apart
from perspect.numerics.small import box_minimum, times


def on_line(tables: Line) -> Route:
    """The global minimum on the grid of θ, refined; for θ that means nothing, the amplitudes where they are known best.

    A voxel is ambiguous where the values of θ that the data allow (at 95 %) fall apart into separate intervals.
    """
    return Route(lambda chunk: _solved(tables, chunk), lambda x: slopes_of(tables.family, x))


def _solved(tables: Line, chunk: Chunk) -> Solution:
    family, search, n_linear = tables.family, tables.search, tables.family.low.size
    z = chunk.y.T @ search.basis
    nodes = search.explained(z)
    best = nodes.argmax(axis=1)
    there = profiled(tables, z, chunk.square, nodes, best)
    shaped = np.isin(np.arange(n_linear), tables.varies)
    is_moot = moot(family, shaped[None], there.gram, there.moment, there.explained, chunk)[0]
    drop = worth(1, n_linear + 1, chunk, chunk.square - there.explained)
    is_ambiguous = falls_apart(nodes, nodes[np.arange(best.size), best], np.maximum(drop, ROUNDING * there.explained))
    if is_moot.any():
        there = _held(tables, there, z, is_moot)
    is_undetermined = np.zeros((n_linear + 1, best.size), bool)
    is_undetermined[-1] = is_moot
    return Solution(
        np.concatenate([there.c, family.axes.theta(there.u[:, None]).T]),
        chunk.square - there.explained,
        _information(tables, there),
        np.concatenate([touches(family, there.c), (there.is_end & ~is_moot)[None]]),
        is_undetermined,
        is_ambiguous & ~is_moot,
        np.ones(best.size, bool),
    )


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
