"""Each trap changes the images the way it should, and only those of its own sequence."""

from dataclasses import replace

import numpy as np
import pytest

from patients import scenario
from perspect.app.sidecars import sidecar
from perspect.phantom import truth, virtual_patient
from perspect.phantom.artefacts import TRAPS
from perspect.phantom.lookup import positions
from perspect.phantom.protocols import MRSI, SVS_2HG, SVS_LONG, SVS_SHORT, T2STAR
from perspect.phantom.scanner import WHITE_LEVEL
from perspect.phantom.selection import best_place
from perspect.phantom.sequence import Slab
from perspect.phantom.study import Simulation
from perspect.vocabulary import Problem
from small_scans import ASL, DCE, DSC, silent

BOLUS = replace(DSC, n_frames=76, slab=Slab((30, 36, 4), (7.0, 7.0, 24.0)), injections=DSC.injections[1:])
LABEL = replace(ASL, slab=Slab((30, 36, 5), (7.0, 7.0, 20.0)), n_pairs=8)
STILL = replace(T2STAR, slab=Slab((60, 72, 24), (3.0, 3.0, 4.0)), te=0.03, snr=np.inf, is_rounded=False)
SPECTRA = (
    *(replace(one, n_averages=2, n_coils=2, n_points=512) for one in (SVS_SHORT, SVS_LONG, SVS_2HG)),
    replace(MRSI, n=8, voxel=(20.0, 20.0, 20.0), pieces=3, n_points=256),
)
LEAKY = replace(DCE, n_frames=14, slab=Slab((24, 28, 4), (9.0, 9.0, 24.0)))
SCANS = {one.name: one for one in (BOLUS, LEAKY, LABEL, *SPECTRA)}


@pytest.fixture(scope="module")
def scan(patient):
    """The same scan of the same patient, with a trap or without."""
    done = {}

    def scanned(sequence, *traps):
        key = (sequence, *traps)
        if key not in done:
            chosen = tuple(one for one in TRAPS if one.name in traps)
            simulation = Simulation(scenario("high-grade-glioma"), 3, chosen)
            done[key] = simulation.scanned(patient, SCANS[sequence])
        return done[key]

    return scanned


def series(acquired):
    if acquired.signals:
        return acquired.signals[0].spectra.values
    return next(one.values for one in acquired.images if one.times is not None).astype(float)


def brain_curve(acquired):
    return series(acquired)[acquired.regions["brain"].mask].mean(axis=0)


def drop(acquired):
    curve = brain_curve(acquired)
    return 1.0 - curve.min() / curve[5:25].mean()


def test_names_are_unique_and_each_trap_does_one_thing():
    names = [one.name for one in TRAPS]
    assert len(set(names)) == len(names)
    assert all(sum(one is not None for one in (t.of_protocol, t.of_images, t.insert)) == 1 for t in TRAPS)
    assert all(bool(t.sequences) == (t.insert is None) for t in TRAPS)


def test_the_head_nods_as_a_late_bolus_comes_in_whatever_order_the_traps_are_named():
    late, nod = (next(one for one in TRAPS if one.name == name) for name in ("late-bolus", "motion-at-bolus"))
    made = [
        Simulation(scenario("high-grade-glioma"), 3, traps).protocol(BOLUS)[0] for traps in ((late, nod), (nod, late))
    ]
    assert made[0] == made[1]
    first = min(one.volume for one in made[0].motion)
    assert 0 < first * BOLUS.tr - made[0].bolus.arrival < 2 * BOLUS.tr
    assert made[0].bolus.arrival > BOLUS.bolus.arrival + 10


def test_traps_that_undo_each_other_are_refused():
    both = tuple(one for one in TRAPS if one.name in ("late-bolus", "truncated-tail"))
    with pytest.raises(Problem, match="exclude each other"):
        Simulation(scenario("high-grade-glioma"), 3, both)


@pytest.mark.parametrize("trap", [one for one in TRAPS if one.insert is None], ids=lambda one: one.name)
def test_a_trap_changes_every_series_that_it_names(trap, scan):
    assert trap.sequences
    for name in trap.sequences:
        was, now = series(scan(name)), series(scan(name, trap.name))
        assert was.shape != now.shape or not np.array_equal(was, now)


def test_a_trap_of_one_sequence_leaves_another_as_it_was(scan):
    np.testing.assert_array_equal(series(scan("asl", "weak-bolus")), series(scan("asl")))
    np.testing.assert_array_equal(series(scan("dce", "wrong-label-order")), series(scan("dce")))


def test_a_nod_at_the_bolus_moves_the_head_then_and_not_before(scan):
    still, moved = scan("dsc"), scan("dsc", "motion-at-bolus")
    arrival = int(moved.sequence.bolus.arrival / moved.sequence.tr)
    away = np.abs(series(moved) - series(still)).mean(axis=(0, 1, 2))
    assert np.all(away[: arrival + 1] < 0.01)  # the head is prepared with room to move, which rounds a voxel or two
    assert away[arrival + 3] > 1.5 * away[-1] > 0.0
    assert np.abs(moved.table["trans_z"]).max() > 0.5


def test_motion_between_pairs_spoils_differences(scan):
    def spread(acquired):
        values = series(acquired)
        return (values[..., 0::2] - values[..., 1::2])[acquired.regions["brain"].mask].std()

    assert spread(scan("asl", "motion-between-pairs")) > 1.5 * spread(scan("asl"))


def test_a_truncated_tail_ends_soon_after_the_bolus(scan):
    cut = scan("dsc", "truncated-tail")
    times = cut.images[0].times
    assert 20.0 < times[-1] - cut.sequence.bolus.arrival < 25.0
    np.testing.assert_allclose(series(cut), series(scan("dsc"))[..., : times.size], atol=1)


def test_a_late_bolus_comes_near_the_end(scan):
    late = brain_curve(scan("dsc", "late-bolus"))
    assert late.argmin() > 60 > brain_curve(scan("dsc")).argmin()


def test_a_weak_bolus_drops_the_signal_by_about_its_dose(scan):
    assert 0.12 < drop(scan("dsc", "weak-bolus")) / drop(scan("dsc")) < 0.3


ARTERIES = replace(BOLUS, n_frames=45, slab=Slab((72, 90, 6), (2.0, 2.0, 3.0), up=-18.0))
"""Through the circle of Willis, on voxels of which arteries fill half."""


def test_a_weak_bolus_is_not_seen_in_what_is_written_of_the_protocol(scan):
    made = [scan("dsc", *traps) for traps in ((), ("weak-bolus",))]
    sides = [sidecar(one.sequence, one.images[0], "sub-003") for one in made]
    assert sides[0] == sides[1]
    assert sides[1]["ContrastBolusDose"] == 0.1
    np.testing.assert_allclose(made[1].table["arterial"], 0.2 * made[0].table["arterial"])


def test_saturated_arteries_fall_to_the_noise_and_veins_do_not(patient):
    """Noise is 17; the mean of what has no signal is 21, and the lowest of 45 lower."""
    seen = {}
    (trap,) = (one for one in TRAPS if one.name == "arterial-saturation")
    for name, scan in (("without", ARTERIES), ("with", trap.of_protocol(ARTERIES, np.random.default_rng(0)))):
        made = scan.acquire(patient, np.random.default_rng(0))
        seen[name] = series(made)
    three_sigma = 3.0 * WHITE_LEVEL / ARTERIES.snr
    bright = seen["without"][..., 5:25].mean(axis=-1) > 300.0  # some lie where air has taken the signal already
    artery, vein = (truth(patient, one, made.grid) for one in ("artery", "vein"))
    arteries = (artery > 0.3) & bright
    assert arteries.sum() > 20
    lowest = {name: np.median(values[arteries].min(axis=-1)) for name, values in seen.items()}
    assert lowest["with"] < three_sigma < 4 * three_sigma < lowest["without"]
    np.testing.assert_array_equal(seen["with"][artery == 0.0], seen["without"][artery == 0.0])
    assert ((vein > 0.3) & (artery == 0.0)).sum() > 20
    at_rest = [values[..., :25].astype(int) for values in seen.values()]
    np.testing.assert_allclose(*at_rest, atol=1)  # sums in another order round otherwise here and there


def test_tissue_in_the_voxel_of_a_saturated_artery_is_dephased_by_a_quarter_of_artery(patient):
    """What is left of a voxel at the peak falls with its share of artery, to nothing at a quarter."""
    scan = replace(silent(ARTERIES), saturation=60.0)
    made = scan.acquire(patient, np.random.default_rng(0))
    artery = truth(patient, "artery", made.grid)
    curve = series(made)
    left = curve.min(axis=-1) / np.maximum(curve[..., 5:25].mean(axis=-1), 1.0)
    fair = curve[..., 5:25].mean(axis=-1) > 300.0
    bands = [left[fair & (artery > a) & (artery <= b)] for a, b in ((0.02, 0.08), (0.1, 0.2), (0.25, 1.0))]
    middle = [np.median(one) for one in bands]
    assert middle[0] > middle[1] > middle[2]
    assert bands[2].max() < 0.02


def test_without_dummies_the_first_frame_is_brighter_and_the_rest_is_not(scan):
    curve, steady = brain_curve(scan("dsc", "non-steady-first-frames")), brain_curve(scan("dsc"))
    assert curve[0] > 1.2 * steady[0]
    np.testing.assert_allclose(curve[6:], steady[6:], rtol=0.005)


@pytest.mark.parametrize("name", ["dsc", "dce", "asl"])
def test_drift_takes_its_share_by_the_end(name, scan):
    ratio = brain_curve(scan(name, "drift")) / brain_curve(scan(name))
    assert ratio[0] == pytest.approx(1.0, abs=0.002)
    assert ratio[-1] == pytest.approx(0.92, abs=0.004)


def test_a_failed_carotid_takes_the_flow_of_its_side_and_leaves_the_other(scan):
    failed = scan("asl", "failed-carotid")
    difference = [
        (series(one)[..., 0::2] - series(one)[..., 1::2]).mean(axis=-1) for one in (scan("asl"), failed)
    ]  # fmt: skip
    x = np.arange(failed.grid.shape[0])[:, None, None] * failed.grid.affine[0, 0] + failed.grid.affine[0, 3]
    kept = []
    for side in (x < -10, x > 10):
        there = failed.regions["brain"].mask & side
        kept.append(difference[1][there].mean() / difference[0][there].mean())
    assert min(kept) < 0.6 < 0.95 < max(kept)
    assert sorted(failed.sequence.labels) == [0.1, 1.0]


def test_the_wrong_order_turns_the_difference_about(scan):
    was, now = series(scan("asl")), series(scan("asl", "wrong-label-order"))
    np.testing.assert_array_equal(now[..., 0::2], was[..., 1::2])
    np.testing.assert_array_equal(now[..., 1::2], was[..., 0::2])
    assert scan("asl", "wrong-label-order").table["volume_type"][0] == "control"


@pytest.mark.parametrize("name", ["dsc", "dce", "asl"])
def test_a_dropped_slice_is_empty_in_two_volumes_and_goes_through_the_lesion(name, scan):
    lost = scan(name, "dropped-slice")
    empty = np.argwhere(series(lost).max(axis=(0, 1)) == 0)
    assert len(empty) == 2
    assert len(set(empty[:, 0])) == 1
    assert lost.regions["core"].mask[:, :, empty[0, 0]].any()
    np.testing.assert_array_equal(np.delete(series(lost), empty[:, 1], axis=-1),
                                  np.delete(series(scan(name)), empty[:, 1], axis=-1))  # fmt: skip


def test_what_a_trap_did_is_told(scan):
    """Whoever scores a detector must know which slice, which volume, which carotid."""
    lost = scan("dsc", "dropped-slice")
    empty = np.argwhere(series(lost).max(axis=(0, 1)) == 0)
    assert lost.traps["dropped-slice"] == {"slice": empty[0, 0], "volumes": empty[:, 1].tolist()}
    twice = scan("dsc", "duplicated-frame")
    told = twice.traps["duplicated-frame"]
    np.testing.assert_array_equal(series(twice)[..., told["volume"]], series(twice)[..., told["is"]])
    failed = scan("asl", "failed-carotid")
    assert failed.traps["failed-carotid"] == {"labels": failed.sequence.labels}
    assert scan("dsc", "weak-bolus").traps["weak-bolus"]["injections"][-1].arriving == 0.2
    assert not scan("dsc").traps


@pytest.mark.parametrize("name", ["dsc", "dce"])
def test_a_duplicated_frame_is_there_twice_and_hides_the_next(name, scan):
    twice = series(scan(name, "duplicated-frame"))
    same = [np.array_equal(twice[..., i], twice[..., i + 1]) for i in range(twice.shape[-1] - 1)]
    assert sum(same) == 1


def test_two_traps_may_be_set_at_once(scan):
    both = scan("dsc", "weak-bolus", "drift")
    assert both.sequence.bolus.arriving == 0.2
    assert both.sequence.drift < 0.0


@pytest.fixture(scope="module")
def clean(patient):
    return STILL.acquire(patient, np.random.default_rng(0))


def with_insert(name, patient):
    (trap,) = (one for one in TRAPS if one.name == name)
    return trap.insert(patient, np.random.default_rng(1))


@pytest.mark.parametrize("name", ["haemorrhage", "calcium"])
def test_blood_and_calcium_are_dark_in_the_lesion_and_nowhere_else(name, patient, clean):
    now = STILL.acquire(with_insert(name, patient), np.random.default_rng(0)).images[0].values
    was = clean.images[0].values
    core, white = (clean.regions[one].mask for one in ("core", "contralateral_white"))
    assert np.quantile(now[core] / was[core], 0.03) < 0.6
    np.testing.assert_allclose(np.median(now[white] / was[white]), 1.0, atol=0.01)


def test_a_clot_has_no_signal_in_dsc(patient):
    scan = replace(silent(BOLUS), n_frames=3, slab=Slab((60, 72, 12), (3.0, 3.0, 5.0)))
    bled = with_insert("haemorrhage", patient)
    was, now = (series(scan.acquire(one, np.random.default_rng(0)))[..., 0] for one in (patient, bled))
    clot = (truth(bled, "blood_clot", scan.slab.grid(patient)) > 0.8) & (was > 300.0)
    assert clot.sum() > 5
    assert np.median(now[clot] / was[clot]) < 0.25


def test_air_beside_the_brain_costs_gradient_echoes_signal(patient, clean):
    now = STILL.acquire(with_insert("sinus-drop-out", patient), np.random.default_rng(0)).images[0].values
    brain = clean.regions["brain"].mask & (clean.images[0].values > 300.0)
    lost = (now < 0.7 * clean.images[0].values) & brain
    assert 0.001 < lost.sum() / brain.sum() < 0.2
    assert np.argwhere(lost)[:, 2].mean() < np.argwhere(brain)[:, 2].mean()  # it is below the brain


def test_a_vessel_in_the_lesion_brings_the_bolus_earlier(patient):
    scan = replace(BOLUS, snr=np.inf, n_frames=45, slab=Slab((50, 60, 5), (4.0, 4.0, 15.0)))
    pierced = with_insert("vessel-in-lesion", patient)
    made = [scan.acquire(one, np.random.default_rng(0)) for one in (patient, pierced)]
    vessel = made[0].regions["core"].mask & (truth(pierced, "artery", made[0].grid) > 0.1)
    assert vessel.sum() > 3
    lowest = [scan.times[series(one)[vessel].argmin(axis=1)].mean() for one in made]
    assert lowest[1] < lowest[0] - 1.0


def test_a_vessel_makes_a_low_grade_glioma_look_rich_in_blood(template):
    """Blood in a large vessel shows 5 /s a mM, tissue 80 times its blood volume: a third of a voxel of it is as much
    again as 0.03 in the rest. With a preload, for agent in blood brightens it too."""
    scan = replace(silent(DSC), n_frames=60, slab=Slab((60, 72, 9), (3.0, 3.0, 7.0)))
    patient = virtual_patient(scenario("low-grade-glioma"), template, 3)
    pierced = with_insert("vessel-in-lesion", patient)
    made = [scan.acquire(one, np.random.default_rng(0)) for one in (patient, pierced)]
    vessel = made[0].regions["core"].mask & (truth(pierced, "artery", made[0].grid) > 0.3)
    assert vessel.sum() > 3
    curves = [series(one)[vessel].mean(axis=0) for one in made]
    area = [-np.log(one / one[5:28].mean()).sum() for one in curves]
    assert area[1] > 1.5 * area[0]


def lines(acquired):
    """The first transient in the first coil of one voxel, by chemical shift in ppm; its coil and phase are left."""
    spectra = acquired.signals[0].spectra
    order = np.argsort(spectra.ppm)
    return spectra.ppm[order], np.abs(np.fft.fft(spectra.values[0, 0, 0, :, 0, 0]))[order]


def between(acquired, low, high):
    ppm, size = lines(acquired)
    return size[(ppm > low) & (ppm < high)]


def test_fat_in_the_voxel_stands_at_lipid_and_nowhere_else(scan):
    clean, fat = scan("svs-short"), scan("svs-short", "fat-in-voxel")
    assert between(fat, 1.0, 1.6).max() > 3 * between(clean, 1.0, 1.6).max()
    added = [np.median(between(fat, *at) - between(clean, *at)) for at in ((1.2, 1.4), (2.9, 3.4))]
    assert abs(added[1]) < 0.1 * added[0]
    assert fat.truth["lip13"] == clean.truth["lip13"]


def test_a_bad_shim_makes_lines_low_and_broad_and_takes_nothing_away(scan):
    clean, bad = (scan("svs-short", *traps).signals[1].spectra for traps in ((), ("bad-shim",)))
    peaks = [np.abs(np.fft.fft(one.values[0, 0, 0, :, 0])).max() for one in (clean, bad)]
    assert peaks[1] < 0.6 * peaks[0]
    first = [abs(one.values[0, 0, 0, 0, 0]) for one in (clean, bad)]
    assert first[1] == pytest.approx(first[0], rel=0.02)


def test_narrow_pulses_select_lactate_elsewhere_than_choline(scan, patient):
    """A patient whose drawn box is empty: all that is seen at lactate and lipid comes from beside the box."""
    narrow, wide = (scan("svs-short", *traps).sequence for traps in (("chemical-shift-displacement",), ()))
    assert narrow.displaced(1.31) - narrow.displaced(3.2) == pytest.approx(1.89 * 123.2 / 800.0)
    from_centre = positions(patient.grid).reshape(3, -1, order="F") - best_place(patient, wide.size)[:, None]
    beside = (np.abs(from_centre) > 10.0).any(axis=0)
    hollow = [replace(one, **{name: getattr(one, name)[beside[one.inside]] for name in ("inside", "fraction", "level")})
              for one in patient.parts]  # fmt: skip
    share = {}
    for pulses in (narrow, wide):
        made = [replace(pulses, snr=1e6).acquire(one, np.random.default_rng(0))
                for one in (replace(patient, parts=tuple(hollow)), patient)]  # fmt: skip
        empty, full = (between(one, 1.2, 1.45).max() for one in made)
        share[pulses.bandwidth] = empty / full
    assert share[800.0] > 0.25
    assert share[800.0] > 2.0 * share[wide.bandwidth]


HOW = {
    "motion-at-bolus": test_a_nod_at_the_bolus_moves_the_head_then_and_not_before,
    "motion-between-pairs": test_motion_between_pairs_spoils_differences,
    "truncated-tail": test_a_truncated_tail_ends_soon_after_the_bolus,
    "late-bolus": test_a_late_bolus_comes_near_the_end,
    "weak-bolus": test_a_weak_bolus_drops_the_signal_by_about_its_dose,
    "arterial-saturation": test_saturated_arteries_fall_to_the_noise_and_veins_do_not,
    "non-steady-first-frames": test_without_dummies_the_first_frame_is_brighter_and_the_rest_is_not,
    "drift": test_drift_takes_its_share_by_the_end,
    "failed-carotid": test_a_failed_carotid_takes_the_flow_of_its_side_and_leaves_the_other,
    "wrong-label-order": test_the_wrong_order_turns_the_difference_about,
    "dropped-slice": test_a_dropped_slice_is_empty_in_two_volumes_and_goes_through_the_lesion,
    "duplicated-frame": test_a_duplicated_frame_is_there_twice_and_hides_the_next,
    "fat-in-voxel": test_fat_in_the_voxel_stands_at_lipid_and_nowhere_else,
    "bad-shim": test_a_bad_shim_makes_lines_low_and_broad_and_takes_nothing_away,
    "chemical-shift-displacement": test_narrow_pulses_select_lactate_elsewhere_than_choline,
    "haemorrhage": test_blood_and_calcium_are_dark_in_the_lesion_and_nowhere_else,
    "calcium": test_blood_and_calcium_are_dark_in_the_lesion_and_nowhere_else,
    "vessel-in-lesion": test_a_vessel_in_the_lesion_brings_the_bolus_earlier,
    "sinus-drop-out": test_air_beside_the_brain_costs_gradient_echoes_signal,
}


def test_of_every_trap_it_is_tested_how_it_changes_the_image():
    assert set(HOW) == {one.name for one in TRAPS}
