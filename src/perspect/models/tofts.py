"""Plasma and one leaky compartment."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from perspect.models.base import Separable
from perspect.numerics.convolve import exponential_convolution
from perspect.vocabulary.lexicon import KEP, KTRANS, VE, VP


@dataclass(frozen=True, eq=False)
class Tofts(Separable):
    r"""Tissue that fills from the plasma and empties into it; the plasma in the voxel itself is neglected.

    $$C(t) = K^{trans} \int_0^t c_p(u)\, e^{-k_{ep}(t-u)}\, du, \qquad k_{ep} = K^{trans}/v_e$$

    cp is the arterial plasma concentration in mM at the times t in s; C is in mM.

    Tofts and Kermode 1991, doi:10.1002/mrm.1910170208
    """

    t: Float[np.ndarray, " time"]
    cp: Float[np.ndarray, " time"]

    parameters = (KTRANS, VE)
    linear = (KTRANS,)
    nonlinear = (KEP,)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The plasma curve convolved with what has not yet returned."""
        return exponential_convolution(self.t, self.cp, theta)

    def split(
        self, p: Float[np.ndarray, "*voxels parameters"]
    ) -> tuple[Float[np.ndarray, "*voxels linear"], Float[np.ndarray, "*voxels nonlinear"]]:
        """(Ktrans, ve) to (Ktrans), (kep)."""
        return p[..., :1], _washout(p[..., :1], p[..., 1:])

    def join(
        self, c: Float[np.ndarray, "*voxels linear"], theta: Float[np.ndarray, "*voxels nonlinear"]
    ) -> Float[np.ndarray, "*voxels parameters"]:
        """(Ktrans), (kep) to (Ktrans, ve)."""
        return np.concatenate([c, c / theta], axis=-1)


@dataclass(frozen=True, eq=False)
class ExtendedTofts(Separable):
    r"""Tissue that fills from the plasma and empties into it, and the plasma in the voxel itself.

    $$C(t) = v_p\, c_p(t) + K^{trans} \int_0^t c_p(u)\, e^{-k_{ep}(t-u)}\, du, \qquad k_{ep} = K^{trans}/v_e$$

    cp is the arterial plasma concentration in mM at the times t in s; C is in mM.

    Tofts 1997, doi:10.1002/jmri.1880070113

    >>> t = np.arange(4.0)
    >>> ExtendedTofts(t=t, cp=t).predict(np.array([0.0, 0.2, 0.05]))
    array([0.  , 0.05, 0.1 , 0.15])
    """

    t: Float[np.ndarray, " time"]
    cp: Float[np.ndarray, " time"]

    parameters = (KTRANS, VE, VP)
    linear = (KTRANS, VP)
    nonlinear = (KEP,)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The plasma curve convolved with what has not yet returned, and the plasma curve."""
        tissue = exponential_convolution(self.t, self.cp, theta[..., 0])
        return np.stack([tissue, np.broadcast_to(self.cp, tissue.shape)], axis=-2)

    def split(
        self, p: Float[np.ndarray, "*voxels parameters"]
    ) -> tuple[Float[np.ndarray, "*voxels linear"], Float[np.ndarray, "*voxels nonlinear"]]:
        """(Ktrans, ve, vp) to (Ktrans, vp), (kep)."""
        return p[..., [0, 2]], _washout(p[..., :1], p[..., 1:2])

    def join(
        self, c: Float[np.ndarray, "*voxels linear"], theta: Float[np.ndarray, "*voxels nonlinear"]
    ) -> Float[np.ndarray, "*voxels parameters"]:
        """(Ktrans, vp), (kep) to (Ktrans, ve, vp)."""
        return np.concatenate([c[..., :1], c[..., :1] / theta, c[..., 1:]], axis=-1)


def _washout(ktrans: Float[np.ndarray, "*voxels"], ve: Float[np.ndarray, "*voxels"]) -> Float[np.ndarray, "*voxels"]:
    """Rate of return Ktrans/ve in 1/s: 0 without exchange (any will do), infinite without a space to go to."""
    rate = np.divide(ktrans, ve, out=np.full_like(ktrans, np.inf), where=ve != 0)
    return np.where(ktrans == 0, 0.0, rate)
