import numpy as np
import pytest

from dsc.made import concordance, everything, flat, leakage_run, region, series
from objects import dual_echo_set, leakage_set
from perspect import dsc
from perspect.dsc.leakage import correct, either, one_way
from perspect.dsc.reference import half_sample_mode, reference_curve
from perspect.dsc.signal import relaxation, rest
from perspect.phantom import LeakageDesign, leakage_object
from perspect.vocabulary import Problem, Refusal, Status

DEGREES = np.pi / 180


def made(flip=60, preload=True, te=0.03, **more):
    return leakage_object(LeakageDesign(te=te, flip_angle=flip * DEGREES, has_preload=preload, **{"seed": 3, **more}))


def ready(thing):
    at_rest = rest(thing.signal[thing.white].mean(axis=0).astype(float), thing.times, 1.5)
    return relaxation((np.asfortranarray(thing.signal.astype(np.float32)),), thing.te, at_rest)


def score(thing, measured):
    values, _ = flat(measured.maps["rcbv"])
    found, true = values[thing.tumour], thing.rcbv[thing.tumour]
    return concordance(found, true), found.mean() / true.mean() - 1


@pytest.mark.parametrize(
    ("flip", "preload", "te", "least"),
    [
        (60, True, 0.03, 0.93),
        (60, True, 0.045, 0.93),
        (60, False, 0.03, 0.90),
        (60, False, 0.045, 0.92),
        (30, False, 0.025, 0.90),
        (30, False, 0.045, 0.90),
    ],
)
def test_corrected_blood_volume_agrees_with_the_truth(flip, preload, te, least):
    thing = made(flip, preload, te)
    agreement, bias = score(thing, leakage_run(thing, preload=preload))
    assert agreement >= least
    if preload:
        assert abs(bias) <= 0.08
    uncorrected, _ = score(thing, leakage_run(thing, "none", preload=preload))
    assert agreement > uncorrected + 0.05


@pytest.mark.parametrize("seed", [1, 10])
def test_with_preload_the_floor_is_no_matter_of_the_draw(seed):
    """So many voxels that the draw hardly counts; with the median of white matter as level the bias was +9 %."""
    thing = made(60, True, 0.03, n_white=1500, n_tumour=700, seed=seed)
    agreement, bias = score(thing, leakage_run(thing, preload=True))
    assert agreement >= 0.93
    assert abs(bias) <= 0.08


@pytest.mark.parametrize(("preload", "te", "least"), [(False, 0.03, 0.88), (False, 0.045, 0.88), (True, 0.03, 0.88)])
def test_where_nobody_says_whether_there_was_a_preload_the_curves_do(preload, te, least):
    """The linear models alone, which was all that was tried here, have 0.83 to 0.86 at 30 ms."""
    thing = made(60, preload, te)
    agreement, _ = score(thing, leakage_run(thing, preload=None))
    assert agreement >= least
    if te == 0.03:
        linear, _ = score(thing, leakage_run(thing, "leu", preload=None))
        assert linear < agreement - 0.02


def test_with_the_arterial_curve_as_reference_healthy_tissue_seems_to_leak():
    """The wrong variant: regression on the arterial input (it arrives two frames earlier) instead of on tissue."""
    thing = made(60, False, 0.045)
    curves = ready(thing)
    window = slice(curves.rest.stop, thing.times.size)
    tissue = curves.curves[thing.white].mean(axis=0).astype(float)
    artery = 80.0 * np.concatenate([thing.arterial[2:], np.full(2, thing.arterial[-1])])
    taken = []
    for curve in (tissue, artery):
        _, _, plain, corrected = one_way(curves, thing.times, curve, window)[0][:, thing.white]
        taken.append(abs(np.median(corrected / plain - 1)))
    assert taken[0] < 0.01
    assert taken[1] > 0.25


def test_taking_out_the_vascular_term_of_an_arterial_reference_leaves_no_blood_volume():
    """The wrong variant of the nearest peer: what is left has nothing to do with the truth."""
    thing = made(60, True, 0.045)
    curves = ready(thing)
    k1, _, plain, _ = one_way(curves, thing.times, 80.0 * thing.arterial, slice(curves.rest.stop, thing.times.size))[0]
    left = plain - k1 * np.trapezoid(80.0 * thing.arterial, thing.times)
    assert abs(concordance(left[thing.tumour] / left[thing.white].mean(), thing.rcbv[thing.tumour])) < 0.3


def test_the_vascular_term_is_not_subtracted():
    """The wrong variant: taking out K1 times the reference leaves nothing of normal tissue."""
    thing = made(60, True, 0.045, n_tumour=50)
    values, _ = flat(leakage_run(thing).maps["rcbv"])
    assert np.median(values[thing.white]) == pytest.approx(1.0, abs=0.02)


def test_leakage_is_a_rate_per_second():
    """The wrong variant: an integral without the time step gives K2 per sample."""
    thing = made(60, False, 0.03)
    curves = ready(thing)
    curve = curves.curves[thing.white].mean(axis=0).astype(float)
    window = slice(curves.rest.stop, thing.times.size)
    once, twice = (one_way(curves, factor * thing.times, curve, window)[0] for factor in (1.0, 2.0))
    np.testing.assert_allclose(twice[1], once[1] / 2, rtol=2e-3, atol=1e-6)
    np.testing.assert_allclose(twice[0], once[0], rtol=2e-3, atol=1e-5)


def test_without_return_both_models_are_one():
    thing = made(60, True, 0.03, n_tumour=100)
    curves = ready(thing)
    curve = curves.curves[thing.white].mean(axis=0).astype(float)
    window = slice(curves.rest.stop, thing.times.size)
    plain = one_way(curves, thing.times, curve, window)[0]
    slow = one_way(curves, thing.times, curve, window, kep=1e-7)[0]
    np.testing.assert_allclose(slow, plain, rtol=1e-3, atol=1e-3)


def test_bidirectional_is_another_model_than_bsw():
    """The wrong variant: an alias."""
    thing = made(60, False, 0.045)
    (a, _), (b, _) = (flat(leakage_run(thing, name, preload=False).maps["rcbv"]) for name in ("bsw", "leu"))
    assert np.nanmedian(np.abs(a - b)[thing.tumour]) > 0.1


def test_where_leakage_cannot_be_told_the_status_says_that_nothing_was_corrected():
    thing = made(60, True, 0.045)
    measured = leakage_run(thing, t1_effect="ignored")
    status = measured.maps["rcbv"].status.ravel()
    quiet = status == Status.NOT_CORRECTED
    assert 0.2 < quiet[thing.white].mean() < 0.8
    assert quiet[thing.tumour].mean() < 0.35
    plain, _ = flat(leakage_run(thing, "none", t1_effect="ignored").maps["rcbv"])
    corrected, _ = flat(measured.maps["rcbv"])
    ratio = corrected[quiet] / plain[quiet]
    # Uncorrected voxels differ by the reference level alone, the same for all.
    assert np.ptp(ratio) < 1e-4


def test_the_reference_is_found_among_more_tumour_than_tissue():
    thing = made(60, False, 0.03, n_white=200, n_tumour=300)
    curves = ready(thing)
    passing = slice(curves.rest.stop, curves.rest.peak + 8)
    found = reference_curve(curves, thing.times, passing, curves.is_usable)
    assert thing.white[found.voxels].mean() > 0.95
    true = curves.curves[thing.white].mean(axis=0)
    shape = found.curve / found.curve[passing].max() - true / true[passing].max()
    assert np.abs(shape).max() < 0.05


def test_all_brain_as_reference_takes_tumour_with_it():
    """The wrong variant: a mean over everything. The tail of the reference turns from blood to leakage."""
    thing = made(60, False, 0.03)
    curves = ready(thing)
    passing = slice(curves.rest.stop, curves.rest.peak + 8)
    right = reference_curve(curves, thing.times, passing, curves.is_usable).tail
    everywhere = curves.curves.mean(axis=0)
    assert right > 0.1
    assert everywhere[-10:].mean() / everywhere[passing].max() < 0


@pytest.mark.parametrize("leakage", ["auto", "bsw", "leu"])
def test_a_reference_that_is_mostly_t1_is_refused(leakage):
    with pytest.raises(Refusal) as refused:
        leakage_run(made(90, False, 0.025), leakage, preload=False)
    assert refused.value.exit_code == 3
    assert "T1" in str(refused.value)


def test_a_reference_region_must_be_given_to_be_used():
    thing = made()
    with pytest.raises(Problem, match="--reference"):
        dsc.quantify(
            series(thing.signal, thing.times, 0.03),
            dsc.Plan(motion=False, leakage_reference="reference"),
            mask=everything(thing.white.size),
        )


def test_a_voxel_without_curve_does_not_stop_the_others():
    thing = made(60, True, 0.045, n_tumour=50)
    signal = np.asarray(thing.signal, np.float32).copy()
    signal[7], signal[8, 40] = 0.0, np.nan
    plan = dsc.Plan(motion=False, leakage="auto", leakage_reference="reference", deconvolution="none")
    measured = dsc.quantify(
        series(signal, thing.times, 0.045, 1.5, 60 * DEGREES, True),
        plan,
        mask=everything(signal.shape[0]),
        reference=region(thing.white),
    )
    for a_map in measured.maps.values():
        status = a_map.status.ravel()
        assert status[7] == Status.NO_SIGNAL
        assert status[8] == Status.NOT_FINITE
        assert np.isnan(a_map.values.ravel()[[7, 8]]).all()
    assert np.isfinite(measured.maps["rcbv"].values.ravel()[9:]).all()


def test_dual_echo_rate_is_free_of_t1():
    thing = made(70, False, te=(0.0086, 0.0346))
    at_rest = rest(thing.signals[1][thing.white].mean(axis=0).astype(float), thing.times, 1.5)
    signals = tuple(np.asfortranarray(one.astype(np.float32)) for one in thing.signals)
    both = relaxation(signals, thing.te, at_rest).curves
    single = relaxation(signals[1:], thing.te[1:], at_rest).curves
    error = [np.sqrt(((one - thing.delta_r2star)[thing.tumour] ** 2).mean()) for one in (both, single)]
    assert error[0] <= 1.1
    assert error[1] > 3


def test_the_mode_of_a_sample_is_where_it_is_densest():
    rng = np.random.default_rng(0)
    sample = np.concatenate([rng.normal(1.0, 0.05, 400), rng.normal(4.0, 2.0, 600)])
    assert half_sample_mode(sample) == pytest.approx(1.0, abs=0.06)


def test_an_even_choice_between_models_adds_their_difference_to_the_error():
    one, two, small = np.array([1.0]), np.array([2.0]), np.array([0.1])
    value, error = either(one, two, small, small, np.array([0.5]))
    assert value[0] == 1.0
    assert error[0] == pytest.approx(np.hypot(0.1, np.sqrt(0.5)))
    value, error = either(one, two, small, small, np.array([1.0]))
    assert (value[0], error[0]) == (2.0, pytest.approx(0.1))


def test_a_perfect_reference_voxel_has_k1_one_and_no_leakage():
    thing = made(60, True, 0.045, snr=1e6)
    curves = ready(thing)
    curve = curves.curves[0].astype(float)
    found = correct(curves, thing.times, curve, slice(curves.rest.stop, thing.times.size), "bsw")
    assert found.k1[0] == pytest.approx(1.0, abs=1e-3)
    assert found.k2[0] == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(
    ("flip", "preload", "leakage", "least"),
    [
        (30, False, "auto", 0.90),
        (30, True, "auto", 0.93),
        (60, True, "auto", 0.93),
        (60, True, "bsw", 0.93),
        (60, False, "auto", 0.90),
    ],
)
def test_the_shared_leakage_objects_agree(shared_data, flip, preload, leakage, least):
    thing = leakage_set(shared_data, flip, preload)
    values, _ = flat(leakage_run(thing, leakage, preload=preload).maps["rcbv"])
    tumour = thing.tumour
    assert concordance(values[tumour], thing.rcbv[tumour]) >= least


def test_the_shared_protocol_with_ninety_degrees_and_preload_is_called_limited(shared_data):
    measured = leakage_run(leakage_set(shared_data, 90, True), preload=True)
    assert measured.summary["reliability"] == "limited"


def test_the_shared_two_echoes_are_free_of_t1(shared_data):
    thing = dual_echo_set(shared_data)
    at_rest = rest(thing.signals[1][thing.normal].mean(axis=0).astype(float), thing.times, 1.5)
    signals = tuple(np.asfortranarray(one.astype(np.float32)) for one in thing.signals)
    wrong = (relaxation(signals, thing.te, at_rest).curves - thing.delta_r2star)[thing.tumour]
    assert np.sqrt((wrong**2).mean()) <= 1.1


def test_the_shared_protocol_with_ninety_degrees_is_refused(shared_data):
    with pytest.raises(Refusal, match="T1"):
        leakage_run(leakage_set(shared_data, 90, False), preload=False)
