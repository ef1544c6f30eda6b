import numpy as np

from patients import dense
from perspect.phantom import ArterialInput, Compartment
from perspect.phantom.biology import HEALTHY
from perspect.phantom.field import field_offset
from perspect.phantom.patient import Part
from perspect.vocabulary import Grid


def ball_of(compartment, radius=8.0, shape=(60, 60, 60)):
    """A ball in the middle of grey matter that fills the whole grid."""
    x = np.indices(shape) - 29.5
    inside = (np.sqrt((x**2).sum(axis=0)) < radius).reshape(-1, order="F")
    level = np.zeros(inside.sum(), np.int8)
    parts = [Part(compartment, np.flatnonzero(inside), np.ones(inside.sum(), np.float32), level)]
    rest = np.flatnonzero(~inside)
    parts.append(Part(Compartment.GREY, rest, np.ones(rest.size, np.float32), np.zeros(rest.size, np.int8)))
    return parts, x


def test_a_ball_makes_the_field_of_a_dipole():
    """χ R³/3 (3 cos²θ - 1)/r³, Schenck 1996; in the difference of two balls surroundings and shim cancel."""
    grid, radius = Grid((60, 60, 60), np.eye(4)), 8.0
    parts, x = ball_of(Compartment.BLOOD_CLOT, radius)
    plain, _ = ball_of(Compartment.GREY, radius)
    shell = np.zeros(grid.shape, bool)
    shell[::59] = True
    made = field_offset(parts, HEALTHY, grid, shell) - field_offset(plain, HEALTHY, grid, shell)
    r = np.sqrt((x**2).sum(axis=0))
    expected = HEALTHY[Compartment.BLOOD_CLOT].susceptibility / 3.0 * radius**3 * (3.0 * x[2] ** 2 / r**2 - 1.0) / r**3
    around = (r > 12.0) & (r < 18.0)
    assert np.corrcoef(made[around], expected[around])[0, 1] > 0.98
    slope = np.polyfit(expected[around], made[around], 1)[0]
    assert abs(slope - 1.0) < 0.06


def test_the_shim_leaves_no_trend_in_the_brain(patient):
    brain = patient.regions["brain"].mask
    at = np.argwhere(brain)
    design = np.column_stack([np.ones(len(at)), at - at.mean(axis=0)])
    weights = np.linalg.lstsq(design, patient.field_offset[brain], rcond=None)[0]
    assert np.abs(weights[0]) < 0.03
    assert np.abs(weights[1:] * 40).max() < 0.03


def test_the_field_is_worst_beside_the_air_of_the_skull_base(patient):
    brain = patient.regions["brain"].mask
    z = np.argwhere(brain)[:, 2]
    field = np.abs(patient.field_offset[brain])
    assert np.percentile(field[z < np.percentile(z, 25)], 99) > 2 * np.percentile(field[z > np.percentile(z, 60)], 99)
    assert dense(patient.parts, patient.grid, Compartment.AIR).sum() > 0
    assert isinstance(patient.arterial, ArterialInput)
