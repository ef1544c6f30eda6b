"""Efficiency, T1 of blood, M0: what flow is scaled by."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import hadamard

from labelled_head import GRID, SHAPE, ball, brain, changed, labelled
from perspect.asl import Plan
from perspect.asl.blood import blood_t1, haematocrit, t1_of_haematocrit
from perspect.asl.efficiency import efficiency
from perspect.asl.m0 import equilibrium, recovery, smoothed, tissue_t1
from perspect.asl.suppression import left_by_suppression, left_in_controls
from perspect.vocabulary import Around, Labelling, Problem, Region, Severity


@pytest.mark.parametrize(
    ("stated", "pulses", "expected"),
    [
        (None, 0, 0.85),
        (None, 2, 0.85 * 0.95**2),
        (0.85, 2, 0.85 * 0.95**2),  # too high to hold suppression as well
        (0.6375, 4, 0.6375),  # too low to be labelling alone
        (0.85, 0, 0.85),
    ],
)
def test_what_suppression_costs_is_counted_once(stated, pulses, expected):
    how = changed(labelled(), efficiency=stated, is_suppressed=pulses > 0, n_inversions=pulses).labelling
    found = efficiency(how, Plan())
    assert found.total == pytest.approx(expected)
    is_ambiguous = any(flag.code == "efficiency-ambiguous" for flag in found.flags)
    assert is_ambiguous == (stated is not None and pulses > 0)


def test_what_the_efficiency_includes_can_be_said():
    how = changed(labelled(), efficiency=0.85, is_suppressed=True, n_inversions=2).labelling
    assert efficiency(how, Plan(efficiency_includes="suppression")).total == 0.85
    how = replace(how, efficiency=0.6)
    assert efficiency(how, Plan(efficiency_includes="labelling")).total == pytest.approx(0.6 * 0.95**2)


def test_suppression_by_pulses_of_unknown_number_is_said():
    how = changed(labelled(), is_suppressed=True, n_inversions=None).labelling
    assert [flag.code for flag in efficiency(how, Plan()).flags] == ["suppression-unknown"]


def test_suppression_that_is_recorded_with_no_pulses_is_not_said_to_be_unrecorded():
    how = changed(labelled(), is_suppressed=True, n_inversions=0).labelling
    (flag,) = efficiency(how, Plan()).flags
    assert flag.code == "suppression-without-inversions"
    assert "not recorded" not in flag.sentence
    assert efficiency(how, Plan()).total == pytest.approx(0.85)


def test_blood_of_a_low_haematocrit_relaxes_more_slowly():
    assert t1_of_haematocrit(0.43, 3.0) == pytest.approx(1.65, abs=0.02)
    assert t1_of_haematocrit(0.30, 3.0) > t1_of_haematocrit(0.45, 3.0)
    assert blood_t1(Plan(sex="female"), 3.0)[0] > blood_t1(Plan(sex="male"), 3.0)[0]
    assert blood_t1(Plan(), 1.494)[0] == 1.35


def test_without_a_field_that_of_three_tesla_is_said_to_be_assumed():
    t1, _, flags = blood_t1(Plan(), None)
    assert t1 == 1.65
    assert flags[0].code == "field-assumed"


def test_m0_of_a_short_recovery_is_brought_to_equilibrium():
    share = -np.expm1(-2.0 / 1.33)
    one = labelled(m0_tr=2.0, noise=0.0)
    short = replace(one, m0=replace(one.m0, values=one.m0.values * share))
    t1 = tissue_t1(Around(), brain(), Plan())
    np.testing.assert_allclose(equilibrium(short, Around(), brain(), None, t1, Plan()).values, 1000.0, rtol=1e-6)


def test_slices_recover_for_less_where_all_were_saturated_together():
    t1, times = np.full(brain().n_voxels, 1.3), 0.05 * np.arange(SHAPE[2])
    alone, together = (recovery(t1, 3.0, times, brain(), since) for since in ("slice", "volume"))
    np.testing.assert_allclose(alone, alone[0])
    z = brain().places // (SHAPE[0] * SHAPE[1])
    np.testing.assert_allclose(together[z == SHAPE[2] - 1], alone[0])
    assert (together[z == 0] < alone[0]).all()


def test_each_tissue_has_its_own_t1_and_a_lesion_too():
    grey, white = np.zeros(SHAPE), np.zeros(SHAPE)
    grey[8], white[9] = 1.0, 1.0
    lesion = np.zeros(SHAPE, bool)
    lesion[9, 9] = True
    t1 = tissue_t1(Around(grey=grey, white=white, lesion=Region(lesion, GRID, "lesion")), brain(), Plan())
    volume = brain().spread(t1, np.nan)
    assert volume[8, 9, 0] == pytest.approx(1.33)
    assert volume[9, 5, 0] == pytest.approx(0.83)
    assert volume[9, 9, 0] == 1.5


def test_suppression_leaves_what_the_bloch_equations_leave():
    how = changed(labelled(), is_suppressed=True, n_inversions=2, inversions=(1.85, 3.15)).labelling
    left = left_by_suppression(how, np.array([3.6]), np.array([1.3]), 1.0)[0]
    along, step = 0.0, 1e-4
    for at in np.arange(0.0, 3.6, step):
        if abs(at - 1.85) < step / 2 or abs(at - 3.15) < step / 2:
            along = -along
        along += step * (1.0 - along) / 1.3
    assert left == pytest.approx(along, abs=1e-3)


def test_controls_stand_for_m0_and_what_suppression_took_is_put_back():
    one = labelled(has_m0=False)
    t1 = np.full(brain().n_voxels, 1.3)
    control = 1000.0 * -np.expm1(-4.0 / 1.3) * np.ones(SHAPE)
    np.testing.assert_allclose(equilibrium(one, Around(), brain(), control, t1, Plan()).values, 1000.0)
    dark = changed(one, is_suppressed=True, n_inversions=1, inversions=(1.5,))
    left = left_by_suppression(dark.labelling, np.array([3.6]), t1[:1], 0.95)[0]
    np.testing.assert_allclose(
        equilibrium(dark, Around(), brain(), left * 1000.0 * np.ones(SHAPE), t1, Plan()).values, 1000.0
    )


def test_each_slice_of_suppressed_controls_is_put_back_by_when_it_was_read():
    one = labelled(has_m0=False, slice_time=0.05)
    dark = changed(one, is_suppressed=True, n_inversions=1, inversions=(2.4,)).labelling
    z = brain().places // (SHAPE[0] * SHAPE[1])
    t1 = np.full(z.size, 1.3)
    left = left_by_suppression(dark, 3.6 + 0.05 * z, t1, 0.95)
    control = brain().spread(1000.0 * left, 0.0)
    found = equilibrium(replace(one, labelling=dark), Around(), brain(), control, t1, Plan())
    np.testing.assert_allclose(found.values, 1000.0)
    # As if all had been read with the first, the last of six slices would be two fifths too bright.
    assert left[z == 5].mean() > 1.4 * left[z == 0].mean()


def test_what_suppression_left_is_that_of_the_very_volumes_that_are_the_control_image():
    """The first volume has another duration of labelling, and the shortest delay comes last."""
    one = labelled(has_m0=False, delays=(1.8, 1.0))
    durations = np.where(one.labelling.delays > 1.5, 1.4, 2.4)
    dark = changed(one, is_suppressed=True, n_inversions=1, inversions=(1.2,), durations=durations).labelling
    t1 = np.full(3, 1.3)
    found = left_in_controls(dark, np.zeros(3), t1, 0.95)
    np.testing.assert_allclose(found, left_by_suppression(dark, np.full(3, 3.4), t1, 0.95))
    mixed = replace(dark, durations=np.where(np.arange(24) < 18, durations, 1.0))
    both = [left_by_suppression(dark, np.full(3, one), t1, 0.95) for one in (3.4, 2.0)]
    np.testing.assert_allclose(left_in_controls(mixed, np.zeros(3), t1, 0.95), np.mean(both, axis=0))


def test_controls_of_a_time_encoded_series_are_put_back_by_all_its_blocks():
    n = 8
    how = Labelling(
        "pcasl", ("encoded",) * n, np.full(n, 0.3), np.full(n, 0.4), is_suppressed=True, n_inversions=1,
        inversions=(1.5,), matrix=np.array(hadamard(8), float),
    )  # fmt: skip
    t1 = np.full(brain().n_voxels, 1.3)
    left = left_by_suppression(how, np.full(t1.size, 7 * 0.4 + 0.3), t1, 0.95)
    one = replace(labelled(has_m0=False), labelling=how)
    found = equilibrium(one, Around(), brain(), brain().spread(900.0 * left, 0.0), t1, Plan())
    np.testing.assert_allclose(found.values, 900.0)


def test_controls_of_which_nobody_says_whether_they_are_suppressed_stand_for_m0_only_where_that_is_asked_for():
    one = changed(labelled(has_m0=False), is_suppressed=None)
    t1 = np.full(brain().n_voxels, 1.3)
    control = 1000.0 * -np.expm1(-4.0 / 1.3) * np.ones(SHAPE)
    found = equilibrium(one, Around(), brain(), control, t1, Plan())
    assert not found.is_absolute
    assert "BackgroundSuppression" in found.flags[0].sentence
    asked = equilibrium(one, Around(), brain(), control, t1, Plan(m0="control"))
    np.testing.assert_allclose(asked.values, 1000.0)
    assert "not recorded" in asked.flags[0].sentence


def test_controls_that_are_suppressed_in_an_unknown_way_give_no_m0_and_never_one_of_1():
    one = changed(labelled(has_m0=False), is_suppressed=True, n_inversions=2)
    found = equilibrium(one, Around(), brain(), 50.0 * np.ones(SHAPE), np.full(brain().n_voxels, 1.3), Plan())
    assert not found.is_absolute
    assert found.flags[0].code == "relative-flow"
    assert found.flags[0].severity == Severity.LIMITED


def test_m0_is_never_smoothed_across_the_edge_of_a_lesion():
    image = np.where(np.arange(20)[:, None, None] < 10, 1000.0, 2000.0) * np.ones(SHAPE)
    lesion = Region(np.broadcast_to((np.arange(20) >= 10)[:, None, None], SHAPE) & ball(), GRID, "lesion")
    apart = smoothed(image, brain(), lesion, 12.0)
    np.testing.assert_allclose(apart[ball()], image[ball()], rtol=1e-5)
    assert np.abs(smoothed(image, brain(), None, 12.0) - image)[ball()].max() > 100


def test_fluid_scales_by_its_own_water_and_needs_a_map():
    one = labelled(noise=0.0, m0_tr=20.0)
    fluid = np.where(ball(), 1.0, 0.0)
    t1 = np.full(brain().n_voxels, 1.3)
    with pytest.raises(Problem, match="fluid"):
        equilibrium(one, Around(), brain(), None, t1, Plan(m0="fluid"))
    plain = 0.9 * 1000.0 / -np.expm1(-20.0 / 4.3) / 1.15
    for is_spin_echo, blood, still in ((True, 0.15, 0.75), (False, 0.05, 0.4)):
        known = changed(one, is_spin_echo=is_spin_echo)
        found = equilibrium(known, Around(fluid=fluid), brain(), None, t1, Plan(m0="fluid"))
        np.testing.assert_allclose(found.values, plain * np.exp(-0.012 / blood + 0.012 / still), rtol=1e-6)
        assert not found.flags
    found = equilibrium(one, Around(fluid=fluid), brain(), None, t1, Plan(m0="fluid"))
    assert [flag.code for flag in found.flags] == ["m0-readout-unknown"]


@pytest.mark.parametrize(("is_spin_echo", "blood", "still"), [(True, 0.15, 0.05), (False, 0.05, 0.05)])
def test_white_matter_scales_by_its_own_water_and_a_lesion_is_left_out(is_spin_echo, blood, still):
    one = changed(labelled(noise=0.0, m0_tr=2.0), is_spin_echo=is_spin_echo)
    white = np.where(ball(), 1.0, 0.0)
    lesion = np.zeros(SHAPE, bool)
    lesion[:14] = ball()[:14]
    bright = replace(one, m0=replace(one.m0, values=one.m0.values * np.where(lesion, 1.6, 1.0)))
    around = Around(white=white, lesion=Region(lesion, GRID, "lesion"))
    t1 = np.full(brain().n_voxels, 1.3)
    found = equilibrium(bright, around, brain(), None, t1, Plan(m0="white"))
    plain = 0.9 * 1000.0 / -np.expm1(-2.0 / 1.0) / 0.82
    np.testing.assert_allclose(found.values, plain * np.exp(-0.012 / blood + 0.012 / still), rtol=1e-6)
    assert "white matter" in found.step.sentence and found.is_absolute
    with pytest.raises(Problem, match="--wm"):
        equilibrium(bright, Around(), brain(), None, t1, Plan(m0="white"))
    with pytest.raises(Problem, match="Only 0 voxels"):
        whole = Around(white=white, lesion=Region(ball(), GRID, "lesion"))
        equilibrium(bright, whole, brain(), None, t1, Plan(m0="white"))


def test_age_and_sex_tell_blood_as_their_haematocrit_does():
    infant, woman, man = (blood_t1(Plan(age=age, sex=sex), 3.0)[0] for age, sex in (
        (1.25, "unknown"), (39.0, "female"), (39.0, "male")))  # fmt: skip
    for t1, hct in ((infant, 0.355), (woman, 0.42), (man, 0.466)):
        assert t1 == pytest.approx(t1_of_haematocrit(hct, 3.0))
    assert woman > blood_t1(Plan(age=39.0), 3.0)[0] > man
    assert haematocrit(None, "unknown") is None
    assert haematocrit(0.0, "male") == 0.53 and haematocrit(100.0, "female") == 0.431
    newborn = haematocrit(0.0, "unknown")
    assert newborn > haematocrit(1.0, "unknown") < haematocrit(29.0, "unknown") < newborn


def test_a_setting_that_another_leaves_without_effect_is_refused():
    for idle in (
        {"hct": 0.4, "sex": "female"}, {"hct": 0.4, "age": 50.0}, {"blood_t1": 1.6, "age": 50.0},
        {"m0": "white", "m0_smoothing": 5.0}, {"m0": "none", "m0_smoothing": 5.0},
    ):  # fmt: skip
        with pytest.raises(Problem, match="as well"):
            Plan(**idle)


def test_control_images_that_stand_for_m0_are_smoothed_and_recover_as_the_plan_has_it():
    one = labelled(has_m0=False, slice_time=0.1)
    t1 = np.full(brain().n_voxels, 1.3)
    rough = 1000.0 + 100.0 * np.random.default_rng(0).normal(size=SHAPE)
    plain, smooth, whole = (
        equilibrium(one, Around(), brain(), rough, t1, plan).values
        for plan in (Plan(), Plan(m0_smoothing=8.0), Plan(m0_recovery="volume"))
    )
    assert smooth.std() < 0.5 * plain.std()
    np.testing.assert_allclose(whole / plain, -np.expm1(-4.0 / 1.3) / recovery(
        t1, 4.0, one.labelling.slice_times, brain(), "volume"))  # fmt: skip


@pytest.mark.parametrize("slice_time", [None, 0.04])
@pytest.mark.parametrize(("is_spin_echo", "decay"), [(True, 0.075), (False, 0.055)])
def test_an_m0_of_another_echo_time_is_brought_to_that_of_the_series_by_its_readout(slice_time, is_spin_echo, decay):
    # Whether times of slices were recorded says nothing of the echo: 2-D EPI often comes without them.
    one = changed(labelled(noise=0.0, slice_time=slice_time), is_spin_echo=is_spin_echo)
    later = replace(one.m0, values=one.m0.values * np.exp(-0.02 / decay), te=0.032)
    t1 = np.full(brain().n_voxels, 1.3)
    plain = equilibrium(one, Around(), brain(), None, t1, Plan())
    found = equilibrium(replace(one, m0=later), Around(), brain(), None, t1, Plan())
    np.testing.assert_allclose(found.values, plain.values, rtol=1e-6)
    assert "m0-echo-time" in {flag.code for flag in found.flags}
    # Left alone, flow would be a quarter to two fifths too high.
    assert plain.values[0] / brain().taken(later.values)[0] > 1.25


def test_of_an_unknown_readout_the_echo_time_is_corrected_halfway_and_what_that_leaves_open_is_said():
    one = labelled(noise=0.0)
    later = replace(one.m0, te=0.032)
    t1 = np.full(brain().n_voxels, 1.3)
    factors = []
    for is_spin_echo in (True, None, False):
        found = equilibrium(
            replace(changed(one, is_spin_echo=is_spin_echo), m0=later), Around(), brain(), None, t1, Plan()
        )
        (flag,) = [flag for flag in found.flags if flag.code == "m0-echo-time"]
        assert ("not recorded" in flag.sentence) == (is_spin_echo is None)
        factors.append(found.values[0])
    assert factors[1] == pytest.approx(np.sqrt(factors[0] * factors[2]))


def pulsed(angle, tr, t1, n=60):
    """Signal of the last of many pulses, each of which leaves the cosine of what it finds."""
    along = 1.0
    for _ in range(n):
        along = 1.0 + (np.cos(angle) * along - 1.0) * np.exp(-tr / t1)
    return np.sin(angle) * along


def often(m0, angle=np.pi / 6, **how):
    """A Look-Locker series with this M0."""
    one = labelled(noise=0.0, delays=(0.5, 0.8, 1.1))
    return replace(changed(one, flip_angles=np.full(len(one.labelling.volumes), angle), **how), m0=m0)


@pytest.mark.parametrize("degrees", [8.0, 30.0, 90.0])
@pytest.mark.parametrize("tr", [0.5, 2.0, 20.0])
def test_m0_of_a_look_locker_series_is_the_magnetisation_whatever_pulses_read_it(degrees, tr):
    angle, t1 = np.deg2rad(degrees), 1.3
    m0 = labelled(noise=0.0, m0_tr=tr).m0
    read = replace(m0, values=m0.values * pulsed(angle, tr, t1), flip_angle=angle)
    found = equilibrium(often(read), Around(), brain(), None, np.full(brain().n_voxels, t1), Plan())
    np.testing.assert_allclose(found.values, 1000.0, rtol=1e-6)
    # As if 90 degrees had been played and their sine were all that a smaller angle changes, it is far off.
    if degrees == 30.0 and tr == 2.0:
        naive = 1000.0 * pulsed(angle, tr, t1) / -np.expm1(-tr / t1) / np.sin(angle)
        assert naive > 1.03 * 1000.0


@pytest.mark.parametrize("tr", [2.0, 20.0])
def test_fluid_of_a_look_locker_series_scales_as_its_magnetisation(tr):
    angle = np.deg2rad(30.0)
    t1 = np.full(brain().n_voxels, 1.3)
    m0 = labelled(noise=0.0, m0_tr=tr).m0
    read = replace(m0, values=m0.values * pulsed(angle, tr, 4.3), flip_angle=angle)
    one = often(read, is_spin_echo=True)
    found = equilibrium(one, Around(fluid=np.where(ball(), 1.0, 0.0)), brain(), None, t1, Plan(m0="fluid"))
    np.testing.assert_allclose(found.values, 900.0 / 1.15 * np.exp(-0.012 / 0.15 + 0.012 / 0.75), rtol=1e-6)
    assert not found.flags
    unknown = replace(one, m0=replace(read, flip_angle=None))
    found = equilibrium(unknown, Around(fluid=np.where(ball(), 1.0, 0.0)), brain(), None, t1, Plan(m0="fluid"))
    assert [flag.code for flag in found.flags] == ["m0-flip-angle-unknown"]


@pytest.mark.parametrize(("is_spin_echo", "blood", "still"), [(True, 0.15, 0.75), (False, 0.05, 0.4)])
def test_blood_of_fluid_is_that_at_the_echo_time_of_the_series(is_spin_echo, blood, still):
    one = changed(labelled(noise=0.0), is_spin_echo=is_spin_echo)
    fluid, t1 = np.where(ball(), 1.0, 0.0), np.full(brain().n_voxels, 1.3)
    plain = equilibrium(one, Around(fluid=fluid), brain(), None, t1, Plan(m0="fluid"))
    later = replace(one, m0=replace(one.m0, values=one.m0.values * np.exp(-0.02 / still), te=0.032))
    found = equilibrium(later, Around(fluid=fluid), brain(), None, t1, Plan(m0="fluid"))
    np.testing.assert_allclose(found.values, plain.values, rtol=1e-6)
    assert [flag.code for flag in found.flags] == ["m0-echo-time"]
    # Left at the echo time of M0, flow would be an eighth to a half too high.
    assert np.exp(0.02 / blood) > 1.12


def test_what_a_train_uses_up_of_an_m0_among_its_volumes_is_said_not_to_be_modelled():
    m0 = replace(labelled(noise=0.0).m0, kind="included", flip_angle=np.pi / 6)
    t1 = np.full(brain().n_voxels, 1.3)
    (flag,) = equilibrium(often(m0), Around(), brain(), None, t1, Plan()).flags
    assert flag.code == "m0-in-train"
    off = pulsed(np.pi / 6, 20.0, 1.3) / pulsed(np.pi / 6, 0.3, 1.3)
    assert 1.0 + flag.fraction == pytest.approx(off, rel=1e-6)
    assert f"{off:.2f} times too high" in flag.sentence
    for other in (replace(m0, kind="separate"), replace(m0, flip_angle=np.pi / 2)):
        assert not equilibrium(often(other), Around(), brain(), None, t1, Plan()).flags
