"""One look tells a head that held still, and by how much it did not."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from perspect.anatomy import motion, resample
from perspect.asl.motion import aligned
from perspect.asl.still import held_still
from perspect.vocabulary import Grid, Labelling, Region, Series

SHAPE = (40, 40, 14)
GRID = Grid(SHAPE, np.diag([3.5, 3.5, 5.0, 1.0]))


def inside():
    x, y, z = (at - (n - 1) / 2 for at, n in zip(np.indices(SHAPE), SHAPE, strict=True))
    return (x / 15) ** 2 + (y / 15) ** 2 + (z / 5.5) ** 2 < 1


def head():
    """A head with structure of a centimetre and more, so that moving it loses nothing."""
    rng = np.random.default_rng(3)
    texture = ndimage.gaussian_filter(rng.normal(size=SHAPE), (1.2, 1.2, 0.9))
    return (1000.0 * ndimage.gaussian_filter(inside().astype(float), 0.8) * (1 + 2.5 * texture)).astype(np.float32)


def series(moves, noise=4.0):
    """Volumes of which some lie elsewhere by so many mm (x, y, z); labels are lower by a hundredth."""
    still, frames = head(), []
    for at, move in enumerate(moves):
        matrix = np.eye(4)
        matrix[:3, 3] = np.array(move) / GRID.spacing
        frames.append(resample.moved(still, matrix, resample.WHOLE)[0] * (0.99 if at % 2 else 1.0))
    values = np.stack(frames, axis=-1) + np.random.default_rng(1).normal(0.0, noise, (*SHAPE, len(moves)))
    return Series(np.asfortranarray(values.astype(np.float32)), GRID, 4.0 * np.arange(len(moves)))


SMALL = [(0.0, 0.0, 0.0)] * 8 + [(0.06, -0.03, 0.0), (0.0, 0.05, 0.05), (-0.04, 0.0, 0.06), (0.0, 0.0, -0.08)]


def test_one_look_sees_small_motion_as_the_alignment_does():
    one = series(SMALL)
    seen, full = held_still(one, inside()), motion.correct(one, slice(None), inside())
    truth = np.linalg.norm(SMALL, axis=1)
    # Both see it against the mean of all, which lies off by a few thousandths of a mm.
    np.testing.assert_allclose(seen.displacement, full.displacement, atol=0.012)
    np.testing.assert_allclose(seen.displacement, truth, atol=0.02)
    np.testing.assert_allclose(seen.matrices, full.matrices, atol=0.02)


@pytest.mark.parametrize("move", [(0.3, 0.0, 0.0), (0.0, 0.0, 2.0), (0.0, 12.0, 0.0)])
def test_a_volume_that_moved_is_never_called_still(move):
    assert held_still(series([*SMALL, move]), inside()) is None


def test_a_volume_that_turned_about_its_middle_is_never_called_still():
    one = series(SMALL)
    turned = ndimage.rotate(one.values[..., 3], 1.5, (0, 1), reshape=False, order=3)
    values = one.values.copy(order="F")
    values[..., 3] = turned
    assert held_still(replace(one, values=values), inside()) is None


def test_a_volume_that_shows_something_else_is_never_called_still():
    one = series(SMALL)
    values = one.values.copy(order="F")
    values[..., 5] = values[::-1, :, :, 5]
    assert held_still(replace(one, values=values), inside()) is None
    values[..., 5] = np.nan
    assert held_still(replace(one, values=values), inside()) is None


def test_a_series_that_held_still_is_passed_on_as_it_was_and_one_that_moved_is_not():
    brain = Region(inside(), GRID, "brain")
    for moves, is_left in ((SMALL, True), ([*SMALL, (0.0, 1.5, 0.0), (0.0, 1.5, 0.0)], False)):
        n = len(moves)
        how = Labelling("pcasl", ("control", "label") * (n // 2), np.full(n, 1.8), np.full(n, 1.8))
        one = series(moves)
        found = aligned(one, how, brain, True, lambda *_: None)
        assert (found.series is one) == is_left
        assert ("left as they are" in found.step.sentence) == is_left
        assert np.nanmax(found.displacement) == pytest.approx(max(np.linalg.norm(m) for m in moves), rel=0.25)
