"""What one spectrum and many at once have in common: phases, decays, slopes, normal equations, noise.

Arrays may have spectra first; where they have none, what is said is of one.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Complex, Float

from perspect.mrs.band import Band

PIVOT: Final = 3.0
"""ppm about which the phase of first order turns."""

N_COMMON: Final = 5
"""φ0, φ1, Δ, γ, v: what all signals share."""


@dataclass(frozen=True, eq=False)
class Priors:
    """What is known of each signal before the data: standard deviations of its own shift (Hz) and width (1/s).

    `phase` is that of the first-order phase (rad/ppm); `place` of the common phase (rad) and shift (Hz), which are zero
    where water has told them and unknown (infinite) elsewhere. A signal that is `free` may be negative. What is `broad`
    has its own width and takes no part in the common one: the lineshape of the magnet hardly widens it.
    """

    shift: Float[np.ndarray, " signals"]
    width: Float[np.ndarray, " signals"]
    phase: float
    free: Bool[np.ndarray, " signals"]
    broad: Bool[np.ndarray, " signals"]
    place: tuple[float, float] = (np.inf, np.inf)

    @property
    def common(self) -> Float[np.ndarray, " common"]:
        """Standard deviations of what all signals share."""
        return np.array([self.place[0], self.phase, self.place[1], np.inf, np.inf])


def turned(
    band: Band, theta: Float[np.ndarray, "*spectra parameters"], spectra: Complex[np.ndarray, "*spectra bins"]
) -> Complex[np.ndarray, "*spectra bins"]:
    """Spectra with their phases taken out."""
    out: Complex[np.ndarray, "*spectra bins"] = (
        np.exp(1j * (theta[..., :1] + theta[..., 1:2] * (band.ppm - PIVOT))) * spectra
    )
    return out


def common_decays(
    band: Band, theta: Float[np.ndarray, "spectra parameters"]
) -> tuple[Complex[np.ndarray, "spectra band"], Complex[np.ndarray, "spectra band"]]:
    """What shifts and widens narrow signals that have nothing of their own, and what shifts broad ones."""
    turn = 2j * np.pi * theta[:, 2]
    narrow, broad = np.split(band.decays(np.concatenate([turn - np.maximum(theta[:, 3], 0.0), turn])), 2)
    return narrow * np.exp(-theta[:, 4, None] * band.times**2).astype(np.float32), broad


@dataclass(frozen=True, eq=False)
class Normal:
    """Products of columns and data once the baseline has been taken out of both; soft ratios are in `gram`."""

    gram: Float[np.ndarray, "*spectra signals signals"]
    projection: Float[np.ndarray, "*spectra signals"]
    power: Float[np.ndarray, "*spectra"]

    def cost(
        self,
        amplitudes: Float[np.ndarray, "*spectra signals"],
        precision: Float[np.ndarray, "*spectra parameters"],
        theta: Float[np.ndarray, "*spectra parameters"],
    ) -> Float[np.ndarray, "*spectra"]:
        """Residual, penalty and priors at these amplitudes and parameters."""
        explained = (amplitudes * (times(self.gram, amplitudes) - 2 * self.projection)).sum(axis=-1)
        return np.asarray(self.power + explained + (precision * theta**2).sum(axis=-1))


def normal_equations(
    columns: Float[np.ndarray, "*spectra signals bins"],
    data: Float[np.ndarray, "*spectra bins"],
    shaded: Float[np.ndarray, "*spectra signals shapes"],
    shaded_data: Float[np.ndarray, "*spectra shapes"],
    share: Float[np.ndarray, "*#spectra shapes"],
    ties: Float[np.ndarray, "*spectra signals signals"],
) -> Normal:
    """Of one spectrum or of many; `shaded` are columns and data in the shapes of the baseline, of each of which a
    penalised fit keeps a `share`.
    """
    held = shaded * share[..., None, :]
    gram = columns @ columns.mT - held @ shaded.mT + ties
    projection = times(columns, data) - times(held, shaded_data)
    power = np.asarray((data**2).sum(axis=-1) - (share * shaded_data**2).sum(axis=-1))
    return Normal(gram, projection, power)


def times(matrices: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Each matrix times its vector."""
    out: np.ndarray = (matrices @ vectors[..., None])[..., 0]
    return out


def common_slopes(
    band: Band, spectra: Complex[np.ndarray, "*spectra bins"], timed: Complex[np.ndarray, "*spectra three bins"]
) -> Float[np.ndarray, "*spectra common bins"]:
    """Derivatives of (model - data) at fixed amplitudes along what all signals share: of `turned` spectra and of the
    spectra of t Σ all, t Σ narrow and t² Σ narrow.
    """
    out = np.empty((*spectra.shape[:-1], N_COMMON, spectra.shape[-1]))
    out[..., 0, :], out[..., 1, :] = spectra.imag, spectra.imag * (band.ppm - PIVOT)
    out[..., 2, :] = -2 * np.pi * timed[..., 0, :].imag
    out[..., 3, :], out[..., 4, :] = -timed[..., 1, :].real, -timed[..., 2, :].real
    return out


def noise_in(
    rest: Float[np.ndarray, "*spectra bins"],
    amplitudes: Float[np.ndarray, "*spectra signals"],
    dimensions: Float[np.ndarray, "*spectra"],
    least: Float[np.ndarray, "*spectra"],
) -> Float[np.ndarray, "*spectra"]:
    """The spread of what is left, for as many bins as it is free in; not below what is known to be noise."""
    n_used = (amplitudes != 0).sum(axis=-1) + N_COMMON + dimensions
    return np.asarray(np.maximum(least, np.sqrt((rest**2).sum(axis=-1) / np.maximum(rest.shape[-1] - n_used, 1.0))))
