"""A lesion's amounts over those of the other side of the brain, measured in the same session."""

from dataclasses import replace
from typing import Final

import numpy as np

from perspect.mrs.amounts import as_ratio
from perspect.mrs.scale import OF_WATER
from perspect.vocabulary import Amount, MeasuredSpectrum, Problem, Status

COMPARED: Final = ("tNAA", "tCr", "tCho", "Ins", "Glx", "Ins+Gly", "Gly", "Lac", "Lip13", "GSH", "Ala")
"""Amounts that are compared."""

RATIOS: Final = ("tCho/tNAA", "tCho/tCr", "tNAA/tCr", "Ins/tCr")
"""Ratios that are compared: they do not need a scale."""


def against(lesion: MeasuredSpectrum, other: MeasuredSpectrum) -> MeasuredSpectrum:
    """The same result with its amounts over those of the other side (`contralateral`), as ratios with limits.

    The two spectra are independent; the error of each is its whole standard error, that of its scale included. Amounts
    in institutional units are compared per volume, which assumes the same coil, gain and load for both.
    """
    if lesion.summary.get("unit") != other.summary.get("unit"):
        raise Problem(
            f"The lesion is in {lesion.summary.get('unit')} and the other side in {other.summary.get('unit')}.",
            "Their quotient would have no meaning.",
            "Give a water reference for both, or for neither.",
        )
    size = 1.0 if lesion.summary.get("unit") in OF_WATER else _volume(other) / _volume(lesion)
    found = {}
    for key in COMPARED:
        if key in lesion.amounts and key in other.amounts:
            found[key] = quotient(key, lesion.amounts[key], other.amounts[key], size)
    for key in RATIOS:
        if key in lesion.ratios and key in other.ratios:
            found[key] = quotient(key, lesion.ratios[key], other.ratios[key], 1.0)
    return replace(lesion, contralateral=found)


def _volume(one: MeasuredSpectrum) -> float:
    """Of the voxel in mm³; one where it is not known, so that equal voxels are assumed."""
    return float(np.prod(one.signal.grid.spacing)) if one.signal.placed else 1.0


def quotient(key: str, above: Amount, below: Amount, factor: float) -> Amount:
    """A quotient of independent amounts with one-sided 95 % limits (Fieller); a bound where the second may be zero."""
    a, b = above.value * factor, below.value
    if not (np.isfinite(a) and np.isfinite(b)):
        nan = float("nan")
        return Amount(key, nan, nan, nan, nan, "1", Status.NOT_DETERMINED, False)
    return as_ratio(key, a, b, np.diag([(above.std * factor) ** 2, below.std**2]))
