"""When every volume of a series was taken, in s, and from where that is known."""

from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.io.sidecar import Sidecar, plausible_tr
from perspect.io.tables import increasing, read_times
from perspect.vocabulary import Flag, Problem, Severity

TOLERANCE: Final = 0.01
"""By how much two statements of the same time between volumes may differ without being remarked on."""

SHORTEST: Final = 0.1
"""s: no volume of a head is taken in less; a shorter repetition time is that between excitations, which converters
write under the same name [our default]."""

Times = Float[np.ndarray, " time"]


def times_of_volumes(
    n: int, sidecar: Sidecar, *, name: str, table: Path | None, tr: float | None, step: float | None
) -> tuple[Times, tuple[Flag, ...]]:
    """The time of each of `n` volumes: a table given by hand, else VolumeTiming, else multiples of a time step.

    The step is `tr` (given by hand, else RepetitionTime unless that can only be between excitations), else `step` of
    the image header. Sources that disagree by
    more than one per cent are flagged: scanners and converters are known to err by factors of two and four
    (rordenlab/dcm2niix issues 560 and 911).
    """
    stated = {"the image header": step, "--tr": tr, "RepetitionTime": _repetition_time(sidecar)}
    between_excitations = next(
        (one for one in ("--tr", "RepetitionTime") if (stated[one] or SHORTEST) < SHORTEST), None
    )
    why = "No repetition time is recorded"
    if between_excitations is not None:
        why = f"{between_excitations} is {stated[between_excitations]:g} s, which is between excitations"
        stated[between_excitations] = None
    if table is not None:
        return _checked(exactly(read_times(table), n, table.name, name), f"{table.name} (--times)", stated, name)
    timing = _volume_timing(sidecar)
    if timing is not None:
        where = f"VolumeTiming in {sidecar.where('VolumeTiming')}"
        return _checked(exactly(timing, n, where, name), where, stated, name)
    for source in ("--tr", "RepetitionTime"):
        if (one := stated[source]) is not None:
            return _checked(np.arange(n) * one, source, stated, name)
    if step is None:
        raise _no_times(name, sidecar, None if between_excitations is None else why)
    note = Flag(
        "time-from-header",
        Severity.CAUTION,
        f"{why}; the {plausible_tr(step, 'the time step of the image header'):g} s between "
        "volumes that the image header states were used.",
        name,
        source="reading",
    )
    return np.arange(n) * step, (note,)


def _no_times(name: str, sidecar: Sidecar, why: str | None) -> Problem:
    said = why or f"neither RepetitionTime nor VolumeTiming in {sidecar.expected.name}"
    remedy = f"Add RepetitionTime in seconds to {sidecar.expected.name}, or give --tr 1.5 or --times FILE."
    if why is not None:
        remedy = f"Add VolumeTiming in seconds to {sidecar.expected.name}, or give --times FILE."
    header = "nor a time step in the image header that can be believed"
    if name.lower().endswith(".mat"):
        header = "and a MATLAB array has no header that could say it"
    return Problem(
        f"{name} has no time between volumes: {said}, {header}.",
        "Flow, transit time and delay are read against time.",
        remedy,
    )


def _checked(times: Times, source: str, stated: dict[str, float | None], name: str) -> tuple[Times, tuple[Flag, ...]]:
    """The times, and a flag for every other statement that contradicts them."""
    used = float(np.median(np.diff(times)))
    others = {
        other: value
        for other, value in stated.items()
        if value is not None and other != source and abs(value - used) > TOLERANCE * used
    }
    return times, tuple(
        Flag(
            "time-step-disagrees",
            Severity.CAUTION,
            f"The time between volumes is {used:g} s by {source}, which was used, but {value:g} s by {other}. "
            "Flow and times are wrong by that factor if the first is; give --times to settle it.",
            name,
            source="reading",
        )
        for other, value in others.items()
    )


def _repetition_time(sidecar: Sidecar) -> float | None:
    value = sidecar.values.get("RepetitionTime")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


def _volume_timing(sidecar: Sidecar) -> Times | None:
    value = sidecar.values.get("VolumeTiming")
    if value is None:
        return None
    where = f"VolumeTiming in {sidecar.where('VolumeTiming')}"
    if not isinstance(value, list) or not all(isinstance(one, int | float) and np.isfinite(one) for one in value):
        raise Problem(
            f"{where} is not a list of numbers.",
            "The time of every volume is needed.",
            "Give one time per volume in s.",
        )
    return increasing(np.array(value, float), where)


def exactly(times: Times, n: int, where: str, name: str) -> Times:
    """The times, if there are as many as volumes."""
    if times.size != n:
        raise Problem(
            f"{where} has {times.size} times but {name} has {n} volumes.",
            "Every volume needs the time at which it was taken.",
            "Give one time per volume.",
        )
    return times
