import numpy as np
import pytest

from perspect.report import words
from perspect.vocabulary import Flag, Severity


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not recorded"), (True, "yes"), (np.bool_(False), "no"), (12345, "12\u2009345"), (0.12345, "0.123"),
        (-1.5, "−1.5"), (float("nan"), "not determined"), (np.float32(2.5), "2.5"), (98765.4, "98765"),
        ((1.0, None), "1, not recorded"), ("text", "text"),
    ],
)  # fmt: skip
def test_a_value_is_said_as_a_person_would(value, text):
    assert words.said(value) == text


def test_a_long_list_says_how_long_it_is():
    assert words.said(list(range(20))) == "20 values"


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.0, "0 %"), (1e-6, "< 0.1 %"), (0.999999, "> 99.9 %"), (1.0, "100 %"), (1 / 3, "33 %"), (0.052, "5.2 %")],
)
def test_a_share_never_hides_the_last_voxel(fraction, text):
    assert words.percent(fraction) == text


def test_a_number_that_is_missing_has_no_unit():
    assert words.known_rows({"te": None, "tr": float("nan")}) == (
        words.Row("Echo time", "not recorded"),
        words.Row("Repetition time", "not determined"),
    )


def test_what_nobody_foresaw_is_shown_under_its_own_name():
    assert words.other_rows({"new_number": 3.0, "te": 0.03}) == (words.Row("new number", "3"),)


def test_a_list_of_numbers_is_shown_in_the_unit_too():
    assert words.known_rows({"te": [0.008, 0.028]}) == (words.Row("Echo time", "8, 28", "\u00a0ms"),)


def test_of_a_reason_only_what_the_flags_leave_unsaid_is_kept():
    flags = [Flag("a", Severity.NOTE, "One."), Flag("b", Severity.NOTE, "Two.")]
    assert words.unsaid("One. Three. Two.", flags) == "Three."
    assert words.unsaid(("One.", "Two."), flags) == ""


def test_flags_of_one_severity_keep_their_order():
    flags = [Flag(code, Severity.NOTE, "") for code in "abc"] + [Flag("d", Severity.REFUSED, "")]
    assert "".join(flag.code for flag in words.gravest_first(flags)) == "dabc"


@pytest.mark.parametrize(
    "citation", ["Leu 2016, doi:10.1/x.y", "Leu 2016 doi:10.1/x.y.", "Leu 2016, https://doi.org/10.1/x.y"]
)
def test_a_doi_is_taken_out_of_a_citation(citation):
    assert words.reference(citation) == words.Reference("Leu 2016", "10.1/x.y")


def test_a_source_without_doi_stays_as_it_is():
    assert words.reference("Handbook 2016.") == words.Reference("Handbook 2016.")
