"""Maps of a spectroscopic image: hung as radiologists hang them, with sides, sizes and scales."""

import re

import numpy as np
import pytest

from perspect.report import mrsi_page
from perspect.report.mrsi import VOXEL, map_drawing
from perspect.vocabulary import Grid, Map, Measured, Recipe, Status, lexicon

GRID = Grid((4, 3, 2), np.array([[10.0, 0, 0, -15], [0, 10.0, 0, -10], [0, 0, 15.0, 20], [0, 0, 0, 1.0]]))


def ratio():
    """A map that is 1 in the patient's far left voxel of the foremost row and 0 elsewhere; one voxel is unusable."""
    values, status = np.zeros(GRID.shape, np.float32), np.zeros(GRID.shape, np.int16)
    values[0, 2, :] = 1.0
    status[3, 0, 0] = Status.NOT_DETERMINED
    values[3, 0, 0] = np.nan
    return Map(lexicon.CHO_OVER_NAA, values, 0.1 * values, status, GRID)


def test_the_patients_right_is_on_the_left_and_says_so():
    drawn = map_drawing(ratio())
    places = re.findall(r'<rect x="([\d.]+)" y="([\d.]+)"[^>]*fill="([^"]+)"', drawn)
    colours = {fill for _, _, fill in places}
    lit = [(float(x), float(y)) for x, y, fill in places if sum(fill == other for _, _, other in places) == 2]
    assert len(colours) == 3
    assert lit[0] == (3 * VOXEL, 0.0)  # far left (-15 mm), in front
    sides = re.findall(r'text-anchor="(end|start)" font-size="11" fill="var\(--ink\)">([RL])<', drawn)
    assert sides[0] == ("end", "R") and sides[1] == ("start", "L")


def test_every_slice_has_its_place_and_the_bar_its_length():
    drawn = map_drawing(ratio())
    assert "1 · S 20" in drawn and "2 · S 35" in drawn
    assert float(re.search(r'h([\d.]+)" stroke="var\(--ink\)"', drawn)[1]) == pytest.approx(2 * VOXEL)
    assert "2 cm</text>" in drawn


def test_no_side_is_named_where_the_file_held_no_positions():
    drawn = map_drawing(ratio(), is_placed=False)
    assert not re.search(r">[RLAP]<", drawn) and "cm</text>" not in drawn
    page = mrsi_page(Measured({"one": ratio()}, (), Recipe(()), {}, {}, {}), "name", is_placed=False)
    assert "does not say which side is which" in page


def test_every_map_has_a_bar_with_its_unit():
    page = mrsi_page(Measured({"one": ratio()}, (), Recipe(()), {}, {}, {}), "name")
    assert page.count('class="bar"') == 1 and ">ratio</span>" in page and "<span>1.5</span>" in page
