"""What models of labelled blood share: acquisition, how label is lost in tissue, and how it passes in arteries."""

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from perspect.models.base import Separable
from perspect.vocabulary.lexicon import ABAT, ABV, ATT, FLOW
from perspect.vocabulary.quantity import Quantity

PARTITION = 0.9
"""Water in brain over water in blood, λ in mL/g (Herscovitch and Raichle 1985, doi:10.1038/jcbfm.1985.9; Alsop et al.
2015)."""

FLOW_OUT = 0.01
"""Flow in 1/s (60 mL/100 g/min) by which tissue is taken to lose label to veins: with the flow of each voxel the model
would not be linear in it, and it changes R by 1 % (as FSL's BASIL has it)."""

NEAR = 1e-6
"""s: times at which a signal bends that are nearer to each other are one."""

SPREAD = 0.05
"""Standard deviation in s by which the edges of a bolus are blurred when it is in the arteries of the brain
[our default]."""


@dataclass(frozen=True)
class Tissue:
    """How label decays, in s: `blood_t1` on the way, and in tissue by `t1`, or by that of blood where `t1` is None.

    None is the single-compartment model of the consensus: label is taken to stay in blood or to exchange late.
    """

    blood_t1: float
    t1: float | None = None
    partition: float = PARTITION
    spread: float = SPREAD

    @property
    def rate(self) -> float:
        """R: how fast label is lost where it has arrived, in 1/s."""
        return 1.0 / self.blood_t1 if self.t1 is None else 1.0 / self.t1 + FLOW_OUT / self.partition


@dataclass(frozen=True, eq=False)
class LabelInTissue(Separable):
    """ΔM over the fully relaxed signal of the tissue, from label that has reached it.

    `delays` are PLD (continuous) or TI (pulsed labelling) and `durations` τ or TI1, both in s, one for each sample;
    `efficiency` α is that of all inversions together, suppression included.
    """

    delays: Float[np.ndarray, " time"]
    durations: Float[np.ndarray, " time"]
    efficiency: float
    tissue: Tissue

    parameters: ClassVar[tuple[Quantity, ...]] = (FLOW, ATT)
    linear: ClassVar[tuple[Quantity, ...]] = (FLOW,)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (ATT,)

    @abstractmethod
    def delivered(self, att: Float[np.ndarray, "*voxels one"]) -> Float[np.ndarray, "*voxels time"]:
        """Label in tissue for a flow of 1/s."""

    @abstractmethod
    def bends(self) -> Float[np.ndarray, " bends"]:
        """Transit times at which the first or the last of the bolus reaches tissue as a sample is read, in s."""

    @property
    def scale(self) -> float:
        """2α/λ: of fully inverted blood over M0 of the tissue."""
        return 2.0 * self.efficiency / self.tissue.partition

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The signal of unit flow."""
        return self.delivered(theta[..., :1])[..., None, :]

    def edges(self, quantity: Quantity) -> Float[np.ndarray, " edges"] | None:
        """The bends along the transit time, with its ends."""
        return between(self.bends(), *self.bounds(quantity)) if quantity is ATT else super().edges(quantity)


class LabelInArteries(LabelInTissue):
    """The same, and label that is still in the arteries of the voxel.

    Between two samples nothing tells when it arrived, and a little in arteries looks like tissue that is reached early:
    there is no single best value. `fit.posterior` weighs all of them; `fit.fit` refuses.
    """

    has_one_best: ClassVar[bool] = False
    parameters: ClassVar[tuple[Quantity, ...]] = (FLOW, ABV, ATT, ABAT)
    linear: ClassVar[tuple[Quantity, ...]] = (FLOW, ABV)
    nonlinear: ClassVar[tuple[Quantity, ...]] = (ATT, ABAT)

    @abstractmethod
    def in_arteries(self, abat: Float[np.ndarray, "*voxels one"]) -> Float[np.ndarray, "*voxels time"]:
        """Label of a voxel full of arterial blood, over that of fully inverted blood."""

    def atoms(self, theta: Float[np.ndarray, "*voxels nonlinear"]) -> Float[np.ndarray, "*voxels linear time"]:
        """The signal of unit flow, and of a voxel full of arterial blood."""
        return np.stack([self.delivered(theta[..., :1]), self.scale * self.in_arteries(theta[..., 1:])], axis=-2)


def between(bends: Float[np.ndarray, " bends"], low: float, high: float) -> Float[np.ndarray, " edges"]:
    """The times at which a signal bends that lie between two ends, with the ends; none twice."""
    inside = np.unique(bends[(bends > low + NEAR) & (bends < high - NEAR)])
    kept = inside[np.diff(inside, prepend=-np.inf) > NEAR]
    return np.concatenate([[low], kept, [high]])


def passing(
    since: Float[np.ndarray, " time"],
    durations: Float[np.ndarray, " time"],
    arrival: Float[np.ndarray, "*voxels one"],
    spread: float,
) -> Float[np.ndarray, "*voxels time"]:
    """Share of arterial blood that is labelled `since` s after labelling began, for a bolus that arrives at `arrival`.

    Its edges are those of a normal distribution of this standard deviation: arteries disperse a bolus.
    """
    return np.asarray(ndtr((since - arrival) / spread) - ndtr((since - arrival - durations) / spread))
