import numpy as np
import pytest

import objects
from perspect.phantom import ArterialInput, DeconvolutionDesign, Shape, deconvolution_object, single_pass, tissue_curves

FINE = np.arange(0.0, 120.0, 0.2)
FLOWS = [(f / 6000.0, 0.04, shape) for f in (20.0, 60.0) for shape in Shape]


def test_the_area_of_tissue_is_its_volume_times_the_area_of_the_artery():
    curves = tissue_curves(single_pass(), FINE, FLOWS)
    # MTT up to 12 s: 102 s after the mean of the bolus an exponential still holds e^-8.5 = 2e-4 of its area.
    np.testing.assert_allclose(np.trapezoid(curves, FINE) / np.trapezoid(single_pass()(FINE), FINE), 0.04, rtol=1e-3)


@pytest.mark.parametrize("shape", list(Shape))
def test_a_short_injection_shows_the_residue_function(shape):
    # A bolus 0.2 s wide and of area 1: 6 e³/27 is the area of a gamma bolus of width and peak 1.
    brief = ArterialInput(onset=5.0, peak=27.0 / (6.0 * np.exp(3.0) * 0.05), width=0.05, recirculation=0.0, tail=0.0)
    cbf, cbv = 0.01, 0.06
    times = np.array([7.0, 9.0, 10.0, 13.0, 15.5, 20.0])
    since = (times - 5.2) / 6.0  # the bolus is 0.2 s late in the mean: four widths
    expected = {
        Shape.EXPONENTIAL: np.exp(-since),
        Shape.BOX: (since < 1.0) * 1.0,
        Shape.GAMMA: np.exp(-3 * since) * (1 + 3 * since + 4.5 * since**2),
        Shape.LINEAR: np.maximum(1.0 - since / 2.0, 0.0),
    }[shape]
    curve = tissue_curves(brief, times, [(cbf, cbv, shape)])[0]
    # The bolus has a variance of 0.01 s²: half of that times the curvature of R, below 0.03/s², is 2e-4; its 0.2 s are
    # ten steps of the convolution, which adds 1e-3.
    np.testing.assert_allclose(curve / cbf, expected, atol=2e-3)


def test_mtt_is_volume_over_flow():
    made = deconvolution_object(DeconvolutionDesign(repeats=1))
    np.testing.assert_allclose(made.mtt, made.cbv / made.cbf)


def test_a_delay_of_whole_frames_shifts_the_curve():
    made = deconvolution_object(
        DeconvolutionDesign(
            tr=1.5, delays=(0.0, 3.0), repeats=1, snr=(np.inf,), shapes=(Shape.GAMMA,), flow_and_volume=((0.01, 0.04),)
        )
    )
    on_time, late = made.delta_r2star
    np.testing.assert_allclose(late[2:], on_time[:-2], atol=1e-9 * on_time.max())


def test_a_negative_delay_arrives_before_the_artery_and_rest_ends_before_it():
    made = deconvolution_object(DeconvolutionDesign(delays=(-3.0, 0.0), repeats=1, snr=(np.inf,)))
    np.testing.assert_allclose(made.delta_r2star[:, made.rest], 0.0, atol=1e-12)
    assert made.times[made.rest.stop - 1] < made.onset - 3.0 <= made.times[made.rest.stop]


def test_dispersion_keeps_the_area_and_lowers_the_peak():
    kinds = [(0.01, 0.04, Shape.EXPONENTIAL)]
    sharp = tissue_curves(single_pass(), FINE, kinds)[0]
    spread = tissue_curves(single_pass(), FINE, kinds, dispersion=3.0)[0]
    np.testing.assert_allclose(np.trapezoid(spread, FINE), np.trapezoid(sharp, FINE), rtol=1e-4)
    assert spread.max() < 0.9 * sharp.max()
    # The mean of an exponential spread is its own mean time.
    first_moment = [np.trapezoid(c * FINE, FINE) / np.trapezoid(c, FINE) for c in (sharp, spread)]
    np.testing.assert_allclose(first_moment[1] - first_moment[0], 3.0, atol=0.01)


def test_grey_matter_loses_forty_per_cent_of_its_signal():
    made = deconvolution_object(DeconvolutionDesign(
        tr=0.25, n_frames=240, te=0.04, snr=(np.inf,), repeats=1, shapes=(Shape.EXPONENTIAL,),
        flow_and_volume=((0.01, 0.04),), rest_signal=(500.0, 500.0),
    ))  # fmt: skip
    # Samples every 0.25 s miss the peak by up to 0.125 s: 1e-3 of it.
    np.testing.assert_allclose(made.signal.min() / 500.0, 0.6, rtol=1e-3)


def test_the_time_of_a_frame_alone_decides_its_value():
    times = np.sort(np.random.default_rng(2).uniform(0.0, 80.0, 70))
    settings = {"repeats": 1, "snr": (np.inf,), "delays": (1.3,)}
    uneven = deconvolution_object(DeconvolutionDesign(times=times, **settings))
    merged = np.unique(np.concatenate([times, np.arange(0.0, 80.0)]))
    every = deconvolution_object(DeconvolutionDesign(times=merged, **settings))
    # Steps of the convolution begin at the frame, whatever the others are.
    np.testing.assert_allclose(
        uneven.delta_r2star, every.delta_r2star[:, np.isin(merged, times)], atol=1e-6 * every.delta_r2star.max()
    )


def test_stated_snr_is_found_at_rest():
    made = deconvolution_object(DeconvolutionDesign(snr=(20.0, 100.0), repeats=40, tr=1.0, n_frames=40))
    rest = made.signal[:, made.rest]
    ratio = rest.mean(axis=1) / rest.std(axis=1, ddof=1)
    for snr in (20.0, 100.0):
        # The standard deviation of 12 samples is biased by 1/(4·11) = 2 %; a median of 2,240 voxels scatters by < 1 %.
        assert abs(np.median(ratio[made.snr == snr]) / snr - 1.02) < 0.03


def test_the_same_seed_gives_the_same_bytes_and_time_is_slowest_in_memory():
    first, again, other = (deconvolution_object(DeconvolutionDesign(repeats=2, seed=seed)) for seed in (5, 5, 6))
    assert first.signal.tobytes() == again.signal.tobytes() != other.signal.tobytes()
    assert first.signal.flags.f_contiguous and first.signal.dtype == np.float32


def test_the_measured_arterial_curve_is_on_the_scale_of_tissue():
    made = deconvolution_object(DeconvolutionDesign(arterial_snr=1e6, repeats=1))
    # SNR 1e6 at rest; at the peak a third of the signal is left, and 1/(TE·scale) = 556 multiplies its relative noise.
    np.testing.assert_allclose(made.arterial_delta_r2star_measured, made.arterial_delta_r2star, atol=0.01)


@pytest.mark.parametrize("tr", ["1", "1.5"])
def test_the_shared_object_without_noise_is_reproduced(shared_data, tr):
    shared = objects.deconvolution_set(shared_data, tr)
    # Their bolus is (t-t0)³ exp(-(t-t0)/1.5) with the peak 4.5³ e^-3.
    comes = single_pass(onset=shared.onset, peak=4.5**3 * np.exp(-3.0))
    clean = np.isinf(shared.snr)
    worst = dict.fromkeys(Shape, 0.0)
    for cbf, cbv, delay in sorted(set(zip(shared.cbf[clean], shared.cbv[clean], shared.delay[clean], strict=True))):
        ours = deconvolution_object(DeconvolutionDesign(
            times=shared.times, te=shared.te, snr=(np.inf,), flow_and_volume=((cbf, cbv),), delays=(delay,),
            shapes=(Shape.EXPONENTIAL, Shape.BOX, Shape.GAMMA), repeats=1, arterial=comes,
        ))  # fmt: skip
        for shape, curve in zip(ours.shape, ours.delta_r2star, strict=True):
            same = clean & (shared.cbf == cbf) & (shared.cbv == cbv) & (shared.delay == delay) & (shared.shape == shape)
            theirs = shared.signal[same][0].astype(float)
            theirs = -np.log(theirs / theirs[0]) / shared.te
            # Where tissue comes before the artery, their last frames are held instead of computed: left out.
            made = shared.times <= shared.times[-1] + delay
            worst[shape] = max(worst[shape], np.abs(curve - theirs)[made].max() / theirs.max())
    # They convolve on steps of 0.05 s. A box that ends between two is up to half a step long or short, of an MTT of
    # 3.4 s and more; smooth residues differ by the interpolation of the bolus, 0.05²/8 of a curvature below 0.5/s².
    assert worst[Shape.BOX] < 0.025 / 3.4
    assert worst[Shape.EXPONENTIAL] < 1.6e-4
    assert worst[Shape.GAMMA] < 1.6e-4


@pytest.mark.parametrize("tr", ["1", "1.5"])
def test_the_shared_arterial_curve_is_reproduced(shared_data, tr):
    shared = objects.deconvolution_set(shared_data, tr)
    comes = single_pass(onset=shared.onset, peak=4.5**3 * np.exp(-3.0))
    ours = deconvolution_object(DeconvolutionDesign(times=shared.times, te=shared.te, repeats=1, arterial=comes))
    # The amount of agent is found from the peak of a curve sampled every 0.05 s: 1e-5 of it.
    np.testing.assert_allclose(ours.arterial_signal_clean, shared.arterial_signal, rtol=1e-4)
