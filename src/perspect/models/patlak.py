"""Plasma, and leakage of which nothing returns."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from perspect.models.base import Separable
from perspect.numerics.convolve import cumulative_trapezoid
from perspect.vocabulary.lexicon import KTRANS, VP


@dataclass(frozen=True, eq=False)
class Patlak(Separable):
    r"""Leakage too slow, or watched too briefly, for anything to return.

    $$C(t) = v_p\, c_p(t) + K^{trans} \int_0^t c_p(u)\, du$$

    cp is the arterial plasma concentration in mM at the times t in s; C is in mM.

    Patlak, Blasberg and Fenstermacher 1983, doi:10.1038/jcbfm.1983.1
    """

    t: Float[np.ndarray, " time"]
    cp: Float[np.ndarray, " time"]

    parameters = (KTRANS, VP)
    linear = (KTRANS, VP)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The running integral of the plasma curve, and the plasma curve."""
        atoms = np.stack([cumulative_trapezoid(self.t, self.cp), self.cp])
        return np.broadcast_to(atoms, (*theta.shape[:-1], *atoms.shape))
