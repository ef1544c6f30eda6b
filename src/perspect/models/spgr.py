"""Spoiled gradient echo in the steady state."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from perspect.models.base import Separable
from perspect.vocabulary.lexicon import S0, T1


def log_enhancement(
    added: Float[np.ndarray, "*any"], r1: float | Float[np.ndarray, "*more"], tr: float, flip_angle: float
) -> Float[np.ndarray, "*any"]:
    r"""Logarithm of the steady-state signal at R1 + `added` over that at R1 (both in 1/s), without T2* effects.

    $$g = \ln \frac{(1 - E_1)(1 - E_0 \cos\alpha)}{(1 - E_1 \cos\alpha)(1 - E_0)}, \qquad
    E_0 = e^{-TR\, R_1},\; E_1 = e^{-TR (R_1 + \Delta R_1)}$$

    `tr` in s, `flip_angle` in rad. It saturates: once the agent has brought the spins back between pulses, more agent
    gives no more signal.
    """
    cosine = np.cos(flip_angle)
    e0 = np.exp(-tr * np.asarray(r1))
    e1 = e0 * np.exp(-tr * np.asarray(added))
    return np.asarray(np.log((1 - e1) / (1 - cosine * e1) * (1 - cosine * e0) / (1 - e0)))


def log_enhancement_slope(
    rate: float | Float[np.ndarray, "*any"], tr: float, flip_angle: float
) -> Float[np.ndarray, "*any"]:
    """Derivative of the logarithm of the steady-state signal along R1, at R1 = `rate` (1/s), in s."""
    e1, cosine = np.exp(-tr * np.asarray(rate)), np.cos(flip_angle)
    return np.asarray(tr * e1 * (1 / (1 - e1) - cosine / (1 - cosine * e1)))


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
