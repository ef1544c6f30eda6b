"""What a curve shows without a model: its errors, and areas over those of plasma."""

from dataclasses import replace

import numpy as np
import pytest

import made_dce as made
from perspect import dce
from perspect.dce.concentration import concentration, gains
from perspect.vocabulary import Curve, Map, Region, lexicon

N = 300
PLAN = dce.Plan(motion=False, model="patlak", delay=False, r1=made.R1, r2star_tissue=0.0)
LINEAR = ("iaugc60", "iaugc90", "iaugc180", "iaugcbn60", "iaugcbn90", "iaugcbn180", "washin", "washout", "deltar1")


def measured(c, t1=1.3, noise=0.0, seed=1, aif=None, times=made.TIMES):
    """`t1` is a value or the map that is given; tissue has that of its signal, 1.3 s."""
    one = made.series(made.signal(c, np.full(len(c), 1.3)), noise, seed, times)
    return dce.quantify(one, PLAN, t1=t1, mask=made.everything(one), aif=aif or made.given(made.plasma()))


def alike(n=N):
    return np.repeat(made.tissue(1, 3)[3], n, axis=0)


@pytest.mark.parametrize("noise", [0.005, 0.03])
def test_the_stated_error_of_what_needs_no_model_is_its_scatter(noise):
    """Noise at rest as the error of each sample, and a level at rest without one, state a quarter of it."""
    found = measured(alike(), noise=noise).maps
    for key in (*LINEAR, "deltat1", "enhancement"):
        stated = np.sqrt(np.mean(found[key].std.astype(np.float64) ** 2))
        assert 0.88 < stated / found[key].values.std() < 1.14, key  # 300 repeats tell a scatter to 4 %


def test_an_area_over_that_of_blood_is_the_ratio_of_the_two_integrals():
    c = made.tissue(20)[3]
    found = measured(c)
    fine = np.linspace(0.0, 350.0, 35001)
    for seconds in (60, 90, 180):
        inside = fine[(fine >= found.summary["arrival"]) & (fine <= found.summary["arrival"] + seconds)]
        tissue, blood = (np.trapezoid(np.interp(inside, made.TIMES, one), inside) for one in (c[7], made.plasma()))
        assert found.maps[f"iaugcbn{seconds}"].values[7, 0, 0] == pytest.approx(tissue / blood, rel=2e-3)


def test_plasma_that_is_known_between_volumes_has_the_area_it_has_there():
    """Joined by lines between volumes 15 s apart its area over 60 s is off by a tenth and more."""
    times, fine = np.arange(0.0, 360.0, 15.0), np.arange(0.0, 345.5, 0.5)
    c = np.array([np.interp(times, made.TIMES, one) for one in made.tissue(20)[3]])
    found = measured(c, aif=Curve(fine, made.plasma(times=fine), "mM", "cp"), times=times)
    since = found.summary["arrival"]
    inside = np.linspace(since, since + 60.0, 6001)
    plasma = np.trapezoid(made.plasma(times=inside), inside)
    assert abs(np.trapezoid(np.interp(inside, times, made.plasma(times=times)), inside) / plasma - 1.0) > 0.1
    areas, over = (found.maps[key].values for key in ("iaugc60", "iaugcbn60"))
    np.testing.assert_allclose(over, areas / plasma, rtol=2e-3)


def test_tissue_of_plasma_alone_has_areas_of_its_share():
    found = measured(0.05 * np.repeat(made.plasma()[None], 20, axis=0)).maps
    for seconds in (60, 90, 180):
        np.testing.assert_allclose(found[f"iaugcbn{seconds}"].values, 0.05, rtol=1e-3)


def test_blood_read_for_plasma_makes_areas_over_it_too_large():
    c = alike(3)
    right, wrong = (
        measured(c, aif=Curve(made.TIMES, 0.58 * made.plasma(), "mM", label)).maps["iaugcbn90"].values.mean()
        for label in ("cb", "cp")
    )
    assert wrong / right == pytest.approx(1.0 / 0.58, rel=1e-3)


def test_what_was_not_recorded_has_no_area():
    few = made.TIMES < 140.0  # agent arrives at 40 s
    cp = Curve(made.TIMES[few], made.plasma()[few], "mM", "cp")
    found = measured(alike(4)[:, few], aif=cp, times=made.TIMES[few]).maps
    assert {"iaugc60", "iaugc90", "iaugcbn60", "iaugcbn90"} <= set(found)
    assert not {"iaugc180", "iaugcbn180"} & set(found)


def test_an_error_of_t1_is_one_of_areas_and_slopes():
    c, grid = alike(4), made.series(alike(4)).grid
    flat = np.zeros((4, 1, 1), np.float32)
    known, unsure, other = (
        measured(c, Map(lexicon.T1, flat + np.float32(t1), flat + np.float32(std), flat.astype(np.int16), grid)).maps
        for t1, std in ((1.3, 0.0), (1.3, 0.02), (1.32, 0.0))
    )
    for key in (*LINEAR, "deltat1"):
        change = np.abs(other[key].values - known[key].values)
        added = np.sqrt(unsure[key].std ** 2 - known[key].std ** 2)
        # One slope, that of the mean concentration, stands for those of all samples.
        np.testing.assert_allclose(added, change, rtol=0.25, err_msg=key)


def test_an_area_over_that_of_blood_holds_the_error_of_the_input():
    """Blood of few voxels with noise is known no better than that."""
    c = np.concatenate([alike(20), np.repeat(0.58 * made.plasma()[None], 4, axis=0)])
    one = made.series(made.signal(c, np.full(24, 1.65)), 0.02)
    region = Region(np.arange(24).reshape(-1, 1, 1) >= 20, one.grid, "aif")
    found = dce.quantify(one, replace(PLAN, r2star=0.0), t1=1.65, mask=made.everything(one), aif=region)
    plain, over = (found.maps[key] for key in ("iaugc60", "iaugcbn60"))
    error = found.summary["arterial_relative_error"]
    assert error > 0.005
    relative = np.hypot(plain.std / plain.values, error)
    np.testing.assert_allclose((over.std / over.values)[:20], relative[:20], rtol=1e-3)


def test_what_an_error_of_the_signal_is_in_concentration_is_what_it_does():
    """Of a sample, and of the level at rest, against the concentration worked out again; with B1 and a T1 of each."""
    _, t1, b1, c = made.tissue(20)
    signal, angle = made.signal(c, t1, b1), made.ANGLE * b1
    own, common = gains(c, t1, made.TR, angle, made.R1)
    small = 1e-5 * signal[:, :1]

    def turned(one, level):
        whole = np.concatenate([np.broadcast_to(level, (20, 2)), one], axis=1)
        return concentration(whole, slice(0, 2), t1, made.TR, made.ANGLE, made.R1, b1).curves[:, 2:]

    at_rest = made.signal(np.zeros((20, 1)), t1, b1)
    by_sample = (turned(signal + small, at_rest) - turned(signal, at_rest)) / 1e-5
    by_level = (turned(signal, at_rest + small) - turned(signal, at_rest)) / -1e-5
    np.testing.assert_allclose(by_sample, own, rtol=1e-3)
    np.testing.assert_allclose(by_level, common, rtol=1e-3)
