"""What the scanner adds between tissue and image: coils, a field that is not even, noise, whole numbers."""

from typing import Final

import numpy as np
from jaxtyping import Float, Float32, Int16

from perspect.phantom.lookup import positions
from perspect.phantom.patient import Patient
from perspect.vocabulary import Grid

GYROMAGNETIC: Final = 42.577
"""Of protons, in Hz per T and ppm (MHz/T)."""

_REACH: Final = 100.0

Channels = Float32[np.ndarray, "channel=2 voxels"]


def received_gain(patient: Patient, grid: Grid) -> Float32[np.ndarray, " voxels"]:
    """How strongly the coils see each voxel, about 1: brighter near them, a little to one side. [our default]

    The same in all sequences of one patient.
    """
    rng = _of_patient(patient, 1)
    slope = rng.uniform(-0.08, 0.08, 3)
    bowl = rng.uniform(0.10, 0.20)
    # quadratic and the same in all directions: on any grid with right angles it is a sum of terms along each axis
    corner, *along = (
        1.0 + slope @ at + bowl * ((at**2).sum(axis=0) - 0.5)
        for at in (_scaled(patient, Grid((1, 1, 1), grid.affine)), *_axes(patient, grid))
    )
    x, y, z = (one.astype(np.float32) for one in along)
    gain = (z - np.float32(2.0 * corner[0]))[:, None, None] + y[:, None] + x
    return np.asarray(gain.reshape(-1))


def transmit_field(patient: Patient, grid: Grid) -> Float32[np.ndarray, " voxels"]:
    """The flip angle over the nominal one: high in the middle, low at the edge and to one side, as at 3 T.

    About 0.75 to 1.2, smooth. Form and range after the maps of Boudreau et al. 2017 (doi:10.1002/jmri.25692).
    """
    x, y, z = _scaled(patient, grid)
    rng = _of_patient(patient, 2)
    top, fall = rng.uniform(1.08, 1.16), rng.uniform(0.22, 0.30)
    a, b, c = rng.uniform(-0.04, 0.04, 3).astype(np.float32)
    field = np.float32(top) - np.float32(fall) * (x * x + np.float32(0.8) * y * y + np.float32(0.7) * z * z)
    return np.asarray(np.clip(field + a * x + b * y + c * z, 0.5, 1.4), np.float32)


def dephased(across: Float32[np.ndarray, "axis x y z"], field: float, te: float) -> Float32[np.ndarray, " voxels"]:
    """What a gradient echo keeps of its signal where the main field changes across a voxel.

    `across` is that change along each edge, in ppm. Spins spread evenly over phases 0 to n turns add up to sinc(n):
    Fernández-Seara and Wehrli 2000, doi:10.1002/1522-2594(200009)44:3<358::AID-MRM3>3.0.CO;2-I.
    """
    turns = across * np.float32(GYROMAGNETIC * field * te)
    kept: np.ndarray = np.abs(np.prod(np.sinc(turns), axis=0))
    return kept.reshape(-1, order="F").astype(np.float32)


def received(signal: Float[np.ndarray, " voxels"], sigma: float, rng: np.random.Generator) -> Channels:
    """The magnitude of a signal with Gaussian noise of standard deviation `sigma` in both channels.

    The channels are those of a frame that turns with the signal: along it and across it. Noise is alike in every frame.
    """
    magnitude: np.ndarray = np.abs(signal).astype(np.float32)
    if sigma == 0.0:
        return np.stack([magnitude, np.zeros_like(magnitude)])
    noise = rng.standard_normal((2, signal.size), dtype=np.float32)
    noise *= np.float32(sigma)
    noise[0] += magnitude
    return noise


def magnitude(channels: Channels) -> Float32[np.ndarray, " voxels"]:
    """How large a signal is; what was received is overwritten."""
    channels *= channels
    return np.asarray(np.sqrt(channels[0] + channels[1]))


def stored(image: Float32[np.ndarray, " voxels"]) -> Int16[np.ndarray, " voxels"]:
    """An image in whole numbers, as scanners store it."""
    return np.asarray(np.rint(np.minimum(image, 32767.0)), np.int16)


def _scaled(patient: Patient, grid: Grid) -> Float32[np.ndarray, "axis voxels"]:
    """Positions from the centre of the patient's grid, in units of 100 mm."""
    middle = patient.grid.affine @ np.array([*(np.array(patient.grid.shape) - 1.0) / 2.0, 1.0])
    places = positions(grid).transpose(0, 3, 2, 1).reshape(3, -1)
    return np.asarray((places - middle[:3, None]) / _REACH, np.float32)


def _axes(patient: Patient, grid: Grid) -> list[Float32[np.ndarray, "axis voxels"]]:
    """Scaled positions along the three edges of a grid that meet in its first voxel."""
    shapes = [(grid.shape[0], 1, 1), (1, grid.shape[1], 1), (1, 1, grid.shape[2])]
    return [_scaled(patient, Grid(shape, grid.affine)) for shape in shapes]


def _of_patient(patient: Patient, what: int) -> np.random.Generator:
    """Randomness that belongs to the patient in the scanner, not to one sequence."""
    return np.random.default_rng(np.random.SeedSequence(patient.seed, spawn_key=(what,)))
