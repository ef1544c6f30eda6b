from dataclasses import replace
from math import sqrt

import pytest

from cases import found
from perspect.lesion import change, changes
from perspect.vocabulary import Earlier, Flag, Severity

BEFORE = Earlier("rcbv_mean", "lesion", 2.0, 0.1, "ratio", software="perspect 1")


def now(value, std=0.1, **changes):
    return found("rcbv_mean", value, std, **changes)


@pytest.mark.parametrize(("value", "is_beyond"), [(2.1, False), (3.5, False), (5.5, True), (0.4, True)])
def test_a_change_is_judged_by_measuring_the_same_twice(value, is_beyond):
    """Repeatability 0.31: from 2.0 on, 3.5 is within 2.77 * 0.31 * 2.75 = 2.4, and 5.5 beyond 3.2."""
    one = change(now(value), BEFORE, "perspect 1")
    assert one.is_beyond is is_beyond
    assert ("within test-retest" in one.sentence) is not is_beyond
    assert one.coefficient == pytest.approx(1.96 * sqrt(2) * 0.31 * (2.0 + value) / 2)


def test_the_published_coefficient_of_an_average_tumour_is_that_of_the_source():
    """Within-subject SD 0.64 and coefficient 1.78: at the mean rCBV that both imply (0.64/0.31) ours is the same."""
    level = 0.64 / 0.31
    one = change(now(level), replace(BEFORE, value=level), "perspect 1")
    assert one.coefficient == pytest.approx(1.78, abs=0.01)


def test_an_uncertain_value_is_compared_by_its_own_error():
    assert change(now(4.5, 2.0), BEFORE, "perspect 1").is_beyond is False


@pytest.mark.parametrize(
    ("earlier", "later", "why"),
    [
        (replace(BEFORE, software="perspect 0"), now(2.0), "perspect 0"),
        (replace(BEFORE, unit="%"), now(2.0), "in %"),
        (replace(BEFORE, above=True), now(2.0), "bound"),
        (replace(BEFORE, value=float("nan")), now(2.0), "no value then"),
        (replace(BEFORE, is_limited=True), now(2.0), "limited"),
        (BEFORE, now(2.0, flags=(Flag("x", Severity.LIMITED, "."),)), "limited"),
        (BEFORE, now(float("nan")), "no value now"),
    ],
)
def test_what_cannot_be_compared_says_why_and_has_no_coefficient(earlier, later, why):
    one = change(later, earlier, "perspect 1")
    assert one.is_beyond is None
    assert one.coefficient != one.coefficient
    assert why in one.sentence


def test_only_the_same_marker_in_the_same_part_is_compared():
    others = [replace(BEFORE, region="rim"), replace(BEFORE, marker="psr_mean")]
    assert changes([now(2.0)], others, "perspect 1") == ()
    assert len(changes([now(2.0)], [*others, BEFORE], "perspect 1")) == 1
