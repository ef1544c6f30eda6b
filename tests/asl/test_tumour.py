"""What a lesion's numbers are made of: vessels, plexus, sinuses and fluid are not tissue, however bright they are."""

import numpy as np
import pytest

from labelled_head import GRID, SHAPE, ball, brain, flow_map, labelled
from perspect import asl
from perspect.asl.kinetics import Kinetics
from perspect.asl.no_tissue import elongated, no_tissue
from perspect.asl.tumour import read_out
from perspect.vocabulary import Around, Region, Status

X, Y, Z = (at * np.ones(SHAPE) for at in np.meshgrid(*map(np.arange, SHAPE), indexing="ij", sparse=True))
TUMOUR = (np.abs(X - 14) <= 2) & (np.abs(Y - 10) <= 3) & (Z >= 1) & (Z <= 4)
VESSEL = TUMOUR & (X == 14) & (Z == 2)
HOT = (np.abs(X - 14) <= 1) & (np.abs(Y - 10) <= 1) & (np.abs(Z - 2.5) < 1)


def measured(flow, **more):
    inside = brain()
    n = inside.n_voxels
    ok = np.zeros(n, np.int16) + np.int16(Status.OK)
    values = {"cbf": inside.taken(flow), **more}
    return Kinetics(values, {"cbf": np.full(n, 1e-4)}, {"cbf": ok, "abv": ok}, None, None, None)


def with_noise(flow, seed=0):
    return flow + np.random.default_rng(seed).normal(0.0, 2.0 / 6000.0, SHAPE) * ball()


def test_a_vessel_through_a_lesion_is_left_out_and_a_compact_hot_spot_is_not():
    flow = with_noise(np.where(TUMOUR, 50.0, 20.0) / 6000.0)
    for bright, n_left_out in ((VESSEL, VESSEL.sum()), (HOT, 0)):
        one = np.where(bright, 200.0 / 6000.0, flow)
        found = read_out(measured(one), Around(lesion=Region(TUMOUR, GRID, "lesion")), brain(), 0).numbers
        assert found["left_out"]["vessels"] == n_left_out
    # All of it is alike without noise, and an error of 0.6 is stated.
    assert found["hot"] * 6000 == pytest.approx(200.0, abs=0.6)
    # By brightness alone the hot spot of a tumour would be a vessel too.
    assert (np.where(HOT, 200.0 / 6000.0, flow)[TUMOUR] > 3 * flow[TUMOUR].std() + flow[TUMOUR].mean()).sum() > 10


PATCHES = TUMOUR & ((np.abs(X - 14) <= 1) & (np.abs(Y - 10) <= 2))


def both_sides(bright, noise, seed):
    """A lesion with a bright part and its mirror, alike on both sides, in noise (mL/100 g/min) that is stated."""
    flow = np.where(bright | bright[19 - np.arange(20)], 60.0, 20.0) / 6000.0 * ball()
    rng = np.random.default_rng(seed)
    one = measured(flow + rng.normal(0.0, noise / 6000.0, SHAPE) * ball())
    one = Kinetics(one.values, {"cbf": np.full(brain().n_voxels, noise / 6000.0)}, one.status, None, None, None)
    return read_out(one, Around(lesion=Region(TUMOUR, GRID, "lesion")), brain(), 0).numbers


@pytest.fixture(scope="module")
def in_noise():
    return [both_sides(PATCHES, 15.0, seed) for seed in range(16)]


def test_hot_spots_over_the_mirror_do_not_rise_with_noise(in_noise):
    still = both_sides(PATCHES, 0.01, 0)["mirror"]["hot"]
    loud = [one["mirror"] for one in in_noise]
    # Noise hides a part of what is hot, and never adds to it.
    assert 0.9 * still < np.mean([one["hot"] for one in loud]) < 1.02 * still
    assert np.mean([one["hot_interval"][0] < still < one["hot_interval"][1] for one in loud]) >= 0.85
    # The mean of the hottest tenth itself is a fifth too high.
    flow = np.where(PATCHES, 60.0, 20.0)[TUMOUR] + np.random.default_rng(1).normal(0.0, 15.0, (400, TUMOUR.sum()))
    assert np.mean([one[one >= np.percentile(one, 90)].mean() for one in flow]) > 1.2 * 60.0


def test_the_stated_error_of_hot_spots_is_their_scatter(in_noise):
    scatter, stated = np.std([one["hot"] for one in in_noise], ddof=1), np.mean([one["hot_std"] for one in in_noise])
    # Sixteen tell a standard deviation to a fifth.
    assert 0.7 < stated / scatter < 1.5


def test_a_lesion_without_a_hot_spot_has_none_however_noisy_it_is():
    found = [both_sides(np.zeros(SHAPE, bool), noise, seed)["mirror"] for noise in (5.0, 10.0) for seed in range(6)]
    # Each is known to a tenth or a fifth.
    assert np.mean([one["hot"] for one in found]) == pytest.approx(1.0, abs=0.1)
    assert np.mean([one["hot_interval"][0] < 1.0 < one["hot_interval"][1] for one in found]) >= 0.8


def test_a_voxel_in_which_label_is_in_arteries_is_a_vessel():
    flow = with_noise(np.where(TUMOUR, 50.0, 20.0) / 6000.0)
    volume = brain().taken(np.where(VESSEL, 0.05, 0.0))
    one = measured(flow, abv=volume)
    one = Kinetics(one.values, one.std, one.status, None, None, volume > 0)
    assert no_tissue(one, Around(), brain())["vessels"][VESSEL].all()


def test_a_tumour_whose_every_voxel_holds_arteries_is_no_vessel():
    flow = with_noise(np.where(TUMOUR, 80.0, 20.0) / 6000.0)
    tumour = brain().taken(TUMOUR)
    volume = np.where(tumour, 0.02, 0.005) + np.random.default_rng(2).normal(0.0, 0.005, tumour.size)
    one = measured(flow, abv=volume)
    one = Kinetics(one.values, one.std, one.status, None, None, np.ones(tumour.size, bool))
    found = read_out(one, Around(lesion=Region(TUMOUR, GRID, "lesion")), brain(), 0).numbers
    assert found["left_out"]["vessels"] < 0.03 * TUMOUR.sum()
    # With one limit for all voxels most of the tumour, and the hottest of it, would be left out.
    assert (volume[tumour] > 0.01).mean() > 0.9


def test_plexus_within_a_ventricle_is_told_and_a_tumour_beside_it_is_not():
    ventricle = (np.abs(X - 10) <= 2) & (np.abs(Y - 10) <= 2)
    inside = ventricle & (X == 10) & (Y == 10)
    fluid = np.where(ventricle & ~inside, 1.0, 0.0)
    beside = (np.abs(X - 14) <= 1) & (np.abs(Y - 10) <= 2)
    around = Around(fluid=fluid, lesion=Region(inside | beside, GRID, "lesion"))
    flow = with_noise(np.where(inside, 90.0, np.where(beside, 70.0, 20.0)) / 6000.0)
    masks = no_tissue(measured(flow), around, brain())
    assert masks["choroid plexus"][inside & ball()].all()
    assert not masks["choroid plexus"][beside].any()
    found = read_out(measured(flow), around, brain(), 0).numbers
    assert found["mean"] * 6000 == pytest.approx(70.0, abs=1.0)
    assert found["left_out"]["choroid plexus"] == (inside & ball()).sum()


def test_the_fluid_of_a_lesion_encloses_no_plexus():
    cyst = (np.abs(X - 10) <= 2) & (np.abs(Y - 10) <= 2)
    nodule = cyst & (X == 10) & (Y == 10)
    around = Around(fluid=np.where(cyst & ~nodule, 1.0, 0.0), lesion=Region(cyst, GRID, "lesion"))
    masks = no_tissue(measured(with_noise(np.full(SHAPE, 20.0 / 6000.0))), around, brain())
    assert not masks["choroid plexus"].any()


def test_references_hold_no_plexus_sinus_or_vessel():
    mirror = TUMOUR[::-1]
    artery = mirror & (X == 5) & (Z == 2)
    flow = np.where(artery, 250.0 / 6000.0, with_noise(np.full(SHAPE, 30.0 / 6000.0)))
    around = Around(lesion=Region(TUMOUR, GRID, "lesion"), white=np.where(X < 10, 1.0, 0.0), grey=np.zeros(SHAPE))
    regions = read_out(measured(flow), around, brain(), 0).regions
    masks = no_tissue(measured(flow), around, brain())
    assert masks["vessels"][artery].all()
    for region in regions.values():
        assert not (region.mask & (masks["vessels"] | masks["sinuses"])).any()
    ratio = read_out(measured(flow), around, brain(), 0).numbers["mirror"]["mean"]
    # With the artery in it the mirror would be a third too high.
    assert ratio == pytest.approx(1.0, abs=0.03)


def test_a_straight_line_is_long_and_a_plate_or_a_ball_is_not():
    flat = np.full(SHAPE, 1.0) + np.random.default_rng(1).normal(0.0, 0.05, SHAPE)
    plate = (Z == 3) & (np.abs(X - 10) <= 4) & (np.abs(Y - 10) <= 4)
    line = (Z == 3) & (X == 10) & (np.abs(Y - 10) <= 4)
    for shape, is_long in ((plate, False), (line, True), (HOT, False)):
        assert elongated(np.where(shape, 5.0, flat), ball(), brain())[shape].all() == is_long


def test_a_lesion_of_vessels_only_is_not_measured():
    lesion = Region(TUMOUR & (Y < 8), GRID, "lesion")
    fluid = np.where(lesion.mask, 1.0, 0.0)
    one = labelled(flow=flow_map())
    found = asl.quantify(one, asl.Plan(motion=False), around=Around(lesion=lesion, fluid=fluid))
    assert "lesion-not-measured" in {flag.code for flag in found.flags}
