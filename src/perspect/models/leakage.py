"""Leakage of agent in dynamic susceptibility contrast: the voxel's curve as that of healthy tissue and its integral."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from perspect.models.base import Separable
from perspect.numerics.convolve import cumulative_trapezoid, exponential_convolution
from perspect.vocabulary.lexicon import K1, K2, KEP_LEAKAGE


@dataclass(frozen=True, eq=False)
class Leakage(Separable):
    r"""Leakage that only goes one way.

    $$\Delta R_2^*(t) = K_1\, r(t) - K_2 \int_0^t r(u)\, du$$

    r is the mean ΔR2* (1/s) of tissue whose barrier is whole, t are its times in s. K2 is positive where leaked agent
    raises the signal (T1) and negative where it lowers it (T2*).

    Boxerman, Schmainda and Weisskoff 2006, AJNR 27:859-867
    """

    t: Float[np.ndarray, " time"]
    reference: Float[np.ndarray, " time"]

    parameters = (K1, K2)
    linear = (K1, K2)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The reference, and minus its running integral."""
        atoms = np.stack([self.reference, -cumulative_trapezoid(self.t, self.reference)])
        return np.broadcast_to(atoms, (*theta.shape[:-1], *atoms.shape))


@dataclass(frozen=True, eq=False)
class BidirectionalLeakage(Separable):
    r"""Leakage that comes back into the vessels at a rate kep; at kep = 0 it is `Leakage`.

    $$\Delta R_2^*(t) = K_1\, r(t) - K_2 \int_0^t r(u)\, e^{-k_{ep}(t-u)}\, du$$

    Leu et al. 2016, doi:10.3174/ajnr.A4759
    """

    t: Float[np.ndarray, " time"]
    reference: Float[np.ndarray, " time"]

    parameters = (K1, K2, KEP_LEAKAGE)
    linear = (K1, K2)
    nonlinear = (KEP_LEAKAGE,)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The reference, and minus its convolution with what has not yet returned."""
        leaked = exponential_convolution(self.t, self.reference, theta[..., 0])
        return np.stack([np.broadcast_to(self.reference, leaked.shape), -leaked], axis=-2)
