"""The curves of a lesion on the page of an answer: whose they are, and what marks them."""

from dataclasses import replace

import numpy as np

from perspect.app.contribute.charts import drawn_of, of_bolus, of_leakage, one_model_in_words
from perspect.app.contribute.scenes import bolus_motion, bolus_steps
from perspect.app.place import kept_of
from perspect.pitfalls import Passage, leakage, motion, passage
from perspect.vocabulary import Curve, Kept, Region
from small_measured import small_measured
from trap_scenes import changed, scene

MEASURED = small_measured()
GRID = MEASURED.regions["brain"].grid
TIMES = MEASURED.curves["aif"].times


def region(*places):
    mask = np.zeros(GRID.shape, bool)
    for place in places:
        mask[place] = True
    return Region(mask, GRID, "part")


SOLID = region((1, 1, 1), (2, 1, 1), (3, 1, 1), (1, 2, 1))
WHITE = region((2, 2, 2), (3, 2, 2))


def measured(**more):
    """Curves of which the k-th voxel is k times as high as the first."""
    both = region(*map(tuple, np.argwhere(SOLID.mask | WHITE.mask)))
    rows = np.outer(np.arange(1.0, both.n_voxels + 1), np.exp(-(((TIMES - 8) / 3) ** 2)))
    curves = {"signal": 100 - rows, "delta_r2star": rows, "corrected": 1.1 * rows, "curve": rows, "fit": rows}
    units = {**dict.fromkeys(curves, "1/s"), "signal": "%", "curve": "mM", "fit": "mM"}
    summary = {**MEASURED.summary, "window_seconds": [3.0, 16.5], **more}
    return replace(MEASURED, summary=summary, kept=Kept(both, TIMES, curves, units))


def test_the_curve_is_of_the_voxels_that_count():
    parts = {"solid part": SOLID, "enhancing": SOLID}
    spoilt = region((1, 2, 1)).mask
    whose = drawn_of(parts, spoilt, WHITE, ())
    (chart,) = of_bolus(measured(), whose)
    assert (chart.part, chart.n_voxels, chart.n_left_out) == ("enhancing part", 3, 1)
    signal, change, artery = chart.panels
    assert list(change.curves) == ["lesion", "corrected", "white"]
    inside = measured().kept.region.taken(SOLID.mask & ~spoilt)
    heights = np.flatnonzero(inside) + 1.0
    np.testing.assert_allclose(change.curves["lesion"].values, heights.mean() * np.exp(-(((TIMES - 8) / 3) ** 2)))
    assert artery.curves["aif"] is MEASURED.curves["aif"]
    assert signal.down == "signal (% of rest)"


def test_a_part_that_traps_hold_as_a_whole_is_drawn_with_them_and_said_to_be():
    whose = drawn_of({"solid part": SOLID}, SOLID.mask, None, ())
    assert (whose.part, whose.n_left_out, int(whose.counts.sum())) == ("solid part", 0, 4)
    (chart,) = of_bolus(measured(), whose)
    assert "Hardly a voxel is free of traps" in chart.sentence


def test_without_a_lesion_nothing_is_kept_and_nothing_drawn():
    assert kept_of(None, WHITE) is None
    assert of_bolus(MEASURED, drawn_of({"solid part": SOLID}, SOLID.mask, WHITE, ())) == ()
    assert drawn_of({}, SOLID.mask, WHITE, ()) is None


def test_a_voxel_around_the_lesion_is_kept_since_its_parts_are_resampled_one_by_one():
    held = kept_of(region((2, 1, 1)), None)
    assert held.mask[1, 1, 1] and held.mask[2, 1, 2] and not held.mask[4, 3, 2]


def test_what_spoils_a_curve_is_marked_when_it_does():
    seen = Passage(4, 1.5, 20.0, 12.0, rest=(0.0, 6.0), first_pass=(20.0, 40.0), end=50.0)
    bad = replace(scene(), passage=seen, bolus_motion=3.0, steps=((21.0, 0.1), (24.0, 3.0), (27.0, 1.6)))
    traps = (passage.look(bad), motion.look(bad), leakage.look(replace(bad, is_corrected=False)))
    whose = drawn_of({"solid part": SOLID}, region().mask, None, traps)
    told = {one.words: (one.start, one.stop) for one in whose.marks}
    assert told == {
        "4 volumes": (0.0, 6.0),
        "not recorded": (50.0, 90.0),  # the peak at 30 s, and a minute after it
        "moved by 3.0 mm": (24.0, 27.0),
        "leakage left in": (40.0, 50.0),
    }
    (chart,) = of_bolus(measured(), whose)
    assert chart.panels[0].marks == whose.marks and chart.panels[2].marks == ()


def test_the_sign_of_leakage_stands_at_its_mark():
    seen = Passage(20, 1.5, 80.0, 12.0, rest=(0.0, 6.0), first_pass=(20.0, 40.0), end=110.0)
    for value, sign in ((0.2, "T1"), (-0.2, "T2*")):
        one = changed("k2", scene().solid, value, replace(scene(), passage=seen))
        assert [mark.words for mark in leakage.look(one).when] == [f"leakage, {sign}: taken out"]


def test_times_of_motion_are_those_of_the_series():
    framewise = [0.0, 0.1, 0.1, 0.2, 3.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1]
    one = measured(framewise_displacement=framewise, arrival=4.5, first_pass_end=9.0, time_step=1.5)
    steps = bolus_steps(one)
    assert max(steps, key=lambda step: step[1]) == (6.0, 3.0)
    assert bolus_motion(one.summary) == 3.0


def test_the_one_model_of_a_part_is_said_with_its_weight_and_medians():
    summary = {
        "lesion_model": "extended-tofts", "lesion_model_weights": {"patlak": 0.1, "extended-tofts": 0.9},
        "lesion_model_voxels": 120, "lesion_voxel_models": {"patlak": 0.3, "extended-tofts": 0.7},
        "lesion_model_medians": {"ktrans": 0.002, "ve": 0.3, "vp": float("nan")},
    }  # fmt: skip
    said = one_model_in_words(summary)
    assert "all 120 voxels: extended Tofts, Akaike weight 0.90 (70% of its voxels" in said
    assert "Ktrans 0.12 1/min, ve 0.3." in said
    (chart,) = of_leakage(measured(**summary), drawn_of({"solid part": SOLID}, region().mask, WHITE, ()))
    assert chart.fitted == "fit: extended Tofts"
    assert isinstance(chart.panels[0].curves["lesion"], Curve)
    assert chart.panels[0].curves["lesion"].fit is not None
