"""What models of labelled blood share: how label is lost in tissue, and how it passes in arteries."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

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
