from dataclasses import replace

import numpy as np
import pytest

from perspect.phantom import Compartment, protocols
from perspect.phantom.agent import agent
from perspect.phantom.dynamic import dsc_signals
from perspect.phantom.kinds import kinds_of
from perspect.phantom.labelled import arterial_label, asl_signals, tissue_label
from perspect.phantom.magnetisation import at_pulses, at_pulses_exchanging, periodic, recovered
from perspect.phantom.mixing import alike, mixing
from perspect.phantom.physics import steady_state
from perspect.phantom.receiver import dephased, magnitude, received
from perspect.phantom.sequence import AT_REST, Injection, Moved, brain_centre, poses
from small_scans import ASL, DCE, DSC, DWI, T2STAR, acquired, mean_in, silent


@pytest.fixture(scope="module")
def patient(coarse_patient):
    return coarse_patient


@pytest.fixture(scope="module")
def dsc(patient):
    return acquired(silent(DSC), patient)


@pytest.fixture(scope="module")
def asl(patient):
    return acquired(silent(ASL), patient)


class TestMagnetisation:
    R1 = np.full((40, 3), 1.0) / np.array([0.9, 1.4, 4.0])

    def test_it_comes_to_the_steady_state_of_the_textbook(self):
        found = np.sin(1.0) * at_pulses(self.R1, 1.0, 1.5, 0)[-1]
        np.testing.assert_allclose(found, steady_state(self.R1[0], 0.0 * self.R1[0], 1.5, 0.0, 1.0), rtol=1e-5)

    def test_the_first_pulse_without_dummies_finds_equilibrium(self):
        np.testing.assert_allclose(at_pulses(self.R1, 1.0, 1.5, 0)[0], 1.0)

    def test_water_that_exchanges_fast_is_mixed_and_water_that_does_not_is_apart(self):
        inside, share = self.R1 + 5.0, np.array([0.02, 0.05, 0.1])
        mixed = at_pulses(share * inside + (1.0 - share) * self.R1, 1.0, 1.5, 10)
        apart = share * at_pulses(inside, 1.0, 1.5, 10) + (1.0 - share) * at_pulses(self.R1, 1.0, 1.5, 10)
        for rate, expected, near in ((1e6, mixed, 1e-4), (0.0, apart, 1e-9)):
            found = at_pulses_exchanging(inside, self.R1, share, rate, 1.0, 1.5, 10)
            np.testing.assert_allclose(found, expected, rtol=near)

    def test_pure_blood_does_not_exchange(self):
        found = at_pulses_exchanging(self.R1, 0.0 * self.R1, np.ones(3), 3.0, 1.0, 1.5, 4)
        np.testing.assert_allclose(found, at_pulses(self.R1, 1.0, 1.5, 4), rtol=1e-9)

    def test_a_period_comes_back_to_itself(self):
        t1 = np.array([0.8, 1.5])
        period = lambda along: recovered(0.2 - 0.9 * recovered(along, 0.7, t1), 1.1, t1)  # noqa: E731
        start = periodic(period, t1)
        np.testing.assert_allclose(period(start), start, rtol=1e-12)


class TestAgent:
    def test_two_injections_add_up(self, patient):
        kinds, times = kinds_of(patient), np.arange(0.0, 90.0, 3.0)
        first, second = Injection(-300.0), Injection(20.0, dose=0.5)
        both = agent(patient.arterial, (first, second), kinds, times)
        alone = [agent(patient.arterial, (one,), kinds, times) for one in (first, second)]
        np.testing.assert_allclose(both.cp, alone[0].cp + alone[1].cp, rtol=1e-9)
        np.testing.assert_allclose(both.arterial, alone[0].arterial + alone[1].arterial, rtol=1e-9)

    def test_arteries_hold_what_comes_and_veins_have_it_later(self, patient):
        kinds, times = kinds_of(patient), np.arange(0.0, 90.0, 1.0)
        carried = agent(patient.arterial, (Injection(10.0),), kinds, times)
        artery, vein = (carried.cp[:, kinds.of(one)].mean(axis=1) for one in (Compartment.ARTERY, Compartment.VEIN))
        np.testing.assert_allclose(artery, carried.arterial, rtol=1e-9)
        assert times[vein.argmax()] > times[artery.argmax()] + 2.0

    def test_without_agent_relaxation_is_that_of_tissue_at_the_field(self, patient):
        weak, strong = kinds_of(patient, 1.5), kinds_of(patient, 3.0)
        none = agent(patient.arterial, (), strong, np.zeros(1))
        np.testing.assert_allclose(none.r1(strong)[0], 1.0 / strong.t1)
        np.testing.assert_allclose(none.r2star(strong)[0], strong.r2star)
        assert np.all(weak.t1 < strong.t1)
        assert np.all(weak.r2star <= strong.r2star)
        np.testing.assert_allclose(weak.kp, strong.kp / 2.0)


class TestImages:
    def test_the_matrix_takes_fractions_of_one_to_one(self, patient):
        kinds = kinds_of(patient)
        gain = np.ones(int(np.prod(patient.grid.shape)), np.float32)
        brain = patient.regions["brain"].places
        full = mixing(patient.parts, kinds, alike(patient.grid), gain) @ np.ones(kinds.n, np.float32)
        np.testing.assert_allclose(full[brain], 1.0, atol=2e-3)

    def test_an_even_field_loses_nothing_and_a_whole_turn_everything(self):
        across = np.zeros((3, 1, 1, 2), np.float32)
        across[2, 0, 0, 1] = 1.0 / (42.577 * 3.0 * 0.03)
        np.testing.assert_allclose(dephased(across, 3.0, 0.03), [1.0, 0.0], atol=1e-5)

    def test_noise_is_rician(self):
        made = magnitude(received(np.full(200_000, 10.0, np.float32), 2.0, np.random.default_rng(1)))
        # the second moment of a Rician magnitude is exact: A² + 2 sigma²; its error here is 0.2 %
        assert np.mean(made.astype(float) ** 2) == pytest.approx(108.0, rel=0.006)

    def test_a_head_that_moved_is_where_the_poses_say(self):
        away = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        assert poses((Moved(2, away),), 5) == [(range(2), AT_REST), (range(2, 5), away)]
        assert poses((Moved(9, away),), 5) == [(range(5), AT_REST)]

    def test_a_slab_is_centred_on_the_brain_and_oblique(self, patient):
        grid = DSC.slab.grid(patient)
        middle = grid.affine @ np.array([*(np.array(grid.shape) - 1.0) / 2.0, 1.0])
        np.testing.assert_allclose(middle[:3] - brain_centre(patient), [0.0, 0.0, DSC.slab.up], atol=1e-9)
        np.testing.assert_allclose(grid.spacing, DSC.slab.voxel)
        assert grid.affine[1, 2] != 0.0

    @pytest.mark.parametrize(
        "scan", [replace(DSC, n_frames=5), replace(DCE, n_frames=5), ASL, DWI, T2STAR, protocols.FLAIR],
        ids=lambda one: one.name,
    )  # fmt: skip
    def test_the_same_seed_gives_the_same_bytes(self, scan, patient):
        first, again = (acquired(scan, patient, 1) for _ in range(2))
        for a, b in zip(first.images, again.images, strict=True):
            assert a.values.tobytes() == b.values.tobytes()

    def test_another_seed_gives_other_noise(self, patient):
        first, other = (acquired(ASL, patient, seed).images[0].values for seed in (1, 2))
        assert np.mean(first != other) > 0.5

    def test_regions_on_the_patients_own_grid_are_the_patients(self, patient):
        assert acquired(protocols.T2W, patient).regions == patient.regions


class TestDsc:
    def test_signal_falls_with_the_bolus_more_in_tumour_than_in_white_matter(self, dsc):
        series, regions = dsc.images[0].values, dsc.regions
        drop = {name: 1.0 - _relative(mean_in(series, regions[name])).min() for name in ("white", "enhancing")}
        assert 0.05 < drop["white"] < drop["enhancing"] < 0.9

    def test_doubling_the_blood_doubles_the_first_pass(self, patient):
        """Without T1 effects, and as far as 0.1 mM of agent outside vessels do not matter."""
        kinds = kinds_of(patient)
        scan = replace(silent(DSC), r1=0.0, injections=(Injection(33.0),))
        carried = agent(patient.arterial, scan.injections, kinds, scan.times)
        added = carried.r2star(kinds) - kinds.r2star
        area = added[:, kinds.of(Compartment.WHITE)].sum(axis=0) / kinds.vp[kinds.of(Compartment.WHITE)]
        relaxivity = kinds.kp[kinds.of(Compartment.WHITE)]
        np.testing.assert_allclose(area / relaxivity, (area / relaxivity)[0], rtol=0.02)

    def test_a_later_slice_sees_the_bolus_earlier_in_its_curve(self, patient):
        """By as much as it is taken later: the lowest point of white matter, between frames by a parabola."""
        kinds = kinds_of(patient)
        at = (DSC.times[:, None] + DSC.slice_times).reshape(-1)
        (signal,) = dsc_signals(DSC, kinds, agent(patient.arterial, DSC.injections, kinds, at))
        white = signal[:, :, kinds.of(Compartment.WHITE)].mean(axis=2)
        lowest = np.array([_lowest(DSC.times, white[:, z]) for z in (0, 7)])
        assert lowest[0] - lowest[1] == pytest.approx(DSC.slice_times[7], abs=0.15)

    def test_the_two_echoes_give_r2star_without_t1(self, patient):
        kinds = kinds_of(patient)
        scan = replace(DSC, te=(0.01, 0.03))
        at = (scan.times[:, None] + scan.slice_times).reshape(-1)
        carried = agent(patient.arterial, scan.injections, kinds, at)
        first, second = (one.reshape(at.size, -1).astype(float) for one in dsc_signals(scan, kinds, carried))
        np.testing.assert_allclose(np.log(first / second) / 0.02, carried.r2star(kinds), rtol=1e-4)
        made = acquired(replace(scan, n_frames=2), patient)
        assert [one.number for one in made.images] == [1, 2]

    def test_the_preload_leaves_agent_that_shortens_t1(self, patient):
        kinds = kinds_of(patient)
        for given, least, most in ((DSC.injections, 0.3, 1.0), (DSC.injections[1:], 0.0, 0.0)):
            carried = agent(patient.arterial, given, kinds, np.zeros(1))
            assert least <= carried.arterial[0] <= most
            shorter = carried.r1(kinds)[0] > 1.0 / kinds.t1
            assert shorter[kinds.of(Compartment.ENHANCING)].all() == (least > 0.0)


class TestDce:
    def test_enhancing_tumour_gains_signal_and_white_matter_hardly(self, patient):
        made = acquired(silent(DCE), patient)
        series = made.images[0].values
        assert _relative(mean_in(series, made.regions["enhancing"]))[-1] > 1.3
        assert _relative(mean_in(series, made.regions["white"]))[-1] < 1.1

    def test_t1_comes_back_from_the_flip_angles_with_the_map_of_them(self, patient):
        """A straight line of S/sin against S/tan (Fram et al. 1987); pure voxels, where T1 is not a mean of several.
        The map of the flip angle has an error of 1 %, twice in T1, over the voxels of the region."""
        made = acquired(silent(DCE), patient)
        flips = np.stack([one.values for one in made.images if one.kind == "vfa"], axis=-1)
        b1 = next(one.values for one in made.images if one.kind == "b1")
        region = made.regions["white"]
        for angle, near in ((b1, 0.02), (np.ones_like(b1), None)):
            alpha = angle[region.mask][:, None] * np.array(DCE.flip_angles)
            signal = flips[region.mask]
            x, y = signal / np.tan(alpha), signal / np.sin(alpha)
            dx, dy = x - x.mean(axis=1, keepdims=True), y - y.mean(axis=1, keepdims=True)
            t1 = -DCE.tr / np.log((dx * dy).sum(axis=1) / (dx * dx).sum(axis=1))
            off = abs(np.median(t1) / np.median(made.truth["t1"][region.mask]) - 1.0)
            assert off < near if near is not None else off > 0.03


class TestAsl:
    def test_nothing_arrives_before_its_time_and_all_decays_afterwards(self):
        since = np.array([0.5, 1.2, 2.0, 3.2, 30.0])[:, None]
        flow, transit, t1 = np.array([0.01]), np.array([1.0]), np.array([1.3])
        for is_pulsed in (False, True):
            label = tissue_label(since, flow, transit, t1, 1.65, 1.0, partition=0.9, is_pulsed=is_pulsed)[:, 0]
            assert label[0] == 0.0
            assert 0.0 < label[1] < label[2]
            assert label[4] < 1e-6

    def test_without_relaxation_the_label_is_flow_times_duration(self):
        """And times 1 - exp(-flow t / partition) / ..., which 1e-5 of flow makes invisible."""
        for is_pulsed in (False, True):
            label = tissue_label(
                np.array([[4.0]]), np.array([1e-5]), np.array([1.0]), np.array([1e6]), 1e6, 1.8, partition=1.0,
                is_pulsed=is_pulsed,
            )  # fmt: skip
            assert label[0, 0] == pytest.approx(1.8e-5, rel=1e-4)

    def test_pulsed_and_continuous_label_agree_when_blood_and_tissue_relax_alike(self):
        """Then all that matters is when blood was labelled: continuous label is a row of pulses."""
        flow, transit, t1 = np.array([1e-6]), np.array([0.9]), np.array([1.65])
        read, duration, step = 3.6, 1.8, 0.001
        continuous = tissue_label(np.array([[read]]), flow, transit, t1, 1.65, duration, partition=1.0)[0, 0]
        labelled = np.arange(step / 2, duration, step)
        arrived = labelled + transit < read
        expected = flow[0] * step * (np.exp(-(read - labelled) / 1.65) * arrived).sum()
        assert continuous == pytest.approx(expected, rel=1e-3)

    def test_arteries_show_label_only_while_it_passes(self):
        since = np.array([0.3, 0.6, 2.2, 2.4])[:, None]
        np.testing.assert_array_equal(
            arterial_label(since, np.array([0.5]), 1.65, 1.8)[:, 0] > 0, [False, True, True, False]
        )

    def test_suppression_leaves_little_of_what_waits_and_all_of_the_label_but_two_inversions(self, patient):
        kinds = kinds_of(patient)
        with_it, without = asl_signals(ASL, kinds), asl_signals(replace(ASL, inversions=()), kinds)
        brain = kinds.are(Compartment.GREY, Compartment.WHITE)
        assert np.abs(with_it[0, 0, 1, brain]).max() < 0.15 * without[0, 0, 1, brain].min()
        control, label = 0, 1
        difference = (with_it[control] - with_it[label])[0, 1, brain]
        expected = ASL.inversion**2 * (without[control] - without[label])[0, 1, brain]
        np.testing.assert_allclose(difference, expected, rtol=1e-3)

    def test_tumour_gives_more_label_than_white_matter(self, asl):
        series = asl.images[0].values
        difference = (series[..., 0::2] - series[..., 1::2]).mean(axis=-1)
        level = {name: difference[asl.regions[name].mask].mean() for name in ("white", "enhancing")}
        assert 0.0 < level["white"] < level["enhancing"]

    def test_veins_give_no_label(self, patient):
        kinds = kinds_of(patient)
        signal = asl_signals(ASL, kinds)
        difference = (signal[0] - signal[1])[:, 1]
        assert np.all(difference[:, kinds.of(Compartment.VEIN)] == 0.0)
        assert np.all(difference[:, kinds.of(Compartment.GREY)] > 0.0)

    def test_the_consensus_formula_recovers_the_flow_of_grey_matter(self, patient):
        """Alsop et al. 2015 without slice timing, T1 of tissue as of blood, no arteries: within 6 %, most of it label
        that has not yet arrived or has left."""
        scan = replace(silent(ASL), slice_time=None, inversions=(), n_pairs=1, efficiency=1.0)
        kinds = kinds_of(patient)
        kinds = replace(kinds, t1=np.full(kinds.n, 1.65))
        signal = asl_signals(scan, kinds)
        grey = kinds.of(Compartment.GREY)
        difference = (signal[0] - signal[1])[0, 1, grey]
        m0_blood = 0.84 * np.exp(-scan.te / kinds.t2[grey])
        flow = difference * np.exp(1.8 / 1.65) / (2.0 * 1.65 * m0_blood * (1.0 - np.exp(-1.8 / 1.65)))
        np.testing.assert_allclose(flow, (kinds.vp / kinds.mtt)[grey], rtol=0.06)

    def test_later_slices_have_waited_longer(self, patient):
        kinds = kinds_of(patient)
        signal = asl_signals(replace(ASL, inversions=()), kinds)
        difference = (signal[0] - signal[1])[:, 1, kinds.of(Compartment.GREY)].mean(axis=1)
        assert np.all(np.diff(difference) < 0)


class TestConventional:
    @pytest.mark.parametrize(
        ("scan", "brighter", "darker"),
        [
            (protocols.T1W, "white", "grey"),
            (protocols.T1W, "grey", "csf"),
            (protocols.T2W, "csf", "grey"),
            (protocols.T2W, "grey", "white"),
            (protocols.FLAIR, "oedema", "white"),
            (protocols.FLAIR, "white", "csf"),
            (protocols.T1C, "enhancing", "white"),
        ],
        ids=lambda one: one if isinstance(one, str) else one.name,
    )
    def test_contrasts_are_those_of_the_clinic(self, scan, brighter, darker, patient):
        image = acquired(silent(scan), patient).images[0].values
        assert image[patient.regions[brighter].mask].mean() > 1.1 * image[patient.regions[darker].mask].mean()

    def test_agent_brightens_what_leaks_and_nothing_else(self, patient):
        before, after = (acquired(silent(one), patient).images[0].values for one in (protocols.T1W, protocols.T1C))
        gain = {name: _ratio(after, before, patient.regions[name].mask) for name in ("enhancing", "white", "oedema")}
        relative = {name: one / gain["white"] for name, one in gain.items()}
        assert relative["enhancing"] > 1.3
        assert relative["oedema"] == pytest.approx(1.0, abs=0.1)

    def test_the_map_of_adc_holds_the_truth(self, patient):
        made = acquired(silent(DWI), patient)
        adc = made.images[1].values
        for name in ("white", "enhancing"):
            inside = made.regions[name].mask
            np.testing.assert_allclose(np.median(adc[inside]), np.median(made.truth["adc"][inside]), rtol=0.03)

    def test_what_is_true_on_the_grid_of_a_scan_is_what_it_is_weighted_by(self, patient):
        assert set(acquired(DWI, patient).truth) == {"t1", "t2", "adc"}
        assert set(acquired(T2STAR, patient).truth) == {"t1", "t2", "r2star"}

    def test_a_gradient_echo_falls_by_its_true_r2star(self, patient):
        """Necrosis against white matter, which sets the scale of both; in an even field."""
        even = replace(patient, field_offset=np.zeros_like(patient.field_offset))
        early, late = (acquired(replace(silent(T2STAR), te=te), even) for te in (0.002, 0.022))
        fallen = -np.log(np.maximum(late.images[0].values, 1.0) / np.maximum(early.images[0].values, 1.0)) / 0.020
        found, true = (
            np.median(values[late.regions["necrosis"].mask]) - np.median(values[late.regions["white"].mask])
            for values in (fallen, late.truth["r2star"])
        )
        assert true < -8.0
        assert found == pytest.approx(true, rel=0.03)

    def test_the_phase_turns_with_the_field(self, patient):
        made = acquired(silent(T2STAR), patient)
        phase = made.images[1].values
        assert -np.pi - 1e-5 <= phase.min() < -2.0
        assert 2.0 < phase.max() <= np.pi + 1e-5

    def test_noise_turns_the_phase_by_its_share_of_the_signal_and_at_random_where_there_is_none(self, patient):
        clean, noisy = (acquired(one, patient) for one in (silent(T2STAR), replace(T2STAR, snr=20.0)))
        size = clean.images[0].values.astype(float)
        turned = np.angle(np.exp(1j * (noisy.images[1].values - clean.images[1].values)))
        inside = noisy.regions["white"].mask & (size > 500.0)
        # noise of 1000/20 across a signal of several hundred: an angle of their ratio, to first order
        np.testing.assert_allclose((turned * size)[inside].std(), 50.0, rtol=0.03)
        in_air = size == 0.0
        np.testing.assert_allclose(turned[in_air].std(), np.pi / np.sqrt(3.0), rtol=0.01)  # even over a turn

    def test_magnitude_and_phase_are_of_one_signal(self, patient):
        """Its real and its imaginary part have the same noise, and neither knows of the other's."""
        clean, noisy = (acquired(replace(T2STAR, snr=snr, is_rounded=False), patient).images for snr in (np.inf, 20.0))
        true, made = (size.values * np.exp(1j * phase.values.astype(float)) for size, phase in (clean, noisy))
        noise = (made - true)[::2, ::2, ::2].ravel()
        np.testing.assert_allclose([noise.real.std(), noise.imag.std()], 50.0, rtol=0.01)
        assert abs(np.mean(noise)) < 1.0
        assert abs(np.corrcoef(noise.real, noise.imag)[0, 1]) < 0.02


def _relative(curve):
    return curve / curve[2:5].mean()


def _ratio(after, before, mask):
    return (after[mask] / before[mask]).mean()


def _lowest(times, curve):
    """The lowest point of a curve, between its samples."""
    at = int(curve.argmin())
    a, b, c = curve[at - 1 : at + 2]
    return times[at] + 0.5 * (times[1] - times[0]) * (a - c) / (a - 2.0 * b + c)
