"""The transit time that is assumed with one delay, and the size of label that the audit expects with it."""

from dataclasses import replace

import numpy as np
import pytest

from labelled_head import ball, brain, flow_map, labelled
from perspect.asl import Plan, quantify
from perspect.asl.samples import differences
from perspect.asl.transit import assumed_att, usual_att
from perspect.vocabulary import Around, Problem

AROUND = Around(mask=brain())
STILL = Plan(motion=False)


def found(one):
    return differences(one.labelling, one.series.values[10:11, 2, 3], np.ones(one.series.n_times, bool))


def test_a_transit_time_that_is_given_is_taken_whatever_the_delay():
    one = labelled(noise=0.02)
    late = quantify(one, replace(STILL, att=3.0), around=AROUND).maps["cbf"].values
    plain = quantify(one, STILL, around=AROUND).maps["cbf"].values
    # Of a bolus of 1.8 s that arrives at 3.0 s, 0.6 s have come by 3.6 s, and decayed for 3.0 to 3.6 s.
    came = np.exp(-3.0 / 1.65) * -np.expm1(-0.6 / 1.65)
    all_of_it = np.exp(-1.8 / 1.65) * -np.expm1(-1.8 / 1.65)
    np.testing.assert_allclose((late / plain)[ball()], all_of_it / came, rtol=1e-4)


def test_a_transit_time_by_which_no_label_has_come_is_refused():
    with pytest.raises(Problem, match=r"read 3\.6 s after"):
        quantify(labelled(), replace(STILL, att=3.6), around=AROUND)


def test_the_expected_transit_time_is_no_later_than_all_label_has_come():
    one = found(labelled(delays=(0.9,)))
    assert usual_att(one, "pcasl") == 0.9
    np.testing.assert_allclose(assumed_att(one, Plan(), "pcasl", AROUND, brain()), 0.9)
    assert usual_att(found(labelled(delays=(0.9, 2.5))), "pcasl") == 1.3
    assert usual_att(found(labelled(kind="pasl", duration=0.7, delays=(1.0,))), "pasl") == pytest.approx(0.3)


def test_images_soon_after_a_short_labelling_are_measured_too():
    """Labelled for 0.4 s and read 0.4 s later: by the usual transit time of 1.3 s nothing would have come."""
    one = labelled(delays=(0.4,), duration=0.4, noise=0.002)
    np.testing.assert_allclose(
        quantify(one, STILL, around=AROUND).maps["cbf"].values[ball()], flow_map()[ball()], rtol=0.02
    )
