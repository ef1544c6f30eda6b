"""Plasma that takes its time: what extended Tofts makes of it, told for the protocol at hand."""

from dataclasses import replace

import numpy as np
import pytest

import made_dce as made
from perspect import dce
from perspect.dce.transit import RIM, Neglect, neglected, transit_flags
from perspect.fit import fit
from perspect.models import DelayedExtendedTofts, ExtendedTofts, TwoCompartmentExchange

RIM_TRUTH = np.array([
    RIM["vp"] / RIM["transit"], RIM["ktrans"] / (1 - RIM["ktrans"] * RIM["transit"] / RIM["vp"]), RIM["ve"], RIM["vp"]
])  # fmt: skip


@pytest.mark.parametrize("model", [ExtendedTofts, DelayedExtendedTofts])
def test_the_error_foretold_is_that_of_a_fit(model):
    """Plasma flow of the truth is vp over the transit time, and Ktrans = Fp PS/(Fp + PS)."""
    cp = made.plasma()
    curve = TwoCompartmentExchange(made.TIMES, cp).predict(RIM_TRUTH)
    found = fit(model(made.TIMES, cp), curve[None])
    told = neglected(made.TIMES, {"cp": cp}, model is DelayedExtendedTofts)
    assert told.vp == pytest.approx(found.values["vp"][0] / RIM["vp"] - 1, abs=0.02)
    assert told.ktrans == pytest.approx(found.values["ktrans"][0] / RIM["ktrans"] - 1, abs=0.02)
    assert told.vp < -0.2 and told.ktrans > 0.05


def test_sampling_five_times_as_often_does_not_cure_it():
    told = [
        neglected(t, {"cp": made.plasma(times=t)}, False).vp for t in (np.arange(0.0, 360.0, one) for one in (1.0, 5.0))
    ]
    assert told[0] == pytest.approx(told[1], abs=0.05) and told[0] < -0.3


def test_it_is_said_where_no_model_with_a_flow_was_fitted():
    _, t1, own, c = made.tissue(40)
    one = made.series(made.signal(c, t1, own))
    common = {"t1": 1.4, "mask": made.everything(one), "aif": made.given(made.plasma())}
    plan = dce.Plan(motion=False, delay=False)
    slow = dce.quantify(one, plan, **common)
    assert "transit-neglected" in {flag.code for flag in slow.flags} and slow.summary["transit_vp_error"] < -0.2
    flow = dce.quantify(one, replace(plan, model="patlak"), **common)
    assert "transit-neglected" not in {flag.code for flag in flow.flags}
    assert not transit_flags(None) and not transit_flags(Neglect(-0.05, 0.01))
