import numpy as np
import pytest
from scipy.linalg import hadamard

from labelled_head import changed, labelled
from perspect.asl.samples import differences, pairs
from perspect.vocabulary import Labelling, Problem


def labelling(volumes, delays=1.8, durations=1.8, **more):
    n = len(volumes)
    return Labelling(
        "pcasl", tuple(volumes), np.broadcast_to(delays, n) * 1.0, np.broadcast_to(durations, n) * 1.0, **more
    )


def test_a_label_is_taken_from_the_control_of_its_own_delay():
    how = labelling(["control", "label", "label", "control"], [0.5, 0.5, 1.0, 1.0])
    assert pairs(how, np.ones(4, bool)) == [(0, 1), (3, 2)]


def test_a_lost_volume_takes_its_pair_with_it_and_no_other():
    how = labelling(["control", "label"] * 3)
    usable = np.array([True, True, True, False, True, True])
    found = differences(how, np.arange(12.0).reshape(2, 6), usable)
    assert len(found.parts) == 2
    assert all(3 not in part for part in found.parts)


@pytest.mark.parametrize("order", ["control-label", "label-control"])
def test_control_minus_label_is_positive_whatever_the_order(order):
    one = labelled(order=order, noise=0.0)
    found = differences(one.labelling, one.series.values[10:11, 2, 3], np.ones(12, bool))
    assert (found.values > 0).all()


def test_delays_and_durations_of_the_samples_are_those_of_their_volumes():
    how = labelling(["label", "control"] * 3, [2.0, 2.0, 0.5, 0.5, 2.0, 2.0], [2.2, 2.2, 1.8, 1.8, 2.2, 2.2])
    found = differences(how, np.zeros((1, 6)), np.ones(6, bool))
    np.testing.assert_allclose(found.delays, [0.5, 2.0])
    np.testing.assert_allclose(found.durations, [1.8, 2.2])
    np.testing.assert_array_equal(np.bincount(found.sample), [1, 2])


def test_the_mean_of_the_controls_around_a_label_takes_a_linear_drift_out():
    how = labelling(["control", "label"] * 6)
    drift = np.arange(12.0)[None] * 10
    plain = differences(how, drift, np.ones(12, bool)).values
    around = differences(how, drift, np.ones(12, bool), "surround").values
    np.testing.assert_allclose(plain, -10.0)
    np.testing.assert_allclose(around[:, :-1], 0.0, atol=1e-5)


def test_a_series_without_pairs_is_refused():
    with pytest.raises(Problem, match="no pair"):
        differences(labelling(["label"] * 4), np.zeros((1, 4)), np.ones(4, bool))


def encoded(n_cycles=3, noise=0.0, seed=0):
    """Seven blocks of 0.4 s with differences of their own, and a signal that drifts from cycle to cycle."""
    rng = np.random.default_rng(seed)
    true = rng.uniform(1.0, 10.0, (50, 7))
    matrix = hadamard(8).astype(float)
    rows = []
    for cycle in range(n_cycles):
        still = 500.0 + 20.0 * cycle
        rows += [still - (true * (row[1:] < 0)).sum(axis=1) for row in matrix]
    how = labelling(["encoded"] * 8 * n_cycles, 0.3, 0.4, matrix=matrix)
    curves = np.stack(rows, axis=1)
    return how, curves + rng.normal(0.0, noise, curves.shape), true


def test_time_encoded_blocks_are_decoded_exactly_and_have_their_own_delays():
    how, curves, true = encoded()
    found = differences(how, curves, np.ones(24, bool))
    np.testing.assert_allclose(found.delays, 0.3 + 0.4 * np.arange(7))
    for sample in range(7):
        # The last block that is played has the shortest delay.
        np.testing.assert_allclose(found.values[:, found.sample == sample].mean(axis=1), true[:, 6 - sample], rtol=1e-5)


@pytest.mark.parametrize("lost", [(3,), (0, 9, 17)])
def test_missing_encodings_are_solved_around_with_the_noise_that_costs(lost):
    how, curves, true = encoded(n_cycles=4, noise=1.0)
    usable = np.ones(32, bool)
    usable[list(lost)] = False
    curves[:, list(lost)] = 1e6
    found = differences(how, curves, usable)
    error = np.stack([found.values[:, found.sample == s].mean(axis=1) - true[:, 6 - s] for s in range(7)], axis=1)
    whole = differences(*encoded(n_cycles=4, noise=1.0)[:2], np.ones(32, bool))
    noise = np.sqrt(found.variance * 2.0)
    # 350 values tell their scatter to 4 %.
    assert 0.85 < error.std() / noise.mean() < 1.15
    assert found.variance.mean() > whole.variance.mean() / 4


def made(matrix, delays, durations, true):
    """One cycle of encodings of blocks with these times."""
    played = matrix[:, (matrix != matrix[:1]).any(axis=0)]
    curves = 500.0 - true @ ((1.0 - played) / 2.0).T
    n = len(matrix)
    how = labelling(["encoded"] * n, min(delays), 0.4, matrix=matrix, block_delays=delays, block_durations=durations)
    return how, curves


def test_a_matrix_with_more_rows_than_it_needs_is_decoded_with_less_noise():
    true = np.random.default_rng(0).uniform(1.0, 10.0, (20, 3))
    long, square = np.array(hadamard(8), float)[:, :4], np.array(hadamard(4), float)
    times = np.array([1.1, 0.7, 0.3]), np.full(3, 0.4)
    found = [differences(*made(one, *times, true), np.ones(len(one), bool)) for one in (long, square)]
    for one in found:
        np.testing.assert_allclose(one.values, true, rtol=1e-5)
        np.testing.assert_allclose(one.delays[one.sample], times[0])
    np.testing.assert_allclose(found[0].variance, found[1].variance / 2)


@pytest.mark.parametrize(
    "matrix",
    [
        np.array(hadamard(8), float)[[0, 1, 1, 2]],  # too few rows, and one of them twice
        np.array([[1, 1], [-1, -1], [1, 1.0]]),  # two blocks that are always alike
        np.array(hadamard(8), float)[:7],
    ],
)
def test_blocks_that_the_rows_do_not_tell_apart_are_the_callers_mistake(matrix):
    how = labelling(["encoded"] * len(matrix), 0.3, 0.4, matrix=matrix)
    with pytest.raises(Problem, match="apart"):
        differences(how, np.zeros((2, len(matrix))), np.ones(len(matrix), bool))


def test_blocks_of_unequal_length_have_the_delays_that_follow_from_it():
    lasting = np.array([1.8, 0.8, 0.4])
    how, curves = made(np.array(hadamard(4), float), np.array([1.4, 0.6, 0.2]), lasting, np.array([[1.0, 2.0, 3.0]]))
    found = differences(how, curves, np.ones(4, bool))
    np.testing.assert_allclose(found.delays, [0.2, 0.6, 1.4])
    np.testing.assert_allclose(found.durations, lasting[::-1])
    np.testing.assert_allclose(found.values[0][np.argsort(found.sample)], [3.0, 2.0, 1.0])


def test_encoded_volumes_with_delays_of_their_own_are_refused():
    how = labelling(["encoded"] * 4, np.array([0.0, 1.1, 0.7, 0.3]), 0.4, matrix=np.array(hadamard(4), float))
    with pytest.raises(Problem, match="different delays"):
        differences(how, np.zeros((2, 4)), np.ones(4, bool))


def test_volumes_that_are_no_whole_cycles_are_refused():
    how, curves, _ = encoded(n_cycles=1)
    short = changed_volumes(how, 7)
    with pytest.raises(Problem, match="no multiple"):
        differences(short, curves[:, :7], np.ones(7, bool))


def changed_volumes(how, n):
    return Labelling("pcasl", how.volumes[:n], how.delays[:n], how.durations[:n], matrix=how.matrix)


def test_a_scale_of_the_series_is_one_of_its_differences():
    one = labelled(noise=0.0)
    found = differences(one.labelling, one.series.values[10:11, 2, 3], np.ones(12, bool))
    np.testing.assert_allclose(found.times(-2.0).values, -2.0 * found.values)
    assert changed(one, is_crushed=False).labelling.is_crushed is False
