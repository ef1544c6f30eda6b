"""Tissue that one arterial plasma curve drives: what all models of exchange share, and the delay that any may have."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.models.base import Separable
from perspect.numerics.convolve import exponential_convolution, exponential_convolution_at, straight
from perspect.vocabulary.quantity import Quantity

LONGEST_CELL: Final = 1.0
"""Seconds of delay over which a search takes the signal as one polynomial, at most [our default]."""

MOST_BENDS: Final = 48
"""Stretches of delay that a search is cut into, at most [our default]."""


@dataclass(frozen=True, eq=False)
class Driven(Separable):
    """Tissue that a curve drives which was measured elsewhere: in an artery, or in other tissue. `t` is in s."""

    t: Float[np.ndarray, " time"]

    @property
    def clock(self) -> Float[np.ndarray, " knots"]:
        """When the curve was sampled, in s."""
        return self.t

    @abstractmethod
    def response(
        self, theta: Float[np.ndarray, "*voxels nonlinear"], at: Float[np.ndarray, "*voxels time"] | None
    ) -> Float[np.ndarray, "*voxels linear time"]:
        """The columns at the times `at` (s), which may differ between voxels; `None`: at `t`."""

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The columns at the times of the samples."""
        return self.response(theta, None)


@dataclass(frozen=True, eq=False)
class Kinetic(Driven):
    """Tissue driven by an arterial plasma curve that is straight between its samples, at any spacing.

    `cp` (mM) is known at the times `knots` (s), `None`: at those of the tissue, `t` (s). Before the first of them the
    tissue holds no agent; after the last cp stays level. Uneven times need nothing special. Slices of one volume that
    were taken at other moments than its start have a model each, with their own `t`.
    """

    cp: Float[np.ndarray, " knots"]
    knots: Float[np.ndarray, " knots"] | None = None

    @property
    def clock(self) -> Float[np.ndarray, " knots"]:
        """When the plasma curve was sampled, in s."""
        return self.t if self.knots is None else self.knots

    def plasma(self, at: Float[np.ndarray, "*voxels time"] | None) -> Float[np.ndarray, "*voxels time"]:
        """The plasma curve, in mM."""
        if at is None and self.knots is None:
            return self.cp
        return straight(self.clock, self.cp, self.t if at is None else at)

    def filled(
        self, rate: Float[np.ndarray, "*voxels"], at: Float[np.ndarray, "*voxels time"] | None
    ) -> Float[np.ndarray, "*voxels time"]:
        """The plasma curve convolved with exp(-rate t), in mM s."""
        if at is None and self.knots is None:
            return exponential_convolution(self.t, self.cp, rate)
        return exponential_convolution_at(self.clock, self.cp, rate, self.t if at is None else at)


@dataclass(frozen=True, eq=False)
class Delayed(Driven):
    """A model whose driving curve comes later than it was measured; by how much is the last non-linear parameter.

    To be named before the model that it delays: `class DelayedTofts(Delayed, Tofts)`.
    """

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The columns as they were at an earlier time."""
        return self.response(theta[..., :-1], self.t - theta[..., -1:])

    def split(
        self, p: Float[np.ndarray, "*voxels parameters"]
    ) -> tuple[Float[np.ndarray, "*voxels linear"], Float[np.ndarray, "*voxels nonlinear"]]:
        """As the model does, with the delay behind."""
        c, theta = super().split(p[..., :-1])
        return c, np.concatenate([theta, p[..., -1:]], axis=-1)

    def join(
        self, c: Float[np.ndarray, "*voxels linear"], theta: Float[np.ndarray, "*voxels nonlinear"]
    ) -> Float[np.ndarray, "*voxels parameters"]:
        """As the model does, with the delay behind."""
        return np.concatenate([super().join(c, theta[..., :-1]), theta[..., -1:]], axis=-1)

    def edges(self, quantity: Quantity) -> Float[np.ndarray, " edges"] | None:
        """Delays at which straight pieces of the driving curve pass samples, where both are evenly spaced at first."""
        if quantity is not self.nonlinear[-1]:
            return super().edges(quantity)
        return passings(self.clock, *self.bounds(quantity))


def passings(clock: Float[np.ndarray, " knots"], low: float, high: float) -> Float[np.ndarray, " edges"]:
    """Shifts by which evenly spaced knots come to lie on each other, or parts of such, from `low` to `high` (s)."""
    step = float(np.diff(clock).min())
    width = max(step / np.ceil(step / LONGEST_CELL), (high - low) / MOST_BENDS)
    inner = np.arange(np.ceil(low / width - 1e-9), np.floor(high / width + 1e-9) + 1) * width
    return np.unique(np.concatenate([[low], np.clip(inner, low, high), [high]]).round(9))
