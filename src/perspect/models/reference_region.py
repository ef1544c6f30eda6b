"""Tissue against other tissue: exchange without an arterial input."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from perspect.models.base import Separable
from perspect.numerics.convolve import exponential_convolution
from perspect.vocabulary.lexicon import KEP, KEP_REFERENCE, REL_KTRANS, REL_RETURN


@dataclass(frozen=True, eq=False)
class ReferenceRegion(Separable):
    r"""Tissue and a reference region that one plasma curve drives; that curve falls out.

    $$C(t) = R\, C_R(t) + R\,(k_{ep,R} - k_{ep}) \int_0^t C_R(u)\, e^{-k_{ep}(t-u)}\, du, \qquad R = K^{trans}/
    K^{trans}_R$$

    `reference` is the concentration of the region (muscle, or normal-appearing tissue that leaks) in mM at the times t
    in s. The linear form of Cardenas-Rodriguez et al. has the integral of the noisy curve itself among its columns,
    which biases it; here the curve is only fitted.

    Yankeelov et al. 2005, doi:10.1016/j.mri.2005.02.013; Cardenas-Rodriguez et al. 2013, doi:10.1016/j.mri.2012.10.008
    """

    t: Float[np.ndarray, " time"]
    reference: Float[np.ndarray, " time"]

    parameters = (REL_KTRANS, KEP_REFERENCE, KEP)
    linear = (REL_KTRANS, REL_RETURN)
    nonlinear = (KEP,)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The reference, and its convolution with what has not yet returned."""
        leaked = exponential_convolution(self.t, self.reference, theta[..., 0])
        return np.stack([np.broadcast_to(self.reference, leaked.shape), leaked], axis=-2)

    def split(
        self, p: Float[np.ndarray, "*voxels parameters"]
    ) -> tuple[Float[np.ndarray, "*voxels linear"], Float[np.ndarray, "*voxels nonlinear"]]:
        """(R, kep of the reference, kep) to (R, R (kep,R - kep)), (kep)."""
        r, theirs, own = (p[..., i : i + 1] for i in range(3))
        return np.concatenate([r, r * (theirs - own)], axis=-1), own

    def join(
        self, c: Float[np.ndarray, "*voxels linear"], theta: Float[np.ndarray, "*voxels nonlinear"]
    ) -> Float[np.ndarray, "*voxels parameters"]:
        """(R, R (kep,R - kep)), (kep) to (R, kep of the reference, kep)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.concatenate([c[..., :1], c[..., 1:] / c[..., :1] + theta, theta], axis=-1)


@dataclass(frozen=True, eq=False)
class ConstrainedReferenceRegion(Separable):
    r"""The reference region with one kep for all voxels, as it must be; `kep_reference` in 1/s.

    $$C(t) = R \left[C_R(t) + (k_{ep,R} - k_{ep}) \int_0^t C_R(u)\, e^{-k_{ep}(t-u)}\, du\right]$$

    Ahmed and Levesque 2017, doi:10.1002/mrm.26530
    """

    t: Float[np.ndarray, " time"]
    reference: Float[np.ndarray, " time"]
    kep_reference: float

    parameters = (REL_KTRANS, KEP)
    linear = (REL_KTRANS,)
    nonlinear = (KEP,)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """What tissue with the Ktrans of the reference would show."""
        leaked = exponential_convolution(self.t, self.reference, theta[..., 0])
        return np.asarray((self.reference + (self.kep_reference - theta) * leaked)[..., None, :])
