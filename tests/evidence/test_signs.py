"""What is seen or not seen: signs, probabilities, and molecules at the edge of detection."""

from dataclasses import replace

import pytest

from cases import UNTREATED, found
from perspect.evidence import Case, Side, Word, question, row, weigh
from perspect.evidence.likelihood import clear_side, side_of

ABSCESS = question("abscess")
CASE = Case({**UNTREATED.facts, "mrs.te": 0.144})
FREE, RESTRICTED = found("adc_cavity", 2.0, 0.05), found("adc_cavity", 0.5, 0.02)
AMINO = row("abs.mrs.lai2002")


def acids(probability, std=0.0):
    return found("amino_acids", probability, std)


def test_the_absence_of_amino_acids_is_no_evidence_against_an_abscess():
    answer = weigh(ABSCESS, [FREE, acids(0.0)], CASE)
    assert (answer.word, answer.side, answer.families_for) == (Word.LEANS, Side.AGAINST, ("cellularity",))
    alone = weigh(ABSCESS, [RESTRICTED, acids(0.0)], CASE)
    assert (alone.word, alone.side) == (Word.LEANS, Side.FOR)
    # Nor does it lower what diffusion says.
    without = weigh(ABSCESS, [RESTRICTED], CASE)
    assert (alone.ratio_low, alone.ratio_high) == (without.ratio_low, without.ratio_high)
    # A row that spoke both ways would make tumour concordant of one family and an absence.
    assert side_of(acids(0.0), replace(AMINO, speaks="both")) is Side.AGAINST
    assert side_of(acids(0.0), AMINO) is Side.NEITHER


def test_their_presence_and_restricted_diffusion_agree():
    assert weigh(ABSCESS, [RESTRICTED, acids(1.0)], CASE).word is Word.CONCORDANT


def test_their_presence_stands_against_free_diffusion():
    assert weigh(ABSCESS, [FREE, acids(1.0)], CASE).word is Word.DISCORDANT


@pytest.mark.parametrize(("probability", "clear"), [(0.55, False), (0.8, False), (0.95, True)])
def test_a_probability_is_clear_only_where_it_says_so_itself(probability, clear):
    assert (clear_side(acids(probability), AMINO) is Side.FOR) is clear
    word = weigh(ABSCESS, [RESTRICTED, acids(probability)], CASE).word
    assert word is (Word.CONCORDANT if clear else Word.LEANS)


def test_a_sign_that_a_reader_saw_leans_and_makes_nothing_concordant():
    seen = found("swi_dual_rim", 1.0, 0.0)
    answer = weigh(ABSCESS, [RESTRICTED, seen], CASE)
    assert (answer.word, answer.side) == (Word.LEANS, Side.FOR)
    assert set(answer.families_for) == {"cellularity", "conventional"}
    assert weigh(ABSCESS, [FREE, seen], CASE).word.strength <= Word.LEANS.strength


IDH, AT_97 = question("idh"), Case({**UNTREATED.facts, "mrs.te_2hg": 0.097})
SEEN_2HG, NO_2HG = found("two_hg", 0.8, 0.1), found("two_hg", 0.0, 0.08)


def test_2hg_and_few_vessels_agree_and_2hg_with_many_vessels_is_discordant():
    few, many = found("rcbv_hot", 1.3), found("rcbv_hot", 6.0)
    assert weigh(IDH, [SEEN_2HG, few], AT_97).word is Word.CONCORDANT
    answer = weigh(IDH, [SEEN_2HG, many], AT_97)
    assert (answer.word, "Oligodendroglioma" in answer.sentence) == (Word.DISCORDANT, True)
    unsure = found("two_hg", 0.11, 0.1)
    assert weigh(IDH, [unsure], AT_97).word is Word.INSUFFICIENT
    assert weigh(IDH, [unsure, many], AT_97).side is Side.AGAINST


def test_a_t2_flair_mismatch_that_is_not_seen_is_no_evidence_against_mutated_idh():
    seen, absent = (found("t2_flair_mismatch", value, 0.0) for value in (1.0, 0.0))
    assert weigh(IDH, [NO_2HG, absent], AT_97).families_for == ("genotype",)
    assert weigh(IDH, [found("two_hg", 0.11, 0.1), seen], AT_97).side is Side.FOR


def test_what_is_not_three_errors_above_zero_is_not_called_seen():
    idh, case = IDH, AT_97
    # Beyond the cut-off of 0.11 by more than its 80 % interval, and 2.3 errors from nothing at all.
    doubtful, plain, absent = found("two_hg", 0.28, 0.12), SEEN_2HG, NO_2HG
    assert weigh(idh, [doubtful], case).side is Side.NEITHER
    assert weigh(idh, [plain], case).side is Side.FOR
    assert weigh(idh, [absent], case).side is Side.AGAINST
