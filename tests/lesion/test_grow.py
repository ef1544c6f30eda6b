import numpy as np
import pytest

from perspect.lesion import grown_in_box
from perspect.vocabulary import Problem

SHAPE = (40, 40, 20)


def ball(centre, radius):
    at = np.indices(SHAPE).astype(float)
    return np.sqrt(((at - np.array(centre).reshape(3, 1, 1, 1)) ** 2).sum(axis=0)) <= radius


RING = ball((20, 20, 10), 6) & ~ball((20, 20, 10), 3)
VESSEL = ball((20, 32, 10), 1)
BOX = np.zeros(SHAPE, bool)
BOX[8:33, 8:36, 2:18] = True
WHITE = np.zeros(SHAPE, bool)
WHITE[:6] = True


def images(gain=1.6):
    rng = np.random.default_rng(0)
    before = 100 + 2 * rng.standard_normal(SHAPE)
    after = 3 * before + 6 * rng.standard_normal(SHAPE)
    after[RING | VESSEL] *= gain
    return before, after


def test_a_ring_is_found_with_what_it_encloses():
    found = grown_in_box(*images(), WHITE, BOX)
    whole = ball((20, 20, 10), 6)
    assert (found & whole).sum() > 0.9 * whole.sum()
    assert not (found & ~whole & ~VESSEL).any()


def test_what_is_bright_on_both_images_is_none():
    before, after = images()
    shine = ball((28, 28, 6), 2)
    before[shine] *= 2
    after[shine] *= 2
    assert not (grown_in_box(before, after, WHITE, BOX) & shine).any()


def test_a_box_in_which_nothing_enhances_is_refused():
    with pytest.raises(Problem, match="Nothing in the box"):
        grown_in_box(*images(1.0), WHITE, BOX)


def test_a_box_that_cuts_the_lesion_is_refused():
    cut = BOX.copy()
    cut[21:] = False
    with pytest.raises(Problem, match="border of the box"):
        grown_in_box(*images(), WHITE, cut)


def test_what_enhances_in_fluid_or_at_the_surface_is_no_part_of_a_lesion():
    before, after = images()
    plexus = ball((30, 20, 10), 2)
    after[plexus] *= 2.0
    fluid = ball((30, 20, 10), 4) & ~plexus
    assert (grown_in_box(before, after, WHITE, BOX) & plexus).any()
    found = grown_in_box(before, after, WHITE, BOX, fluid)
    assert not (found & plexus).any()
    assert (found & RING).sum() > 0.9 * RING.sum()


def test_a_lesion_that_borders_on_fluid_is_kept_where_nothing_else_enhances():
    fluid = ball((20, 20, 10), 9) & ~ball((20, 20, 10), 6)
    assert (grown_in_box(*images(), WHITE, BOX, fluid) & RING).any()
