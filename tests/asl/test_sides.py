"""Which side is which: the plane of the anatomy where it is known, the middle of the mask where it is not."""

from dataclasses import replace

import numpy as np
import pytest

from labelled_head import GRID, SHAPE, ball, brain
from perspect.anatomy.mirror import Plane
from perspect.asl.kinetics import Kinetics
from perspect.asl.sides import sides
from perspect.asl.tumour import read_out
from perspect.vocabulary import Around, Region, Status

TO_FLOW = 6000.0
ANGLE = np.deg2rad(25.0)
NORMAL = np.array([np.cos(ANGLE), np.sin(ANGLE), 0.0])
CENTRE = GRID.affine[:3, :3] @ [9.5, 9.5, 2.5]
PLANE = Plane(NORMAL, float(NORMAL @ CENTRE))
PLACES = np.moveaxis(np.tensordot(GRID.affine[:3, :3], np.indices(SHAPE), 1), 0, -1) + GRID.affine[:3, 3]


def near(centre, radius):
    return (np.linalg.norm(PLACES - centre, axis=-1) < radius) & ball()


HERE = CENTRE + 18.0 * NORMAL + np.array([0.0, 8.0, 0.0])
THERE = (PLANE.reflection @ [*HERE, 1.0])[:3]
LESION, COUNTERPART = near(HERE, 11.0), near(THERE, 13.0)


def turned_head():
    """A head that lies turned by 25 degrees in the scanner: what lies opposite the lesion has 40, the rest 20."""
    flow = np.where(LESION, 60.0, np.where(COUNTERPART, 40.0, 20.0)) / TO_FLOW
    n = brain().n_voxels
    values = brain().taken(flow) + np.random.default_rng(0).normal(0.0, 1e-5, n)
    status = np.zeros(n, np.int16) + np.int16(Status.OK)
    return Kinetics({"cbf": values}, {"cbf": np.full(n, 1e-5)}, {"cbf": status}, None, None, None)


KNOWN = Around(mask=brain(), lesion=Region(LESION, GRID, "lesion"), reflection=PLANE.reflection)
UNKNOWN = replace(KNOWN, reflection=None)


def test_the_plane_of_a_reflection_is_the_one_it_was_made_of():
    for normal in (NORMAL, np.array([0.9, -0.3, 0.2]) / np.linalg.norm([0.9, -0.3, 0.2])):
        found = Plane.of(Plane(normal, 7.0).reflection)
        np.testing.assert_allclose(found.normal, normal)
        assert found.offset == pytest.approx(7.0)


def test_a_head_that_lies_turned_is_mirrored_at_the_plane_of_its_anatomy():
    assert (sides(KNOWN, brain()).opposite(LESION) & COUNTERPART).sum() == sides(KNOWN, brain()).opposite(LESION).sum()
    found = read_out(turned_head(), KNOWN, brain(), 0)
    assert found.numbers["mirror"]["mean"] == pytest.approx(60.0 / 40.0, rel=0.02)
    assert "conventional image" in found.regions["mirror"].origin
    # At the middle of the mask other tissue is taken for what lies opposite.
    wrong = read_out(turned_head(), UNKNOWN, brain(), 0).numbers["mirror"]["mean"]
    assert wrong > 1.8


def test_where_no_anatomy_tells_the_plane_it_is_said():
    codes = [[flag.code for flag in read_out(turned_head(), one, brain(), 0).flags] for one in (KNOWN, UNKNOWN)]
    assert "mirror-of-mask" not in codes[0] and "mirror-of-mask" in codes[1]
    assert "brain mask" in read_out(turned_head(), UNKNOWN, brain(), 0).regions["mirror"].origin


def test_the_middle_of_the_mask_is_the_plane_of_the_scanner_through_half_of_its_voxels():
    halves = sides(Around(), brain())
    assert halves.plane.tilt == pytest.approx(0.0)
    assert (halves.to_the_right[ball()] > 0).sum() == (halves.to_the_right[ball()] < 0).sum()
    one = np.zeros(SHAPE, bool)
    one[14, 8, 2] = True
    assert halves.opposite(one)[5, 8, 2] and halves.opposite(one).sum() == 1
    assert not halves.away_from(one)[10:].any()


def test_contralateral_tissue_is_that_of_the_other_side_of_the_anatomy():
    white = replace(KNOWN, white=np.where(ball(), 1.0, 0.0))
    region = read_out(turned_head(), white, brain(), 0).regions["white"]
    rightward = PLACES @ NORMAL - PLANE.offset
    assert rightward[region.mask].max() < 0.0
