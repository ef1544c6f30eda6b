"""Plasma that flows, and leakage of which nothing returns."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from perspect.models.kinetic import Delayed, Kinetic
from perspect.numerics.convolve import running_integral_at
from perspect.vocabulary.lexicon import ARTERIAL_DELAY, FP, KTRANS, PASSING, PS, VP, WASHOUT_FAST
from perspect.vocabulary.quantity import Quantity


@dataclass(frozen=True, eq=False)
class TwoCompartmentUptake(Kinetic):
    r"""A plasma compartment with a flow, from which agent leaks and does not return while it is watched.

    $$C(t) = \int_0^t c_p(u) \left[(F_p - K^{trans}) e^{-K_+(t-u)} + K^{trans}\right] du, \qquad K_+ =
    \frac{F_p + PS}{v_p},\; K^{trans} = \frac{F_p\, PS}{F_p + PS}$$

    cp is the arterial plasma concentration in mM at the times t in s; C is in mM.

    Pradel et al. 2003, doi:10.1097/01.rli.0000052980.74048.e4; Sourbron and Buckley 2013, doi:10.1002/nbm.2940
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (FP, PS, VP)
    linear: ClassVar[tuple[Quantity, ...]] = (PASSING, KTRANS)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (WASHOUT_FAST,)

    def response(
        self, theta: Float[np.ndarray, "*voxels nonlinear"], at: Float[np.ndarray, "*voxels time"] | None
    ) -> Float[np.ndarray, "*voxels linear time"]:
        """What flows on, and what has leaked."""
        passing = self.filled(theta[..., 0], at)
        leaked = running_integral_at(self.clock, self.cp, self.t if at is None else at)
        return np.stack([passing, np.broadcast_to(leaked, passing.shape)], axis=-2)

    def split(
        self, p: Float[np.ndarray, "*voxels parameters"]
    ) -> tuple[Float[np.ndarray, "*voxels linear"], Float[np.ndarray, "*voxels nonlinear"]]:
        """(Fp, PS, vp) to (Fp - Ktrans, Ktrans), (K+)."""
        fp, ps, vp = (p[..., i : i + 1] for i in range(3))
        with np.errstate(divide="ignore", invalid="ignore"):
            ktrans = np.where(fp + ps > 0, fp * ps / (fp + ps), 0.0)
            rate = np.where(fp + ps > 0, (fp + ps) / vp, 0.0)
        return np.concatenate([fp - ktrans, ktrans], axis=-1), rate

    def join(
        self, c: Float[np.ndarray, "*voxels linear"], theta: Float[np.ndarray, "*voxels nonlinear"]
    ) -> Float[np.ndarray, "*voxels parameters"]:
        """(Fp - Ktrans, Ktrans), (K+) to (Fp, PS, vp); all that reaches the tissue leaks where nothing flows on."""
        passing, ktrans = c[..., :1], c[..., 1:]
        fp = passing + ktrans
        with np.errstate(divide="ignore", invalid="ignore"):
            ps = ktrans * fp / passing
            return np.concatenate([fp, ps, (fp + ps) / theta], axis=-1)


@dataclass(frozen=True, eq=False)
class DelayedTwoCompartmentUptake(Delayed, TwoCompartmentUptake):
    r"""Two-compartment uptake in tissue that agent reaches later than the place of the arterial input.

    $$C(t) = \int_0^{t-T_a} c_p(u) \left[(F_p - K^{trans}) e^{-K_+(t-T_a-u)} + K^{trans}\right] du$$

    Sourbron and Buckley 2013, doi:10.1002/nbm.2940
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (*TwoCompartmentUptake.parameters, ARTERIAL_DELAY)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (*TwoCompartmentUptake.nonlinear, ARTERIAL_DELAY)
