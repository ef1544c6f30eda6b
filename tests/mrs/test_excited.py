"""What the pulses of a spectroscopic image excite, and voxels that show two lines unequally."""

from dataclasses import replace

import numpy as np
import pytest

from mrs_made import DWELL, FREQUENCY, HEALTHY, N, basis, spectrum, water
from patients import coarser, scenario
from perspect import mrs
from perspect.io.templates import icbm_2009a
from perspect.models.spins import Press, PulseAcquire
from perspect.mrs import Excited
from perspect.mrs.excited import PARTS
from perspect.mrs.profile import OF_TUMOURS, USUAL
from perspect.mrs.signals import simulated_basis
from perspect.mrs.uneven import LINES, OUTSIDE, UNLIKE, alike, readout_flags, unequal
from perspect.phantom import virtual_patient
from perspect.phantom.localised import CARRIER
from perspect.phantom.protocols import MRSI
from perspect.vocabulary import Grid, Problem, Region, Severity, Spectra, Status
from perspect.vocabulary.spectra import WATER

GRID = Grid((16, 16, 1), np.array([[10.0, 0, 0, -75], [0, 10.0, 0, -75], [0, 0, 15.0, 20], [0, 0, 0, 1.0]]))
BOX = np.array([[80.0, 0, 0, 0], [0, 80.0, 0, 0], [0, 0, 15.0, 20], [0, 0, 0, 1.0]])
CHO, NAA = LINES["tCho"], LINES["tNAA"]
WIDE = (1e12, 1e12, 1e12)
NARROW = (1000.0, 1000.0, 1000.0)
ANY = ("none", "hamming")


def excited(bandwidths=NARROW, carrier=2.6, **more):
    return Excited(BOX, bandwidths, carrier, 123.2e6, **more)


def middle(share, axis):
    """Where the middle of what is excited lies along an axis, in voxels."""
    return np.average(np.arange(share.shape[axis]), weights=share.sum(axis=tuple(k for k in range(3) if k != axis)))


def test_with_endless_bandwidth_every_line_is_excited_in_the_planned_box():
    for ppm in (CHO, NAA, WATER):
        share = excited(WIDE).shares(GRID, ppm)
        np.testing.assert_allclose(share[4:12, 4:12], 1.0, atol=1e-6)
        assert share.sum() == pytest.approx(64.0)
    assert not unequal(excited(WIDE), GRID, ANY, "").reasons[UNLIKE].any()


def test_a_box_lies_off_by_the_ratio_of_offset_and_bandwidth_times_its_edge():
    """0.6 ppm at 123.2 MHz are 73.9 Hz: of 1000 Hz and 80 mm 5.9 mm, towards the rising gradient for lower ppm."""
    off = middle(excited().shares(GRID, 2.0), 0) - middle(excited(WIDE).shares(GRID, 2.0), 0)
    assert off * 10.0 == pytest.approx(0.6 * 123.2 / 1000.0 * 80.0, abs=1e-6)
    back = middle(excited((-1000.0, 1000.0, 1000.0)).shares(GRID, 2.0), 0)
    assert back - 7.5 == pytest.approx(-off)


def test_at_its_edge_a_voxel_holds_as_much_of_a_line_as_the_box_reaches_into_it():
    """Choline at 3.2 ppm lies 5.9 mm towards the front of the grid: half of the next voxel, and not of the last."""
    share = excited().shares(GRID, 3.2)
    off = 0.6 * 123.2 / 1000.0 * 8.0
    np.testing.assert_allclose(share[3, 7, 0], off, atol=1e-9)
    np.testing.assert_allclose(share[11, 7, 0], 1.0 - off, atol=1e-9)
    np.testing.assert_allclose(share[5:10, 5:10], 1.0)


def test_along_an_edge_that_no_pulse_selects_nothing_is_displaced_or_lost():
    slab = excited((0.0, 0.0, 800.0))
    for ppm in (CHO, NAA):
        np.testing.assert_allclose(slab.shares(GRID, ppm), 1.0)
    assert not slab.is_uneven(GRID)
    found = unequal(slab, GRID, ANY, "water")
    assert not any(where.any() for where in (*found.reasons.values(), *found.amounts.values()))


def test_where_a_pulse_alone_sets_the_slice_each_line_is_of_a_slice_of_its_own_and_loses_nothing():
    slab = excited((0.0, 0.0, 800.0))
    off = slab.cells(GRID, NAA).affine[2, 3] - slab.cells(GRID, CHO).affine[2, 3]
    assert off == pytest.approx((CHO - NAA) * 123.2 / 800.0 * 15.0)


def test_of_several_slices_in_a_slab_the_outermost_hold_lines_unequally():
    """A slab of 60 mm over 4 of 8 slices, 1000 Hz: choline and NAA lie 8.9 mm apart across it, and nowhere else."""
    grid = Grid((4, 4, 8), GRID.affine)
    box = BOX.copy()
    box[2, 2], box[2, 3] = 60.0, 20.0 + 52.5
    slab = Excited(box, (0.0, 0.0, 1000.0), 2.6, 123.2e6)
    assert slab.is_uneven(grid)
    apart = slab.shares(grid, NAA) - slab.shares(grid, CHO)
    off = (CHO - NAA) * 123.2 / 1000.0 * 60.0
    np.testing.assert_allclose(apart[..., 5:].sum(axis=2) * 15.0, off, rtol=1e-6)
    np.testing.assert_allclose(apart[..., 3:5], 0.0, atol=1e-12)
    unlike = unequal(slab, grid, ANY, "").reasons[UNLIKE]
    assert unlike[..., [2, 5]].all() and not unlike[..., 3:5].any()


def test_what_is_read_lies_displaced_by_the_ratio_of_offset_and_bandwidth_of_a_voxel():
    """Along the axis that was read; a voxel shows NAA of a place that is farther along it, water of its own."""
    read = excited(WIDE, readout=(500.0, 0.0, 0.0))
    for ppm in (NAA, WATER):
        off = read.cells(GRID, ppm).affine[:3, 3] - excited(WIDE).cells(GRID, ppm).affine[:3, 3]
        np.testing.assert_allclose(off, [10.0 * (WATER - ppm) * 123.2 / 500.0, 0.0, 0.0], atol=1e-6)
    assert middle(read.shares(GRID, NAA), 0) == pytest.approx(7.5 - (WATER - NAA) * 123.2 / 500.0)


def test_how_far_what_was_read_lies_off_is_said_and_of_phase_encoding_nothing():
    """At 500 Hz a voxel of 10 mm choline is 3.5 mm off, NAA 6.5 mm, and they are 3 mm apart."""
    (flag,) = readout_flags(excited(readout=(500.0, 0.0, 0.0)), GRID)
    assert all(word in flag.sentence for word in ("choline is read 3.5 mm", "NAA 6.5 mm", "3.0 mm from each other"))
    assert flag.severity == Severity.CAUTION
    assert readout_flags(excited(readout=(5000.0, 0.0, 0.0)), GRID)[0].severity == Severity.NOTE
    assert readout_flags(excited(), GRID) == []


def test_boxes_that_are_turned_against_the_grid_hold_as_much_as_they_are_large():
    turn = np.deg2rad(25.0)
    box = BOX.copy()
    box[:2, :2] = 80.0 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    share = Excited(box, NARROW, 2.6, 123.2e6).shares(GRID, 2.6)
    assert share.sum() == pytest.approx(64.0, rel=0.01)
    assert (share > 0.2).sum() > 64


def test_a_voxel_counts_as_excited_alike_where_its_lines_were():
    found = unequal(excited(), GRID, ANY, "")
    np.testing.assert_array_equal(
        alike(excited(), GRID, ANY, ("tNAA", "tCr", "tCho")), ~found.reasons[UNLIKE] & ~found.reasons[OUTSIDE]
    )
    assert found.reasons[OUTSIDE][0, 0, 0] and not found.reasons[UNLIKE][7, 7, 0]
    assert found.reasons[UNLIKE][3, 7, 0] and found.reasons[UNLIKE][12, 7, 0]


def test_amounts_over_water_are_missing_where_water_was_not_excited_as_the_line_was():
    """Water is 2.6 ppm from NAA and 1.4 from choline: NAA is lost in more voxels; over creatine in few."""
    over_water, over_creatine = (unequal(excited(), GRID, ANY, below).amounts for below in ("water", "tCr"))
    assert over_water["tNAA"].sum() > over_water["tCho"].sum()
    assert over_creatine["tCho"].sum() < over_water["tCho"].sum()
    assert "tCr" not in over_creatine


def test_water_of_another_carrier_has_a_box_of_its_own():
    """A reference that was taken at water's own frequency is where it was planned."""
    own = excited(of_water=WATER)
    np.testing.assert_allclose(own.selected(WATER), BOX)
    np.testing.assert_allclose(own.selected(NAA), excited().selected(NAA))


def test_a_box_without_volume_and_a_pulse_of_no_bandwidth_are_refused():
    flat = BOX.copy()
    flat[:, 1] = 0.0
    with pytest.raises(Problem, match="no volume"):
        Excited(flat, NARROW, 2.6, 123.2e6)
    with pytest.raises(Problem, match="Bandwidths"):
        excited((50.0, 1000.0, 1000.0))
    with pytest.raises(Problem, match="readout"):
        excited(readout=(0.5, 0.0, 0.0))


def test_a_voxel_of_lines_excited_unequally_has_a_status_of_its_own_and_stops_nothing():
    place = Grid((3, 2, 1), np.diag([10.0, 10.0, 10.0, 1.0]))
    box = np.diag([20.0, 60.0, 10.0, 1.0])
    box[0, 3] = 5.0
    values = np.array([spectrum(HEALTHY, k, shift=0.0, phase=0.0).values[0, 0, 0] for k in range(6)])
    one = Spectra(values.reshape(3, 2, 1, N), DWELL, FREQUENCY, place, te=0.030, tr=2.0, name="grid")
    reference = replace(one, values=np.broadcast_to(water().values, one.values.shape).copy())
    found = mrs.quantify_grid(
        one, basis(), mrs.Plan(reference="none"), water=reference, mask=Region(np.ones((3, 2, 1), bool), place, "all"),
        excited=Excited(box, (1000.0, 0.0, 1000.0), 3.21, FREQUENCY),
    )  # fmt: skip
    ratio = found.maps["tChoOvertNAA"]
    assert (ratio.status[[0, 2]] == Status.DISPLACED).all() and (ratio.status[1] == Status.OK).all()
    assert found.regions[f"unusable: {UNLIKE}"].mask[0].all()
    assert found.summary["usable"] == 2
    assert [flag.code for flag in found.flags].count("unusable-voxels") >= 1
    assert found.recipe.steps[1].name == "excited"


NAMES = tuple(dict.fromkeys((*USUAL, *OF_TUMOURS)))


def of_patient(scan, patient):
    """An image of a virtual patient with its water, its basis, and what its header says of the pulses."""
    image, reference = (one.spectra for one in scan.acquire(patient, np.random.default_rng(0)).signals)
    sequence = Press(scan.te1, scan.te - scan.te1) if scan.te1 else PulseAcquire(scan.te)
    made = simulated_basis(NAMES, sequence, image.frequency, image.dwell, image.n_points)
    said = image.header
    read = tuple(said.get("ReadoutBandwidthPerVoxel", (0.0, 0.0, 0.0)))
    known = Excited(
        np.array(said["VOI"]), tuple(said["PulseBandwidth"]), WATER + said["TxOffset"], image.frequency, read
    )
    return image, reference, made, known


def off_by(found, scan, patient):
    """How far the logarithm of choline over NAA is from the truth of voxels in which every line is excited alike."""
    seen = replace(scan, bandwidth=1e9, readout=0.0).seen(patient)
    ratio = found.maps["tChoOvertNAA"].values
    known = np.isfinite(ratio) & (seen["tnaa"] > 0.5) & (seen["tcho"] > 0)
    out = np.full(ratio.shape, np.nan)
    out[known] = np.log(ratio[known] * seen["tnaa"][known] / seen["tcho"][known])
    return np.abs(out - np.nanmedian(out))


@pytest.fixture(scope="module")
def patient():
    """At 3 mm, for scans on coarse grids."""
    return virtual_patient(scenario("high-grade-glioma"), coarser(icbm_2009a(), 3), 3)


SMALL_BOX = replace(MRSI, box=(80.0, 80.0), bandwidth=1200.0, snr=1000.0)


def test_the_excited_shares_are_those_of_the_phantom(patient):
    """Two codes for one physics: soft edges of pulses there, sharp ones here; equal sums, and equal middles to a
    hundredth of a voxel. Turned round, lines far from the carrier lie elsewhere.
    """
    image, _, _, known = of_patient(SMALL_BOX, patient)
    drawn = SMALL_BOX._drawn(patient)[1]
    back = replace(known, bandwidths=(-1200.0, -1200.0, -1200.0))
    for ppm in (1.3, 2.0, 3.2, WATER):
        pieces = (drawn.of(ppm) - drawn.spared) / (1 - drawn.spared)
        plane = pieces.reshape(drawn.lattice.shape, order="F").sum(axis=2) / 3.0
        there = plane.reshape(16, 4, 16, 4).mean(axis=(1, 3))[..., None]
        here, turned = (one.shares(image.grid, ppm) for one in (known, back))
        assert here.sum() == pytest.approx(there.sum(), rel=0.02)
        for axis in (0, 1):
            assert middle(here, axis) == pytest.approx(middle(there, axis), abs=0.01)
            off = 2 * (CARRIER - ppm) * 123.2 / 1200.0 * 8.0
            assert middle(here, axis) - middle(turned, axis) == pytest.approx(off, abs=0.01)


def test_at_the_edge_of_the_box_ratios_are_false_without_the_mark_and_right_within_it(patient):
    image, reference, made, known = of_patient(SMALL_BOX, patient)
    plain, marked = (
        off_by(mrs.quantify_grid(image, made, water=reference, excited=one), SMALL_BOX, patient)
        for one in (None, known)
    )
    assert np.nanmax(plain) > np.log(1.6) and (plain > np.log(1.25)).sum() >= 8
    assert np.isfinite(marked).sum() >= 15
    assert np.nanmax(marked) < np.log(1.25)


@pytest.mark.parametrize("te", [0.144, 0.0015], ids=["echo", "pulse and acquire"])
def test_phase_encoding_of_a_whole_slice_has_no_voxel_marked(te, patient):
    """A near miss: the same pulses select the slice, and nothing within it."""
    scan = replace(SMALL_BOX, box=None, te=te, te1=0.0 if te < 0.01 else SMALL_BOX.te1)
    image, reference, made, known = of_patient(scan, patient)
    plain, marked = (mrs.quantify_grid(image, made, water=reference, excited=one) for one in (None, known))
    for key, one in marked.maps.items():
        assert not (one.status == Status.DISPLACED).any()
        np.testing.assert_array_equal(one.values, plain.maps[key].values)


def test_places_are_so_many_that_a_large_grid_can_be_looked_at():
    big = Grid((64, 64, 32), np.diag([3.4, 3.4, 4.0, 1.0]))
    assert np.prod(excited().cells(big, NAA).shape) == np.prod(big.shape) * PARTS[-1] ** 3
