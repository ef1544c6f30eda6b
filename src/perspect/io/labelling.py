"""How blood was labelled, from a BIDS sidecar, an aslcontext table and what was said by hand: audited at the door.

The tools that write these files are known to err in units (ms), in zeros for "not known", in names of the pulsed kind
for continuous labelling, and by leaving things out. Whatever cannot be is a Problem here; whatever is missing stays
missing.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import numpy as np
from jaxtyping import Bool, Float

from perspect.io.aslcontext import context_of, volumes_of
from perspect.io.readout import flip_angles, is_spin_echo, slice_times, times_of
from perspect.io.sidecar import Sidecar
from perspect.vocabulary import Flag, Labelling, Problem, Severity
from perspect.vocabulary.labelling import Kind

TR_LONGEST: Final = 60.0
"""s between volumes."""

TYPES: Final = {"PCASL": "pcasl", "CASL": "casl", "PASL": "pasl"}
NOTHING: Final = float("nan")


@dataclass(frozen=True)
class GivenLabelling:
    """What a person said of the labelling; times in s, `None` or empty: nothing."""

    kind: str | None = None
    delays: tuple[float, ...] = ()
    durations: tuple[float, ...] = ()
    bolus: float | None = None
    order: str | None = None
    encoding: tuple[tuple[float, ...], ...] = ()


NOTHING_GIVEN: Final = GivenLabelling()


def read_labelling(
    image: Path,
    sidecar: Sidecar,
    levels: Float[np.ndarray, " volumes"],
    n_slices: int,
    given: GivenLabelling,
    kept: Bool[np.ndarray, " stored"] | None = None,
) -> tuple[Labelling, tuple[Flag, ...], Path | None]:
    """The labelling of every volume, what must be said of it, and the aslcontext table that was read, if any.

    `kept` are those of the stored volumes that are left where only one echo is; the table may name all or these.
    `levels` is the mean signal of each volume, by which an M0 that nobody named is told.
    """
    where, values = sidecar.expected.name, sidecar.values
    kind, flags = _kind(sidecar, given)
    context = context_of(image)
    volumes, is_known, notes = volumes_of(context, levels, sidecar, given.order, kept)
    flags += notes
    n = len(volumes)
    delays, notes = _delays(sidecar, kind, volumes, given)
    flags += notes
    durations, notes = _durations(sidecar, kind, volumes, given)
    flags += notes
    matrix = _matrix(sidecar, given)
    if matrix is not None:
        volumes = tuple("m0scan" if one == "m0scan" else "encoded" for one in volumes)
    pulses = values.get("BackgroundSuppressionPulseTime")
    times = times_of(pulses, f"BackgroundSuppressionPulseTime in {where}") if pulses is not None else ()
    number = values.get("BackgroundSuppressionNumberPulses")
    if number is None and times:
        number = len(times)
    angles = None
    if _truth(sidecar, "LookLocker"):
        angles = flip_angles(sidecar, volumes)
        if angles is None:
            raise Problem(
                f"{where} says that the readout is Look-Locker, and no FlipAngle.",
                "Every readout uses up label, the more the larger its flip angle: flow would read too low.",
                "Add FlipAngle in degrees: one, or one for each volume.",
            )
        sentence = "The readout is Look-Locker: the label that its pulses use up is modelled."
        flags.append(_flag("look-locker", Severity.NOTE, sentence, where))
    flags += _pairs_stated(sidecar, volumes)
    labelling = Labelling(
        kind, volumes, delays, durations,
        efficiency=_fraction(sidecar, "LabelingEfficiency"),
        is_suppressed=_truth(sidecar, "BackgroundSuppression"),
        n_inversions=None if number is None else int(number),
        inversions=times,
        slice_times=slice_times(sidecar, n_slices),
        is_spin_echo=is_spin_echo(sidecar),
        flip_angles=angles,
        is_crushed=_truth(sidecar, "VascularCrushing"),
        matrix=matrix,
        is_order_known=is_known,
        vendor=str(values.get("Manufacturer", "")),
        n_averages=_averages(sidecar),
    )  # fmt: skip
    assert n == len(labelling.volumes)
    return labelling, tuple(flags), context


def _kind(sidecar: Sidecar, given: GivenLabelling) -> tuple[Kind, list[Flag]]:
    stated = sidecar.values.get("ArterialSpinLabelingType")
    if given.kind is not None:
        kind, flags = given.kind.lower(), []
        if isinstance(stated, str) and TYPES.get(stated.upper()) not in (None, kind):
            sentence = f"The type of labelling {kind.upper()} was given by hand; the sidecar says {stated}."
            flags = [_flag("overridden", Severity.NOTE, sentence, sidecar.expected.name)]
    elif isinstance(stated, str) and stated.upper() in TYPES:
        kind, flags = TYPES[stated.upper()], []
    else:
        raise Problem(
            f"{sidecar.expected.name} does not say how blood was labelled (ArterialSpinLabelingType).",
            "Continuous and pulsed labelling have different equations.",
            "Add it (PCASL, CASL or PASL), or give --type pcasl.",
        )
    if kind not in get_args(Kind):
        raise Problem(
            f"--type is '{given.kind}'.",
            "The kind of labelling decides how flow is computed.",
            f"It must be one of {', '.join(get_args(Kind))}.",
        )
    return kind, flags  # type: ignore[return-value]


def _delays(
    sidecar: Sidecar, kind: str, volumes: tuple[str, ...], given: GivenLabelling
) -> tuple[Float[np.ndarray, " volumes"], list[Flag]]:
    """PLD or TI of every volume in s; NaN of M0 and of maps of flow."""
    flags: list[Flag] = []
    stated, where = (
        sidecar.values.get("PostLabelingDelay"),
        f"PostLabelingDelay in {sidecar.where('PostLabelingDelay')}",
    )
    if given.delays:
        stated, where = list(given.delays), "--pld"
    elif stated is None and kind == "pasl" and sidecar.values.get("InversionTime") is not None:
        stated, where = sidecar.values["InversionTime"], f"InversionTime in {sidecar.where('InversionTime')}"
        sentence = "The delay is InversionTime of the sidecar, which converters write for pulsed labelling."
        flags.append(_flag("delay-from-inversion-time", Severity.NOTE, sentence, sidecar.expected.name))
    needs = np.isin(volumes, ("control", "label", "deltam", "encoded"))
    if stated is None:
        if not needs.any():
            return np.full(len(volumes), NOTHING), flags
        raise Problem(
            f"{sidecar.expected.name} has no PostLabelingDelay.",
            "How long blood has travelled decides what its signal means.",
            "Add it in s (of pulsed labelling: TI), or give --pld 1.8.",
        )
    delays = _per_volume(times_of(stated, where), volumes, where, given.order is None and not given.delays)
    delays = np.where(needs, delays, NOTHING)
    if needs.any() and not (delays[needs] > 0).any():
        raise Problem(f"{where} is 0.", "Zero stands for what a tool did not know.", "Give the delay in s with --pld.")
    return delays, flags


def _durations(
    sidecar: Sidecar, kind: str, volumes: tuple[str, ...], given: GivenLabelling
) -> tuple[Float[np.ndarray, " volumes"], list[Flag]]:
    """Labelling duration, or when the bolus is cut off, of every volume in s; NaN where it is not known."""
    flags: list[Flag] = []
    values, name = sidecar.values, sidecar.expected.name
    if kind == "pasl":
        key = "BolusCutOffDelayTime"
        stated = values.get(key)
        if stated is None and values.get("BolusDuration") is not None:
            key = "BolusDuration"
            stated = values[key]
            sentence = "The bolus is cut off after BolusDuration of the sidecar, which converters write for TI1."
            flags.append(_flag("bolus-from-duration", Severity.NOTE, sentence, name))
        if values.get("BolusCutOffFlag") is False:
            stated = None
        if given.bolus is not None:
            stated = given.bolus
        elif isinstance(stated, list):
            # Q2TIPS saturates from the first to the last of these times: the bolus ends at the first.
            stated = stated[0] if stated else None
        where = "--ti1" if given.bolus is not None else f"{key} in {name}"
    else:
        stated, where = values.get("LabelingDuration"), f"LabelingDuration in {name}"
        if given.durations:
            stated, where = list(given.durations), "--tau"
    if stated is None:
        return np.full(len(volumes), NOTHING), flags
    durations = _per_volume(times_of(stated, where), volumes, where, not given.durations)
    needs = np.isin(volumes, ("control", "label", "deltam", "encoded"))
    if needs.any() and not (durations[needs] > 0).all():
        raise Problem(f"{where} is 0.", "Nothing would be labelled.", "Give the duration in s with --tau or --ti1.")
    return np.where(needs, durations, NOTHING), flags


def _per_volume(
    times: tuple[float, ...], volumes: tuple[str, ...], where: str, is_stated: bool
) -> Float[np.ndarray, " volumes"]:
    """One time for all, one for each volume, or (by hand) one for each group of repeated pairs."""
    n = len(volumes)
    if len(times) == 1:
        return np.full(n, times[0])
    if len(times) == n:
        return np.array(times)
    pairs = [at for at, one in enumerate(volumes) if one in ("control", "label", "deltam", "encoded")]
    if not is_stated and pairs and len(pairs) % len(times) == 0:
        out = np.full(n, NOTHING)
        out[pairs] = np.repeat(times, len(pairs) // len(times))
        return out
    raise Problem(
        f"{where} has {len(times)} values but there are {n} volumes.",
        "Every volume has its own delay and duration.",
        "Give one value for all, or one for each volume.",
    )


def preparation_tr(sidecar: Sidecar, n: int = 0) -> float | None:
    """Time from volume to volume in s, or the first that is not 0 of a list of them.

    Raises Problem for milliseconds, and for 0, with which recovery would be nothing.
    """
    for key in ("RepetitionTimePreparation", "RepetitionTime"):
        value = sidecar.values.get(key)
        if value is None:
            continue
        where = f"{key} in {sidecar.where(key)}"
        listed = value if isinstance(value, list) else [value]
        if n and len(listed) not in (1, n):
            raise Problem(
                f"{where} has {len(listed)} values for {n} volumes.",
                "Every volume has one of its own, or all share one.",
                "Give one, or one for each.",
            )
        numbers = [one for one in listed if isinstance(one, int | float) and not isinstance(one, bool) and one > 0]
        if not numbers:
            raise Problem(
                f"{where} is {json.dumps(value)}.",
                "With no time to recover there would be no signal; zero stands for what a tool did not know.",
                "Give it in s, or take it out.",
            )
        if max(numbers) > TR_LONGEST:
            raise Problem(
                f"{where} is {max(numbers):g}, which looks like milliseconds.",
                "M0 would be taken as fully relaxed whatever its TR.",
                f"Use seconds: {max(numbers) / 1000:g}.",
            )
        return float(Counter(numbers).most_common(1)[0][0])
    return None


def tr_of_volumes(sidecar: Sidecar, places: Sequence[int], n: int) -> float | None:
    """The same for some of the n volumes of a series, such as its M0."""
    value = sidecar.values.get("RepetitionTimePreparation")
    if isinstance(value, list) and len(value) == n and places:
        own = [float(value[at]) for at in places if value[at]]
        return own[0] if own else None
    return preparation_tr(sidecar)


def _matrix(sidecar: Sidecar, given: GivenLabelling) -> Float[np.ndarray, "encodings blocks"] | None:
    """An encoding matrix as +1 (control) and -1 (label)."""
    value: Any = given.encoding or sidecar.values.get("TimeEncodedMatrix")
    if not value:
        return None
    matrix = np.array(value, float)
    if matrix.ndim != 2 or not np.isin(np.abs(matrix), (0.0, 1.0)).all():
        raise Problem(
            "The encoding matrix is no table of +1 (control) and -1 (label).",
            "Each row says how one volume was encoded.",
            "Give rows of equal length.",
        )
    return np.where(matrix > 0, 1.0, -1.0)


def _averages(sidecar: Sidecar) -> int:
    value = sidecar.values.get("NumberOfAverages", 1)
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and value >= 1
    return int(value) if is_number else 1


def _fraction(sidecar: Sidecar, key: str) -> float | None:
    value = sidecar.values.get(key)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not 0 < value <= 1:
        raise Problem(
            f"{key} in {sidecar.where(key)} is {json.dumps(value)}.",
            "It is a fraction.",
            "Use a number above 0, up to 1 (0.85, not 85).",
        )
    return float(value)


def _truth(sidecar: Sidecar, key: str) -> bool | None:
    value = sidecar.values.get(key)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "yes", "false", "no"):
        return value.lower() in ("true", "yes")
    raise Problem(
        f"{key} in {sidecar.where(key)} is {json.dumps(value)}.", "It is a yes or a no.", "Use true or false."
    )


def _pairs_stated(sidecar: Sidecar, volumes: tuple[str, ...]) -> list[Flag]:
    """A note where the number of pairs is not what the sidecar says; differences may be averages of several."""
    stated = sidecar.values.get("TotalAcquiredPairs")
    n = min(volumes.count("control"), volumes.count("label"))
    if not isinstance(stated, int) or not n or stated == n:
        return []
    sentence = f"The sidecar says {stated} pairs were acquired; the series has {n}."
    return [_flag("pairs-differ", Severity.NOTE, sentence, sidecar.expected.name)]


def _flag(code: str, severity: Severity, sentence: str, where: str) -> Flag:
    return Flag(code, severity, sentence, where, source="reading")
