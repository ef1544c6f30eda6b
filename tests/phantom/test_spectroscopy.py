"""Spectra of a virtual patient: what is in the box is in the signal, and each part of the physics is seen in it."""

from dataclasses import replace

import numpy as np
import pytest

from perspect.phantom import SCENARIOS, Compartment
from perspect.phantom.biology import WHITE_AMOUNTS
from perspect.phantom.emission import bands
from perspect.phantom.encoding import encoded, spread_of
from perspect.phantom.kinds import kinds_of
from perspect.phantom.metabolites import Timing, metabolite_signals, molecules_of, water_signals
from perspect.phantom.patient import levels_of
from perspect.phantom.protocols import MRSI, SVS_LONG, SVS_SHORT
from perspect.phantom.selection import Selection, best_place
from perspect.phantom.truth import SUMS, amounts, truth
from perspect.vocabulary import Grid

SHORT = replace(SVS_SHORT, n_points=512, n_averages=2, n_coils=2)
CLEAN = replace(SHORT, snr=np.inf, water_left=0.0, bend=0.0, phase=0.0, wander=0.0, n_averages=1, n_coils=1)


@pytest.fixture(scope="module")
def patient(coarse_patient):
    return coarse_patient


def test_an_unknown_molecule_is_an_error():
    with pytest.raises(ValueError, match="no molecule 'NAAX'"):
        molecules_of({"NAAX": np.ones(12)})


@pytest.mark.parametrize("one", SCENARIOS, ids=lambda one: one.name)
def test_every_amount_of_every_compartment_is_a_signal(one):
    for biology in one.biology.values():
        found = molecules_of(levels_of(biology).amounts)
        assert bool(found) == bool(biology.amounts)


def test_only_one_voxel_bends_its_phase():
    """A grid has no eddy currents: it takes no parameter that would do nothing."""
    assert SVS_SHORT.bend > 0
    with pytest.raises(TypeError, match="bend"):
        replace(MRSI, bend=0.5)


def test_the_parts_by_chemical_shift_are_together_the_whole(patient):
    kinds = kinds_of(patient)
    pure = metabolite_signals(patient, kinds, SHORT.timing, np.random.default_rng(0))
    whole = sum(part for _, part in bands(pure, SHORT))
    np.testing.assert_allclose(whole, pure, atol=1e-5 * np.abs(pure).max())


def test_lactate_is_upside_down_at_144_ms_and_upright_at_30(patient):
    kinds = kinds_of(patient)
    dead = kinds.of(Compartment.NECROSIS)

    def doublet(scan, rng):
        found = metabolite_signals(patient, kinds, scan.timing, rng)[dead].mean(axis=0)
        spectrum = np.fft.fft(found * np.exp(-15.0 * scan.timing.times))
        ppm = 4.65 - np.fft.fftfreq(scan.n_points, scan.dwell) / 123.2
        # the singlet of choline says which way is up; lipid is gone from neither, so the far side of the doublet counts
        return spectrum.real[np.abs(ppm - 1.36) < 0.02].min() / spectrum.real[np.abs(ppm - 3.2) < 0.03].max()

    without = replace(SVS_LONG, n_points=1024)
    assert doublet(without, np.random.default_rng(1)) < 0.0
    assert doublet(replace(SVS_SHORT, n_points=1024), np.random.default_rng(1)) > 0.0


def test_water_of_fluid_outlives_that_of_white_matter(patient):
    kinds = kinds_of(patient)
    found = np.abs(water_signals(kinds, replace(SVS_LONG, n_points=8).timing)[:, 0]) / kinds.spins
    assert found[kinds.of(Compartment.CSF)].mean() > 2.5 * found[kinds.of(Compartment.WHITE)].mean()


def test_true_amounts_are_those_of_the_tissue(patient):
    white = patient.regions["white"]
    places = np.argwhere(white.mask)
    centre = (patient.grid.affine @ [*places[len(places) // 2], 1.0])[:3]
    affine = np.diag([1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = centre
    found = float(amounts(patient, SUMS, Grid((1, 1, 1), affine))["tnaa"][0, 0, 0])
    low, high = (WHITE_AMOUNTS["NAA"][i] + WHITE_AMOUNTS["NAAG"][i] for i in (0, 1))
    assert 0.9 * low < found < high


def test_the_first_point_is_what_is_in_the_box(patient):
    """Before anything turns or decays, the signal is the sum of protons: the water of the box, selected whole."""
    sharp = replace(CLEAN, bandwidth=1e9)
    reference = sharp.acquire(patient, np.random.default_rng(0)).signals[1].spectra
    seen = abs(reference.values[0, 0, 0, 0, 0])
    kinds = kinds_of(patient)
    water = np.abs(water_signals(kinds, sharp.timing)[:, 0])
    assert water.min() < seen < water.max()
    twice = replace(sharp, size=(10.0, 10.0, 10.0)).acquire(patient, np.random.default_rng(0)).signals[1].spectra
    assert abs(twice.values[0, 0, 0, 0, 0]) == pytest.approx(seen, rel=0.25)  # per volume, not per box


def test_a_box_moves_against_the_shift_and_keeps_its_volume():
    lattice = Grid((40, 40, 40), np.diag([1.0, 1.0, 1.0, 1.0]))
    centre, size = np.array([20.0, 20.0, 20.0]), np.array([16.0, 16.0, 16.0])
    narrow = Selection(replace(SHORT, bandwidth=900.0), lattice, centre, size)
    places = np.indices(lattice.shape).reshape(3, -1, order="F")[0]
    boxes = [narrow.of(ppm) for ppm in (2.5, 1.3)]
    assert boxes[0].sum() == pytest.approx(16.0**3, rel=0.02)
    assert boxes[1].sum() == pytest.approx(boxes[0].sum(), rel=0.02)
    means = [np.average(places, weights=box) for box in boxes]
    assert means[1] - means[0] == pytest.approx(16.0 * 1.2 * 123.2 / 900.0, abs=0.1)


def test_the_voxel_lies_in_the_lesion_and_spares_its_necrosis(patient):
    centre = best_place(patient, (20.0, 20.0, 20.0))
    affine = np.diag([20.0, 20.0, 20.0, 1.0])
    affine[:3, 3] = centre
    inside = {key: float(truth(patient, key, Grid((1, 1, 1), affine))[0, 0, 0]) for key in ("enhancing", "necrosis")}
    middle = patient.regions["necrosis"].places
    assert middle.size
    assert inside["enhancing"] > 0.35
    assert inside["enhancing"] > inside["necrosis"]


@pytest.mark.parametrize("has_window", [True, False])
def test_encoding_leaves_an_even_object_as_it_is(has_window):
    spread = spread_of(8, 4, has_window=has_window)
    np.testing.assert_allclose(spread.sum(axis=1), 1.0, atol=1e-12)
    even = np.ones((32, 32, 1), complex)
    np.testing.assert_allclose(encoded(even, spread, spread), 1.0, atol=1e-12)


def test_a_window_lowers_the_ringing_of_a_bright_rim():
    rim = np.zeros((64, 1))
    rim[4:6] = 1.0
    rings = [np.abs(spread_of(16, 4, has_window=one) @ rim)[5:].max() for one in (False, True)]
    assert rings[1] < 0.25 * rings[0]


def test_scalp_fat_rings_into_the_brain_unless_it_is_spared(patient):
    grid = replace(MRSI, n=8, voxel=(22.0, 22.0, 20.0), pieces=3, n_points=256, snr=np.inf, water_left=0.0)
    near, far = (
        replace(grid, box=box, spared=spared).acquire(patient, np.random.default_rng(0))
        for box, spared in (((400.0, 400.0), 1.0), ((110.0, 130.0), 0.002))
    )
    inside = near.regions["brain"].mask
    sizes = [np.abs(one.signals[0].spectra.values[inside][:, 0]).max() for one in (near, far)]
    assert sizes[0] > 5 * sizes[1]


SMALL_GRID = replace(MRSI, n=8, voxel=(22.0, 22.0, 20.0), pieces=3, n_points=256, snr=np.inf, water_left=0.0, phase=0.0)


def test_the_water_of_a_grid_belongs_to_its_spectra(patient):
    spectra, reference = SMALL_GRID.acquire(patient, np.random.default_rng(0)).signals
    assert (spectra.kind, reference.kind) == ("mrsi", "mrsref")
    assert spectra.spectra.grid.matches(reference.spectra.grid)
    size = np.abs(reference.spectra.values[..., 0])
    assert size[4, 4, 0] > 10 * size[0, 0, 0]  # a hundredth of the box is excited, and a window has a foot


def test_what_is_seen_of_a_grid_is_what_its_signal_holds(patient):
    """In all as much as is there, but elsewhere than in boxes: their truth is not what the grid shows."""
    seen = SMALL_GRID.seen(patient)
    boxes = amounts(patient, SUMS, SMALL_GRID.acquire(patient, np.random.default_rng(0)).grid)
    inside = seen["selected"] > 0.9
    assert inside.any() and 0.9 < seen["selected"][inside].mean() < 1.2
    total = seen["tnaa"][inside].sum() / boxes["tnaa"][inside].sum()
    assert total == pytest.approx(1.0, abs=0.1)
    assert np.abs(seen["tnaa"] - boxes["tnaa"])[inside].max() > 0.3


NARROW = replace(SMALL_GRID, voxel=(10.0, 10.0, 20.0), n=16, box=(80.0, 80.0), bandwidth=1000.0, spared=0.0)


def test_every_line_of_a_grid_is_selected_in_a_slice_of_its_own_and_loses_nothing_by_it(patient):
    """The lattice is thicker than the slice by as much as slices may lie apart."""
    drawn = NARROW._drawn(patient)[1]
    layers = [drawn.of(ppm).reshape(drawn.lattice.shape, order="F").sum(axis=(0, 1)) for ppm in (2.5, 1.3, 4.65)]
    for one in layers:
        assert one.sum() == pytest.approx(layers[0].sum(), rel=0.02)
    assert np.argmax(layers[2]) < np.argmax(layers[1])


def test_a_box_of_a_grid_lies_elsewhere_for_every_line_by_the_ratio_of_offset_and_bandwidth(patient):
    """Where choline ends and where NAA does, along both directions of the slice."""
    drawn = NARROW._drawn(patient)[1]
    shape = drawn.lattice.shape
    boxes = [drawn.of(ppm).reshape(shape, order="F").sum(axis=2) for ppm in (3.1, 2.1)]
    for axis in (0, 1):
        middles = [np.average(np.arange(shape[axis]), weights=box.sum(axis=1 - axis)) for box in boxes]
        apart = (middles[1] - middles[0]) * drawn.lattice.spacing[axis]
        assert apart == pytest.approx(80.0 * 1.0 * 123.2 / 1000.0, abs=0.3)


def test_what_selects_the_slice_alone_selects_alike_within_it(patient):
    drawn = replace(NARROW, box=None)._drawn(patient)[1]
    for ppm in (1.3, 3.1):
        plane = drawn.of(ppm).reshape(drawn.lattice.shape, order="F").sum(axis=2)
        np.testing.assert_allclose(plane, plane[0, 0])


def test_the_header_of_a_grid_says_where_its_pulses_select(patient):
    """The box as an affine of one voxel, Hz along its edges (none where no pulse selects), the offset from water."""
    said = NARROW.acquire(patient, np.random.default_rng(0)).signals[0].spectra.header
    np.testing.assert_allclose(np.diag(said["VOI"])[:3], [80.0, 80.0, 20.0])
    assert said["PulseBandwidth"] == [1000.0, 1000.0, 1000.0]
    assert said["TxOffset"] == pytest.approx(2.5 - 4.65)
    slab = replace(NARROW, box=None, readout=500.0).acquire(patient, np.random.default_rng(0)).signals[1].spectra.header
    assert slab["PulseBandwidth"] == [0.0, 0.0, 1000.0] and slab["ReadoutBandwidthPerVoxel"] == [500.0, 0.0, 0.0]


def test_what_is_read_lies_displaced_along_its_own_direction_only(patient):
    """At 200 Hz a voxel NAA lies (4.65 - 2.01) · 123.2 / 200 voxels before where it is; with phase-encoding nowhere."""
    whole = replace(NARROW, voxel=(16.0, 16.0, 20.0), box=None, spared=0.0)
    places = [replace(whole, readout=readout).seen(patient)["tnaa"][..., 0] for readout in (0.0, 200.0)]
    middle = [[np.average(np.arange(16), weights=one.sum(axis=1 - axis)) for axis in (0, 1)] for one in places]
    ppm = 2.075  # the middle of what is selected together with it
    assert middle[1][0] - middle[0][0] == pytest.approx((ppm - 4.65) * 123.2 / 200.0, abs=0.1)
    assert middle[1][1] == pytest.approx(middle[0][1], abs=0.01)


def test_without_an_echo_lines_dephase_from_excitation_on(patient):
    """Pulse and acquire: a line of NAA has turned by 2π · 325 Hz · 2 ms at the first point, and water by nothing."""
    timing = Timing(0.002, 0.0, 2.0, 123.2e6, 1 / 2000, 256)
    kinds = kinds_of(patient)
    signal = metabolite_signals(patient, kinds, timing, np.random.default_rng(0))[kinds.of(Compartment.WHITE)][0]
    echo = metabolite_signals(patient, kinds, replace(timing, te=0.030, te1=0.011), np.random.default_rng(0))
    ppm = 4.65 - np.fft.fftfreq(256, 1 / 2000) / 123.2
    at = int(np.argmin(np.abs(ppm - 2.01)))
    turned = np.fft.fft(signal)[at] / np.fft.fft(echo[kinds.of(Compartment.WHITE)][0])[at]
    assert np.angle(turned * np.exp(-2j * np.pi * 2.64 * 123.2 * 0.002)) == pytest.approx(0.0, abs=0.3)


def test_the_same_seed_gives_the_same_spectrum_and_another_another(patient):
    one, same, other = (SHORT.acquire(patient, np.random.default_rng(seed)) for seed in (4, 4, 5))
    values = [each.signals[0].spectra.values for each in (one, same, other)]
    np.testing.assert_array_equal(values[0], values[1])
    assert not np.allclose(values[0], values[2])
