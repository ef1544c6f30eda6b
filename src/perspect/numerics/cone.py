r"""What one or two columns with amplitudes that are not negative explain of many curves, at many nodes at once.

Two columns of unit length with $g = a_1^T a_2 \geq 0$ span a plane in which the amplitudes allow a cone of at most a
right angle. The part of a curve in that plane has the coordinates $t_1 = a_1^T z$ and $t_2 = q^T z$ along $a_1$ and
across it, $b_2 = a_2^T z$ along the other edge and $n$ across that, towards the inside. With $[x] = \max(x, 0)$ the
nearest point of the cone explains

$$\max\left([b_2]^2,\; [t_1]^2 + [t_2]^2 - [-n]^2\right)$$

exactly, wherever the curve lies. All four are products of matrices; the rest is three sums.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32

from perspect.numerics.parallel import spans
from perspect.numerics.separable import Family

_TOGETHER = 1e-5
"""Columns that are apart by a smaller sine are one, as single precision sees them."""

_NODES, _VOXELS = 160, 128
"""Nodes and curves that are worked on together, so that four numbers of each stay in the second-level cache."""

_NOTHING = np.zeros(_NODES * _VOXELS, np.float32)


@dataclass(frozen=True, eq=False)
class Cone:
    """Nodes as a search in single precision sees them: vectors whose products with a curve are all it needs.

    `vectors` are $a_1$, $q$, $-n$ and $a_2$ of all nodes; of one column $a_1$ alone.
    """

    vectors: Float32[np.ndarray, "kinds rank nodes"]

    @property
    def n_nodes(self) -> int:
        """How many there are."""
        return int(self.vectors.shape[2])

    def explained(self, z: Float32[np.ndarray, "voxels rank"]) -> Float32[np.ndarray, "voxels nodes"]:
        """How much of the sum of squares of every curve every node explains."""
        out = np.empty((z.shape[0], self.n_nodes), np.float32)
        for nodes in self._blocks():
            inside = np.ascontiguousarray(self.vectors[:, :, nodes])
            work = np.empty((len(inside), min(_VOXELS, z.shape[0]), inside.shape[2]), np.float32)
            for some in spans(z.shape[0], _VOXELS):
                moments = work[:, : len(z[some])]
                np.matmul(z[some], inside, out=moments)
                out[some, nodes] = _nearest(moments)
        return out

    def surface(self, z: Float32[np.ndarray, "voxels rank"]) -> Float32[np.ndarray, "nodes voxels"]:
        """The same, voxels trailing: what is then done with all nodes of a curve runs along the voxels."""
        out = np.empty((self.n_nodes, z.shape[0]), np.float32)
        for nodes in self._blocks():
            inside = self.vectors[:, :, nodes].swapaxes(1, 2)
            work = np.empty((inside.shape[0], inside.shape[1], min(_VOXELS, z.shape[0])), np.float32)
            for some in spans(z.shape[0], _VOXELS):
                moments = work[..., : len(z[some])]
                np.matmul(inside, z[some].T, out=moments)
                out[nodes, some] = _nearest(moments)
        return out

    def _blocks(self) -> list[slice]:
        """The nodes in parts of like size."""
        parts = -(-self.n_nodes // _NODES)
        return spans(self.n_nodes, -(-self.n_nodes // parts))


def _nearest(moments: Float32[np.ndarray, "kinds one other"]) -> Float32[np.ndarray, "one other"]:
    """What the nearest point of the cone explains, in place; with an array of zeros the maximum is taken five times as
    fast as with the number (measured).
    """
    np.maximum(moments, _NOTHING[: moments[0].size].reshape(moments[0].shape), out=moments)
    np.multiply(moments, moments, out=moments)
    if len(moments) == 1:
        return np.asarray(moments[0])
    total = moments[0]
    total += moments[1]
    total -= moments[2]
    return np.asarray(np.maximum(total, moments[3], out=total))


def is_cone(family: Family, columns: Float[np.ndarray, "linear nodes rank"]) -> bool:
    """Whether a family is one of those: amplitudes from 0 on, of columns that are alike rather than opposed."""
    if len(columns) > 2 or (family.low != 0).any():
        return False
    return len(columns) == 1 or bool((np.einsum("nr,nr->n", columns[0], columns[1]) >= 0).all())


def vectors_of(columns: Float[np.ndarray, "linear nodes rank"]) -> Float32[np.ndarray, "kinds nodes rank"]:
    """What `Cone` needs of every node. A column of zeros explains nothing."""
    length = np.sqrt(np.einsum("inr,inr->in", columns, columns))
    unit = columns / np.where(length > 0, length, 1.0)[..., None]
    if len(columns) == 1:
        return unit.astype(np.float32)
    one, other = unit
    g = np.einsum("nr,nr->n", one, other)[:, None]
    across = other - g * one
    sine = np.sqrt(np.einsum("nr,nr->n", across, across))[:, None]
    is_apart = sine > _TOGETHER
    across = np.where(is_apart, across / np.where(is_apart, sine, 1.0), 0.0)
    inward = np.where(is_apart, sine * one - g * across, 0.0)
    return np.stack([one, across, -inward, other]).astype(np.float32)


def cone(vectors: Float32[np.ndarray, "kinds nodes rank"]) -> Cone:
    """The search of these nodes."""
    return Cone(np.ascontiguousarray(np.swapaxes(vectors, 1, 2)))
