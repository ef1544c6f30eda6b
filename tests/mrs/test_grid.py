"""Spectroscopic images: one bad voxel stops nothing, lipid of the scalp is held back, the index finds what is odd."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from mrs_made import DWELL, FREQUENCY, HEALTHY, TUMOUR, N, basis, spectrum, water
from perspect import mrs
from perspect.anatomy.mirror import Plane
from perspect.io.spectra import read_spectra
from perspect.models.spins import Press
from perspect.models.spins.broad import BROAD, broad_signal
from perspect.mrs import nuisance
from perspect.mrs.compare import cho_naa_index, over_other_side
from perspect.mrs.edge import BRAIN
from perspect.mrs.grid import brain_of
from perspect.mrs.nuisance import leaked, without_lipid
from perspect.mrs.profile import OF_TUMOURS, USUAL
from perspect.mrs.quality import Quality
from perspect.mrs.signals import simulated_basis
from perspect.mrs.voxel import usable
from perspect.mrs.water import offset_of_water, width_of_water
from perspect.vocabulary import Grid, Map, Problem, Region, Spectra, Status, lexicon

NAMES = tuple(dict.fromkeys((*USUAL, *OF_TUMOURS)))
PLACE = Grid((3, 2, 1), np.diag([10.0, 10.0, 10.0, 1.0]))
UNSCALED = mrs.Plan(reference="none")
"""Amplitudes as they were made."""


def image(voxels):
    values = np.array([one.values[0, 0, 0] for one in voxels]).reshape(3, 2, 1, N)
    return Spectra(values, DWELL, FREQUENCY, PLACE, te=0.030, tr=2.0, name="grid")


@pytest.fixture(scope="module")
def measured():
    voxels = [spectrum(HEALTHY, k, shift=0.0, phase=0.0) for k in range(4)]
    voxels += [spectrum(TUMOUR, 4, shift=0.0, phase=0.0), spectrum(HEALTHY, 5)]
    one = image(voxels)
    one.values[0, 0, 0] = np.nan
    one.values[2, 1, 0] = 1e-9 * np.random.default_rng(0).normal(size=N)
    reference = image([water()] * 6)
    whole = Region(np.ones((3, 2, 1), bool), PLACE, "all")
    return mrs.quantify_grid(one, basis(), UNSCALED, water=reference, mask=whole)


def test_one_bad_voxel_never_stops_a_grid(measured):
    naa = measured.maps["tNAA"]
    assert naa.status[0, 0, 0] == Status.NO_SIGNAL and np.isnan(naa.values[0, 0, 0])
    assert naa.status[2, 1, 0] == Status.NO_SIGNAL
    good = naa.values[[0, 1, 1], [1, 0, 1], 0]
    np.testing.assert_allclose(good, 12.5, rtol=0.15)
    assert measured.summary["usable"] == 4
    assert any("no signal" in flag.sentence for flag in measured.flags)


def test_lines_that_would_widen_without_end_stop_nothing():
    """Signals that are over within a few points: the common width ran to infinity and the grid ended there."""
    rng, t = np.random.default_rng(5), np.arange(N) * DWELL
    voxels = [spectrum(HEALTHY, k, shift=0.0, phase=0.0) for k in range(6)]
    one = image(voxels)
    for place, rate in (((0, 0, 0), 600.0), ((1, 0, 0), 2000.0), ((2, 0, 0), 1e5)):
        one.values[place] = 4e3 * np.exp(2j * np.pi * 200 * t - rate * t) + 20 * (
            rng.normal(size=N) + 1j * rng.normal(size=N)
        )
    found = mrs.quantify_grid(
        one, basis(), water=image([water()] * 6), mask=Region(np.ones((3, 2, 1), bool), PLACE, "all")
    )
    assert np.isfinite(found.maps["tNAA"].values[:, 1, 0]).all()


def test_lipid_that_leaked_in_is_no_amount_of_the_voxel():
    """Turned by half a circle it is of the scalp; NAA beside it has its number."""
    one = image([spectrum(HEALTHY, k, shift=0.0, phase=0.0) for k in range(6)])
    fat = sum(
        size * broad_signal(BROAD[name], FREQUENCY, DWELL, N)
        for name, size in (("Lip13a", 40.0), ("Lip09", 12.0), ("Lip20", 6.0))
    )
    one.values[1, 0, 0] -= fat
    whole = Region(np.ones((3, 2, 1), bool), PLACE, "all")
    found = mrs.quantify_grid(one, basis(), UNSCALED, water=image([water()] * 6), mask=whole)
    assert found.maps["Lip13"].status[1, 0, 0] == Status.NOT_DETERMINED
    assert np.isnan(found.maps["Lip13"].values[1, 0, 0])
    # At this echo time lactate is upright and lies under it.
    assert np.isnan(found.maps["Lac"].values[1, 0, 0]) and np.isfinite(found.maps["Lac"].values[2, 1, 0])
    assert found.maps["tNAA"].values[1, 0, 0] == pytest.approx(12.5, rel=0.15)


def test_lines_that_are_little_beside_their_baseline_have_no_number():
    """Errors of such voxels were six times what is stated."""
    good = Quality(
        snr=20.0, snr_residual=20.0, fwhm=6.0, fwhm_ppm=0.05, misfit=1.2, memory=0.1, lipid=1.0, baseline=0.75,
        unexplained=0.1,
    )  # fmt: skip
    assert usable(good) == (Status.OK, "")
    assert usable(replace(good, baseline=0.85)) == (Status.NOT_DETERMINED, "lines buried in baseline")


def test_choline_over_naa_is_high_where_the_tumour_is(measured):
    ratio = measured.maps["tChoOvertNAA"].values[..., 0]
    assert ratio[2, 0] > 5 * np.nanmedian(ratio[:2])


def test_too_few_voxels_have_no_index(measured):
    assert "cni" not in measured.maps
    assert "no-index" in [flag.code for flag in measured.flags]


def test_the_index_is_of_unit_spread_in_normal_voxels_and_finds_the_odd_one():
    rng = np.random.default_rng(1)
    place = Grid((10, 10, 1), np.eye(4))
    naa = rng.uniform(8, 13, (10, 10, 1))
    choline = 0.1 * naa + 0.5 + rng.normal(0, 0.1, naa.shape)
    choline[5, 5, 0] += 1.5

    def as_map(quantity, values):
        status = np.zeros(values.shape, np.int16)
        return Map(quantity, values.astype(np.float32), np.full(values.shape, 0.1, np.float32), status, place)

    index = cho_naa_index(as_map(lexicon.TCHO, choline), as_map(lexicon.TNAA, naa))
    assert index.values[5, 5, 0] > 8
    others = np.delete(index.values.ravel(), 55)
    assert np.std(others[np.abs(others) < 2]) == pytest.approx(1.0, abs=0.2)


def test_voxels_without_a_number_are_named_by_reason(measured):
    assert measured.regions["unusable: no signal"].mask[0, 0, 0]
    assert sum(one.n_voxels for key, one in measured.regions.items() if key.startswith("unusable")) == 2


def test_a_voxel_is_compared_with_the_one_opposite():
    place = Grid((4, 1, 1), np.diag([10.0, 10.0, 10.0, 1.0]))
    values = np.array([0.4, 0.2, 0.1, 0.2], np.float32).reshape(4, 1, 1)
    status = np.array([Status.OK, Status.OK, Status.OK, Status.OK], np.int16).reshape(4, 1, 1)
    one = Map(lexicon.CHO_OVER_NAA, values, 0.1 * values, status, place)
    plane = Plane(np.array([1.0, 0.0, 0.0]), 15.0)
    found = over_other_side(one, plane)
    np.testing.assert_allclose(found.values.ravel(), [2.0, 2.0, 0.5, 0.5])
    np.testing.assert_allclose(found.std.ravel() / found.values.ravel(), np.sqrt(0.02), rtol=1e-6)
    beyond = over_other_side(one, Plane(np.array([1.0, 0.0, 0.0]), 20.0))
    assert np.isnan(beyond.values[[0, 2], 0, 0]).all()  # outside the grid, and on the midline


def test_the_offset_of_water_is_that_of_its_turning():
    t = np.arange(N) * DWELL
    assert offset_of_water(np.exp(2j * np.pi * 12.0 * t - 30 * t), DWELL) == pytest.approx(12.0, abs=0.1)


def scalp_and_brain():
    """Lipid that leaks into the brain and NAA that leaks into the scalp, and the NAA of the brain."""
    rng = np.random.default_rng(2)
    t = np.arange(N) * DWELL
    place = Grid((8, 8, 1), np.eye(4))
    brain = np.zeros((8, 8, 1), bool)
    brain[2:6, 2:6] = True
    naa = np.exp(2j * np.pi * (4.65 - 2.01) * 123.2 * t - 12 * t) * 10.0
    values = rng.normal(size=(8, 8, 1, N)) + 1j * rng.normal(size=(8, 8, 1, N))
    for at in np.argwhere(~brain):
        widths, shifts = rng.uniform(60, 90), rng.normal(0, 3)
        values[tuple(at)] += 500 * np.exp(2j * np.pi * ((4.65 - 1.3) * 123.2 + shifts) * t - widths * t)
    leaked = values[~brain].mean(axis=0)
    values[~brain] += naa * rng.uniform(0.2, 0.8, (int((~brain).sum()), 1))
    values[brain] += naa + 0.3 * leaked
    return Spectra(values, DWELL, FREQUENCY, place, te=0.030), brain, naa


def height(one, signals, low, high):
    ppm = one.ppm
    return np.abs(np.fft.fft(signals, axis=-1))[..., (ppm > low) & (ppm < high)].max(axis=-1).mean()


def test_lipid_of_the_scalp_is_held_back_and_naa_stays():
    one, brain, naa = scalp_and_brain()
    cleaned, n = without_lipid(one, brain)
    assert n > 5
    assert height(one, cleaned[brain], 1.1, 1.5) < 0.2 * height(one, one.values[brain], 1.1, 1.5)
    assert height(one, cleaned[brain], 1.95, 2.07) == pytest.approx(height(one, naa, 1.95, 2.07), rel=0.15)


def test_lipid_told_by_the_whole_spectrum_takes_naa_with_it(monkeypatch):
    """What leaks from the brain into the scalp is then taken for lipid: the wrong variant."""
    one, brain, naa = scalp_and_brain()
    monkeypatch.setattr(nuisance, "LIPID_PPM", (-1.0, 4.2))
    cleaned, _ = without_lipid(one, brain)
    assert height(one, cleaned[brain], 1.95, 2.07) < 0.82 * height(one, naa, 1.95, 2.07)


def test_where_little_lipid_leaks_nothing_is_taken_out(monkeypatch):
    """Its looks in the scalp are those of lactate as well: taken out all the same, most of lactate goes with it."""
    one, brain, naa = scalp_and_brain()
    t = np.arange(N) * DWELL
    lactate = 2.0 * np.exp(2j * np.pi * (4.65 - 1.31) * 123.2 * t - 12 * t)
    one.values[brain] = naa + lactate + one.values[0, 0, 0] * 1e-3
    assert leaked(one, brain) < 0.5
    cleaned, n = without_lipid(one, brain)
    assert n == 0
    np.testing.assert_array_equal(cleaned, one.values)
    monkeypatch.setattr(nuisance, "LEAKED", 0.0)
    cleaned, n = without_lipid(one, brain)
    assert n > 5
    assert height(one, cleaned[brain], 1.2, 1.4) < 0.7 * height(one, one.values[brain], 1.2, 1.4)


def test_without_a_water_image_the_brain_is_where_its_lines_stand_out_and_not_the_scalp():
    """The scalp is the larger signal: by size alone it is taken for the brain (the wrong variant)."""
    one, brain, _ = scalp_and_brain()
    t = np.arange(N) * DWELL
    one.values[brain] += 5.0 * np.exp(2j * np.pi * (4.65 - 3.03) * 123.2 * t - 12 * t)
    np.testing.assert_array_equal(brain_of(one, None), brain)
    size = np.abs(one.values[..., :4]).mean(axis=3)
    assert not (size > BRAIN * np.quantile(size, 0.9))[brain].any()


def test_without_a_water_image_voxels_at_different_frequencies_are_aligned_by_their_lines():
    voxels = [spectrum(HEALTHY, k, shift=9.0 * k - 20.0, phase=0.7 * k) for k in range(6)]
    found = mrs.quantify_grid(image(voxels), basis(), mask=Region(np.ones((3, 2, 1), bool), PLACE, "all"))
    np.testing.assert_allclose(found.maps["tNAA"].values, 12.5, rtol=0.2)
    offsets = found.maps[lexicon.WATER_OFFSET.key].values.ravel()
    np.testing.assert_allclose(offsets - offsets[0], 9.0 * np.arange(6), atol=1.5)


def test_an_image_of_water_that_was_sampled_otherwise_is_refused():
    one = image([spectrum(HEALTHY)] * 6)
    with pytest.raises(Problem, match="point by point"):
        mrs.quantify_grid(one, basis(), water=replace(image([water()] * 6), dwell=2 * DWELL))


def test_the_width_of_water_is_that_of_its_decay():
    t = np.arange(N) * DWELL
    assert width_of_water(np.exp(-np.pi * 8 * t + 2j * np.pi * 30 * t), DWELL) == pytest.approx(8.0, rel=0.1)


def test_images_of_other_grids_are_refused():
    with pytest.raises(Problem, match="several voxels"):
        mrs.quantify_grid(spectrum(HEALTHY), basis())
    with pytest.raises(Problem, match="same voxels"):
        mrs.quantify_grid(image([spectrum(HEALTHY)] * 6), basis(), water=water())


@pytest.fixture(scope="module")
def synthetic(shared_data):
    folder = shared_data / "mrs" / "synthetic_mrsi"
    (image_, _), (reference, _) = (read_spectra(folder / name) for name in ("mrsi.nii.gz", "mrsi_ref.nii.gz"))
    truth = np.load(folder / "truth.npz")
    scan = (image_.frequency, image_.dwell, image_.n_points)
    made = replace(simulated_basis(NAMES, Press(0.011, 0.019), *scan), te=0.030)
    return image_, reference, made, {key: truth[key] for key in truth}


def agreement(measured, truth):
    """Correlation of total NAA and choline with the truth, and of the ranks of their ratio, over all usable voxels."""
    parts = {"tNAA": ("NAA", "NAAG"), "tCho": ("GPC", "PCho")}
    values = {key: measured.maps[key].values[..., 0] for key in parts}
    known = np.isfinite(values["tNAA"]) & np.isfinite(values["tCho"])
    found = {key: values[key][known] for key in parts}
    expected = {key: sum(truth[one] for one in ones)[known] for key, ones in parts.items()}
    positive = (found["tNAA"] > 0) & (expected["tNAA"] > 0)
    ratio = [(one["tCho"] / np.where(positive, one["tNAA"], 1.0))[positive] for one in (found, expected)]
    return *(np.corrcoef(found[key], expected[key])[0, 1] for key in parts), spearmanr(*ratio).statistic


def test_a_synthetic_image_with_scalp_lipid_gives_its_truth(synthetic):
    image_, reference, made, truth = synthetic
    measured = mrs.quantify_grid(image_, made, UNSCALED, water=reference)
    naa, choline, rank = agreement(measured, truth)
    assert naa >= 0.95 and choline >= 0.90 and rank >= 0.85
    assert measured.summary["usable"] >= 0.85 * measured.summary["voxels"]
    broken = measured.regions["brain"].mask[..., 0] & (truth["lw_hz"] > 15.0)
    assert broken.any() and np.isnan(measured.maps["tNAA"].values[..., 0][broken]).all()


def test_a_misfit_that_all_voxels_share_is_told_from_noise_and_from_misfits_of_their_own():
    """A line that no basis has: in all twelve voxels it is the basis; with a phase of its own in each, not."""
    t, place = np.arange(N) * DWELL, Grid((4, 3, 1), np.diag([10.0, 10.0, 10.0, 1.0]))
    line = 60.0 * np.exp(2j * np.pi * (4.65 - 2.85) * FREQUENCY * 1e-6 * t - 20 * t)
    voxels = np.array([spectrum(HEALTHY, k, shift=0.0, phase=0.0).values[0, 0, 0] for k in range(12)])
    turns = np.exp(2j * np.pi * np.arange(12) / 12)
    codes = []
    for added in (0.0 * line, line, turns[:, None] * line):
        one = Spectra((voxels + added).reshape(4, 3, 1, N), DWELL, FREQUENCY, place, te=0.030, tr=2.0, name="grid")
        reference = replace(one, values=np.broadcast_to(water().values, one.values.shape).copy())
        found = mrs.quantify_grid(
            one, basis(), UNSCALED, water=reference, mask=Region(np.ones((4, 3, 1), bool), place, "all")
        )
        codes.append("common-misfit" in {flag.code for flag in found.flags})
    assert codes == [False, True, False]


def test_a_hamming_window_is_applied_and_stated():
    one = image([spectrum(HEALTHY, k, shift=0.0, phase=0.0) for k in range(6)])
    mask = np.zeros((3, 2, 1), bool)
    mask[1, 0, 0] = True
    plan = mrs.Plan(window="hamming", reference="none")
    found = mrs.quantify_grid(one, basis(), plan, water=image([water()] * 6), mask=Region(mask, PLACE, "one"))
    assert "Hamming" in found.recipe.methods
    assert found.maps["tNAA"].values[1, 0, 0] == pytest.approx(12.5, rel=0.15)
