"""Volumes that do not belong, slices taken in turn, and an input that comes dispersed."""

from dataclasses import replace

import numpy as np
import pytest

import made_dce as made
from perspect import dce
from perspect.app.settings import plan as plan_of
from perspect.dce.frames import odd_volumes
from perspect.dce.plasma import dispersed
from perspect.models import DelayedExtendedTofts, ExtendedTofts
from perspect.vocabulary import Grid, Map, Problem, lexicon

PLAIN = dce.Plan(
    motion=False, r1=made.R1, r2star_tissue=0.0, r2star=0.0, model="extended-tofts", delay=False
)  # fmt: skip


def run(curves, truth, plan=PLAIN, noise=0.0, times=made.TIMES, **more):
    _, t1, own, _ = truth
    one = replace(made.series(curves, noise, times=times), **more)
    values = np.asarray(t1).reshape(one.grid.shape, order="F").astype(np.float32)
    before = Map(lexicon.T1, values, np.zeros_like(values), np.zeros(values.shape, np.int16), one.grid)
    own = np.asarray(own).reshape(one.grid.shape, order="F")
    return dce.quantify(one, plan, t1=before, b1=own, mask=made.everything(one), aif=made.given(made.plasma()))


def errors(found, p):
    said = np.stack([found.maps[key].values.reshape(-1, order="F") for key in ("ktrans", "ve", "vp")], axis=-1)
    return np.nanmedian(np.abs(said / p - 1.0), axis=0)


@pytest.fixture(scope="module")
def truth():
    return made.tissue(120)


def spoilt(truth):
    """Volumes 5, 60 and 61 lose half of their signal, 90 is empty."""
    curves = made.signal(truth[3], truth[1], truth[2])
    curves[:, [5, 60, 61]] *= 0.5
    curves[:, 90] = 0.0
    return curves


def test_odd_volumes_are_found_left_out_and_named(truth):
    found = run(spoilt(truth), truth, noise=0.002)
    (flag,) = (one for one in found.flags if one.code == "odd-volumes")
    assert "5, 60, 61, 90 " in flag.sentence
    assert errors(found, truth[0]).max() < 0.03
    assert set(range(made.TIMES.size)) - set(found.summary["kept_volumes"]) == {5, 60, 61, 90}


def test_left_in_they_spoil_the_fit(truth):
    curves = spoilt(truth)
    curves[:, 90] = curves[:, 89]
    kept = run(curves, truth, replace(PLAIN, find_odd=False), noise=0.002)
    assert errors(kept, truth[0]).max() > 0.1


def test_volumes_that_a_person_names_are_left_out_too(truth):
    curves = made.signal(truth[3], truth[1], truth[2])
    curves[:, 70] *= 1.05  # too little to be found odd
    found = run(curves, truth, replace(PLAIN, drop=(70,)))
    assert errors(found, truth[0]).max() < 1e-4 and 70 not in found.summary["kept_volumes"]
    with pytest.raises(Problem, match="volume 500"):
        run(curves, truth, replace(PLAIN, drop=(500,)))


def test_they_are_named_on_the_command_line_and_in_a_file(tmp_path):
    file = tmp_path / "plan.toml"
    file.write_text("[dce]\ndrop = [3, 7]\n")
    assert plan_of(dce.Plan, sets=["dce.drop=3,7"]).drop == plan_of(dce.Plan, file).drop == (3, 7)
    with pytest.raises(Problem, match="whole number"):
        plan_of(dce.Plan, sets=["dce.drop=first"])


@pytest.mark.parametrize("step", [1.5, 3.0, 6.0])
def test_the_peak_of_a_bolus_is_not_odd(step):
    times = np.arange(0.0, 360.0, step)
    for start in (40.0, 41.3, 43.0):
        cp = made.plasma(times=times - (start - made.ARRIVAL))
        for vp in (0.005, 0.03, 0.1, 0.5):
            c = ExtendedTofts(times, cp).predict(np.tile([1e-5, 0.2, vp], (20, 1)))
            assert not odd_volumes(made.signal(c, np.full(20, 1.4))).any()


def test_slices_taken_in_turn_give_the_delay_of_the_tissue(truth):
    """Half of the voxels lie in a slice that is taken 2 s later: told of it, the delay is the true one."""
    p, t1, own, _ = truth
    later = np.repeat([0.0, 2.0], 60)
    late = np.column_stack([p, np.full(120, 1.0)])
    c = np.concatenate([
        DelayedExtendedTofts(made.TIMES + lag, made.plasma(), made.TIMES).predict(q)
        for lag, q in ((0.0, late[:60]), (2.0, late[60:]))
    ])  # fmt: skip
    curves = made.signal(c, t1, own)
    flat = made.series(curves)
    values = np.asfortranarray(curves.reshape(60, 1, 2, -1, order="F").astype(np.float32))
    in_turn = {"values": values, "grid": Grid((60, 1, 2), flat.grid.affine)}
    plan = replace(PLAIN, delay=True)
    told = run(curves, truth, plan, **in_turn, slice_times=np.array([0.0, 2.0]))
    untold = run(curves, truth, plan, **in_turn)
    assert np.nanmedian(np.abs(told.maps["delay"].values - 1.0)) < 0.02
    assert np.nanmedian(untold.maps["delay"].values[..., 1]) == pytest.approx(-1.0, abs=0.02)
    assert errors(told, p).max() < 1e-2
    assert later.max() == 2.0 and "slices-in-turn" in {flag.code for flag in told.flags}
    without = run(curves, truth, PLAIN, **in_turn, slice_times=np.array([0.0, 2.0]))
    assert [flag.severity.name for flag in without.flags if flag.code == "slices-in-turn"] == ["CAUTION"]


def test_dispersion_keeps_the_area_and_moves_the_mean_by_its_time():
    cp, fine = made.plasma(times=np.arange(0.0, 3000.0, 0.5)), np.arange(0.0, 3000.0, 0.5)
    cp = cp * np.exp(-fine / 300.0)
    wide = dispersed(cp, fine, 4.0)
    area = [np.trapezoid(one, fine) for one in (cp, wide)]
    mean = [np.trapezoid(one * fine, fine) / total for one, total in zip((cp, wide), area, strict=True)]
    assert area[1] == pytest.approx(area[0], rel=1e-3) and mean[1] - mean[0] == pytest.approx(4.0, rel=0.01)
    assert wide.max() < 0.8 * cp.max()


def test_tissue_that_is_reached_by_a_dispersed_input_is_measured_when_that_is_said(truth):
    p, t1, own, _ = truth
    c = ExtendedTofts(made.TIMES, dispersed(made.plasma(), made.TIMES, 4.0)).predict(p)
    curves = made.signal(c, t1, own)
    assert errors(run(curves, truth, replace(PLAIN, dispersion=4.0)), p).max() < 1e-4
    ignores = errors(run(curves, truth, replace(PLAIN, delay=True)), p)
    assert ignores[2] > 0.1 and ignores[0] < 0.1  # vp takes it up, and Ktrans little


def test_background_in_the_mask_leaves_no_volume_out():
    rng = np.random.default_rng(0)
    signal = np.concatenate([rng.normal(100.0, 1.0, (40, 20)), np.zeros((60, 20))])
    assert not odd_volumes(signal).any()
    signal[:40, 7] = 0.0
    np.testing.assert_array_equal(np.flatnonzero(odd_volumes(signal)), [7])


def test_a_series_of_which_next_to_nothing_is_left_is_refused_with_a_sentence(truth):
    curves = made.signal(truth[3], truth[1], truth[2])
    with pytest.raises(Problem, match="4 are left"):
        run(curves, truth, replace(PLAIN, drop=tuple(range(made.TIMES.size - 4))))
