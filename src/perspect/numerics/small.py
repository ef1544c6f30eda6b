"""Small symmetric systems, one per voxel, solved elementwise: the indices lead, the voxels trail.

Written so because LAPACK is called once per matrix, and a 3 x 3 matrix is then twenty times slower (measured).
"""

import numpy as np
from jaxtyping import Bool, Float

from perspect.numerics.columns import taken

COLLINEAR = 1e-11
"""A column is no column of its own when the others explain all but this share of its square."""


def inverse(matrix: Float[np.ndarray, "k k *voxels"]) -> Float[np.ndarray, "k k *voxels"]:
    """Inverse of symmetric positive definite matrices; all NaN where the columns are linearly dependent.

    Gauss-Jordan by sweeps (Goodnight 1979, doi:10.1080/00031305.1979.10482685): the pivot of a column is what the
    columns before it leave unexplained, so the test for dependence needs no scale.
    """
    k = matrix.shape[0]
    if k == 2:
        return _inverse_of_two(matrix)
    if k == 3:
        return _inverse_of_three(matrix)
    work = np.array(matrix, np.float64)
    diagonal = np.stack([matrix[i, i] for i in range(k)])
    is_regular = np.ones(work.shape[2:], bool)
    for i in range(k):
        pivot = work[i, i].copy()
        is_independent = pivot > COLLINEAR * diagonal[i]
        is_regular &= is_independent
        column = work[:, i].copy()
        row = column / np.where(is_independent, pivot, 1.0)
        work -= column[:, None] * row[None]
        work[i, :] = work[:, i] = row
        work[i, i] = -1.0 / np.where(is_independent, pivot, 1.0)
    return np.where(is_regular, -work, np.nan)


def _inverse_of_two(matrix: Float[np.ndarray, "2 2 *voxels"]) -> Float[np.ndarray, "2 2 *voxels"]:
    a, b, d = matrix[0, 0], matrix[0, 1], matrix[1, 1]
    product = a * d
    determinant = product - b * b
    is_regular = (determinant > COLLINEAR * product) & (a > 0)
    scale = np.divide(1.0, determinant, out=np.full_like(determinant, np.nan), where=is_regular)
    out = np.empty(matrix.shape)
    out[0, 0], out[1, 1] = d * scale, a * scale
    out[0, 1] = out[1, 0] = -b * scale
    return out


def _inverse_of_three(matrix: Float[np.ndarray, "3 3 *voxels"]) -> Float[np.ndarray, "3 3 *voxels"]:
    """The same pivots as by sweeps, in the order of the columns, without what a sweep does to zeros and ones."""
    a, b, c, d, e, f = (matrix[i, j] for i, j in ((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)))
    is_regular = a > 0
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        one = 1.0 / a
        ab, ac = b * one, c * one
        second = d - ab * b
        is_regular = is_regular & (second > COLLINEAR * d)
        two, rest = 1.0 / second, e - ab * c
        de = rest * two
        third = f - ac * c - de * rest
        is_regular &= third > COLLINEAR * f
        three = 1.0 / third
        far = ab * de - ac
        out = np.empty(matrix.shape)
        out[2, 2], out[1, 2], out[0, 2] = three, -de * three, far * three
        out[1, 1], out[0, 1] = two - de * out[1, 2], -ab * two - far * de * three
        out[0, 0] = one + ab * ab * two + far * out[0, 2]
    out[1, 0], out[2, 0], out[2, 1] = out[0, 1], out[0, 2], out[1, 2]
    if not is_regular.all():
        out[..., ~is_regular] = np.nan
    return out


def without(
    matrix: Float[np.ndarray, "k k *voxels"], left_out: Bool[np.ndarray, "k *voxels"]
) -> Float[np.ndarray, "k k *voxels"]:
    """The matrix with the rows and columns that are left out replaced by those of the identity."""
    if not left_out.any():
        return matrix
    cleared = np.where(left_out[:, None] | left_out[None], 0.0, matrix)
    for i in range(matrix.shape[0]):
        cleared[i, i] = np.where(left_out[i], 1.0, matrix[i, i])
    return cleared


def times(
    matrix: Float[np.ndarray, "i j *voxels"], vector: Float[np.ndarray, "j *voxels"]
) -> Float[np.ndarray, "i *voxels"]:
    """Matrix times vector in every voxel."""
    if matrix.shape[1] == 0:
        return np.zeros((matrix.shape[0], *vector.shape[1:]))
    product: Float[np.ndarray, "i *voxels"] = matrix[:, 0] * vector[0]
    for j in range(1, vector.shape[0]):
        product += matrix[:, j] * vector[j]
    return product


def box_minimum(
    gram: Float[np.ndarray, "m m voxels"],
    moment: Float[np.ndarray, "m voxels"],
    low: Float[np.ndarray, " m"],
    high: Float[np.ndarray, " m"],
) -> tuple[Float[np.ndarray, "m voxels"], Float[np.ndarray, " voxels"]]:
    """Amplitudes within their bounds that explain most of the data, and how much of its sum of squares they explain.

    With `gram` = AᵀA and `moment` = Aᵀy, the sum of squares is |y|² less what is explained, 2cᵀ·moment - cᵀ·gram·c.
    Exact: where the free solution leaves the box, the best one lies on a face through which it left.
    """
    m = moment.shape[0]
    if m == 0:
        return moment.copy(), np.zeros(moment.shape[1:])
    if m == 1:
        g = gram[0, 0]
        c = np.clip(np.divide(moment[0], g, out=np.zeros_like(moment[0]), where=g > 0), low[0], high[0])
        return c[None], c * (2.0 * moment[0] - g * c)
    c = times(inverse(gram), moment)
    explained = (c * moment).sum(axis=0)
    is_singular = np.isnan(explained)
    explained[is_singular] = -np.inf
    is_outside = is_singular | ((c < low[:, None]) | (c > high[:, None])).any(axis=0)
    if not is_outside.any():
        return c, explained
    free = taken(c, is_outside)
    explained[is_outside] = -np.inf
    at = np.flatnonzero(is_outside)
    for i in range(m):
        rest = [j for j in range(m) if j != i]
        for edge, left in ((low[i], free[i] < low[i]), (high[i], free[i] > high[i])):
            rows = at[left | is_singular[at]]
            if rows.size == 0:
                continue
            inner, outer = taken(gram, rows), taken(moment, rows)
            shifted = outer[rest] - inner[rest, i] * edge
            others, gain = box_minimum(inner[np.ix_(rest, rest)], shifted, low[rest], high[rest])
            gain = gain + edge * (2.0 * outer[i] - inner[i, i] * edge)
            is_better = gain > explained[rows]
            rows = rows[is_better]
            explained[rows] = gain[is_better]
            c[i, rows] = edge
            for j, other in zip(rest, others, strict=True):
                c[j, rows] = other[is_better]
    return c, explained
