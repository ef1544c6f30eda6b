import numpy as np
import pytest
from scipy import ndimage

from perspect.phantom.boxes import boxes, lasting, linear, nearest
from perspect.vocabulary import Grid

FINE = Grid((9, 11, 10), np.array([[1.0, 0, 0, -4], [0, 1, 0, -5], [0, 0, 1, -4], [0, 0, 0, 1]]))
PIECES = (2, 3, 4)


def tilted(turned, about):
    """Voxels of 1.9 x 2.8 x 3.7 mm, some of them beyond the fine grid, turned about one axis."""
    c, s = np.cos(turned), np.sin(turned)
    turn = {"x": [[1, 0, 0], [0, c, -s], [0, s, c]], "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]]}[about]
    affine = np.eye(4)
    affine[:3, :3] = np.array(turn) @ np.diag([1.9, 2.8, 3.7])
    affine[:3, 3] = -4.3, -6.1, -5.2
    return Grid((5, 5, 4), affine)


def piece_by_piece(volume, grid, order, mode):
    """The mean over the middles of the pieces of every voxel, each looked up by itself."""
    to_fine = np.linalg.inv(FINE.affine) @ grid.affine
    total = 0.0
    for piece in np.ndindex(*PIECES):
        offset = (np.array(piece) + 0.5) / PIECES - 0.5
        at = np.moveaxis(np.indices(grid.shape), 0, -1) + offset
        index = at @ to_fine[:3, :3].T + to_fine[:3, 3]
        total = total + ndimage.map_coordinates(volume, np.moveaxis(index, -1, 0), order=order, mode=mode)
    return total / np.prod(PIECES)


@pytest.mark.parametrize(
    ("weights", "order", "mode"), [(linear, 1, "grid-constant"), (lasting, 1, "nearest"), (nearest, 0, "grid-constant")]
)
def test_a_tilted_voxel_reads_what_its_pieces_read(weights, order, mode):
    """Single precision of values near one."""
    volume = np.random.default_rng(1).random(FINE.shape).astype(np.float32)
    grid = tilted(0.3, "x")
    found = boxes(FINE, grid, PIECES, weights).everywhere(volume).reshape(grid.shape, order="F")
    np.testing.assert_allclose(found, piece_by_piece(volume, grid, order, mode), atol=2e-6)


def test_what_is_given_by_places_reads_like_the_whole_volume():
    volume = np.random.default_rng(2).random(FINE.shape).astype(np.float32)
    volume[volume < 0.7] = 0.0
    volume[:, :3] = volume[:, :, 8:] = volume[6:] = 0.0
    reading, flat = boxes(FINE, tilted(-0.2, "x"), PIECES, linear), volume.reshape(-1, order="F")
    inside = np.flatnonzero(flat)
    np.testing.assert_allclose(reading.of(inside, flat[inside]), reading.everywhere(volume), atol=1e-6)
    assert not reading.of(inside[:0], flat[:0]).any()


def test_a_grid_turned_about_another_axis_is_not_taken_for_a_tilted_one():
    assert boxes(FINE, tilted(0.01, "z"), PIECES, linear) is None
