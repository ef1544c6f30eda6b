"""Labelled blood that is read again and again after one labelling (Look-Locker): every readout uses up label."""

from abc import abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from perspect.models.labelled import LabelInArteries, LabelInTissue
from perspect.models.pasl import ArterialPasl, Pasl
from perspect.models.pcasl import ArterialPcasl, Pcasl


@dataclass(frozen=True, eq=False)
class ReadOften(LabelInTissue):
    """Label in tissue that a train of pulses reads, over the fully relaxed magnetisation of the tissue.

    `pulses` are the times of all readouts after a labelling, counted as `delays` are, and `angles` their flip angles in
    rad. `delays` are those of the samples, each of them one of the pulses. One bolus is common to all.
    """

    pulses: Float[np.ndarray, " pulses"]
    angles: Float[np.ndarray, " pulses"]

    @abstractmethod
    def once(self) -> LabelInTissue:
        """The same labelling, each of whose pulses finds all that has come."""

    def bends(self) -> Float[np.ndarray, " bends"]:
        """Transit times at which the first or the last of the bolus reaches tissue as a pulse is played, in s."""
        return self.once().bends()

    def delivered(self, att: Float[np.ndarray, "*voxels one"]) -> Float[np.ndarray, "*voxels time"]:
        """Label in tissue for a flow of 1/s, as the pulses read it."""
        arrived = self.once().delivered(att)
        left = np.array(arrived)
        for at in range(1, self.pulses.size):
            decay = np.exp(-self.tissue.rate * (self.pulses[at] - self.pulses[at - 1]))
            kept = np.cos(self.angles[at - 1]) * left[..., at - 1]
            left[..., at] = decay * kept + arrived[..., at] - decay * arrived[..., at - 1]
        return np.asarray(left[..., self.place] * self.shown)

    @property
    def place(self) -> np.ndarray:
        """Which pulse reads each sample."""
        return np.asarray(np.abs(self.delays[:, None] - self.pulses).argmin(axis=1))

    @property
    def shown(self) -> Float[np.ndarray, " time"]:
        """How much of the magnetisation each sample shows: the sine of its flip angle."""
        return np.asarray(np.sin(self.angles[self.place]))


@dataclass(frozen=True, eq=False)
class ReadOftenPasl(ReadOften):
    r"""Label in tissue after pulsed labelling, read by a train of pulses, over the fully relaxed magnetisation.

    $$m_{k+1} = e^{-R\,\Delta t}\cos\theta_k\, m_k + \big(\Delta M_{k+1} - e^{-R\,\Delta t} \Delta M_k\big), \qquad
    S_k = \sin\theta_k\, m_k$$

    ΔM is that of `models.pasl.Pasl` when each pulse is played: what was there loses by every pulse, what comes between
    two is new.

    Günther, Bock and Schad 2001, doi:10.1002/mrm.1284; where many small pulses are played it is the effective T1 of
    Petersen et al. 2006, doi:10.1002/mrm.20784
    """

    def once(self) -> LabelInTissue:
        """The same labelling, each of whose pulses finds all that has come."""
        return Pasl(self.pulses, np.full(self.pulses.size, self.durations[0]), self.efficiency, self.tissue)


@dataclass(frozen=True, eq=False)
class ReadOftenPcasl(ReadOften):
    r"""Label in tissue after continuous labelling, read by a train of pulses, over the fully relaxed magnetisation.

    $$m_{k+1} = e^{-R\,\Delta t}\cos\theta_k\, m_k + \big(\Delta M_{k+1} - e^{-R\,\Delta t} \Delta M_k\big), \qquad
    S_k = \sin\theta_k\, m_k$$

    ΔM is that of `models.pcasl.Pcasl` when each pulse is played.

    Günther, Bock and Schad 2001, doi:10.1002/mrm.1284
    """

    def once(self) -> LabelInTissue:
        """The same labelling, each of whose pulses finds all that has come."""
        return Pcasl(self.pulses, np.full(self.pulses.size, self.durations[0]), self.efficiency, self.tissue)


@dataclass(frozen=True, eq=False)
class ArterialReadOftenPasl(LabelInArteries, ReadOftenPasl):
    r"""The same, and label that is still in the arteries of the voxel.

    $$S_k = S_{k,\,tissue} + \frac{2\alpha}{\lambda}\, aBV\, \sin\theta_k\, e^{-TI_k/T_{1b}}\, p(TI_k)$$

    Blood in arteries is new at every pulse: it comes from where the pulses do not reach. p is that of
    `models.pasl.ArterialPasl`.

    Petersen et al. 2006, doi:10.1002/mrm.20784
    """

    def in_arteries(self, abat: Float[np.ndarray, "*voxels one"]) -> Float[np.ndarray, "*voxels time"]:
        """Label of a voxel full of arterial blood, over that of fully inverted blood."""
        plain = ArterialPasl(self.delays, self.durations, self.efficiency, self.tissue)
        return np.asarray(self.shown * plain.in_arteries(abat))


@dataclass(frozen=True, eq=False)
class ArterialReadOftenPcasl(LabelInArteries, ReadOftenPcasl):
    r"""The same, and label that is still in the arteries of the voxel, new at every pulse.

    $$S_k = S_{k,\,tissue} + \frac{2\alpha}{\lambda}\, aBV\, \sin\theta_k\, e^{-aBAT/T_{1b}}\,
    p(\tau + PLD_k)$$

    p is that of `models.pcasl.ArterialPcasl`.

    Petersen et al. 2006, doi:10.1002/mrm.20784
    """

    def in_arteries(self, abat: Float[np.ndarray, "*voxels one"]) -> Float[np.ndarray, "*voxels time"]:
        """Label of a voxel full of arterial blood, over that of fully inverted blood."""
        plain = ArterialPcasl(self.delays, self.durations, self.efficiency, self.tissue)
        return np.asarray(self.shown * plain.in_arteries(abat))
