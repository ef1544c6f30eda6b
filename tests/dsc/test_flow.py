from dataclasses import replace

import numpy as np
import pytest

from dsc.made import everything, flat, flow_run, series
from objects import deconvolution_set, osipi_set
from perspect import dsc
from perspect.dsc.calibrate import calibrate
from perspect.dsc.deconvolve import even_steps, prepare, read_out
from perspect.dsc.signal import relaxation, rest
from perspect.numerics.deconvolution import circulant
from perspect.phantom import DeconvolutionDesign, deconvolution_object
from perspect.vocabulary import Acquisition, Curve, Grid, Region, Series

DELAYS = (-3.0, 0.0, 3.0, 5.0)
FRAMES = {1.0: 100, 1.2: 80, 1.5: 66, 1.8: 60, 2.0: 55}


def made(tr, snr=60.0, repeats=6, **more):
    return deconvolution_object(
        DeconvolutionDesign(tr=tr, n_frames=FRAMES[tr], snr=(snr,), delays=DELAYS, repeats=repeats, seed=5, **more)
    )


def errors(thing, measured):
    flow, _ = flat(measured.maps["cbf"])
    share = flow / thing.cbf
    medians = [np.nanmedian(share[thing.delay == one]) for one in DELAYS]
    return np.nanmedian(np.abs(share - 1)), max(medians) / min(medians)


@pytest.mark.parametrize(("tr", "largest"), [(1.0, 0.18), (1.2, 0.18), (1.5, 0.19), (1.8, 0.19), (2.0, 0.21)])
def test_flow_agrees_with_the_truth_and_does_not_depend_on_the_delay(tr, largest):
    thing = made(tr)
    error, spread = errors(thing, flow_run(thing))
    assert error <= largest
    assert spread <= 1.08


@pytest.mark.parametrize(
    ("tr", "snr", "largest"),
    [
        (1.0, 30.0, 0.21),
        (1.5, 30.0, 0.22),
        (2.0, 30.0, 0.22),
        (1.0, 100.0, 0.18),
        (1.5, 100.0, 0.19),
        (2.0, 100.0, 0.21),
    ],
)
def test_flow_agrees_with_the_truth_at_other_noise_too(tr, snr, largest):
    """The floors are those of SNR 60; at SNR 30 they are missed by two points (docs/why/figures.md)."""
    thing = made(tr, snr)
    error, spread = errors(thing, flow_run(thing))
    assert error <= largest
    # 56 tissues by 6 repeats tell a median of a delay to 2 % at SNR 30.
    assert spread <= 1.08 + (0.04 if snr < 60 else 0.0)


def test_a_fixed_oscillation_index_is_worse_where_sampling_is_slow():
    """The wrong variant: 0.035, the usual constant, at TR 2 s."""
    thing = made(2.0)
    fixed, _ = errors(thing, flow_run(thing, oscillation=0.035))
    calibrated, _ = errors(thing, flow_run(thing))
    assert fixed > 0.24
    assert calibrated < 0.20


def test_the_allowed_oscillation_follows_the_sampling():
    cuts = [flow_run(made(tr, repeats=1)).summary["deconvolution_cut"] for tr in (1.0, 2.0)]
    assert cuts[1] > 1.5 * cuts[0]


def test_the_causal_decomposition_depends_on_the_delay_and_says_so():
    measured = flow_run(thing := made(1.5), deconvolution="ssvd")
    assert errors(thing, measured)[1] > 1.5
    assert "delay-sensitive" in {flag.code for flag in measured.flags}


@pytest.mark.parametrize("method", ["csvd", "tikhonov"])
def test_the_other_circulant_methods_do_not_depend_on_the_delay(method):
    error, spread = errors(thing := made(1.5), flow_run(thing, deconvolution=method))
    assert spread <= 1.08
    assert error < 0.22


def test_the_delay_is_found():
    thing = made(1.5, snr=100.0)
    delay, _ = flat(flow_run(thing).maps["delay"])
    for one in DELAYS:
        assert np.nanmedian(delay[thing.delay == one]) == pytest.approx(one, abs=0.25)


def test_transit_time_is_volume_over_flow():
    maps = flow_run(made(1.5, repeats=2)).maps
    (cbv, _), (cbf, _), (mtt, _) = (flat(maps[key]) for key in ("cbv", "cbf", "mtt"))
    good = np.isfinite(mtt)
    np.testing.assert_allclose(mtt[good], (cbv / cbf)[good], rtol=1e-5)


def test_volume_by_integration_is_exact_without_noise():
    thing = deconvolution_object(
        DeconvolutionDesign(
            tr=1.0,
            n_frames=240,
            snr=(1e7,),
            arterial_snr=1e7,
            delays=DELAYS,
            repeats=1,
            flow_and_volume=((0.01, 0.04), (0.004, 0.04), (0.005, 0.02)),
        )
    )
    cbv, _ = flat(flow_run(thing).maps["cbv"])
    # The coarse trapezoid sees a bolus of 1.5 s rise; a box whose edges fall between frames is the worst.
    np.testing.assert_allclose(cbv, thing.cbv, rtol=0.01)


def test_the_haematocrit_factor_is_in_volume_and_flow_alike():
    thing = made(1.5, repeats=1)
    arterial = Curve(thing.times, thing.arterial_delta_r2star_measured, "1/s", "made")
    n = thing.signal.shape[0]
    both = [
        dsc.quantify(
            series(thing.signal, thing.times, thing.te),
            dsc.Plan(motion=False, leakage="none", hct_small=small),
            mask=everything(n),
            aif=arterial,
        ).maps
        for small in (0.45, 0.25)
    ]
    for key, factor in (("cbv", 0.55 / 0.75), ("cbf", 0.55 / 0.75), ("mtt", 1.0)):
        plain, changed = (flat(maps[key])[0] for maps in both)
        np.testing.assert_allclose(changed, factor * plain, rtol=1e-4, equal_nan=True)


def test_uneven_times_give_the_flow_of_even_ones():
    """The wrong variant, dt = t[1] - t[0], would be wrong by a quarter here."""
    even = 1.2 * np.arange(100)
    uneven = np.sort(np.concatenate([even[:1], even[1:] + 0.3 * np.resize([1, -1], 99)]))
    found = []
    for times in (even, uneven):
        thing = deconvolution_object(
            DeconvolutionDesign(times=times, snr=(200.0,), arterial_snr=1000.0, delays=(0.0,), repeats=4, seed=2)
        )
        flow, _ = flat(flow_run(thing).maps["cbf"])
        found.append(np.nanmedian(flow / thing.cbf))
    # Straight lines between uneven samples of a bolus that rises in 4.5 s cost a few percent.
    assert found[1] == pytest.approx(found[0], abs=0.08)


def test_interpolation_to_even_steps_keeps_straight_lines():
    times = np.array([0.0, 1.0, 1.5, 3.0, 4.0])
    step, matrix = even_steps(times)
    assert step == pytest.approx(1.0)
    np.testing.assert_allclose((2 * times + 1) @ matrix, 2 * np.arange(5.0) + 1, rtol=1e-6)
    assert even_steps(np.arange(5.0))[1] is None


def test_flow_and_times_are_read_off_a_known_solution():
    kernel = np.exp(-0.5 * (np.arange(40) - 8.0) ** 2)
    operator = circulant(kernel, 2.0)
    t = np.arange(operator.length)
    late = np.exp(-0.5 * ((t - 10.3) / 3) ** 2)
    found = read_out(0.02 * np.stack([late, np.roll(late, -20)]), operator)
    np.testing.assert_allclose(found.flow, 0.02, rtol=0.01)
    np.testing.assert_allclose(found.tmax, [20.6, -19.4], atol=0.1)
    half = 3 * np.sqrt(2 * np.log(2)) * 2.0
    np.testing.assert_allclose(found.delay, found.tmax - half, atol=0.15)


def test_nothing_positive_is_no_flow():
    operator = circulant(np.exp(-np.arange(30.0)), 1.0)
    found = read_out(-np.ones((2, operator.length)), operator)
    assert np.isnan(np.stack([found.flow, found.tmax, found.delay])).all()


def test_the_simulation_is_the_same_every_time_and_without_noise_it_still_works():
    thing = deconvolution_object(DeconvolutionDesign(tr=1.5, n_frames=66, snr=(60.0,), repeats=2, seed=1))
    at_rest = rest(thing.signal.mean(axis=0).astype(float), thing.times, 1.5)
    tissue = relaxation((np.asfortranarray(thing.signal),), (thing.te,), at_rest)
    arterial, passing = thing.arterial_delta_r2star_measured, slice(at_rest.stop, at_rest.stop + 20)
    levels = np.array([5.0, 20.0, 80.0])
    one, two = (calibrate("osvd", arterial, thing.times, passing, 10.0, tissue, levels, seed=7) for _ in range(2))
    assert (one.cut, one.error, one.bias) == (two.cut, two.error, two.bias)
    assert all(np.isfinite(scatter.coefficients).all() for scatter in one.scatter.values())
    solver = prepare("osvd", arterial, thing.times, one.cut)
    assert np.isfinite(solver.residues(tissue.curves).flow).all()


def test_the_expected_error_is_about_the_one_that_is_found():
    thing = made(1.5)
    measured = flow_run(thing)
    error, _ = errors(thing, measured)
    assert measured.summary["expected_cbf_error"] == pytest.approx(error, abs=0.06)


@pytest.mark.parametrize("tr", ["1", "1.5"])
@pytest.mark.parametrize("snr", [20.0, 100.0, np.inf])
def test_the_shared_deconvolution_objects_agree(shared_data, tr, snr):
    thing = deconvolution_set(shared_data, tr)
    keep = thing.snr == snr
    signal = thing.signal[keep]
    arterial = -np.log(thing.arterial_signal_noisy / thing.arterial_signal[0]) / thing.te / thing.arterial_scale
    measured = dsc.quantify(
        series(signal, thing.times, thing.te),
        dsc.Plan(motion=False, leakage="none", hct_small=0.45),
        mask=everything(signal.shape[0]),
        aif=Curve(thing.times, arterial, "1/s", "made"),
    )
    flow = flat(measured.maps["cbf"])[0]
    share = flow / thing.cbf[keep]
    medians = [np.nanmedian(share[thing.delay[keep] == one]) for one in np.unique(thing.delay)]
    assert max(medians) / min(medians) <= (1.2 if snr == 20.0 else 1.08)
    # Three of eleven flows are 70 to 120 mL/100 mL/min, with transit times down to one second.
    assert np.nanmedian(np.abs(share - 1)[thing.mtt[keep] > 3]) <= (0.25 if snr == 20.0 else 0.18)


def test_the_shared_osipi_curves_agree(shared_data):
    thing = osipi_set(shared_data)
    tr = float(np.diff(thing.times)[0])
    te = 0.03
    # Concentrations as signals: any scale will do, since CBV and CBF are ratios to the arterial curve.
    scale = 12.0 / thing.concentration.max()
    signal = 1000 * np.exp(-te * scale * thing.concentration)
    measured = dsc.quantify(
        series(signal, thing.times, te, tr),
        dsc.Plan(motion=False, leakage="none", hct_small=0.45),
        mask=everything(signal.shape[0]),
        aif=Curve(thing.times, scale * thing.arterial, "1/s", "made"),
    )
    cbv, std = flat(measured.maps["cbv"])
    # The set was convolved by left rectangles; the volume it holds is known exactly (SOURCE.md). OSIPI allows 1 + 10 %.
    assert np.all(np.abs(cbv - thing.cbv_as_made) < 3 * std)
    assert np.all(np.abs(cbv - thing.cbv_as_made) < 0.5 * (0.01 + 0.1 * thing.cbv))
    flow = flat(measured.maps["cbf"])[0]
    assert np.all(np.abs(flow - thing.cbf) < 15 / 6000 + 0.1 * thing.cbf)


def test_slices_that_were_taken_in_turn_have_the_times_of_their_tissue_not_of_their_turn():
    t, later = np.arange(0.0, 90.0, 1.5), 1.2

    def passed(at):
        u = np.maximum(at - 20.0, 0.0)
        return (u / 4.0) ** 3 * np.exp(3 - 3 * u / 4.0)

    def tissue(at):
        fine = np.arange(0.0, 120.0, 0.05)
        held = np.convolve(passed(fine - 1.5), np.exp(-fine / 4.0) / 4.0)[: fine.size] * 0.05
        return np.interp(at, fine, 8.0 * held)

    rng, signal = np.random.default_rng(3), np.empty((200, t.size))
    for slice_, lag in enumerate((0.0, later)):
        own = slice(100 * slice_, 100 * slice_ + 100)
        signal[own] = 1000 * np.exp(-0.03 * tissue(t + lag)) + rng.normal(0, 3.0, (100, t.size))
    values = np.asfortranarray(signal.astype(np.float32)).reshape(100, 1, 2, -1, order="F")
    on = Grid((100, 1, 2), np.eye(4))
    series = Series(values, on, t, Acquisition(te=0.03), slice_times=np.array([0.0, later]))
    plan = dsc.Plan(motion=False, leakage="none")
    aif = Curve(t, 30.0 * passed(t), "1/s", "made")
    everywhere = Region(np.ones(on.shape, bool), on, "everything")
    found = {
        name: dsc.quantify(one, plan, mask=everywhere, aif=aif).maps
        for name, one in (("told", series), ("untold", replace(series, slice_times=None)))
    }
    for key in ("tmax", "delay", "ttp"):
        first, second = (np.nanmedian(found["told"][key].values[..., k]) for k in (0, 1))
        assert second - first == pytest.approx(0.0, abs=0.2)
        first, second = (np.nanmedian(found["untold"][key].values[..., k]) for k in (0, 1))
        assert second - first == pytest.approx(-later, abs=0.2)
    assert np.nanmedian(found["told"]["delay"].values) == pytest.approx(1.5, abs=0.3)


def test_an_artery_mixed_with_tissue_shortens_the_transit_time_by_less_than_it_raises_the_volume():
    """Which is what the flag says: the input is broader by its tissue."""
    thing = deconvolution_object(
        DeconvolutionDesign(tr=1.5, n_frames=66, snr=(200.0,), delays=(0.0,), repeats=4, seed=5)
    )
    plan = dsc.Plan(motion=False, leakage="none", hct_small=0.45)
    artery = thing.arterial_delta_r2star_measured
    tissue = -np.log(thing.signal.mean(axis=0) / thing.signal[:, :8].mean()) / thing.te
    volumes, times = [], []
    for share in (1.0, 0.1):
        curve = Curve(thing.times, share * artery + (1 - share) * tissue, "1/s", "made")
        run = dsc.quantify(
            series(thing.signal, thing.times, thing.te), plan, mask=everything(len(thing.signal)), aif=curve
        )
        volumes.append(np.nanmedian(run.maps["cbv"].values))
        times.append(np.nanmedian(run.maps["mtt"].values))
    assert volumes[1] > 3 * volumes[0]
    assert 0.6 * times[0] < times[1] < 0.98 * times[0]


def test_an_arterial_input_that_the_brain_is_reached_before_is_named():
    """The same curve three seconds late, as that of a vein is."""
    thing = deconvolution_object(DeconvolutionDesign(snr=(60.0,), delays=(0.0,)))
    plan = dsc.Plan(motion=False, leakage="none", hct_small=0.45)

    def codes(late):
        values = np.interp(thing.times - late, thing.times, thing.arterial_delta_r2star_measured)
        arterial = Curve(thing.times, values, "1/s", "made")
        brain = everything(thing.signal.shape[0])
        found = dsc.quantify(series(thing.signal, thing.times, thing.te), plan, mask=brain, aif=arterial)
        return {flag.code for flag in found.flags}

    assert "late-arterial-input" in codes(3.0)
    assert "late-arterial-input" not in codes(0.0)
