import re
from dataclasses import replace

import numpy as np

from perspect.report.curves import Windows, description, drawing, ticks
from perspect.vocabulary import Curve
from report.example_patient import curves

WINDOWS = Windows((0.0, 22.5), (27.0, 118.5))


def test_every_curve_is_named_and_a_fit_is_called_one():
    drawn = drawing(curves(), WINDOWS)
    assert all(curve.label in drawn for curve in curves().values())
    assert "its fit" in drawn and "rest" in drawn and "integrated" in drawn


def test_windows_that_the_run_does_not_say_are_not_drawn():
    assert "integrated" not in drawing(curves(), Windows())


def test_the_curves_follow_the_dress_of_the_page():
    drawn = drawing(curves(), WINDOWS)
    assert all(colour in drawn for colour in ("var(--ink)", "var(--line)", "var(--shade)"))
    assert "black" not in drawn and "#000" not in drawn


def test_a_drawing_is_a_part_of_a_page_and_not_a_file():
    drawn = drawing(curves(), WINDOWS)
    assert drawn.startswith("<svg class=") and "<metadata>" not in drawn and "<?xml" not in drawn


def test_a_curve_of_another_kind_is_drawn_on_its_own():
    other = Curve(np.arange(3.0), np.arange(3.0), "mM", "concentration")
    assert "mM" in drawing({"aif": curves()["aif"], "concentration": other}, Windows())


def test_a_curve_without_a_number_is_told_and_not_drawn_as_zero():
    empty = Curve(np.arange(3.0), np.full(3, np.nan), "1/s", "nothing")
    assert description({"aif": empty}) == "No curve has a finite value."
    assert "nothing" in drawing({"aif": empty}, Windows())


def test_a_gap_in_a_curve_is_not_bridged():
    values = np.array([0.0, 1.0, np.nan, 3.0, 2.0])
    drawn = drawing({"aif": Curve(np.arange(5.0), values, "1/s", "with a gap")}, Windows())
    strokes = [line for line in drawn.splitlines() if 'stroke="#0e86c8"' in line]
    assert len(strokes) == 3  # two pieces, and the one of the legend
    assert "nan" not in drawn


def test_ticks_are_round_and_lie_between_the_ends():
    for low, high in ((-0.13, 7.7), (0.0, 1e-4), (-3e5, 2e5), (26.9, 27.2)):
        at = ticks(low, high, 7)
        assert 3 <= at.size <= 8
        assert low <= at[0] + 1e-9 * abs(low) and at[-1] <= high + 1e-9 * abs(high)
        np.testing.assert_allclose(np.diff(at), at[1] - at[0])


def test_volumes_before_the_rest_do_not_set_the_scale():
    some = curves()["tissue"]
    spoilt = replace(some, values=np.where(some.times < 5.0, -1e3, some.values))
    drawn = drawing({"tissue": spoilt}, Windows((5.0, 22.5)))
    assert drawing({"tissue": some}, Windows((5.0, 22.5))) == drawn


def test_no_curve_runs_through_the_names():
    """The topmost point of a flat curve lies below the last of three names, of which each takes ten points."""
    times = np.arange(20.0)
    flat = {
        name: Curve(times, np.full(20, 1.0 + 0.001 * k), "1", f"{name}, pair by pair") for k, name in enumerate("abc")
    }
    drawn = drawing(flat, Windows())
    tops = [
        float(y)
        for line in re.findall(r'd="M([^"]*)" fill="none" stroke="#', drawn)
        for y in re.findall(r" ([\d.]+)", line)
    ]
    names = [float(y) for y in re.findall(r'<text x="[\d.]+" y="([\d.]+)" text-anchor="end" font-size="8"', drawn)]
    marks = {y - 3 for y in names}
    assert min(y for y in tops if all(abs(y - mark) > 0.05 for mark in marks)) > max(names)
