"""Partial volume: signals of everything pure, computed once, become images by one sparse product."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from perspect.phantom.kinds import Kinds
from perspect.phantom.patient import Part
from perspect.vocabulary import Grid


@dataclass(frozen=True, eq=False)
class Varieties:
    """Signals of a kind may differ from place to place, by slice or by flip angle: which of `n` a voxel has.

    Each voxel blends one or two of them: `which` with `weight`.
    """

    n: int
    which: Int[np.ndarray, "ways voxels"]
    weight: Float[np.ndarray, "ways voxels"]


def alike(grid: Grid) -> Varieties:
    """All voxels show a kind alike."""
    n = int(np.prod(grid.shape))
    return Varieties(1, np.zeros((1, n), np.int32), np.ones((1, n), np.float32))


def by_slice(grid: Grid) -> Varieties:
    """A variety to each slice."""
    per_slice = grid.shape[0] * grid.shape[1]
    which = np.repeat(np.arange(grid.shape[2], dtype=np.int32), per_slice)[None]
    return Varieties(grid.shape[2], which, np.ones(which.shape, np.float32))


def by_value(values: Float[np.ndarray, " voxels"], nodes: Float[np.ndarray, " nodes"]) -> Varieties:
    """Linear between the varieties at evenly spaced `nodes`."""
    at = np.clip((values - nodes[0]) / (nodes[1] - nodes[0]), 0.0, nodes.size - 1.000001)
    low = at.astype(np.int32)
    share = (at - low).astype(np.float32)
    return Varieties(nodes.size, np.stack([low, low + 1]), np.stack([1.0 - share, share]))


def blended(varieties: Varieties, share: Float[np.ndarray, " voxels"]) -> Varieties:
    """Each variety split in two, without and with something, of which a voxel has `share`."""
    which = np.concatenate([2 * varieties.which, 2 * varieties.which + 1])
    weight = np.concatenate([varieties.weight * (1.0 - share), varieties.weight * share])
    return Varieties(2 * varieties.n, which, weight.astype(np.float32))


def mixing(
    parts: tuple[Part, ...], kinds: Kinds, varieties: Varieties, gain: Float[np.ndarray, " voxels"]
) -> sparse.csr_array:
    """The matrix that takes signals of (variety, kind) to those of voxels, times a gain for each voxel."""
    rows, columns, weights = [], [], []
    for part in parts:
        if part.compartment not in kinds.compartments:
            continue
        first = kinds.of(part.compartment).start
        fraction = part.fraction * gain[part.inside]
        for which, weight in zip(varieties.which, varieties.weight, strict=True):
            rows.append(part.inside.astype(np.int32))
            columns.append(which[part.inside] * np.int32(kinds.n) + (part.level + np.int32(first)))
            weights.append(fraction * weight[part.inside])
    shape = (gain.size, varieties.n * kinds.n)
    if not rows:
        return sparse.csr_array(shape, dtype=np.float32)
    entries = (np.concatenate(weights).astype(np.float32), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.coo_array(entries, shape=shape).tocsr()
