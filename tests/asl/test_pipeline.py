from dataclasses import replace

import numpy as np
import pytest

from labelled_head import GRID, SHAPE, ball, brain, changed, flow_map, labelled
from perspect.asl import Plan, quantify
from perspect.asl.motion import aligned, pair_flags, trust
from perspect.asl.samples import differences
from perspect.vocabulary import FAILED_FROM, Around, Labelled, Problem, Refusal, Region, Severity, Status

STILL = Plan(motion=False)
AROUND = Around(mask=brain())
TO_FLOW = 6000.0


def run(one, plan=STILL, around=AROUND):
    return quantify(one, plan, around=around)


def codes(measured):
    return {flag.code for flag in measured.flags}


def test_one_delay_is_the_equation_of_the_white_paper_to_a_thousandth():
    measured = run(labelled(noise=1e-3, seed=2))
    flow = measured.maps["cbf"].values[ball()]
    # The noise of 0.001 in 1000 leaves 0.01 mL/100 g/min.
    np.testing.assert_allclose(flow, flow_map()[ball()], rtol=1e-3)
    assert set(measured.maps) == {"cbf", "deltam"}


def test_pulsed_labelling_is_the_equation_of_the_white_paper_to_a_thousandth():
    measured = run(labelled(kind="pasl", duration=0.8, efficiency=0.98, noise=1e-3))
    np.testing.assert_allclose(measured.maps["cbf"].values[ball()], flow_map()[ball()], rtol=1e-3)


def test_continuous_labelling_is_the_same_equation_with_the_efficiency_that_it_usually_has():
    """The wrong variant takes the 0.85 of pulsed continuous labelling: a fifth too little flow."""
    one = labelled(kind="casl", efficiency=0.68, noise=1e-4)
    unstated = replace(one, labelling=replace(one.labelling, efficiency=None))
    found = run(unstated).maps["cbf"].values[ball()]
    np.testing.assert_allclose(found, flow_map()[ball()], rtol=1e-3)
    wrong = run(unstated, replace(STILL, efficiency=0.85)).maps["cbf"].values[ball()]
    np.testing.assert_allclose(wrong, 0.8 * flow_map()[ball()], rtol=1e-3)


def test_slices_that_are_read_later_have_a_longer_delay():
    one = labelled(slice_time=0.05, noise=1e-3)
    np.testing.assert_allclose(run(one).maps["cbf"].values[ball()], flow_map()[ball()], rtol=1e-3)
    wrong = run(changed(one, slice_times=None)).maps["cbf"].values[..., -1]
    assert np.nanmean(wrong) < 0.9 * flow_map()[..., -1][ball()[..., -1]].mean()


def test_stated_errors_are_the_scatter_over_repeats():
    maps = [run(labelled(noise=0.5, seed=seed)).maps["cbf"] for seed in range(12)]
    scatter = np.std([one.values[ball()] for one in maps], axis=0, ddof=1)
    stated = np.sqrt(np.mean([one.std[ball()] ** 2 for one in maps], axis=0))
    assert 0.9 < np.sqrt((stated**2).mean() / (scatter**2).mean()) < 1.1


@pytest.fixture(scope="module")
def several():
    flow = flow_map()
    att = np.where(flow > 0.005, 0.9, 1.4)
    return labelled(delays=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0), n_pairs=4, flow=flow, att=att, noise=0.7), flow, att


def test_several_delays_tell_flow_and_transit_time(several):
    one, flow, _ = several
    measured = run(one)
    grey = (flow > 0.005) & ball()
    np.testing.assert_allclose(measured.maps["cbf"].values[grey].mean(), 0.01, rtol=0.02)
    np.testing.assert_allclose(measured.maps["att"].values[grey].mean(), 0.9, atol=0.03)
    # Without maps of tissue the neighbours are grey matter too, and draw white matter by a tenth of a second.
    np.testing.assert_allclose(measured.maps["att"].values[(flow < 0.005) & ball()].mean(), 1.4, atol=0.15)
    assert np.isfinite(measured.maps["cbf"].values[ball()]).all()
    assert measured.summary["misfit"] == pytest.approx(1.0, abs=0.25)


def test_kept_differences_lie_on_what_flow_and_transit_time_give(several):
    one, _, _ = several
    whole = brain()
    kept = quantify(one, STILL, around=AROUND, keep=whole).kept
    mean = kept.mean("curve", ball(), "all", "fit")
    assert list(mean.times) == [0.5, 1.0, 1.5, 2.0, 2.5, 3.0]
    np.testing.assert_allclose(mean.fit, mean.values, atol=0.03 * mean.values.max())
    assert quantify(labelled(), STILL, around=AROUND, keep=whole).kept is None


@pytest.mark.parametrize("att", [0.3, 0.9, 2.2])
def test_the_correlation_of_flow_and_transit_time_is_that_of_their_scatter_over_noise(att):
    """Voxels of one flow and transit time are repeats of each other, as long as neighbours lend nothing."""
    alone = Plan(motion=False, neighbours=False, arterial="none", att_spread=5.0)
    one = labelled(delays=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0), n_pairs=6, att=att * np.ones(SHAPE), noise=0.5)
    measured = run(one, alone)
    grey = (flow_map() > 0.005) & ball()
    at = grey & np.isfinite(measured.maps["cbfattcorr"].values)
    cbf, late, rho = (measured.maps[key] for key in ("cbf", "att", "cbfattcorr"))
    stated = (rho.values * cbf.std * late.std)[at].sum() / np.sqrt((cbf.std[at] ** 2).sum() * (late.std[at] ** 2).sum())
    seen = np.corrcoef(cbf.values[at], late.values[at])[0, 1]
    # A thousand voxels tell a correlation to 0.03 and less.
    assert stated == pytest.approx(seen, abs=0.1)
    assert measured.summary["flow_delay_correlation"] == pytest.approx(float(np.nanmedian(rho.values)), abs=1e-6)
    assert (np.abs(rho.values[at]) <= 1.0).all()


def noisier(series, noise):
    more = np.random.default_rng(9).normal(0.0, noise, series.values.shape)
    return replace(series, values=np.asfortranarray((series.values + more).astype(np.float32)))


def test_neighbours_lend_their_transit_time_and_never_their_flow():
    dead = np.zeros(SHAPE, bool)
    dead[8:12, 8:12, 2:4] = True
    empty = labelled(delays=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0), n_pairs=4, flow=np.where(dead, 0.0, flow_map()),
                     att=np.full(SHAPE, 1.0), noise=0.7)  # fmt: skip
    measured = run(empty)
    inside = measured.maps["cbf"].values[dead] * TO_FLOW
    # 32 voxels with a standard error of 3 tell their mean to 0.6; a tenth of 20 mL/100 g/min would be 2.
    assert abs(inside.mean()) < 1.5
    loud = replace(empty, series=noisier(empty.series, 3.0))
    alone = run(loud, Plan(motion=False, neighbours=False))
    spread = [np.std(m.maps["att"].values[flow_map() > 0.005]) for m in (run(loud), alone)]
    assert spread[0] < 0.6 * spread[1]


def test_transit_times_are_not_lent_across_the_edge_of_a_lesion():
    late = np.zeros(SHAPE, bool)
    late[12:16, 7:13, 1:5] = True
    att = np.where(late, 1.9, 0.9)
    one = labelled(delays=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0), n_pairs=4, flow=flow_map(), att=att, noise=0.7)
    measured = run(one, around=Around(mask=brain(), lesion=Region(late, GRID, "lesion")))
    assert np.median(measured.maps["att"].values[late]) == pytest.approx(1.9, abs=0.1)
    assert "lesion-late" in codes(measured)
    # Nor do they leak out: next to it label comes as early as elsewhere.
    beside = ball() & ~late
    beside[:10] = beside[17:] = False
    assert np.median(measured.maps["att"].values[beside]) == pytest.approx(0.9, abs=0.1)
    # Late is not low: the flow is what it is on the other side.
    low, high = measured.summary["lesion"]["mirror"]["mean_interval"]
    assert low - 0.1 < 1.0 < high + 0.1


def test_a_late_core_of_little_flow_keeps_its_flow_beside_an_early_rim_and_its_error_is_its_scatter():
    whole, core = np.zeros((2, *SHAPE), bool)
    whole[11:17, 6:14, 1:5], core[13:16, 8:12, 2:4] = True, True
    flow = np.where(core, 4.0 / TO_FLOW, np.where(whole, 90.0 / TO_FLOW, flow_map()))
    att = np.where(core, 2.2, 1.0)
    errors, stated = [], []
    for seed in range(6):
        one = labelled(delays=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0), n_pairs=4, flow=flow, att=att, noise=1.5, seed=seed)
        measured = run(one, around=Around(mask=brain(), lesion=Region(whole, GRID, "lesion")))
        errors.append(TO_FLOW * (measured.maps["cbf"].values - flow)[core])
        stated.append(TO_FLOW * measured.maps["cbf"].std[core])
    # 144 values with an error of 6 tell their mean to half a mL/100 g/min.
    assert abs(np.mean(errors)) < 3.0
    assert 0.8 < np.median(stated) / np.std(errors) < 1.35


def test_label_and_control_that_are_stated_the_wrong_way_round_are_turned_and_it_is_said():
    right = labelled(noise=0.05)
    wrong = changed(right, volumes=("label", "control") * 6)
    measured = run(wrong)
    assert "order-turned" in codes(measured)
    np.testing.assert_allclose(measured.maps["cbf"].values[ball()], run(right).maps["cbf"].values[ball()], rtol=1e-4)
    with pytest.raises(Problem, match="other way round"):
        run(wrong, Plan(motion=False, order="stated"))


def test_an_order_that_nobody_states_is_found_from_the_images():
    unknown = changed(labelled(noise=0.05), is_order_known=False, volumes=("label", "control") * 6)
    measured = run(unknown)
    assert "order-found" in codes(measured)
    assert (measured.maps["cbf"].values[ball()] > 0).all()


@pytest.mark.parametrize("drift", [0.0, 0.004, -0.004])
def test_a_phantom_is_refused_whatever_its_drift(drift):
    one = labelled(flow=np.zeros(SHAPE), noise=2.0)
    values = one.series.values.copy(order="F")
    values[..., ::2] *= 1.0 + drift
    with pytest.raises(Refusal, match="No labelled blood"):
        run(replace(one, series=replace(one.series, values=values)))


def test_label_whose_pattern_noise_hides_is_measured_and_its_mean_alone_vouches_for_it():
    noise = 40.0
    measured = run(labelled(noise=noise))
    assert "label-not-shown" in codes(measured)
    values, std = (getattr(measured.maps["cbf"], one)[ball()] for one in ("values", "std"))
    n = ball().sum()
    assert abs(np.mean(values) - flow_map()[ball()].mean()) < 4 * np.sqrt(np.mean(std**2) / n)
    with pytest.raises(Refusal, match="No labelled blood"):
        run(labelled(flow=np.zeros(SHAPE), noise=noise))


def test_decay_by_tissue_without_tissue_is_said():
    around = replace(AROUND, grey=ball().astype(np.float64), white=np.zeros(SHAPE))
    plan = Plan(motion=False, kinetics="tissue")
    assert "tissue-unknown" in codes(run(labelled(), plan))
    assert "tissue-unknown" not in codes(run(labelled(), plan, around=around))
    assert "tissue-unknown" not in codes(run(labelled()))


def test_the_scale_of_a_vendor_is_undone_and_said():
    one = labelled(scale=96.0, noise=0.5)
    differences = one.series.values[..., ::2] - one.series.values[..., 1::2]
    series = replace(one.series, values=np.asfortranarray(differences), times=np.arange(6.0))
    how = replace(
        one.labelling, volumes=("deltam",) * 6, delays=np.full(6, 1.8), durations=np.full(6, 1.8),
        vendor="GE MEDICAL SYSTEMS", n_averages=3,
    )  # fmt: skip
    measured = run(replace(one, series=series, labelling=how))
    assert "scale-undone" in codes(measured)
    np.testing.assert_allclose(measured.maps["cbf"].values[ball()].mean(), flow_map()[ball()].mean(), rtol=0.02)
    stored = run(replace(one, series=series, labelling=how), Plan(motion=False, scale="stored"))
    assert "scale-implausible" in codes(stored)


def made_by_ge(scale, n_averages):
    one = labelled(scale=scale, noise=0.5)
    made = np.asfortranarray(one.series.values[..., ::2] - one.series.values[..., 1::2])
    how = replace(
        one.labelling, volumes=("deltam",) * 6, delays=np.full(6, 1.8), durations=np.full(6, 1.8), vendor="GE",
        n_averages=n_averages,
    )  # fmt: skip
    return replace(one, series=replace(one.series, values=made, times=np.arange(6.0)), labelling=how)


@pytest.mark.parametrize("true", [32.0, 96.0])
def test_of_two_factors_that_explain_a_scale_the_one_nearest_to_usual_flow_is_undone_and_the_other_named(true):
    measured = run(made_by_ge(true, 3))
    np.testing.assert_allclose(measured.maps["cbf"].values[ball()].mean(), flow_map()[ball()].mean(), rtol=0.02)
    (flag,) = [one for one in measured.flags if one.code == "scale-undone"]
    assert f"would explain it too: flow would be {true / (128.0 - true):.3g} times" in flag.sentence


def test_slopes_of_philips_that_may_not_have_been_undone_are_where_that_makes_flow_usual():
    tripled = changed(labelled(scale=3.0, noise=0.5), slopes=3.0)
    measured = run(tripled)
    np.testing.assert_allclose(measured.maps["cbf"].values[ball()].mean(), flow_map()[ball()].mean(), rtol=0.02)
    assert "scale-undone" in codes(measured)
    plain = run(changed(labelled(noise=0.5), slopes=1.5))
    np.testing.assert_allclose(plain.maps["cbf"].values[ball()].mean(), flow_map()[ball()].mean(), rtol=0.02)
    assert "scale-open" in codes(plain)
    assert "scale-open" in codes(run(tripled, Plan(motion=False, scale="stored")))


def test_a_brain_with_three_times_its_flow_is_said_without_maps_of_tissue():
    assert "implausible-flow" in codes(run(labelled(scale=3.0, noise=0.5)))
    assert "implausible-flow" not in codes(run(labelled(noise=0.5)))


def test_without_m0_flow_is_relative_and_has_another_name():
    dark = changed(labelled(has_m0=False), is_suppressed=True, n_inversions=2)
    measured = run(dark)
    assert "cbf" not in measured.maps
    assert measured.maps["relcbf"].values[ball()].mean() == pytest.approx(1.0, abs=1e-3)
    assert "relative-flow" in codes(measured)


def test_pulsed_labelling_whose_bolus_has_no_end_gives_relative_flow_unless_it_is_given():
    one = labelled(kind="pasl", duration=0.8, efficiency=0.98)
    uncut = changed(one, durations=np.full(12, np.nan))
    assert "relcbf" in run(uncut).maps
    given = run(uncut, Plan(motion=False, bolus=0.8))
    np.testing.assert_allclose(given.maps["cbf"].values[ball()].mean(), flow_map()[ball()].mean(), rtol=0.02)


def test_relative_flow_is_not_led_by_a_rim_in_which_m0_is_next_to_nothing():
    """Where the scale is open M0 still says what is tissue: values over a faint rim would own the mean of the brain."""
    one = labelled(kind="pasl", duration=0.8, efficiency=0.98, noise=0.5)
    rim = ball() & ~(np.hypot(*np.meshgrid(np.arange(20) - 9.5, np.arange(20) - 9.5, indexing="ij")) < 7)[..., None]
    faint = replace(one, m0=replace(one.m0, values=np.where(rim, 0.5, one.m0.values)))
    uncut = changed(faint, durations=np.full(12, np.nan))
    inner, grey = ball() & ~rim, (flow_map() > 0.005) & ball() & ~rim
    measured = run(uncut)
    found = measured.maps["relcbf"]
    assert found.values[grey].mean() == pytest.approx(flow_map()[grey].mean() / flow_map()[inner].mean(), rel=0.02)
    assert (found.status[rim] == Status.NO_SIGNAL).all()


def test_transit_times_that_rest_on_an_assumed_bolus_say_so():
    one = labelled(delays=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0), n_pairs=2, att=np.full(SHAPE, 1.0), noise=0.5)
    unknown = run(changed(one, durations=np.full(24, np.nan)))
    assert {flag.where for flag in unknown.flags if flag.code == "bolus-unknown"} == {"relcbf", "att"}
    # The labelling lasted 1.8 s and 1 s is taken.
    assert abs(np.median(unknown.maps["att"].values[ball()]) - 1.0) > 0.1
    assert "bolus-unknown" not in codes(run(one))


@pytest.mark.parametrize("doubt", ["", "its volumes differ"])
def test_an_m0_that_may_be_none_gives_relative_flow(doubt):
    one = labelled()
    measured = run(replace(one, m0=replace(one.m0, doubt=doubt)))
    assert ("relcbf" if doubt else "cbf") in measured.maps
    assert ("relative-flow" in codes(measured)) == bool(doubt)


def test_an_m0_of_unknown_recovery_is_off_by_a_known_bound_and_flow_stays_absolute():
    one = labelled(m0_tr=None)
    measured = run(one)
    (flag,) = [flag for flag in measured.flags if flag.code == "m0-recovery-unknown"]
    assert flag.severity == Severity.LIMITED
    assert "cbf" in measured.maps


@pytest.mark.parametrize("place", ["t1", "att"])
def test_maps_of_times_in_milliseconds_are_a_problem(place):
    with pytest.raises(Problem, match="milliseconds"):
        run(labelled(), around=replace(AROUND, **{place: np.full(SHAPE, 1300.0)}))


def test_where_no_voxel_has_a_flow_nothing_is_called_measured():
    """Label that comes after the image is taken, everywhere: no voxel tells its flow."""
    with pytest.raises(Refusal, match="No voxel has a flow"):
        run(labelled(), around=replace(AROUND, att=np.full(SHAPE, 5.0)))


def test_the_methods_say_that_transit_times_of_another_scan_were_taken():
    att = np.where(flow_map() > 0.005, 0.9, np.nan)
    assert "map that was given (median 0.90 s" in run(labelled(), around=replace(AROUND, att=att)).recipe.methods
    assert "equation of the consensus" in run(labelled()).recipe.methods


@pytest.mark.parametrize("is_everywhere", [True, False])
def test_the_methods_say_whether_arteries_were_put_everywhere_or_asked_for(monkeypatch, is_everywhere):
    one = labelled(delays=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0), n_pairs=2, att=np.full(SHAPE, 0.9), noise=0.7)
    monkeypatch.setattr("perspect.asl.kinetics.EXPLAINS", -1e9 if is_everywhere else 1e9)
    methods = run(changed(one, is_crushed=False)).recipe.methods
    assert ("part of the model of every voxel" in methods) == is_everywhere
    assert ("asked for by BIC" in methods) != is_everywhere


def test_a_ruined_pair_is_found_and_hardly_counts():
    one = labelled(n_pairs=8, noise=0.5)
    values = one.series.values.copy(order="F")
    values[..., 5] += 40.0 * np.random.default_rng(3).normal(size=SHAPE) * ball()
    ruined = replace(one, series=replace(one.series, values=values))
    clean = flow_map()[ball()]
    robust, plain = (run(ruined, Plan(motion=False, outliers=how)) for how in ("robust", "none"))
    error = [np.abs(m.maps["cbf"].values[ball()] - clean).mean() for m in (run(one), robust, plain)]
    assert "pairs-left-out" in codes(robust)
    assert error[1] < 1.3 * error[0] < 0.3 * error[2]


def test_score_leaves_out_the_pair_that_is_unlike_the_others_and_keeps_the_rest():
    one = labelled(n_pairs=10, noise=0.5)
    values = one.series.values.copy(order="F")
    values[..., 7] -= 30.0 * ball()
    grey = np.where(flow_map() > 0.005, 1.0, 0.0)
    white = np.where(ball(), 1.0 - grey, 0.0)
    ruined = replace(one, series=replace(one.series, values=values))
    measured = run(ruined, Plan(motion=False, outliers="score"), replace(AROUND, grey=grey, white=white))
    assert measured.summary["n_pairs"] in (8, 9)
    with pytest.raises(Problem, match="SCORE"):
        run(ruined, Plan(motion=False, outliers="score"))


def test_a_voxel_without_a_number_fails_and_leaves_its_neighbours_alone():
    one = labelled(noise=0.05)
    values = one.series.values.copy(order="F")
    values[9, 9, 3, 4] = np.nan
    measured = run(replace(one, series=replace(one.series, values=values)))
    status = measured.maps["cbf"].status
    assert status[9, 9, 3] == Status.NOT_FINITE
    assert (status[ball()] >= FAILED_FROM).sum() == 1


def test_flow_of_pure_tissue_is_found_in_mixed_voxels_and_never_in_a_lesion():
    rng = np.random.default_rng(5)
    grey = np.clip(rng.uniform(0.0, 1.0, SHAPE), 0, 1) * ball()
    white = (1.0 - grey) * ball()
    one = labelled(flow=(60.0 * grey + 20.0 * white) / TO_FLOW, noise=0.2, n_pairs=10)
    lesion = np.zeros(SHAPE, bool)
    lesion[8:11, 8:11, 2] = True
    around = Around(brain(), Region(lesion, GRID, "lesion"), grey, white)
    measured = run(one, Plan(motion=False, partial_volume="regression"), around)
    pure = measured.maps["cbfgm"].values * TO_FLOW
    known = np.isfinite(pure) & (grey > 0.4)
    assert np.median(pure[known]) == pytest.approx(60.0, abs=1.0)
    assert np.isnan(pure[lesion]).all()
    with pytest.raises(Problem, match="no maps of grey"):
        run(one, Plan(motion=False, partial_volume="regression"))


def test_a_carotid_that_was_not_labelled_is_said():
    x = np.arange(20)[:, None, None] * np.ones(SHAPE)
    measured = run(labelled(flow=flow_map() * np.where(x < 10, 0.2, 1.0), noise=0.05))
    assert "labelling-asymmetry" in codes(measured)
    said = [one for one in measured.flags if one.code == "labelling-asymmetry"]
    assert [one.where for one in said] == ["left front", "left back"]
    assert ["carotid" in one.sentence for one in said] == [True, False]


def test_the_scanners_own_map_is_passed_on_as_that():
    one = labelled()
    flow = 50.0 * ball()[..., None] + np.random.default_rng(6).normal(0.0, 2.0, (*SHAPE, 1))
    series = replace(one.series, values=np.asfortranarray(flow.astype(np.float32)), times=np.zeros(1))
    how = replace(one.labelling, volumes=("cbf",), delays=np.full(1, np.nan), durations=np.full(1, np.nan))
    measured = run(Labelled(series, how))
    assert measured.maps["cbf"].shown[ball()].mean() == pytest.approx(50.0, abs=0.2)
    assert codes(measured) == {"vendor-flow"}


def test_what_counts_is_how_far_the_head_moved_within_a_pair():
    """A head that goes a centimetre between pairs spoils none of them; one that goes 2 mm within one spoils that."""
    one = labelled(n_pairs=6)
    found = differences(one.labelling, one.series.values[10:11, 2, 3], np.ones(12, bool))
    matrices = np.tile(np.eye(4), (12, 1, 1))
    matrices[4:, 0, 3] = 10.0
    matrices[7, 1, 3] = 2.0
    still = aligned(one.series, one.labelling, brain(), False, lambda stage, share: None)
    within = replace(still, matrices=matrices).within(found)
    np.testing.assert_allclose(within, [0, 0, 0, 2.0, 0, 0], atol=1e-9)
    np.testing.assert_allclose(trust(within, 6), [1, 1, 1, 1 / 16, 1, 1])
    (flag,) = pair_flags(within, found)
    assert flag.where == "pairs 3"


def test_the_same_input_gives_the_same_maps(several):
    first, second = run(several[0]), run(several[0])
    np.testing.assert_array_equal(first.maps["cbf"].values, second.maps["cbf"].values)


def test_the_methods_say_what_other_models_would_have_read():
    text = run(labelled()).recipe.methods
    assert "With another model typical flow would read: grey matter: t1app +" in text
