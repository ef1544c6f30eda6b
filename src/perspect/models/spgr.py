"""Spoiled gradient echo in the steady state."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from perspect.models.base import Separable
from perspect.vocabulary.lexicon import S0, T1


@dataclass(frozen=True, eq=False)
class VariableFlipAngle(Separable):
    r"""Spoiled gradient echoes at several flip angles.

    $$S(\alpha) = S_0 \sin\alpha\, \frac{1 - E_1}{1 - E_1 \cos\alpha}, \qquad E_1 = e^{-TR/T_1}$$

    The flip angles are those that the tissue felt: in rad, already multiplied by B1. `tr` is in s. S0 holds the decay
    during the echo time. The samples are the flip angles.

    Fram et al. 1987, doi:10.1016/0730-725X(87)90021-X
    """

    flip_angles: Float[np.ndarray, " time"]
    tr: float

    parameters = (S0, T1)
    linear = (S0,)
    nonlinear = (T1,)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The signal at every flip angle for S0 = 1."""
        e1 = np.exp(-self.tr / theta)[..., None]
        atoms: np.ndarray = np.sin(self.flip_angles) * (1.0 - e1) / (1.0 - e1 * np.cos(self.flip_angles))
        return atoms
