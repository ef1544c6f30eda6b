from math import nan

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from cases import found
from perspect.evidence import ROWS, Side, row
from perspect.evidence.dependence import band, joint, post_test, ratio, together
from perspect.evidence.likelihood import Rates, beyond, clear_side, effective, rates, side_of, spread
from perspect.evidence.row import Cutoff, of_counts, pair_of_auc

DSC, MRS = Rates(0.84, 0.22), Rates(0.88, 0.14)


def test_the_probability_beyond_a_range_is_the_mean_of_those_beyond_its_cutoffs():
    one = row("rec.dsc.rcbvmean.patel2017")
    value = found("rcbv_mean", 2.0)
    cuts = np.linspace(one.cutoff.low, one.cutoff.high, 2001)
    wanted = np.trapezoid(norm.cdf((2.0 - cuts) / spread(value)), cuts) / (cuts[-1] - cuts[0])
    assert beyond(value, one) == pytest.approx(wanted, abs=1e-6)


def test_a_value_stands_no_surer_than_it_would_repeat():
    assert spread(found("rcbv_mean", 2.0, 0.01)) == pytest.approx(0.62)
    assert spread(found("rcbv_mean", 2.0, 0.9)) == 0.9
    assert spread(found("cho_naa", 1.0, 0.07)) == 0.07


def test_a_low_marker_points_the_other_way():
    one = row("rec.adc.vandijken2017")
    assert beyond(found("adc_solid", 0.7, 0.01), one) == pytest.approx(1.0, abs=1e-6)
    assert beyond(found("adc_solid", 2.0, 0.01), one) == pytest.approx(0.0, abs=1e-6)


def test_nothing_known_has_no_probability():
    assert np.isnan(beyond(found("rcbv_mean", nan, nan), row("rec.dsc.fu2022")))


def test_a_soft_threshold_brings_the_ratio_of_a_doubtful_value_towards_one():
    law = Rates(0.95, 0.425)
    assert effective(1.0, law) == pytest.approx(2.24, abs=0.01)
    assert effective(0.65, law) == pytest.approx(
        0.65 * 0.95 / (0.65 * 0.425 + 0.35 * 0.575) + 0.35 * 0.05 / (0.65 * 0.425 + 0.35 * 0.575)
    )
    assert effective(0.5, law) == pytest.approx(1.0)


def test_swapping_the_sides_inverts_the_ratio():
    for chance in (0.0, 0.1, 0.4, 1.0):
        one = effective(chance, Rates(0.9, 0.2))
        other = effective(1 - chance, Rates(1 - 0.2, 1 - 0.9))
        assert one == pytest.approx(1 / other)


def test_a_band_holds_every_dependence_and_every_end_of_the_studies():
    some = [(Rates(0.7, 0.3), DSC, Rates(0.9, 0.15)), (Rates(0.8, 0.24), MRS, Rates(0.95, 0.07))]
    for chances in ([1.0, 1.0], [1.0, 0.0], [0.9, 0.2]):
        low, high = band(some, chances)
        for rho in (0.2, 0.4, 0.6, 0.8, 0.95, None):
            for ends in ((0, 0), (0, 2), (2, 0), (2, 2), (1, 1)):
                rates_there = [one[end] for one, end in zip(some, ends, strict=True)]
                assert low <= ratio(rates_there, chances, rho) * (1 + 1e-9)
                assert ratio(rates_there, chances, rho) <= high * (1 + 1e-9)


def test_a_value_stands_clear_only_where_its_interval_clears_the_whole_range():
    one = row("rec.dsc.rcbvmean.patel2017")
    assert beyond(found("rcbv_mean", 2.75), one) > 0.9
    assert clear_side(found("rcbv_mean", 2.75), one) is Side.NEITHER
    assert clear_side(found("rcbv_mean", 3.7), one) is Side.FOR
    assert clear_side(found("rcbv_mean", 0.6), one) is Side.AGAINST


def test_a_value_that_is_not_clear_takes_a_side_where_its_likelihood_ratio_is_two():
    one = row("rec.dsc.rcbvmean.patel2017")
    for value, side in ((2.75, Side.FOR), (1.6, Side.NEITHER), (0.95, Side.AGAINST)):
        assert side_of(found("rcbv_mean", value), one) is side
        assert clear_side(found("rcbv_mean", value), one) is Side.NEITHER
        ratio = effective(beyond(found("rcbv_mean", value), one), rates(one)[1])
        assert (ratio >= 2) == (side is Side.FOR)
        assert (ratio <= 0.5) == (side is Side.AGAINST)


@pytest.mark.parametrize("correlation", [0.0, 0.2, 0.4, 0.8])
def test_joint_probabilities_are_those_of_a_bivariate_normal(correlation):
    marks = norm.ppf([0.84, 0.88])
    wanted = multivariate_normal(mean=[0, 0], cov=[[1, correlation], [correlation, 1]]).cdf(marks)
    assert joint((0.84, 0.88), (True, True), correlation) == pytest.approx(wanted, abs=1e-4)


def test_joint_probabilities_of_all_patterns_sum_to_one():
    patterns = [(a, b, c) for a in (0, 1) for b in (0, 1) for c in (0, 1)]
    shares = (0.84, 0.88, 0.3)
    assert sum(joint(shares, tuple(bool(x) for x in one), 0.35) for one in patterns) == pytest.approx(1, abs=1e-8)
    assert sum(together(shares, tuple(bool(x) for x in one)) for one in patterns) == pytest.approx(1)


def test_the_table_of_dependence_is_that_of_the_literature_review():
    for rho, both, one_way, other_way, neither in (
        (0.0, 24, 0.53, 1.29, 0.029), (0.4, 12.4, 0.48, 1.49, 0.062), (0.8, 7.5, 0.34, 2.35, 0.110),
    ):  # fmt: skip
        found_ratios = [ratio([DSC, MRS], chances, rho) for chances in ([1, 1], [1, 0], [0, 1], [0, 0])]
        assert found_ratios == pytest.approx([both, one_way, other_way, neither], rel=0.03)


def test_two_families_under_full_dependence_are_hardly_more_than_the_better_one():
    assert ratio([DSC, MRS], [1.0, 1.0], None) == pytest.approx(0.84 / 0.14)


def test_a_band_holds_the_single_ratio_and_widens_with_the_study():
    low, high = band([rates(row("rec.mrs.chonaa.zhang2014"))], [1.0])
    assert low < rates(row("rec.mrs.chonaa.zhang2014"))[1].positive < high
    assert band([], []) == (1.0, 1.0)


def test_a_printed_ratio_below_what_the_pair_implies_holds():
    assert rates(row("abs.dwi.meta2014"))[1].positive == pytest.approx(4.13)
    assert rates(row("abs.adc.reddy2006"))[1].positive == pytest.approx(0.96 / 0.04, rel=0.01)


def test_an_interval_that_dips_below_chance_says_nothing_rather_than_the_opposite():
    assert all(one.positive >= 1 >= one.negative for each in ROWS if each.may_feed for one in rates(each))


def test_wilson_and_auc_have_their_textbook_values():
    assert (of_counts(0.5, 10).low, of_counts(0.5, 10).high) == pytest.approx((0.2366, 0.7634), abs=1e-4)
    assert pair_of_auc(norm.cdf(2 / np.sqrt(2)), 50)[0].value == pytest.approx(norm.cdf(1.0))


def test_odds_are_multiplied():
    assert post_test(0.5, 6.0) == pytest.approx(6 / 7)


def test_a_cutoff_cannot_run_backwards():
    with pytest.raises(ValueError, match="backwards"):
        Cutoff(2.0, 1.0, "nowhere")
