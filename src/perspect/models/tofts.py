"""One leaky compartment, without and with the plasma in the voxel."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from perspect.models.kinetic import Delayed, Kinetic
from perspect.vocabulary.lexicon import ARTERIAL_DELAY, KEP, KTRANS, VE, VP
from perspect.vocabulary.quantity import Quantity


@dataclass(frozen=True, eq=False)
class Tofts(Kinetic):
    r"""Tissue that fills from the plasma and empties into it; the plasma in the voxel itself is neglected.

    $$C(t) = K^{trans} \int_0^t c_p(u)\, e^{-k_{ep}(t-u)}\, du, \qquad k_{ep} = K^{trans}/v_e$$

    cp is the arterial plasma concentration in mM at the times t in s; C is in mM.

    Tofts and Kermode 1991, doi:10.1002/mrm.1910170208
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (KTRANS, VE)
    linear: ClassVar[tuple[Quantity, ...]] = (KTRANS,)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (KEP,)

    def response(
        self, theta: Float[np.ndarray, "*voxels nonlinear"], at: Float[np.ndarray, "*voxels time"] | None
    ) -> Float[np.ndarray, "*voxels linear time"]:
        """The plasma curve convolved with what has not yet returned."""
        return self.filled(theta[..., 0], at)[..., None, :]

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
class ExtendedTofts(Kinetic):
    r"""Tissue that fills from the plasma and empties into it, and the plasma in the voxel itself.

    $$C(t) = v_p\, c_p(t) + K^{trans} \int_0^t c_p(u)\, e^{-k_{ep}(t-u)}\, du, \qquad k_{ep} = K^{trans}/v_e$$

    cp is the arterial plasma concentration in mM at the times t in s; C is in mM.

    Tofts 1997, doi:10.1002/jmri.1880070113

    >>> t = np.arange(4.0)
    >>> ExtendedTofts(t=t, cp=t).predict(np.array([0.0, 0.2, 0.05]))
    array([0.  , 0.05, 0.1 , 0.15])
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (KTRANS, VE, VP)
    linear: ClassVar[tuple[Quantity, ...]] = (KTRANS, VP)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (KEP,)

    def response(
        self, theta: Float[np.ndarray, "*voxels nonlinear"], at: Float[np.ndarray, "*voxels time"] | None
    ) -> Float[np.ndarray, "*voxels linear time"]:
        """The plasma curve convolved with what has not yet returned, and the plasma curve."""
        tissue = self.filled(theta[..., 0], at)
        return np.stack([tissue, np.broadcast_to(self.plasma(at), tissue.shape)], axis=-2)

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


@dataclass(frozen=True, eq=False)
class DelayedTofts(Delayed, Tofts):
    r"""The Tofts model of tissue that agent reaches later than the place of the arterial input.

    $$C(t) = K^{trans} \int_0^{t-T_a} c_p(u)\, e^{-k_{ep}(t-T_a-u)}\, du, \qquad k_{ep} = K^{trans}/v_e$$

    Tofts and Kermode 1991, doi:10.1002/mrm.1910170208
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (*Tofts.parameters, ARTERIAL_DELAY)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (*Tofts.nonlinear, ARTERIAL_DELAY)


@dataclass(frozen=True, eq=False)
class DelayedExtendedTofts(Delayed, ExtendedTofts):
    r"""The extended Tofts model of tissue that agent reaches later than the place of the arterial input.

    $$C(t) = v_p\, c_p(t-T_a) + K^{trans} \int_0^{t-T_a} c_p(u)\, e^{-k_{ep}(t-T_a-u)}\, du, \qquad k_{ep} =
    K^{trans}/v_e$$

    Tofts 1997, doi:10.1002/jmri.1880070113
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (*ExtendedTofts.parameters, ARTERIAL_DELAY)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (*ExtendedTofts.nonlinear, ARTERIAL_DELAY)


def _washout(ktrans: Float[np.ndarray, "*voxels"], ve: Float[np.ndarray, "*voxels"]) -> Float[np.ndarray, "*voxels"]:
    """Rate of return Ktrans/ve in 1/s: 0 without exchange (any will do), infinite without a space to go to."""
    rate = np.divide(ktrans, ve, out=np.full_like(ktrans, np.inf), where=ve != 0)
    return np.where(ktrans == 0, 0.0, rate)
