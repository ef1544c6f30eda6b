"""Which volumes of a labelled series belong to which echo: a fifth axis, or an echo time for each volume."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Bool, Float

from perspect.io.nifti import Image
from perspect.io.sidecar import Sidecar, plausible_te
from perspect.vocabulary import Problem

PER_VOLUME: Final = ("PostLabelingDelay", "LabelingDuration", "RepetitionTimePreparation", "FlipAngle")
SAME: Final = 1e-5
"""s by which the times of one echo may differ, as they are rounded."""


def echoes(
    sidecar: Sidecar, image: Image, n_echoes: int, path: Path
) -> tuple[Sidecar, Image, Bool[np.ndarray, " stored"] | None, tuple[tuple[float, Image], ...]]:
    """What is said of the first echo, its volumes, which of the stored ones they are (None: all), and the later echoes
    with their times in s.

    `n_echoes` is the length of a fifth axis.
    """
    times = _times(sidecar, image, n_echoes, path)
    if times is None:
        return sidecar, image, None, ()
    n = times.size
    # An M0 of which no echo time is known (0) belongs to the first echo.
    first = float(times[times > 0].min())
    kept = (np.abs(times - first) < SAME) | (times == 0)
    values = dict(sidecar.values) | {"EchoTime": first}
    if kept.all():
        return replace(sidecar, values=values), image, None, ()
    for key in PER_VOLUME:
        if isinstance(values.get(key), list) and len(values[key]) == n:
            values[key] = [value for value, is_kept in zip(values[key], kept, strict=True) if is_kept]
    rest = times[~kept]
    rest = np.sort(rest[np.unique(np.round(rest / SAME), return_index=True)[1]])
    later = tuple((float(te), _part(image, np.abs(times - te) < SAME)) for te in rest)
    return replace(sidecar, values=values), _part(image, kept), kept, later


def shortest(image: Image, n_echoes: int, sidecar: Sidecar, path: Path) -> tuple[Image, Any]:
    """The volumes of an M0 scan with the shortest echo time, and that time as it is stated."""
    if n_echoes == 1 and not isinstance(sidecar.values.get("EchoTime"), list):
        return image, sidecar.values.get("EchoTime")
    said = sidecar.values.get("EchoTime")
    if isinstance(said, list) and len(said) == 1:
        return image, said[0]
    of_first, found, _, _ = echoes(sidecar, image, n_echoes, path)
    return found, of_first.values.get("EchoTime")


def _part(image: Image, kept: Bool[np.ndarray, " stored"]) -> Image:
    return replace(image, values=np.asfortranarray(image.values[..., kept]))


def _times(sidecar: Sidecar, image: Image, n_echoes: int, path: Path) -> Float[np.ndarray, " stored"] | None:
    """The echo time of every stored volume in s; None where all share one."""
    said = sidecar.values.get("EchoTime")
    n = image.values.shape[3]
    if not isinstance(said, list):
        if n_echoes == 1:
            return None
        raise Problem(
            f"{path.name} has a fifth axis of {n_echoes}, and {sidecar.expected.name} no list of echo times.",
            "It is not known what that axis means.",
            f"Give EchoTime as a list of {n_echoes} times in s, if they are echoes; else one 4-D file for each.",
        )
    where = f"EchoTime in {sidecar.where('EchoTime')}"
    if n_echoes > 1 and len(said) == n_echoes:
        said = np.repeat(said, n // n_echoes).tolist()
    if len(said) != n:
        raise Problem(
            f"{where} has {len(said)} values for {n} volumes.",
            "Which volume has which echo time decides how much signal it has lost.",
            "Give one for all, or one for each volume.",
        )
    return _plausible(said, where)


def _plausible(said: Sequence[Any], where: str) -> Float[np.ndarray, " stored"]:
    for one in said:
        if isinstance(one, bool) or not isinstance(one, int | float) or not 0 <= one < np.inf:
            raise Problem(f"{where} holds {one!r}.", "They are times in s.", "Correct it.")
        if one:
            plausible_te(float(one), where)
    times = np.array(said, float)
    if not (times > 0).any():
        raise Problem(f"{where} is 0 throughout.", "Zero stands for what a tool did not know.", "Give it in s.")
    return times
