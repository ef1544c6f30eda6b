"""How label decays: what the T1 of each tissue makes of flow of a lesion over that of white matter."""

from dataclasses import replace

import numpy as np
import pytest

from perspect.asl import Plan
from perspect.asl.decay import DOUBT_ATT, DOUBT_T1, TYPICAL, over_white, switched
from perspect.asl.kinetics import Samples, Setting

BLOOD = 1.65
SETTING = Setting("pcasl", 0.85, BLOOD, 0.9)


def samples(*delays):
    nothing = np.zeros((1, len(delays)))
    return Samples(nothing, nothing + 1, np.array(delays), np.full(len(delays), 1.8), np.zeros(1), None, 1)


def label(t1, att, delay=1.8, duration=1.8):
    """Label per flow, from the equation itself; what leaves with the veins as in the models."""
    rate = 1 / t1 + 0.01 / 0.9
    return np.exp(-att / BLOOD) * (np.exp(-rate * (delay - att)) - np.exp(-rate * (delay + duration - att))) / rate


def test_one_delay_is_read_by_the_equation_with_the_t1_of_each_tissue():
    plan, (_, att) = Plan(), TYPICAL["white"]
    told = over_white(samples(1.8), SETTING, plan)
    # The model of the consensus cancels: both tissues are read with the same number.
    assert told.factor == pytest.approx(label(plan.white_t1, att) / label(plan.lesion_t1, att), rel=1e-9)
    assert 0.5 < told.factor < 0.6
    by_t1 = [
        label(t1 * (1 + sign * DOUBT_T1[name]), att) / label(t1, att)
        for name, t1 in (("white", plan.white_t1), ("lesion", plan.lesion_t1))
        for sign in (-1, 1)
    ]
    least = np.hypot(0.5 * (1 / by_t1[0] - 1 / by_t1[1]), 0.5 * (1 / by_t1[2] - 1 / by_t1[3]))
    later = [1 / label(plan.white_t1, att + sign * DOUBT_ATT) * label(plan.white_t1, att) for sign in (-1, 1)]
    assert told.doubt > least
    assert told.doubt == pytest.approx(np.hypot(least, 0.5 * (later[0] - later[1])), rel=0.02)


def test_a_ratio_that_is_already_of_tissue_stays_and_keeps_its_doubt():
    plain, own = over_white(samples(1.8), SETTING, Plan()), over_white(samples(1.8), SETTING, Plan(kinetics="tissue"))
    assert own.factor == pytest.approx(1.0, abs=1e-9)
    assert own.doubt == pytest.approx(plain.doubt, rel=1e-6)


def test_several_delays_leave_less_in_doubt_than_one():
    one = over_white(samples(1.8), SETTING, Plan())
    many = over_white(samples(0.5, 1.0, 1.5, 2.0, 2.5, 3.0), SETTING, Plan())
    assert many.doubt < 0.7 * one.doubt
    assert 0.45 < many.factor < 0.95


def test_where_all_tissues_decay_as_blood_nothing_is_switched():
    alike = replace(Plan(), white_t1=1.5, lesion_t1=1.5)
    assert over_white(samples(1.8), SETTING, alike).factor == pytest.approx(1.0, abs=1e-9)
    assert set(switched(samples(1.8), SETTING, Plan())["lesion"]) == {"t1app", "tissue"}
