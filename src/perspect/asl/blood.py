"""T1 of arterial blood: how long the tracer lasts."""

from typing import Final

import numpy as np

from perspect.asl.plan import Plan
from perspect.vocabulary import Flag, Severity, Step

T1_OF_FIELD: Final = {1.5: 1.35, 3.0: 1.65, 7.0: 2.09}
"""T1 of arterial blood in s by field in T (Alsop et al. 2015, doi:10.1002/mrm.25197; Zhang et al. 2013,
doi:10.1002/mrm.24550)."""

SLOPE, REST = 0.110, 1.316
"""T1 in s is 0.110 s/T times the field, plus 1.316 s, at fields in between (Zhang et al. 2013,
doi:10.1002/mrm.24550)."""

HAEMATOCRIT_SLOPE, HAEMATOCRIT_REST = 0.52, 0.38
"""R1 of arterial blood at 3 T in 1/s is 0.52 times the haematocrit, plus 0.38 (Lu et al. 2004,
doi:10.1002/mrm.20178)."""

HAEMATOCRIT: Final = {"female": 0.40, "male": 0.45}
"""Middle of the normal range of adults. [our default]"""

AGES: Final = (0.005, 0.015, 0.035, 0.06, 0.29, 1.25, 3.5, 6.5, 10, 15, 22.5, 29, 39, 49, 59, 69, 79)
"""Years for which means of the haematocrit are known."""

HAEMATOCRIT_OF_CHILDREN: Final = (0.53, 0.51, 0.48, 0.40, 0.355, 0.355, 0.365, 0.385, 0.39, 0.415)
"""Means at the first ten `AGES`, of either sex (Lubin 1981, Hematology of Infancy and Childhood; as in ExploreASL)."""

HAEMATOCRIT_OF_ADULTS: Final = {
    "male": (0.467, 0.470, 0.466, 0.465, 0.461, 0.458, 0.451),
    "female": (0.414, 0.418, 0.420, 0.425, 0.437, 0.432, 0.431),
}
"""Means at the others (Devine and Roberts 1967, Vital and Health Statistics 11:24; as ExploreASL has it)."""

NEAR: Final = 0.3
"""T within which a field is one of those with a T1 of their own."""

SOURCE: Final = "blood"


def t1_at(field: float) -> float:
    """T1 of arterial blood in s at a field in T, for a normal haematocrit.

    >>> t1_at(2.89)
    1.65
    """
    nearest = min(T1_OF_FIELD, key=lambda one: abs(one - field))
    return T1_OF_FIELD[nearest] if abs(nearest - field) <= NEAR else SLOPE * field + REST


def t1_of_haematocrit(hct: float, field: float) -> float:
    """T1 of arterial blood in s at 3 T for a haematocrit, scaled to another field as that of normal blood."""
    return 1.0 / (HAEMATOCRIT_SLOPE * hct + HAEMATOCRIT_REST) * t1_at(field) / t1_at(3.0)


def haematocrit(age: float | None, sex: str) -> float | None:
    """The mean haematocrit at an age in years and of a sex, either of which may be unknown; None if both are.

    >>> round(haematocrit(1.0, "unknown"), 3)
    0.355
    """
    if age is None:
        return HAEMATOCRIT.get(sex)
    sexes = [sex] if sex in HAEMATOCRIT_OF_ADULTS else list(HAEMATOCRIT_OF_ADULTS)
    means = np.mean([HAEMATOCRIT_OF_CHILDREN + HAEMATOCRIT_OF_ADULTS[one] for one in sexes], axis=0)
    return float(np.interp(age, AGES, means))


def blood_t1(plan: Plan, field: float | None) -> tuple[float, Step, tuple[Flag, ...]]:
    """T1 of arterial blood in s, its sentence, and a flag where the field had to be assumed."""
    flags: tuple[Flag, ...] = ()
    sources: tuple[str, ...] = ()
    if field is None:
        sentence = "No field strength is recorded: T1 of blood is that at 3 T. Give MagneticFieldStrength or --field."
        flags = (Flag("field-assumed", Severity.CAUTION, sentence, "cbf", source=SOURCE),)
    at = 3.0 if field is None else field
    hct = plan.hct if plan.hct is not None else haematocrit(plan.age, plan.sex)
    if plan.blood_t1 is not None:
        t1, why = plan.blood_t1, "as given"
    elif hct is not None:
        origin = "" if plan.hct is not None else " (usual for age or sex)"
        t1, why = t1_of_haematocrit(hct, at), f"for a haematocrit of {hct:.2f}{origin} at {at:g} T"
        sources = ("Lu et al. 2004, doi:10.1002/mrm.20178",)
    else:
        t1, why = t1_at(at), f"at {at:g} T"
        sources = ("Alsop et al. 2015, doi:10.1002/mrm.25197",)
    step = Step("blood", f"T1 of arterial blood was taken as {t1:.2f} s ({why}).", {"blood_t1_s": t1}, sources)
    return t1, step, flags
