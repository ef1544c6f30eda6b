"""Every trap: a scene that has it, a near miss that does not, and what it must never do to an answer."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

import trap_scenes
from cases import TREATED as ON_RECORD
from cases import found
from perspect.evidence import Word, question, weigh
from perspect.lesion import measured
from perspect.numerics.dipole import field_of
from perspect.pitfalls import (
    KINDS,
    LOOKS,
    ArterialInput,
    Passage,
    Record,
    Scene,
    arterial,
    content,
    cortex,
    creatine,
    flags_of,
    leakage,
    look,
    passage,
    reference,
    registration,
    sanity,
    scalp,
    shine,
    small,
    spectrum,
    spurious,
    susceptible,
    transit,
    trapped,
    treatment,
    vessel,
    void,
)
from perspect.pitfalls.registration import offset
from perspect.vocabulary import Region, Severity, marker
from trap_scenes import (
    BRAIN,
    CLEAN,
    CLUMP,
    CORE,
    FINE,
    GRID,
    HAS,
    LESION,
    RIM,
    SOLID,
    TREATED,
    ball,
    darkened,
    lined,
    map_of,
    rested,
    scene,
    voxel,
    with_vessel,
)  # fmt: skip


def named(one):
    return one.__name__.rsplit(".", 1)[1]


@pytest.mark.parametrize("one", CLEAN, ids=lambda one: type(one).__name__)
def test_a_clean_scene_has_no_trap(one):
    assert [trap.code for trap in look(one)] == []


def test_every_detector_is_tried_here():
    assert {one.look for one in HAS} == {one for some in LOOKS.values() for one in some}


@pytest.mark.parametrize("trap", HAS, ids=named)
def test_a_trap_is_found_where_it_is_and_only_there(trap):
    positive, near_miss = HAS[trap]
    one = trap.look(positive)
    assert one is not None
    assert one.sentence.endswith(".")
    assert one.spoils
    assert trap.look(near_miss) is None


@pytest.mark.parametrize("trap", HAS, ids=named)
def test_a_trap_says_what_is_to_be_done_and_where_its_numbers_are_from(trap):
    one = trap.look(HAS[trap][0])
    assert one.action == KINDS[one.code].action
    assert one.flag.sentence.endswith(one.action)
    assert one.mask is None or one.mask.n_voxels
    for number in KINDS[one.code].thresholds.values():
        assert number.unit
        assert number.origin in ("published", "our default", "calibrated")
        assert number.source or number.origin != "published"


def answer(one, traps):
    """What is said of recurrence, with a perfusion and a spectrum that both speak clearly, and the traps of either."""
    perfusion, ratio = found("rcbv_mean", 5.0, 0.1), found("cho_naa", 3.0, 0.1)
    if isinstance(one, Scene):
        told = tuple(flag for flag in flags_of(traps, one.spoils) if flag.severity >= Severity.LIMITED)
        std = np.full(GRID.shape, 0.1)
        values, spoilt = 2 * one.maps["rcbv"], trapped(traps, "dsc", GRID)
        perfusion = measured(marker("rcbv_mean"), values, std, one.parts["solid part"], spoilt, flags=told)
    else:
        for trap in traps:
            if trap.severity >= Severity.LIMITED:
                perfusion = replace(perfusion, flags=flags_of([trap], "dsc", "rcbv_mean"))
                ratio = replace(ratio, flags=flags_of([trap], "mrs", "cho_naa"))
    return weigh(question("recurrence"), [perfusion, ratio], ON_RECORD)


@pytest.mark.parametrize("one", CLEAN, ids=lambda one: type(one).__name__)
def test_without_a_trap_two_families_agree_so_that_a_trap_of_either_has_something_to_take(one):
    assert answer(one, ()).word is Word.CONCORDANT


LIMITS_THE_SPECTRUM = (spectrum, scalp, content, spurious)


@pytest.mark.parametrize("trap", LIMITS_THE_SPECTRUM, ids=named)
def test_a_trap_that_limits_the_spectrum_takes_its_vote(trap):
    positive, near_miss = HAS[trap]
    assert answer(positive, look(positive)).families_for == ("vascularity",)
    assert answer(near_miss, look(near_miss)).word is Word.CONCORDANT


@pytest.mark.parametrize("trap", HAS, ids=named)
def test_a_trap_never_makes_an_answer_stronger(trap):
    positive, _ = HAS[trap]
    kind = next(one for one in CLEAN if type(one) is type(positive))
    clean, sprung, unseen = (answer(kind, ()), answer(positive, look(positive)), answer(positive, ()))
    assert sprung.word.strength <= clean.word.strength
    assert sprung.word.strength <= unseen.word.strength
    assert sprung.side in (clean.side, type(clean.side).NEITHER)


def test_a_vessel_raises_the_hot_spot_until_it_is_left_out():
    one = with_vessel()
    std = np.full(GRID.shape, 0.1)
    part = one.parts["solid part"]
    held = measured(marker("rcbv_hot"), one.maps["rcbv"], std, part)
    free = measured(marker("rcbv_hot"), one.maps["rcbv"], std, part, trapped(look(one), "dsc", GRID))
    assert held.value > 15
    assert free.value < 3
    assert free.with_traps == pytest.approx(held.value)


def test_leakage_that_was_left_in_limits_what_enhances():
    one = leakage.look(replace(scene(), is_corrected=False))
    assert (one.code, one.severity) == ("leakage-left-in", Severity.LIMITED)
    bare = {name: part for name, part in scene().parts.items() if name != "enhancing"}
    assert leakage.look(replace(scene(), is_corrected=False, parts=bare)) is None


def test_a_lesion_that_is_mostly_void_is_limited():
    one = void.look(rested(SOLID, 10.0))
    assert one.severity == Severity.LIMITED
    assert one.fraction == 1.0


def test_cortex_within_what_does_not_enhance_is_left_out_and_what_enhances_is_none():
    grey = scene().grey.copy()
    grey[CORE] = 0.9
    lit = replace(scene(), grey=grey)
    assert cortex.look(lit) is None
    drawn = replace(lit, parts={name: one for name, one in lit.parts.items() if name != "enhancing"})
    assert np.array_equal(cortex.look(drawn).mask.mask, CORE)


def test_cortex_is_told_from_a_lesion_by_every_image_and_by_its_place():
    means, spreads = np.array([[20.0, 200], [60.0, 100], [90.0, 70]]), np.full((3, 2), 5.0)
    images = np.array([[61.0, 102.0], [61.0, 160.0], [61.0, 102.0]])
    expected = np.array([[0.1, 0.8, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    assert cortex.cortex_drawn_as_lesion(images, means, spreads, expected).tolist() == [True, False, False]
    assert not cortex.cortex_drawn_as_lesion(images[:, :1], means[:, :1], spreads[:, :1], expected).any()


@pytest.mark.parametrize("turn", [1.0, -1.0])
@pytest.mark.parametrize(("chi", "said"), [(1.0, "like blood"), (-1.0, "like calcium")])
def test_blood_is_told_from_calcium_whatever_sign_the_phase_of_a_scanner_has(turn, chi, said):
    one = susceptible.look(darkened(20.0, chi, turn))
    assert said in one.sentence
    assert np.array_equal(one.mask.mask, CLUMP)


def test_blood_around_a_lesion_limits_what_is_read_there_and_not_the_tumour():
    one = darkened(20.0)
    rim = ball((50, 60, 50), 22, FINE) & ~LESION
    one.magnitude[rim] = 20.0
    trap = susceptible.look(replace(one, parts={**one.parts, "rim of 5 mm": Region(rim, FINE, "rim of 5 mm")}))
    assert trap.severity_in("rim of 5 mm") == Severity.LIMITED
    assert trap.severity_in("solid part") == Severity.CAUTION
    within = susceptible.look(replace(darkened(20.0), parts={"rim of 5 mm": Region(LESION, FINE, "rim of 5 mm")}))
    assert np.isnan(within.fraction)


def test_without_a_field_that_is_known_blood_and_calcium_are_not_told_apart():
    without_phase = susceptible.look(darkened(20.0))
    without_air = susceptible.look(darkened(20.0, 1.0, air=0.0))
    for one in (without_phase, without_air):
        assert "cannot be told" in one.sentence


def test_the_field_of_a_ball_is_that_of_a_dipole():
    """Outside, chi r³/3 (3 cos² - 1)/d³; inside nothing, as the sphere of Lorentz is taken out."""
    chi = ball((50, 50, 50), 10, FINE).astype(np.float32)
    field = field_of(chi, np.array(FINE.spacing), np.array([0.0, 0.0, 1.0]))
    centre, d = 25, 9
    radius = (3 * chi.sum() / (4 * np.pi)) ** (1 / 3)
    wanted = (radius / d) ** 3 / 3
    assert field[centre, centre, centre + d] == pytest.approx(2 * wanted, rel=0.05)
    assert field[centre + d, centre, centre] == pytest.approx(-wanted, rel=0.05)
    assert field[centre, centre, centre] == pytest.approx(0, abs=0.01)


def test_what_shines_is_not_counted_as_enhancing():
    one = shine.look(HAS[shine][0])
    assert np.array_equal(one.mask.mask, CORE)


def test_fat_outside_of_the_brain_spoils_every_ratio_and_fat_nearby_only_lipid():
    inside, near = scalp.look(voxel((50.0, 84.0, 50.0))), scalp.look(voxel((50.0, 77.0, 50.0), side=12.0))
    assert inside.spoils == ("mrs",)
    assert near.spoils == scalp.OF_LIPID


def test_a_voxel_without_a_place_speaks_for_nothing():
    (trap,) = look(replace(voxel(), box=None))
    assert trap.code == "voxel-content"
    assert trap.spoils == voxel().markers


def test_the_box_of_a_line_is_moved_by_its_distance_from_the_carrier():
    one = voxel(side=20.0, bandwidth=1232.0)
    moved = one.displaced(1.3)
    assert len(moved) == 8
    shift = np.abs(moved[0].affine[:3, 3] - one.box.affine[:3, 3])
    np.testing.assert_allclose(shift, 20.0 * 123.2 / 1232.0)  # 1 ppm of 123.2 Hz over 1232 Hz of a side of 20 mm


def test_a_lone_voxel_of_a_map_is_said():
    (trap,) = look(map_of(value=9.0))
    assert trap.mask.n_voxels == 1


def test_the_middles_of_two_outlines_are_as_far_apart_as_one_was_moved():
    assert offset(BRAIN, np.roll(BRAIN, 2, axis=1), GRID) == pytest.approx(4.0, abs=1e-9)


def test_a_part_that_is_all_border_is_a_caution():
    shell = SOLID & ~ball((40, 56, 24), 7)
    part = Region(shell, GRID, "solid part")
    one = small.look(replace(scene(), parts={"solid part": part}))
    assert one.severity == Severity.CAUTION
    assert one.fraction > small.THIN


def test_a_trap_in_the_surroundings_limits_what_is_read_there_and_not_the_tumour():
    inside = RIM & ball((40, 68, 24), 13)
    one = cortex.look(replace(scene(), grey=np.where(inside, 0.8, 0.0)))
    assert one.fraction < 0.02 < 0.2 < one.around
    assert one.severity == Severity.LIMITED
    assert one.severity_in("rim of 5 mm") == Severity.LIMITED
    assert one.severity_in("solid part") < Severity.CAUTION
    (of_rim,), (of_tumour,) = (flags_of([one], "dsc", part=part) for part in ("rim of 5 mm", "solid part"))
    assert (of_rim.severity, of_tumour.severity) == (Severity.LIMITED, Severity.NOTE)


@pytest.mark.parametrize(
    ("facts", "spoilt", "severity"),
    [
        ({"antiangiogenic": True}, {"dsc", "dce", "asl", "adc", "mrs"}, Severity.LIMITED),
        ({"radiotherapy_days": 30.0}, {"dsc", "dce", "asl", "adc", "mrs"}, Severity.CAUTION),
        ({"gadolinium_before_mrs": True}, {"mrs"}, Severity.CAUTION),
    ],
)
def test_drugs_and_dates_bear_on_diffusion_and_spectra_too(facts, spoilt, severity):
    one = treatment.look(Record({**TREATED.facts, **facts}, has_mrs=True))
    assert (set(one.spoils), one.severity) == (spoilt, severity)


def seen_as(contrast=12.0, width=9.0):
    return replace(scene(), passage=Passage(20, 1.5, 80.0, contrast, width))


def input_of(error=0.1, peak=6.0, width=6.0, is_measured=True):
    return replace(scene(), arterial=ArterialInput(error, peak, width, is_measured))


EACH = {
    "contrast": (passage, seen_as(contrast=3.9), seen_as(contrast=4.1)),
    "wide": (passage, seen_as(width=31.0), seen_as(width=29.0)),
    "arterial low": (arterial, input_of(peak=1.4), input_of(peak=1.6)),
    "arterial high": (arterial, input_of(peak=21.0), input_of(peak=19.0)),
    "arterial wide": (arterial, input_of(width=16.0), input_of(width=14.0)),
    "arterial population": (arterial, input_of(is_measured=False), input_of()),
    "reference uneven": (reference, replace(scene(), reference_spread=0.41), replace(scene(), reference_spread=0.39)),
    "label uneven": (transit, replace(scene(), unevenness=0.61), replace(scene(), unevenness=0.59)),
    "alignment": (registration, replace(scene(), alignment_error=2.1), replace(scene(), alignment_error=1.9)),
    "two positions": (sanity, replace(scene(), positions_apart=2.1), replace(scene(), positions_apart=1.9)),
    "noise": (spectrum, lined(snr=9.9), lined(snr=10.1)),
    "misfit": (spectrum, lined(misfit=3.1), lined(misfit=2.9)),
    "water left": (spurious, lined(water=21.0), lined(water=19.0)),
    "unexplained": (spurious, lined(misfit=3.1, unexplained=0.26), lined(misfit=3.1, unexplained=0.24)),
    "bend": (spurious, lined(bend=61.0), lined(bend=59.0)),
    "creatine high": (creatine, lined(creatine=13.1), lined(creatine=12.9)),
}
"""Every further number by which a detector tells: either side of it."""


@pytest.mark.parametrize("name", EACH)
def test_each_number_of_a_detector_parts_a_trap_from_a_near_miss(name):
    trap, positive, near_miss = EACH[name]
    assert trap.look(positive) is not None
    assert trap.look(near_miss) is None


@pytest.mark.parametrize("seen", [Passage(9, 1.5, 60.0, 5.0), Passage(10, 1.6, 60.0, 5.0), Passage(10, 1.5, 55.0, 5.0)])
def test_a_bolus_outside_of_the_consensus_is_badly_seen(seen):
    assert passage.look(replace(scene(), passage=seen)).severity == Severity.LIMITED
    assert passage.look(replace(scene(), passage=Passage(10, 1.5, 60.0, 5.0))) is None


def test_a_largest_line_below_ten_times_the_noise_is_poor():
    assert spectrum.look(lined(snr=9.0)).severity == Severity.LIMITED
    assert spectrum.look(lined(snr=11.0)) is None


def with_cortex_around(height):
    """A lesion beside cortex that is three times as tall as white matter, here as everywhere, and early in places."""
    one = trap_scenes.scene()
    cortex = trap_scenes.EDGE | (trap_scenes.RIM & trap_scenes.ball((40, 68, 24), 6))
    peaks, times = one.maps["ph"].copy(), one.maps["ttp"].copy()
    peaks[cortex] *= 3.0
    early = trap_scenes.RIM & cortex & (np.indices(cortex.shape)[0] % 2 == 0)
    peaks[early] *= height
    times[early] = 7.0
    grey = np.where(trap_scenes.SOLID, np.nan, cortex.astype(float))
    return replace(one, maps={**one.maps, "ph": peaks, "ttp": times}, grey=grey)


def test_cortex_at_the_border_of_a_lesion_is_no_vessel_and_an_artery_in_it_is():
    assert vessel.look(with_cortex_around(1.0)) is None
    assert vessel.look(with_cortex_around(2.0)) is not None
    # Without knowing what cortex has, the median of what surrounds the lesion makes a vessel of it.
    assert vessel.look(replace(with_cortex_around(1.0), grey=None)) is not None


def test_a_border_voxel_that_is_part_tumour_is_no_vessel():
    one = trap_scenes.scene()
    peaks, times = one.maps["ph"].copy(), one.maps["ttp"].copy()
    peaks[trap_scenes.SOLID] *= 3.0
    mixed = trap_scenes.RIM & ndimage.binary_dilation(trap_scenes.SOLID, np.ones((3, 3, 3)))
    peaks[mixed] = 8 * 4.0
    times[mixed] = 7.0
    assert vessel.look(replace(one, maps={**one.maps, "ph": peaks, "ttp": times})) is None


def test_a_time_to_peak_that_is_early_within_its_error_is_not_early():
    one = with_early_core()
    assert vessel.look(one) is not None
    unsure = np.full(one.grid.shape, 3.0)
    assert vessel.look(replace(one, maps={**one.maps, "ttp_std": unsure})) is None


def with_early_core():
    """A core twice as tall as the lesion around it, and three seconds early."""
    one = trap_scenes.changed("ttp", trap_scenes.CORE, 7.0)
    return trap_scenes.changed("ph", trap_scenes.CORE, 40.0, one)
