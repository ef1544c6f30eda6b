"""The part of a spectrum that is fitted: fewer points in time, and the real spectrum that they give.

A signal is cut to a band around the fitted window: zeros are appended to twice its length, the bins of the band are
kept, and outside the window they fade out smoothly, so that what the cut does to the edges of the signal stays within a
few points of them. Such a signal may be multiplied by a slow decay and still gives, inside the window, the spectrum
that the whole signal would have given. The real part of the zero-filled spectrum holds all that the complex signal
holds, with white noise, so that one real baseline is enough.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Bool, Complex, Float
from scipy.fft import fft, ifft, next_fast_len

from perspect.vocabulary import WATER, Basis, Spectra
from perspect.vocabulary.spectra import shift

MARGIN: Final = 1.0
"""ppm beside the window, on either side, over which the band fades out [our default]."""

RINGING: Final = 3.0
"""How long the edges of a signal ring, in periods of the margin [our default]."""

LONGEST: Final = 0.5
"""Seconds of a signal that are fitted: a line of 2 Hz has then lost all but a five-hundredth of what it can tell
[our default]."""

BLOCK: Final = 32
"""Times between which exponentials are products."""


@dataclass(frozen=True)
class Band:
    """Bins `first` to `first + 2 n` of a zero-filled signal of `duration` s, at a spectrometer `frequency` in Hz.

    `window` is what is fitted, in ppm (low, high).
    """

    first: int
    n: int
    duration: float
    frequency: float
    window: tuple[float, float]

    @property
    def dwell(self) -> float:
        """Between points of the band, in s."""
        return self.duration / self.n

    @property
    def n_ringing(self) -> int:
        """Points that are kept before the start and after the end."""
        return int(np.ceil(RINGING / (MARGIN * self.frequency * 1e-6) / self.dwell))

    @cached_property
    def times(self) -> Float[np.ndarray, " points"]:
        """Of the points, in s; a few are before zero."""
        return np.arange(-self.n_ringing, self.n + self.n_ringing) * self.dwell

    @cached_property
    def axis(self) -> Float[np.ndarray, " bins"]:
        """Ppm of every bin of the zero-filled spectrum."""
        return shift((self.first + np.arange(2 * self.n)) / (2 * self.duration), self.frequency)

    @cached_property
    def inside(self) -> slice:
        """The bins that are fitted."""
        at = np.flatnonzero((self.axis >= self.window[0]) & (self.axis <= self.window[1]))
        return slice(int(at[0]), int(at[-1]) + 1)

    @cached_property
    def ppm(self) -> Float[np.ndarray, " bins"]:
        """Ppm of the fitted bins, falling."""
        out: Float[np.ndarray, " bins"] = self.axis[self.inside]
        return out

    @cached_property
    def fading(self) -> Float[np.ndarray, " bins"]:
        """One inside the window, and smoothly to zero at the ends of the band."""
        outside = np.maximum(self.window[0] - self.axis, self.axis - self.window[1]) / MARGIN
        return np.cos(np.pi / 2 * np.clip(outside, 0.0, 1.0)) ** 2

    def cut(
        self, values: Complex[np.ndarray, "*signals points"], dwell: float, *, is_halved: bool = False
    ) -> Complex[np.ndarray, "*signals band"]:
        """Signals in the band. The first point counts half, as the edge of an integral does."""
        n_kept = min(values.shape[-1], round(self.duration / dwell))
        kept = values[..., :n_kept].astype(complex)
        if not is_halved:
            kept[..., 0] /= 2
        bins = self.first + np.arange(2 * self.n)
        if abs(n_kept * dwell - self.duration) < 1e-9 * self.duration:
            spectrum = fft(kept, 2 * n_kept, axis=-1)[..., bins % (2 * n_kept)]
        else:
            turns = np.outer(np.arange(n_kept) * dwell, bins / (2 * self.duration))
            spectrum = kept @ np.exp(-2j * np.pi * turns)
        signal = ifft(spectrum * (self.fading * dwell / self.dwell), axis=-1)
        m = self.n_ringing
        return np.concatenate([signal[..., -m:], signal[..., : self.n + m]], axis=-1)

    def decays(self, rates: Complex[np.ndarray, " signals"]) -> Complex[np.ndarray, "signals band"]:
        """e^(rt) of each rate at all times, in single precision (1e-7 of a column, at half the time).

        As a product of some exponentials at every 32nd time with some between them.
        """
        n = self.times.size
        coarse = np.exp(np.outer(rates, self.times[::BLOCK])).astype(np.complex64)
        fine = np.exp(np.outer(rates, np.arange(BLOCK) * self.dwell)).astype(np.complex64)
        out: Complex[np.ndarray, "signals band"] = (coarse[:, :, None] * fine[:, None]).reshape(rates.size, -1)[:, :n]
        return out

    def spectrum(self, signals: Complex[np.ndarray, "*signals band"]) -> Complex[np.ndarray, "*signals bins"]:
        """The fitted bins of their spectra, in units of the signal times s."""
        out: Complex[np.ndarray, "*signals bins"] = self._filled(signals)[..., self.inside]
        return out * np.float32(self.dwell) if out.dtype == np.complex64 else out * self.dwell

    def turned(
        self, signals: Complex[np.ndarray, "*signals band"], phase: Float[np.ndarray, " zero_filled"]
    ) -> Complex[np.ndarray, "*signals band"]:
        """Signals whose every bin of the zero-filled spectrum (`axis`) is turned by its phase in rad."""
        m = self.n_ringing
        signal = ifft(self._filled(signals) * np.exp(1j * phase), axis=-1)
        return np.concatenate([signal[..., -m:], signal[..., : self.n + m]], axis=-1)

    def _filled(self, signals: Complex[np.ndarray, "*signals band"]) -> Complex[np.ndarray, "*signals zero_filled"]:
        m = self.n_ringing
        filled = np.zeros((*signals.shape[:-1], 2 * self.n), signals.dtype)
        filled[..., : self.n + m] = signals[..., m:]
        filled[..., -m:] = signals[..., :m]
        out: Complex[np.ndarray, "*signals zero_filled"] = fft(filled, axis=-1, overwrite_x=True)
        return out

    def noise(self, sigma: float, dwell: float) -> float:
        """Standard deviation of a bin of the real spectrum, where each part of each point has `sigma`."""
        return float(sigma * dwell * np.sqrt(self.duration / dwell))


def band_of(spectra: Spectra, window: tuple[float, float], longest: float = LONGEST) -> Band:
    """The band around a window in ppm for a signal, of which at most the `longest` seconds are taken."""
    n_points = min(spectra.n_points, round(longest / spectra.dwell))
    duration = n_points * spectra.dwell
    hz = spectra.frequency * 1e-6
    low, high = ((WATER - ppm) * hz * duration for ppm in (window[1] + MARGIN, window[0] - MARGIN))
    n = min(next_fast_len(int(np.ceil(high - low))), n_points)
    middle = low + high
    first = int(np.clip(round(middle - n), -n_points, n_points - 2 * n))
    return Band(first, n, duration, spectra.frequency, window)


def basis_on(band: Band, basis: Basis) -> Complex[np.ndarray, "molecules band"]:
    """The signals of a basis in a band, whatever their own dwell time and length."""
    return band.cut(basis.values, basis.dwell)


def noise_of(values: Complex[np.ndarray, "*signals points"], ppm: Float[np.ndarray, " points"]) -> np.ndarray:
    """Standard deviation of the noise in each part (real, imaginary) of each point in time.

    From second differences of the spectrum where no proton of tissue resonates, so that tails of lines do not count.
    """
    order = np.argsort(ppm)
    quiet = _quiet(ppm[order])
    parts = fft(values, axis=-1)[..., order]
    second = parts[..., :-2] - 2 * parts[..., 1:-1] + parts[..., 2:]
    chosen = second[..., quiet[1:-1]]
    chunks = np.array_split(np.concatenate([chosen.real, chosen.imag], axis=-1) ** 2, 16, axis=-1)
    typical = np.median([chunk.mean(axis=-1) for chunk in chunks], axis=0)
    return np.asarray(np.sqrt(typical / 6 / values.shape[-1]))


def _quiet(ppm: Float[np.ndarray, " points"]) -> Bool[np.ndarray, " points"]:
    """Where nothing of tissue resonates; the outer quarters where the band is too narrow for that."""
    quiet = (ppm < -0.5) | (ppm > 9.0)
    if quiet.sum() < 64:
        rank = np.argsort(np.argsort(ppm))
        quiet = (rank < ppm.size / 8) | (rank > ppm.size * 7 / 8)
    return quiet
