import numpy as np
import pytest
from scipy import ndimage
from scipy.signal import fftconvolve

from patients import dense
from perspect.phantom import Compartment, truth
from perspect.phantom.artefacts import TRAPS
from perspect.phantom.inserts import aired, bled, calcified, vessel_crossed


def put(trap, patient, seed=1):
    return trap(patient, np.random.default_rng(seed))


def test_whatever_is_put_in_every_voxel_stays_full_and_normal_tissue_normal(patient):
    for insert in (one.insert for one in TRAPS if one.insert is not None):
        trapped = put(insert, patient)
        np.testing.assert_allclose(dense(trapped.parts, patient.grid), 1.0, atol=1e-4)
        np.testing.assert_array_equal(trapped.regions["core"].mask, patient.regions["core"].mask)
        white = dense(trapped.parts, patient.grid, Compartment.WHITE)[trapped.regions["white"].mask]
        assert white.min() > 0.9


def test_a_clot_lies_in_the_lesion_has_no_blood_flow_and_disturbs_the_field(patient):
    trapped = put(bled, patient)
    clot = trapped.regions["blood_clot"].mask
    assert 0.05 < clot.sum() / patient.regions["core"].n_voxels < 0.3
    assert not (clot & ~patient.regions["core"].mask).any()
    assert truth(trapped, "cbv")[clot].mean() < 0.2 * truth(patient, "cbv")[clot].mean()
    assert truth(trapped, "r2star")[clot].mean() > 3 * truth(patient, "r2star")[clot].mean()
    changed = np.abs(trapped.field_offset - patient.field_offset)
    away = ~patient.regions["lesion"].mask & patient.regions["brain"].mask
    assert changed[clot].max() > 0.1
    assert np.median(changed[away]) < 0.01


@pytest.mark.parametrize(
    ("trap", "compartment", "sign"), [(bled, Compartment.BLOOD_CLOT, 1), (calcified, Compartment.CALCIUM, -1)]
)
def test_around_a_clot_lies_the_field_of_dipoles_and_around_calcium_the_opposite(trap, compartment, sign, patient):
    """Higher above and below a clot than beside it: (3 cos² - 1)/r³ of every voxel of it, summed in space."""
    trapped = put(trap, patient)
    clump = dense(trapped.parts, patient.grid, compartment)
    x, y, z = np.mgrid[-8:9, -8:9, -8:9].astype(float)
    square = np.where((r := x**2 + y**2 + z**2) > 0.0, r, np.inf)
    expected = fftconvolve(clump, (3.0 * z**2 / square - 1.0) / square**1.5, mode="same")
    changed = trapped.field_offset - patient.field_offset
    near = ndimage.binary_dilation(clump > 0.01, iterations=3) & (clump <= 0.01)
    assert sign * np.corrcoef(expected[near], changed[near])[0, 1] > 0.9


def test_calcium_gives_little_signal(patient):
    trapped = put(calcified, patient)
    spot = dense(trapped.parts, patient.grid, Compartment.CALCIUM) > 0.5
    assert spot.sum() > 20
    assert truth(trapped, "spins")[spot].mean() < 0.5 * truth(patient, "spins")[spot].mean()


def test_a_vessel_brings_pure_blood_into_the_lesion(patient):
    trapped = put(vessel_crossed, patient)
    core = patient.regions["core"].mask
    before, after = (dense(one.parts, one.grid, Compartment.ARTERY)[core] for one in (patient, trapped))
    assert before.max() < 0.5 < after.max()
    assert truth(trapped, "cbv")[core].mean() > truth(patient, "cbv")[core].mean()
    assert np.isnan(truth(trapped, "cbf")[core]).sum() > np.isnan(truth(patient, "cbf")[core]).sum()


def test_more_air_in_the_skull_base_makes_the_field_of_the_brain_worse_at_its_base(patient):
    trapped = put(aired, patient)
    air = [dense(one.parts, one.grid, Compartment.AIR).sum() for one in (patient, trapped)]
    assert air[1] > air[0]
    brain = patient.regions["brain"].mask
    np.testing.assert_allclose(dense(trapped.parts, patient.grid, Compartment.GREY),
                               dense(patient.parts, patient.grid, Compartment.GREY), atol=1e-6)  # fmt: skip
    worst = [np.percentile(np.abs(one.field_offset[brain]), 99.0) for one in (patient, trapped)]
    assert worst[1] > 1.2 * worst[0]
