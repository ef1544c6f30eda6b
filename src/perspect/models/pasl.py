"""Pulsed labelling: a slab of blood is inverted at once, and all of it decays from then on."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from perspect.models.labelled import LabelInArteries, LabelInTissue, passing

ALIKE = 1e-6
"""Rates of loss in tissue and in blood that differ by less (1/s) are the same: the limit of the equation is used."""


@dataclass(frozen=True, eq=False)
class Pasl(LabelInTissue):
    r"""Label in tissue after pulsed labelling whose bolus lasts τ (TI1), over the fully relaxed signal of the tissue.

    $$\frac{\Delta M}{M_0} = \frac{2\alpha f}{\lambda}\, e^{-R\,TI} \int_{ATT}^{t_e} e^{(R - 1/T_{1b})\,u}\, du,
    \qquad t_e = \min(\max(TI, ATT),\, ATT + \tau)$$

    `delays` are the inversion times TI, `durations` τ; R as in `models.pcasl.Pcasl`.

    Buxton et al. 1998, doi:10.1002/mrm.1910400308; Alsop et al. 2015, doi:10.1002/mrm.25197, equation 2 (R = 1/T1b)

    >>> from perspect.models import Tissue
    >>> one = Pasl(np.array([1.8]), np.array([0.8]), 0.98, Tissue(blood_t1=1.65))
    >>> float(one.predict(np.array([60.0 / 6000.0, 0.7])).round(5)[0])
    0.00585
    """

    def bends(self) -> Float[np.ndarray, " bends"]:
        """Transit times at which the first or the last of the bolus reaches tissue as a sample is read, in s."""
        return np.concatenate([self.delays, self.delays - self.durations])

    def delivered(self, att: Float[np.ndarray, "*voxels one"]) -> Float[np.ndarray, "*voxels time"]:
        """Label in tissue for a flow of 1/s."""
        rate = self.tissue.rate
        lasting = np.clip(self.delays - att, 0.0, self.durations)
        slower = rate - 1.0 / self.tissue.blood_t1
        if abs(slower) < ALIKE:
            brought = lasting + 0.0 * att
        else:
            brought = np.exp(slower * att) * np.expm1(slower * lasting) / slower
        return np.asarray(self.scale * np.exp(-rate * self.delays) * brought)


@dataclass(frozen=True, eq=False)
class ArterialPasl(LabelInArteries, Pasl):
    r"""The same, and label that is still in the arteries of the voxel.

    $$\frac{\Delta M}{M_0} = \frac{\Delta M_{tissue}}{M_0} + \frac{2\alpha}{\lambda}\, aBV\, e^{-TI/T_{1b}}\, p(TI)$$

    p is 1 while labelled blood passes, from aBAT to aBAT + τ, with blurred edges (see `models.labelled.passing`).

    Chappell et al. 2010, doi:10.1002/mrm.22320
    """

    def in_arteries(self, abat: Float[np.ndarray, "*voxels one"]) -> Float[np.ndarray, "*voxels time"]:
        """Label of a voxel full of arterial blood, over that of fully inverted blood."""
        here = passing(self.delays, self.durations, abat, self.tissue.spread)
        return np.asarray(np.exp(-self.delays / self.tissue.blood_t1) * here)
