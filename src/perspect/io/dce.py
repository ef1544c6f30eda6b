"""The files of a DCE examination: the series, the images from which T1 is measured, the map of the flip angle."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi, radians
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Float

from perspect.io.bids import IMAGES, Name, label, named, stem
from perspect.io.dicom import digest, flip_stacks, pixels, read_dicom_series
from perspect.io.dicom_header import holds_dicom
from perspect.io.nifti import read_volume
from perspect.io.series import Reading, read_series, sha256
from perspect.io.sidecar import Sidecar, read_sidecar
from perspect.io.tables import read_times
from perspect.io.timing import exactly
from perspect.vocabulary import Acquisition, Flag, Grid, Problem, Severity

TR_KEYS: Final = ("RepetitionTimeExcitation", "RepetitionTime")
"""Where a sidecar says the time between excitations, the surer one first."""

B1_PERCENT: Final = 10.0
"""A map of the relative flip angle whose median is beyond this is in per cent, as BIDS has it."""

LONGEST_INVERSION: Final = 30.0
"""In s; nobody waits longer for a recovery."""

B1_RANGE: Final = (0.3, 2.0)
"""Median of the true over the nominal flip angle of any head; what lies outside is another quantity."""


@dataclass(frozen=True)
class FoundDce:
    """The series (a file, or a folder of DICOM), and beside it the images at several flip angles (files, or folders of
    DICOM) and the map of B1, where there are any.
    """

    series: Path
    vfa: tuple[Path, ...] = ()
    b1: Path | None = None


@dataclass(frozen=True, eq=False)
class FlipImages:
    """Images on one grid, with the flip angle (rad), the inversion time (s, NaN: none) and TR (s) of each."""

    values: Float[np.ndarray, "x y z images"]
    grid: Grid
    flip_angles: Float[np.ndarray, " images"]
    inversion_times: Float[np.ndarray, " images"]
    tr: Float[np.ndarray, " images"]
    sources: dict[str, str]
    is_integer: bool
    flags: tuple[Flag, ...] = ()


def find_dce(path: Path) -> FoundDce:
    """Which files below `path` (a file, or a folder of one examination) belong to the DCE series."""
    if path.is_file():
        return FoundDce(path)
    if not path.is_dir():
        raise Problem(f"There is no file or folder {path}.", "Nothing can be read.", "Check the path.")
    images = sorted(one for one in path.rglob("*") if one.name.endswith(IMAGES) and not one.name.startswith("."))
    if not images and holds_dicom(path):
        return FoundDce(path, (path,))
    by_suffix = {suffix: named(images, suffix) for suffix in ("dce", "VFA", "TB1map")}
    series = by_suffix["dce"]
    if len(series) != 1:
        listed = ", ".join(one.relative_to(path).as_posix() for one in (series or images)[:8])
        raise Problem(
            f"{path.name} holds {len(series) or 'no'} *_dce.nii.gz" + (f": {listed}." if listed else "."),
            "Which image is the DCE series must be known.",
            "Give the folder of one examination, or the series itself.",
        )
    b1 = by_suffix["TB1map"]
    return FoundDce(series[0], tuple(by_suffix["VFA"]), b1[0] if len(b1) == 1 else None)


def read_dce(path: Path, given: Acquisition, times: Path | None) -> Reading:
    """The dynamic series of a file or of a folder of DICOM, with the lags of slices that were taken in turn."""
    if path.is_dir():
        table = None if times is None else lambda n: exactly(read_times(times), n, times.name, path.name)
        series, has_positions, flags = read_dicom_series(path, given, table)
        return Reading((series,), flags, Name((), path.name), int(has_positions), None)
    return read_series(path, given, times)


def read_flip_images(
    paths: Sequence[Path],
    flip_angles: Sequence[float] = (),
    inversion_times: Sequence[float] = (),
    tr: float | None = None,
) -> FlipImages:
    """Images from which T1 is measured; what is given (degrees, s) stands before what the sidecars say.

    Raises Problem where the images are not on one grid, or an angle or a time cannot be one.
    """
    if not paths:
        raise Problem("No image was given.", "T1 needs several.", "Give an image for each flip angle.")
    if any(path.is_dir() for path in paths):
        return _from_dicom(paths, flip_angles, inversion_times, tr)
    volumes = [read_volume(path) for path in paths]
    grid = volumes[0][1]
    for path, (_, other) in zip(paths, volumes, strict=True):
        if not grid.matches(other):
            raise Problem(
                f"{path.name} is not on the grid of {paths[0].name}.",
                "T1 is fitted voxel by voxel.",
                "Resample the images onto one grid first.",
            )
    sides = [read_sidecar(path, path.with_name(f"{stem(path)}.json")) for path in paths]
    angles = _each(paths, sides, flip_angles, ("FlipAngle",), "flip angles")
    inversions = _each(paths, sides, inversion_times, ("InversionTime",), "inversion times")
    _demand_degrees(angles)
    _demand_seconds(inversions)
    repetition = _each(paths, sides, () if tr is None else [tr] * len(paths), TR_KEYS, "repetition times")
    values = np.stack([one for one, _ in volumes], axis=-1)
    flags = (
        *_overridden(paths, sides, flip_angles, ("FlipAngle",), "flip angle", "°"),
        *_overridden(paths, sides, inversion_times, ("InversionTime",), "inversion time", " s"),
        *_overridden(paths, sides, () if tr is None else [tr] * len(paths), TR_KEYS, "repetition time", " s"),
    )
    files = dict.fromkeys((*paths, *(file for side in sides for file in side.files)))
    return FlipImages(
        values, grid, radians(1.0) * angles, inversions, repetition, {label(path): sha256(path) for path in files},
        bool((values == np.round(values)).all()), flags,
    )  # fmt: skip


def _each(
    paths: Sequence[Path], sides: Sequence[Sidecar], given: Sequence[float], keys: tuple[str, ...], what: str
) -> Float[np.ndarray, " images"]:
    """A number of each image as it was given, else as the sidecars say it under the first of `keys`; NaN: not said."""
    if given and len(given) != len(paths):
        raise Problem(
            f"{len(paths)} images but {len(given)} {what} were given.",
            "Each image has its own.",
            "Give one for each.",
        )
    recorded = (next((side.values[key] for key in keys if side.values.get(key) is not None), None) for side in sides)
    said: list[Any] = list(given or recorded)
    for path, one in zip(paths, said, strict=True):
        if one is not None and (isinstance(one, bool) or not isinstance(one, int | float)):
            raise Problem(
                f"{keys[0]} of {path.name} is {one!r}.",
                "It must be a number.",
                "Correct it; it has neither quotes nor a unit.",
            )
    return np.array([np.nan if one is None else one for one in said], float)


def _demand_degrees(angles: Float[np.ndarray, " images"]) -> None:
    """Raises Problem for flip angles (degrees, NaN: not said) that no image was taken with."""
    known = angles[np.isfinite(angles)]
    wrong = known[(known <= 0) | (known > 180)]
    if wrong.size:
        raise Problem(
            f"A flip angle is {wrong[0]:g}°.",
            "T1 is read from how the signal changes with it.",
            "Use 0 to 180 degrees.",
        )
    if known.size and known.max() <= pi / 2:
        raise Problem(
            f"The largest flip angle is {known.max():g}, which looks like radians.",
            "T1 is read from how the signal changes with it.",
            "Use degrees, for example --flip-angles 2 5 15.",
        )


def _demand_seconds(times: Float[np.ndarray, " images"]) -> None:
    """Raises Problem for inversion times (s, NaN: not inverted) that no image was taken at."""
    known = times[np.isfinite(times)]
    if known.size and known.min() <= 0:
        raise Problem(
            f"An inversion time is {known.min():g} s.", "An image is taken after its inversion.", "Use seconds above 0."
        )
    if known.size and known.max() > LONGEST_INVERSION:
        raise Problem(
            f"An inversion time is {known.max():g}, which looks like milliseconds.",
            "T1 would be a thousand times too long.",
            f"Use seconds: {known.max() / 1000:g}.",
        )


def _overridden(
    paths: Sequence[Path], sides: Sequence[Sidecar], given: Sequence[float], keys: tuple[str, ...], what: str, unit: str
) -> tuple[Flag, ...]:
    """A flag where what was given by hand contradicts what the sidecars say."""
    differ = []
    for path, side, one in zip(paths, sides, given or (), strict=False):
        recorded = next((side.values[key] for key in keys if side.values.get(key) is not None), None)
        if isinstance(recorded, int | float) and not np.isclose(float(recorded), one, rtol=1e-3, equal_nan=True):
            differ.append(f"{one:g}{unit} for {path.name}, whose sidecar says {recorded:g}{unit}")
    if not differ:
        return ()
    sentence = f"The {what} was given by hand: {'; '.join(differ)}."
    return (Flag("overridden", Severity.CAUTION, sentence, "T1", source="reading"),)


def _from_dicom(
    paths: Sequence[Path], flip_angles: Sequence[float], inversion_times: Sequence[float], tr: float | None
) -> FlipImages:
    """The same from folders of DICOM, whose headers say all of it."""
    if not all(path.is_dir() for path in paths) or flip_angles or inversion_times:
        raise Problem(
            "Folders of DICOM were given together with files, or with angles or times by hand.",
            "The headers of DICOM say the flip angle of each image.",
            "Give folders alone, or convert them to NIfTI.",
        )
    found = [flip_stacks(path) for path in paths]
    stacks = [one for some, _ in found for one in some]
    flags = tuple(flag for _, some in found for flag in some)
    named = ", ".join(path.name for path in paths)
    if len(stacks) < 2:
        raise Problem(
            f"{named}: {len(stacks) or 'no'} volume of a spoiled gradient echo beside dynamic series."
            + "".join(f" {flag.sentence}" for flag in flags),
            "T1 is read from how the signal changes with the flip angle.",
            "Give the folders of several flip angles, or T1 before agent (for a DCE series --t1 MAP or --t1 1.4).",
        )
    if any(not one.grid.matches(stacks[0].grid) for one in stacks):
        raise Problem(
            f"{named}: the images lie on different grids.", "T1 is fitted voxel by voxel.", "Give images taken alike."
        )
    read = [pixels(one) for one in stacks]
    values = np.stack([(one[..., 0] * slope + shift).astype(np.float32) for one, slope, shift in read], axis=-1)

    def each(said: Sequence[float | None]) -> Float[np.ndarray, " images"]:
        return np.array([np.nan if one is None else one for one in said], float)

    first = [one.first for one in stacks]
    return FlipImages(
        values, stacks[0].grid, each([one.flip_angle for one in first]), each([one.inversion for one in first]),
        each([one.tr if tr is None else tr for one in first]), digest(paths[0], *stacks),
        bool((values == np.round(values)).all()), flags,
    )  # fmt: skip


def read_b1(path: Path) -> tuple[Float[np.ndarray, "x y z"], Grid]:
    """The true flip angle over the nominal one; maps in per cent are known by their size. Zero is: not measured."""
    values, grid = read_volume(path)
    inside = values[np.isfinite(values) & (values > 0)]
    if inside.size == 0:
        raise Problem(f"{path.name} is empty.", "It holds no flip angle.", "Give another map, or leave it out.")
    if float(np.median(inside)) > B1_PERCENT:
        values = values / np.float32(100.0)
    median = float(np.median(values[np.isfinite(values) & (values > 0)]))
    if not B1_RANGE[0] <= median <= B1_RANGE[1]:
        raise Problem(
            f"{path.name} has a median of {median:g} as true over nominal flip angle.",
            "Coils reach 0.6 to 1.4 of it; a map of the flip angle itself, or in another scale, looks so.",
            "Give the ratio, or per cent of the nominal angle.",
        )
    return np.where(values > 0, values, np.nan).astype(np.float32), grid
