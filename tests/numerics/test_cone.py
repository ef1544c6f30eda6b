import numpy as np

from perspect.numerics.cone import AT_ONCE, cones, is_cone
from perspect.numerics.separable import Axes, Family
from perspect.numerics.small import box_minimum

RANK, NODES, CURVES = 9, 300, 200
RNG = np.random.default_rng(0)
COLUMNS = np.abs(RNG.normal(size=(2, NODES, RANK)))
CURVE = RNG.normal(size=(CURVES, RANK))


def exact(columns, z):
    """In double precision, a node at a time."""
    out = np.empty((len(z), columns.shape[1]))
    n = len(columns)
    for node in range(columns.shape[1]):
        a = columns[:, node]
        gram, moment = np.tile((a @ a.T)[..., None], len(z)), a @ z.T
        out[:, node] = box_minimum(gram, moment, np.zeros(n), np.full(n, np.inf))[1]
    return out


LINES = 12


def searched(columns, z=CURVE):
    """Nodes line by line, as they are searched, back in one row."""
    lines = columns.reshape(len(columns), LINES, -1, RANK)
    surface = cones(lines, np.zeros(lines.shape[1:3], bool)).surface(z.astype(np.float32))
    by_curve = np.moveaxis(surface.reshape(len(surface), -1, surface.shape[-1]), 1, 2)
    return by_curve.reshape(-1, columns.shape[1])[: len(z)]


def close(found, expected):
    # Single precision of numbers as large as the square of a curve.
    np.testing.assert_allclose(found, expected, atol=2e-5 * (CURVE**2).sum(axis=1).max())


def test_two_columns_explain_what_the_best_amplitudes_from_zero_on_do():
    close(searched(COLUMNS), exact(COLUMNS, CURVE))
    # The curves are such that all four cases occur: both amplitudes, either, none.
    assert (searched(COLUMNS) == 0).any()


def test_one_column_explains_its_share_or_nothing():
    close(searched(COLUMNS[:1]), exact(COLUMNS[:1], CURVE))


def test_amplitudes_that_may_be_negative_would_explain_more():
    a = COLUMNS[:, 0]
    free = np.linalg.lstsq(a.T, CURVE.T, rcond=None)[0]
    assert (((free.T @ a) ** 2).sum(axis=1) > searched(COLUMNS)[:, 0] + 1e-3).any()


def test_columns_that_are_alike_count_once_and_columns_of_zeros_not_at_all():
    alike = np.stack([COLUMNS[0], 3.0 * COLUMNS[0]])
    close(searched(alike), exact(COLUMNS[:1], CURVE))
    gone = np.stack([COLUMNS[0], np.zeros_like(COLUMNS[1])])
    close(searched(gone), exact(COLUMNS[:1], CURVE))


def test_a_column_that_is_the_same_on_all_lines_changes_nothing_of_what_is_explained():
    same = COLUMNS.reshape(2, LINES, -1, RANK).copy()
    same[1] = same[1, :1]
    for columns in (same, same[::-1]):
        close(searched(columns.reshape(2, -1, RANK)), exact(columns.reshape(2, -1, RANK), CURVE))


def test_what_is_skipped_explains_nothing():
    lines = COLUMNS.reshape(2, LINES, -1, RANK)
    skipped = np.zeros(lines.shape[1:3], bool)
    skipped[2, 3:] = True
    surface = cones(lines, skipped).surface(np.abs(CURVE).astype(np.float32))[0, ..., :CURVES]
    assert (surface[2, 3:] == 0).all() and (surface[2, :3] > 0).all()


def test_curves_beyond_a_block_are_searched_as_the_first_are():
    many = np.tile(CURVE, (3, 1))
    found = searched(COLUMNS, many)
    assert len(many) > 2 * AT_ONCE
    np.testing.assert_array_equal(found.reshape(3, CURVES, -1), np.broadcast_to(searched(COLUMNS), (3, CURVES, NODES)))


def test_only_amplitudes_from_zero_on_of_columns_that_are_alike_are_a_cone():
    axes = Axes(np.array([0.0]), np.array([1.0]), np.array([False]))

    def family(low, n=2):
        return Family(lambda theta: np.ones((*theta.shape[:-1], n, 5)), axes, np.full(n, low), np.full(n, 9.0))

    assert is_cone(family(0.0), COLUMNS)
    assert not is_cone(family(-1.0), COLUMNS)
    assert not is_cone(family(0.0), np.stack([COLUMNS[0], -COLUMNS[1]]))
    assert not is_cone(family(0.0, 3), np.abs(RNG.normal(size=(3, 4, RANK))))
