from dataclasses import replace

import numpy as np
import pytest

from dsc.made import blood, everything, flat, region, series
from perspect import dsc
from perspect.numerics.parallel import on_threads
from perspect.phantom import HeadDesign, LeakageDesign, Tissue, head_object, leakage_object
from perspect.vocabulary import Acquisition, Curve, Grid, Problem, Refusal, Region, Series, Severity, Status

SHAPE = (96, 96, 12)
"""Fine enough that tissue, not partial volume, decides; coarse enough to be quick."""
ALWAYS = {"cbv", "rcbv", "srcbv", "k1", "k2", "cbf", "mtt", "tmax", "ttp", "delay", "psr", "ph"}


@pytest.fixture(scope="module")
def head():
    return head_object(HeadDesign(SHAPE, n_frames=80, dummies=2, snr=80.0, seed=4))


@pytest.fixture(scope="module")
def measured(head):
    some = np.isin(head.labels, [Tissue.RIM, Tissue.WHITE])
    return dsc.quantify(head.series, dsc.Plan(), keep=Region(some, head.series[0].grid, "rim and white matter"))


def median(measured, key, inside):
    return float(np.nanmedian(measured.maps[key].values[inside]))


def test_every_map_of_the_contract_is_there_with_error_and_status(measured):
    assert set(measured.maps) >= ALWAYS
    for a_map in measured.maps.values():
        good = a_map.status < Status.OUTSIDE
        assert np.isfinite(a_map.values[good]).all()
        assert np.isfinite(a_map.std[good]).all()
        assert (a_map.std[good] >= 0).all()
        assert np.isnan(a_map.values[~good]).all()


def test_the_brain_is_the_brain(head, measured):
    brain = measured.regions["brain"].mask
    inside = np.isin(head.labels, [Tissue.GREY, Tissue.WHITE, Tissue.OEDEMA, Tissue.RIM, Tissue.NECROSIS])
    assert brain[inside].mean() > 0.9
    assert brain[np.isin(head.labels, [Tissue.SCALP, Tissue.AIR])].mean() < 0.02


def test_the_automatic_reference_is_white_matter(head, measured):
    chosen = head.labels[measured.regions["reference"].mask]
    assert chosen.size > 50
    assert (chosen == Tissue.WHITE).mean() > 0.85
    assert "automatic-reference" in {flag.code for flag in measured.flags}


def test_relative_blood_volume_of_tissues_and_tumour_is_the_true_one(head, measured):
    truth = head.truth["rcbv"]
    for tissue in (Tissue.WHITE, Tissue.GREY):
        inside = head.labels == tissue
        assert median(measured, "rcbv", inside) == pytest.approx(np.nanmedian(truth[inside]), rel=0.12)
    rim = head.labels == Tissue.RIM
    # A leaking rim keeps a bias of the protocol, and its voxels are part oedema and necrosis (docs/why/figures.md).
    assert median(measured, "rcbv", rim) == pytest.approx(np.nanmedian(truth[rim]), rel=0.3)


def test_leakage_is_seen_in_the_rim_and_not_in_white_matter(head, measured):
    k2 = measured.maps["k2"]
    rim, white = head.labels == Tissue.RIM, head.labels == Tissue.WHITE
    assert np.nanmedian(np.abs(k2.values[rim]) / k2.std[rim]) > 5
    # White matter is slower than the reference, which looks like a little leakage.
    assert np.nanmedian(np.abs(k2.values[rim])) > 3 * np.nanmedian(np.abs(k2.values[white]))


def test_first_frames_out_of_steady_state_are_left_out(head, measured):
    assert measured.summary["first_steady_frame"] >= 2
    assert measured.summary["baseline_frames"][0] == measured.summary["first_steady_frame"]


def test_the_methods_say_what_was_done(measured):
    text = measured.recipe.methods
    for word in ("baseline", "ΔR2*", "arterial input", "Leakage", "rCBV", "oSVD", "aligned"):
        assert word in text
    assert all(any(c.isdigit() for c in reference) for reference in measured.recipe.references)


def test_flags_are_sorted_by_what_they_take_away(measured):
    severities = [flag.severity for flag in measured.flags]
    assert severities == sorted(severities, reverse=True)
    assert all(flag.sentence.endswith(".") and flag.code for flag in measured.flags)


def test_the_same_input_gives_the_same_bits_on_any_number_of_threads(head, measured):
    with on_threads(3):
        again = dsc.quantify(head.series, dsc.Plan())
    assert set(again.maps) == set(measured.maps)
    for key, a_map in measured.maps.items():
        np.testing.assert_array_equal(a_map.values, again.maps[key].values, err_msg=key)
        np.testing.assert_array_equal(a_map.std, again.maps[key].std, err_msg=key)
    assert again.flags == measured.flags


def test_scaling_the_signal_changes_nothing_but_the_signal(head):
    (plain,) = head.series
    scaled = Series(plain.values, plain.grid, plain.times, plain.acquisition, slope=3.0, intercept=0.0, name=plain.name)
    one, other = (dsc.quantify(each, dsc.Plan(motion=False)).maps["rcbv"].values for each in (plain, scaled))
    inside = np.isfinite(one)
    # Rounding may turn the choice between two models in a voxel where they fit alike.
    assert np.isclose(one[inside], other[inside], rtol=2e-3, atol=2e-3).mean() > 0.999


def test_two_echoes_are_free_of_t1():
    head = head_object(HeadDesign(SHAPE, n_frames=80, te=(0.0086, 0.0346), has_preload=False, snr=80.0, seed=4))
    found = dsc.quantify(head.series, dsc.Plan(motion=False))
    rim = head.labels == Tissue.RIM
    assert median(found, "rcbv", rim) == pytest.approx(np.nanmedian(head.truth["rcbv"][rim]), rel=0.3)
    assert found.summary["te"] == [0.0086, 0.0346]
    assert found.summary["t1_share"] == 0.0


def test_echoes_that_have_each_other_s_echo_time_are_a_mistake_of_the_call_and_not_one_of_the_protocol():
    """The wrong variant blamed T1, which cancels between two echoes, and advised to use two."""
    head = head_object(HeadDesign(SHAPE, n_frames=80, te=(0.0086, 0.0346), has_preload=False, snr=80.0, seed=4))
    first, second = head.series
    swapped = (replace(first, acquisition=second.acquisition), replace(second, acquisition=first.acquisition))
    with pytest.raises(Problem, match=r"The echo of 34.6 ms is brighter .* echo time of the other") as caught:
        dsc.quantify(swapped, dsc.Plan(motion=False))
    assert caught.value.exit_code == 2


def test_echoes_that_have_each_other_s_echo_time_are_named_where_both_show_a_bolus_too(head):
    (early,) = head.series
    signal = np.asarray(early.values, float) * early.slope + early.intercept
    at_rest = signal[..., 2:10].mean(axis=-1, keepdims=True)
    later = np.asfortranarray(0.6 * signal**2 / np.maximum(at_rest, 1.0), np.float32)
    late = replace(early, values=later, slope=1.0, intercept=0.0)
    swapped = (
        replace(early, acquisition=replace(early.acquisition, te=0.06)),
        replace(late, acquisition=replace(early.acquisition, te=0.03)),
    )
    with pytest.raises(Problem, match=r"\(30 ms, 60 ms\) agent makes T2\* longer .* echo time of the other") as caught:
        dsc.quantify(swapped, dsc.Plan(motion=False))
    assert caught.value.exit_code == 2


def test_without_an_artery_there_are_ratios_and_a_flag_and_no_flow():
    thing = leakage_object(LeakageDesign(flip_angle=np.pi / 6, n_tumour=60, seed=1))
    n = thing.white.size
    found = dsc.quantify(
        series(thing.signal, thing.times, 0.03, 1.5, np.pi / 6, True),
        dsc.Plan(motion=False),
        mask=everything(n),
        reference=region(thing.white),
    )
    assert not {"cbv", "cbf", "mtt", "tmax", "delay"} & set(found.maps)
    assert {"rcbv", "k2", "psr", "ph", "ttp"} <= set(found.maps)
    assert "no-arterial-input" in {flag.code for flag in found.flags}


def test_without_deconvolution_there_is_volume_and_no_flow(head):
    found = dsc.quantify(head.series, dsc.Plan(motion=False, deconvolution="none"))
    assert "cbv" in found.maps
    assert not {"cbf", "mtt", "tmax", "delay"} & set(found.maps)


def test_without_correction_there_is_no_leakage_and_it_is_said(head):
    found = dsc.quantify(head.series, dsc.Plan(motion=False, leakage="none"))
    assert not {"k1", "k2", "kep"} & set(found.maps)
    assert "no-correction" in {flag.code for flag in found.flags}


def test_a_model_without_a_return_has_no_map_of_it(head, measured):
    found = dsc.quantify(head.series, dsc.Plan(motion=False, leakage="bsw", deconvolution="none"))
    assert {"k1", "k2"} <= set(found.maps) and "kep" not in found.maps
    assert "kep" in measured.maps


def test_the_baseline_is_told_by_the_times_of_its_first_and_last_volume(measured):
    summary, sentence = measured.summary, measured.recipe.steps[0].sentence
    first, stop = summary["baseline_frames"]
    step = summary["time_step"]
    assert f"{stop - first} volumes from {first * step:.1f} to {(stop - 1) * step:.1f} s" in sentence


def test_the_window_of_integration_is_stated_and_used(head, measured):
    found = dsc.quantify(head.series, dsc.Plan(window="first-pass"))
    assert found.summary["window_seconds"][1] < measured.summary["window_seconds"][1]
    assert not np.allclose(found.maps["cbv"].values, measured.maps["cbv"].values, equal_nan=True)


def test_an_arterial_region_is_used_as_given(head):
    (one,) = head.series
    artery = Region(head.labels == Tissue.GREY, one.grid, "grey")
    found = dsc.quantify(head.series, dsc.Plan(motion=False), aif=artery)
    assert found.summary["arterial_origin"].endswith("of grey")
    assert any(flag.code in {"weak-arterial-input", "arterial-voxels-left-out"} for flag in found.flags)


def test_a_longer_guard_shortens_the_baseline(head, measured):
    assert (
        dsc.quantify(head.series, dsc.Plan(motion=False, guard=9.0)).summary["n_baseline"]
        < measured.summary["n_baseline"]
    )


@pytest.mark.parametrize("factor", [1.0, 60.0])
def test_signals_concentrations_and_rates_as_arterial_input_agree(factor):
    thing = leakage_object(LeakageDesign(flip_angle=np.pi / 6, n_tumour=40, seed=1))
    one = series(thing.signal, thing.times, 0.03, 1.5, np.pi / 6, None)
    # The signal below has no T1 effect in it.
    plan, mask = dsc.Plan(motion=False, t1_effect="ignored"), everything(thing.white.size)
    rate = factor * thing.arterial
    given = (
        Curve(thing.times, rate, "1/s", "rate"),
        Curve(thing.times, 700 * np.exp(-0.03 * rate), "a.u.", "signal"),
        Curve(thing.times, rate / 80.0, "mM", "cb"),
        Curve(thing.times, rate / 80.0 / 0.55, "mM", "cp"),
    )
    volumes = [
        flat(dsc.quantify(one, plan, mask=mask, reference=region(thing.white), aif=a).maps["cbv"])[0] for a in given
    ]
    for other in volumes[1:]:
        np.testing.assert_allclose(other, volumes[0], rtol=1e-3)


def test_a_concentration_must_say_whether_it_is_of_blood_or_plasma():
    thing = leakage_object(LeakageDesign(flip_angle=np.pi / 6, n_tumour=40, seed=1))
    given = Curve(thing.times, thing.arterial, "mM", "artery")
    with pytest.raises(Problem, match="cb \\(whole blood\\) or cp"):
        dsc.quantify(
            series(thing.signal, thing.times, 0.03),
            dsc.Plan(motion=False),
            mask=everything(thing.white.size),
            aif=given,
        )


def one_series(values=None, te=0.03, times=None, grid=None):
    values = np.full((4, 4, 1, 40), 100.0, np.float32) if values is None else values
    times = 1.5 * np.arange(values.shape[3]) if times is None else times
    return Series(
        values, grid or Grid(values.shape[:3], np.eye(4)), times, Acquisition(te=te), name="sub-01_dsc.nii.gz"
    )


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: one_series(te=None), ("no EchoTime", "ΔR2*", "--te")),
        (lambda: one_series(te=30.0), ("echo time of 30", "seconds")),
        (lambda: one_series(np.ones((4, 4, 1, 5), np.float32)), ("5 volumes", "10")),
        (lambda: (one_series(), one_series(), one_series()), ("3 series",)),
        (lambda: (one_series(te=0.01), one_series(te=0.01)), ("same TE",)),
        (lambda: (one_series(te=0.01), one_series(np.ones((5, 4, 1, 40), np.float32))), ("not on the same grid",)),
    ],
)
def test_a_call_that_cannot_work_says_what_where_and_what_to_do(wrong, words):
    with pytest.raises(Problem) as caught:
        dsc.quantify(wrong(), dsc.Plan())
    assert caught.value.exit_code == 2
    assert all(word in str(caught.value) for word in words)


def test_a_volume_of_nan_is_named():
    values = np.full((4, 4, 1, 40), 100.0, np.float32)
    values[..., 7] = np.nan
    with pytest.raises(Problem, match="volume 7"):
        dsc.quantify(one_series(values), dsc.Plan())


def test_an_empty_mask_is_named(head):
    (one,) = head.series
    with pytest.raises(Problem, match=r"tumour\.nii\.gz"):
        dsc.quantify(head.series, dsc.Plan(), mask=Region(np.zeros(SHAPE, bool), one.grid, "tumour.nii.gz"))


@pytest.mark.parametrize("role", ["mask", "reference", "aif", "lesion", "keep"])
def test_a_region_from_another_grid_is_refused(head, role):
    elsewhere = Region(np.ones(SHAPE, bool), Grid(SHAPE, np.diag([2.0, 2.0, 9.0, 1.0])), "drawn elsewhere")
    with pytest.raises(Problem, match=r"'drawn elsewhere'.*is not on the grid"):
        dsc.quantify(head.series, dsc.Plan(motion=False), **{role: elsewhere})


@pytest.mark.parametrize("leakage", ["auto", "none"])
def test_t1_contaminated_data_are_refused_even_where_the_protocol_is_not_recorded(leakage):
    head = head_object(
        HeadDesign((64, 64, 12), n_frames=80, onset=40.0, flip_angle=np.pi / 2, has_preload=False, te=0.025, seed=2)
    )
    (one,) = head.series
    unknown = Series(one.values, one.grid, one.times, Acquisition(te=0.025), name="unknown")
    with pytest.raises(Refusal, match="T1"):
        dsc.quantify(unknown, dsc.Plan(motion=False, leakage=leakage))
    with pytest.raises(Refusal, match="T1"):
        dsc.quantify(one, dsc.Plan(motion=False, leakage=leakage))


@pytest.mark.parametrize(("flip", "preload", "te"), [(60, False, 0.03), (90, True, 0.045), (30, False, 0.025)])
def test_data_that_can_be_corrected_are_not_refused(flip, preload, te):
    head = head_object(
        HeadDesign(
            (64, 64, 12), n_frames=80, onset=40.0, flip_angle=np.deg2rad(flip), has_preload=preload, te=te, seed=2
        )
    )
    assert "rcbv" in dsc.quantify(head.series, dsc.Plan(motion=False, deconvolution="none")).maps


def test_a_series_whose_volumes_show_nothing_alike_is_refused(head):
    (one,) = head.series
    values = np.array(one.values, order="F")
    rng = np.random.default_rng(0)
    for frame in range(2, values.shape[3]):
        values[..., frame] = rng.permutation(values[..., frame].ravel()).reshape(SHAPE)
    shuffled = Series(values, one.grid, one.times, one.acquisition, name="shuffled")
    with pytest.raises(Refusal, match="could be aligned"):
        dsc.quantify(shuffled, dsc.Plan(), mask=Region(head.labels == Tissue.GREY, one.grid, "grey"))


def test_an_arterial_curve_that_peaks_before_the_bolus_is_refused():
    thing = leakage_object(LeakageDesign(flip_angle=np.pi / 6, n_tumour=40, seed=1))
    early = 80.0 * thing.arterial
    early[:2] += 2 * early.max()
    with pytest.raises(Problem, match="largest at 0 s, before the bolus"):
        dsc.quantify(
            series(thing.signal, thing.times, 0.03),
            dsc.Plan(motion=False),
            mask=everything(thing.white.size),
            aif=Curve(thing.times, early, "1/s", "early"),
        )


@pytest.mark.parametrize(
    "choices",
    [
        {"threshold": 0.3},
        {"deconvolution": "csvd", "oscillation": 0.1},
        {"deconvolution": "tikhonov", "threshold": 0.1},
        {"leakage": "none", "leakage_reference": "reference"},
    ],
)
def test_a_setting_without_effect_is_refused(choices):
    with pytest.raises(Problem):
        dsc.Plan(**choices)


def test_the_volumes_that_were_analysed_are_named(measured):
    assert measured.summary["kept_volumes"] == list(range(measured.summary["n_volumes"]))


def test_the_arterial_input_is_not_taken_from_the_lesion(head, measured):
    """The wrong variant: without the lesion the very voxels that are forbidden here are chosen."""
    (one,) = head.series
    mask = np.zeros(SHAPE, bool)
    mask[measured.regions["aif"].mask] = True
    found = dsc.quantify(head.series, dsc.Plan(motion=False), lesion=Region(mask, one.grid, "lesion"))
    assert "aif" not in found.regions or not (found.regions["aif"].mask & mask).any()
    assert found.regions["aif"].n_voxels >= 3
    assert "outside the lesion" in found.summary["arterial_origin"]


def test_an_arterial_curve_that_stops_early_is_refused():
    thing = leakage_object(LeakageDesign(flip_angle=np.pi / 6, n_tumour=40, seed=1))
    with pytest.raises(Problem, match="covers 0 to"):
        dsc.quantify(
            series(thing.signal, thing.times, 0.03),
            dsc.Plan(motion=False),
            mask=everything(thing.white.size),
            aif=blood(thing.times[:40], thing.arterial[:40]),
        )


def test_progress_is_told_by_stage(head):
    stages = []
    dsc.quantify(head.series, dsc.Plan(motion=False), progress=lambda stage, done: stages.append((stage, done)))
    assert [stage for stage, _ in stages][:2] == ["steady state and bolus", "relaxation rate"]
    assert all(0 <= done <= 1 for _, done in stages)


def test_nothing_is_a_severe_flag_without_a_place(measured):
    assert all(flag.where for flag in measured.flags if flag.severity >= Severity.CAUTION)


def test_the_area_under_the_kept_curves_is_the_blood_volume_of_the_map(head, measured):
    """Curves and map are of the same arrays: their areas differ by the rounding of float32 alone. A signal that is a
    wrong curve (ΔR2* with leakage left in) has another area in the rim.
    """
    kept, rim = measured.kept, head.labels == Tissue.RIM
    inside = kept.region.spread(kept.usable(rim, "corrected"), False)
    start, stop = measured.summary["window_seconds"]
    areas = {}
    for name in ("corrected", "delta_r2star"):
        mean = kept.mean(name, inside, name)
        window = (mean.times >= start - 1e-6) & (mean.times <= stop + 1e-6)
        areas[name] = np.trapezoid(mean.values[window], mean.times[window]) / measured.summary["reference_area"]
    told = float(np.nanmean(measured.maps["rcbv"].values[inside]))
    assert areas["corrected"] == pytest.approx(told, rel=2e-3)
    assert areas["delta_r2star"] != pytest.approx(told, rel=2e-2)


def test_the_kept_signal_is_whole_at_rest(head, measured):
    mean = measured.kept.mean("signal", head.labels == Tissue.WHITE, "white matter")
    frames = measured.summary["baseline_frames"]
    at_rest = mean.values[: frames[1] - frames[0]]
    assert at_rest.mean() == pytest.approx(100.0, abs=0.01)
    assert mean.values.min() < 90.0
