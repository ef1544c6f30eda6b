"""Plasma that flows, and a space with which it exchanges."""

from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.models.kinetic import Delayed, Kinetic
from perspect.models.tofts import DelayedTofts, Tofts
from perspect.vocabulary.lexicon import ARTERIAL_DELAY, FAST, FP, PS, SLOW, VE, VP, WASHOUT_FAST, WASHOUT_SLOW
from perspect.vocabulary.quantity import Quantity

APART: Final = 1.5
"""A search leaves out rates that are nearer to each other than by this factor [our default]."""


@dataclass(frozen=True, eq=False)
class TwoCompartmentExchange(Kinetic):
    r"""A plasma compartment with a flow, and an extravascular one with which it exchanges agent.

    $$C(t) = \int_0^t c_p(u) \left[A_+ e^{-K_+(t-u)} + A_- e^{-K_-(t-u)}\right] du$$

    $K_\pm$ are the roots of $K^2 - bK + a$ with $a = F_p PS/(v_p v_e)$ and $b = (F_p + PS)/v_p + PS/v_e$; the smaller
    is $a/K_+$, which does not cancel. $A_+ + A_- = F_p$ and $A_+ K_+ + A_- K_- = F_p^2/v_p$. Any two positive
    amplitudes and rates are one tissue: the fit works in them. cp is the arterial plasma concentration
    in mM at the times t in s.

    Sourbron and Buckley 2013, doi:10.1002/nbm.2940; derived there anew: the formula of CAPLEX M.IC1.009 has typos
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (FP, PS, VE, VP)
    linear: ClassVar[tuple[Quantity, ...]] = (FAST, SLOW)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (WASHOUT_FAST, WASHOUT_SLOW)

    def response(
        self, theta: Float[np.ndarray, "*voxels nonlinear"], at: Float[np.ndarray, "*voxels time"] | None
    ) -> Float[np.ndarray, "*voxels linear time"]:
        """What is washed out fast, and slowly."""
        return np.stack([self.filled(theta[..., 0], at), self.filled(theta[..., 1], at)], axis=-2)

    def is_searched(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Bool[np.ndarray, "*voxels"]:
        """The faster rate first: the other way round is the same tissue, and equal rates cannot be told apart."""
        return theta[..., 0] > APART * theta[..., 1]

    @property
    def limit(self) -> Tofts:
        """One space that plasma fills: without exchange that of the plasma, with a fast one both together."""
        return Tofts(self.t, self.cp, self.knots)

    def split(
        self, p: Float[np.ndarray, "*voxels parameters"]
    ) -> tuple[Float[np.ndarray, "*voxels linear"], Float[np.ndarray, "*voxels nonlinear"]]:
        """(Fp, PS, ve, vp) to (A+, A-), (K+, K-)."""
        fp, ps, ve, vp = np.moveaxis(p, -1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            through, back = fp / vp, np.where(ps > 0, ps / ve, 0.0)
            b = through + ps / vp + back
            fast = 0.5 * (b + np.sqrt(np.maximum(b * b - 4.0 * through * back, 0.0)))
            slow = np.where(fast > 0, through * back / fast, 0.0)
            # Where both rates agree any split of the flow gives the same curve.
            share = np.where(fast > slow, (through - slow) / (fast - slow), 1.0)
        return np.stack([fp * share, fp * (1.0 - share)], axis=-1), np.stack([fast, slow], axis=-1)

    def join(
        self, c: Float[np.ndarray, "*voxels linear"], theta: Float[np.ndarray, "*voxels nonlinear"]
    ) -> Float[np.ndarray, "*voxels parameters"]:
        """(A+, A-), (K+, K-) to (Fp, PS, ve, vp)."""
        one, other = np.moveaxis(c, -1, 0)
        fast, slow = np.moveaxis(theta, -1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            fp = one + other
            vp = fp**2 / (one * fast + other * slow)
            ve = one / fast + other / slow - vp
            return np.stack([fp, fast * slow * vp * ve / fp, ve, vp], axis=-1)


@dataclass(frozen=True, eq=False)
class DelayedTwoCompartmentExchange(Delayed, TwoCompartmentExchange):
    r"""Two-compartment exchange in tissue that agent reaches later than the place of the arterial input.

    $$C(t) = \int_0^{t-T_a} c_p(u) \left[A_+ e^{-K_+(t-T_a-u)} + A_- e^{-K_-(t-T_a-u)}\right] du$$

    Sourbron and Buckley 2013, doi:10.1002/nbm.2940
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (*TwoCompartmentExchange.parameters, ARTERIAL_DELAY)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (*TwoCompartmentExchange.nonlinear, ARTERIAL_DELAY)

    @property
    def limit(self) -> DelayedTofts:
        """One space that plasma fills, as late."""
        return DelayedTofts(self.t, self.cp, self.knots)
