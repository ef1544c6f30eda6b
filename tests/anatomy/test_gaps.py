import numpy as np

import moving_head
from perspect.anatomy import gaps
from perspect.numerics import rigid

ON = moving_head.grid((12, 10, 8), (2.0, 3.0, 5.0))
SHAPE = ON.shape[::-1]


def with_gap(values, at, what=np.nan):
    out = values.astype(np.float32)
    out[at] = what
    return out


def template(weight=1.0):
    reference = np.random.default_rng(1).uniform(1, 2, SHAPE).astype(np.float32)
    points = np.array(np.nonzero(np.ones(SHAPE, bool)))
    return points, rigid.template(reference, points, rigid.Space(np.eye(3), np.zeros(3)), tuple(range(6)))


def test_a_volume_that_is_finite_has_no_gaps_and_is_not_touched():
    volume = np.ones(SHAPE, np.float32)
    assert gaps.found(volume) is None
    assert gaps.filled(volume, None, volume) is volume


def test_the_mean_of_volumes_is_over_what_is_finite():
    volumes = [with_gap(np.full(SHAPE, level), (0, 0, at)) for at, level in enumerate((1.0, 2.0, 6.0))]
    volumes = [with_gap(volume, (1, 1, 1)) for volume in volumes]
    mean = gaps.mean(SHAPE, iter(volumes))
    np.testing.assert_allclose(mean[0, 0, :4], [4.0, 3.5, 1.5, 3.0], rtol=1e-6)
    assert mean[1, 1, 1] == 0


def test_a_gap_is_filled_with_the_reference_as_bright_as_the_volume():
    reference = np.random.default_rng(0).uniform(1, 2, SHAPE).astype(np.float32)
    for what in (np.nan, np.inf, -np.inf):
        volume = with_gap(0.4 * reference, (3, 4, 5), what)
        found = gaps.found(volume)
        assert found.sum() == 1
        np.testing.assert_allclose(gaps.filled(volume, found, reference), 0.4 * reference, rtol=1e-5)


def test_points_within_six_millimetres_of_a_gap_take_no_part():
    points, given = template()
    missing = gaps.found(with_gap(np.ones(SHAPE), (4, 5, 6)))
    closed = gaps.around(missing, np.ones(SHAPE, np.float32), ON)
    left = gaps.without(given, points, closed)
    out = points[:, left.weight == 0]
    np.testing.assert_array_equal(out.min(axis=1), [3, 3, 3])
    np.testing.assert_array_equal(out.max(axis=1), [5, 7, 9])


def test_background_that_is_missing_in_every_volume_closes_nothing():
    reference = np.ones(SHAPE, np.float32)
    reference[:, :, :4] = 0
    missing = gaps.found(with_gap(np.ones(SHAPE), np.s_[:, :, :4]))
    assert not gaps.around(missing, reference, ON).any()


def test_a_template_keeps_its_points_where_too_few_would_be_left():
    points, given = template()
    assert gaps.without(given, points, np.ones(SHAPE, bool)) is given


def test_a_gap_moves_with_the_volume():
    missing = np.zeros(SHAPE, bool)
    missing[2:4, 3:6, 4:8] = True
    shift = np.eye(4)
    shift[:3, 3] = [2, 1, -1]
    expected = np.zeros(ON.shape, bool)
    expected[2:6, 2:5, 3:5] = True
    np.testing.assert_array_equal(gaps.moved(missing, shift), expected)
