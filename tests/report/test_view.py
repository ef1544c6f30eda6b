import itertools

import numpy as np
import pytest

from perspect.report.view import layout, view, window
from perspect.vocabulary import Grid
from report.example_patient import grid

SPACING = {0: 2.0, 1: 3.0, 2: 5.0}


def every_axial_grid():
    """All ways in which x and y can be stored, each running either way, with slices either way."""
    for order, signs in itertools.product(((0, 1), (1, 0)), itertools.product((1, -1), repeat=3)):
        affine = np.eye(4)
        affine[:3, :3] = 0
        for axis, world in enumerate((*order, 2)):
            affine[world, axis] = signs[axis] * SPACING[world]
        shape = (9, 11, 5) if order == (0, 1) else (11, 9, 5)
        affine[:3, 3] = -affine[:3, :3] @ ((np.array(shape) - 1) / 2)
        yield Grid(shape, affine)


def one_voxel_at(at, mm):
    """A volume that is true at one place of the scanner."""
    index = np.linalg.solve(at.affine[:3, :3], np.asarray(mm) - at.affine[:3, 3]).round().astype(int)
    volume = np.zeros(at.shape, bool)
    volume[tuple(index)] = True
    return volume


@pytest.mark.parametrize("at", list(every_axial_grid()))
def test_the_patients_left_front_and_top_are_right_above_and_last(at):
    mm = (-4.0, 6.0, 5.0)
    pictures = view(at).pictures(one_voxel_at(at, mm))
    assert pictures.shape == (5, 11, 9)
    assert np.argwhere(pictures).tolist() == [[3, 3, 6]]
    assert view(at).edges == ("R", "L", "A", "P") and view(at).plane == "axial"


@pytest.mark.parametrize("flip_x", [True, False])
def test_a_lesion_on_the_patients_left_is_on_the_right_of_the_picture(flip_x):
    at = grid(flip_x=flip_x)
    columns = np.argwhere(view(at).pictures(one_voxel_at(at, (-40.0, 0.0, 0.0))))[:, 2]
    assert columns > at.shape[0] / 2


@pytest.mark.parametrize("at", list(every_axial_grid()))
def test_voxels_keep_their_shape(at):
    assert (view(at).row_mm, view(at).column_mm) == (3.0, 2.0)


@pytest.mark.parametrize(
    ("columns", "plane", "edges"),
    [((0, 2, 1), "coronal", ("R", "L", "S", "I")), ((1, 2, 0), "sagittal", ("A", "P", "S", "I"))],
)
def test_other_planes_are_named_and_hung_as_is_usual(columns, plane, edges):
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, list(columns)]
    assert (view(Grid((4, 5, 6), affine)).plane, view(Grid((4, 5, 6), affine)).edges) == (plane, edges)


def test_every_slice_knows_its_number_as_stored_and_its_place():
    affine = np.diag([2.0, 2.0, -5.0, 1.0])
    affine[2, 3] = 10.0
    assert view(Grid((2, 2, 4), affine)).heights == ("4 · I 5", "3 · S 0", "2 · S 5", "1 · S 10")


def test_a_tilt_is_told():
    assert view(grid()).tilt == pytest.approx(4.0)


def test_at_most_so_many_slices_are_chosen_evenly_from_first_to_last():
    shown = np.zeros((6, 6, 60), bool)
    shown[2:4, 2:4, 3:57] = True
    slices = layout(view(Grid(shown.shape, np.eye(4))), shown).slices
    assert (len(slices), slices[0], slices[-1]) == (24, 3, 56)
    assert set(np.diff(slices)) <= {2, 3}


def test_one_slice_is_one_picture_that_fills_the_frame():
    tiles = layout(view(grid((64, 64, 1))), np.ones((64, 64, 1), bool))
    assert (tiles.n_across, tiles.n_down) == (1, 1)
    assert tiles.tile_mm[0] * tiles.scale == pytest.approx(800)


def test_a_montage_puts_slices_from_left_to_right_and_leaves_the_rest_empty():
    volume = np.broadcast_to(np.arange(3.0), (20, 20, 3))
    tiles = layout(view(Grid(volume.shape, np.eye(4))), np.ones(volume.shape, bool), width=100, height=100)
    whole = tiles.montage(volume, -1.0)
    assert (tiles.n_across, tiles.n_down) == (2, 2)
    assert [whole[0, 0], whole[0, -1], whole[-1, 0], whole[-1, -1]] == [0, 1, 2, -1]


def test_an_empty_brain_shows_every_slice():
    assert len(layout(view(grid((8, 8, 4))), np.zeros((8, 8, 4), bool)).slices) == 4


def test_the_grey_window_is_never_empty():
    volume = np.zeros((2, 2, 2))
    assert window(volume, volume > 1) == window(volume, volume == 0) == (0.0, 1.0)
