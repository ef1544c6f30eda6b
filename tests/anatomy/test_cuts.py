"""Three planes through a point, and boxes on them."""

import numpy as np
import pytest

from perspect.anatomy.cuts import cuts
from perspect.vocabulary import Grid

AFFINE = np.array([[-2.0, 0, 0, 40], [0, 3, 0, -50], [0, 0, 2.5, -45], [0, 0, 0, 1]])
GRID = Grid((40, 36, 36), AFFINE)
PLACE = np.array([10.0, -5.0, 8.0])


def head(at):
    """A spot of light at one place of the patient, in mm."""
    index = np.stack(np.meshgrid(*[np.arange(n) for n in GRID.shape], indexing="ij"), -1)
    where = index @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    return np.exp(-((where - at) ** 2).sum(-1) / 20).astype(np.float32)


def box(at, turned=0.0, edges=(20.0, 12.0, 16.0)):
    c, s = np.cos(turned), np.sin(turned)
    out = np.eye(4)
    out[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.diag(edges)
    out[:3, 3] = at
    return out


def test_the_patients_right_is_on_the_left_and_the_front_above():
    axial, coronal, sagittal = cuts(head(PLACE + np.array([12, 15, 0])), GRID, PLACE, {})
    row, column = np.unravel_index(np.nanargmax(axial.values), axial.values.shape)
    centre = cuts(head(PLACE), GRID, PLACE, {})[0]
    row0, column0 = np.unravel_index(np.nanargmax(centre.values), centre.values.shape)
    assert (column0 - column, row0 - row) == (12, 15)
    assert axial.letters == ("R", "L", "A", "P") and axial.place == "S 8"
    assert coronal.letters == ("R", "L", "S", "I") and coronal.place == "P 5"
    assert sagittal.letters == ("A", "P", "S", "I") and sagittal.place == "R 10"


@pytest.mark.parametrize("turned", [0.0, 0.4])
def test_a_box_is_drawn_at_its_size_around_what_it_holds(turned):
    """The outline on the axial plane has the area of its two edges and lies around the light in the middle."""
    axial = cuts(head(PLACE), GRID, PLACE, {"voxel": box(PLACE, turned)})[0]
    x, y = axial.outlines["voxel"].T
    area = 0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1)))
    assert area == pytest.approx(20 * 12)
    row, column = np.unravel_index(np.nanargmax(axial.values), axial.values.shape)
    assert (x.mean(), y.mean()) == (pytest.approx(column, abs=0.6), pytest.approx(row, abs=0.6))


def test_a_box_that_a_plane_misses_is_not_drawn():
    found = cuts(head(PLACE), GRID, PLACE, {"other": box(PLACE + np.array([0, 0, 30]))})
    assert [set(one.outlines) for one in found] == [set(), {"other"}, {"other"}]
