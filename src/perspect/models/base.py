"""What every signal model promises: its acquisition is its fields, its parameters come in the call."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from jaxtyping import Bool, Float

from perspect.vocabulary.quantity import Quantity


@dataclass(frozen=True, eq=False)
class Model(ABC):
    """A signal model as a value. Its fields are the acquisition; `parameters` is what people speak of, in this order.

    Voxels lead, samples trail; complex signals are stacked as real rows.
    """

    parameters: ClassVar[tuple[Quantity, ...]]
    has_one_best: ClassVar[bool] = True
    """Whether curves have one best set of parameters that a descent finds (`fit.fit`); else all of them are weighed
    (`fit.posterior`)."""

    @abstractmethod
    def predict(self, p: Float[np.ndarray, "*voxels parameters"]) -> Float[np.ndarray, "*voxels time"]:
        """The signal that these parameters give."""

    def bounds(self, quantity: Quantity) -> tuple[float, float]:
        """Where a fit may look, in inside units: the quantity's own bounds unless a model knows better."""
        return quantity.low, quantity.high

    def start(
        self,
        curves: Float[np.ndarray, "voxels time"],  # noqa: ARG002
    ) -> Float[np.ndarray, "*starts voxels parameters"] | None:
        """Where a fit of these curves begins; `None` is: nothing better is known than a coarse grid. Of several starts
        (first axis; not of a separable model) the one that leads furthest down is taken.
        """
        return None

    def surprise(
        self,
        p: Float[np.ndarray, "*voxels parameters"],  # noqa: ARG002
    ) -> Float[np.ndarray, "*voxels known"] | None:
        """How far parameters are from what is known of them before the data, in standard deviations; `None` is:
        nothing is known but their bounds.

        It weighs in where the noise of the curves is known, as samples with that noise would: the data overrule it as
        far as they can.
        """
        return None

    def slopes(
        self,
        p: Float[np.ndarray, "*voxels parameters"],  # noqa: ARG002
    ) -> Float[np.ndarray, "*voxels time parameters"] | None:
        """Derivatives of the signal along the parameters, where a model can give them faster than differences do."""
        return None


@dataclass(frozen=True, eq=False)
class Separable(Model):
    r"""A model that is linear in all but a few parameters: $y(t) = \sum_k c_k\, a_k(t; \theta)$.

    `linear` names the amplitudes c, `nonlinear` the rest θ; `atoms` is the equation; `split` and `join` map what people
    speak of to (c, θ) and back. Amplitudes are confined to the bounds of their quantities.
    """

    linear: ClassVar[tuple[Quantity, ...]]
    nonlinear: ClassVar[tuple[Quantity, ...]] = ()

    @abstractmethod
    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The columns that the amplitudes weigh."""

    def edges(self, quantity: Quantity) -> Float[np.ndarray, " edges"] | None:  # noqa: ARG002
        """Where the columns bend along a non-linear parameter (its ends included); `None` is: they are smooth."""
        return None

    def is_searched(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Bool[np.ndarray, "*voxels"]:
        """Where a search looks: what another θ says as well needs to be looked at but once."""
        return np.ones(theta.shape[:-1], bool)

    @property
    def limit(self) -> "Separable | None":
        """The simpler model that this one becomes at more than one end of its parameters: a curve that it fits as well
        does not tell at which. `None` is: there is none.
        """
        return None

    def split(
        self, p: Float[np.ndarray, "*voxels parameters"]
    ) -> tuple[Float[np.ndarray, "*voxels linear"], Float[np.ndarray, "*voxels nonlinear"]]:
        """Parameters to (amplitudes, non-linear parameters); as they stand unless a model says otherwise."""
        n = len(self.linear)
        return p[..., :n], p[..., n:]

    def join(
        self, c: Float[np.ndarray, "*voxels linear"], theta: Float[np.ndarray, "*voxels nonlinear"]
    ) -> Float[np.ndarray, "*voxels parameters"]:
        """(Amplitudes, non-linear parameters) to parameters: the inverse of `split`."""
        return np.concatenate([c, theta], axis=-1)

    @final
    def predict(self, p: Float[np.ndarray, "*voxels parameters"]) -> Float[np.ndarray, "*voxels time"]:
        """The signal that these parameters give."""
        c, theta = self.split(p)
        signal: Float[np.ndarray, "*voxels time"] = (c[..., None] * self.atoms(theta)).sum(axis=-2)
        return signal
