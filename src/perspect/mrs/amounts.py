"""From amplitudes to amounts: sums, ratios with bounds, detection, and water as the scale."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr

from perspect.mrs.decompose import Decomposition
from perspect.mrs.profile import SUMS
from perspect.vocabulary import Amount, Problem, Status

ONE_SIDED: Final = 1.6449
"""Standard deviations of a one-sided limit of 95 %."""

DETECTED: Final = 3.0
"""Standard errors above zero from which on something is there [our default]."""

DENOMINATOR: Final = 2.0
"""Standard errors below which a denominator may be zero, so that a ratio has a bound and no value [our default]."""

KNOWN_APART: Final = -0.5
"""Correlation below which two parts are known only as their sum (Provencher: below -0.3 is strong)."""

WATER_PROTONS: Final = 2.0

MOLAL: Final = 55510.0
"""mmol of water in a kg of it."""

WATER_CONTENT: Final = {"grey": 0.78, "white": 0.65, "csf": 0.97, "lesion": 0.85}
"""Volume of water in a volume of tissue (Gasparovic et al. 2006, doi:10.1002/mrm.20901); that of lesions lies between
0.80 and 0.92 [our default in the middle]."""

LESION_SPREAD: Final = 0.06
"""Relative uncertainty of what is assumed of the water of a lesion."""

RELAXATION: Final = {
    1.5: {
        "white": (0.63, 0.080), "grey": (1.185, 0.083), "csf": (3.9, 2.0), "lesion": (1.3, 0.15),
        "molecule": (1.238, 0.279),
    },
    3.0: {
        "white": (0.97, 0.073), "grey": (1.50, 0.088), "csf": (4.47, 2.03), "lesion": (1.7, 0.13),
        "molecule": (1.29, 0.194),
    },
    7.0: {
        "white": (1.21, 0.055), "grey": (2.05, 0.050), "csf": (4.43, 1.05), "lesion": (2.2, 0.09),
        "molecule": (1.43, 0.131),
    },
}  # fmt: skip
"""T1 and T2 in s by field in T: averages of the literature; those of lesions are rough [our default]."""

ASSUMED: Final = {"grey": 0.5, "white": 0.5}
"""Tissue of a voxel that nobody has segmented."""

ASSUMED_SPREAD: Final = 0.10
"""Relative uncertainty that this adds."""


@dataclass(frozen=True)
class Scale:
    """What turns an amplitude per proton into an amount: `factor` times it, in `unit`, relative error `spread`."""

    factor: float
    unit: str
    spread: float
    sentence: str


def water_scale(
    amplitude: float,
    amplitude_std: float,
    te: float | None,
    tr: float | None,
    field: float,
    fractions: Mapping[str, float] | None,
) -> Scale:
    """Amounts in mmol per kg of tissue water outside cerebrospinal fluid, from the amplitude of unsuppressed water.

        [M] = 55.51 mol/kg · (S_M / S_W) · 2 · Σ f_i R_W,i / (R_M (1 - f_CSF))

    where f are shares of the voxel's water and R what relaxation leaves of the signal. `fractions` are shares of the
    voxel's volume ("grey", "white", "csf", "lesion"); without them half grey, half white is assumed and said.

    Gasparovic et al. 2006, doi:10.1002/mrm.20901
    """
    shares = dict(fractions or ASSUMED)
    unknown = set(shares) - set(WATER_CONTENT)
    if unknown or not 0.5 < sum(shares.values()) < 1.5:
        raise Problem(
            f"The tissue fractions are {shares}.",
            "They are shares of the voxel and add up to one.",
            "Give grey, white, csf and lesion.",
        )
    nearest = min(RELAXATION, key=lambda one: abs(one - field))
    times = RELAXATION[nearest]
    water = {kind: share * WATER_CONTENT[kind] for kind, share in shares.items()}
    total = sum(water.values())
    seen = sum(part / total * _left(*times[kind], te, tr) for kind, part in water.items())
    tissue = 1 - water.get("csf", 0.0) / total
    if tissue < 0.05:
        raise Problem(
            "The voxel is cerebrospinal fluid.", "No tissue is left to scale to.", "Check the tissue fractions."
        )
    factor = MOLAL * WATER_PROTONS / amplitude * seen / (_left(*times["molecule"], te, tr) * tissue)
    lesion = water.get("lesion", 0.0) / total * LESION_SPREAD
    assumed = 0.0 if fractions else ASSUMED_SPREAD
    spread = float(np.sqrt((amplitude_std / amplitude) ** 2 + lesion**2 + assumed**2))
    of = ", ".join(f"{share:.0%} {kind}" for kind, share in shares.items())
    known = "measured" if fractions else "assumed"
    return Scale(factor, "mmol/kg", spread, f"water-scaled, tissue {known} ({of}), relaxation at {nearest:g} T")


def _left(t1: float, t2: float, te: float | None, tr: float | None) -> float:
    """What relaxation leaves of a signal; a time that is not known relaxes nothing."""
    left = 1.0 if tr is None else 1 - np.exp(-tr / t1)
    return float(left if te is None else left * np.exp(-te / t2))


def weights(found: Decomposition, parts: Sequence[str]) -> Float[np.ndarray, " signals"]:
    """One for each part of a sum that was found; for each that was fitted where none was found.

    A part at zero is held there by the constraint: its own error does not enter that of the sum.
    """
    there = np.array([name in parts for name in found.names])
    seen = there & (found.amplitudes != 0)
    return np.where(seen if seen.any() else there, 1.0, 0.0)


def amounts(found: Decomposition, scale: Scale) -> dict[str, Amount]:
    """Every molecule, and every sum of which at least one part was fitted, with errors from the whole covariance.

    A part that cannot be told from another (their errors mirror each other) keeps its number but says so.
    """
    out: dict[str, Amount] = {}
    for name in found.names:
        status = Status.AMBIGUOUS if _mirrored(found, name) else Status.OK
        out[name] = _amount(name, (name,), found, scale, status)
    for key, parts in SUMS:
        there = tuple(one for one in parts if one in found.names)
        if there:
            out[key] = _amount(key, there, found, scale, Status.OK)
    return out


def _amount(key: str, parts: tuple[str, ...], found: Decomposition, scale: Scale, status: Status) -> Amount:
    w = weights(found, parts)
    value = float(w @ found.amplitudes) * scale.factor
    noise = float(np.sqrt(max(w @ found.covariance @ w, 0.0))) * scale.factor
    std = float(np.hypot(noise, value * scale.spread))
    return Amount(
        key, value, std, max(value - ONE_SIDED * std, 0.0), max(value, 0.0) + ONE_SIDED * std, scale.unit, status,
        value > DETECTED * noise, parts,
    )  # fmt: skip


def _mirrored(found: Decomposition, name: str) -> bool:
    """Whether another signal could stand in for this one."""
    at = found.names.index(name)
    sd = np.sqrt(np.maximum(np.diag(found.covariance), 1e-300))
    correlation = found.covariance[at] / sd / sd[at]
    return bool(np.delete(correlation, at).min(initial=0.0) < KNOWN_APART)


RATIOS: Final = (
    ("tNAA", "tCr"), ("tCho", "tCr"), ("Ins", "tCr"), ("Glx", "tCr"), ("tCho", "tNAA"), ("Lac", "tCr"), ("Lac", "tCho"),
    ("Lip13", "tCho"), ("Ins", "tCho"), ("Gly", "tCho"), ("tNAA", "tCho"), ("2HG", "tCr"),
)  # fmt: skip
"""Ratios that are reported."""


def ratio(found: Decomposition, above: str, below: str) -> Amount:
    """A ratio of two sums with its error and one-sided limits from their joint covariance (Fieller).

    Where the denominator may be zero the value is NaN, and what can still be said is that the ratio is above a limit.
    """
    members = dict(SUMS)
    w, v = (weights(found, members.get(one, (one,))) for one in (above, below))
    a, b = float(w @ found.amplitudes), float(v @ found.amplitudes)
    covariance = np.array([w, v]) @ found.covariance @ np.array([w, v]).T
    lower, upper = limits(a, b, covariance)
    key = f"{above}/{below}"
    if b <= DENOMINATOR * np.sqrt(covariance[1, 1]):
        return Amount(key, np.nan, np.nan, lower, upper, "1", Status.NOT_DETERMINED, False)
    slope = np.array([1 / b, -a / b**2])
    std = float(np.sqrt(max(slope @ covariance @ slope, 0.0)))
    is_detected = a > DETECTED * np.sqrt(covariance[0, 0])
    return Amount(key, a / b, std, lower, upper, "1", Status.OK, bool(is_detected))


def limits(a: float, b: float, covariance: Float[np.ndarray, "2 2"]) -> tuple[float, float]:
    """One-sided 95 % limits of a/b of two non-negative quantities: the r at which a - r b is just compatible with zero.

    >>> limits(10.0, 5.0, np.zeros((2, 2)))
    (2.0, 2.0)
    """
    k = ONE_SIDED**2
    # (a - r b)² = k (Vaa - 2 r Vab + r² Vbb): a quadratic in r.
    p = b**2 - k * covariance[1, 1]
    q = a * b - k * covariance[0, 1]
    c = a**2 - k * covariance[0, 0]
    root = np.sqrt(max(q**2 - p * c, 0.0))
    if p > 0:
        return float(max((q - root) / p, 0.0)), float(max((q + root) / p, 0.0))
    # The denominator may be zero: no upper limit, and a lower one where the numerator is there.
    lower = c / (q + root) if c > 0 and q + root > 0 else 0.0
    return float(max(lower, 0.0)), float("inf")


def probability_above(found: Decomposition, above: str, below: str) -> float:
    """How probable it is that there is more of one than of the other."""
    members = dict(SUMS)
    w = weights(found, members.get(above, (above,))) - weights(found, members.get(below, (below,)))
    std = float(np.sqrt(max(w @ found.covariance @ w, 1e-300)))
    return float(ndtr(float(w @ found.amplitudes) / std))
