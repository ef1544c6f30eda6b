"""Models without non-linear parameters: solved."""

import numpy as np

from perspect.fit.solution import Chunk, Route, Solution
from perspect.models.base import Separable
from perspect.numerics.small import box_minimum


def linear(model: Separable) -> Route:
    """The best amplitudes within their bounds, in closed form."""
    columns = np.asarray(model.atoms(np.empty(0)), np.float64)
    gram = (columns @ columns.T)[..., None]
    low, high = np.array([model.bounds(quantity) for quantity in model.linear]).T

    def solve(chunk: Chunk) -> Solution:
        n = chunk.square.size
        every = np.broadcast_to(gram, (*gram.shape[:2], n))
        moment = columns @ chunk.y
        c, explained = box_minimum(every, moment, low, high)
        nowhere = np.zeros(c.shape, bool)
        return Solution(
            c, chunk.square - explained, every, (c <= low[:, None]) | (c >= high[:, None]), nowhere, nowhere[0],
            np.ones(n, bool),
        )  # fmt: skip

    def slopes(x: np.ndarray) -> np.ndarray:
        return np.broadcast_to(columns.T, (x.shape[1], *columns.T.shape))

    return Route(solve, slopes)
