"""Recovery after an inversion: undisturbed, or under the pulses that watch it."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float

from perspect.models.base import Separable
from perspect.vocabulary.lexicon import INVERSION, PLATEAU, T1, T1_APPARENT
from perspect.vocabulary.quantity import Quantity


@dataclass(frozen=True, eq=False)
class InversionRecovery(Separable):
    r"""Longitudinal magnetisation after an inversion, with its sign, seen once after each inversion time.

    $$S(TI) = A - B\, e^{-TI/T_1}$$

    `inversion_times` are in s and are the samples. A and B are free, so that neither a perfect inversion nor a full
    recovery between inversions is supposed.

    Barral et al. 2010, doi:10.1002/mrm.22497
    """

    inversion_times: Float[np.ndarray, " time"]

    parameters: ClassVar[tuple[Quantity, ...]] = (PLATEAU, INVERSION, T1)
    linear: ClassVar[tuple[Quantity, ...]] = (PLATEAU, INVERSION)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (T1,)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """A constant, and minus what has not yet recovered."""
        lost = np.exp(-self.inversion_times / theta)
        return np.stack([np.ones_like(lost), -lost], axis=-2)


@dataclass(frozen=True, eq=False)
class LookLocker(Separable):
    r"""Recovery after an inversion under a train of small flip angles, which hasten it and keep it low.

    $$S(t) = A - B\, e^{-t/T_1^*}, \qquad T_1 = T_1^* \left(\frac{B}{A} - 1\right)$$

    `inversion_times` (s) count from the inversion and are the samples; signals have their sign. Exact for small angles
    and a full recovery before the inversion.

    Deichmann and Haase 1992, doi:10.1016/0022-2364(92)90347-6
    """

    inversion_times: Float[np.ndarray, " time"]

    parameters: ClassVar[tuple[Quantity, ...]] = (PLATEAU, INVERSION, T1)
    linear: ClassVar[tuple[Quantity, ...]] = (PLATEAU, INVERSION)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (T1_APPARENT,)

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """A constant, and minus what has not yet recovered."""
        lost = np.exp(-self.inversion_times / theta)
        return np.stack([np.ones_like(lost), -lost], axis=-2)

    def split(
        self, p: Float[np.ndarray, "*voxels parameters"]
    ) -> tuple[Float[np.ndarray, "*voxels linear"], Float[np.ndarray, "*voxels nonlinear"]]:
        """(A, B, T1) to (A, B), (T1*)."""
        return p[..., :2], p[..., 2:] / (p[..., 1:2] / p[..., :1] - 1.0)

    def join(
        self, c: Float[np.ndarray, "*voxels linear"], theta: Float[np.ndarray, "*voxels nonlinear"]
    ) -> Float[np.ndarray, "*voxels parameters"]:
        """(A, B), (T1*) to (A, B, T1)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.concatenate([c, theta * (c[..., 1:] / c[..., :1] - 1.0)], axis=-1)
