"""The T1 effect of agent inside vessels where a map says the T1 of each voxel.

Then it matters that water does not mix at once: at the peak of a bolus R1 of blood is some 20 /s, and water, which
leaves capillaries some three times a second, carries little of that outside. With all water mixed the effect of tissue
whose T1 is long would cancel T2* altogether. What the effect hides of a curve is therefore computed, not inverted
sample by sample (which would multiply noise where the two nearly cancel): the concentration in blood is that in normal
white matter, whose blood volume is known, and the blood volume of a voxel is its own curve's beside that.

Rooney et al. 2015, doi:10.1002/nbm.3294; McConnell 1958, doi:10.1063/1.1744152
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from jaxtyping import Bool, Float, Int

from perspect.dsc.t1_effect import R1, T1Effect
from perspect.models.water import signal_of_two_pools

LEFT: Final = 0.4
"""Agent in blood in mM that is left of a preload when the bolus comes: six minutes after a usual dose (Parker et al.
2006, doi:10.1002/mrm.21066)."""

VOLUMES: Final = (1e-3, 0.5)
"""Least and largest blood volume, in mL/mL, with which water outside is reckoned."""

SLOWEST: Final = 0.1
"""R1 of water outside vessels in 1/s, at least: what agent in blood adds to that of a map must not be all of it."""


@dataclass(frozen=True, eq=False)
class OwnT1:
    """A spoiled gradient echo of voxels that have each their `t1`; `white` is that of normal white matter. Times in s,
    angle in rad, `exchange` (how often water leaves blood) in 1/s, `left` (agent in blood at rest) in mM.

    `is_known` says of which voxels the map tells; the others have white matter's. `share` is how much of the area of a
    curve the effect hides.
    """

    te: float
    tr: float
    flip_angle: float
    t1: Float[np.ndarray, " voxels"]
    is_known: Bool[np.ndarray, " voxels"]
    white: float
    exchange: float
    left: float
    share: Float[np.ndarray, " voxels"]

    def of(self, which: slice | Int[np.ndarray, " some"]) -> "OwnT1":
        """That of some voxels."""
        return replace(self, t1=self.t1[which], is_known=self.is_known[which], share=self.share[which])

    def true(self, seen: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """The ΔR2* behind what a curve from elsewhere shows, in 1/s, with white matter's T1."""
        return T1Effect(self.te, self.tr, self.flip_angle, self.white).true(seen)

    def amplification(self, rate: Float[np.ndarray, "voxels *time"]) -> Float[np.ndarray, "voxels *one"]:
        """By how much noise is enlarged: a curve that is found larger has more hidden of it."""
        return np.asarray((1 / (1 - self.share)).reshape(-1, *(1,) * (rate.ndim - 1)))

    def effect(
        self, agent: Float[np.ndarray, " time"], volume: Float[np.ndarray, " voxels"]
    ) -> Float[np.ndarray, "voxels time"]:
        """ΔR2* in 1/s that T1 hides of these voxels, with so much `agent` in blood (mM, beyond what is left of a
        preload) of this `volume` (mL/mL).
        """
        share = np.clip(volume, *VOLUMES)[:, None]
        outside = np.maximum(1 / self.t1[:, None] - share * R1 * self.left, SLOWEST)
        added = R1 * (self.left + np.r_[0.0, np.maximum(agent, 0.0)])
        signal = signal_of_two_pools((outside + added, outside), share, self.exchange, self.tr, self.flip_angle)
        return np.asarray(np.log(signal[:, 1:] / signal[:, :1]) / self.te)
