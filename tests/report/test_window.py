"""A map that lies above its window is shown on a longer bar, which says so."""

import numpy as np
import pytest

from perspect.report.exhibits import _beyond, _window
from perspect.vocabulary import lexicon


@pytest.mark.parametrize(("level", "high"), [(4.0, 8.0), (24.0, 40.0), (150.0, 160.0)])
def test_a_brain_that_would_be_of_one_colour_gets_a_longer_bar_and_is_said_to_be_limited(level, high):
    window = _window(lexicon.CBV, np.full(64, level))
    assert window == (0.0, high)
    assert _beyond(lexicon.CBV, np.full(64, level), window).startswith("LIMITED") is (high > 8.0)


def test_a_map_without_numbers_keeps_its_window():
    assert _window(lexicon.CBV, np.array([])) == lexicon.CBV.display
