"""Which quarter of the brain is less, which is late: a flow of 60 mL/100 g/min in a ball, changed in the left front."""

import numpy as np
import pytest

from labelled_head import SHAPE, ball, flow_map, labelled
from perspect import asl

DELAYS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
X, Y, Z = (at * np.ones(SHAPE) for at in np.meshgrid(*map(np.arange, SHAPE), indexing="ij", sparse=True))
LEFT_FRONT = ball() & (X < 10) & (Y > 8)
EVEN = np.where(ball(), 60.0 / 6000.0, 0.0)
WORDS = ("late-side", "labelling-asymmetry", "arterial-transit-quarter")


def said(one, plan=None):
    measured = asl.quantify(one, plan or asl.Plan(motion=False))
    return {flag.code: flag for flag in measured.flags if flag.code in WORDS}, measured


def test_a_quarter_that_is_late_is_called_late_and_its_flow_is_that_of_the_others():
    att = np.where(LEFT_FRONT, 2.4, 1.0)
    flags, measured = said(labelled(delays=DELAYS, n_pairs=4, att=att, flow=EVEN))
    assert list(flags) == ["late-side"]
    assert flags["late-side"].where == "left front"
    quarters = measured.summary["quarters"]
    assert quarters["left front"]["att"] - quarters["right front"]["att"] == pytest.approx(1.4, abs=0.1)
    # What one delay would have made of it: a quarter with a fifth less than nothing wrong would have.
    assert abs(measured.summary["left_right_asymmetry"]) < 0.05
    naive = EVEN * np.exp(-np.maximum(att - 1.8, 0.0) / 1.65) * (1.0 - np.clip((att - 1.8) / 1.8, 0.0, 1.0))
    assert naive[LEFT_FRONT].mean() < 0.75 * EVEN[ball()].mean()


def test_with_one_delay_bright_arteries_beside_dark_tissue_are_delay_and_no_failed_label():
    rng = np.random.default_rng(0)
    late = np.where(LEFT_FRONT, 0.25 * EVEN, EVEN)
    late = np.where(LEFT_FRONT & (rng.random(SHAPE) < 0.06), 200.0 / 6000.0, late)
    flags, _ = said(labelled(flow=late, n_pairs=12))
    assert list(flags) == ["arterial-transit-quarter"]
    assert "delay" in flags["arterial-transit-quarter"].sentence


def test_a_quarter_that_is_evenly_less_was_labelled_worse():
    flags, _ = said(labelled(flow=np.where(LEFT_FRONT, 0.25 * EVEN, EVEN), n_pairs=12))
    assert list(flags) == ["labelling-asymmetry"]
    assert "carotid" in flags["labelling-asymmetry"].sentence


def test_with_several_delays_a_side_that_is_less_and_not_late_was_labelled_worse():
    flow = np.where(LEFT_FRONT, 0.4 * EVEN, EVEN)
    flags, _ = said(labelled(delays=DELAYS, n_pairs=4, att=np.full(SHAPE, 1.0), flow=flow))
    assert list(flags) == ["labelling-asymmetry"]
    assert "not late" in flags["labelling-asymmetry"].sentence


def test_two_even_sides_are_not_remarked_on():
    flags, _ = said(labelled(flow=flow_map()))
    assert not flags


def test_a_failed_label_is_not_hidden_by_the_other_side_that_is_late():
    """The left front is less though label comes first there: delay on the right does not explain it."""
    flow = np.where(LEFT_FRONT, 0.4 * EVEN, EVEN)
    att = np.where(ball() & (X >= 10) & (Y > 8), 1.9, 1.0)
    flags, _ = said(labelled(delays=DELAYS, n_pairs=4, att=att, flow=flow))
    assert set(flags) == {"late-side", "labelling-asymmetry"}
    assert (flags["late-side"].where, flags["labelling-asymmetry"].where) == ("right front", "left front")
