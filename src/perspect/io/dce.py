"""The files of a DCE examination: the series, the images from which T1 is measured, the map of the flip angle."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import radians
from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Float

from perspect.io.bids import IMAGES, label, name_of, stem
from perspect.io.nifti import read_volume
from perspect.io.series import sha256
from perspect.io.sidecar import read_sidecar
from perspect.vocabulary import Grid, Problem

B1_PERCENT: Final = 10.0
"""A map of the relative flip angle whose median is beyond this is in per cent, as BIDS has it."""


@dataclass(frozen=True)
class FoundDce:
    """The series, and beside it the images at several flip angles and the map of B1, where there are any."""

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


def find_dce(path: Path) -> FoundDce:
    """Which files below `path` (a file, or a folder of one examination) belong to the DCE series."""
    if path.is_file():
        return FoundDce(path)
    if not path.is_dir():
        raise Problem(f"There is no file or folder {path}.", "Nothing can be read.", "Check the path.")
    images = sorted(one for one in path.rglob("*") if one.name.endswith(IMAGES) and not one.name.startswith("."))
    by_suffix = {
        suffix: [one for one in images if name_of(one).suffix == suffix] for suffix in ("dce", "VFA", "TB1map")
    }
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


def read_flip_images(
    paths: Sequence[Path],
    flip_angles: Sequence[float] = (),
    inversion_times: Sequence[float] = (),
    tr: float | None = None,
) -> FlipImages:
    """Images from which T1 is measured; what is given (degrees, s) stands before what the sidecars say.

    Raises Problem where the images are not on one grid.
    """
    if not paths:
        raise Problem("No image was given.", "T1 needs several.", "Give an image for each flip angle.")
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

    def stated(given: Sequence[float], key: str, factor: float, what: str) -> Float[np.ndarray, " images"]:
        if given and len(given) != len(paths):
            raise Problem(
                f"{len(paths)} images but {len(given)} {what} were given.",
                "Each image has its own.",
                "Give one for each.",
            )
        said = given or [side.values.get(key, np.nan) for side in sides]
        return factor * np.array([np.nan if one is None else float(one) for one in said])

    repetition = [
        side.values.get("RepetitionTimeExcitation", side.values.get("RepetitionTime", np.nan)) if tr is None else tr
        for side in sides
    ]
    values = np.stack([one for one, _ in volumes], axis=-1)
    return FlipImages(
        values, grid, stated(flip_angles, "FlipAngle", radians(1.0), "flip angles"),
        stated(inversion_times, "InversionTime", 1.0, "inversion times"), np.array(repetition, float),
        {label(path): sha256(path) for path in paths}, bool((values == np.round(values)).all()),
    )  # fmt: skip


def read_b1(path: Path) -> tuple[Float[np.ndarray, "x y z"], Grid]:
    """The true flip angle over the nominal one; maps in per cent are known by their size. Zero is: not measured."""
    values, grid = read_volume(path)
    inside = values[np.isfinite(values) & (values > 0)]
    if inside.size == 0:
        raise Problem(f"{path.name} is empty.", "It holds no flip angle.", "Give another map, or leave it out.")
    if float(np.median(inside)) > B1_PERCENT:
        values = values / np.float32(100.0)
    return np.where(values > 0, values, np.nan).astype(np.float32), grid
