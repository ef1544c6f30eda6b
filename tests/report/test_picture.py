import base64
import io

import matplotlib.image
import numpy as np
import pytest

from perspect.report.picture import N_COLOURS, N_GREYS, Painter, area, border, colour_bar, data_uri
from perspect.report.view import layout, view
from report.example_patient import grid


def decoded(uri):
    """The picture as others read it."""
    return matplotlib.image.imread(io.BytesIO(base64.b64decode(uri.partition(",")[2])), format="png")


def test_a_picture_survives_being_written():
    palette = np.array([[0, 0, 0], [255, 0, 0], [0, 51, 255]], np.uint8)
    image = decoded(data_uri(np.array([[0, 1], [2, 0]], np.uint8), palette))
    np.testing.assert_allclose(image[..., :3], palette[np.array([[0, 1], [2, 0]])] / 255, atol=1e-6)


def painted(values, background=None, pixels=10_000):
    at = grid((40, 40, 1), (2.0, 2.0, 2.0))
    background = np.full(at.shape, 50.0) if background is None else background
    tiles = layout(view(at), np.ones(at.shape, bool))
    return decoded(Painter(tiles, background, (0.0, 100.0), pixels).paint(values, (0.0, 10.0), "inferno", "x").png)


def test_a_voxel_without_a_number_shows_the_baseline_image():
    values = np.full((40, 40, 1), np.nan)
    values[10, 10] = 5.0
    image = painted(values)[..., :3]
    is_grey = np.ptp(image, axis=-1) == 0
    assert (~is_grey).sum() == 1
    np.testing.assert_allclose(image[is_grey], 235 * 0.5 / 255, atol=3 / 255)


@pytest.mark.parametrize(("value", "end"), [(-3.0, 0.0), (0.0, 0.0), (10.0, 1.0), (99.0, 1.0)])
def test_values_beyond_the_window_have_its_end_colours(value, end):
    image = painted(np.full((40, 40, 1), value))
    expected = matplotlib.colormaps["inferno"](end)[:3]
    np.testing.assert_allclose(image[0, 0, :3], expected, atol=1 / 255)


def test_the_colour_bar_has_the_colours_of_the_picture():
    bar = decoded(colour_bar((0.0, 10.0), "inferno", "ratio", 6).png)[0]
    place = 0.7
    image = painted(np.full((40, 40, 1), 10 * place + 1e-3))
    np.testing.assert_array_equal(image[0, 0, :3], bar[int(place * N_COLOURS), :3])


@pytest.mark.parametrize(
    ("limits", "n", "ticks"),
    [
        ((0.0, 6.0), 7, ("0", "1", "2", "3", "4", "5", "6")),
        ((-0.05, 0.05), 2, ("−0.05", "0.05")),
        ((0.0, 1.5), 6, ("0", "0.3", "0.6", "0.9", "1.2", "1.5")),
    ],
)
def test_ticks_are_round_numbers_from_end_to_end(limits, n, ticks):
    assert colour_bar(limits, "inferno", "", n).ticks == ticks


def test_a_picture_beyond_its_budget_is_thinned_never_mixed():
    checks = np.indices((40, 40, 1)).sum(axis=0) % 2 * 10.0
    image = painted(checks, pixels=400)
    assert image.shape[:2] == (20, 20)
    colours = {tuple(pixel) for pixel in image[..., :3].reshape(-1, 3)}
    assert colours <= {tuple(pixel) for pixel in painted(checks)[..., :3].reshape(-1, 3)}


def test_the_border_of_one_voxel_is_its_four_sides():
    mask = np.zeros((3, 4), bool)
    mask[1, 2] = True
    assert sorted(border(mask).split("M")[1:]) == ["2 1h1", "2 1v1", "2 2h1", "3 1v1"]


def test_the_border_of_a_block_has_no_lines_inside():
    mask = np.zeros((5, 5), bool)
    mask[1:4, 1:4] = True
    assert sorted(border(mask).split("M")[1:]) == ["1 1h3", "1 1v3", "1 4h3", "4 1v3"]


def test_an_area_is_covered_once():
    assert area(np.array([[True, True, False, True]])) == "M0 0h2v1h-2zM3 0h1v1h-1z"


def test_classes_have_their_own_colours():
    at = grid((8, 8, 1), (4.0, 4.0, 4.0))
    tiles = layout(view(at), np.ones(at.shape, bool))
    classes = np.full(at.shape, 2, np.uint8)
    picture = Painter(tiles, np.zeros(at.shape), (0.0, 1.0)).classes(classes, ("#112233", "#445566"), "x")
    np.testing.assert_allclose(decoded(picture.png)[0, 0, :3] * 255, [0x44, 0x55, 0x66], atol=0.5)
    assert N_GREYS + N_COLOURS == 256
