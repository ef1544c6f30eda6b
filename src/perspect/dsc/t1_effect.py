"""The T1 effect of agent inside vessels, taken out of ΔR2* sample by sample.

Agent shortens T1 as well, which raises the signal and hides part of ΔR2*. In tissue without leakage both are
proportional to the same concentration, so what is seen is a known function of what is there, and can be inverted.
One T1 serves for all: after a preload that of leaking tissue has come close to that of the rest, and where none is on
record the leakage correction finds that of what leaks (`saturation`). Tissue that does not leak and has a longer T1, as
oedema has, keeps too low a blood volume.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from jaxtyping import Float, Int

from perspect.models.spgr import log_enhancement, log_enhancement_slope
from perspect.vocabulary import Acquisition

T1_WHITE: Final = 0.85
"""Longitudinal relaxation time, in s, with which the effect is undone where nobody says another: white matter at 3 T,
which the blood volume is compared with, and about what a preload leaves of a lesion's [our default; docs/why/figures.md
has what others do]."""

T1_LONG: Final = 1.1
"""Longitudinal relaxation time, in s, with which a protocol is judged: the effect is the larger the longer it is
[our default]."""

R1: Final = 4.2
"""Longitudinal relaxivity of gadolinium in blood, in 1/s/mM (Semmineh et al. 2018, PMC6239921, use 4.0 to 4.4)."""

R2STAR: Final = 80.0
"""Transverse relaxivity of agent inside capillaries, in 1/s/mM (Semmineh et al. 2018: 75 to 85)."""

LARGEST_SHARE: Final = 0.95
"""T1 effect over T2* effect beyond which the two cancel, so that nothing can be inverted."""

HIGHEST: Final = 400.0
"""ΔR2* in 1/s up to which the inverse is tabulated; beyond it the T1 effect has saturated and is a constant."""

NODES: Final = 8192
"""Of the table: straight lines between them err by less than 1e-4 /s."""


@dataclass(frozen=True)
class T1Effect:
    """A spoiled gradient echo in steady state, all water of the voxel in fast exchange. Times in s, angle in rad."""

    te: float
    tr: float
    flip_angle: float
    t1: float = T1_WHITE

    def of(self, _which: slice | Int[np.ndarray, " some"]) -> "T1Effect":
        """That of some voxels: all are alike."""
        return self

    def _gain(self, rate: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """Ln of the steady-state signal against that at rest, for ΔR2* of this size."""
        return log_enhancement(R1 / R2STAR * rate, 1 / self.t1, self.tr, self.flip_angle)

    @cached_property
    def share(self) -> float:
        """How large the T1 effect is at rest, relative to the T2* effect: both are slopes of ln S by concentration."""
        return float(log_enhancement_slope(1 / self.t1, self.tr, self.flip_angle) * R1 / (self.te * R2STAR))

    @cached_property
    def _table(self) -> tuple[float, Float[np.ndarray, " nodes"]]:
        """The true ΔR2* on equal steps of the seen one, from zero, and that step."""
        true = np.linspace(0.0, HIGHEST, 4 * NODES)
        seen = true - self._gain(true) / self.te
        steps = np.linspace(0.0, seen[-1], NODES)
        return float(steps[1]), np.interp(steps, seen, true)

    def seen(self, rate: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """What -ln(S/S0)/TE shows of a true ΔR2*, in 1/s."""
        positive = np.maximum(rate, 0.0)
        return np.where(rate > 0, positive - self._gain(positive) / self.te, rate * (1 - self.share))

    def true(self, seen: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """The ΔR2* behind what is seen, in 1/s. Below zero, where only noise is, the slope at zero is kept."""
        step, table = self._table
        place = np.clip(np.nan_to_num(seen, nan=0.0) / step, 0.0, NODES - 1.0)
        left = np.minimum(place.astype(np.int32), NODES - 2)
        low = table.astype(seen.dtype)[left]
        inside = low + (place - left).astype(seen.dtype) * np.diff(table).astype(seen.dtype)[left]
        beyond = np.maximum(seen - step * (NODES - 1), 0.0)
        out: Float[np.ndarray, "*any"] = np.where(seen > 0, inside + beyond, seen / (1 - self.share)).astype(seen.dtype)
        return out

    def amplification(self, rate: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
        """By how much the inversion enlarges noise where ΔR2* is `rate`."""
        # 1 / (1 - tr e1 (1 / (1 - e1) - cosine / (1 - cosine e1)) R1 / (te R2STAR)) in as few passes as it takes.
        cosine = np.cos(self.flip_angle)
        e1: Float[np.ndarray, "*any"] = np.maximum(rate, 0.0)
        e1 *= -self.tr * R1 / R2STAR
        np.exp(e1, out=e1)
        e1 *= float(np.exp(-self.tr / self.t1))
        left = (1 - e1) * (1 - float(cosine) * e1)
        e1 *= float(self.tr * (1 - cosine) * R1 / (self.te * R2STAR))
        np.subtract(left, e1, out=e1)
        out: Float[np.ndarray, "*any"] = np.divide(left, e1, out=e1)
        return out


FIELD: Final = 3.0
"""Field in T to which the T1 values here belong."""


def longer_t1(field: float | None) -> float:
    """T1 at a field in T over that at 3 T, which grows with its cube root; 1 where the field is not known.

    Bottomley et al. 1984, doi:10.1118/1.595535
    """
    return 1.0 if field is None else float((field / FIELD) ** (1 / 3))


def t1_effect(
    acquisition: Acquisition, echo_times: tuple[float, ...], white_t1: float | None = None
) -> T1Effect | None:
    """The T1 effect of this acquisition; None where it cancels (two echoes) or where TR or flip angle are not known.
    `white_t1` is that of white matter in s, where it is known.
    """
    if len(echo_times) > 1 or acquisition.tr is None or acquisition.flip_angle is None:
        return None
    t1 = T1_WHITE * longer_t1(acquisition.field) if white_t1 is None else white_t1
    return T1Effect(echo_times[0], acquisition.tr, acquisition.flip_angle, t1)
