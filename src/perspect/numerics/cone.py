r"""What one or two columns with amplitudes that are not negative explain of many curves, at many nodes at once.

Two columns of unit length with $g = a_1^T a_2 \geq 0$ span a plane in which the amplitudes allow a cone of at most a
right angle. The part of a curve in that plane has the coordinates $t_1 = a_1^T z$ and $t_2 = q^T z$ along $a_1$ and
across it, $b_2 = a_2^T z$ along the other edge and $n$ across that, towards the inside. With $[x] = \max(x, 0)$ the
nearest point of the cone explains

$$\max\left([b_2]^2,\; [t_1]^2 + [t_2]^2 - [-n]^2\right)$$

exactly, wherever the curve lies. All four are products of matrices; the rest is three sums.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Float32, Int

from perspect.numerics.parallel import spans
from perspect.numerics.separable import Family

_TOGETHER = 1e-5
"""Columns that are apart by a smaller sine are one, as single precision sees them."""

AT_ONCE: Final = 256
"""Curves that are worked on together, so that four numbers of each node stay in the second-level cache."""

_NOTHING = np.zeros(1 << 17, np.float32)


@dataclass(frozen=True, eq=False)
class Cones:
    """Nodes, line by line, as a search in single precision sees them: vectors whose products with a curve are all it
    needs.

    `first` are $a_1$, of one line alone where it is the same on all of them, `across` are $q$ (none of one column),
    with the `cosine` g and the `sine` of the angle between the columns. What is `skipped` explains nothing.
    """

    first: Float32[np.ndarray, "some_nodes rank"]
    across: Float32[np.ndarray, "nodes rank"] | None
    cosine: Float32[np.ndarray, "lines places 1"]
    sine: Float32[np.ndarray, "lines places 1"]
    skipped: Int[np.ndarray, " some"]

    def surface(self, z: Float32[np.ndarray, "voxels rank"]) -> Float32[np.ndarray, "blocks lines places curves"]:
        """How much of the sum of squares of every curve every node explains, in blocks of `AT_ONCE` curves; the last is
        filled up with curves of which nothing is explained.
        """
        n_blocks, (lines, places) = -(-len(z) // AT_ONCE), self.cosine.shape[:2]
        padded = np.zeros((n_blocks * AT_ONCE, z.shape[1]), np.float32)
        padded[: len(z)] = z
        out = np.empty((n_blocks, lines, places, AT_ONCE), np.float32)
        space = np.empty((2, lines, places, AT_ONCE), np.float32)
        for block, here in zip(padded.reshape(n_blocks, AT_ONCE, -1), out, strict=True):
            flat = np.ascontiguousarray(block.T)
            one = (self.first @ flat).reshape(-1, places, AT_ONCE)
            if self.across is None:
                _raised(one)
                np.multiply(one, one, out=here)
            else:
                np.matmul(self.across, flat, out=here.reshape(-1, AT_ONCE))
                self._nearest(one, here, *space)
            here.reshape(-1, AT_ONCE)[self.skipped] = 0.0
        return out

    def _nearest(self, one: np.ndarray, other: np.ndarray, beyond: np.ndarray, space: np.ndarray) -> None:
        """What the nearest point of each cone explains, in place of the part across the first column, by that and the
        part along it.
        """
        # Where the first column alone would do harm, only the second one helps.
        line, place, curve = np.nonzero(one < 0)
        is_one = len(one) == 1
        at, angle = (
            (np.s_[:, place, curve], np.s_[:, place]) if is_one else (np.s_[line, place, curve], np.s_[line, place])
        )
        if place.size:
            edge = self.cosine[..., 0][angle] * one[line, place, curve] + self.sine[..., 0][angle] * other[at]
        np.multiply(other, self.cosine, out=beyond)
        np.multiply(one, self.sine, out=space)
        beyond -= space
        _raised(beyond)
        beyond *= beyond
        _raised(other)
        other *= other
        other -= beyond
        _raised(one)
        one *= one
        other += one
        if place.size:
            other[at] = np.maximum(edge, 0.0) ** 2


def _raised(x: Float32[np.ndarray, "*any"]) -> Float32[np.ndarray, "*any"]:
    """To zero at least, in place; with an array of zeros the maximum is taken five times as fast as with the number
    (measured).
    """
    flat = x.reshape(-1)
    for some in spans(flat.size, _NOTHING.size):
        np.maximum(flat[some], _NOTHING[: flat[some].size], out=flat[some])
    return x


def is_cone(family: Family, columns: Float[np.ndarray, "linear nodes rank"]) -> bool:
    """Whether a family is one of those: amplitudes from 0 on, of columns that are alike rather than opposed."""
    if len(columns) > 2 or (family.low != 0).any():
        return False
    return len(columns) == 1 or bool((np.einsum("nr,nr->n", columns[0], columns[1]) >= 0).all())


def cones(columns: Float[np.ndarray, "linear lines places rank"], skipped: Bool[np.ndarray, "lines places"]) -> Cones:
    """The search of these nodes. A column of zeros explains nothing."""
    n, lines, places, rank = columns.shape
    length = np.sqrt(np.einsum("ilpr,ilpr->ilp", columns, columns))[..., None]
    unit = columns / np.where(length > 0, length, 1.0)
    is_same = [bool((one == one[:1]).all()) for one in unit]
    unit = unit[::-1] if n == 2 and is_same[1] and not is_same[0] else unit
    first = (unit[0, :1] if max(is_same) else unit[0]).reshape(-1, rank).astype(np.float32)
    away = np.flatnonzero(skipped)
    if n == 1:
        nothing = np.zeros((lines, places, 1), np.float32)
        return Cones(unit[0].reshape(-1, rank).astype(np.float32), None, nothing, nothing, away)
    cosine = np.einsum("lpr,lpr->lp", unit[0], unit[1])[..., None]
    across = unit[1] - cosine * unit[0]
    sine = np.sqrt(np.einsum("lpr,lpr->lp", across, across))[..., None]
    is_apart = sine > _TOGETHER
    across = np.where(is_apart, across / np.where(is_apart, sine, 1.0), 0.0)
    return Cones(
        first, across.reshape(-1, rank).astype(np.float32), cosine.astype(np.float32), sine.astype(np.float32), away
    )
