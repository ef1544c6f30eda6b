"""Which spectra belong together: a water reference or a second echo time is one of the same place, or it is none."""

from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np

from perspect import io
from perspect.vocabulary import Flag, Problem, Severity, Spectra

SAME_PLACE: Final = 1.0
"""mm by which two statements of one place may differ: headers round [our default]."""

SAME_TIME: Final = 1e-3
"""s by which echo and repetition times may differ: water of grey matter has then lost 1 % at most [our default]."""

SAME_DWELL: Final = 1e-3
"""Relative difference of the time between points that is rounding."""


def is_same_place(one: Spectra, other: Spectra) -> bool:
    """Whether two signals are of the same voxels, as far as both say where they lie."""
    if one.values.shape[:3] != other.values.shape[:3]:
        return False
    if not (one.placed and other.placed):
        return True
    corners = np.array(list(product(*((0.0, n) for n in one.grid.shape), (1.0,))))
    return bool(np.abs(corners @ (one.grid.affine - other.grid.affine).T).max() < SAME_PLACE)


def demand_same_place(one: Spectra, other: Spectra, what: str) -> None:
    """Raises `Problem` where `other`, which is given as a `what` of the same voxel, is of another."""
    if not is_same_place(one, other):
        raise Problem(
            f"The {what} {other.name} is not of the voxel of {one.name}: place or number of voxels differ.",
            "What is in one voxel says nothing of the other.",
            f"Give the {what} of the same voxel, or none.",
        )


def water_remarks(spectra: Spectra, water: Spectra) -> tuple[Flag, ...]:
    """What of a water reference was taken otherwise than the spectrum, and so is in the scale."""
    other = [
        f"{name} {b * 1e3:g} instead of {a * 1e3:g} ms"
        for name, a, b in (("TE", spectra.te, water.te), ("TR", spectra.tr, water.tr))
        if a is not None and b is not None and abs(a - b) > SAME_TIME
    ]
    if not other:
        return ()
    sentence = (
        f"The water reference {water.name} was taken with {' and '.join(other)}: amounts scaled by it are off by what "
        "water relaxes in between."
    )
    return (Flag("water-timing", Severity.LIMITED, sentence, source="reading"),)


def water_for(path: Path, candidates: Iterable[Path], said: io.SaidByHand) -> tuple[Path | None, tuple[Flag, ...]]:
    """The water reference that belongs to a spectrum, of some that lie beside it: of the same voxels, sampled alike, at
    the same echo and repetition time (water of a map with as many points). Where there are some and none belongs to it,
    or some could not be read, a remark says so.
    """
    spectra, looked_at, unread = io.read_spectra(path, said)[0], 0, []
    for one in sorted(candidates):
        looked_at += 1
        try:
            water = io.read_spectra(one, said)[0]
        except Problem:
            unread.append(one.name)
            continue
        if _is_sampled_alike(spectra, water) and not water_remarks(spectra, water) and is_same_place(spectra, water):
            return one, ()
    if not looked_at:
        return None, ()
    failed = f" ({', '.join(unread)} could not be read)" if unread else ""
    sentence = (
        f"None of the {looked_at} water references beside {path.name} is of the same voxel and timing{failed}: none "
        "was used, and amounts are relative."
    )
    return None, (Flag("no-matching-water", Severity.CAUTION, sentence, source="reading"),)


def _is_sampled_alike(spectra: Spectra, water: Spectra) -> bool:
    """A map is divided by its water point by point; of a single voxel only the time between points must agree."""
    is_as_long = spectra.is_single or water.n_points == spectra.n_points
    return abs(water.dwell / spectra.dwell - 1) < SAME_DWELL and is_as_long
