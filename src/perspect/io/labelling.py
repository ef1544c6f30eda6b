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
from typing import Final, get_args

import numpy as np
from jaxtyping import Bool, Float

from perspect.io.aslcontext import context_of, volumes_of
from perspect.io.encoding import encoding, times_of_blocks
from perspect.io.given import GivenLabelling
from perspect.io.label_times import (
    LABELLED,
    Stated,
    delays_of,
    demand_delays,
    demand_possible,
    durations_of,
    stated_delays,
    stated_durations,
)  # fmt: skip
from perspect.io.readout import flip_angles, is_spin_echo, slice_flags, slice_times, times_of
from perspect.io.sidecar import Sidecar
from perspect.vocabulary import Flag, Labelling, Problem, Severity
from perspect.vocabulary.labelling import Kind

TR_LONGEST: Final = 60.0
"""s between volumes."""

TYPES: Final = {"PCASL": "pcasl", "CASL": "casl", "PASL": "pasl"}


def read_labelling(
    image: Path,
    sidecar: Sidecar,
    levels: Float[np.ndarray, " volumes"],
    n_slices: int,
    given: GivenLabelling,
    kept: Bool[np.ndarray, " stored"] | None = None,
    tr: float | None = None,
) -> tuple[Labelling, tuple[Flag, ...], Path | None]:
    """The labelling of every volume, what must be said of it, and the aslcontext table that was read, if any.

    `kept` are those of the stored volumes that are left where only one echo is; the table may name all or these.
    `levels` is the mean signal of each volume, by which an M0 that nobody named is told. `tr` is the time between
    volumes in s that a person gave.
    """
    context = context_of(image)
    volumes, is_known, of_volumes = volumes_of(context, levels, sidecar, given.order, kept)
    kind, of_kind = _kind(sidecar, given, volumes)
    _demand_label(volumes, given)
    timed = _timed(sidecar, given, kind, volumes)
    angles, of_readout = _look_locker(sidecar, timed.volumes)
    pulses, number = _inversions(sidecar)
    labelling = Labelling(
        kind, timed.volumes, timed.delays, timed.durations,
        efficiency=_fraction(sidecar, "LabelingEfficiency"),
        is_suppressed=_truth(sidecar, "BackgroundSuppression"),
        n_inversions=number,
        inversions=pulses,
        slice_times=slice_times(sidecar, n_slices),
        is_spin_echo=is_spin_echo(sidecar),
        flip_angles=angles,
        is_crushed=_truth(sidecar, "VascularCrushing"),
        matrix=timed.matrix,
        is_order_known=is_known,
        vendor=str(sidecar.values.get("Manufacturer", "")),
        n_averages=_averages(sidecar),
        block_delays=None if timed.blocks is None else timed.blocks[0],
        block_durations=None if timed.blocks is None else timed.blocks[1],
    )  # fmt: skip
    flags = (
        *of_kind, *of_volumes, *timed.flags, *of_readout, *_pairs_stated(sidecar, timed.volumes),
        *slice_flags(sidecar, n_slices), *demand_possible(labelling, *_tr_of_each(sidecar, tr, len(volumes))),
    )  # fmt: skip
    return labelling, flags, context


@dataclass(frozen=True, eq=False)
class _Timed:
    """What each volume shows, and when blood was labelled for it, in s; the matrix and blocks (delays, durations) of a
    time-encoded series.
    """

    volumes: tuple[str, ...]
    delays: Float[np.ndarray, " volumes"]
    durations: Float[np.ndarray, " volumes"]
    matrix: Float[np.ndarray, "encodings blocks"] | None
    blocks: tuple[Float[np.ndarray, " played"], Float[np.ndarray, " played"]] | None
    flags: tuple[Flag, ...]


def _timed(sidecar: Sidecar, given: GivenLabelling, kind: Kind, volumes: tuple[str, ...]) -> _Timed:
    """Delays and durations as they are stated; of a time-encoded series those of its blocks."""
    when, lasting = stated_delays(sidecar, kind, given), stated_durations(sidecar, kind, given)
    matrix, is_named, notes = encoding(sidecar, given.encoding, given.encoding_name)
    stated = (*when.flags, *lasting.flags)
    if matrix is not None and {"control", "label"} & set(volumes):
        # Differences beside a matrix were decoded by the scanner.
        volumes = tuple("encoded" if one in ("control", "label") else one for one in volumes)
        blocks = _blocks(kind, when, lasting, matrix, volumes, is_named)
        return _Timed(volumes, *_of_last(blocks, volumes), matrix, blocks, (*notes, *stated))
    delays, of_delays = delays_of(when, volumes)
    durations, of_durations = durations_of(lasting, volumes)
    return _Timed(volumes, delays, durations, None, None, (*of_delays, *of_durations, *stated))


def _look_locker(sidecar: Sidecar, volumes: tuple[str, ...]) -> tuple[Float[np.ndarray, " volumes"] | None, list[Flag]]:
    """Flip angles (rad) of a Look-Locker readout, and a note; None of another. Raises Problem where there are none."""
    if not _truth(sidecar, "LookLocker"):
        return None, []
    angles, where = flip_angles(sidecar, volumes), sidecar.expected.name
    if angles is None:
        raise Problem(
            f"{where} says that the readout is Look-Locker, and no FlipAngle.",
            "Every readout uses up label, the more the larger its flip angle: flow would read too low.",
            "Add FlipAngle in degrees: one, or one for each volume.",
        )
    sentence = "The readout is Look-Locker: the label that its pulses use up is modelled."
    return angles, [_flag("look-locker", Severity.NOTE, sentence, where)]


def _inversions(sidecar: Sidecar) -> tuple[tuple[float, ...], int | None]:
    """Times (s) of the pulses that suppress the background, and how many they are."""
    values, key = sidecar.values, "BackgroundSuppressionPulseTime"
    times = times_of(values[key], f"{key} in {sidecar.expected.name}") if values.get(key) is not None else ()
    number = values.get("BackgroundSuppressionNumberPulses")
    if number is None:
        return times, len(times) or None
    return times, int(number)


def _demand_label(volumes: tuple[str, ...], given: GivenLabelling) -> None:
    """Raises Problem for times that are given by hand of a series without an image of label."""
    idle = [
        option
        for option, is_given in (
            ("--pld", bool(given.delays)), ("--tau", bool(given.durations)), ("--ti1", given.bolus is not None),
            ("--encoding", bool(given.encoding or given.encoding_name)),
        )
        if is_given
    ]  # fmt: skip
    if idle and not set(LABELLED) & set(volumes):
        raise Problem(
            f"There is {', '.join(idle)}, and the series holds only the scanner's own map of flow.",
            "How that was made cannot be chosen any more; it would be read by nobody.",
            "Leave it out, or give the series that the map was made of.",
        )


def _kind(sidecar: Sidecar, given: GivenLabelling, volumes: tuple[str, ...]) -> tuple[Kind, list[Flag]]:
    """How blood was labelled, and a note where a person and the sidecar differ. Raises Problem where it is not told."""
    stated = sidecar.values.get("ArterialSpinLabelingType")
    if given.kind is not None:
        kind, flags = given.kind.lower(), []
        if isinstance(stated, str) and TYPES.get(stated.upper()) not in (None, kind):
            sentence = f"The type of labelling {kind.upper()} was given by hand; the sidecar says {stated}."
            flags = [_flag("overridden", Severity.NOTE, sentence, sidecar.expected.name)]
    elif isinstance(stated, str) and stated.upper() in TYPES:
        kind, flags = TYPES[stated.upper()], []
    elif stated is not None:
        raise Problem(
            f"ArterialSpinLabelingType in {sidecar.where('ArterialSpinLabelingType')} is {json.dumps(stated)}.",
            "Continuous and pulsed labelling each have an equation; of another kind none is known here.",
            f"It must be one of {', '.join(TYPES)}; if the sidecar is wrong, give --type.",
        )
    elif not set(LABELLED) & set(volumes):
        # Of a map of flow that the scanner made nothing is computed by its labelling.
        return "pcasl", []
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


def _blocks(
    kind: str, when: Stated, lasting: Stated, matrix: Float[np.ndarray, "encodings blocks"], volumes: tuple[str, ...],
    is_named: bool,
) -> tuple[Float[np.ndarray, " played"], Float[np.ndarray, " played"]]:  # fmt: skip
    """Delays and durations of the blocks of a time-encoded series; Problem where it cannot be one."""
    if kind == "pasl":
        raise Problem(
            "The series has an encoding matrix, and its labelling is pulsed.",
            "Blocks of labelling are played one after the other, which pulses are not.",
            "Correct ArterialSpinLabelingType (or --type), or take the matrix out.",
        )
    demand_delays(when)
    is_encoded = np.array([one == "encoded" for one in volumes])
    return times_of_blocks((when.times, when.where), (lasting.times, lasting.where), matrix, is_encoded, is_named)


def _of_last(
    blocks: tuple[Float[np.ndarray, " played"], Float[np.ndarray, " played"]], volumes: tuple[str, ...]
) -> tuple[Float[np.ndarray, " volumes"], Float[np.ndarray, " volumes"]]:
    """Delay and duration of the block that is played last, for every volume that is encoded."""
    last, needs = int(np.argmin(blocks[0])), np.isin(volumes, LABELLED)
    return np.where(needs, blocks[0][last], np.nan), np.where(needs, blocks[1][last], np.nan)


def _tr_of_each(sidecar: Sidecar, given: float | None, n: int) -> tuple[Float[np.ndarray, " volumes"] | None, bool]:
    """Time between volumes in s, of each; and whether it is surely that, and not between excitations."""
    if given is not None:
        return np.full(n, given), True
    listed = sidecar.values.get("RepetitionTimePreparation")
    if isinstance(listed, list) and len(listed) == n and n > 1:
        return np.array([one if one else np.inf for one in listed], float), True
    tr = preparation_tr(sidecar, n)
    return None if tr is None else np.full(n, tr), listed is not None


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
