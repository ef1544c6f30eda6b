"""Each choice is heeded: a case in which it must change what is measured, or be refused."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any

import numpy as np
import pytest

from dsc.made import everything, region, series
from perspect.dsc import Plan, quantify
from perspect.phantom import (
    DeconvolutionDesign,
    HeadDesign,
    LeakageDesign,
    deconvolution_object,
    head_object,
    leakage_object,
)
from perspect.vocabulary import Curve, Measured, Problem
from two_runs import differ

FEW = 150
"""Voxels of white matter in the region that is given: too few to stand for tissue without leakage unasked."""

Given = tuple[Any, dict[str, Any]]
"""A series and what is given beside it."""


@cache
def leaking(preload: bool | None = True) -> Given:
    """White matter and tumour, FA 60°, with an arterial curve and a small region of white matter."""
    thing = leakage_object(LeakageDesign(has_preload=bool(preload), n_white=250, n_tumour=100, snr=80.0, seed=3))
    inside = thing.white & (np.arange(thing.white.size) < FEW)
    one = series(thing.signal, thing.times, 0.03, thing.tr, thing.flip_angle, preload)
    artery = Curve(thing.times, thing.arterial, "mM", "cb")
    return one, {"mask": everything(thing.white.size), "reference": region(inside, "white"), "aif": artery}


def unsaid() -> Given:
    """Whether a preload was given is not on record."""
    return leaking(None)


def with_t1() -> Given:
    """With a map of T1."""
    one, given = leaking()
    return one, given | {"t1": np.full(one.grid.shape, 1.1, np.float32)}


@cache
def two_echoes() -> Given:
    """The same by two echoes, FA 70°, without preload."""
    te, flip = (0.0086, 0.0346), np.deg2rad(70)
    thing = leakage_object(LeakageDesign(te=te, flip_angle=flip, has_preload=False, n_white=250, n_tumour=100, seed=3))
    both = tuple(series(one, thing.times, at, thing.tr, flip, False) for one, at in zip(thing.signals, te, strict=True))
    return both, {"mask": everything(thing.white.size), "reference": region(thing.white, "white")}


def without_region() -> Given:
    one, given = leaking()
    return one, {key: value for key, value in given.items() if key != "reference"}


def in_plasma() -> Given:
    one, given = leaking()
    return one, given | {"aif": Curve(given["aif"].times, given["aif"].values, "mM", "cp")}


@cache
def flowing() -> Given:
    thing = deconvolution_object(
        DeconvolutionDesign(tr=1.5, n_frames=66, snr=(60.0,), delays=(0.0, 3.0), repeats=1, seed=5)
    )
    artery = Curve(thing.times, thing.arterial_delta_r2star_measured, "1/s", "made")
    return series(thing.signal, thing.times, thing.te), {"mask": everything(thing.cbf.size), "aif": artery}


@cache
def moved() -> Given:
    """A head that sinks by two millimetres."""
    sinks = np.outer(np.linspace(0.0, 1.0, 40), [0.0, 0.0, 2.0, 0.0, 0.0, 0.0])
    return head_object(HeadDesign((32, 32, 4), n_frames=40, onset=20.0, motion=sinks, seed=1)).series, {}


@dataclass(frozen=True)
class Case:
    """A series, and the choice that must matter there (beside others that it needs)."""

    made: Callable[[], Given]
    value: Any
    beside: tuple[tuple[str, Any], ...] = ()

    def run(self, **choice: Any) -> Measured | None:
        return run(self.made, tuple(sorted((dict(self.beside) | choice).items())))


@cache
def run(made: Callable[[], Given], choices: tuple[tuple[str, Any], ...]) -> Measured | None:
    """None: refused."""
    one, given = made()
    try:
        return quantify(one, Plan(**({"motion": False} | dict(choices))), **given)
    except Problem:
        return None


NO_FLOW = (("deconvolution", "none"),)
NO_LEAK = (("leakage", "none"),)
CASES: dict[str, Case] = {
    "motion": Case(moved, True, NO_FLOW),
    "leakage": Case(leaking, "bsw", NO_FLOW),
    "leakage_reference": Case(leaking, "reference", NO_FLOW),
    "t1_effect": Case(leaking, "ignored", NO_FLOW),
    "white_t1": Case(leaking, 1.1, NO_FLOW),
    "water_leaves_blood": Case(with_t1, 1.0, NO_FLOW),
    "extraction": Case(two_echoes, "ignored", NO_FLOW),
    "deconvolution": Case(flowing, "csvd", NO_LEAK),
    "oscillation": Case(flowing, 0.035, NO_LEAK),
    "threshold": Case(flowing, 0.3, (*NO_LEAK, ("deconvolution", "csvd"))),
    "window": Case(leaking, "first-pass", NO_FLOW),
    "scale": Case(leaking, "white-matter", NO_FLOW),
    "hct_large": Case(leaking, 0.4, NO_FLOW),
    "hct_small": Case(leaking, 0.3, NO_FLOW),
    "guard": Case(leaking, 12.0, NO_FLOW),
    "seed": Case(flowing, 5, NO_LEAK),
}
OTHERS = [
    pytest.param("leakage", Case(leaking, "leu", NO_FLOW), id="leakage=leu"),
    pytest.param("leakage", Case(leaking, "none", NO_FLOW), id="leakage=none"),
    pytest.param(
        "leakage_reference", Case(leaking, "brain", (*NO_FLOW, ("leakage_reference", "reference"))), id="brain"
    ),
    pytest.param("leakage_reference", Case(without_region, "reference", NO_FLOW), id="reference, none given"),
    pytest.param("t1_effect", Case(unsaid, "modelled", (*NO_FLOW, ("leakage", "leu"))), id="t1_effect=modelled"),
    pytest.param("t1_effect", Case(flowing, "modelled", (*NO_FLOW, *NO_LEAK)), id="modelled without TR"),
    pytest.param("white_t1", Case(leaking, 1.1, (*NO_FLOW, ("t1_effect", "ignored"))), id="T1 of what is ignored"),
    pytest.param("white_t1", Case(flowing, 1.1, (*NO_FLOW, *NO_LEAK)), id="T1 without TR"),
    pytest.param("white_t1", Case(leaking, 1100.0, NO_FLOW), id="T1 in ms"),
    pytest.param("water_leaves_blood", Case(leaking, 1.0, NO_FLOW), id="exchange without T1"),
    pytest.param("water_leaves_blood", Case(with_t1, 0.0, NO_FLOW), id="no exchange"),
    pytest.param("deconvolution", Case(flowing, "ssvd", NO_LEAK), id="deconvolution=ssvd"),
    pytest.param("deconvolution", Case(flowing, "tikhonov", NO_LEAK), id="deconvolution=tikhonov"),
    pytest.param("deconvolution", Case(flowing, "none", NO_LEAK), id="deconvolution=none"),
    pytest.param("threshold", Case(flowing, 0.3, (*NO_LEAK, ("deconvolution", "ssvd"))), id="threshold of ssvd"),
    pytest.param("threshold", Case(flowing, 0.3, NO_LEAK), id="threshold of osvd"),
    pytest.param("oscillation", Case(flowing, 0.1, (*NO_LEAK, ("deconvolution", "csvd"))), id="oscillation of csvd"),
    pytest.param("window", Case(flowing, "first-pass", NO_LEAK), id="window of flow"),
    pytest.param("scale", Case(moved, "arterial"), id="scale=arterial"),
    pytest.param("guard", Case(leaking, 60.0, NO_FLOW), id="guard longer than the baseline"),
    pytest.param("seed", Case(flowing, 5, (*NO_LEAK, *NO_FLOW)), id="seed without flow"),
    pytest.param("seed", Case(flowing, 5, (*NO_LEAK, ("deconvolution", "tikhonov"))), id="seed of tikhonov"),
]


def test_every_choice_has_a_case_in_which_it_must_matter():
    assert set(CASES) == {field.name for field in fields(Plan)}


@pytest.mark.parametrize("name", CASES)
def test_a_choice_changes_what_is_measured_or_is_refused(name):
    case = CASES[name]
    plain = case.run()
    assert plain is not None
    assert differ(plain, case.run(**{name: case.value}))


@pytest.mark.parametrize(("name", "case"), OTHERS)
def test_every_other_word_of_a_choice_is_heeded_too(name, case):
    assert differ(case.run(), case.run(**{name: case.value}))


def test_the_same_plan_twice_does_not_differ():
    case = CASES["leakage"]
    again = run.__wrapped__(case.made, tuple(sorted(case.beside)))
    assert not differ(case.run(), again)


def test_the_haematocrit_of_large_vessels_cancels_where_the_input_is_that_of_plasma():
    """Of (1 - Hct_large)/(1 - Hct_small) only the denominator is left: the one choice that rightly does nothing."""
    plain, other = (run(in_plasma, (*NO_FLOW, ("hct_large", one))) for one in (0.45, 0.4))
    np.testing.assert_allclose(other.maps["cbv"].values, plain.maps["cbv"].values, rtol=1e-5)


def test_a_guard_that_is_given_is_kept_or_refused_and_one_that_is_not_says_what_it_became():
    """The wrong variant shortened a guard of a minute to some seconds, and said nothing."""
    case = CASES["guard"]
    assert case.run().summary["guard_seconds"] < 4.0
    assert case.run(guard=12.0).summary["guard_seconds"] >= 12.0
    one, given = case.made()
    with pytest.raises(Problem, match=r"dsc\.guard is 60 s") as caught:
        quantify(one, Plan(motion=False, guard=60.0), **given)
    most = re.search(r"at most ([0-9.]+) s", caught.value.remedy)
    assert most is not None
    assert case.run(guard=float(most[1])) is not None
