"""SCORE and SCRUB by their definition, and what censoring leaves of each delay."""

from dataclasses import replace

import numpy as np
import pytest

from labelled_head import GRID, SHAPE, ball, brain, flow_map, labelled
from perspect import asl
from perspect.asl.samples import differences
from perspect.asl.score import pull, scored, scrub, scrubbed
from perspect.asl.weights import weighed
from perspect.vocabulary import Around, Problem, Region

GREY = np.where(flow_map() > 0.005, 1.0, 0.0)
WHITE = np.where(ball(), 1.0 - GREY, 0.0)
SHARES = Around(mask=brain(), grey=GREY, white=WHITE)
DELAYS = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)


def pairs_of(n=10, noise=2.0, seed=0):
    """Differences of 6 (grey) and 2 (white) with noise, for 400 and 400 voxels."""
    rng = np.random.default_rng(seed)
    grey = np.repeat([1.0, 0.0], 400)
    values = np.where(grey > 0, 6.0, 2.0)[:, None] + rng.normal(0.0, noise, (800, n))
    return values.astype(np.float32), grey, 1.0 - grey


def well(n):
    return np.zeros(n, bool)


def test_without_outliers_scrub_is_the_mean_nearly():
    values, grey, white = pairs_of()
    found = scrub(values, grey, white, well(800))
    # Huber's mean is 95 % efficient.
    assert np.std(found.means - values.mean(axis=1)) < 0.35 * values.std() / np.sqrt(10)
    assert found.drawn.mean() < 0.1


def test_scrub_bears_a_pair_that_ruins_the_mean():
    values, grey, white = pairs_of()
    values[::4, 3] += 60.0
    found = scrub(values, grey, white, well(800))
    truth = np.where(grey > 0, 6.0, 2.0)
    assert np.abs(found.means - truth)[::4].mean() < 0.4 * np.abs(values.mean(axis=1) - truth)[::4].mean()
    # Elsewhere nothing is lost.
    rest = np.arange(800) % 4 != 0
    assert np.abs(found.means - truth)[rest].mean() < 1.1 * np.abs(values.mean(axis=1) - truth)[rest].mean()


def test_scrub_draws_voxels_of_unusual_variance_to_their_tissue_and_never_those_of_a_lesion():
    values, grey, white = pairs_of()
    core = np.arange(800) >= 700
    # A necrotic core in which nothing flows, and which pulses: its variance is unusual.
    values[core] = np.random.default_rng(1).normal(0.0, 20.0, (100, 10))
    naive, kept = (scrub(values, grey, white, ill) for ill in (well(800), core))
    expected = np.std(values[core].mean(axis=1)) / 10
    assert abs(kept.means[core].mean()) < 5 * expected
    assert naive.means[core].mean() > 1.2, "without the lesion being known its core is given the flow of white matter"
    assert (kept.drawn[core] == 0).all() and (naive.drawn[core] > 0.5).mean() > 0.9


def test_the_pull_of_tissue_is_zero_for_ordinary_variance_and_never_falls():
    ratio = np.linspace(0.0, 100.0, 2000)
    weight = pull(ratio, 12)
    assert (weight[ratio < 1.5] == 0).all()
    assert (np.diff(weight) >= 0).all()
    # No jump where the square takes over.
    assert np.diff(weight).max() < 1.0


def test_scrub_in_the_pipeline_bears_a_ruined_slice_that_score_keeps():
    one = labelled(n_pairs=10, noise=0.5)
    values = one.series.values.copy(order="F")
    values[:, :, 2, 7] -= 60.0 * ball()[:, :, 2]
    ruined = replace(one, series=replace(one.series, values=values))
    grey = GREY > 0
    grey[..., [0, 1, 3, 4, 5]] = False
    off = {}
    for outliers in ("none", "scrub"):
        measured = asl.quantify(ruined, asl.Plan(motion=False, outliers=outliers), around=SHARES)
        off[outliers] = abs(np.median(measured.maps["cbf"].values[grey]) * 6000 - 60.0)
    assert off["scrub"] < 0.2 * off["none"]


def test_a_delay_that_censoring_has_emptied_is_said_and_counted():
    one = labelled(delays=DELAYS, n_pairs=4, att=np.full(SHAPE, 1.0), noise=0.3)
    values = one.series.values.copy(order="F")
    # Two of the four pairs at 2 s are hardly more than noise.
    for at in (3 * 8 + 1, 3 * 8 + 5):
        values[..., at] += np.random.default_rng(at).normal(0.0, 20.0, SHAPE) * ball()
    ruined = replace(one, series=replace(one.series, values=values))
    measured = asl.quantify(ruined, asl.Plan(motion=False), around=SHARES)
    clean = asl.quantify(one, asl.Plan(motion=False), around=SHARES)
    assert clean.summary["pairs_left"] == pytest.approx([4.0] * 6, abs=0.5)
    assert "delay-coverage" not in {flag.code for flag in clean.flags}
    left = measured.summary["pairs_left"]
    assert left[3] < 1.0 and min(left[:3] + left[4:]) > 3.5
    (flag,) = [one for one in measured.flags if one.code == "delay-coverage"]
    assert "2 s: " in flag.sentence
    assert measured.summary["pairs_acquired"] == [4] * 6


def test_a_lesion_takes_no_part_in_what_pairs_are_judged_by():
    lesion = np.zeros(SHAPE, bool)
    lesion[12:16, 8:12, 1:5] = True
    one = labelled(n_pairs=10, noise=0.3)
    values = one.series.values.copy(order="F")
    # A lesion that pulsates ruins no pair.
    swing = np.random.default_rng(3).normal(0.0, 40.0, 20)
    values[lesion] += np.where(np.arange(20) % 2 == 1, swing, 0.0)
    throbbing = replace(one, series=replace(one.series, values=values))
    around = replace(SHARES, lesion=Region(lesion, GRID, "lesion"))
    with_it = asl.quantify(throbbing, asl.Plan(motion=False, outliers="score"), around=around)
    still = asl.quantify(one, asl.Plan(motion=False, outliers="score"), around=around)
    assert with_it.summary["n_pairs"] == still.summary["n_pairs"]


def test_a_pair_that_motion_has_spoilt_weighs_as_little_in_scrub_as_elsewhere():
    values, grey, white = pairs_of(noise=0.5)
    # Less than Huber's mean calls an outlier, and everywhere alike.
    values[:, 2] += 0.6
    trust = np.ones(10)
    trust[2] = 0.0
    off = [(scrub(values, grey, white, well(800), t).means - values.mean(axis=1)).mean() for t in (None, trust)]
    without = scrub(np.delete(values, 2, axis=1), grey, white, well(800))
    found = scrub(values, grey, white, well(800), trust)
    np.testing.assert_allclose(found.means, without.means, rtol=1e-5)
    np.testing.assert_allclose(found.noise, without.noise, rtol=1e-5)
    assert off[1] < off[0] - 0.03
    assert (found.weights[:, 2] == 0).all() and found.worth.max() <= 9.0 + 1e-9


def test_what_scrub_leaves_of_a_delay_is_counted_without_the_pairs_that_motion_has_taken():
    one = labelled(n_pairs=10, noise=0.5)
    found = differences(one.labelling, one.series.curves(ball()), np.ones(20, bool))
    trust = np.ones(10)
    trust[[2, 5, 7]] = 0.0
    kept = scored(found, SHARES, brain(), trust)
    assert not kept[[2, 5, 7]].any()
    worth = []
    for belief in (np.ones(10), trust):
        out = scrubbed(found, weighed(found, brain(), False, belief), SHARES, brain())
        assert (out.weights[belief == 0] == 0).all()
        worth.append(out.worth.mean())
    # Huber's mean uses 95 % of ordinary pairs.
    assert 9.0 < worth[0] <= 10.0 and 6.3 < worth[1] <= 7.0


@pytest.mark.parametrize("outliers", ["score", "scrub"])
def test_without_pure_grey_matter_score_and_scrub_are_a_problem_and_no_map_of_nothing(outliers):
    blurred = replace(SHARES, grey=0.6 * GREY, white=0.6 * WHITE)
    with pytest.raises(Problem, match="no voxels outside the lesion are grey"):
        asl.quantify(labelled(n_pairs=10), asl.Plan(motion=False, outliers=outliers), around=blurred)


@pytest.mark.parametrize("outliers", ["score", "scrub"])
def test_a_voxel_that_is_not_finite_spoils_itself_alone(outliers):
    one = labelled(n_pairs=10, noise=0.5)
    values = one.series.values.copy(order="F")
    values[10, 3, 2, 4] = np.nan
    holed = replace(one, series=replace(one.series, values=values))
    plan = asl.Plan(motion=False, outliers=outliers)
    flow, plain = (asl.quantify(each, plan, around=SHARES).maps["cbf"].values for each in (holed, one))
    assert GREY[10, 3, 2] == 1 and np.isnan(flow[10, 3, 2])
    rest = ball().copy()
    rest[10, 3, 2] = False
    np.testing.assert_allclose(flow[rest], plain[rest], atol=0.5)
