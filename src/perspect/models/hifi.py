"""T1 and the true flip angle together: spoiled gradient echoes with and without an inversion before them."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from perspect.models.base import Separable
from perspect.vocabulary.lexicon import B1, S0, T1
from perspect.vocabulary.quantity import Quantity


@dataclass(frozen=True, eq=False)
class Hifi(Separable):
    r"""DESPOT1-HIFI: spoiled gradient echoes at several flip angles, some in trains of `pulses` after an inversion.

    Without inversion: $S = S_0 \sin\kappa\alpha\,(1 - E)/(1 - E\cos\kappa\alpha)$, $E = e^{-TR/T_1}$. With one:

    $$S = S_0 \sin\kappa\alpha\, \left|M_\infty + q^{k} (M_{TI} - M_\infty)\right|, \qquad q = E\cos\kappa\alpha,\quad
    M_\infty = \frac{1 - E}{1 - q}$$

    $M_{TI}$ is the magnetisation at the first pulse in the steady state of inversion, delay TI, train and pause;
    k is the pulse at the centre of k-space. κ (B1) is the true over the nominal flip angle. `flip_angles` (rad,
    nominal) are the samples; `inversion_times` (s) are NaN where nothing is inverted; the inversion is perfect.
    `pulses`, `pause` (s) and `centre` (share of the train) say how a train runs.

    Deoni 2007, doi:10.1002/jmri.21130
    """

    flip_angles: Float[np.ndarray, " time"]
    tr: float
    inversion_times: Float[np.ndarray, " time"]
    pulses: int = 1
    pause: float = 0.0
    centre: float = 0.5

    parameters: ClassVar[tuple[Quantity, ...]] = (S0, T1, B1)
    linear: ClassVar[tuple[Quantity, ...]] = (S0,)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (T1, B1)

    def bounds(self, quantity: Quantity) -> tuple[float, float]:
        """Flip angles are off by less than half, and no pulse of a train goes beyond a quarter turn."""
        if quantity is B1:
            return 0.5, min(1.6, float(np.pi / 2 / self.flip_angles.max()))
        return super().bounds(quantity)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The signal of every image for S0 = 1."""
        t1, angle = theta[..., :1], theta[..., 1:] * self.flip_angles
        e = np.exp(-self.tr / t1)
        q = e * np.cos(angle)
        steady = (1.0 - e) / (1.0 - q)
        is_inverted = np.isfinite(self.inversion_times)
        delay = np.exp(-np.where(is_inverted, self.inversion_times, 0.0) / t1)
        pause = np.exp(-self.pause / t1)
        train = q**self.pulses
        # The magnetisation x before the inversion comes back after it: x = 1 + (steady (1 - q^N) + q^N y - 1) pause,
        # y = 1 - (1 + x) delay.
        constant = 1.0 + (steady * (1.0 - train) + train * (1.0 - delay) - 1.0) * pause
        before = constant / (1.0 + train * delay * pause)
        first = 1.0 - (1.0 + before) * delay
        seen = np.where(is_inverted, np.abs(steady + q ** (self.centre * self.pulses) * (first - steady)), steady)
        return np.asarray((np.sin(angle) * seen)[..., None, :])
