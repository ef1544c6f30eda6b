import random
from dataclasses import replace
from itertools import pairwise
from math import nan
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import TREATED, TUMOUR, found
from perspect.evidence import Case, Known, Side, Word, calibrate, question, refusals, weigh
from perspect.evidence.calibrate import area, best_cut
from perspect.vocabulary import Problem

RECURRENCE = question("recurrence")
MEANS = {True: 3.0, False: 1.4}


def cohort(n=60, seed=0, means=MEANS, **facts):
    """Patients of either outcome whose rCBV is normally distributed with a standard deviation of 0.6."""
    rng = random.Random(seed)
    return tuple(
        Known(f"{k:03d}", {"rcbv_mean": rng.gauss(means[k % 2 == 0], 0.6)}, k % 2 == 0, {**TREATED.facts, **facts})
        for k in range(2 * n)
    )


@pytest.fixture(scope="module")
def own():
    return calibrate(RECURRENCE, cohort(), "the hospital", "1.0")


def test_a_cut_off_lies_between_the_groups_and_its_interval_holds_the_best_one(own):
    (one,) = own.markers
    # Of two normal distributions of one width the best cut-off is half-way: 2.2.
    assert one.direction == "high"
    assert one.cutoff_low <= 2.2 <= one.cutoff_high
    assert 1.4 < one.cutoff_low <= one.cutoff <= one.cutoff_high < 3.0


def test_the_area_under_the_curve_is_that_of_the_distributions(own):
    (one,) = own.markers
    truth = NormalDist().cdf((3.0 - 1.4) / (0.6 * 2**0.5))
    assert one.auc_low <= truth <= one.auc_high


def test_a_marker_of_pure_chance_feeds_no_verdict_however_good_it_looks_where_it_was_chosen():
    # Over 20 cohorts in which nothing differs the interval of the area may miss 0.5 in one or two.
    found_useful = [
        calibrate(RECURRENCE, cohort(20, seed, {True: 2.0, False: 2.0}), "x", "1").markers[0] for seed in range(20)
    ]
    assert sum(not one.why_not for one in found_useful) <= 3
    assert abs(sum(one.auc for one in found_useful) / 20 - 0.5) < 0.08
    # The same values judged by a cut-off that was chosen on themselves look informative: that is what is avoided.
    assert sum(one.sensitivity.value + one.specificity.value for one in found_useful) / 20 < 1.1


def test_a_marker_that_is_lower_in_the_target_is_calibrated_downwards():
    low = calibrate(RECURRENCE, cohort(means={True: 1.0, False: 3.0}), "x", "1").markers[0]
    assert low.direction == "low"
    assert low.cutoff_low <= 2.0 <= low.cutoff_high


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=12), st.lists(st.floats(-5, 5), min_size=2, max_size=12))
@settings(max_examples=50, deadline=None)
def test_the_area_is_the_share_of_pairs_in_the_right_order(target, other):
    pairs = [(a > b) + 0.5 * (a == b) for a in target for b in other]
    assert area(target, other) == pytest.approx(sum(pairs) / len(pairs))
    assert area(target, other) + area(other, target) == pytest.approx(1.0)


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=9), st.lists(st.integers(-5, 5), min_size=1, max_size=9))
@settings(max_examples=50, deadline=None)
def test_no_other_cut_off_parts_a_cohort_better(target, other):
    def gain(cut):
        return sum(one > cut for one in target) / len(target) - sum(one > cut for one in other) / len(other)

    there = sorted({*target, *other})
    between = [0.5 * (a + b) for a, b in pairwise(there)]
    if between:
        assert gain(best_cut(target, other, "high")) == pytest.approx(max(map(gain, between)))


def test_too_few_patients_get_no_cut_off():
    with pytest.raises(Problem, match="10 patients of either outcome"):
        calibrate(RECURRENCE, cohort(9), "x", "1")


def test_patients_of_whom_the_question_must_not_be_asked_are_named():
    untreated = replace(cohort()[3], facts={**TREATED.facts, "treated": False})
    assert refusals(RECURRENCE, cohort()) == ()
    assert refusals(RECURRENCE, (*cohort(), untreated))[0].startswith("003: This question is about treated lesions")


def test_an_answer_that_rests_on_the_sites_own_cut_offs_is_not_called_exploratory(own):
    said = "not validated for this pipeline"
    one = (found("rcbv_mean", 6.0),)
    assert not any(said in limit for limit in weigh(RECURRENCE, one, TREATED, site=own, version="1.0").limits)
    assert any(said in limit for limit in weigh(RECURRENCE, one, TREATED, site=own, version="1.1").limits)
    # Of three families only one is calibrated here.
    assert any(said in limit for limit in weigh(RECURRENCE, TUMOUR, TREATED, site=own, version="1.0").limits)


def test_the_sites_own_cut_off_stands_in_for_the_published_one(own):
    shifted = calibrate(RECURRENCE, cohort(means={True: 9.0, False: 7.0}), "x", "1.0")
    value = (found("rcbv_mean", 5.0),)
    assert weigh(RECURRENCE, value, TREATED).side is Side.FOR
    assert weigh(RECURRENCE, value, TREATED, site=shifted, version="1.0").side is Side.AGAINST
    primary = weigh(RECURRENCE, value, TREATED, site=own, version="1.0").families[0].primary
    assert primary.row.reference == "the hospital, own cohort of 120 patients"


def test_a_cut_off_is_not_cited_for_a_series_taken_otherwise_than_the_cohorts(own):
    otherwise = Case({**TREATED.facts, "dsc.has_preload": False})
    answer = weigh(RECURRENCE, (found("rcbv_mean", 6.0),), otherwise, site=own, version="1.0")
    assert answer.word is Word.INSUFFICIENT
    assert "agent was given before the imaged bolus: no, not yes" in answer.sentence


def test_a_calibration_does_not_let_one_value_say_more_than_leans(own):
    for value in (0.0, 1e6, nan):
        answer = weigh(RECURRENCE, (found("rcbv_mean", value, 0.01),), TREATED, site=own, version="1.0")
        assert answer.word.strength <= Word.LEANS.strength


def test_a_cut_off_of_another_version_is_grey_with_the_reason_and_says_nothing():
    high = calibrate(RECURRENCE, cohort(means={True: 9.0, False: 7.0}), "x", "1.0")
    value = (found("rcbv_mean", 5.0),)
    answer = weigh(RECURRENCE, value, TREATED, site=high, version="1.1")
    # By the site's cut-off of 8 this is treatment effect; by the published ones it is tumour.
    assert answer.side is Side.FOR
    (grey,) = (one for one in answer.readings if one.row.level == "own")
    assert grey.failed == ("the version of perspect: 1.1, not 1.0",)
    assert (grey.objects, grey.doubts) == (frozenset(), frozenset())
    assert any("cut-off for rCBV is not used: the version of perspect: 1.1" in limit for limit in answer.limits)


def test_a_cut_off_found_with_other_choices_of_the_analysis_is_grey():
    own = calibrate(RECURRENCE, cohort(**{"dsc.plan": "aaaa"}), "x", "1.0")
    value = (found("rcbv_mean", 6.0),)
    for plan, level in (("aaaa", "own"), ("bbbb", "meta")):
        answer = weigh(RECURRENCE, value, Case({**TREATED.facts, "dsc.plan": plan}), site=own, version="1.0")
        assert answer.families[0].primary.row.level == level


def test_a_cohort_of_several_pipelines_is_not_calibrated():
    mixed = (*cohort(20, software="1.0"), *cohort(20, seed=1, software="1.1"))
    with pytest.raises(Problem, match=r"version of perspect of 0\d\d and of 0\d\d differ"):
        calibrate(RECURRENCE, mixed, "x", "1.1")


def test_a_marker_that_is_useless_here_is_read_by_published_cut_offs_and_that_is_said():
    useless = calibrate(RECURRENCE, cohort(60, 3, {True: 2.0, False: 2.0}), "x", "1.0")
    assert useless.markers[0].why_not
    answer = weigh(RECURRENCE, (found("rcbv_mean", 6.0),), TREATED, site=useless, version="1.0")
    assert answer.families[0].primary.row.level != "own"
    assert any("gives no cut-off for rCBV (it does not tell the outcomes" in limit for limit in answer.limits)


def test_how_dsc_was_taken_is_no_condition_on_a_spectrum():
    patients = tuple(
        replace(one, values={**one.values, "cho_naa": one.values["rcbv_mean"]}) for one in cohort()
    )  # fmt: skip
    rows = calibrate(RECURRENCE, patients, "x", "1.0").rows("active tumour")
    assert {one.fact for one in rows["cho_naa"].conditions} >= {"mrs.te", "software"}
    assert not any(one.fact.startswith("dsc.") for one in rows["cho_naa"].conditions)
    assert any(one.fact.startswith("dsc.") for one in rows["rcbv_mean"].conditions)
