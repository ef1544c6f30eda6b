"""Separable models as the numerics see them: columns over a range of θ, with bounded amplitudes."""

import numpy as np
from jaxtyping import Bool, Float

from perspect.fit.solution import Chunk, worth
from perspect.models.base import Model, Separable
from perspect.numerics.separable import Axes, Family, slopes
from perspect.numerics.small import box_minimum
from perspect.vocabulary.quantity import Quantity


def axes_of(model: Model, quantities: tuple[Quantity, ...]) -> Axes:
    """The ranges of some parameters of a model."""
    low, high = np.array([model.bounds(quantity) for quantity in quantities], np.float64).T
    return Axes(low, high, np.array([quantity.spacing == "log" for quantity in quantities]))


def family_of(model: Separable) -> Family:
    """The columns of a model, over the ranges of its parameters."""
    low, high = np.array([model.bounds(quantity) for quantity in model.linear], np.float64).T
    return Family(model.atoms, axes_of(model, model.nonlinear), low, high)


def slopes_of(family: Family, x: Float[np.ndarray, "unknowns voxels"]) -> Float[np.ndarray, "voxels time unknowns"]:
    """Derivatives of the signal along amplitudes and θ."""
    c, u = x[: family.low.size], family.axes.u(x[family.low.size :].T)

    def signal(u: Float[np.ndarray, "voxels nonlinear"]) -> Float[np.ndarray, "voxels time"]:
        weighed: np.ndarray = np.einsum("vmt,mv->vt", family.at(u), c)
        return weighed

    steep = slopes(signal, u, family.axes.u_low, family.axes.u_high) / family.axes.stretch(u)[:, None, :]
    return np.concatenate([np.swapaxes(family.at(u), 1, 2), steep], axis=-1)


def touches(family: Family, c: Float[np.ndarray, "linear voxels"]) -> Bool[np.ndarray, "linear voxels"]:
    """Which amplitudes stand at a bound."""
    return (c <= family.low[:, None]) | (c >= family.high[:, None])


def moot(
    family: Family,
    shapes: Bool[np.ndarray, "nonlinear linear"],
    gram: Float[np.ndarray, "linear linear voxels"],
    moment: Float[np.ndarray, "linear voxels"],
    explained: Float[np.ndarray, " voxels"],
    chunk: Chunk,
    rows: np.ndarray | None = None,
    doubt: float = 1.0,
) -> Bool[np.ndarray, "nonlinear voxels"]:
    """Which θ have no meaning: where the data are explained as well without the atoms that a θ `shapes`, to so many
    times what can be told apart as `doubt` says.

    An atom whose amplitude may not be zero is never without meaning. `rows` are the voxels of the chunk, if not all.
    """
    out = np.zeros((len(shapes), explained.size), bool)
    square = chunk.square if rows is None else chunk.square[rows]
    n_unknowns = family.low.size + family.axes.low.size
    for one, atoms in zip(out, shapes, strict=True):
        if (family.low[atoms] > 0).any() or (family.high[atoms] < 0).any():
            continue
        rest = np.flatnonzero(~atoms)
        fewer = box_minimum(gram[np.ix_(rest, rest)], moment[rest], family.low[rest], family.high[rest])[1]
        # With these atoms go all θ that shape nothing else.
        n_theta = int((~(shapes & ~atoms).any(axis=1)).sum())
        least = worth(int(atoms.sum()) + n_theta, n_unknowns, chunk, square - explained, rows)
        one[:] = explained - fewer <= doubt * least
    return out
