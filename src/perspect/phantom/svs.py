"""Spectroscopy of one voxel in the lesion.

The patient is looked up on a lattice finer than the voxel, and somewhat beyond it: so far the box of a line may lie.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from perspect.phantom.coverage import regions_on
from perspect.phantom.emission import of_bands, together
from perspect.phantom.localised import Localised, as_stored, complex_noise
from perspect.phantom.patient import Patient
from perspect.phantom.scanner import scanner
from perspect.phantom.selection import Selection, best_place, box_of, shimmed
from perspect.phantom.sequence import Acquired, Signal
from perspect.phantom.truth import SUMS, amounts

PIECE: Final = 2.5
"""Edge of the pieces of a single voxel in mm. [our default]"""

BEYOND: Final = 0.35
"""How far pieces reach beyond the box, in widths of it: so far the box of a line may be displaced. [our default]"""

EDDY_TIME: Final = 0.02
"""Time constant of eddy currents in s. [our default]"""


@dataclass(frozen=True)
class Svs(Localised):
    """One voxel, placed where most of it is lesion: `n_averages` transients in `n_coils` coils, and its own water.

    The frequency moves by `wander` Hz over the averages; `bend` is the phase that eddy currents turn at first, in rad.
    """

    size: tuple[float, float, float] = (20.0, 20.0, 20.0)
    n_averages: int = 16
    n_coils: int = 4
    wander: float = 2.0
    bend: float = 0.2
    name: str = "svs"

    def acquire(self, patient: Patient, rng: np.random.Generator) -> Acquired:
        """The transients and a water reference; the true amounts are those of the box as it was drawn."""
        centre = best_place(patient, self.size)
        voxel = box_of(centre, np.array(self.size), (1, 1, 1))
        inner = [int(np.ceil(length / PIECE)) for length in self.size]
        around = tuple(n + 2 * int(np.ceil(BEYOND * n)) for n in inner)
        pieces = box_of(centre, np.array(around) * self.size / inner, around)
        ready = scanner(patient, pieces, self.field)
        drawn = Selection(self, pieces, centre, np.array(self.size))
        emitted = of_bands(self, ready, drawn, shimmed(ready, self, drawn, rng), rng)
        metabolites, water = (together(one).sum(axis=0) / float(np.prod(inner)) for one in emitted)
        metabolites = metabolites + self.water_left * water
        t, volume = self.timing.times, float(np.prod(self.size)) * 1e-3
        eddy = np.exp(1j * (self.phase + self.bend * np.exp(-t / EDDY_TIME)))
        coils = complex_noise(rng, (self.n_coils,), 1.0)
        coils /= np.linalg.norm(coils)
        drift = np.exp(2j * np.pi * np.outer(t, np.linspace(0.0, self.wander, self.n_averages)))
        one = (metabolites * eddy)[:, None, None] * coils[:, None] * drift[:, None, :]
        sigma = self.noise(volume) * np.sqrt(self.n_averages)
        reference = (water * eddy)[:, None] * coils
        signals = (
            Signal("svs", as_stored(one + complex_noise(rng, one.shape, sigma), self, voxel, ("coil", "transient"))),
            Signal("mrsref", as_stored(reference + complex_noise(rng, reference.shape, sigma), self, voxel, ("coil",))),
        )
        shown = amounts(patient, SUMS, voxel)
        return Acquired(self, (), voxel, shown, regions_on(patient, voxel), signals=signals)
