import numpy as np
import pytest

from patients import dense
from perspect.phantom import Compartment, levels_of, roi_truth, truth
from perspect.phantom.truth import KEYS, SUMS
from perspect.vocabulary import Grid


def coarse_grid(patient, times=3):
    affine = patient.grid.affine @ np.diag([times, times, times, 1.0])
    affine[:3, 3] += patient.grid.affine[:3, :3] @ ((times - 1) / 2 * np.ones(3))
    return Grid(tuple(n // times for n in patient.grid.shape), affine)


def test_flow_times_transit_time_is_volume(patient):
    cbv, cbf, mtt = (truth(patient, key) for key in ("cbv", "cbf", "mtt"))
    known = np.isfinite(cbf) & (dense(patient.parts, patient.grid, Compartment.ARTERY, Compartment.VEIN) == 0.0)
    np.testing.assert_allclose((cbf * mtt)[known], cbv[known], rtol=1e-6)


def test_blood_volume_is_relative_to_white_matter_on_the_fine_grid_whatever_the_grid(patient):
    fine = truth(patient, "rcbv")
    assert np.nanmean(fine[patient.regions["white"].mask]) == pytest.approx(1.0)
    ratio = truth(patient, "rcbv", coarse_grid(patient)) / truth(patient, "cbv", coarse_grid(patient))
    assert np.nanstd(ratio) < 1e-9 * np.nanmean(ratio)
    assert np.nanmean(ratio) == pytest.approx(np.nanmean(fine / truth(patient, "cbv")))


def test_blood_in_the_head_is_the_same_on_any_grid(patient):
    """Where voxels are larger, levels are those at their centres; over the brain that evens out."""
    grid = coarse_grid(patient)
    fine = np.nansum(truth(patient, "cbv")) * np.prod(patient.grid.spacing)
    assert np.nansum(truth(patient, "cbv", grid)) * np.prod(grid.spacing) == pytest.approx(fine, rel=0.01)


def test_pure_voxels_have_the_numbers_of_their_tissue(patient):
    white = patient.regions["white"].mask & (dense(patient.parts, patient.grid, Compartment.WHITE) > 0.9999)
    has = levels_of(patient.biology[Compartment.WHITE])
    for key in ("vp", "mtt", "t1", "adc", "transit"):
        values = truth(patient, key)[white]
        wanted = getattr(has, key)
        assert wanted.min() * 0.999 <= values.min()
        assert values.max() <= wanted.max() * 1.001
        assert np.unique(np.round(values / wanted.mean(), 3)).size >= 6


def test_what_means_nothing_is_not_a_number(patient):
    air = dense(patient.parts, patient.grid, *set(Compartment) - {Compartment.AIR}) == 0.0
    vessel = dense(patient.parts, patient.grid, Compartment.ARTERY, Compartment.VEIN) > 0.01
    for key in KEYS:
        assert np.isnan(truth(patient, key)[air]).all(), key
    for key in ("cbf", "mtt", "delay", "transit"):
        assert np.isnan(truth(patient, key)[vessel]).all(), key
    white = dense(patient.parts, patient.grid, Compartment.WHITE) == 1.0
    assert np.isnan(truth(patient, "ve")[white]).all()
    assert (truth(patient, "ktrans")[white] == 0.0).all()


def test_transfer_never_exceeds_flow_or_permeability(patient):
    ktrans, ps, cbf = (truth(patient, key) for key in ("ktrans", "ps", "cbf"))
    leaks = (ktrans > 0.0) & np.isfinite(cbf)
    assert leaks.sum() > 1000
    assert (ktrans[leaks] <= np.minimum(ps, cbf)[leaks] * (1 + 1e-9)).all()


def test_the_table_says_what_the_maps_show(patient):
    rows = {(row.region, row.quantity): row for row in roi_truth(patient)}
    rim = truth(patient, "rcbv")[patient.regions["enhancing"].mask]
    row = rows["enhancing", "rcbv"]
    assert (row.mean, row.median) == (pytest.approx(np.nanmean(rim)), pytest.approx(np.nanmedian(rim)))
    assert row.n_voxels == np.isfinite(rim).sum()
    assert rows["necrosis", "adc"].mean > rows["enhancing", "adc"].mean > rows["white", "adc"].mean


def test_the_table_holds_every_quantity_of_which_there_is_a_truth_and_every_metabolite(patient):
    rows = {(row.region, row.quantity): row for row in roi_truth(patient)}
    assert {quantity for _, quantity in rows} == {*KEYS, *SUMS}
    has = levels_of(patient.biology[Compartment.WHITE])
    naa = sum(has.amounts.get(one, 0.0) for one in SUMS["tnaa"]).mean()
    assert rows["white", "tnaa"].mean == pytest.approx(naa, rel=0.05)  # levels are about equally frequent
    assert rows["necrosis", "tnaa"].mean < 0.3 * rows["white", "tnaa"].mean
    assert rows["enhancing", "ps"].mean > rows["white", "ps"].mean


def test_a_quantity_without_truth_is_refused_by_name(patient):
    with pytest.raises(ValueError, match=r"no truth of .cho.*ktrans"):
        truth(patient, "cho")


def test_fractions_are_asked_for_by_the_name_of_the_compartment(patient):
    np.testing.assert_allclose(truth(patient, "grey"), dense(patient.parts, patient.grid, Compartment.GREY))
