"""A map that lies above its window is shown on a longer bar, which says so."""

import numpy as np
import pytest

from perspect.report.exhibits import _beyond, _window
from perspect.vocabulary import Grid, Map, Region, lexicon

BRAIN = np.ones((4, 4, 4), bool)


def made(level):
    region = Region(BRAIN, Grid((4, 4, 4), np.eye(4)), "brain")
    values = np.full(64, level / lexicon.CBV.shown_factor)
    return Map.of(lexicon.CBV, region, values, 0.1 * values, np.zeros(64, np.int16))


@pytest.mark.parametrize(("level", "high"), [(4.0, 8.0), (24.0, 40.0), (150.0, 160.0)])
def test_a_brain_that_would_be_of_one_colour_gets_a_longer_bar_and_is_said_to_be_limited(level, high):
    assert _window(BRAIN, made(level)) == (0.0, high)
    assert _beyond(BRAIN, made(level)).startswith("LIMITED") is (high > 8.0)


def test_a_map_without_numbers_keeps_its_window():
    assert _window(BRAIN, made(np.nan)) == lexicon.CBV.display
