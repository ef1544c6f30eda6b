import numpy as np

from perspect.report.curves import THEME, Windows, description, drawing
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
    assert "var(--ink)" in drawn and not any(placeholder in drawn for placeholder in THEME)


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
