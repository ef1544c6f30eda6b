"""Flow that is drawn to its neighbours: better where tissue is even, and never made up where there is none."""

from dataclasses import replace

import numpy as np
import pytest

from labelled_head import GRID, SHAPE, ball, brain, flow_map, labelled
from perspect import asl
from perspect.asl.kinetics import Kinetics
from perspect.asl.regular import MOST, drawn_to_neighbours, linked, regular, spread_of
from perspect.vocabulary import Around, Region, Status

TO_FLOW = 6000.0
NOISE = 8.0 / TO_FLOW
X, Y, Z = (at * np.ones(SHAPE) for at in np.meshgrid(*map(np.arange, SHAPE), indexing="ij", sparse=True))
CORE = (np.abs(X - 13) <= 1) & (np.abs(Y - 9) <= 1) & (np.abs(Z - 2.5) < 1)
TUMOUR = (np.abs(X - 13) <= 2) & (np.abs(Y - 9) <= 2) & (np.abs(Z - 2.5) < 2)
FLOW = np.where(CORE, 3.0, np.where(TUMOUR, 95.0, TO_FLOW * flow_map())) / TO_FLOW
TISSUE = Around(grey=np.where(flow_map() > 0.005, 1.0, 0.0), white=np.where((flow_map() < 0.005) & ball(), 1.0, 0.0))
WITH_LESION = replace(TISSUE, lesion=Region(TUMOUR, GRID, "lesion"))


def measured(seed, flow=FLOW):
    inside = brain()
    n = inside.n_voxels
    values = inside.taken(flow) + np.random.default_rng(seed).normal(0.0, NOISE, n)
    status = np.zeros(n, np.int16) + np.int16(Status.OK)
    return Kinetics({"cbf": values}, {"cbf": np.full(n, NOISE)}, {"cbf": status}, None, None, None)


def of(mask, values):
    return TO_FLOW * np.asarray(values)[brain().taken(mask)]


def drawn(where, around=WITH_LESION, seeds=range(12)):
    return [regular(measured(seed), around, brain(), where) for seed in seeds]


def naive(seed):
    """The prior that is used elsewhere: neighbours are alike, whatever they are."""
    one = measured(seed)
    weight = 1.0 / one.std["cbf"] ** 2
    everything = np.ones(brain().n_voxels, bool)
    links = linked(brain(), everything, Around(), ~everything)
    return drawn_to_neighbours(one.values["cbf"], weight, links, 5.0 / TO_FLOW, ~everything, keeps_edges=False).values


@pytest.mark.parametrize(
    ("where", "around"), [("everywhere", WITH_LESION), ("tissue", WITH_LESION), ("tissue", TISSUE)]
)
def test_a_dead_core_keeps_its_flow_and_a_prior_without_edges_makes_one_up(where, around):
    core = np.mean([of(CORE, one.flow).mean() for one in drawn(where, around)])
    # 18 voxels, 12 times: the mean is known to half a mL/100 g/min.
    assert core == pytest.approx(3.0, abs=3.0)
    made_up = np.mean([of(CORE, naive(seed)).mean() for seed in range(12)])
    assert made_up > 25.0, "the wrong variant fills the core with the flow of its rim"


def test_even_tissue_gets_less_noisy_and_stays_where_it_was():
    white = (flow_map() < 0.005) & ball() & ~TUMOUR
    before = np.std([of(white, measured(seed).values["cbf"]) for seed in range(6)])
    after = [of(white, one.flow) for one in drawn("tissue", seeds=range(6))]
    assert np.std(after) < 0.65 * before
    assert np.mean(after) == pytest.approx(20.0, abs=1.0)


def test_a_lesion_is_left_as_it_was_measured_unless_it_is_asked_for():
    one = measured(0)
    found = regular(one, WITH_LESION, brain(), "tissue")
    np.testing.assert_allclose(of(TUMOUR, found.flow), of(TUMOUR, one.values["cbf"]), rtol=1e-5)
    assert (found.share[brain().taken(TUMOUR)] < 1e-9).all()
    assert not found.flags


def test_in_a_lesion_neighbours_never_weigh_more_than_its_own_data_and_it_is_said():
    even = np.where(TUMOUR, 60.0 / TO_FLOW, FLOW)
    found = regular(measured(0, even), WITH_LESION, brain(), "everywhere")
    inside = brain().taken(TUMOUR)
    assert found.share[inside].mean() > 0.1 and found.share[inside].max() <= MOST + 1e-9
    assert [flag.code for flag in found.flags] == ["lesion-regularised"]
    assert found.share[~inside].max() > MOST


def test_nothing_crosses_the_edge_of_a_lesion():
    bright = np.where(TUMOUR, 400.0, 20.0) / TO_FLOW
    one = Kinetics(
        {"cbf": brain().taken(bright)}, {"cbf": np.full(brain().n_voxels, 1.0)}, measured(0).status, None, None, None
    )  # fmt: skip
    # Noise as large as anything: whatever may be drawn is.
    found = regular(one, WITH_LESION, brain(), "everywhere")
    np.testing.assert_allclose(of(TUMOUR, found.flow), 400.0, rtol=1e-4)
    np.testing.assert_allclose(of(~TUMOUR & ball(), found.flow), 20.0, rtol=1e-4)


def test_the_share_of_neighbours_and_the_error_are_those_of_the_exact_inverse():
    rng = np.random.default_rng(4)
    weight = rng.uniform(0.5, 2.0, brain().n_voxels)
    everything = np.ones(brain().n_voxels, bool)
    links = linked(brain(), everything, Around(), ~everything)
    value = rng.normal(0.0, 1.0, brain().n_voxels)
    drawn = drawn_to_neighbours(value, weight, links, 1.5, ~everything, keeps_edges=False)
    f, variance, share = drawn.values, drawn.variance, drawn.share
    matrix = np.diag(weight)
    for one, other, alike in zip(links.one, links.other, links.alike / 1.5**2, strict=True):
        matrix[one, one] += alike
        matrix[other, other] += alike
        matrix[one, other] -= alike
        matrix[other, one] -= alike
    inverse = np.linalg.inv(matrix)
    np.testing.assert_allclose(f, inverse @ (weight * value), atol=1e-5)
    exact = np.diag(inverse)
    # Messages on a grid hear a little twice: what is known is overstated, and so the neighbours' share.
    assert (variance <= exact * (1 + 1e-6)).all()
    np.testing.assert_allclose(variance, exact, rtol=0.06)
    assert (share >= 1.0 - weight * exact - 1e-6).all()


def test_the_spread_of_neighbours_is_found_without_their_noise():
    rng = np.random.default_rng(5)
    everything = np.ones(brain().n_voxels, bool)
    links = linked(brain(), everything, Around(), ~everything)
    tissue = rng.normal(50.0, 3.0, everything.size)
    value = tissue + rng.normal(0.0, 4.0, everything.size)
    # Independent voxels differ by √2 of their spread.
    assert spread_of(value, np.full(value.size, 1 / 16.0), links) == pytest.approx(3.0 * np.sqrt(2), rel=0.25)


def test_the_measured_map_and_all_numbers_stay_what_they_are():
    one = labelled(noise=2.0)
    around = replace(WITH_LESION, mask=brain())
    plain, drawn_too = (
        asl.quantify(one, asl.Plan(motion=False, spatial=spatial), around=around) for spatial in ("none", "everywhere")
    )
    np.testing.assert_array_equal(plain.maps["cbf"].values, drawn_too.maps["cbf"].values)
    assert plain.summary["lesion"] == drawn_too.summary["lesion"]
    assert {"cbfreg", "cbfshare"} <= set(drawn_too.maps) and "cbfreg" not in plain.maps


def test_of_relative_flow_no_map_in_another_unit_is_made():
    one = labelled(has_m0=False, suppressed=2, noise=2.0)
    plan = asl.Plan(motion=False, spatial="everywhere", partial_volume="regression")
    found = asl.quantify(one, plan, around=replace(WITH_LESION, mask=brain()))
    assert "relcbf" in found.maps
    assert not {"cbfreg", "cbfshare", "cbfgm", "cbfwm"} & set(found.maps)
    assert "only-absolute" in {flag.code for flag in found.flags}


def test_equations_that_were_not_solved_give_no_map_and_say_so(monkeypatch):
    monkeypatch.setattr("perspect.asl.regular.MOST_STEPS", 1)
    plan = asl.Plan(motion=False, spatial="everywhere")
    found = asl.quantify(labelled(noise=2.0), plan, around=replace(WITH_LESION, mask=brain()))
    for key in ("cbfreg", "cbfshare"):
        assert np.isnan(found.maps[key].values).all() and np.isnan(found.maps[key].std).all()
        assert (found.maps[key].status[ball()] == Status.NOT_CONVERGED).all()
    assert "regular-not-solved" in {flag.code for flag in found.flags}
    assert np.isfinite(found.maps["cbf"].values[ball()]).all()


def test_noise_that_differs_a_thousandfold_between_neighbours_is_solved_all_the_same():
    rng = np.random.default_rng(6)
    n = brain().n_voxels
    links = linked(brain(), np.ones(n, bool), Around(), np.zeros(n, bool))
    weight = np.where(rng.random(n) < 0.5, 1.0, 1e-6)
    assert drawn_to_neighbours(rng.normal(50.0, 1.0, n), weight, links, 0.1, np.zeros(n, bool)).is_solved
