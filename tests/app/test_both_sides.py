"""The spectrum of a lesion beside that of the other side."""

import re
from dataclasses import replace

import numpy as np
import pytest

from perspect.anatomy.mirror import Plane
from perspect.app.contribute.sides import TOGETHER, places_of_both, voxel_of_map
from perspect.pitfalls.voxel import VoxelMap
from perspect.report import answer_page
from perspect.report.dossier import Shown
from perspect.report.spectrum import common_range, spectrum_drawing
from perspect.vocabulary import FittedSpectrum, Grid, Spectra
from small_dossier import small_dossier

GRID = Grid((8, 6, 1), np.array([[10.0, 0, 0, -35.0], [0, 10, 0, -25], [0, 0, 15, 0], [0, 0, 0, 1]]))
MIDDLE = Plane(np.array([1.0, 0.0, 0.0]), 0.0)
LESION = (1, 3, 0)


def seen(measured=None):
    share = np.zeros(GRID.shape)
    share[LESION], share[2, 3, 0] = 0.9, 0.5
    usable = np.ones(GRID.shape, bool) if measured is None else measured
    return VoxelMap(GRID, np.ones(GRID.shape), np.ones(GRID.shape), share, usable)


def test_the_voxel_opposite_is_as_far_from_the_midline_as_that_of_the_lesion():
    lesion = seen().solid_share
    first, second = places_of_both(seen(), lesion, MIDDLE)
    assert first == LESION
    places = [(GRID.affine @ (*one, 1.0))[:3] for one in (first, second)]
    np.testing.assert_allclose(places[1], places[0] * [-1, 1, 1])


def test_what_is_opposite_is_not_shown_where_it_is_ill_unusable_or_nobody_knows_where_it_is():
    lesion = seen().solid_share
    (_, opposite) = places_of_both(seen(), lesion, MIDDLE)
    ill, lost = lesion.copy(), np.ones(GRID.shape, bool)
    ill[opposite], lost[opposite] = 0.1, False
    for found in (
        places_of_both(seen(), ill, MIDDLE), places_of_both(seen(lost), lesion, MIDDLE),
        places_of_both(seen(), lesion, None),
    ):  # fmt: skip
        assert found == (LESION,)
    assert places_of_both(seen(np.zeros(GRID.shape, bool)), lesion, MIDDLE) == ()


def test_a_voxel_of_a_map_lies_where_it_lay():
    values = np.arange(8 * 6 * 4, dtype=complex).reshape(8, 6, 1, 4)
    one = voxel_of_map(Spectra(values, 1 / 2000, 123.2e6, GRID), (5, 2, 0))
    np.testing.assert_array_equal(one.values[0, 0, 0], values[5, 2, 0])
    np.testing.assert_allclose(one.grid.affine[:3, 3], (GRID.affine @ (5, 2, 0, 1))[:3])
    assert one.is_single


def line(height):
    ppm = np.linspace(4.2, 0.2, 401)
    data = height * np.exp(-(((ppm - 2.0) / 0.05) ** 2))
    return FittedSpectrum(ppm, data, data, 0 * data, {}, 0.01)


def peak(drawing):
    """How high the fitted line stands in a picture, in points above its foot."""
    row = next(one for one in re.findall("<path [^>]*>", drawing) if 'data-row="fit"' in one)
    path = re.search('d="M([^"]+)"', row)[1]
    heights = [float(point.split()[1]) for point in path.split("L")]
    return max(heights) - min(heights)


def test_a_line_half_as_tall_is_drawn_half_as_tall_beside_the_other():
    tall, low = line(10.0), line(5.0)
    ends = common_range((tall, low))
    assert peak(spectrum_drawing(low, ends)) == pytest.approx(peak(spectrum_drawing(tall, ends)) / 2, abs=0.2)
    # On a scale of its own it would look the same: that is what misleads.
    assert peak(spectrum_drawing(low)) == pytest.approx(peak(spectrum_drawing(tall)), abs=0.2)


def test_the_page_labels_both_sides_and_draws_them_on_one_scale():
    both = tuple(
        Shown(f"Spectrum {side}", line(size), group=TOGETHER) for side, size in (("here", 9.0), ("there", 3.0))
    )
    page = answer_page(replace(small_dossier(), spectra=both))
    drawings = re.findall('<svg class="curves spectrum".*?</svg>', page, re.S)
    assert peak(drawings[0]) == pytest.approx(3 * peak(drawings[1]), abs=0.3)
    assert all(f"<b>{one.title}</b>" in page for one in both)
