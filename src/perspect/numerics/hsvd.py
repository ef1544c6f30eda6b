"""A signal as a sum of damped exponentials, from the shift invariance of its Hankel matrix."""

from typing import Final

import numpy as np
from jaxtyping import Complex, Float
from scipy.fft import fft, ifft, next_fast_len
from scipy.linalg import hankel, qr, svd

DENSE: Final = 128
"""Rows of a Hankel matrix that is small enough for a full decomposition."""

SPARE: Final = 8
"""Vectors more than are wanted, by which the wanted ones are found faster."""

N_ROUNDS: Final = 5
"""Of subspace iteration: what is twice as large as the first vector left out is then found to 1e-3."""


def exponentials(
    signal: Complex[np.ndarray, " points"], n_components: int, most_points: int = 1024
) -> tuple[Complex[np.ndarray, " components"], Complex[np.ndarray, " components"]]:
    """The factors from point to point, and the amplitudes at the first point: signal[n] ≈ Σ a z^n.

    Factors that would grow are set to the unit circle. The factors come from the first `most_points`, the amplitudes
    from all points.

    Barkhuijsen et al. 1987, doi:10.1016/0022-2364(87)90023-0; Laudadio et al. 2002, doi:10.1006/jmre.2002.2593
    """
    some = signal[:most_points]
    left = _signal_space(some, n_components)
    turned, *_ = np.linalg.lstsq(left[:-1], left[1:], rcond=None)
    factors = np.linalg.eigvals(turned)
    factors = factors / np.maximum(np.abs(factors), 1.0)
    powers = factors[None, :] ** np.arange(signal.size)[:, None]
    amplitudes, *_ = np.linalg.lstsq(powers, signal, rcond=None)
    return factors, amplitudes


def _signal_space(signal: Complex[np.ndarray, " points"], n: int) -> Complex[np.ndarray, "rows components"]:
    """The leading left singular vectors of the Hankel matrix."""
    n_rows = signal.size // 2
    n_columns = signal.size - n_rows + 1
    if n_rows <= DENSE:
        full: Complex[np.ndarray, "rows columns"] = svd(hankel(signal[:n_rows], signal[n_rows - 1 :]))[0]
        return full[:, :n]
    length = next_fast_len(signal.size + n_columns)
    transform = fft(signal, length)[:, None]

    def times(block: Complex[np.ndarray, "columns block"]) -> Complex[np.ndarray, "rows block"]:
        spread = fft(block[::-1], length, axis=0, overwrite_x=True)
        product: Complex[np.ndarray, "length block"] = ifft(transform * spread, axis=0, overwrite_x=True)
        return product[n_columns - 1 : n_columns - 1 + n_rows]

    def back(block: Complex[np.ndarray, "rows block"]) -> Complex[np.ndarray, "columns block"]:
        spread = fft(block[::-1].conj(), length, axis=0, overwrite_x=True)
        product: Complex[np.ndarray, "length block"] = ifft(transform * spread, axis=0, overwrite_x=True)
        return product[n_rows - 1 : n_rows - 1 + n_columns].conj()

    # Subspace iteration (Halko et al. 2011, doi:10.1137/090771806): Hankel matrices multiply by transforms.
    rng = np.random.default_rng(0)
    basis = qr(times(rng.normal(size=(n_columns, n + SPARE)).astype(complex)), mode="economic")[0]
    for _ in range(N_ROUNDS):
        basis = qr(times(back(basis)), mode="economic")[0]
    mixtures = svd(back(basis).conj().T, full_matrices=False)[0]
    found: Complex[np.ndarray, "rows components"] = basis @ mixtures[:, :n]
    return found


def summed(
    factors: Complex[np.ndarray, " components"], amplitudes: Complex[np.ndarray, " components"], n_points: int
) -> Complex[np.ndarray, " points"]:
    """The signal of some components."""
    out: Complex[np.ndarray, " points"] = (factors[None, :] ** np.arange(n_points)[:, None]) @ amplitudes
    return out


def offsets(factors: Complex[np.ndarray, " components"], dwell: float) -> Float[np.ndarray, " components"]:
    """Their frequencies in Hz."""
    out: Float[np.ndarray, " components"] = np.angle(factors) / (2 * np.pi * dwell)
    return out
