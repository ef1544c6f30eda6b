"""Plasma alone: tissue whose vessels do not leak."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from perspect.models.kinetic import Delayed, Kinetic
from perspect.vocabulary.lexicon import ARTERIAL_DELAY, VP
from perspect.vocabulary.quantity import Quantity


@dataclass(frozen=True, eq=False)
class Vascular(Kinetic):
    r"""Plasma in the voxel that is as arterial plasma is, and nothing that leaks: the steady state of blood.

    $$C(t) = v_p\, c_p(t)$$

    cp is the arterial plasma concentration in mM at the times t in s; C is in mM.

    Sourbron and Buckley 2013, doi:10.1002/nbm.2940
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (VP,)
    linear: ClassVar[tuple[Quantity, ...]] = (VP,)

    def response(
        self, theta: Float[np.ndarray, "*voxels nonlinear"], at: Float[np.ndarray, "*voxels time"] | None
    ) -> Float[np.ndarray, "*voxels linear time"]:
        """The plasma curve."""
        atoms = self.plasma(at)[..., None, :]
        return np.broadcast_to(atoms, (*theta.shape[:-1], *atoms.shape[-2:]))


@dataclass(frozen=True, eq=False)
class DelayedVascular(Delayed, Vascular):
    r"""Plasma alone, in tissue that agent reaches later than the place of the arterial input.

    $$C(t) = v_p\, c_p(t-T_a)$$

    Sourbron and Buckley 2013, doi:10.1002/nbm.2940
    """

    parameters: ClassVar[tuple[Quantity, ...]] = (*Vascular.parameters, ARTERIAL_DELAY)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (ARTERIAL_DELAY,)
