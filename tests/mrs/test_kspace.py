"""From k-space to a grid: round trips, the stated point spread, one spectrum of a region."""

from dataclasses import replace

import numpy as np
import pytest

from mrs_made import DWELL, FREQUENCY, HEALTHY, TUMOUR, N, basis, spectrum
from perspect import mrs
from perspect.mrs.kspace import PointSpread, filtered, from_kspace, to_kspace
from perspect.mrs.region import pooled
from perspect.vocabulary import Grid, Problem, Region, Spectra

MATRIX = (8, 8, 1)
PLACE = Grid(MATRIX, np.diag([10.0, 10.0, 10.0, 1.0]))


def image(values):
    return Spectra(values, DWELL, FREQUENCY, PLACE, te=0.030, tr=2.0, name="grid")


def noise(n=16):
    rng = np.random.default_rng(0)
    return rng.normal(size=(*MATRIX, n)) + 1j * rng.normal(size=(*MATRIX, n))


def test_a_grid_taken_to_k_space_and_back_is_itself():
    one = image(noise())
    again, spread = from_kspace(to_kspace(one), "none")
    np.testing.assert_allclose(again.values, one.values, atol=1e-12)
    assert spread.volume == pytest.approx(1.0)


def test_a_whole_voxel_of_movement_is_a_roll():
    samples = to_kspace(image(noise()))
    still, moved = (from_kspace(samples, "none", by)[0].values for by in ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0)))
    np.testing.assert_allclose(moved, np.roll(still, -1, axis=0), atol=1e-12)


def test_a_point_stays_where_it_is_in_the_world_when_the_grid_moves():
    """A point half a voxel beside a centre: the grid that is moved there has all of it in one voxel."""
    offset = np.exp(-2j * np.pi * (np.arange(8) - 4) * 0.5 / 8)
    samples = to_kspace(image(np.pad(np.ones((1, 1, 1, 1), complex), ((5, 2), (3, 4), (0, 0), (0, 0)))))
    beside = replace(samples, values=samples.values * offset[:, None, None, None])
    found, _ = from_kspace(beside, "none", (0.5, 0.0, 0.0))
    at = np.unravel_index(np.abs(found.values[..., 0]).argmax(), MATRIX)
    assert np.abs(found.values[at]) == pytest.approx(1.0)
    np.testing.assert_allclose(found.grid.affine @ [*at, 1.0], [55.0, 30.0, 0.0, 1.0])
    np.testing.assert_array_equal(beside.grid.affine, PLACE.affine)


def test_a_region_of_another_place_is_refused_and_a_finer_one_of_the_same_is_not():
    one, usable, spread = image(noise()), np.ones(MATRIX, bool), PointSpread(MATRIX, "none")
    elsewhere = Grid(MATRIX, np.diag([9.0, 10.0, 10.0, 1.0]))
    with pytest.raises(Problem, match="different grids"):
        pooled(one, Region(np.ones(MATRIX, bool), elsewhere, "lesion"), spread, usable)
    affine = np.diag([5.0, 5.0, 10.0, 1.0])
    affine[:2, 3] = -2.5
    finer = Region(np.ones((16, 16, 1), bool), Grid((16, 16, 1), affine), "lesion")
    assert pooled(one, finer, spread, usable).share == pytest.approx(1.0)


@pytest.mark.parametrize("window", ["none", "hamming"])
def test_the_stated_point_spread_is_what_a_point_becomes(window):
    point = np.zeros((*MATRIX, 1), complex)
    point[4, 4, 0] = 1.0
    shown, spread = filtered(image(point), window)
    offset = np.arange(8) - 4.0
    expected = spread.along(0, offset)[:, None] * spread.along(1, offset)
    np.testing.assert_allclose(shown.values[..., 0, 0], expected, atol=1e-12)


def test_a_hamming_window_trades_lobes_for_width():
    plain, hamming = (PointSpread((16, 16, 1), window) for window in ("none", "hamming"))
    assert plain.widths[0] == pytest.approx(1.21, abs=0.02) and hamming.widths[0] == pytest.approx(1.81, abs=0.05)
    assert hamming.volume == pytest.approx(1.5**2, rel=0.05)
    lobes = np.arange(2.1, 6.0, 0.01)
    assert np.abs(plain.along(0, lobes)).max() > 5 * np.abs(hamming.along(0, lobes)).max()


def test_what_is_seen_keeps_the_total_and_a_uniform_object():
    spread = PointSpread(MATRIX, "none")
    truth = np.random.default_rng(1).uniform(size=(32, 32, 1))
    assert spread.seen(truth).mean() == pytest.approx(truth.mean())
    np.testing.assert_allclose(PointSpread(MATRIX, "hamming").seen(np.ones((32, 32, 1))), 1.0, atol=1e-12)


def test_the_mean_spectrum_of_a_region_is_weighed_and_fitted_once():
    """Four voxels of tumour among brain: their mean is the tumour's with half the error; brain does not count."""
    values = np.zeros((*MATRIX, N), complex)
    for place in np.ndindex(*MATRIX):
        inside = 3 <= place[0] < 5 and 3 <= place[1] < 5
        kind = TUMOUR if inside else HEALTHY
        values[place] = spectrum(kind, 17 * place[0] + place[1], shift=0.0, phase=0.0).values[0, 0, 0]
    one = image(values)
    mask = np.zeros(MATRIX, bool)
    mask[3:5, 3:5] = True
    lesion, usable = Region(mask, PLACE, "lesion"), np.ones(MATRIX, bool)
    found = pooled(one, lesion, PointSpread(MATRIX, "none"), usable)
    assert (found.weights > 0).sum() == 4 and found.share > 0.7
    assert found.spectra.grid.affine[:3, 3] == pytest.approx([35.0, 35.0, 0.0])
    together = mrs.measure(found.spectra, basis()).amounts["tCho"]
    alone = mrs.measure(spectrum(TUMOUR, 54, shift=0.0, phase=0.0), basis()).amounts["tCho"]
    assert together.value == pytest.approx(3.8, rel=0.15) and together.std < 0.75 * alone.std
    with pytest.raises(Problem, match="No usable voxel"):
        pooled(one, lesion, PointSpread(MATRIX, "none"), ~mask)
