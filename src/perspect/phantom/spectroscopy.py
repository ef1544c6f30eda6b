"""Spectroscopy of a virtual patient: one voxel in the lesion, or a grid of spectra through it.

The patient is looked up on a lattice finer than a voxel. Every piece of it has its own mixture, its own frequency, and
for each range of chemical shifts its own place in the selected box: what is off the carrier is selected elsewhere.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from jaxtyping import Complex, Float
from scipy import ndimage, special

from perspect.phantom.coverage import regions_on
from perspect.phantom.lookup import positions
from perspect.phantom.metabolites import Timing, metabolite_signals, water_signals
from perspect.phantom.mixing import alike, mixing
from perspect.phantom.patient import Compartment, Patient
from perspect.phantom.scanner import Scanner, scanner
from perspect.phantom.sequence import Acquired, Sequence, Signal, brain_centre
from perspect.phantom.spectrum import Scan, noise_of
from perspect.phantom.truth import SUMS, amounts, truth
from perspect.vocabulary import Grid
from perspect.vocabulary.spectra import WATER, Spectra, shift

PIECE: Final = 2.5
"""Edge of the pieces of a single voxel in mm. [our default]"""

BEYOND: Final = 0.35
"""How far pieces reach beyond the box, in widths of it: so far the box of a line may be displaced. [our default]"""

EDGES: Final[tuple[float, ...]] = (0.4, 1.1, 1.7, 2.45, 2.85, 3.35, 3.75, 4.2)
"""ppm between which chemical shifts are selected alike: borders lie where brain and tumour have least signal."""

LAYERS: Final = 3
"""Pieces through the slice of a grid. [our default]"""

CARRIER: Final = 2.5
"""ppm that is selected where the box was drawn. [our default]"""

BORDER: Final = 0.06
"""ppm over which one range of chemical shifts goes over into the next. [our default]"""

SOFT: Final = 0.08
"""Width of the edge of a selected box, relative to the box. [our default]"""

REFERENCE_VOLUME: Final = 8.0
"""mL: the voxel to which a signal-to-noise ratio belongs; half of it has half."""

BLUR: Final = 60.0
"""Gaussian decay (1/s²) by what is finer than the fine grid of the patient. [our default]"""

EDDY_TIME: Final = 0.02
"""Time constant of eddy currents in s. [our default]"""

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

NECROTIC: Final = 0.7
"""How much less a voxel of necrosis is wanted in the box than one of tumour. [our default]"""


@dataclass(frozen=True)
class Localised(Sequence):
    """What one voxel and a grid have in common: PRESS, s and Hz, water left by suppression as a share of all of it.

    `bandwidth` of the pulses in Hz, by which the box is displaced; `snr` of a singlet of 10 mM and three protons in
    8 mL, over the noise of the spectrum. `fat` is the share of the voxel that scalp fat fills although it is not there
    (outer lobes of the pulses); `shim_error` a slope of the field in Hz/mm.
    """

    te: float = 0.030
    te1: float = 0.012
    tr: float = 2.0
    field: float = 3.0
    frequency: float = 123.2e6
    dwell: float = 1 / 2000
    n_points: int = 1024
    snr: float = 120.0
    bandwidth: float = 3500.0
    water_left: float = 0.003
    fat: float = 0.0
    shim_error: float = 0.0
    phase: float = 0.4
    name: str = "svs"

    @property
    def timing(self) -> Timing:
        """When it excites, refocuses and reads."""
        return Timing(self.te, self.te1, self.tr, self.frequency, self.dwell, self.n_points)

    def displaced(self, ppm: float) -> float:
        """How far the selected box of a chemical shift is displaced, in widths of the box."""
        return (CARRIER - ppm) * self.frequency * 1e-6 / self.bandwidth

    def noise(self, volume: float) -> float:
        """Standard deviation of each part of each point once all is averaged, for a voxel of `volume` mL."""
        return noise_of(Scan(dwell=self.dwell, n_points=self.n_points, snr=self.snr)) * REFERENCE_VOLUME / volume


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
        voxel = _box(centre, np.array(self.size), (1, 1, 1))
        inner = [int(np.ceil(length / PIECE)) for length in self.size]
        around = tuple(n + 2 * int(np.ceil(BEYOND * n)) for n in inner)
        pieces = _box(centre, np.array(around) * self.size / inner, around)
        ready = scanner(patient, pieces, self.field)
        drawn = Selection(self, pieces, centre, np.array(self.size))
        exact = of_pieces(self, ready, drawn, shimmed(ready, self, drawn, rng), rng)
        metabolites, water = (one.sum(axis=0) / float(np.prod(inner)) for one in exact)
        metabolites = metabolites + self.water_left * water
        t, volume = self.timing.times, float(np.prod(self.size)) * 1e-3
        eddy = np.exp(1j * (self.phase + self.bend * np.exp(-t / EDDY_TIME)))
        coils = _noise(rng, (self.n_coils,), 1.0)
        coils /= np.linalg.norm(coils)
        drift = np.exp(2j * np.pi * np.outer(t, np.linspace(0.0, self.wander, self.n_averages)))
        one = (metabolites * eddy)[:, None, None] * coils[:, None] * drift[:, None, :]
        sigma = self.noise(volume) * np.sqrt(self.n_averages)
        reference = (water * eddy)[:, None] * coils
        signals = (
            Signal("svs", _spectra(one + _noise(rng, one.shape, sigma), self, voxel, ("coil", "transient"))),
            Signal("mrsref", _spectra(reference + _noise(rng, reference.shape, sigma), self, voxel, ("coil",))),
        )
        shown = amounts(patient, SUMS, voxel)
        return Acquired(self, (), voxel, shown, regions_on(patient, voxel), signals=signals)


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
            one + _noise(rng, one.shape, sigma)
            for one in (turn * (metabolites + self.water_left * water), turn * water)
        ]
        kinds = ("mrsi", "mrsref")
        said = self._said(patient)
        signals = tuple(
            Signal(kind, replace(_spectra(one[:, :, None], self, grid, ()), header=said))
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
        at = {key: _middle(ppm) for key, ppm in LINES.items()}
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
        lattice = _box(centre, self._extent, (self.n * self.pieces, self.n * self.pieces, LAYERS))
        return {
            kind: np.asarray(sum(truth(patient, one.name, lattice) for one in some)) for kind, some in TISSUES.items()
        }

    def selected(self, patient: Patient) -> Float[np.ndarray, "4 4"]:
        """The box of what resonates at the carrier, as an affine of one voxel (mm); as wide as the grid where the
        pulses select the slice alone.
        """
        _, drawn = self._drawn(patient)
        size = np.where(np.isfinite(drawn.size), drawn.size, self._extent)
        return _box(drawn.centre, size, (1, 1, 1)).affine

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

    def _drawn(self, patient: Patient) -> tuple[Grid, "Selection"]:
        """The grid through the lesion, and the box that is selected, on a lattice finer than the grid.

        The lattice is thicker than the slice: each line is selected in a slice of its own, and all of it is seen.
        """
        centre = self._centre(patient)
        farthest = max(abs(self.displaced(ppm)) for ppm in (EDGES[0], WATER)) + SOFT
        beyond = int(np.ceil(LAYERS * farthest))
        thick = (1.0, 1.0, 1.0 + 2.0 * beyond / LAYERS)
        shape = (self.n * self.pieces, self.n * self.pieces, LAYERS + 2 * beyond)
        lattice = _box(centre, self._extent * thick, shape)
        size = np.array([*(self.box or (np.inf, np.inf)), self.voxel[2]])
        middle = _centre_of_lesion(patient) if self.off is None else centre + np.array([*self.off, 0.0])
        return _box(centre, self._extent, (self.n, self.n, 1)), Selection(self, lattice, middle, size, self.spared)

    def _centre(self, patient: Patient) -> Float[np.ndarray, " 3"]:
        """The middle of the grid: of the brain, at the height of the lesion."""
        centre = brain_centre(patient)
        centre[2] = _centre_of_lesion(patient)[2]
        return centre

    @property
    def _extent(self) -> Float[np.ndarray, " 3"]:
        return np.array(self.voxel) * (self.n, self.n, 1)

    def _seen_of(self, emitted: "Bands", lattice: Grid) -> Complex[np.ndarray, "n n points"]:
        """What voxels show of all ranges of chemical shift; where nothing is read they are encoded alike."""
        if not self.readout:
            emitted = iter([(WATER, _together(emitted))])
        return np.asarray(sum(self._encoded(one, ppm, lattice) for ppm, one in emitted))

    def _encoded(
        self, emitted: Complex[np.ndarray, "pieces points"], ppm: float, lattice: Grid
    ) -> Complex[np.ndarray, "n n points"]:
        """What voxels show of pieces that resonate at a chemical shift: what is read is taken for another place."""
        across = spread_of(self.n, self.pieces, has_window=self.has_window)
        late = (ppm - WATER) * self.frequency * 1e-6 / self.readout if self.readout else 0.0
        along = spread_of(self.n, self.pieces, has_window=self.has_window, late=late)
        return encoded(_slice(emitted, lattice), along, across)


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


def of_pieces(
    scan: Localised, ready: Scanner, drawn: Selection, hertz: Float[np.ndarray, " pieces"], rng: np.random.Generator
) -> tuple[Complex[np.ndarray, "pieces points"], Complex[np.ndarray, "pieces points"]]:
    """What every piece of the lattice emits: its metabolites, and its water."""
    metabolites, water = of_bands(scan, ready, drawn, hertz, rng)
    return _together(metabolites), _together(water)


Bands = Iterator[tuple[float, Complex[np.ndarray, "pieces points"]]]
"""What pieces emit, by chemical shift (ppm)."""


def of_bands(
    scan: Localised, ready: Scanner, drawn: Selection, hertz: Float[np.ndarray, " pieces"], rng: np.random.Generator
) -> tuple[Bands, Bands]:
    """What every piece of the lattice emits of its metabolites, by ranges of chemical shift, and of its water."""
    kinds, t = ready.kinds, scan.timing.times
    pure = metabolite_signals(ready.patient, kinds, scan.timing, rng)
    ones = np.ones(hertz.size, np.float32)
    mix = mixing(ready.parts, kinds, alike(ready.grid), ones)
    turned = np.exp(2j * np.pi * np.outer(hertz, t + scan.timing.delay) - BLUR * t**2).astype(np.complex64)

    def metabolites() -> Bands:
        for ppm, some in bands(pure, scan):
            yield ppm, drawn.of(ppm).astype(np.float32)[:, None] * (mix @ some) * turned
        if scan.fat > 0.0:
            # Outer lobes see fat that is nowhere near: it has the frequency of the centre, and no place in the box.
            fat = pure[kinds.of(Compartment.FAT)].mean(axis=0)
            yield WATER, (scan.fat * drawn.of(CARRIER))[:, None] * fat * turned

    def water() -> Bands:
        yield WATER, drawn.of(WATER).astype(np.float32)[:, None] * (mix @ water_signals(kinds, scan.timing)) * turned

    return metabolites(), water()


def _together(emitted: Bands) -> Complex[np.ndarray, "pieces points"]:
    """All ranges of chemical shift at once."""
    _, total = next(emitted)
    for _, one in emitted:
        total += one
    return total


def bands(
    pure: Complex[np.ndarray, "kinds points"], scan: Localised
) -> list[tuple[float, Complex[np.ndarray, "kinds points"]]]:
    """Signals in parts by chemical shift, each with its middle in ppm; together they are the whole."""
    ppm = shift(np.fft.fftfreq(scan.n_points, scan.dwell), scan.frequency)
    edges = np.array(EDGES)
    spectrum, out, below = np.fft.fft(pure, axis=1), [], np.zeros(ppm.size)
    for low, high in pairwise(edges):
        upto = np.ones(ppm.size) if high == edges[-1] else np.clip(0.5 + (high - ppm) / BORDER, 0.0, 1.0)
        part = np.fft.ifft(spectrum * (upto - below), axis=1).astype(np.complex64)
        out.append((float(low + high) / 2.0, part))
        below = upto
    return out


def spread_of(n: int, pieces: int, *, has_window: bool, late: float = 0.0) -> Complex[np.ndarray, "n pieces_in_all"]:
    """What each of `n` voxels sees of every piece along one direction that was encoded in `n` steps.

    A line that turns by `late` more turns from the first to the last step is taken for one so many voxels farther on.
    """
    k = np.arange(n) - n // 2
    window = 0.54 + 0.46 * np.cos(2.0 * np.pi * k / n) if has_window else np.ones(n)
    voxels, all_pieces = np.arange(n) + 0.5, (np.arange(n * pieces) + 0.5) / pieces + late
    waves = np.exp(2j * np.pi * k * (voxels[:, None, None] - all_pieces[:, None]) / n)
    return np.asarray((waves * window).sum(axis=-1) / (n * pieces))


def encoded(
    emitted: Complex[np.ndarray, "a b points"],
    along: Complex[np.ndarray, "n pieces_in_all"],
    across: Complex[np.ndarray, "n pieces_in_all"],
) -> Complex[np.ndarray, "n n points"]:
    """The spectra of the voxels of a slice, from what they see along its first and its second direction."""
    return np.asarray(np.einsum("xa,abt,yb->xyt", along, emitted, across, optimize=True))


def _slice(emitted: np.ndarray, lattice: Grid) -> Complex[np.ndarray, "a b points"]:
    """What the pieces of a lattice emit, in its plane, through the slice: a slice of `LAYERS` is the whole of it."""
    return np.asarray(emitted.reshape(*lattice.shape, -1, order="F").sum(axis=2) / LAYERS, complex)


def _middle(ppm: float) -> float:
    """The middle of the range of chemical shifts that is selected together with this one."""
    return next((low + high) / 2.0 for low, high in pairwise(EDGES) if low <= ppm < high)


def _centre_of_lesion(patient: Patient) -> Float[np.ndarray, " 3"]:
    middle = [float(np.median(axis)) for axis in np.nonzero(patient.regions["core"].mask)]
    return np.asarray((patient.grid.affine @ np.array([*middle, 1.0]))[:3])


def _box(centre: Float[np.ndarray, " 3"], size: Float[np.ndarray, " 3"], shape: tuple[int, ...]) -> Grid:
    """A box (mm) about a centre, along the axes of the scanner, cut into voxels."""
    affine = np.diag([*(np.array(size) / shape), 1.0])
    affine[:3, 3] = centre - np.diag(affine)[:3] * ((np.array(shape) - 1.0) / 2.0)
    return Grid((int(shape[0]), int(shape[1]), int(shape[2])), affine)


def _noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: float) -> Complex[np.ndarray, "*shape"]:
    parts = rng.normal(0.0, 1.0, (2, *shape))
    return np.asarray(sigma * (parts[0] + 1j * parts[1]))


def _spectra(values: Complex[np.ndarray, "*any"], scan: Localised, grid: Grid, axes: tuple[str, ...]) -> Spectra:
    """Signals as a scanner hands them on; those of one voxel have their points first."""
    if grid.shape == (1, 1, 1):
        values = values[None, None, None]
    return Spectra(
        np.asarray(values, np.complex64), scan.dwell, scan.frequency, grid, axes, te=scan.te, tr=scan.tr, name=scan.name
    )
