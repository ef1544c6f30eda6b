"""Continuous labelling: a bolus of labelled blood of known duration comes to the tissue and decays."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from perspect.models.labelled import LabelInArteries, LabelInTissue, passing


@dataclass(frozen=True, eq=False)
class Pcasl(LabelInTissue):
    r"""Label in tissue after continuous or pseudo-continuous labelling, over the fully relaxed signal of the tissue.

    $$\frac{\Delta M}{M_0} = \frac{2\alpha f}{\lambda R}\, e^{-ATT/T_{1b}}
    \left(e^{-R\,(PLD - ATT)_+} - e^{-R\,(\tau + PLD - ATT)_+}\right)$$

    One expression for blood that has not come, is coming, has come. R is how fast label is lost in tissue: 1/T1 of
    blood (the single-compartment models of Alsop et al. 2015, doi:10.1002/mrm.25197, and Woods et al. 2024,
    doi:10.1002/mrm.30091) or 1/T1 of tissue plus what the veins take away (Buxton et al. 1998,
    doi:10.1002/mrm.1910400308): see `models.labelled.Tissue`. `delays` are PLD, `durations` τ.

    >>> from perspect.models import Tissue
    >>> one = Pcasl(np.array([1.8]), np.array([1.8]), 0.85, Tissue(blood_t1=1.65))
    >>> float(one.predict(np.array([60.0 / 6000.0, 1.0])).round(5)[0])
    0.00695
    """

    def bends(self) -> Float[np.ndarray, " bends"]:
        """Transit times at which the first or the last of the bolus reaches tissue as a sample is read, in s."""
        return np.concatenate([self.delays, self.delays + self.durations])

    def delivered(self, att: Float[np.ndarray, "*voxels one"]) -> Float[np.ndarray, "*voxels time"]:
        """Label in tissue for a flow of 1/s."""
        rate = self.tissue.rate
        since_last, since_first = (np.maximum(t - att, 0.0) for t in (self.delays, self.delays + self.durations))
        brought = np.exp(-rate * since_last) - np.exp(-rate * since_first)
        return np.asarray(self.scale / rate * np.exp(-att / self.tissue.blood_t1) * brought)


@dataclass(frozen=True, eq=False)
class ArterialPcasl(LabelInArteries, Pcasl):
    r"""The same, and label that is still in the arteries of the voxel.

    $$\frac{\Delta M}{M_0} = \frac{\Delta M_{tissue}}{M_0} + \frac{2\alpha}{\lambda}\, aBV\, e^{-aBAT/T_{1b}}\,
    p(\tau + PLD)$$

    p is 1 while labelled blood passes, from aBAT to aBAT + τ, with edges that are blurred by the `spread` of the
    tissue (see `models.labelled.passing`).

    Chappell et al. 2010, doi:10.1002/mrm.22320
    """

    def in_arteries(self, abat: Float[np.ndarray, "*voxels one"]) -> Float[np.ndarray, "*voxels time"]:
        """Label of a voxel full of arterial blood, over that of fully inverted blood."""
        here = passing(self.delays + self.durations, self.durations, abat, self.tissue.spread)
        return np.asarray(np.exp(-abat / self.tissue.blood_t1) * here)
