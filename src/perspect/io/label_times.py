"""When blood was labelled and imaged: delays and durations of every volume in s, and whether both can be."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.io.given import GivenLabelling, overridden
from perspect.io.readout import times_of
from perspect.io.sidecar import Sidecar
from perspect.vocabulary import Flag, Labelling, Problem, Severity

NOTHING: Final = float("nan")

LABELLED: Final = ("control", "label", "deltam", "encoded")
"""Volumes that show label: they have a delay and a duration."""

LONG: Final = 2.5
"""s after continuous labelling beyond which a single delay may be counted from its start; the consensus asks for 2.0 at
most (Alsop et al. 2015, doi:10.1002/mrm.25197). [our default]"""

SOURCE: Final = "reading"


@dataclass(frozen=True)
class Stated:
    """Times in s that a file or a person stated, and where; none: nobody did."""

    times: tuple[float, ...]
    where: str
    is_by_hand: bool
    flags: tuple[Flag, ...] = ()


def stated_delays(sidecar: Sidecar, kind: str, given: GivenLabelling) -> Stated:
    """PLD or TI as it is stated."""
    key = "PostLabelingDelay"
    if kind == "pasl" and sidecar.values.get(key) is None and sidecar.values.get("InversionTime") is not None:
        key = "InversionTime"
    if given.delays:
        return Stated(
            times_of(list(given.delays), "--pld"), "--pld", True,
            tuple(overridden("The delay", given.delays, key, sidecar)),
        )  # fmt: skip
    value, where = sidecar.values.get(key), f"{key} in {sidecar.where(key)}"
    if value is None:
        return Stated((), where, False)
    flags: tuple[Flag, ...] = ()
    if key == "InversionTime":
        sentence = "The delay is InversionTime of the sidecar, which converters write for pulsed labelling."
        flags = (Flag("delay-from-inversion-time", Severity.NOTE, sentence, sidecar.expected.name, source=SOURCE),)
    return Stated(times_of(value, where), where, False, flags)


def stated_durations(sidecar: Sidecar, kind: str, given: GivenLabelling) -> Stated:
    """Labelling duration as it is stated, or when the bolus of pulsed labelling is cut off.

    Raises Problem for one that this kind of labelling does not have.
    """
    if kind == "pasl":
        return _cut_off(sidecar, given)
    if given.bolus is not None:
        raise Problem(
            f"--ti1 is {given.bolus:g}, and labelling is {kind.upper()}.",
            "Only the bolus of pulsed labelling is cut off; it would be read by nobody.",
            "Give how long labelling lasts with --tau, or --type pasl.",
        )
    key = "LabelingDuration"
    if given.durations:
        flags = overridden("The labelling duration", given.durations, key, sidecar)
        return Stated(times_of(list(given.durations), "--tau"), "--tau", True, tuple(flags))
    value, where = sidecar.values.get(key), f"{key} in {sidecar.where(key)}"
    return Stated(() if value is None else times_of(value, where), where, False)


def _cut_off(sidecar: Sidecar, given: GivenLabelling) -> Stated:
    if given.durations:
        raise Problem(
            "--tau is given, and labelling is PASL.",
            "Pulsed labelling lasts no time; it would be read by nobody.",
            "Give when the bolus is cut off with --ti1, or --type pcasl.",
        )
    values, key, flags = sidecar.values, "BolusCutOffDelayTime", list[Flag]()
    if values.get(key) is None and values.get("BolusDuration") is not None:
        key = "BolusDuration"
    if given.bolus is not None:
        flags = overridden("The end of the bolus", [given.bolus], key, sidecar)
        return Stated(times_of(given.bolus, "--ti1"), "--ti1", True, tuple(flags))
    value, where = values.get(key), f"{key} in {sidecar.where(key)}"
    if values.get("BolusCutOffFlag") is False or value is None:
        return Stated((), where, False)
    if key == "BolusDuration":
        sentence = "The bolus is cut off after BolusDuration of the sidecar, which converters write for TI1."
        flags = [Flag("bolus-from-duration", Severity.NOTE, sentence, sidecar.expected.name, source=SOURCE)]
    # Q2TIPS saturates from the first to the last of these times: the bolus ends at the first.
    return Stated(times_of(value, where)[:1], where, False, tuple(flags))


def delays_of(stated: Stated, volumes: tuple[str, ...]) -> tuple[Float[np.ndarray, " volumes"], list[Flag]]:
    """PLD or TI of every volume; NaN of M0 and of maps of flow."""
    needs = np.isin(volumes, LABELLED)
    if not needs.any():
        return np.full(len(volumes), NOTHING), []
    demand_delays(stated)
    delays, flags = _per_volume(stated, volumes, "delays")
    return np.where(needs, delays, NOTHING), flags


def demand_delays(stated: Stated) -> None:
    """Raises Problem for delays that are missing, or 0."""
    if not stated.times:
        raise Problem(
            f"The sidecar has no {stated.where.split()[0]}.",
            "How long blood has travelled decides what its signal means.",
            "Add it in s (of pulsed labelling: TI), or give --pld 1.8.",
        )
    if not max(stated.times) > 0:
        raise Problem(
            f"{stated.where} is 0.", "Zero stands for what a tool did not know.", "Give the delay in s with --pld."
        )


def durations_of(stated: Stated, volumes: tuple[str, ...]) -> tuple[Float[np.ndarray, " volumes"], list[Flag]]:
    """Labelling duration, or when the bolus is cut off, of every volume; NaN where it is not known."""
    if not stated.times:
        return np.full(len(volumes), NOTHING), []
    needs = np.isin(volumes, LABELLED)
    durations, flags = _per_volume(stated, volumes, "labelling durations")
    if needs.any() and not (durations[needs] > 0).all():
        raise Problem(
            f"{stated.where} is 0.", "Nothing would be labelled.", "Give the duration in s with --tau or --ti1."
        )
    return np.where(needs, durations, NOTHING), flags


def _per_volume(
    stated: Stated, volumes: tuple[str, ...], what: str
) -> tuple[Float[np.ndarray, " volumes"], list[Flag]]:
    """One time for all, one for each volume, or (by hand) one for each group of repeated pairs, which is said."""
    n, times = len(volumes), stated.times
    if len(times) == 1:
        return np.full(n, times[0]), []
    if len(times) == n:
        return np.array(times), []
    places = [at for at, one in enumerate(volumes) if one in LABELLED]
    if stated.is_by_hand and places and len(places) % len(times) == 0:
        out, size = np.full(n, NOTHING), len(places) // len(times)
        out[places] = np.repeat(times, size)
        sentence = (
            f"The {len(times)} {what} given by hand were taken to be those of groups of {size} volumes that follow "
            f"each other ({times[0]:g} s for the first {size}). If they come in turn, every delay is a mixture: then "
            "give one for each volume."
        )
        # Groups of one pair leave no other way to read them.
        is_open = size > 2 or not {"control", "label"} & set(volumes)
        return out, [Flag("delays-in-groups", Severity.CAUTION, sentence, "series", source=SOURCE)] if is_open else []
    raise Problem(
        f"{stated.where} has {len(times)} values but there are {n} volumes.",
        "Every volume has its own delay and duration.",
        "Give one value for all, or one for each volume.",
    )


def demand_possible(labelling: Labelling, tr: Float[np.ndarray, " volumes"] | None, is_preparation: bool) -> list[Flag]:
    """What to say of times (s) that are unlikely, or cannot all be right. Raises Problem where no image can be used.

    `tr` is the time from volume to volume; unless `is_preparation` it may be that between excitations.
    """
    places = labelling.of(*LABELLED)
    if not places.size:
        return []
    since = labelling.since_labelling()[places]
    if labelling.kind == "pasl":
        _demand_cut_off_before(labelling, since)
    flags = _long(labelling)
    if tr is None or not (since >= tr[places]).any():
        return flags
    at = int(np.argmax(since - tr[places]))
    lasts = "TI" if labelling.kind == "pasl" else "labelling and delay together last"
    seen = f"{lasts} {since[at]:g} s, and there is a volume every {tr[places][at]:g} s"
    why = "one of these times is wrong, and flow with it (a delay is counted from the end of labelling)"
    if not is_preparation:
        why = "either that is the time between excitations, or a time of labelling is wrong"
    key = "RepetitionTimePreparation" if is_preparation else "RepetitionTime"
    return [*flags, Flag("times-impossible", Severity.LIMITED, f"By {key} {seen}: {why}.", "cbf", source=SOURCE)]


def _demand_cut_off_before(labelling: Labelling, since: Float[np.ndarray, " labelled"]) -> None:
    """Raises Problem where no volume is read after its bolus has ended."""
    ends = labelling.durations[labelling.of(*LABELLED)]
    if not np.isfinite(ends).any() or (since > ends).any():
        return
    raise Problem(
        f"Images are read {since.max():g} s after the pulse of labelling (TI), and the bolus is cut off after "
        f"{ends.max():g} s (TI1).",
        "A bolus that is cut off when it is read, or later, has no known length.",
        "Correct the two: TI in PostLabelingDelay, TI1 in BolusCutOffDelayTime, or --pld and --ti1.",
    )


def _long(labelling: Labelling) -> list[Flag]:
    """A word on a delay that may be counted from the start of labelling."""
    delays = labelling.delays[labelling.of(*LABELLED)]
    if labelling.kind == "pasl" or labelling.matrix is not None or np.ptp(delays) > 0 or not delays[0] > LONG:
        return []
    sentence = (
        f"The delay after labelling is {delays[0]:g} s, longer than any that is recommended (2.0 s). If it is counted "
        "from the start of labelling, flow reads far too high: then it must be less by LabelingDuration."
    )
    return [Flag("delay-long", Severity.CAUTION, sentence, "cbf", source=SOURCE)]
