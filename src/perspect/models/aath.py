"""Capillaries through which plasma moves as a plug, and a space into which it leaks."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from perspect.models.kinetic import Delayed, Kinetic, passings
from perspect.numerics.convolve import running_integral_at
from perspect.vocabulary.lexicon import ARTERIAL_DELAY, CAPILLARY_TIME, FP, KEP, KTRANS, PASSING, PS, VE, VP
from perspect.vocabulary.quantity import Quantity


@dataclass(frozen=True, eq=False)
class AdiabaticTissueHomogeneity(Kinetic):
    r"""Plasma crosses the capillaries in a time Tc, leaks on its way a fraction E, and what leaked washes out slowly.

    $$C(t) = \int_0^t c_p(t-u)\, I(u)\, du, \qquad I(u) = F_p \;(u < T_c),\; E F_p\, e^{-k_{ep}(u - T_c)} \;(u \geq
    T_c)$$

    $T_c = v_p/F_p$, $E = 1 - e^{-PS/F_p}$, $k_{ep} = E F_p/v_e$. cp is the arterial plasma concentration in mM at the
    times t in s; C is in mM. The fit works with Fp - E Fp and E Fp, so that no more leaks than flows.

    St. Lawrence and Lee 1998, doi:10.1097/00004647-199812000-00011; the formula of CAPLEX M.IC1.012 has typos
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (FP, PS, VE, VP)
    linear: ClassVar[tuple[Quantity, ...]] = (PASSING, KTRANS)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (KEP, CAPILLARY_TIME)

    def response(
        self, theta: Float[np.ndarray, "*voxels nonlinear"], at: Float[np.ndarray, "*voxels time"] | None
    ) -> Float[np.ndarray, "*voxels linear time"]:
        """What is in the capillaries, and that with what leaked from them."""
        kep, transit = theta[..., 0], theta[..., 1:]
        when = np.broadcast_to(self.t if at is None else at, (*theta.shape[:-1], self.t.size))
        entered = running_integral_at(self.clock, self.cp, when)
        inside = entered - running_integral_at(self.clock, self.cp, when - transit)
        return np.stack([inside, inside + self.filled(kep, when - transit)], axis=-2)

    def edges(self, quantity: Quantity) -> Float[np.ndarray, " edges"] | None:
        """Transit times at which straight pieces of the plasma curve pass samples."""
        return passings(self.clock, *self.bounds(quantity)) if quantity is CAPILLARY_TIME else super().edges(quantity)

    def split(
        self, p: Float[np.ndarray, "*voxels parameters"]
    ) -> tuple[Float[np.ndarray, "*voxels linear"], Float[np.ndarray, "*voxels nonlinear"]]:
        """(Fp, PS, ve, vp) to (Fp - E Fp, E Fp), (kep, Tc)."""
        fp, ps, ve, vp = np.moveaxis(p, -1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ktrans = np.where(fp > 0, -fp * np.expm1(-ps / fp), 0.0)
            theta = np.stack([np.where(ktrans > 0, ktrans / ve, 0.0), np.where(fp > 0, vp / fp, 0.0)], axis=-1)
        return np.stack([fp - ktrans, ktrans], axis=-1), theta

    def join(
        self, c: Float[np.ndarray, "*voxels linear"], theta: Float[np.ndarray, "*voxels nonlinear"]
    ) -> Float[np.ndarray, "*voxels parameters"]:
        """(Fp - E Fp, E Fp), (kep, Tc) to (Fp, PS, ve, vp)."""
        passing, ktrans = np.moveaxis(c, -1, 0)
        kep, transit = np.moveaxis(theta, -1, 0)
        fp = passing + ktrans
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.stack([fp, -fp * np.log(passing / fp), ktrans / kep, fp * transit], axis=-1)


@dataclass(frozen=True, eq=False)
class DelayedAdiabaticTissueHomogeneity(Delayed, AdiabaticTissueHomogeneity):
    r"""Adiabatic tissue homogeneity in tissue that agent reaches later than the place of the arterial input.

    $$C(t) = \int_0^{t-T_a} c_p(t-T_a-u)\, I(u)\, du$$

    St. Lawrence and Lee 1998, doi:10.1097/00004647-199812000-00011
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (*AdiabaticTissueHomogeneity.parameters, ARTERIAL_DELAY)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (*AdiabaticTissueHomogeneity.nonlinear, ARTERIAL_DELAY)
