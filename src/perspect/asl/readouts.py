"""Readouts that follow each other after one labelling (Look-Locker), of which each uses up label."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.asl.samples import SAME
from perspect.vocabulary import Labelling, Problem

ALIKE: Final = 0.01
"""rad by which flip angles of one readout may differ, as they are rounded."""


@dataclass(frozen=True, eq=False)
class Train:
    """All readouts after one labelling (Look-Locker), in the slice that is read first: times (s), flip angles (rad)."""

    pulses: Float[np.ndarray, " pulses"]
    angles: Float[np.ndarray, " pulses"]
    first: float

    def of(self, delays: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " pulses"]:
        """The times in the slice in which samples have these delays; `first` is their least in the first slice."""
        return np.asarray(self.pulses + float(delays.min()) - self.first)


def train(labelling: Labelling, used: Float[np.ndarray, " samples"]) -> Train | None:
    """The readouts after each labelling, all that were played, whatever is used of them; None where each delay has a
    labelling of its own.

    `used` are the delays of the samples. Raises Problem where a train of pulses cannot be what is stated.
    """
    if labelling.flip_angles is None:
        return None
    if labelling.of("encoded").size:
        raise Problem(
            "The series is time-encoded and its readout Look-Locker.",
            "Every block of labelling would lose label by other pulses: that is not modelled.",
            "Quantify it with a program that does, or give the series as differences of one delay each.",
        )
    places = labelling.of("control", "label", "deltam")
    lasting = labelling.durations[places]
    if float(np.ptp(np.nan_to_num(lasting))) > SAME:
        raise Problem(
            f"The readout is Look-Locker but labelling lasts {lasting.min():g} to {lasting.max():g} s.",
            "All delays are read after one labelling, which has one duration.",
            "Take LookLocker out of the sidecar if every delay has a labelling of its own, or correct the durations.",
        )
    delays = labelling.delays[places]
    order = np.unique(np.round(delays / SAME), return_index=True)[1]
    pulses = delays[order]
    angles = np.array([_angle(labelling.flip_angles[places], delays, one) for one in pulses])
    return Train(pulses, angles, float(used.min()))


def _angle(angles: Float[np.ndarray, " volumes"], delays: Float[np.ndarray, " volumes"], delay: float) -> float:
    own = angles[np.abs(delays - delay) < SAME]
    if not np.isfinite(own).all() or np.ptp(own) > ALIKE or not (own > 0).all():
        stated = ", ".join(f"{np.rad2deg(one):g}" for one in np.unique(own))
        raise Problem(
            f"The flip angle of the readout at {delay:g} s is {stated} degrees.",
            "Each readout uses up label by its flip angle.",
            "Give FlipAngle in degrees: one, or one for each volume.",
        )
    return float(own[0])
