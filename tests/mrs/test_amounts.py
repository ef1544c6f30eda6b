"""Amounts: sums from the whole covariance, ratios with bounds, water as the scale."""

import numpy as np
import pytest

from mrs_made import HEALTHY, TUMOUR, basis, spectrum, water
from perspect import mrs
from perspect.mrs.amounts import limits
from perspect.mrs.scale import Timing, water_scale
from perspect.vocabulary import Problem, Status


def test_limits_of_a_ratio_hold_as_often_as_they_say():
    rng = np.random.default_rng(0)
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    for a, b in ((2.0, 3.0), (1.0, 0.8), (3.0, 0.5)):
        seen = rng.multivariate_normal([a, b], covariance, 4000)
        found = np.array([limits(x, y, covariance) for x, y in seen])
        assert (found[:, 0] <= a / b).mean() == pytest.approx(0.95, abs=0.012)


def test_a_denominator_that_may_be_zero_gives_a_lower_limit_and_no_upper_one():
    lower, upper = limits(10.0, 0.5, np.diag([0.04, 0.25]))
    assert 5.0 < lower < 10.0 and upper == np.inf


def test_choline_over_naa_is_a_bound_where_naa_is_not_found():
    truth = {key: amount for key, amount in TUMOUR.items() if key not in ("NAA", "NAAG")}
    one = mrs.measure(spectrum(truth, seed=2, snr=25.0), basis()).ratios["tCho/tNAA"]
    if one.status.is_failure:
        assert np.isnan(one.value) and one.status == Status.NOT_DETERMINED
    assert one.lower > 1.0


def test_the_flip_of_choline_and_naa_has_a_probability():
    flipped = mrs.measure(spectrum(TUMOUR), basis()).summary["choline_exceeds_naa"]
    usual = mrs.measure(spectrum(HEALTHY), basis()).summary["choline_exceeds_naa"]
    assert flipped > 0.99 and usual < 0.01


def test_the_error_of_a_sum_is_smaller_than_that_of_its_parts():
    found = mrs.measure(spectrum(HEALTHY), basis()).amounts
    assert found["tCr"].std < 0.8 * np.hypot(found["Cr"].std, found["PCr"].std)
    assert found["Cr"].status == Status.AMBIGUOUS


def test_ten_millimolar_against_pure_water_is_ten_millimolar():
    """No relaxation, water of 55.51 mol/kg with two protons: the plain ratio of amplitudes."""
    scale = water_scale(2 * 55510.0, 0.0, Timing(None, None, 3.0), {"white": 1.0})
    assert scale.factor * 10.0 == pytest.approx(10.0)


def test_half_fluid_doubles_what_is_said_of_tissue():
    pure = water_scale(1e5, 0.0, Timing(None, None, 3.0), {"grey": 1.0})
    half = water_scale(1e5, 0.0, Timing(None, None, 3.0), {"grey": 0.97 / 1.75, "csf": 0.78 / 1.75})
    assert half.factor == pytest.approx(2 * pure.factor)


def test_a_lesion_widens_the_error_and_an_unknown_tissue_more():
    known = water_scale(1e5, 0.0, Timing(0.03, 2.0, 3.0), {"white": 1.0})
    lesion = water_scale(1e5, 0.0, Timing(0.03, 2.0, 3.0), {"white": 0.4, "lesion": 0.6})
    unknown = water_scale(1e5, 0.0, Timing(0.03, 2.0, 3.0), None)
    assert known.spread < lesion.spread < unknown.spread


def test_what_makes_the_error_of_a_scale_is_all_of_it_and_a_lesion_at_a_long_echo_time_is_said_to_rest_on_its_t2():
    for fractions in ({"white": 0.4, "lesion": 0.6}, None):
        scale = water_scale(1e5, 2e3, Timing(0.144, 2.0, 3.0), fractions)
        assert sum(one**2 for one in scale.terms.values()) == pytest.approx(scale.spread**2)
        assert scale.terms["signal of water"] == pytest.approx(0.02)
        assert ("tissue that nobody segmented" in scale.terms) == (fractions is None)
    lesion = {"white": 0.1, "lesion": 0.9}
    late = mrs.measure(spectrum(TUMOUR, te=0.144), basis(0.144), water=water(), fractions=lesion)
    early = mrs.measure(spectrum(TUMOUR), basis(), water=water(), fractions=lesion)
    said = [flag.sentence for flag in late.flags if flag.code == "uncertain-scale"]
    assert "0.13 s ± 30%" in said[0] and late.summary["scale_terms"]["relaxation of water"] > 0.25
    assert "relaxation of water" in late.recipe.steps[-1].sentence
    assert not any(flag.code == "uncertain-scale" for flag in early.flags)


def test_fractions_that_do_not_add_up_are_refused():
    with pytest.raises(Problem, match="fractions"):
        water_scale(1e5, 0.0, Timing(None, None, 3.0), {"white": 0.1})


def test_water_scaling_scales_with_water():
    first, second = (mrs.measure(spectrum(HEALTHY), basis(), water=water(size)) for size in (60000.0, 120000.0))
    assert first.amounts["tNAA"].value == pytest.approx(2 * second.amounts["tNAA"].value, rel=0.01)
    assert first.amounts["tNAA"].unit == "mmol/kg"


def test_without_water_amounts_are_in_institutional_units():
    assert mrs.measure(spectrum(HEALTHY), basis()).amounts["tNAA"].unit == "institutional units"


@pytest.mark.parametrize("reference", ["tcr", "tnaa"])
def test_relative_amounts_of_the_reference_itself_are_one(reference):
    found = mrs.measure(spectrum(HEALTHY), basis(), mrs.Plan(reference=reference))
    assert found.amounts[{"tcr": "tCr", "tnaa": "tNAA"}[reference]].value == pytest.approx(1.0)


def test_relative_amounts_have_the_error_of_the_ratio_and_not_of_the_numerator_alone():
    found = mrs.measure(spectrum(HEALTHY), basis(), mrs.Plan(reference="tcr"))
    one, ratio = found.amounts["tCho"], found.ratios["tCho/tCr"]
    assert (one.value, one.std, one.lower, one.upper) == (ratio.value, ratio.std, ratio.lower, ratio.upper)
    assert one.unit == "per tCr" and found.amounts["tCr"].std == pytest.approx(0.0, abs=1e-12)


def test_amounts_relative_to_what_is_not_there_are_bounds():
    """No creatine in the voxel: its absence must not end the run, and no number is a value."""
    none = {key: value for key, value in TUMOUR.items() if key not in ("Cr", "PCr")}
    found = mrs.measure(spectrum(none, snr=25.0), basis(), mrs.Plan(reference="tcr")).amounts["tCho"]
    assert np.isnan(found.value) and found.status == Status.NOT_DETERMINED
    assert 1.0 < found.lower < found.upper == np.inf
