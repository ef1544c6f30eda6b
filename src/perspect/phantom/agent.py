"""Where the agent is during a scan, and what it does to relaxation: one curve drives every sequence."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.phantom.arterial import ArterialInput
from perspect.phantom.kinds import REFERENCE_FIELD, Kinds
from perspect.phantom.patient import Compartment
from perspect.phantom.physics import transverse_rate, two_compartments
from perspect.phantom.sequence import Injection

R1: Final = 4.2
"""Longitudinal relaxivity of the agent in 1/s/mM (4.0 to 4.4 in Semmineh et al. 2018, PMC6239921)."""

WATER_EXCHANGE: Final = 3.0
"""How often water leaves the capillaries of the brain, in 1/s (3.2 and 2.9 in white and grey matter: Rooney
et al. 2015, "Mapping human brain capillary water lifetime: high-resolution metabolic neuroimaging")."""

IN_VESSEL: Final = 5.0
"""What a mM of agent adds to R2* of blood in a large vessel at 3 T, in 1/s: much less than around capillaries.

Linear, and so weak that arteries keep some signal, as after partial volume they do in patients. [our default]"""

_LEAST: Final = 1e-6


@dataclass(frozen=True, eq=False)
class Agent:
    """Concentration in mM in the vessels of every kind and around them, and in arterial blood."""

    times: Float[np.ndarray, " time"]
    arterial: Float[np.ndarray, " time"]
    cp: Float[np.ndarray, "time kinds"]
    ce: Float[np.ndarray, "time kinds"]

    def r1(self, kinds: Kinds, relaxivity: float = R1) -> Float[np.ndarray, "time kinds"]:
        """Longitudinal relaxation rates in 1/s: all water of a voxel's compartment exchanges fast."""
        return np.asarray(1.0 / kinds.t1 + relaxivity * (kinds.vp * self.cp + kinds.ve * self.ce))

    def r1_of_pools(
        self, kinds: Kinds, relaxivity: float = R1
    ) -> tuple[Float[np.ndarray, "time kinds"], Float[np.ndarray, "time kinds"]]:
        """Longitudinal relaxation rates in 1/s of the water inside vessels and of that outside, if they do not mix."""
        outside = kinds.ve / np.maximum(1.0 - kinds.vp, _LEAST)
        return (
            np.asarray(1.0 / kinds.t1 + relaxivity * self.cp),
            np.asarray(1.0 / kinds.t1 + relaxivity * np.where(kinds.are_vessels, 0.0, outside) * self.ce),
        )

    def r2star(self, kinds: Kinds, in_vessel: float = IN_VESSEL) -> Float[np.ndarray, "time kinds"]:
        """Transverse relaxation rates in 1/s; `in_vessel` in 1/s/mM at 3 T is that of blood alone."""
        around = transverse_rate(self.cp, self.ce, kinds.vp, kinds.ve, kinds.kp, kinds.ke)
        of_blood = in_vessel * kinds.field / REFERENCE_FIELD * self.cp
        return np.asarray(kinds.r2star + np.where(kinds.are_vessels, of_blood, around))


def agent(
    comes: ArterialInput, injections: tuple[Injection, ...], kinds: Kinds, times: Float[np.ndarray, " time"]
) -> Agent:
    """Agent at some times (s, rising) after injections, each of which brings the curve `comes` by what arrives of it.

    Exchange is linear, so that injections add up. Arteries hold what comes; veins what has passed through tissue.
    """
    total = Agent(times, np.zeros(times.size), *np.zeros((2, times.size, kinds.n)))
    for one in injections:
        alone = replace(comes, onset=one.arrival, peak=comes.peak * one.dose * one.arriving, preload=None)
        total = _sum(total, _of_one(alone, kinds, times))
    return total


def _of_one(comes: ArterialInput, kinds: Kinds, times: Float[np.ndarray, " time"]) -> Agent:
    # a compartment without blood or without room for leakage has no concentration; any will do, since it counts nothing
    cp, ce = two_compartments(
        comes, times, np.maximum(kinds.vp, _LEAST), kinds.mtt, np.maximum(kinds.ve, _LEAST), kinds.ps, kinds.delay
    )
    if Compartment.ARTERY in kinds.compartments:
        here = kinds.of(Compartment.ARTERY)
        cp[:, here] = comes(times[:, None] - kinds.delay[here])
    return Agent(times, comes(times), cp, ce)


def _sum(one: Agent, other: Agent) -> Agent:
    return Agent(one.times, one.arterial + other.arterial, one.cp + other.cp, one.ce + other.ce)
