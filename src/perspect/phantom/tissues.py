"""What the tissues of the virtual head are like, and the signal that each gives during a bolus."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.phantom.agent import R1
from perspect.phantom.arterial import ArterialInput
from perspect.phantom.geometry import Tissue
from perspect.phantom.physics import transverse_rate, two_compartments

LEVELS: Final = 12
"""Steps of perfusion within a tissue."""

_KP, _KE = 80.0 / 3.0, 24.0 / 3.0
_BLOOD_T1, _BLOOD_R2STAR, _VEIN_MTT, _VEIN_DELAY = 1.65, 25.0, 4.0, 2.5


@dataclass(frozen=True)
class Kind:
    """What a tissue is like: ranges of vp, MTT (s), delay (s) and PS (1/s); ve; T1 (s) and R2* (1/s) at 3 T; spins."""

    vp: tuple[float, float]
    mtt: tuple[float, float]
    delay: tuple[float, float]
    ps: tuple[float, float]
    ve: float
    t1: float
    r2star: float
    spins: float


TISSUES: Final[Mapping[Tissue, Kind]] = MappingProxyType(
    {
        Tissue.SCALP: Kind((0.02, 0.03), (8.0, 10.0), (3.0, 4.0), (0.002, 0.003), 0.2, 0.5, 25.0, 0.6),
        Tissue.SKULL: Kind((0.005, 0.01), (6.0, 8.0), (2.0, 3.0), (0.0, 0.0), 0.2, 0.5, 80.0, 0.15),
        Tissue.CSF: Kind((0.0005, 0.001), (5.0, 6.0), (1.0, 2.0), (0.0, 0.0), 0.2, 4.0, 5.0, 1.2),
        Tissue.GREY: Kind((0.035, 0.050), (3.5, 4.5), (0.5, 1.5), (0.0, 0.0), 0.2, 1.4, 20.0, 1.0),
        Tissue.WHITE: Kind((0.018, 0.024), (4.5, 5.5), (1.0, 2.0), (0.0, 0.0), 0.2, 0.95, 21.0, 0.85),
        Tissue.OEDEMA: Kind((0.010, 0.016), (5.0, 7.0), (1.5, 2.5), (0.0, 0.0), 0.3, 1.6, 15.0, 1.05),
        Tissue.RIM: Kind((0.030, 0.100), (4.0, 7.0), (1.0, 2.5), (0.0005, 0.004), 0.3, 1.5, 20.0, 1.0),
        Tissue.NECROSIS: Kind((0.001, 0.004), (8.0, 10.0), (3.0, 4.0), (0.0001, 0.0003), 0.5, 2.5, 12.0, 1.1),
    }
)
"""Perfused tissue. Vessels hold blood alone: the arteries without delay, the veins behind the brain."""


@dataclass(frozen=True, eq=False)
class Perfusion:
    """The truth of the levels of a tissue: blood volume (mL/mL), MTT and delay (s), PS (1/s)."""

    vp: Float[np.ndarray, " levels"]
    mtt: Float[np.ndarray, " levels"]
    delay: Float[np.ndarray, " levels"]
    ps: Float[np.ndarray, " levels"]


def perfusion(tissue: Tissue) -> Perfusion:
    """The levels of a tissue; volume, transit time, delay are not in the same order, so that none foretells another."""
    kind = TISSUES[tissue]
    order = (np.arange(LEVELS) + 0.5) / LEVELS
    orders = (order, order[::-1], order[(5 * np.arange(LEVELS)) % LEVELS], order[(7 * np.arange(LEVELS)) % LEVELS])
    ranges = (kind.vp, kind.mtt, kind.delay, kind.ps)
    return Perfusion(*(low + (high - low) * o for (low, high), o in zip(ranges, orders, strict=True)))


@dataclass(frozen=True, eq=False)
class Scan:
    """How the head is imaged (s, rad, T): `dummies` are unrecorded pulses, `in_vessel` the R2* of blood in 1/s/mM."""

    times: Float[np.ndarray, " time"]
    tr: float
    te: tuple[float, ...]
    flip_angle: float
    field: float
    dummies: int
    in_vessel: float

    @property
    def arterial_scale(self) -> float:
        """ΔR2* of agent in a large vessel over that of as much agent in capillaries."""
        return self.in_vessel / (3.0 * _KP)


def signals(comes: ArterialInput, scan: Scan) -> dict[Tissue, list[Float[np.ndarray, "levels time"]]]:
    """The signal of pure tissue for spins of 1: per tissue and echo, every level over time. Veins lie behind the brain.

    R2* effects grow with the field, T1 with its cube root (Bottomley et al. 1984, doi:10.1118/1.595535).
    """
    slower = (scan.field / 3.0) ** (1.0 / 3.0)
    has = {tissue: perfusion(tissue) for tissue in TISSUES}
    vein = np.ones(LEVELS)
    everything = [np.concatenate(column) for column in zip(
        *((p.vp, p.mtt, np.full(LEVELS, TISSUES[tissue].ve), p.ps, p.delay) for tissue, p in has.items()),
        (vein, _VEIN_MTT * vein, vein, 0.0 * vein, _VEIN_DELAY * vein),
        strict=True,
    )]  # fmt: skip
    cp, ce = (np.split(one, len(has) + 1, axis=1) for one in two_compartments(comes, scan.times, *everything))
    result = {}
    for i, (tissue, p) in enumerate(has.items()):
        kind = TISSUES[tissue]
        ve = np.full(LEVELS, kind.ve)
        r1 = 1.0 / (kind.t1 * slower) + R1 * (p.vp * cp[i] + ve * ce[i])
        added = transverse_rate(cp[i], ce[i], p.vp, ve, _KP * scan.field, _KE * scan.field)
        result[tissue] = _recorded(kind.spins, r1, kind.r2star * scan.field / 3.0 + added, scan)
    arteries = np.repeat(comes(scan.times)[:, None], LEVELS, axis=1)
    for tissue, blood in ((Tissue.ARTERY, arteries), (Tissue.VEIN, cp[-1])):
        r2 = (_BLOOD_R2STAR + scan.in_vessel * blood) * scan.field / 3.0
        result[tissue] = _recorded(1.0, 1.0 / (_BLOOD_T1 * slower) + R1 * blood, r2, scan)
    return result


def _recorded(
    spins: float, r1: Float[np.ndarray, "time levels"], r2: Float[np.ndarray, "time levels"], scan: Scan
) -> list[Float[np.ndarray, "levels time"]]:
    """Signal from pulse to pulse: what a pulse leaves along the field recovers with the R1 of that interval."""
    left = np.cos(scan.flip_angle)
    along = np.ones(r1.shape[1])
    at_pulse = np.empty_like(r1)
    between = np.concatenate([0.5 * (r1[1:] + r1[:-1]), r1[-1:]])
    for _ in range(scan.dummies):
        along = 1.0 + (along * left - 1.0) * np.exp(-scan.tr * r1[0])
    for frame, e1 in enumerate(np.exp(-scan.tr * between)):
        at_pulse[frame] = along
        along = 1.0 + (along * left - 1.0) * e1
    return [(spins * np.sin(scan.flip_angle) * at_pulse * np.exp(-te * r2)).T.astype(np.float32) for te in scan.te]
