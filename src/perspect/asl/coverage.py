"""What censoring has left of every delay: a transit time rests on delays, and not on how many pairs are left in all."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.asl.m0 import slices_of
from perspect.asl.samples import SAME, Differences, differences
from perspect.asl.weights import Weighed
from perspect.vocabulary import Flag, Labelling, Region, Severity

THIN: Final = 0.5
"""Share of the pairs of a delay, from which down it is said. [our default]"""

GONE: Final = 0.1
"""Share from which down a delay is as good as gone. [our default]"""

SOURCE: Final = "outliers"


@dataclass(frozen=True, eq=False)
class Coverage:
    """Per delay (s) that was acquired: its pairs, and how many pairs' worth of information was used (0: none)."""

    delays: Float[np.ndarray, " samples"]
    acquired: Int[np.ndarray, " samples"]
    left: Float[np.ndarray, " samples"]

    @property
    def flags(self) -> tuple[Flag, ...]:
        """A flag where a delay has lost half of its pairs, or all of them."""
        share = self.left / self.acquired
        if (share > THIN).all():
            return ()
        each = "; ".join(
            f"{d:g} s: {k:.1f} of {n}" for d, k, n in zip(self.delays, self.left, self.acquired, strict=True)
        )
        gone = int((share <= GONE).sum())
        sentence = f"Pairs' worth that is left at each delay after censoring: {each}."
        if gone:
            sentence += f" {gone} of {self.delays.size} delays are as good as gone."
        severity = Severity.LIMITED if gone else Severity.CAUTION
        return (Flag("delay-coverage", severity, sentence, "series", float(share.min()), SOURCE),)


def coverage(labelling: Labelling, used: Differences, averaged: Weighed, brain: Region) -> Coverage:
    """What was acquired against what was used: volumes that could not be aligned, and pairs that were weighed down.

    Of a time-encoded series the cycles count: every volume speaks of all of its delays.
    """
    planned = differences(labelling, np.zeros((1, len(labelling.volumes)), np.float32), _all(labelling))
    worth = averaged.worth[:, np.unique(slices_of(brain))].mean(axis=1)
    whole = np.bincount(planned.sample, 1.0 / planned.variance, planned.n_samples)
    n = np.bincount(planned.sample, minlength=planned.n_samples)
    left = np.zeros(planned.n_samples)
    for at, (delay, duration) in enumerate(zip(planned.delays, planned.durations, strict=True)):
        same = _near(used.delays, delay) & _near(used.durations, duration)
        left[at] = worth[same].sum() / whole[at] * n[at]
    return Coverage(planned.delays, n, left)


def _all(labelling: Labelling) -> Bool[np.ndarray, " volumes"]:
    return np.ones(len(labelling.volumes), bool)


def _near(one: Float[np.ndarray, " samples"], other: float) -> Bool[np.ndarray, " samples"]:
    return np.asarray(np.abs(np.nan_to_num(one) - np.nan_to_num(other)) < SAME)
