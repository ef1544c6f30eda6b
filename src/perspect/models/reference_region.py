"""Tissue against other tissue: exchange without an arterial input."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from perspect.models.kinetic import Delayed, Driven
from perspect.numerics.convolve import exponential_convolution, exponential_convolution_at, straight
from perspect.vocabulary.lexicon import KEP, KEP_REFERENCE, REL_DELAY, REL_KTRANS, REL_RETURN
from perspect.vocabulary.quantity import Quantity


@dataclass(frozen=True, eq=False)
class Beside(Driven):
    """Tissue beside a reference region that the same plasma curve drives.

    `reference` is the concentration of the region (muscle, or normal-appearing tissue that leaks) in mM at the times t
    in s, straight between them. Before the first of them nothing has leaked; after the last the curve stays level.
    """

    reference: Float[np.ndarray, " time"]

    def of_region(self, at: Float[np.ndarray, "*voxels time"] | None) -> Float[np.ndarray, "*voxels time"]:
        """The curve of the region, in mM."""
        return self.reference if at is None else straight(self.t, self.reference, at)

    def leaked(
        self, rate: Float[np.ndarray, "*voxels"], at: Float[np.ndarray, "*voxels time"] | None
    ) -> Float[np.ndarray, "*voxels time"]:
        """The curve of the region convolved with exp(-rate t), in mM s."""
        if at is None:
            return exponential_convolution(self.t, self.reference, rate)
        return exponential_convolution_at(self.t, self.reference, rate, at)


@dataclass(frozen=True, eq=False)
class ReferenceRegion(Beside):
    r"""Tissue and a reference region that one plasma curve drives; that curve falls out.

    $$C(t) = R\, C_R(t) + R\,(k_{ep,R} - k_{ep}) \int_0^t C_R(u)\, e^{-k_{ep}(t-u)}\, du, \qquad R = K^{trans}/
    K^{trans}_R$$

    The linear form of Cardenas-Rodriguez et al. has the integral of the noisy curve itself among its columns, and
    knows no delay; here the curve is only fitted.

    Yankeelov et al. 2005, doi:10.1016/j.mri.2005.02.013; Cardenas-Rodriguez et al. 2013, doi:10.1016/j.mri.2012.10.008
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (REL_KTRANS, KEP_REFERENCE, KEP)
    linear: ClassVar[tuple[Quantity, ...]] = (REL_KTRANS, REL_RETURN)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (KEP,)

    def response(
        self, theta: Float[np.ndarray, "*voxels nonlinear"], at: Float[np.ndarray, "*voxels time"] | None
    ) -> Float[np.ndarray, "*voxels linear time"]:
        """The reference, and its convolution with what has not yet returned."""
        leaked = self.leaked(theta[..., 0], at)
        return np.stack([np.broadcast_to(self.of_region(at), leaked.shape), leaked], axis=-2)

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
class ConstrainedReferenceRegion(Beside):
    r"""The reference region with one kep for all voxels, as it must be; `kep_reference` in 1/s.

    $$C(t) = R \left[C_R(t) + (k_{ep,R} - k_{ep}) \int_0^t C_R(u)\, e^{-k_{ep}(t-u)}\, du\right]$$

    Ahmed and Levesque 2017, doi:10.1002/mrm.26530
    """

    kep_reference: float

    parameters: ClassVar[tuple[Quantity, ...]] = (REL_KTRANS, KEP)
    linear: ClassVar[tuple[Quantity, ...]] = (REL_KTRANS,)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (KEP,)

    def response(
        self, theta: Float[np.ndarray, "*voxels nonlinear"], at: Float[np.ndarray, "*voxels time"] | None
    ) -> Float[np.ndarray, "*voxels linear time"]:
        """What tissue with the Ktrans of the reference would show."""
        leaked = self.leaked(theta[..., 0], at)
        return np.asarray((self.of_region(at) + (self.kep_reference - theta) * leaked)[..., None, :])


@dataclass(frozen=True, eq=False)
class DelayedReferenceRegion(Delayed, ReferenceRegion):
    r"""Tissue that agent reaches later (or earlier) than the reference region; s = t - T.

    $$C(t) = R\, C_R(s) + R\,(k_{ep,R} - k_{ep}) \int_0^s C_R(u)\, e^{-k_{ep}(s-u)}\, du$$

    Yankeelov et al. 2005, doi:10.1016/j.mri.2005.02.013; Cardenas-Rodriguez et al. 2013, doi:10.1016/j.mri.2012.10.008
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (*ReferenceRegion.parameters, REL_DELAY)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (*ReferenceRegion.nonlinear, REL_DELAY)


@dataclass(frozen=True, eq=False)
class DelayedConstrainedReferenceRegion(Delayed, ConstrainedReferenceRegion):
    r"""Tissue that agent reaches later (or earlier) than the reference region, whose kep is known; s = t - T.

    $$C(t) = R \left[C_R(s) + (k_{ep,R} - k_{ep}) \int_0^s C_R(u)\, e^{-k_{ep}(s-u)}\, du\right]$$

    Ahmed and Levesque 2017, doi:10.1002/mrm.26530
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (*ConstrainedReferenceRegion.parameters, REL_DELAY)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (*ConstrainedReferenceRegion.nonlinear, REL_DELAY)
