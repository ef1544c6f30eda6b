"""What the voxels of a spectroscopic map hold of a lesion, for each line where it was excited and read."""

import numpy as np
import pytest

from perspect.app.contribute.mrsi import by_line_of
from perspect.mrs import Excited
from perspect.vocabulary import Grid

GRID = Grid((6, 1, 1), np.diag([10.0, 10.0, 10.0, 1.0]))
FINE = Grid((60, 10, 10), np.array([[1.0, 0, 0, -4.5], [0, 1.0, 0, -4.5], [0, 0, 1.0, -4.5], [0, 0, 0, 1.0]]))
WIDE = (1e12, 1e12, 1e12)


def lesion_from(x):
    """A lesion that fills everything right of a place in mm."""
    mask = np.zeros(FINE.shape, bool)
    mask[round(x + 5.0) :] = True
    return mask


def along(box_from, box_to, bandwidths=WIDE, readout=0.0):
    """A box from one place to another, at the ppm of choline."""
    box = np.diag([box_to - box_from, 10.0, 10.0, 1.0])
    box[0, 3] = (box_from + box_to) / 2
    return Excited(box, bandwidths, 3.21, 123.2e6, (readout, 0.0, 0.0))


def test_where_nothing_is_displaced_every_line_holds_the_same():
    held = by_line_of(along(-5.0, 55.0), GRID, lesion_from(22.0), FINE)
    np.testing.assert_allclose(held["choline"], held["NAA"])
    np.testing.assert_allclose(
        held["NAA"][:, 0, 0], [0, 0, 0.3, 1, 1, 1], atol=0.01
    )  # places of 1.25 mm in voxels of 1 mm


def test_what_is_read_displaced_holds_what_lies_farther_along_the_readout():
    """At 1000 Hz a voxel choline is 1.8 mm off and NAA 3.3 mm."""
    held = by_line_of(along(-5.0, 55.0, readout=1000.0), GRID, lesion_from(22.0), FINE)
    for name, ppm in (("choline", 3.21), ("NAA", 2.01)):
        off = (4.65 - ppm) * 123.2 / 1000.0
        assert held[name][2, 0, 0] == pytest.approx(0.3 + off, abs=0.03)


def test_at_the_edge_of_a_box_only_what_is_excited_counts():
    """A box that ends at 24 mm, in a voxel from 15 to 25 mm whose lesion begins at 22 mm: of 9 mm 2 are lesion; NAA's
    box ends 10 % of its edge farther on.
    """
    held = by_line_of(along(4.0, 24.0), GRID, lesion_from(22.0), FINE)
    assert held["choline"][2, 0, 0] == pytest.approx(2 / 9, abs=0.02)
    assert np.isnan(held["choline"][4, 0, 0])
    narrow = (1.2 * 123.2 / 0.1, 1e12, 1e12)
    moved = by_line_of(along(4.0, 24.0, narrow), GRID, lesion_from(22.0), FINE)
    assert moved["choline"][2, 0, 0] == pytest.approx(2 / 9, abs=0.02)
    assert moved["NAA"][2, 0, 0] == pytest.approx(0.3, abs=0.02)
    assert moved["NAA"][3, 0, 0] == pytest.approx(1.0, abs=0.02)
