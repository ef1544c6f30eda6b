"""Where spectra are measured: the box in the lesion, what the pulses select of it at each chemical shift, the shim."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy import ndimage, special

from perspect.phantom.localised import CARRIER, Localised
from perspect.phantom.lookup import positions
from perspect.phantom.patient import Compartment, Patient
from perspect.phantom.scanner import Scanner
from perspect.vocabulary import Grid

SOFT: Final = 0.08
"""Width of the edge of a selected box, relative to the box. [our default]"""

NECROTIC: Final = 0.7
"""How much less a voxel of necrosis is wanted in the box than one of tumour. [our default]"""


@dataclass(frozen=True, eq=False)
class Selection:
    """A box (mm) about a centre, as pulses select it on a lattice; outside it a share `spared` is excited all the
    same. Along an edge without end nothing is selected.
    """

    scan: Localised
    lattice: Grid
    centre: Float[np.ndarray, " 3"]
    size: Float[np.ndarray, " 3"]
    spared: float = 0.0

    def of(self, ppm: float) -> Float[np.ndarray, " pieces"]:
        """How much of every piece is excited and refocused at a chemical shift; the box moves along every axis."""
        places = positions(self.lattice).reshape(3, -1, order="F")
        out = np.ones(places.shape[1])
        for place, middle, size in zip(places, self.centre, self.size, strict=True):
            if not np.isfinite(size):
                continue
            from_edge = 0.5 - np.abs((place - middle) / size - self.scan.displaced(ppm))
            out *= 0.5 * (1.0 + special.erf(from_edge / SOFT))
        return np.asarray(self.spared + (1.0 - self.spared) * out)


def shimmed(
    ready: Scanner, scan: Localised, drawn: Selection, rng: np.random.Generator
) -> Float[np.ndarray, " pieces"]:
    """The frequency of every piece in Hz after a shim of first order over what is selected."""
    offset = -ready.field_offset[0].reshape(-1, order="F") * scan.frequency * 1e-6
    from_centre = positions(ready.grid).reshape(3, -1, order="F") - drawn.centre[:, None]
    columns = np.vstack([np.ones(offset.size), from_centre])
    weight = drawn.of(CARRIER) * ready.mean(1.0 * ~ready.kinds.are(Compartment.FAT, Compartment.SCALP)).reshape(
        -1, order="F"
    )
    linear = np.linalg.lstsq((columns * np.sqrt(weight)).T, np.sqrt(weight) * offset, rcond=None)[0]
    direction = rng.normal(size=3)
    slope = scan.shim_error * direction / np.linalg.norm(direction)
    return np.asarray(offset - linear @ columns + slope @ from_centre)


def best_place(patient: Patient, size: tuple[float, float, float]) -> Float[np.ndarray, " 3"]:
    """Where a box (mm) holds most of the lesion's body, of necrosis as little as may be, and nothing but brain."""
    core, brain = patient.regions["core"].mask, patient.regions["brain"].mask
    wanted = core - 0.5 * ~brain
    if "necrosis" in patient.regions:
        wanted = wanted - NECROTIC * patient.regions["necrosis"].mask
    edges = [max(round(length / step), 1) for length, step in zip(size, patient.grid.spacing, strict=True)]
    score = ndimage.uniform_filter(wanted.astype(np.float32), edges, mode="constant")
    at = np.array(np.unravel_index(int(score.argmax()), score.shape), float)
    # The window of an even number of voxels lies half a voxel before its middle.
    at -= [0.5 * (edge % 2 == 0) for edge in edges]
    return np.asarray((patient.grid.affine @ np.array([*at, 1.0]))[:3])


def centre_of_lesion(patient: Patient) -> Float[np.ndarray, " 3"]:
    """The middle of the lesion's body, in mm; of several bodies it lies in the largest, which holds most of them."""
    middle = [float(np.median(axis)) for axis in np.nonzero(patient.regions["core"].mask)]
    return np.asarray((patient.grid.affine @ np.array([*middle, 1.0]))[:3])


def box_of(centre: Float[np.ndarray, " 3"], size: Float[np.ndarray, " 3"], shape: tuple[int, ...]) -> Grid:
    """A box (mm) about a centre, along the axes of the scanner, cut into voxels."""
    affine = np.diag([*(np.array(size) / shape), 1.0])
    affine[:3, 3] = centre - np.diag(affine)[:3] * ((np.array(shape) - 1.0) / 2.0)
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)
