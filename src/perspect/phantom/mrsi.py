"""Spectroscopic imaging: a grid of spectra in a slice through the lesion, on a lattice finer than its voxels."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from jaxtyping import Complex, Float

from perspect.phantom.coverage import regions_on
from perspect.phantom.emission import EDGES, Bands, middle_of_range, of_bands, together
from perspect.phantom.encoding import encoded, spread_of
from perspect.phantom.localised import CARRIER, Localised, as_stored, complex_noise
from perspect.phantom.patient import Compartment, Patient
from perspect.phantom.scanner import scanner
from perspect.phantom.selection import SOFT, Selection, box_of, centre_of_lesion, shimmed
from perspect.phantom.sequence import Acquired, Signal, brain_centre
from perspect.phantom.truth import SUMS, amounts, truth
from perspect.vocabulary import Grid
from perspect.vocabulary.spectra import WATER

LAYERS: Final = 3
"""Pieces through the slice of a grid. [our default]"""

LINES: Final[Mapping[str, float]] = MappingProxyType({
    "tnaa": 2.01, "tcr": 3.03, "tcho": 3.21, "ins": 3.56, "glx": 2.35, "lac": 1.31, "lip13": 1.28,
})  # fmt: skip
"""ppm of the line by which a molecule is known best: where that is selected, it is selected."""

TISSUES: Final[Mapping[str, tuple[Compartment, ...]]] = MappingProxyType({
    "grey": (Compartment.GREY, Compartment.CHOROID), "white": (Compartment.WHITE,), "csf": (Compartment.CSF,),
    "lesion": (
        Compartment.OEDEMA, Compartment.INFILTRATED, Compartment.SOLID, Compartment.ENHANCING, Compartment.NECROSIS,
        Compartment.PUS, Compartment.CAPSULE, Compartment.TREATED,
    ),
})  # fmt: skip
"""What a segmentation calls the compartments."""


@dataclass(frozen=True)
class Mrsi(Localised):
    """A grid of `n` by `n` spectra in one slice through the lesion, encoded in both directions of the slice.

    `box` (mm) is what the pulses select in the slice, `off` (mm) how far its middle lies from that of the grid (`None`:
    about the lesion); without a box they select the slice alone. `spared` is what saturation bands leave of fat
    outside. Voxels show what the finite encoding lets them see: a ringing sinc, or less of it with a Hamming window.
    The first direction is read, at `readout` Hz a voxel, or phase-encoded (0): what is read lies displaced, what is
    phase-encoded does not.
    """

    n: int = 16
    voxel: tuple[float, float, float] = (10.0, 10.0, 15.0)
    box: tuple[float, float] | None = (120.0, 150.0)
    off: tuple[float, float] | None = (0.0, 0.0)
    readout: float = 0.0
    spared: float = 0.01
    has_window: bool = True
    pieces: int = 4
    n_points: int = 512
    dwell: float = 1 / 1200
    snr: float = 500.0
    te: float = 0.144
    te1: float = 0.015
    name: str = "mrsi"

    def acquire(self, patient: Patient, rng: np.random.Generator) -> Acquired:
        """The spectra of the grid and its unsuppressed water, with coils combined; the true amounts are those of its
        voxels without ringing.
        """
        grid, drawn = self._drawn(patient)
        lattice = drawn.lattice
        ready = scanner(patient, lattice, self.field)
        exact = of_bands(self, ready, drawn, shimmed(ready, self, drawn, rng), rng)
        metabolites, water = (self._seen_of(some, lattice) for some in exact)
        sigma, turn = self.noise(float(np.prod(self.voxel)) * 1e-3), np.exp(1j * self.phase)
        # The water is drawn last, so that the spectra are those that they were without it.
        both = [
            one + complex_noise(rng, one.shape, sigma)
            for one in (turn * (metabolites + self.water_left * water), turn * water)
        ]
        kinds = ("mrsi", "mrsref")
        said = self._said(patient)
        signals = tuple(
            Signal(kind, replace(as_stored(one[:, :, None], self, grid, ()), header=said))
            for kind, one in zip(kinds, both, strict=True)
        )
        shown = amounts(patient, SUMS, grid)
        return Acquired(self, (), grid, shown, regions_on(patient, grid), signals=signals)

    def seen(self, patient: Patient) -> dict[str, Float[np.ndarray, "x y z"]]:
        """What a perfect fit would find, in mM of voxel: true amounts as the pulses select them (each where its main
        line is selected) and as the encoding lets them be seen. `selected` is how much of a voxel is in the box,
        `tissue` how much of it is tissue in the box.

        That fields differ from place to place is not in it: what rings from afar has another frequency.
        """
        _, drawn = self._drawn(patient)
        at = {key: middle_of_range(ppm) for key, ppm in LINES.items()}
        found = {
            key: values.reshape(-1, order="F") * drawn.of(at[key])
            for key, values in amounts(patient, SUMS, drawn.lattice).items()
        }
        found["selected"] = drawn.of(CARRIER)
        held = sum(
            truth(patient, one.name, drawn.lattice) for kind, some in TISSUES.items() for one in some if kind != "csf"
        )
        found["tissue"] = np.asarray(held).reshape(-1, order="F") * drawn.of(CARRIER)
        return {
            key: self._encoded(one[:, None].astype(complex), at.get(key, WATER), drawn.lattice).real
            for key, one in found.items()
        }

    def shares(self, patient: Patient) -> dict[str, Float[np.ndarray, "px py pz"]]:
        """What a perfect segmentation says of places finer than voxels: shares of grey, white, fluid and lesion."""
        centre = self._centre(patient)
        lattice = box_of(centre, self._extent, (self.n * self.pieces, self.n * self.pieces, LAYERS))
        return {
            kind: np.asarray(sum(truth(patient, one.name, lattice) for one in some)) for kind, some in TISSUES.items()
        }

    def selected(self, patient: Patient) -> Float[np.ndarray, "4 4"]:
        """The box of what resonates at the carrier, as an affine of one voxel (mm); as wide as the grid where the
        pulses select the slice alone.
        """
        _, drawn = self._drawn(patient)
        size = np.where(np.isfinite(drawn.size), drawn.size, self._extent)
        return box_of(drawn.centre, size, (1, 1, 1)).affine

    def _said(self, patient: Patient) -> dict[str, Any]:
        """What the header of a careful scanner says of the pulses: their box, Hz along its edges, and the carrier as
        ppm from water; Hz to a voxel where one was read.
        """
        in_plane = self.bandwidth if self.box is not None else 0.0
        read = {"ReadoutBandwidthPerVoxel": [self.readout, 0.0, 0.0]} if self.readout else {}
        return {
            "VOI": self.selected(patient).tolist(), "PulseBandwidth": [in_plane, in_plane, self.bandwidth],
            "TxOffset": CARRIER - WATER, **read,
        }  # fmt: skip

    def _drawn(self, patient: Patient) -> tuple[Grid, Selection]:
        """The grid through the lesion, and the box that is selected, on a lattice finer than the grid.

        The lattice is thicker than the slice: each line is selected in a slice of its own, and all of it is seen.
        """
        centre = self._centre(patient)
        farthest = max(abs(self.displaced(ppm)) for ppm in (EDGES[0], WATER)) + SOFT
        beyond = int(np.ceil(LAYERS * farthest))
        thick = (1.0, 1.0, 1.0 + 2.0 * beyond / LAYERS)
        shape = (self.n * self.pieces, self.n * self.pieces, LAYERS + 2 * beyond)
        lattice = box_of(centre, self._extent * thick, shape)
        size = np.array([*(self.box or (np.inf, np.inf)), self.voxel[2]])
        middle = centre_of_lesion(patient) if self.off is None else centre + np.array([*self.off, 0.0])
        return box_of(centre, self._extent, (self.n, self.n, 1)), Selection(self, lattice, middle, size, self.spared)

    def _centre(self, patient: Patient) -> Float[np.ndarray, " 3"]:
        """The middle of the grid: of the brain, at the height of the lesion."""
        centre = brain_centre(patient)
        centre[2] = centre_of_lesion(patient)[2]
        return centre

    @property
    def _extent(self) -> Float[np.ndarray, " 3"]:
        return np.array(self.voxel) * (self.n, self.n, 1)

    def _seen_of(self, emitted: Bands, lattice: Grid) -> Complex[np.ndarray, "n n points"]:
        """What voxels show of all ranges of chemical shift; where nothing is read they are encoded alike."""
        if not self.readout:
            emitted = iter([(WATER, together(emitted))])
        return np.asarray(sum(self._encoded(one, ppm, lattice) for ppm, one in emitted))

    def _encoded(
        self, emitted: Complex[np.ndarray, "pieces points"], ppm: float, lattice: Grid
    ) -> Complex[np.ndarray, "n n points"]:
        """What voxels show of pieces that resonate at a chemical shift: what is read is taken for another place."""
        across = spread_of(self.n, self.pieces, has_window=self.has_window)
        late = (ppm - WATER) * self.frequency * 1e-6 / self.readout if self.readout else 0.0
        along = spread_of(self.n, self.pieces, has_window=self.has_window, late=late)
        return encoded(_slice(emitted, lattice), along, across)


def _slice(emitted: np.ndarray, lattice: Grid) -> Complex[np.ndarray, "a b points"]:
    """What the pieces of a lattice emit, in its plane, through the slice: a slice of `LAYERS` is the whole of it."""
    return np.asarray(emitted.reshape(*lattice.shape, -1, order="F").sum(axis=2) / LAYERS, complex)
