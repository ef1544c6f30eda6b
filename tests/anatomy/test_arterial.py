import numpy as np
import pytest

from perspect.anatomy.arterial import away_from_edge, earliest_shape, find, first_moment, width_at_half
from perspect.vocabulary import Grid

TIMES = 1.5 * np.arange(60)
PASS = slice(12, 34)


def passage(onset, height, rise, tail=0.08):
    x = np.maximum(TIMES - onset, 0) / rise
    return height * ((x * np.exp(1 - x)) ** 3 + tail * (1 - np.exp(-x / 2)))


def made(n_tissue=900, n_artery=25, n_vein=60, noise=0.5, seed=0):
    rng = np.random.default_rng(seed)
    tissue = [passage(22 + rng.uniform(0, 2), rng.uniform(3, 9), 6.5) for _ in range(n_tissue)]
    artery = [passage(19.5 + rng.uniform(0, 0.5), rng.uniform(25, 60), 3.5) for _ in range(n_artery)]
    vein = [passage(25 + rng.uniform(0, 1), rng.uniform(30, 70), 6.0) for _ in range(n_vein)]
    curves = np.array(tissue + artery + vein)
    kind = np.repeat([0, 1, 2], [n_tissue, n_artery, n_vein])
    return (curves + rng.normal(0, noise, curves.shape)).astype(np.float32), kind


def test_the_input_is_arterial_and_neither_tissue_nor_vein():
    curves, kind = made()
    found = find(curves, np.full(kind.size, 0.5), np.ones(kind.size, bool), TIMES, PASS)
    assert (kind[found.voxels] == 1).mean() > 0.9
    assert found.lead > 1.0
    assert found.width < 8


def test_the_same_data_give_the_same_voxels():
    curves, kind = made()
    noise, allowed = np.full(kind.size, 0.5), np.ones(kind.size, bool)
    one, two = (find(curves, noise, allowed, TIMES, PASS) for _ in range(2))
    np.testing.assert_array_equal(one.voxels, two.voxels)


def test_voxels_that_are_not_allowed_are_not_used():
    """Of two halves of the arteries one is forbidden: the other is found, and only that."""
    curves, kind = made(n_artery=60)
    allowed = np.ones(kind.size, bool)
    allowed[np.flatnonzero(kind == 1)[::2]] = False
    found = find(curves, np.full(kind.size, 0.5), allowed, TIMES, PASS)
    assert found is not None
    assert allowed[found.voxels].all()


def test_where_nothing_is_arterial_there_is_no_input():
    curves, kind = made(n_artery=0, n_vein=0, noise=2.0)
    assert find(curves, np.full(kind.size, 2.0), np.ones(kind.size, bool), TIMES, PASS) is None
    assert find(curves, np.full(kind.size, 2.0), np.zeros(kind.size, bool), TIMES, PASS) is None


def test_a_curve_that_leaks_is_no_artery():
    curves, kind = made(n_vein=0)
    leaking = np.tile(passage(19.5, 60, 3.5, tail=0.7), (40, 1)).astype(np.float32)
    everything = np.concatenate([curves, leaking])
    found = find(everything, np.full(len(everything), 0.5), np.ones(len(everything), bool), TIMES, PASS)
    assert found.voxels.max() < kind.size


def test_moment_and_width_are_those_of_a_gaussian():
    curve = np.exp(-0.5 * ((TIMES - 30) / 5) ** 2)
    assert first_moment(curve[None], TIMES)[0] == pytest.approx(30.0, abs=1e-3)
    assert width_at_half(curve, TIMES) == pytest.approx(5 * 2.3548, rel=0.01)
    assert np.isnan(width_at_half(TIMES, TIMES))


def test_the_cluster_with_the_lowest_moment_is_chosen():
    curves, kind = made(n_tissue=100, n_artery=40, n_vein=0, noise=0.1)
    passing = curves[:, PASS]
    shapes = passing / passing.sum(axis=1, keepdims=True)
    chosen = earliest_shape(shapes, first_moment(passing, TIMES[PASS]))
    assert (kind[chosen] == 1).all()


def test_the_edge_is_left_out_within_each_slice():
    mask = np.zeros((12, 12, 2), bool)
    mask[2:10, 2:10] = True
    inner = away_from_edge(mask, Grid(mask.shape, np.diag([1.5, 1.5, 5, 1])))
    assert inner[5, 5].all()
    assert not inner[3].any()
