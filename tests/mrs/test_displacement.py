"""Where the voxel of each molecule is."""

import numpy as np
import pytest

from perspect.mrs.contralateral import quotient
from perspect.mrs.displacement import RESONANCES, Selection, displaced, displacement_flags, in_common
from perspect.vocabulary import Amount, Problem, Status

VOXEL = np.diag([20.0, 20.0, 20.0, 1.0])


def moved(ppm, carrier=4.65, bandwidths=(2000.0, 2000.0, 2000.0), frequency=127.7e6):
    return displaced(VOXEL, ppm, frequency, Selection(bandwidths, carrier))[:3, 3]


def test_what_resonates_at_the_carrier_is_where_it_was_planned():
    np.testing.assert_array_equal(moved(2.01, carrier=2.01), 0)


def test_boxes_of_lactate_and_inositol_lie_apart_by_the_ratio_of_offset_and_bandwidth():
    """Along the directions that pulses select; nowhere else."""
    apart = moved(1.31, bandwidths=(1200, np.inf, np.inf)) - moved(3.52, bandwidths=(1200, np.inf, np.inf))
    np.testing.assert_allclose(apart, [(3.52 - 1.31) * 127.7 / 1200 * 20, 0, 0])


def test_a_gradient_that_points_back_moves_the_box_back():
    np.testing.assert_allclose(moved(2.01, bandwidths=(2000, -2000, 2000)), moved(2.01) * [1, -1, 1])


def test_half_the_bandwidth_or_twice_the_field_doubles_the_displacement():
    np.testing.assert_allclose(moved(2.01, bandwidths=(1000, 1000, 1000)), 2 * moved(2.01))
    np.testing.assert_allclose(moved(2.01, frequency=2 * 127.7e6), 2 * moved(2.01))


def test_a_difference_of_a_whole_bandwidth_is_a_whole_voxel_and_nothing_in_common():
    """1000 Hz at 100 MHz are 10 ppm."""
    box = displaced(VOXEL, -5.35, 100e6, Selection((1000.0, 5000.0, 5000.0), 4.65))
    assert box[0, 3] == pytest.approx(20.0) and in_common(VOXEL, box) == 0


def test_molecules_that_share_less_than_half_of_their_place_are_remarked_on():
    def boxes(bandwidth):
        selection = Selection((bandwidth,) * 3, 3.0)
        return {name: displaced(VOXEL, ppm, 127.7e6, selection) for name, ppm in RESONANCES.items()}

    assert displacement_flags(boxes(5000.0)) == ()
    assert [flag.code for flag in displacement_flags(boxes(700.0))] == ["displaced-voxels"]


def test_a_bandwidth_of_nothing_is_no_pulse():
    with pytest.raises(Problem, match="Bandwidths"):
        Selection((0.0, 1000.0, 1000.0), 4.65)


def amount(value, std):
    return Amount("x", value, std, 0.0, 0.0, "mmol/kg", Status.OK, bool(value > 3 * std))


def test_a_quotient_covers_the_truth_as_often_as_it_says():
    """One-sided limits of 95 %: each holds in 95 of 100, here of 4000 draws (three standard errors: 1 %)."""
    rng = np.random.default_rng(0)
    pairs = zip(rng.normal(6, 0.6, 4000), rng.normal(3, 0.5, 4000), strict=True)
    found = [quotient("x", amount(a, 0.6), amount(b, 0.5), 1.0) for a, b in pairs]
    assert np.mean([one.lower < 2 for one in found]) == pytest.approx(0.95, abs=0.011)
    assert np.mean([one.upper > 2 for one in found]) == pytest.approx(0.95, abs=0.011)


def test_over_nothing_there_is_a_bound_and_no_value():
    found = quotient("x", amount(6.0, 0.5), amount(0.1, 0.2), 1.0)
    assert np.isnan(found.value) and found.lower > 6 and found.upper == np.inf
