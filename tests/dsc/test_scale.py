"""Absolute blood volume and flow: what sets their scale, and what is said where nothing does."""

from dataclasses import replace

import numpy as np
import pytest

from dsc.made import blood, everything, region, series
from perspect import dsc
from perspect.dsc import pipeline
from perspect.dsc.scale import WHITE_SPREAD, WHITE_VOLUME, Scale, scale_flags
from perspect.dsc.t1_effect import T1_WHITE
from perspect.phantom import HeadDesign, LeakageDesign, Tissue, head_object, leakage_object
from perspect.vocabulary import Problem, Region, Severity


@pytest.fixture(scope="module")
def head():
    return head_object(HeadDesign((96, 96, 8), n_frames=80, dummies=2, snr=80.0, seed=4))


@pytest.fixture(scope="module")
def by_white(head):
    return dsc.quantify(head.series, dsc.Plan(motion=False))


@pytest.fixture(scope="module")
def by_artery(head):
    return dsc.quantify(head.series, dsc.Plan(motion=False, scale="arterial"))


def test_an_arterial_curve_off_the_images_sets_no_scale_and_white_matter_does(head, by_white, by_artery):
    """The wrong variant, the arterial area, is off by more than five in the head as in a patient."""
    grey = head.labels == Tissue.GREY
    true = np.nanmedian(head.truth["cbv"][grey])
    assert np.nanmedian(by_white.maps["cbv"].values[grey]) == pytest.approx(true, rel=WHITE_SPREAD + 0.12)
    assert np.nanmedian(by_artery.maps["cbv"].values[grey]) > 5 * true
    flow, flow_true = np.nanmedian(by_white.maps["cbf"].values[grey]), np.nanmedian(head.truth["cbf"][grey])
    assert flow == pytest.approx(flow_true, rel=2 * WHITE_SPREAD)


def test_the_scale_changes_blood_volume_and_flow_by_one_factor_and_nothing_else(by_white, by_artery):
    factor = by_white.summary["arterial_white_volume"] / WHITE_VOLUME
    for key in by_white.maps:
        one, other = by_white.maps[key].values, by_artery.maps[key].values
        both = np.isfinite(one) & np.isfinite(other)
        assert both.any()
        if key in ("cbv", "cbf"):
            np.testing.assert_allclose(one[both] * factor, other[both], rtol=1e-5)
        else:
            np.testing.assert_array_equal(one, other, err_msg=key)


def test_blood_volume_by_white_matter_is_relative_volume_times_that_of_white_matter(by_white):
    volume, relative = (by_white.maps[key] for key in ("cbv", "rcbv"))
    inside = np.isfinite(volume.values) & np.isfinite(relative.values)
    np.testing.assert_allclose(volume.values[inside], WHITE_VOLUME * relative.values[inside], rtol=1e-5)
    np.testing.assert_allclose(volume.std[inside], WHITE_VOLUME * relative.std[inside], rtol=1e-4)


def test_the_scale_is_told_with_its_error(by_white, by_artery):
    assert (by_white.summary["scale"], by_white.summary["scale_common_error"]) == ("white-matter", WHITE_SPREAD)
    (flag,) = (one for one in by_white.flags if one.code == "scaled-by-white-matter")
    assert flag.severity == Severity.CAUTION
    assert (
        "2.7 mL/100 mL" in flag.sentence and f"{100 * by_white.summary['arterial_white_volume']:.1f}" in flag.sentence
    )
    assert "scaled so that CBV has a mean of 2.7" in by_white.recipe.methods
    assert by_artery.summary["scale"] == "arterial"
    assert np.isnan(by_artery.summary["scale_common_error"])
    (flag,) = (one for one in by_artery.flags if one.code == "implausible-volume")
    assert flag.severity == Severity.LIMITED


def test_an_arterial_input_that_is_given_keeps_its_own_scale(head):
    # With white matter of the T1 that is assumed: another would be a bias of the T1 effect.
    thing = leakage_object(LeakageDesign(n_white=250, n_tumour=60, snr=80.0, t10=(T1_WHITE, 1.35, 1.5), seed=3))
    one = series(thing.signal, thing.times, 0.03, thing.tr, thing.flip_angle, True)
    found = dsc.quantify(
        one, dsc.Plan(motion=False, deconvolution="none", hct_small=0.45), mask=everything(thing.white.size),
        reference=region(thing.white), aif=blood(thing.times, thing.arterial),
    )  # fmt: skip
    white = found.maps["cbv"].values.ravel()[thing.white]
    assert np.median(white) == pytest.approx(np.median(thing.vp[thing.white]), rel=0.1)
    assert "scaled-by-white-matter" not in {flag.code for flag in found.flags}
    artery = Region(head.labels == Tissue.GREY, head.series[0].grid, "grey")
    found = dsc.quantify(head.series, dsc.Plan(motion=False, deconvolution="none"), aif=artery)
    assert found.summary["scale"] == "arterial"


def test_without_white_matter_there_is_no_absolute_number_and_times_stay(head, by_white, monkeypatch):
    found = pipeline.white_matter_level

    def none(*given):
        white = found(*given)
        level = replace(white.level, mean=float("nan"), std=float("nan"), n_voxels=0)
        return replace(white, inside=np.zeros_like(white.inside), level=level)

    monkeypatch.setattr(pipeline, "white_matter_level", none)
    measured = dsc.quantify(head.series, dsc.Plan(motion=False))
    assert not {"cbv", "cbf", "rcbv"} & set(measured.maps)
    np.testing.assert_array_equal(measured.maps["mtt"].values, by_white.maps["mtt"].values)
    (flag,) = (one for one in measured.flags if one.code == "no-scale")
    assert flag.severity == Severity.LIMITED


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        (0.027, None),
        (0.07, Severity.CAUTION),
        (0.244, Severity.LIMITED),
        (0.006, Severity.CAUTION),
        (0.004, Severity.LIMITED),
    ],
)
def test_a_blood_volume_of_white_matter_far_from_any_brain_limits_what_is_absolute(level, severity):
    """23 mL/100 mL is what the area of the arterial voxels of the real series gives."""
    found = scale_flags(Scale(100.0, 0.733, 0.05, False, level))
    assert [flag.severity for flag in found] == ([] if severity is None else [severity])
    assert all("MTT is off by less" in flag.sentence for flag in found)
    assert all(("no meaning" in flag.sentence) is (severity is Severity.LIMITED) for flag in found)


def test_a_haematocrit_that_cancels_is_refused():
    with pytest.raises(Problem, match="haematocrit cancels"):
        dsc.Plan(scale="white-matter", hct_small=0.3)
