from dataclasses import replace
from itertools import permutations
from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cases import EFFECT, TREATED, TUMOUR, UNTREATED, found
from perspect.evidence import QUESTIONS, Case, Word, question, weigh
from perspect.evidence.side import Side
from perspect.evidence.weigh import _verdict
from perspect.evidence.words import sentence
from perspect.vocabulary import Family, Flag, Severity, marker

RECURRENCE = question("recurrence")

values = st.one_of(st.floats(0.0, 1e6), st.just(inf), st.just(nan))
VARIED = ("rcbv_mean", "cho_naa", "adc_solid", "rcbv_hot")
markers = st.sampled_from(VARIED)
sets = st.lists(st.tuples(markers, st.floats(0.01, 20.0), st.floats(0.0, 2.0)), max_size=6)


def made(some):
    return tuple(found(key, value, std) for key, value, std in some)


def test_three_families_that_agree_are_concordant_for_either_side():
    for findings, side in ((TUMOUR, Side.FOR), (EFFECT, Side.AGAINST)):
        answer = weigh(RECURRENCE, findings, TREATED)
        assert (answer.word, answer.side) == (Word.CONCORDANT, side)
        assert set(answer.families_for) == {"vascularity", "metabolism", "cellularity"}


def test_one_family_alone_leans_at_most_and_says_so():
    for one in (*TUMOUR, *EFFECT):
        answer = weigh(RECURRENCE, [one], TREATED)
        assert answer.word is Word.LEANS
        assert "rests on one family" in answer.sentence


@given(values)
@settings(deadline=None)
def test_no_single_value_however_extreme_says_more_than_leans(value):
    for key in VARIED:
        assert weigh(RECURRENCE, [found(key, value, 0.01)], TREATED).word.strength <= Word.LEANS.strength


@given(values, st.sampled_from(range(3)))
@settings(deadline=None)
def test_no_single_value_turns_a_concordant_answer_to_the_other_side(value, at):
    for findings in (TUMOUR, EFFECT):
        before = weigh(RECURRENCE, findings, TREATED)
        changed = [found(one.marker.key, value) if i == at else one for i, one in enumerate(findings)]
        after = weigh(RECURRENCE, changed, TREATED)
        assert after.side in (before.side, Side.NEITHER)


@given(sets, st.sampled_from(range(6)), st.floats(0.01, 20.0), st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_trap_never_strengthens_an_answer(findings, at, free, is_flagged):
    findings = made(findings)
    if at >= len(findings):
        return
    flag = Flag("vessel", Severity.LIMITED, "A vessel is in the region.")
    hit = findings[at]
    # A trap leaves the value as it is (or as it is without the trapped voxels), and says so.
    trapped = found(
        hit.marker.key, free, hit.std, held=hit.value, free=free, flags=[flag] if is_flagged else []
    )  # fmt: skip
    before = weigh(RECURRENCE, findings, TREATED)
    after = weigh(RECURRENCE, [trapped if i == at else one for i, one in enumerate(findings)], TREATED)
    assert after.word.strength <= before.word.strength or after.word is Word.DISCORDANT
    assert after.side in (before.side, Side.NEITHER)


@given(sets)
@settings(deadline=None)
def test_taking_a_supporting_family_away_never_strengthens_an_answer(findings):
    findings = made(findings)
    before = weigh(RECURRENCE, findings, TREATED)
    if before.side is Side.NEITHER:
        return
    for family in before.families_for:
        after = weigh(RECURRENCE, [one for one in findings if one.marker.family is not family], TREATED)
        assert after.word.strength <= before.word.strength


@given(sets)
@settings(max_examples=50, deadline=None)
def test_order_and_repetition_of_findings_do_not_matter(findings):
    findings = made(findings)
    answer = repr(weigh(RECURRENCE, findings, TREATED))
    assert repr(weigh(RECURRENCE, [*findings, *findings], TREATED)) == answer
    for order in list(permutations(findings))[:6]:
        assert repr(weigh(RECURRENCE, order, TREATED)) == answer


def test_a_discordant_pair_is_never_averaged():
    answer = weigh(RECURRENCE, [TUMOUR[0], EFFECT[1]], TREATED)
    assert (answer.word, answer.side) == (Word.DISCORDANT, Side.NEITHER)
    assert answer.hinges_on == ("vascularity", "metabolism")
    assert "For features of active tumour: vascularity." in answer.sentence
    assert (answer.ratio_low, answer.ratio_high, answer.curve) == (1.0, 1.0, ())
    assert (answer.families_for, answer.families_against) == (("vascularity",), ("metabolism",))


def test_one_family_against_three_leaves_a_lean_but_not_against_two():
    vote = weigh(RECURRENCE, TUMOUR, TREATED).families[0]
    dissent = replace(vote, side=Side.AGAINST, objects=frozenset({Side.AGAINST}), doubts=frozenset({Side.AGAINST}))
    assert _verdict([vote, vote, dissent]) == (Word.DISCORDANT, Side.NEITHER)
    assert _verdict([vote, vote, vote, dissent]) == (Word.LEANS, Side.FOR)
    assert _verdict([vote, vote, vote, dissent, dissent]) == (Word.DISCORDANT, Side.NEITHER)


def test_a_trapped_marker_loses_its_vote_but_not_its_objection():
    vessel = Flag("vessel", Severity.LIMITED, "A vessel is in the region.")
    objecting = found("rcbv_mean", 5.0, held=5.0, free=4.9, flags=[vessel])
    answer = weigh(RECURRENCE, [objecting, *EFFECT[1:]], TREATED)
    assert answer.word is Word.DISCORDANT
    supporting = weigh(RECURRENCE, [objecting, TUMOUR[1]], TREATED)
    assert supporting.word is Word.LEANS
    assert supporting.families_for == ("metabolism",)
    assert "vascularity" in supporting.families_unusable


def test_a_value_that_rests_on_trapped_voxels_supports_nothing():
    answer = weigh(RECURRENCE, [found("rcbv_mean", 5.0, held=5.0, free=0.5)], TREATED)
    assert answer.word is Word.INSUFFICIENT
    assert "rests on trapped voxels" in answer.sentence


def test_an_undetected_denominator_is_a_bound_that_can_support_but_not_oppose():
    assert weigh(RECURRENCE, [found("cho_naa", 2.0, nan, above=True)], TREATED).side is Side.FOR
    assert weigh(RECURRENCE, [found("cho_naa", 0.1, nan, above=True)], TREATED).side is Side.NEITHER


def test_a_value_in_the_grey_zone_takes_no_side():
    assert weigh(RECURRENCE, [found("rcbv_mean", 1.5)], TREATED).word is Word.INSUFFICIENT


@pytest.mark.parametrize("missing", ["treated", "radiotherapy_days", "antiangiogenic"])
def test_recurrence_is_refused_where_the_treatment_is_not_on_record(missing):
    case = Case({name: fact for name, fact in TREATED.facts.items() if name != missing})
    answer = weigh(RECURRENCE, TUMOUR, case)
    assert answer.word is Word.REFUSED
    assert "on record" in answer.sentence


def test_grade_is_refused_for_a_treated_lesion():
    assert weigh(question("grade"), TUMOUR, TREATED).word is Word.REFUSED


def test_an_abscess_without_diffusion_is_not_answered():
    for others in ([found("amino_acids", 0.99, 0.0)], [found("adc_solid", 1.0), found("swi_dual_rim", 1.0, 0.0)]):
        answer = weigh(question("abscess"), others, UNTREATED)
        assert answer.word is Word.INSUFFICIENT
        assert "DWI" in answer.sentence


def test_an_answer_that_is_stopped_takes_no_side_anywhere():
    no_dates = Case({name: fact for name, fact in TREATED.facts.items() if name != "radiotherapy_days"})
    for answer in (
        weigh(RECURRENCE, TUMOUR, no_dates), weigh(question("abscess"), [found("swi_dual_rim", 1.0, 0.0)], UNTREATED),
    ):  # fmt: skip
        assert answer.readings == ()
        assert {one.side for one in answer.families} == {Side.NEITHER}
        assert (answer.curve, answer.ratio_low, answer.ratio_high) == ((), 1.0, 1.0)
        assert (answer.families_for, answer.families_against) == ((), ())


@given(sets)
@settings(max_examples=40, deadline=None)
def test_the_ratio_reaches_to_the_side_of_the_verdict_and_stands_on_it_where_no_family_is_grey(findings):
    answer = weigh(RECURRENCE, made(findings), TREATED)
    if answer.word is not Word.CONCORDANT:
        return
    is_clear = all(one.side is answer.side for one in answer.families if one.family not in answer.families_unusable)
    low, high = answer.ratio_low, answer.ratio_high
    if answer.side is Side.AGAINST:
        low, high = 1 / high, 1 / low
    assert high > 1
    assert low > 1 or not is_clear


@given(sets, st.sampled_from(["dsc.class", "dsc.leakage_corrected", "dsc.has_preload"]))
@settings(deadline=None)
def test_a_worse_protocol_never_strengthens_an_answer(findings, fact):
    findings = made(findings)
    worse = Case({**TREATED.facts, fact: "poor" if fact == "dsc.class" else False})
    before, after = weigh(RECURRENCE, findings, TREATED), weigh(RECURRENCE, findings, worse)
    assert after.word.strength <= before.word.strength or after.word is Word.DISCORDANT
    assert after.side in (before.side, Side.NEITHER)


def test_within_90_days_of_radiotherapy_nothing_is_concordant():
    answer = weigh(RECURRENCE, TUMOUR, Case({**TREATED.facts, "radiotherapy_days": 40.0}))
    assert answer.word is Word.LEANS
    assert any("pseudoprogression" in one for one in answer.limits)


def test_a_poor_protocol_takes_a_vote_away_but_not_an_objection():
    poor = Case({**TREATED.facts, "dsc.class": "poor"})
    answer = weigh(RECURRENCE, [TUMOUR[0], *EFFECT[1:]], poor)
    assert answer.word is Word.DISCORDANT
    assert "vascularity" in answer.families_unusable
    assert weigh(RECURRENCE, TUMOUR[:1], poor).word is Word.INSUFFICIENT


def test_a_row_about_another_kind_of_patient_neither_supports_nor_opposes():
    child = Case({**TREATED.facts, "adult": False})
    assert weigh(RECURRENCE, TUMOUR, child).word is Word.INSUFFICIENT


def test_a_row_that_hardly_says_anything_objects_to_nothing():
    low = [found("rcbv_mean", 0.6), found("ktrans_median", 0.001)]
    assert weigh(question("grade"), low, UNTREATED).word is Word.CONCORDANT
    assert weigh(question("grade"), [*low, found("cho_cr", 1.3)], UNTREATED).word is Word.CONCORDANT


def test_lymphoma_is_not_asked_of_a_lesion_that_does_not_enhance():
    flat = Case({**UNTREATED.facts, "enhancing": False})
    assert weigh(question("lymphoma"), [found("rcbv_mean", 0.9), found("adc_solid", 0.6)], flat).word is Word.REFUSED


def test_rows_that_were_not_read_in_the_source_feed_no_verdict():
    for one in QUESTIONS:
        for case in (TREATED, UNTREATED):
            answer = weigh(one, [found("cho_naa_rim", 9.0), found("cho_cr_rim", 9.0), found("glx_cr", 9.0)], case)
            assert answer.word.strength == 0


def test_dsc_and_asl_are_one_family_and_count_once():
    answer = weigh(question("grade"), [found("rcbv_mean", 5.0), found("rcbf_asl", 5.0)], UNTREATED)
    assert answer.word is Word.LEANS


MASS = question("metastasis-or-glioma")


def test_two_families_of_one_series_lean_however_clear_they_are():
    glioma = [found("rcbv_rim", 3.0), found("psr_mean", 90.0)]
    answer = weigh(MASS, glioma, UNTREATED)
    assert all(one.is_clear for one in answer.families if one.family in answer.families_for)
    assert (len(answer.families_for), answer.word, answer.side) == (2, Word.LEANS, Side.FOR)
    assert "All of that was measured in one series (DSC)." in answer.sentence
    # The same two from two series would be concordant: it is the series that holds the word back.
    votes = [one for one in answer.families if one.side is Side.FOR]
    other = replace(found("rcbv_rim", 3.0), marker=replace(marker("rcbv_rim"), measured_by="asl"))
    apart = replace(votes[0], primary=replace(votes[0].primary, finding=other))
    assert _verdict(votes)[0] is Word.LEANS
    assert _verdict([apart, votes[1]])[0] is Word.CONCORDANT


def test_recovery_of_the_signal_decides_where_blood_volume_around_the_mass_lies_between_published_cutoffs():
    between = found("rcbv_rim", 1.18, 0.1)
    assert weigh(MASS, [between], UNTREATED).word is Word.INSUFFICIENT
    for recovery, side in ((80.0, Side.FOR), (55.0, Side.AGAINST)):
        answer = weigh(MASS, [between, found("psr_mean", recovery)], UNTREATED)
        assert (answer.word, answer.side) == (Word.LEANS, side)


def test_recovery_of_the_signal_without_preload_supports_nothing():
    bare = Case({**UNTREATED.facts, "dsc.has_preload": False})
    assert weigh(MASS, [found("psr_mean", 90.0)], bare).word is Word.INSUFFICIENT
    assert weigh(MASS, [found("psr_mean", 55.0), found("rcbv_rim", 3.0)], bare).word is Word.DISCORDANT


def test_markers_of_one_family_that_contradict_each_other_take_no_side():
    answer = weigh(question("grade"), [found("rcbv_mean", 5.0), found("rcbf_asl", 0.3)], UNTREATED)
    assert answer.word is Word.INSUFFICIENT
    assert "contradict" in answer.sentence


def test_every_answer_by_published_cutoffs_says_that_they_are_not_validated_here():
    assert any("not validated for this pipeline" in one for one in weigh(RECURRENCE, TUMOUR, TREATED).limits)


def test_a_flag_that_refuses_the_study_refuses_the_answer():
    flag = Flag("motion", Severity.REFUSED, "The head moved through the bolus.")
    answer = weigh(RECURRENCE, TUMOUR, TREATED, [flag])
    assert (answer.word, answer.sentence) == (Word.REFUSED, "The head moved through the bolus.")


def test_the_curve_assumes_no_prior_and_holds_its_range():
    curve = weigh(RECURRENCE, TUMOUR, TREATED).curve
    assert [round(p, 1) for p, _, _ in curve] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert all(p < low <= high < 1 for p, low, high in curve)


def test_what_was_not_measured_is_said_with_what_would_measure_it():
    answer = weigh(question("grade"), [], UNTREATED)
    assert answer.word is Word.INSUFFICIENT
    assert "vascularity: not measured, it would need ASL or DSC" in answer.sentence
    assert "permeability: not measured, it would need DCE" in answer.sentence
    assert "conventional" not in answer.sentence


def test_two_families_that_are_not_clear_of_their_cutoffs_lean_only():
    near = [found("rcbv_mean", 2.9), found("cho_naa", 0.75, 0.12)]
    answer = weigh(RECURRENCE, near, TREATED)
    assert (answer.word, answer.side) == (Word.LEANS, Side.FOR)
    assert "Metabolism and vascularity are not clear of their cut-offs." in answer.sentence or (
        "Vascularity and metabolism are not clear of their cut-offs." in answer.sentence
    )


LEANS_AGAINST = found("adc_solid", 1.45, 0.1)
"""Beyond the middle of the cut-off's range (1.2 to 1.4), and not clear of its upper end."""


def test_a_family_that_only_leans_the_other_way_keeps_an_answer_from_concordance_and_does_not_turn_it():
    clear = [found("rcbv_mean", 5.0), found("cho_naa", 3.0)]
    assert weigh(RECURRENCE, clear, TREATED).word is Word.CONCORDANT
    assert weigh(RECURRENCE, [LEANS_AGAINST], TREATED).side is Side.AGAINST
    answer = weigh(RECURRENCE, [*clear, LEANS_AGAINST], TREATED)
    assert (answer.word, answer.side) == (Word.LEANS, Side.FOR)


def test_families_that_only_lean_to_different_sides_are_discordant():
    assert weigh(RECURRENCE, [found("rcbv_mean", 2.75)], TREATED).side is Side.FOR
    answer = weigh(RECURRENCE, [found("rcbv_mean", 2.75), LEANS_AGAINST], TREATED)
    assert answer.word is Word.DISCORDANT


def test_a_refused_series_that_a_question_cannot_do_without_refuses_the_answer():
    spoilt = {"mrs": "MRS must not be interpreted (a.nii.gz): no line stands out of the noise."}
    idh = question("idh")
    assert weigh(idh, [], UNTREATED).word is Word.INSUFFICIENT
    answer = weigh(idh, [], UNTREATED, refused=spoilt)
    assert answer.word is Word.REFUSED
    assert answer.sentence.endswith("no line stands out of the noise.")


def test_a_refused_series_refuses_only_where_nothing_else_can_answer():
    spoilt = {"dsc": "DSC must not be interpreted (a.nii.gz): there is no bolus."}
    assert weigh(RECURRENCE, [], TREATED, refused=spoilt).word is Word.REFUSED
    assert weigh(RECURRENCE, [TUMOUR[1]], TREATED, refused=spoilt).word is Word.LEANS
    assert weigh(RECURRENCE, [], TREATED, refused={"asl": "ASL must not be interpreted."}).word is Word.INSUFFICIENT


def test_several_families_disagree_in_the_plural():
    vote = weigh(RECURRENCE, TUMOUR, TREATED)
    said = [
        sentence(RECURRENCE, replace(vote, word=Word.LEANS, families_against=against), ()).sentence
        for against in ((Family.CELLULARITY,), (Family.CELLULARITY, Family.NECROSIS))
    ]
    assert "Cellularity disagrees." in said[0]
    assert "Cellularity and necrosis disagree." in said[1]
