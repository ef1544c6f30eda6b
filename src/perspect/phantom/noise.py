"""Smooth randomness over space: how one head differs from the next, and tissue from place to place."""

import numpy as np
from jaxtyping import Float, Float32

Shape = tuple[int, int, int]


def smooth_noise(shape: Shape, spacing: float, rng: np.random.Generator) -> Float32[np.ndarray, "x y z"]:
    """A Gaussian field of mean 0 and variance 1 in every voxel: random control points every `spacing` voxels.

    Cubic B-splines join the points, so that details are about two spacings wide. It costs three matrix products.
    """
    bases = [_splines(n, spacing) for n in shape]
    points = rng.standard_normal([basis.shape[1] for basis in reversed(bases)], dtype=np.float32)
    across = points @ bases[0].T
    along = np.matmul(bases[1], across)
    up = bases[2] @ along.reshape(along.shape[0], -1)
    return np.asarray(up.reshape(shape[2], shape[1], shape[0]).T)


def _splines(n: int, spacing: float) -> Float32[np.ndarray, "voxels points"]:
    """What each control point weighs in each voxel; the squares of a voxel's weights add up to 1."""
    at = np.arange(n)[:, None] / spacing + 1.0
    away = np.abs(at - np.arange(int(np.ceil((n - 1) / spacing)) + 4)[None, :])
    near = 2.0 / 3.0 - away**2 + away**3 / 2.0
    far = np.maximum(2.0 - away, 0.0) ** 3 / 6.0
    weights = np.where(away < 1.0, near, far)
    return np.asarray(weights / np.sqrt((weights**2).sum(axis=1, keepdims=True)), np.float32)


def uniform(field: Float[np.ndarray, "x y z"]) -> Float32[np.ndarray, "x y z"]:
    """A field of variance 1 as one that is spread evenly between 0 and 1 (logistic form of the normal distribution).

    Bowling et al. 2009, doi:10.3926/jiem.2009.v2n1.p114-127
    """
    return np.asarray(1.0 / (1.0 + np.exp(-field * (1.5976 + 0.070565 * field * field))), np.float32)
