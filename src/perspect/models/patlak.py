"""Plasma, and leakage of which nothing returns."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from perspect.models.kinetic import Delayed, Kinetic
from perspect.numerics.convolve import cumulative_trapezoid, running_integral_at
from perspect.vocabulary.lexicon import ARTERIAL_DELAY, KTRANS, VP
from perspect.vocabulary.quantity import Quantity


@dataclass(frozen=True, eq=False)
class Patlak(Kinetic):
    r"""Leakage too slow, or watched too briefly, for anything to return.

    $$C(t) = v_p\, c_p(t) + K^{trans} \int_0^t c_p(u)\, du$$

    cp is the arterial plasma concentration in mM at the times t in s; C is in mM.

    Patlak, Blasberg and Fenstermacher 1983, doi:10.1038/jcbfm.1983.1
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (KTRANS, VP)
    linear: ClassVar[tuple[Quantity, ...]] = (KTRANS, VP)

    def response(
        self, theta: Float[np.ndarray, "*voxels nonlinear"], at: Float[np.ndarray, "*voxels time"] | None
    ) -> Float[np.ndarray, "*voxels linear time"]:
        """The running integral of the plasma curve, and the plasma curve."""
        if at is None and self.knots is None:
            leaked = cumulative_trapezoid(self.t, self.cp)
        else:
            leaked = running_integral_at(self.clock, self.cp, self.t if at is None else at)
        atoms = np.stack([leaked, self.plasma(at)], axis=-2)
        return np.broadcast_to(atoms, (*theta.shape[:-1], *atoms.shape[-2:]))


@dataclass(frozen=True, eq=False)
class DelayedPatlak(Delayed, Patlak):
    r"""The Patlak model of tissue that agent reaches later than the place of the arterial input.

    $$C(t) = v_p\, c_p(t-T_a) + K^{trans} \int_0^{t-T_a} c_p(u)\, du$$

    Patlak, Blasberg and Fenstermacher 1983, doi:10.1038/jcbfm.1983.1
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (*Patlak.parameters, ARTERIAL_DELAY)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (ARTERIAL_DELAY,)
