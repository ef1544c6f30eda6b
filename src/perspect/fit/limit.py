"""Whether a model tells more than a simpler one, at which it arrives from more than one side."""

from dataclasses import replace

import numpy as np
from jaxtyping import Bool

from perspect.fit.solution import VALLEY, Chunk, Route, Solution, worth


def with_limit(route: Route, simpler: Route) -> Route:
    """The same way to solve a model, which calls a voxel ambiguous where its limit fits as well.

    Two-compartment exchange without exchange and with a fast one are the same curve, that of one compartment. A descent
    ends near one of these, with the errors of its neighbourhood, and says nothing of the other. Between what 95 % and
    twice as much of the sum of squares ask for, 1 in 50 rates of exchange is off by more than five such errors; beyond
    that 1 in 300 [measured].
    """

    def solve(chunk: Chunk) -> Solution:
        found = route.solve(chunk)
        is_alike = ~found.is_undetermined.any(axis=0) & _fits_as_well(found, simpler, chunk)
        return replace(found, is_ambiguous=found.is_ambiguous | is_alike)

    return Route(solve, route.slopes, route.voxels)


def _fits_as_well(found: Solution, simpler: Route, chunk: Chunk) -> Bool[np.ndarray, " voxels"]:
    """Where the simpler model leaves no more than what cannot be told apart."""
    limit = simpler.solve(Chunk(chunk.y, chunk.square, chunk.variance))
    n_unknowns = found.x.shape[0]
    least = worth(n_unknowns - limit.x.shape[0], n_unknowns, chunk, found.sse)
    return np.asarray(limit.sse - found.sse <= VALLEY * least)
