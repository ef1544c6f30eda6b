"""A signal as a sum of damped exponentials, from the shift invariance of its Hankel matrix."""

from typing import Final

import numpy as np
from jaxtyping import Complex, Float
from scipy.linalg import hankel, svd
from scipy.sparse.linalg import LinearOperator, svds

DENSE: Final = 128
"""Rows of a Hankel matrix that is small enough for a full decomposition."""


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
    length = 2 ** int(np.ceil(np.log2(signal.size + n_columns)))
    transform = np.fft.fft(signal, length)

    def times(vector: Complex[np.ndarray, "columns *one"]) -> Complex[np.ndarray, " rows"]:
        spread = np.fft.fft(vector.ravel()[::-1], length)
        return np.fft.ifft(transform * spread)[n_columns - 1 : n_columns - 1 + n_rows]

    def back(vector: Complex[np.ndarray, "rows *one"]) -> Complex[np.ndarray, " columns"]:
        spread = np.fft.fft(vector.ravel()[::-1].conj(), length)
        return np.fft.ifft(transform * spread)[n_rows - 1 : n_rows - 1 + n_columns].conj()

    matrix = LinearOperator((n_rows, n_columns), matvec=times, rmatvec=back, dtype=complex)
    start = np.random.default_rng(0).normal(size=min(n_rows, n_columns)).astype(complex)
    vectors: Complex[np.ndarray, "rows components"] = svds(matrix, k=n, v0=start, return_singular_vectors="u")[0]
    return vectors


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
