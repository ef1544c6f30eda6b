"""Slopes by which Philips scales each series for itself: M0 and labelled images in one unit.

A converter may store what the scanner displays, DV = RS·x + RI, whose unit is one of each series, or what was measured,
FP = DV / (RS·SS), whose unit all series of an examination share (Chenevert et al. 2014, doi:10.1593/tlo.13811).
"""

from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from perspect.io.sidecar import Sidecar
from perspect.vocabulary import Flag, Problem, Severity

KEYS: Final = (("PhilipsRescaleSlope", "PhilipsScaleSlope"), ("RescaleSlope", "MRScaleSlope"))
"""RS and SS as dcm2niix names them, and as ExploreASL does."""

UNDONE: Final = "UsePhilipsFloatNotDisplayScaling"
"""Whether dcm2niix has stored FP."""

SAME: Final = 0.02
"""Relative difference of two scales that is none. [our default]"""

SOURCE: Final = "reading"


@dataclass(frozen=True)
class Slopes:
    """RS·SS of a series, and whether the stored numbers are free of it; None: not recorded."""

    product: float
    is_undone: bool | None


def slopes_of(sidecar: Sidecar) -> Slopes | None:
    """The slopes of a series; None where they are not recorded, or differ from volume to volume.

    Raises Problem for slopes that cannot be.
    """
    if not str(sidecar.values.get("Manufacturer", "")).lower().startswith("philips"):
        return None
    for pair in KEYS:
        found = [_number(sidecar, key) for key in pair]
        if all(one is not None for one in found):
            undone = sidecar.values.get(UNDONE)
            product = float(found[0] or 1.0) * float(found[1] or 1.0)
            return Slopes(product, None if undone is None else bool(undone))
    return None


def _number(sidecar: Sidecar, key: str) -> float | None:
    value: Any = sidecar.values.get(key)
    listed = value if isinstance(value, list) else [value]
    if value is None or len(set(map(str, listed))) != 1:
        return None
    one = listed[0]
    if isinstance(one, bool) or not isinstance(one, int | float) or not isfinite(one) or not one > 0:
        raise Problem(
            f"{key} in {sidecar.where(key)} is {one!r}.",
            "Signal of a Philips series is divided by it.",
            "Correct it, or take it out.",
        )
    return float(one)


def between(series: Slopes | None, m0: Slopes | None, name: str) -> tuple[float, float | None, tuple[Flag, ...]]:
    """What M0 is multiplied by to have the unit of the series, the factor by which differences may be too large against
    it where nobody says whether slopes were undone, and what to say.
    """
    if series is None or m0 is None:
        return 1.0, None, ()
    ratio = series.product / m0.product
    if series.is_undone is None or m0.is_undone is None:
        return 1.0, ratio if abs(ratio - 1.0) > SAME else None, ()
    own = [1.0 if one.is_undone else one.product for one in (series, m0)]
    times = own[0] / own[1]
    if abs(times - 1.0) < SAME:
        return 1.0, None, ()
    sentence = (
        f"{name} and the series are stored in units of their own (Philips' slopes {m0.product:.4g} and "
        f"{series.product:.4g}): M0 was multiplied by {times:.4g}."
    )
    return times, None, (Flag("slopes-undone", Severity.NOTE, sentence, name, times, SOURCE),)
