"""Arteries whose agent is so dense that its field leaves no signal, in them and in the tissue that shares their voxel.

A voxel seldom holds nothing but an artery. What makes it fall to the noise is the field around the vessel, which runs
through the tissue beside it: with 6 mM of agent at 3 T the phase at the wall goes round several times within an echo
time of 30 ms, and falls off with the square of the distance from the axis.
"""

from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.phantom.agent import Agent
from perspect.phantom.kinds import REFERENCE_FIELD, Kinds
from perspect.phantom.mixing import Varieties, blended
from perspect.phantom.patient import Compartment, Part

REACH: Final = 4.0
"""Cross-sections of an artery within which its field leaves no signal: twice its radius, where the phase at the peak
still goes round about once. [our default]"""


def within_reach(parts: tuple[Part, ...], varieties: Varieties) -> Varieties:
    """Each variety split in two, away from arteries and within their reach, by how much artery a voxel holds."""
    share = np.zeros(varieties.which.shape[1], np.float32)
    for part in parts:
        if part.compartment is Compartment.ARTERY:
            share[part.inside] = np.minimum(REACH * part.fraction, 1.0)
    return blended(varieties, share)


def dephased_by_arteries(
    signal: Float[np.ndarray, "time slices kinds"], carried: Agent, kinds: Kinds, rate: float, te: float
) -> Float[np.ndarray, "time both kinds"]:
    """Signals away from arteries and within their reach, in turn, as `within_reach` numbers them.

    `rate` (1/s per mM of agent in arteries, at 3 T) is added to R2* of all that is within reach, and of arteries.
    """
    n_times, n_slices, _ = signal.shape
    artery = kinds.of(Compartment.ARTERY)
    dense = carried.cp[:, artery].mean(axis=1).reshape(n_times, n_slices, 1)
    left = np.exp(-te * rate * kinds.field / REFERENCE_FIELD * dense)
    away = signal.copy()
    away[..., artery] *= left
    return np.asarray(np.stack([away, signal * left], axis=2).reshape(n_times, 2 * n_slices, kinds.n), np.float32)
