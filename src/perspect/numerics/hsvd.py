"""A signal as a sum of damped exponentials, from the shift invariance of its Hankel matrix."""

from typing import Final

import numpy as np
from jaxtyping import Complex, Float
from scipy.linalg import eigh, qr

DENSE: Final = 64
"""Rows of a Hankel matrix that is small enough for a full decomposition."""

SPARE: Final = 8
"""Vectors more than are wanted, by which the wanted ones are found faster."""

N_ROUNDS: Final = 5
"""Of subspace iteration: what is twice as large as the first vector left out is then found to 1e-3."""

BLOCK: Final = 32
"""Points between which powers of the factors are products."""

NOTHING: Final = 1e-12
"""Of the largest: what the products of components have less of cannot be told apart, and is not used."""


def exponentials(
    signal: Complex[np.ndarray, " points"], n_components: int, most_points: int = 1024
) -> tuple[Complex[np.ndarray, " components"], Complex[np.ndarray, " components"]]:
    """The factors from point to point, and the amplitudes at the first point: signal[n] ≈ Σ a z^n.

    Factors that would grow are set to the unit circle. The factors come from the first `most_points`, the amplitudes
    from all points.

    Barkhuijsen et al. 1987, doi:10.1016/0022-2364(87)90023-0; Laudadio et al. 2002, doi:10.1006/jmre.2002.2593
    """
    left = _signal_space(signal[:most_points], n_components)
    # Of orthonormal columns without their last row the products are 1 - l*l, whose inverse is known.
    last, moved = left[-1], left[:-1].conj().T @ left[1:]
    turned = moved + np.outer(last.conj(), last @ moved) / max(1 - np.vdot(last, last).real, 1e-12)
    factors = np.linalg.eigvals(turned)
    factors = factors / np.maximum(np.abs(factors), 1.0)
    return factors, _amplitudes(factors, signal)


def _amplitudes(
    factors: Complex[np.ndarray, " components"], signal: Complex[np.ndarray, " points"]
) -> Complex[np.ndarray, " components"]:
    """The best amplitudes at the first point; of components that are one and the same, the smallest ones."""
    powers = powers_of(factors, signal.size)
    size = np.linalg.norm(powers, axis=0)
    sizes, mixtures = np.linalg.eigh(powers.conj().T @ powers / size[:, None] / size)
    told = sizes > NOTHING * sizes[-1]
    wanted = mixtures[:, told].conj().T @ (powers.conj().T @ signal / size)
    out: Complex[np.ndarray, " components"] = mixtures[:, told] @ (wanted / sizes[told]) / size
    return out


def powers_of(factors: Complex[np.ndarray, " components"], n_points: int) -> Complex[np.ndarray, "points components"]:
    """z^n of each factor, n from zero."""
    near = factors ** np.arange(BLOCK)[:, None]
    far = factors ** np.arange(0, n_points, BLOCK)[:, None]
    powers = (far[:, None] * near).reshape(len(far) * BLOCK, factors.size)
    out: Complex[np.ndarray, "points components"] = powers[:n_points]
    return out


def _signal_space(signal: Complex[np.ndarray, " points"], n: int) -> Complex[np.ndarray, "rows components"]:
    """The leading left singular vectors of the Hankel matrix, as those of its products. A third of the points are rows:
    the factors scatter as little as with half of them (Hua and Sarkar 1990, doi:10.1109/29.56027), and half as much is
    to be multiplied.

    By subspace iteration: Halko et al. 2011, doi:10.1137/090771806.
    """
    products = _products(signal, max(signal.size // 3, min(n + SPARE, signal.size // 2)))
    if len(products) <= DENSE:
        return np.ascontiguousarray(eigh(products)[1][:, ::-1][:, :n])
    start = np.random.default_rng(0).normal(size=(len(products), n + SPARE))
    basis = qr(products @ start, mode="economic", check_finite=False)[0]
    for _ in range(N_ROUNDS - 1):
        basis = qr(products @ basis, mode="economic", check_finite=False)[0]
    mixtures = np.linalg.eigh(basis.conj().T @ (products @ basis))[1]
    found: Complex[np.ndarray, "rows components"] = basis @ mixtures[:, ::-1][:, :n]
    return found


def _products(signal: Complex[np.ndarray, " points"], n_rows: int) -> Complex[np.ndarray, "rows rows"]:
    """Hankel matrix times its adjoint: one step down a diagonal, one product of points enters and one leaves."""
    n_columns = signal.size - n_rows + 1
    windows = np.lib.stride_tricks.sliding_window_view(signal, n_columns)
    enter, leave = signal[n_columns:], signal[: n_rows - 1]
    out = np.empty((n_rows, n_rows), complex)
    out[0] = windows[0] @ windows.conj().T
    out[:, 0] = out[0].conj()
    change = enter[:, None] * enter.conj() - leave[:, None] * leave.conj()
    for k in range(n_rows - 1):
        out[k + 1, 1:] = out[k, :-1] + change[k]
    return out


def summed(
    factors: Complex[np.ndarray, " components"], amplitudes: Complex[np.ndarray, " components"], n_points: int
) -> Complex[np.ndarray, " points"]:
    """The signal of some components."""
    out: Complex[np.ndarray, " points"] = powers_of(factors, n_points) @ amplitudes
    return out


def offsets(factors: Complex[np.ndarray, " components"], dwell: float) -> Float[np.ndarray, " components"]:
    """Their frequencies in Hz."""
    out: Float[np.ndarray, " components"] = np.angle(factors) / (2 * np.pi * dwell)
    return out
