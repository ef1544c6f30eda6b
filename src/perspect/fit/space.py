"""Whatever is not along one smooth parameter: bounded Levenberg-Marquardt, from a grid or a model's own start."""

import numpy as np
from jaxtyping import Bool, Float

from perspect.fit.error import foreknown
from perspect.fit.family import axes_of, family_of, moot, slopes_of, touches
from perspect.fit.solution import Chunk, Route, Solution, worth
from perspect.models.base import Model, Separable
from perspect.numerics.bounded import Minimum, least_squares
from perspect.numerics.separable import Axes, Dictionary, Family, dictionary, slopes
from perspect.numerics.small import box_minimum, inverse, without

_NODES = {1: 256, 2: 24, 3: 12, 4: 6}
"""Nodes of the grid along each axis, by the number of axes."""

_FEWEST = 4
_IMMATERIAL = 1e-4
"""A step that lowers χ² by less tells nothing of the curve."""

_FAR = 2
"""A second start is more than so many nodes away from the first."""


def in_space(model: Separable) -> Route:
    """Variable projection: the amplitudes are at their best for every θ that is tried.

    From a dictionary there are two starts, the best node and the best one far from it; a voxel is ambiguous where both
    lead to minima that are apart and that the data cannot tell from each other (at 95 %).

    Kaufman 1975, doi:10.1007/BF01932995
    """
    family = family_of(model)
    has_start = type(model).start is not Model.start
    search = None if has_start else dictionary(family, _shape(len(model.nonlinear)))
    shapes = _shapes(family)

    def solve(chunk: Chunk) -> Solution:
        y = np.ascontiguousarray(chunk.y.T)
        if search is None:
            begun = model.start(y)
            assert begun is not None
            starts = [family.axes.u(model.split(begun)[1])]
        else:
            starts = _starts(search, search.explained(chunk.y.T @ search.basis))
        found = [projected(family, y, start) for start in starts]
        best, is_ambiguous = _better(found, family, search, chunk)
        return _stated(family, shapes, chunk, best, is_ambiguous)

    return Route(solve, lambda x: slopes_of(family, x))


def plain(model: Model) -> Route:
    """All parameters at once, for models of which nothing more is known than what they predict."""
    axes = axes_of(model, model.parameters)
    grid = None
    if type(model).start is Model.start:
        # Amid the cells: at the end of a range a model may not move at all, and a start there would stay.
        n = _shape(axes.low.size)[0]
        share = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) / n] * axes.low.size, indexing="ij"), axis=-1)
        grid = axes.u_low + share.reshape(-1, axes.low.size) * (axes.u_high - axes.u_low)

    def predicted(u: np.ndarray) -> np.ndarray:
        return np.asarray(model.predict(axes.theta(u)), np.float64)

    def scores(u: np.ndarray) -> np.ndarray:
        told = model.surprise(axes.theta(u))
        return np.zeros((u.shape[0], 0)) if told is None else told

    def steep(u: np.ndarray) -> np.ndarray:
        own = model.slopes(axes.theta(u))
        return slopes(predicted, u, axes.u_low, axes.u_high) if own is None else own * axes.stretch(u)[:, None, :]

    def along(x: np.ndarray) -> np.ndarray:
        u = axes.u(x.T)
        columns: np.ndarray = steep(u) / axes.stretch(u)[:, None, :]
        return columns

    def solve(chunk: Chunk) -> Solution:
        y = np.ascontiguousarray(chunk.y.T)
        if grid is None:
            begun = model.start(y)
            assert begun is not None
            starts = axes.u(begun.reshape(-1, y.shape[0], axes.low.size))
        else:
            curves = predicted(grid)
            starts = grid[((curves**2).sum(axis=1) - 2.0 * y @ curves.T).argmin(axis=1)][None]
        # What is known beforehand counts as samples with the noise of the curve; where that is unknown, not at all.
        noise = np.zeros(y.shape[0]) if chunk.variance is None else np.sqrt(np.nan_to_num(chunk.variance, nan=0.0))

        def residual(u: np.ndarray, rows: np.ndarray) -> np.ndarray:
            return np.concatenate([y[rows] - predicted(u), -noise[rows, None] * scores(u)], axis=1)

        def derivative(u: np.ndarray, rows: np.ndarray) -> np.ndarray:
            before = slopes(scores, u, axes.u_low, axes.u_high)
            return np.concatenate([steep(u), noise[rows, None, None] * before], axis=1)

        found = _lowest(
            [
                least_squares(residual, derivative, start, axes.u_low, axes.u_high, immaterial=_IMMATERIAL * noise**2)
                for start in starts
            ]
        )
        x = axes.theta(found.x).T
        jacobian = np.concatenate([along(x), noise[:, None, None] * foreknown(model, x.T)], axis=1)
        information = np.einsum("vti,vtj->ijv", jacobian, jacobian)
        left = y - predicted(found.x)
        nowhere = np.zeros(x.shape, bool)
        return Solution(
            x, np.einsum("vt,vt->v", left, left), information, _is_end(axes, found.x), nowhere, nowhere[0],
            found.has_converged,
        )  # fmt: skip

    return Route(solve, along)


def _shape(n_axes: int) -> tuple[int, ...]:
    return (_NODES.get(n_axes, _FEWEST),) * n_axes


def _is_end(axes: Axes, u: np.ndarray) -> np.ndarray:
    is_end: np.ndarray = ((u <= axes.u_low) | (u >= axes.u_high)).T
    return is_end


def _shapes(family: Family) -> Bool[np.ndarray, "nonlinear linear"]:
    """Which θ shapes which atom, as seen at points scattered over the ranges."""
    spread = np.random.default_rng(0).uniform(size=(64, family.axes.low.size))
    u = family.axes.u_low + spread * (family.axes.u_high - family.axes.u_low)
    shapes: np.ndarray = (family.slopes(u) != 0).any(axis=(0, 3))
    return shapes


def _starts(search: Dictionary, explained: np.ndarray) -> list[np.ndarray]:
    """The best node of every curve, and the best of those that are far from it."""
    best = explained.argmax(axis=1)
    place = np.stack(np.unravel_index(np.arange(explained.shape[1]), search.shape), axis=-1)
    is_near = (np.abs(place - place[best, None]) <= _FAR).all(axis=-1)
    second = np.where(is_near, -np.inf, explained).argmax(axis=1)
    return [search.u[best], search.u[second]]


def projected(
    family: Family, y: Float[np.ndarray, "voxels time"], start: Float[np.ndarray, "voxels nonlinear"]
) -> Minimum:
    """The minimum in u that each start leads to, by the exact columns; amplitudes are at their best all the way."""

    def amplitudes(columns: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gram = np.moveaxis(columns @ np.swapaxes(columns, 1, 2), 0, -1)
        moment = np.einsum("vmt,vt->mv", columns, y[rows])
        return gram, box_minimum(gram, moment, family.low, family.high)[0]

    def residual(u: np.ndarray, rows: np.ndarray) -> np.ndarray:
        columns = family.at(u)
        rest: np.ndarray = y[rows] - np.einsum("vmt,mv->vt", columns, amplitudes(columns, rows)[1])
        return rest

    def derivative(u: np.ndarray, rows: np.ndarray) -> np.ndarray:
        columns = family.at(u)
        gram, c = amplitudes(columns, rows)
        steep = np.einsum("vjmt,mv->vjt", family.slopes(u), c)
        # What a change of θ does that free amplitudes would undo is no change (Kaufman's projection).
        is_fixed = touches(family, c)
        undone = np.where(is_fixed[:, None], 0.0, np.einsum("vmt,vjt->mjv", columns, steep))
        shares = np.einsum("mnv,njv->mjv", inverse(without(gram, is_fixed)), undone)
        steep -= np.einsum("vmt,mjv->vjt", columns, np.where(np.isnan(shares), 0.0, shares))
        return np.swapaxes(steep, 1, 2)

    return least_squares(residual, derivative, start, family.axes.u_low, family.axes.u_high)


def _lowest(found: list[Minimum]) -> Minimum:
    """The lowest of some minima of every problem."""
    sse = np.array([np.where(one.has_converged, one.sse, np.inf) for one in found])
    best, voxels = sse.argmin(axis=0), np.arange(sse.shape[1])
    return Minimum(
        np.array([one.x for one in found])[best, voxels],
        np.array([one.sse for one in found])[best, voxels],
        np.isfinite(sse).any(axis=0),
    )


def _better(
    found: list[Minimum], family: Family, search: Dictionary | None, chunk: Chunk
) -> tuple[Minimum, Bool[np.ndarray, " voxels"]]:
    """The lower of two minima, and where the other is as good and elsewhere."""
    if search is None or len(found) == 1:
        return found[0], np.zeros(found[0].sse.size, bool)
    one, two = found
    spacing = (family.axes.u_high - family.axes.u_low) / (np.array(search.shape) - 1)
    is_apart = (np.abs(two.x - one.x) > spacing).any(axis=1) & one.has_converged & two.has_converged
    lower = np.minimum(one.sse, two.sse)
    n_unknowns = family.low.size + family.axes.low.size
    is_ambiguous = is_apart & (np.abs(two.sse - one.sse) <= worth(1, n_unknowns, chunk, lower))
    takes_two = two.has_converged & (~one.has_converged | (two.sse < one.sse))
    best = Minimum(
        np.where(takes_two[:, None], two.x, one.x), np.where(takes_two, two.sse, one.sse),
        one.has_converged | two.has_converged,
    )  # fmt: skip
    return best, is_ambiguous


def _stated(family: Family, shapes: np.ndarray, chunk: Chunk, found: Minimum, is_ambiguous: np.ndarray) -> Solution:
    n_linear = family.low.size
    columns = family.at(found.x)
    gram = np.moveaxis(columns @ np.swapaxes(columns, 1, 2), 0, -1)
    moment = np.einsum("vmt,tv->mv", columns, chunk.y)
    c, explained = box_minimum(gram, moment, family.low, family.high)
    x = np.concatenate([c, family.axes.theta(found.x).T])
    jacobian = slopes_of(family, x)
    is_undetermined = np.zeros(x.shape, bool)
    is_undetermined[n_linear:] = moot(family, shapes, gram, moment, explained, chunk)
    is_at_bound = np.concatenate([touches(family, c), _is_end(family.axes, found.x)])
    return Solution(
        x, found.sse, np.einsum("vti,vtj->ijv", jacobian, jacobian), is_at_bound & ~is_undetermined, is_undetermined,
        is_ambiguous & ~is_undetermined.any(axis=0), found.has_converged,
    )  # fmt: skip
