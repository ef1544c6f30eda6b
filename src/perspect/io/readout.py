"""How the images of a labelled series are read, as a sidecar says it: slice times, kind of echo, flip angles."""

import json
import re
from collections.abc import Sequence
from math import isfinite, pi
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect.io.sidecar import Sidecar
from perspect.vocabulary import Flag, Problem, Severity

LONGEST: Final = 10.0
"""s: blood is gone, and a volume taken, before that; a longer time is in ms."""

MOST_EXCITED: Final = 95.0
"""Degrees of an excitation; what is more belongs to a refocusing pulse."""

REFOCUSED: Final = ("grase", "tgse", "tse", "fse", "rare", "spinecho")
"""What names of refocused sequences begin with."""

GRADIENT: Final = ("gradient", "gre", "flash", "spgr", "ffe")
"""Words in names of gradient echoes."""


def times_of(value: Any, where: str, why: str = "Labelled blood is gone after ten seconds.") -> tuple[float, ...]:
    """One or several times in s of no more than ten; `why` says what longer ones contradict."""
    listed = value if isinstance(value, list | tuple) else [value]
    for one in listed:
        if isinstance(one, bool) or not isinstance(one, int | float) or not isfinite(one) or one < 0:
            raise Problem(
                f"{where} is {json.dumps(value)}.",
                "It must be times in s: numbers, none of them below 0.",
                "Give a number such as 1.8, or a list of them, without quotation marks.",
            )
    if listed and max(listed) > LONGEST:
        raise Problem(
            f"{where} is {max(listed):g}, which looks like milliseconds.",
            why,
            f"Use seconds: {max(listed) / 1000:g}.",
        )
    return tuple(float(one) for one in listed)


def slice_times(sidecar: Sidecar, n_slices: int) -> Float[np.ndarray, " slices"] | None:
    """When each slice is read after the first, in s; None for a 3-D readout."""
    value = sidecar.values.get("SliceTiming")
    if str(sidecar.values.get("MRAcquisitionType", "")).upper() == "3D" or value in (None, []):
        return None
    where = f"SliceTiming in {sidecar.where('SliceTiming')}"
    times = np.array(times_of(value, where, "The slices of a volume are taken within ten seconds."))
    if times.size != n_slices:
        raise Problem(
            f"{where} has {times.size} times but the image has {n_slices} slices.",
            "Each slice is read at its own time.",
            "Give one time for each slice.",
        )
    return np.asarray(times - times.min())


def slice_flags(sidecar: Sidecar, n_slices: int) -> list[Flag]:
    """What to say where slices have no times: of a 2-D readout they are read one after the other all the same."""
    dimension = str(sidecar.values.get("MRAcquisitionType", "")).upper()
    if dimension == "3D" or n_slices < 2 or sidecar.values.get("SliceTiming") not in (None, []):
        return []
    if dimension == "2D":
        sentence = (
            "The readout is 2-D and no slice times are recorded: all slices were taken as read at once. Those that are "
            "read last have a longer delay than stated, and their flow reads too low (3 % for each 0.05 s). Give "
            "SliceTiming."
        )
        return [Flag("slice-times-unknown", Severity.CAUTION, sentence, sidecar.expected.name, source="reading")]
    sentence = (
        "Whether slices are read one after the other (2-D) is not recorded; all were taken as read at once. Give "
        "MRAcquisitionType, and SliceTiming of a 2-D readout."
    )
    return [Flag("readout-unknown", Severity.NOTE, sentence, sidecar.expected.name, source="reading")]


def is_spin_echo(sidecar: Sidecar) -> bool | None:
    """Whether the echo is refocused (its decay is T2) or a gradient echo (T2*); None where nothing says so.

    What the sequence is called says more than what kind it is: converters call all EPI "EP", refocused or not. Readouts
    in 3-D of ASL are refocused (GRASE, stacks of spirals), those in 2-D are gradient echoes (Alsop et al. 2015).
    """
    values = sidecar.values
    names = " ".join(str(values.get(key, "")) for key in ("PulseSequenceType", "PulseSequenceDetails", "SequenceName"))
    words = re.split(r"[^a-z]+", names.lower())
    if any(word.startswith(REFOCUSED) or word in ("se", "spin") for word in words):
        return True
    sequence = values.get("ScanningSequence", "")
    kinds = re.split(r"[^A-Z]+", (" ".join(sequence) if isinstance(sequence, list) else str(sequence)).upper())
    if "SE" in kinds:
        return True
    if "GR" in kinds:
        return False
    if any(word in GRADIENT for word in words):
        return False
    of_dimension = {"3D": True, "2D": False}.get(str(values.get("MRAcquisitionType", "")).upper())
    if of_dimension is None and values.get("SliceTiming") not in (None, []):
        return False
    return of_dimension


def flip_angles(sidecar: Sidecar, volumes: Sequence[str]) -> Float[np.ndarray, " volumes"] | None:
    """Flip angle of the excitation of every volume in rad, as it is stated; None where it is not.

    Raises Problem for what is no angle.
    """
    stated = sidecar.values.get("FlipAngle")
    if stated is None:
        return None
    where = f"FlipAngle in {sidecar.where('FlipAngle')}"
    listed = stated if isinstance(stated, list) else [stated]
    for one in listed:
        if isinstance(one, bool) or not isinstance(one, int | float) or not 0 <= one <= MOST_EXCITED:
            raise Problem(
                f"{where} is {json.dumps(stated)}.", "It must be that of the excitations, in degrees.", "Correct it."
            )
    if len(listed) not in (1, len(volumes)):
        raise Problem(
            f"{where} has {len(listed)} values for {len(volumes)} volumes.",
            "Every volume has one of its own, or all share one.",
            "Give one, or one for each.",
        )
    return np.asarray(np.deg2rad(np.broadcast_to(np.array(listed, float), len(volumes))))


def first_flip_angle(sidecar: Sidecar) -> float | None:
    """Flip angle of an M0 image in rad (the first that is stated); None where what is stated is none of an excitation,
    such as 0 for "not known" or the 180 degrees of a refocusing train.
    """
    stated = sidecar.values.get("FlipAngle")
    first = stated[0] if isinstance(stated, list) and stated else stated
    if isinstance(first, bool) or not isinstance(first, int | float) or not 0 < first <= MOST_EXCITED:
        return None
    return first * pi / 180.0
