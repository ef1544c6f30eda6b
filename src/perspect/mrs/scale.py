"""Water as the scale: what turns an amplitude per proton into an amount of tissue."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

import numpy as np
from jaxtyping import Float

from perspect.models.spins import GYROMAGNETIC
from perspect.vocabulary import Flag, Problem, Severity, Spectra

Unit = Literal["mmol/kg", "mmol/L"]
OF_WATER: Final = get_args(Unit)

RELATIVE: Final = {"tcr": "tCr", "tnaa": "tNAA"}
"""Sums that amounts may be relative to."""

WATER_PROTONS: Final = 2.0

GASPAROVIC: Final = "Gasparovic et al. 2006, doi:10.1002/mrm.20901"

MOLAL: Final = 55510.0
"""mmol of water in a kg of it, and in a litre to 1 % (0.993 kg at 37 °C)."""

WATER_CONTENT: Final = {"grey": 0.78, "white": 0.65, "csf": 0.97, "lesion": 0.85}
"""Volume of water in a volume of tissue (Gasparovic et al. 2006, doi:10.1002/mrm.20901); that of lesions lies between
0.80 and 0.92 [our default in the middle]."""

CONTENT_SPREAD: Final = {"grey": 0.03, "white": 0.04, "csf": 0.01, "lesion": 0.06}
"""Relative standard deviation of that between people [our default]."""

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

RELAXATION_SPREAD: Final = {
    "white": (0.10, 0.07), "grey": (0.10, 0.10), "csf": (0.10, 0.40), "lesion": (0.20, 0.30), "molecule": (0.10, 0.15),
}  # fmt: skip
"""Relative standard deviations of T1 and T2: how far published means of one tissue lie apart; of molecules, how far
they lie from each other [our default]. Those of a lesion span oedema and solid tumour, and not its necrosis."""

ASSUMED: Final = {"grey": 0.5, "white": 0.5}
"""Tissue of a voxel that nobody has segmented."""

ASSUMED_IN_GRID: Final = {"grey": 0.45, "white": 0.45, "csf": 0.10}
"""Tissue of the voxels of an image that nobody has segmented: nobody has placed them beside fluid, as one does a single
voxel [our default]."""

MAY_BE: Final[tuple[Mapping[str, float], ...]] = (
    {"grey": 1.0}, {"white": 1.0}, {"lesion": 1.0}, {"grey": 0.45, "white": 0.45, "csf": 0.1},
    {"grey": 0.4, "white": 0.4, "csf": 0.2},
)  # fmt: skip
"""What it may be as well, each as probable; how far the scale would then be off is its error [our default]. Fluid keeps
its signal where tissue has lost it: at an echo time of 144 ms a tenth of it is a quarter of the water that is seen."""

SHARE_SPREAD: Final = 0.05
"""Standard deviation of a share of the voxel that was measured by segmentation [our default]."""

NOT_TOLD: Final = 0.1
"""By how much shares that were said by hand may miss one [our default]."""

LEAST_TISSUE: Final = 0.05
"""Of a voxel's water, below which it is fluid."""

HARDLY: Final = 0.25
"""Relative error of a scale from which on it is said what makes it [our default]."""


@dataclass(frozen=True)
class Scale:
    """What turns an amplitude per proton into an amount: `factor` times it, in `unit`, relative error `spread`.

    Where `below` names a sum of the same fit, amounts are over that. `terms` are what the error is made of, relative
    standard deviations by where they come from.
    """

    factor: float
    unit: str
    spread: float
    sentence: str
    below: str = ""
    terms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Timing:
    """When water and molecules were excited and read: s (None: not known, and nothing relaxes), and the field in T."""

    te: float | None
    tr: float | None
    field: float

    @property
    def nearest(self) -> float:
        """The field whose relaxation times are known."""
        return min(RELAXATION, key=lambda one: abs(one - self.field))

    def left(self, kind: str) -> tuple[float, float]:
        """What relaxation leaves of the signal of a tissue or of molecules, and its relative standard deviation."""
        t1, t2 = RELAXATION[self.nearest][kind]
        of_t1, of_t2 = RELAXATION_SPREAD[kind]
        left, variance = 1.0, 0.0
        if self.tr is not None:
            gone = float(np.exp(-self.tr / t1))
            left, variance = 1 - gone, (of_t1 * self.tr / t1 * gone / (1 - gone)) ** 2
        if self.te is not None:
            left, variance = left * float(np.exp(-self.te / t2)), variance + (of_t2 * self.te / t2) ** 2
        return left, float(np.sqrt(variance))


def timing_of(spectra: Spectra) -> Timing:
    """When a signal was excited and read, and at which field."""
    return Timing(spectra.te, spectra.tr, spectra.frequency / GYROMAGNETIC)


def water_scale(
    amplitude: float,
    amplitude_std: float,
    timing: Timing,
    fractions: Mapping[str, float] | None,
    unit: Unit = "mmol/kg",
) -> Scale:
    """Amounts in mmol per kg of tissue water outside cerebrospinal fluid, from the amplitude of unsuppressed water.

        [M] = 55.51 mol/kg · (S_M / S_W) · 2 · Σ f_i R_W,i / (R_M (1 - f_CSF))

    where f are shares of the voxel's water and R what relaxation leaves of the signal; or in mmol per litre of tissue
    outside it. `fractions` are shares of the voxel's volume ("grey", "white", "csf", "lesion"); without them half grey,
    half white is assumed and said.

    Gasparovic et al. 2006, doi:10.1002/mrm.20901
    """
    demand_shares(fractions)
    if fractions is not None and not tissue_of_water(fractions) > LEAST_TISSUE:
        raise Problem(
            "The voxel is cerebrospinal fluid.", "No tissue is left to scale to.", "Check the tissue fractions."
        )
    per_water, variances = factor_and_variances(fractions, timing, unit)
    variances["signal of water"] = np.asarray((amplitude_std / amplitude) ** 2)
    terms = {key: float(np.sqrt(one)) for key, one in variances.items()}
    spread = float(np.sqrt(sum(variances.values())))
    of = ", ".join(f"{share:.0%} {kind}" for kind, share in (fractions or ASSUMED).items())
    known = "measured" if fractions else "assumed"
    sentence = f"water-scaled, tissue {known} ({of}), relaxation at {timing.nearest:g} T, {spoken(spread, terms)}"
    return Scale(float(per_water) / amplitude, unit, spread, sentence, terms=terms)


def spoken(spread: float, terms: Mapping[str, float]) -> str:
    """How well a scale is known and what makes its error, the largest first.

    >>> spoken(0.37, {"shares of tissue": 0.05, "relaxation of water": 0.36, "signal of water": 0.001})
    'known to 37 % (relaxation of water 36 %, shares of tissue 5 %)'
    """
    largest = sorted((one for one in terms.items() if one[1] >= 0.005), key=lambda one: -one[1])
    return f"known to {100 * spread:.0f} % (" + ", ".join(f"{key} {100 * one:.0f} %" for key, one in largest) + ")"


def scale_flags(spread: float, terms: Mapping[str, float], timing: Timing, *, has_lesion: bool) -> list[Flag]:
    """What is said where amounts scaled by water are hardly known. The error is in them already."""
    if not spread > HARDLY:
        return []
    t2, of_t2 = RELAXATION[timing.nearest]["lesion"][1], RELAXATION_SPREAD["lesion"][1]
    rests = f" T2 of the lesion's water is taken as {t2:g} s ± {of_t2:.0%}." if has_lesion else ""
    at = "" if timing.te is None else f" at an echo time of {timing.te * 1e3:g} ms"
    known = f"Amounts scaled by water are {spoken(spread, terms)}{at}; their errors hold it."
    sentence = f"{known}{rests} Ratios have none of this."
    return [Flag("uncertain-scale", Severity.NOTE, sentence, fraction=min(spread, 1.0), source="scale")]


def demand_shares(fractions: Mapping[str, float] | None) -> None:
    """Raises `Problem` for what are no shares of a voxel."""
    shares = fractions or ASSUMED
    is_whole = min(shares.values()) >= 0 and abs(sum(shares.values()) - 1) < NOT_TOLD
    if set(shares) - set(WATER_CONTENT) or not is_whole:
        told = ", ".join(f"{kind} {share:g}" for kind, share in shares.items())
        raise Problem(
            f"The tissue fractions are {told}: {sum(shares.values()):g} in all.",
            "They are shares of the voxel and add up to one; what is missing would be missing in its water.",
            "Give grey, white, csf and lesion from 0 to 1.",
        )


def tissue_of_water(shares: Mapping[str, float | Float[np.ndarray, "*voxels"]]) -> Float[np.ndarray, "*voxels"]:
    """Which share of a voxel's water is not that of cerebrospinal fluid."""
    water = {kind: np.asarray(share, float) * WATER_CONTENT[kind] for kind, share in shares.items()}
    total = np.asarray(sum(water.values()))
    return np.asarray(1 - water.get("csf", np.zeros(())) / np.where(total > 0, total, np.nan))


def water_seen(
    shares: Mapping[str, float | Float[np.ndarray, "*voxels"]], timing: Timing
) -> Float[np.ndarray, "*voxels"]:
    """The signal of a volume's water, where that of as much pure water that does not relax is one."""
    parts = (np.asarray(one, float) * WATER_CONTENT[kind] * timing.left(kind)[0] for kind, one in shares.items())
    total = np.asarray(sum(np.asarray(one, float) for one in shares.values()))
    return np.asarray(sum(parts) / np.where(total > 0, total, np.nan))


def water_factor(
    shares: Mapping[str, float | Float[np.ndarray, "*voxels"]] | None,
    timing: Timing,
    unit: Unit,
    further: Mapping[str, Float[np.ndarray, "*voxels"]] | None = None,
    assumed: Mapping[str, float] = ASSUMED,
) -> tuple[Float[np.ndarray, "*voxels"], Float[np.ndarray, "*voxels"]]:
    """The amount that a molecule has whose signal per proton is that of all water, and its relative standard error.

    Errors are those of the shares (of segmentation, and `further` ones where they are known), of what tissues hold of
    water, and of relaxation; where nobody has segmented also that tissue may be other than is `assumed`.
    """
    factor, variances = factor_and_variances(shares, timing, unit, further, assumed)
    return factor, np.asarray(np.sqrt(sum(variances.values())))


def factor_and_variances(
    shares: Mapping[str, float | Float[np.ndarray, "*voxels"]] | None,
    timing: Timing,
    unit: Unit,
    further: Mapping[str, Float[np.ndarray, "*voxels"]] | None = None,
    assumed: Mapping[str, float] = ASSUMED,
) -> tuple[Float[np.ndarray, "*voxels"], dict[str, np.ndarray]]:
    """The factor of `water_factor`, and the relative variances that its error is the sum of, by voxel or one of all."""
    if shares is None:
        factor, variances = factor_and_variances(assumed, timing, unit)
        off = [np.log(float(factor_and_variances(one, timing, unit)[0] / factor)) for one in MAY_BE]
        return factor, {**variances, "tissue that nobody segmented": np.asarray(np.mean(np.square(off)))}
    kinds = tuple(shares)
    volume = np.stack(np.broadcast_arrays(*(np.asarray(shares[kind], float) for kind in kinds)))
    total = volume.sum(axis=0)
    volume = volume / np.where(total > 0, total, np.nan)

    def by_kind(values: Iterable[float]) -> Float[np.ndarray, "kinds *ones"]:
        return np.array(list(values), float).reshape((-1,) + (1,) * (volume.ndim - 1))

    content, of_content = (by_kind(one[kind] for kind in kinds) for one in (WATER_CONTENT, CONTENT_SPREAD))
    left, of_left = (by_kind(one) for one in zip(*map(timing.left, kinds), strict=True))
    held = by_kind(kind != "csf" for kind in kinds) * (content if unit == "mmol/kg" else 1.0)
    seen, tissue = (volume * content * left).sum(axis=0), (volume * held).sum(axis=0)
    tissue = np.where(tissue > 0, tissue, np.nan)
    of_molecule, molecule_spread = timing.left("molecule")
    # Derivatives of the factor's logarithm along a share: by what it adds to the water that is seen, and to tissue.
    gain, loss = content * left / seen, held / tissue
    by_content = volume * (gain - loss if unit == "mmol/kg" else gain)
    exchange = gain - loss - (gain - loss).mean(axis=0)
    of_share = SHARE_SPREAD**2 + (0.0 if further is None else np.stack([further[kind] for kind in kinds]) ** 2)
    factor = MOLAL * WATER_PROTONS * seen / (of_molecule * tissue)
    variances = {
        "what tissues hold of water": np.asarray(((by_content * of_content) ** 2).sum(axis=0)),
        "relaxation of water": np.asarray(((volume * gain * of_left) ** 2).sum(axis=0)),
        "shares of tissue": np.asarray((exchange**2 * of_share).sum(axis=0)),
        "relaxation of molecules": np.asarray(molecule_spread**2),
    }
    return np.asarray(factor), variances
